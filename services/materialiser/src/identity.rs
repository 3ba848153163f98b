//! The one question put to identity: which person, under this purpose, is a record of the reader's own organisation.

use crate::answer::Subject;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use walbrook_domain::{HandlePseudonym, Organisation, Pseudonym, Purpose};
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::{HandleForRequest, ResolveForReadRequest};
use walbrook_proto::view::v1::LocalRecord;
use walbrook_runtime::callers::Credential;

/// A client of identity; connects when it is first asked.
#[derive(Debug, Clone)]
pub struct Identity {
    client: IdentityClient<InterceptedService<Channel, Credential>>,
}

impl Identity {
    /// At this address, showing this credential.
    pub fn new(endpoint: Endpoint, credential: Credential) -> Self {
        Self {
            client: IdentityClient::with_interceptor(endpoint.connect_lazy(), credential),
        }
    }

    /// Whom a record of `organisation` is about. Identity puts each look-up on record and limits their rate.
    ///
    /// # Errors
    /// What identity said when it did not answer.
    pub async fn resolve(
        &self,
        organisation: &Organisation,
        record: &LocalRecord,
        purpose: &Purpose,
    ) -> Result<Subject, Box<tonic::Status>> {
        let request = ResolveForReadRequest {
            record: Some(HandleForRequest {
                agency: record.agency.clone(),
                organisation: organisation.to_string(),
                id_scheme: record.id_scheme.clone(),
                local_id: record.local_id.clone(),
            }),
            purpose: purpose.to_string(),
            ..ResolveForReadRequest::default()
        };
        let found = match self.client.clone().resolve_for_read(request).await {
            Ok(found) => found.into_inner(),
            // An unknown record is an empty answer like any other.
            Err(status) if status.code() == tonic::Code::NotFound => return Ok(Subject::Unknown),
            Err(status) => return Err(Box::new(status)),
        };
        let person = found
            .person_pseudonym
            .and_then(|bytes| Pseudonym::try_from(bytes.as_slice()).ok());
        let handle = found
            .handle_pseudonym
            .and_then(|bytes| HandlePseudonym::try_from(bytes.as_slice()).ok());
        Ok(match (person, handle) {
            (Some(person), Some(handle)) => Subject::OwnRecord(person, handle),
            _ => Subject::Unknown,
        })
    }
}
