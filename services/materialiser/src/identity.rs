//! The one question put to identity: which person, under this purpose, is a record of the reader's own organisation.

use crate::answer::Subject;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use walbrook_domain::{HandlePseudonym, Pseudonym, Purpose};
use walbrook_proto::audit::v1::Dispute;
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::{DoubtLinkRequest, HandleForRequest, ResolveForReadRequest};
use walbrook_proto::view::v1::LocalRecord;
use walbrook_runtime::callers::Credential;
use walbrook_view::Viewer;

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

    /// Whom a record of the viewer's organisation is about. Identity puts each look-up on record first, limits their rate, and answers with
    /// pseudonyms that nobody has where it may not say.
    ///
    /// # Errors
    /// What identity said when it did not answer.
    pub async fn resolve(
        &self,
        viewer: &Viewer,
        record: &LocalRecord,
        purpose: &Purpose,
        read_id: &str,
    ) -> Result<Subject, Box<tonic::Status>> {
        let request = ResolveForReadRequest {
            record: Some(HandleForRequest {
                agency: record.agency.clone(),
                organisation: viewer.organisation.to_string(),
                id_scheme: record.id_scheme.clone(),
                local_id: record.local_id.clone(),
            }),
            purpose: purpose.to_string(),
            reader: viewer.reader.clone(),
            role: viewer.role.clone(),
            read_id: read_id.to_owned(),
        };
        let found = self.client.clone().resolve_for_read(request).await;
        let found = found.map_err(Box::new)?.into_inner();
        let person = found
            .person_pseudonym
            .and_then(|bytes| Pseudonym::try_from(bytes.as_slice()).ok());
        let handle = found
            .handle_pseudonym
            .and_then(|bytes| HandlePseudonym::try_from(bytes.as_slice()).ok());
        match (person, handle) {
            (Some(person), Some(handle)) => Ok(Subject::OwnRecord(person, handle)),
            // It always answers with both, whoever is asked about.
            _ => Err(Box::new(tonic::Status::internal(
                "identity answered without pseudonyms; check the versions of both",
            ))),
        }
    }

    /// Says that a record is disputed to be of its person; how that stands, in identity's word.
    ///
    /// # Errors
    /// What identity said when it did not answer.
    pub async fn doubt(&self, dispute: &Dispute) -> Result<String, Box<tonic::Status>> {
        let request = DoubtLinkRequest {
            purpose: dispute.purpose.clone(),
            organisation: dispute.source_organisation.clone(),
            handle_pseudonym: dispute.handle_pseudonym.clone(),
            person_pseudonym: dispute.person_pseudonym.clone(),
            disputed_by: dispute.organisation.clone(),
            dispute_id: dispute.dispute_id.clone(),
            disputed_at: dispute.disputed_at,
        };
        let answer = self.client.clone().doubt_link(request).await;
        Ok(answer.map_err(Box::new)?.into_inner().standing)
    }
}
