//! The broker's one question to identity: the handle of an organisation's own record.

use crate::error::ControlError;
use crate::grpc::Handles;
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use walbrook_domain::Handle;
use walbrook_proto::identity::v1::HandleForRequest;
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_runtime::callers::Credential;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A client of identity that connects when it is first used.
pub struct Identity {
    client: IdentityClient<InterceptedService<Channel, Credential>>,
}

impl Identity {
    /// A client of identity at this address.
    pub fn new(address: &http::Uri, credential: Credential) -> Self {
        let channel = Endpoint::from(address.clone())
            .timeout(ANSWER_WITHIN)
            .connect_timeout(ANSWER_WITHIN)
            .connect_lazy();
        Self {
            client: IdentityClient::with_interceptor(channel, credential),
        }
    }
}

#[tonic::async_trait]
impl Handles for Identity {
    async fn handle(&self, record: HandleForRequest) -> Result<Option<Handle>, ControlError> {
        let answer = self.client.clone().handle_for(record).await;
        match answer {
            Ok(answer) => answer
                .into_inner()
                .handle
                .map(|bytes| Handle::try_from(bytes.as_slice()))
                .transpose()
                .map_err(|_| ControlError::Identity),
            Err(refused) if refused.code() == tonic::Code::NotFound => Ok(None),
            Err(refused) if refused.code() == tonic::Code::InvalidArgument => Ok(None),
            Err(refused) => {
                tracing::warn!(code = ?refused.code(), problem = refused.message(), "identity did not answer");
                Err(ControlError::Identity)
            }
        }
    }
}
