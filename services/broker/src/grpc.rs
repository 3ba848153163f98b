//! The control plane's calls: who may make them, and which record each means.

mod agreements;
pub mod datasets;
mod generations;
mod grounds;
mod schedules;

pub(crate) use agreements::review_of;

use crate::control::core::{Draft, Receipt};
use crate::control::removals::Removals;
use crate::control::writer::Desk;
use crate::error::ControlError;
use crate::generations::keeper::Places;
use std::str::FromStr;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use walbrook_domain::control::{AgreementFact, ControlFact, ReaderRevocation};
use walbrook_domain::{Handle, Instant, Organisation, WordError};
use walbrook_policy::catalogue::Catalogue;
use walbrook_proto::control::v1 as proto;
use walbrook_proto::control::v1::control_server::Control;
use walbrook_proto::identity::v1::HandleForRequest;
use walbrook_runtime::callers::{Principal, principal, role};
use walbrook_runtime::status::{Violation, status};

/// Longest idempotency key.
const KEY_LIMIT: usize = 100;

/// Finds the handle of an organisation's own record.
#[tonic::async_trait]
pub trait Handles: Send + Sync {
    /// The handle; `None` when the organisation holds no such record.
    ///
    /// # Errors
    /// When identity does not answer.
    async fn handle(&self, record: HandleForRequest) -> Result<Option<Handle>, ControlError>;
}

/// The service.
pub struct Service {
    /// The writer's desk.
    pub desk: Desk,
    /// What may be named.
    pub catalogue: Arc<Catalogue>,
    /// Identity.
    pub handles: Arc<dyn Handles>,
    /// Where datasets of others come to stand.
    pub datasets: Arc<dyn datasets::Admission>,
    /// Where generations of purposes' topics stand.
    pub generations: Arc<Places>,
    /// What views removed.
    pub removals: Removals,
    /// What time it is.
    pub clock: fn() -> Instant,
}

/// The caller, in words of the domain.
struct Caller {
    principal: Arc<Principal>,
    organisation: Organisation,
}

impl Caller {
    fn of<T>(request: &Request<T>, roles: &[&str]) -> Result<Self, Status> {
        let principal = principal(request)?;
        principal.require_any_role(roles)?;
        let organisation = principal.organisation.parse().map_err(|_| {
            Status::permission_denied("the token's organisation is not of the form SCHEME:code")
        })?;
        Ok(Self {
            principal,
            organisation,
        })
    }

    fn is_operator(&self) -> bool {
        self.principal.has_role(role::OPERATOR)
    }

    fn name(&self) -> String {
        self.principal.subject.clone()
    }
}

impl Service {
    async fn submit(
        &self,
        fact: ControlFact,
        key: String,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        if key.len() > KEY_LIMIT {
            return Err(status(&invalid(
                "idempotency_key",
                "TOO_LONG",
                "at most 100 bytes",
            )));
        }
        let draft = Draft {
            fact,
            idempotency_key: key,
        };
        match self.desk.submit(draft).await {
            Ok(receipt) => Ok(Response::new(receipt_of(receipt))),
            Err(error) => Err(status(&error)),
        }
    }
}

#[tonic::async_trait]
impl Control for Service {
    async fn propose(
        &self,
        request: Request<proto::ProposeRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        let caller = Caller::of(&request, &[role::CONTROL, role::OPERATOR])?;
        let request = request.into_inner();
        let fact = self
            .proposal(&caller, &request)
            .map_err(|error| status(&error))?;
        let fact = ControlFact::Agreement(AgreementFact::Proposed(fact));
        self.submit(fact, request.idempotency_key).await
    }

    async fn sign(
        &self,
        request: Request<proto::SignRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        // Only the party signs for itself: an operator's token does not do.
        let caller = Caller::of(&request, &[role::CONTROL])?;
        let request = request.into_inner();
        let fact = self
            .signature(&caller, &request)
            .map_err(|error| status(&error))?;
        let fact = ControlFact::Agreement(AgreementFact::Signed(fact));
        self.submit(fact, request.idempotency_key).await
    }

    async fn set_standing(
        &self,
        request: Request<proto::SetStandingRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        let caller = Caller::of(&request, &[role::CONTROL, role::OPERATOR])?;
        let request = request.into_inner();
        let fact = agreements::standing(&caller, &request).map_err(|error| status(&error))?;
        let fact = ControlFact::Agreement(AgreementFact::Standing(fact));
        self.submit(fact, request.idempotency_key).await
    }

    async fn register_party_key(
        &self,
        request: Request<proto::RegisterPartyKeyRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        Caller::of(&request, &[role::OPERATOR])?;
        let request = request.into_inner();
        let fact = agreements::party_key(&request).map_err(|error| status(&error))?;
        let fact = ControlFact::Agreement(AgreementFact::PartyKey(fact));
        self.submit(fact, request.idempotency_key).await
    }

    async fn record_ground(
        &self,
        request: Request<proto::RecordGroundRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        let caller = Caller::of(&request, &[role::CONTROL])?;
        let request = request.into_inner();
        let key = request.idempotency_key.clone();
        let fact = self
            .ground(&caller, request)
            .await
            .map_err(|error| status(&error))?;
        self.submit(ControlFact::Ground(fact), key).await
    }

