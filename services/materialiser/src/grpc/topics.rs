//! The topics that rows are delivered to.

use super::Service;
use crate::error::ReadError;
use walbrook_proto::view::v1 as proto;
use walbrook_runtime::callers::Principal;

impl Service {
    pub(super) async fn topics(
        &self,
        _principal: &Principal,
    ) -> Result<proto::ListTopicsResponse, ReadError> {
        Ok(proto::ListTopicsResponse::default())
    }
}
