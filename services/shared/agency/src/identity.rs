//! The identity service over gRPC.

use std::time::Duration;

use futures::future::BoxFuture;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use walbrook_domain::Handle;
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::{AcceptedRequest, LinkItem, LinkOutcome, LinkRequest};
use walbrook_runtime::callers::Credential;
use walbrook_runtime::server::MAX_MESSAGE_BYTES;

use crate::link::{Identity, IdentityError};

/// How long identity may take: its answer includes a transaction on the log.
const WAIT: Duration = Duration::from_secs(10);
const CONNECT_WAIT: Duration = Duration::from_secs(3);
const KEEPALIVE: Duration = Duration::from_secs(20);

/// A client of the identity service. It connects when first asked and again after a loss.
#[derive(Debug, Clone)]
pub struct GrpcIdentity {
    agency: &'static str,
    address: String,
    client: IdentityClient<InterceptedService<Channel, Credential>>,
}

impl GrpcIdentity {
    /// A client of the service at this address for an agency, showing this credential.
    #[must_use]
    pub fn new(agency: &'static str, address: &http::Uri, credential: Credential) -> Self {
        let channel = Endpoint::from(address.clone())
            .connect_timeout(CONNECT_WAIT)
            .timeout(WAIT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE)
            .connect_lazy();
        let client = IdentityClient::with_interceptor(channel, credential)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Self {
            agency,
            address: address.to_string(),
            client,
        }
    }

    fn failed(&self, status: &tonic::Status) -> IdentityError {
        let (address, message) = (self.address.clone(), status.message().to_owned());
        match status.code() {
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Aborted
            | Code::ResourceExhausted
            | Code::Unknown => IdentityError::Unavailable { address, message },
            _ => IdentityError::Refused { address, message },
        }
    }
}

impl Identity for GrpcIdentity {
    fn link(&self, items: Vec<LinkItem>) -> BoxFuture<'_, Result<Vec<LinkOutcome>, IdentityError>> {
        Box::pin(async move {
            let mut client = self.client.clone();
            let answer = client.link(LinkRequest { items }).await;
            answer
                .map(|answer| answer.into_inner().outcomes)
                .map_err(|status| self.failed(&status))
        })
    }

    fn accepted(&self, handles: Vec<Handle>) -> BoxFuture<'_, Result<(), IdentityError>> {
        Box::pin(async move {
            let mut client = self.client.clone();
            let handles = handles.iter().map(|handle| handle.as_bytes().to_vec());
            let request = AcceptedRequest {
                agency: self.agency.to_owned(),
                handles: handles.collect(),
            };
            let answer = client.accepted(request).await;
            answer.map(drop).map_err(|status| self.failed(&status))
        })
    }
}
