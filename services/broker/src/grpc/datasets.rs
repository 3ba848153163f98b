//! The calls about open datasets whose schemas others made.

use super::{Caller, Service};
use tonic::{Request, Response, Status};
use walbrook_proto::control::v1 as proto;
use walbrook_runtime::callers::role;

impl Service {
    pub(super) async fn dataset(
        &self,
        request: Request<proto::RegisterDatasetRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        Caller::of(&request, &[role::OPERATOR])?;
        Err(Status::unimplemented("datasets"))
    }

    pub(super) fn datasets(&self) -> Result<proto::ListDatasetsResponse, Status> {
        Ok(proto::ListDatasetsResponse::default())
    }
}