    async fn revoke_reader(
        &self,
        request: Request<proto::RevokeReaderRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        let caller = Caller::of(&request, &[role::CONTROL, role::OPERATOR])?;
        let request = request.into_inner();
        if !caller.is_operator() {
            caller
                .principal
                .require_organisation(Some(&request.organisation))?;
        }
        let organisation =
            word("organisation", &request.organisation).map_err(|error| status(&error))?;
        let fact = ReaderRevocation {
            organisation,
            reader: request.reader,
            revoked: request.revoked,
            by: caller.name(),
        };
        let fact = ControlFact::Agreement(AgreementFact::Reader(fact));
        self.submit(fact, request.idempotency_key).await
    }

    async fn list_agreements(
        &self,
        request: Request<proto::ListAgreementsRequest>,
    ) -> Result<Response<proto::ListAgreementsResponse>, Status> {
        Caller::of(&request, &[role::CONTROL, role::OPERATOR, role::AUDITOR])?;
        let today = (self.clock)().london_day();
        let summarise = |state: &walbrook_policy::state::PolicyState| {
            let book = state.book();
            book.agreements()
                .filter_map(|(_, history)| agreements::summary(book, history, today))
                .collect()
        };
        let agreements = self.desk.read(summarise).map_err(|error| status(&error))?;
        Ok(Response::new(proto::ListAgreementsResponse { agreements }))
    }

    async fn get_agreement(
        &self,
        request: Request<proto::GetAgreementRequest>,
    ) -> Result<Response<proto::AgreementDocument>, Status> {
        Caller::of(&request, &[role::CONTROL, role::OPERATOR, role::AUDITOR])?;
        let document = self
            .document(&request.into_inner())
            .map_err(|error| status(&error))?;
        Ok(Response::new(document))
    }

    async fn publish_schedule(
        &self,
        request: Request<proto::PublishScheduleRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        let caller = Caller::of(&request, &[role::CONTROL, role::OPERATOR])?;
        let request = request.into_inner();
        if !caller.is_operator() {
            // An organisation publishes for itself and for nobody else.
            caller
                .principal
                .require_organisation(Some(&request.organisation))?;
        }
        let key = request.idempotency_key.clone();
        let fact = self
            .schedule(&caller, request)
            .map_err(|error| status(&error))?;
        let fact = ControlFact::Agreement(AgreementFact::Schedule(fact));
        self.submit(fact, key).await
    }

    async fn list_schedules(
        &self,
        request: Request<proto::ListSchedulesRequest>,
    ) -> Result<Response<proto::ListSchedulesResponse>, Status> {
        Caller::of(&request, &[role::CONTROL, role::OPERATOR, role::AUDITOR])?;
        let listed = self
            .schedules(&request.into_inner())
            .map_err(|error| status(&error))?;
        Ok(Response::new(listed))
    }

    async fn register_dataset(
        &self,
        request: Request<proto::RegisterDatasetRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        self.dataset(request).await
    }

    async fn list_datasets(
        &self,
        request: Request<proto::ListDatasetsRequest>,
    ) -> Result<Response<proto::ListDatasetsResponse>, Status> {
        Caller::of(
            &request,
            &[role::CONTROL, role::OPERATOR, role::AUDITOR, role::PRODUCER],
        )?;
        let listed = self.registered().map_err(|error| status(&error))?;
        Ok(Response::new(listed))
    }

    async fn begin_generation(
        &self,
        request: Request<proto::BeginGenerationRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        self.next_generation(request).await
    }

    async fn list_generations(
        &self,
        request: Request<proto::ListGenerationsRequest>,
    ) -> Result<Response<proto::ListGenerationsResponse>, Status> {
        self.all_generations(request).await
    }

    async fn get_receipt(
        &self,
        request: Request<proto::GetReceiptRequest>,
    ) -> Result<Response<proto::ReceiptStatus>, Status> {
        Caller::of(&request, &[role::CONTROL, role::OPERATOR, role::AUDITOR])?;
        let offset = request.into_inner().offset;
        let status_of = self.receipt(offset).map_err(|error| status(&error))?;
        Ok(Response::new(status_of))
    }
}

fn receipt_of(receipt: Receipt) -> proto::ControlReceipt {
    proto::ControlReceipt {
        offset: receipt.offset,
        version: receipt.version,
        id: receipt.id,
        recorded_at: Some(timestamp(receipt.recorded_at)),
        repeated_call: receipt.repeated,
    }
}

fn timestamp(at: Instant) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.0.div_euclid(1_000_000),
        nanos: i32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    }
}

fn invalid(field: &str, rule_id: &str, description: &str) -> ControlError {
    ControlError::Invalid(vec![Violation {
        field: field.to_owned(),
        rule_id: rule_id.to_owned(),
        description: description.to_owned(),
    }])
}

fn word<T: FromStr<Err = WordError>>(field: &str, text: &str) -> Result<T, ControlError> {
    text.parse()
        .map_err(|error: WordError| invalid(field, "WORD", &error.problem))
}

fn optional<T: FromStr<Err = WordError>>(
    field: &str,
    text: Option<&str>,
) -> Result<Option<T>, ControlError> {
    text.map(|text| word(field, text)).transpose()
}

fn fixed<const N: usize>(field: &str, bytes: &[u8]) -> Result<[u8; N], ControlError> {
    bytes
        .try_into()
        .map_err(|_| invalid(field, "LENGTH", &format!("expected {N} bytes")))
}
