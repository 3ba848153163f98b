//! The control plane's calls: who may make them, and which record each means.

use crate::control::core::{Draft, Receipt};
use crate::control::removals::Removals;
use crate::control::writer::Desk;
use crate::error::ControlError;
use std::str::FromStr;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use walbrook_domain::control::{
    AgreementFact, AgreementProposed, AgreementSigned, ControlFact, GroundFact, GroundKind,
    PartyKey, ReaderRevocation, Standing, StandingChange,
};
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, Handle, Instant, Organisation, Purpose, WordError,
};
use walbrook_policy::agreement::{Agreement, sha256};
use walbrook_policy::catalogue::Catalogue;
use walbrook_policy::state::{AgreementBook, History, STANDING_REASONS, ground_id};
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

    fn proposal(
        &self,
        caller: &Caller,
        request: &proto::ProposeRequest,
    ) -> Result<AgreementProposed, ControlError> {
        let agreement = Agreement::propose(&request.document, &self.catalogue)
            .map_err(ControlError::Document)?;
        if !caller.is_operator() && agreement.party(&caller.organisation).is_none() {
            return Err(ControlError::Denied(
                "only a party to the agreement, or an operator, may propose it",
            ));
        }
        let current = self.desk.read(|state| {
            let history = state.book().agreement(&agreement.id);
            history.map_or(0, |history| history.latest_version().0)
        })?;
        let text = agreement.canonical_text();
        let fact = AgreementProposed {
            agreement: agreement.id.clone(),
            version: agreement.version,
            text_sha256: sha256(&text),
            text,
            by_organisation: caller.organisation.clone(),
            by: caller.name(),
        };
        // A repeated call finds its own version there already: the writer knows it by its key.
        if current != request.expected_version && request.idempotency_key.is_empty() {
            return Err(ControlError::Stale {
                expected: request.expected_version,
                current,
            });
        }
        if agreement.version.0 != request.expected_version + 1 {
            let reason = format!(
                "must be {}, one more than expected_version",
                request.expected_version + 1
            );
            return Err(invalid("document", "VERSION", &reason));
        }
        Ok(fact)
    }

    fn signature(
        &self,
        caller: &Caller,
        request: &proto::SignRequest,
    ) -> Result<AgreementSigned, ControlError> {
        let agreement: AgreementId = word("agreement_id", &request.agreement_id)?;
        let version = AgreementVersion(request.version);
        let text_sha256 = self
            .desk
            .read(|state| {
                state
                    .book()
                    .edition(&agreement, version)
                    .map(|edition| edition.sha256)
            })?
            .ok_or(ControlError::NotFound {
                what: "version of this agreement",
            })?;
        Ok(AgreementSigned {
            agreement,
            version,
            party: caller.organisation.clone(),
            key_id: request.key_id.clone(),
            signature: fixed("signature", &request.signature)?,
            text_sha256,
        })
    }

    fn check_names(
        &self,
        purpose: Option<&Purpose>,
        agreement: Option<&AgreementId>,
    ) -> Result<(), ControlError> {
        if let Some(purpose) = purpose
            && !self.catalogue.views().any(|(_, known)| known == purpose)
        {
            return Err(ControlError::NotFound { what: "purpose" });
        }
        let Some(agreement) = agreement else {
            return Ok(());
        };
        match self
            .desk
            .read(|state| state.book().agreement(agreement).is_some())?
        {
            true => Ok(()),
            false => Err(ControlError::NotFound { what: "agreement" }),
        }
    }

    async fn ground(
        &self,
        caller: &Caller,
        request: proto::RecordGroundRequest,
    ) -> Result<GroundFact, ControlError> {
        let kind: GroundKind = word("kind", &request.kind)?;
        let state = word("state", &request.state)?;
        let purpose = optional("purpose", request.purpose.as_deref())?;
        let agreement = optional("agreement_id", request.agreement_id.as_deref())?;
        let event: Option<EventId> = optional("event_id", request.event_id.as_deref())?;
        self.check_names(purpose.as_ref(), agreement.as_ref())?;
        let stated_at = match request.stated_at {
            None => (self.clock)(),
            Some(at) => Instant::from_seconds_nanos(at.seconds, at.nanos)
                .ok_or_else(|| invalid("stated_at", "INSTANT", "no such instant"))?,
        };
        let record = HandleForRequest {
            agency: request.agency,
            organisation: caller.organisation.to_string(),
            id_scheme: request.id_scheme,
            local_id: request.local_id,
        };
        let handle = self
            .handles
            .handle(record)
            .await?
            .ok_or(ControlError::NotFound {
                what: "record of your organisation",
            })?;
        Ok(GroundFact {
            ground_id: ground_id(
                &handle,
                kind,
                purpose.as_ref(),
                agreement.as_ref(),
                event.as_ref(),
            ),
            version: request.expected_version + 1,
            handle,
            kind,
            state,
            purpose,
            agreement,
            event,
            not_after: request.not_after_day.map(Day),
            stated_at,
            by_organisation: caller.organisation.clone(),
            by: caller.name(),
        })
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
        let fact = standing(&caller, &request).map_err(|error| status(&error))?;
        let fact = ControlFact::Agreement(AgreementFact::Standing(fact));
        self.submit(fact, request.idempotency_key).await
    }

    async fn register_party_key(
        &self,
        request: Request<proto::RegisterPartyKeyRequest>,
    ) -> Result<Response<proto::ControlReceipt>, Status> {
        Caller::of(&request, &[role::OPERATOR])?;
        let request = request.into_inner();
        let fact = party_key(&request).map_err(|error| status(&error))?;
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
                .filter_map(|(_, history)| summary(book, history, today))
                .collect()
        };
        let agreements = self.desk.read(summarise).map_err(|error| status(&error))?;
        Ok(Response::new(proto::ListAgreementsResponse { agreements }))
    }

    async fn get_receipt(
        &self,
        request: Request<proto::GetReceiptRequest>,
    ) -> Result<Response<proto::ReceiptStatus>, Status> {
        Caller::of(&request, &[role::CONTROL, role::OPERATOR, role::AUDITOR])?;
        let offset = request.into_inner().offset;
        let on_record = self
            .desk
            .read(|state| state.next_offset())
            .map_err(|error| status(&error))?;
        if offset < 0 || offset >= on_record {
            return Err(status(&ControlError::NotFound {
                what: "control record",
            }));
        }
        let known: std::collections::BTreeMap<_, _> =
            self.removals.of(offset).into_iter().collect();
        let views = self.catalogue.views().map(|(name, _)| {
            let report = known.get(name).cloned().unwrap_or_default();
            proto::ViewRemoval {
                view: name.to_owned(),
                complete: report.complete_at.is_some(),
                contributions: report.contributions,
                rows: report.rows,
                at: report.complete_at.map(timestamp),
            }
        });
        let views = views.collect();
        Ok(Response::new(proto::ReceiptStatus { offset, views }))
    }
}

