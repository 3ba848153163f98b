//! The calls about agreements: which record each means, and how agreements are shown.

use super::{Caller, Service, fixed, invalid, optional, timestamp, word};
use crate::error::ControlError;
use walbrook_domain::control::{
    AgreementProposed, AgreementSigned, PartyKey, Standing, StandingChange,
};
use walbrook_domain::{AgreementId, AgreementVersion, Day, Organisation};
use walbrook_policy::PolicyState;
use walbrook_policy::agreement::{Agreement, Kind, Period, sha256};
use walbrook_policy::class::Who;
use walbrook_policy::read::other_role;
use walbrook_policy::state::{AgreementBook, History, PastAct, STANDING_REASONS};
use walbrook_proto::control::v1 as proto;

/// How many days before its review day an agreement's review is said to be due.
const REVIEW_NOTICE_DAYS: i32 = 30;

impl Service {
    /// A version's text with what happened to the agreement.
    pub(super) fn document(
        &self,
        request: &proto::GetAgreementRequest,
    ) -> Result<proto::AgreementDocument, ControlError> {
        let agreement: AgreementId = word("agreement_id", &request.agreement_id)?;
        let found = self.desk.read(|state| {
            let history = state.book().agreement(&agreement)?;
            let edition = match request.version {
                0 => history.latest()?,
                version => history.edition(AgreementVersion(version))?,
            };
            Some(proto::AgreementDocument {
                agreement_id: agreement.to_string(),
                version: edition.version().0,
                text: edition.text.clone(),
                text_sha256_hex: hex::encode(edition.sha256),
                acts: history.acts().into_iter().map(act).collect(),
            })
        })?;
        found.ok_or(ControlError::NotFound {
            what: "version of this agreement",
        })
    }

    pub(super) fn proposal(
        &self,
        caller: &Caller,
        request: &proto::ProposeRequest,
    ) -> Result<AgreementProposed, ControlError> {
        let today = crate::now().london_day();
        let agreement = Agreement::propose_on(&request.document, &self.catalogue, today)
            .map_err(ControlError::Document)?;
        if let Kind::Open { dataset } = &agreement.kind
            && !self.catalogue.has_dataset(dataset)
            && !self.has_dataset(dataset)?
        {
            let unknown = "no schema is registered for the dataset (`walbrook dataset register`)";
            return Err(invalid("document", "DATASET_UNKNOWN", unknown));
        }
        if !caller.is_operator() && agreement.party(&caller.organisation).is_none() {
            return Err(ControlError::Denied(
                "only a party to the agreement, or an operator, may propose it",
            ));
        }
        let current = self.desk.read(|state| {
            let history = state.book().agreement(&agreement.id);
            history.map_or(0, |history| history.latest_version().0)
        })?;
        let other = |state: &PolicyState| other_role(state.book(), &agreement, today);
        if let Some(other) = self.desk.read(other)? {
            let reason = format!(
                "has {} delivered to a topic in the role {}, and {} has it delivered to some of the same organisations in the role {}: an organisation \
                 has one topic of a view; name that role, or leave delivery out",
                other.view, other.role, other.agreement, other.other
            );
            return Err(invalid("document", "DELIVERED_IN_ANOTHER_ROLE", &reason));
        }
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

    pub(super) fn signature(
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
}

pub(super) fn standing(
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

pub(super) fn party_key(
    request: &proto::RegisterPartyKeyRequest,
) -> Result<PartyKey, ControlError> {
    Ok(PartyKey {
        organisation: word("organisation", &request.organisation)?,
        key_id: request.key_id.clone(),
        public_key: fixed("public_key", &request.public_key)?,
        active: request.active,
    })
}

pub(super) fn summary(
    book: &AgreementBook,
    history: &History,
    today: Day,
) -> Option<proto::AgreementSummary> {
    let edition = history.latest()?;
    let agreement = &edition.agreement;
    let mut named: Vec<Organisation> = history.signatories().cloned().collect();
    for party in &agreement.parties {
        if let Who::Organisation(one) = &party.who
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
                signed_version: state.signed.map_or(0, |version| version.0),
                version_in_force: state.in_force.map_or(0, |version| version.0),
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
        effective_day: agreement.period.effective.0,
        review_day: agreement.period.review.0,
        expiry_day: agreement.period.expiry.0,
        review: review_of(&agreement.period, today).to_owned(),
    })
}

/// Whether an agreement's review is due, or the agreement has lapsed, in a word.
pub(crate) fn review_of(period: &Period, today: Day) -> &'static str {
    if today > period.expiry {
        "EXPIRED"
    } else if today >= period.review.plus(-REVIEW_NOTICE_DAYS) {
        "DUE"
    } else {
        "NOT_DUE"
    }
}

fn act(past: PastAct) -> proto::AgreementAct {
    proto::AgreementAct {
        at: Some(timestamp(past.at)),
        act: past.word.to_owned(),
        version: past.version.0,
        party: past.party.map(|party| party.to_string()),
    }
}