fn standing(
    caller: &Caller,
    request: &proto::SetStandingRequest,
) -> Result<StandingChange, ControlError> {
    let party: Option<Organisation> = optional("party", request.party.as_deref())?;
    if !caller.is_operator() && party.as_ref() != Some(&caller.organisation) {
        return Err(ControlError::Denied(
            "a party changes its own standing; all parties' is an operator's",
        ));
    }
    let standing: Standing = word("standing", &request.standing)?;
    if !STANDING_REASONS.contains(&request.reason.as_str()) {
        return Err(invalid(
            "reason",
            "NOT_IN_LIST",
            &format!("one of {}", STANDING_REASONS.join(", ")),
        ));
    }
    Ok(StandingChange {
        agreement: word("agreement_id", &request.agreement_id)?,
        version: AgreementVersion(request.version),
        party,
        standing,
        reason: request.reason.clone(),
        by_organisation: caller.organisation.clone(),
        by: caller.name(),
    })
}

fn party_key(request: &proto::RegisterPartyKeyRequest) -> Result<PartyKey, ControlError> {
    Ok(PartyKey {
        organisation: word("organisation", &request.organisation)?,
        key_id: request.key_id.clone(),
        public_key: fixed("public_key", &request.public_key)?,
        active: request.active,
    })
}

fn summary(book: &AgreementBook, history: &History, today: Day) -> Option<proto::AgreementSummary> {
    let edition = history.latest()?;
    let agreement = &edition.agreement;
    let mut named: Vec<Organisation> = history.signatories().cloned().collect();
    for party in &agreement.parties {
        if let walbrook_policy::class::Who::Organisation(one) = &party.who
            && !named.contains(one)
        {
            named.push(one.clone());
        }
    }
    named.sort();
    let parties = named
        .iter()
        .map(|organisation| {
            let state = book.party_state(history, organisation, today);
            proto::PartySummary {
                organisation: organisation.to_string(),
                signed: state.signed.is_some(),
                standing: state.word.to_owned(),
            }
        })
        .collect();
    Some(proto::AgreementSummary {
        agreement_id: agreement.id.to_string(),
        version: agreement.version.0,
        title: agreement.title.clone(),
        purpose: agreement.purpose.to_string(),
        text_sha256_hex: hex::encode(edition.sha256),
        parties,
        text: edition.text.clone(),
    })
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
