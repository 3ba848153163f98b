//! What a person said, or what is to hold about them: from the call to the record, and what has become of it since.

use super::{Caller, Service, invalid, optional, timestamp, word};
use crate::error::ControlError;
use walbrook_domain::control::{GroundFact, GroundKind, GroundState};
use walbrook_domain::{AgreementId, Day, EventId, Handle, Instant, Organisation, Purpose};
use walbrook_policy::agreement::Flow;
use walbrook_policy::state::ground_id;
use walbrook_proto::control::v1 as proto;
use walbrook_proto::identity::v1::HandleForRequest;
use walbrook_runtime::status::Violation;

/// How far a caller's clock may run ahead of this one, µs.
const CLOCKS_DIFFER_MICROS: i64 = 60_000_000;

/// A request in words of the domain.
struct Asked {
    kind: GroundKind,
    state: GroundState,
    purpose: Option<Purpose>,
    agreement: Option<AgreementId>,
    event: Option<EventId>,
    not_after: Option<Day>,
    chosen_authority: Option<Organisation>,
    stated_at: Option<Instant>,
}

impl Asked {
    fn read(request: &proto::RecordGroundRequest) -> Result<Self, ControlError> {
        let stated_at = match request.stated_at {
            None => None,
            Some(at) => Some(
                Instant::from_seconds_nanos(at.seconds, at.nanos)
                    .ok_or_else(|| invalid("stated_at", "INSTANT", "no such instant"))?,
            ),
        };
        Ok(Self {
            kind: word("kind", &request.kind)?,
            state: word("state", &request.state)?,
            purpose: optional("purpose", request.purpose.as_deref())?,
            agreement: optional("agreement_id", request.agreement_id.as_deref())?,
            event: optional("event_id", request.event_id.as_deref())?,
            not_after: request.not_after_day.map(Day),
            chosen_authority: optional("chosen_authority", request.chosen_authority.as_deref())?,
            stated_at,
        })
    }

    fn is_consent_given(&self) -> bool {
        (self.kind, self.state) == (GroundKind::Consent, GroundState::Given)
    }

    /// What is wrong with it by itself, all at once.
    fn violations(&self, now: Instant, rests_on_choice: bool) -> Vec<Violation> {
        let today = now.london_day();
        let stated_on = self.stated_at.map_or(today, Instant::london_day);
        let chooses = self.chosen_authority.is_some();
        let given = self.is_consent_given();
        let faults = [
            (
                self.stated_at
                    .is_some_and(|at| at.0 > now.0.saturating_add(CLOCKS_DIFFER_MICROS)),
                "stated_at",
                "IN_FUTURE",
                "nobody has said so yet: give the time at which the person said it",
            ),
            (
                self.not_after
                    .is_some_and(|day| day < today || day < stated_on),
                "not_after_day",
                "IN_PAST",
                "the consent would have ended already: give a day from today on",
            ),
            (
                self.not_after.is_some() && !given,
                "not_after_day",
                "NOT_A_CONSENT",
                "only a consent given has a last day",
            ),
            (
                chooses && !given,
                "chosen_authority",
                "NOT_A_CONSENT",
                "only a consent given names an authority",
            ),
            (
                self.chosen_authority
                    .as_ref()
                    .is_some_and(|one| !one.is_london_authority()),
                "chosen_authority",
                "NOT_A_HOUSING_AUTHORITY",
                "name one of the 33 London authorities, for example GSS:E09000007",
            ),
            (
                given && rests_on_choice && !chooses,
                "chosen_authority",
                "CHOSEN_AUTHORITY_MISSING",
                "the agreement rests on the duty to refer (Housing Act 1996 s213B): name the one housing authority that the person chose",
            ),
            (
                given && (rests_on_choice || chooses) && self.stated_at.is_none(),
                "stated_at",
                "STATED_AT_MISSING",
                "the duty to refer needs the time at which the person agreed",
            ),
            (
                (self.kind == GroundKind::Recall) != self.event.is_some(),
                "event_id",
                "RECALL_NAMES_AN_EVENT",
                "a recall names the event, and nothing else does",
            ),
        ];
        let faults = faults.into_iter().filter(|(wrong, ..)| *wrong);
        faults
            .map(|(_, field, rule_id, description)| Violation {
                field: field.to_owned(),
                rule_id: rule_id.to_owned(),
                description: description.to_owned(),
            })
            .collect()
    }
}

impl Service {
    /// The record that a call means. Identity is asked last: what is wrong with the request is said without telling who is known.
    pub(super) async fn ground(
        &self,
        caller: &Caller,
        request: proto::RecordGroundRequest,
    ) -> Result<GroundFact, ControlError> {
        let asked = Asked::read(&request)?;
        self.check_purpose(asked.purpose.as_ref())?;
        let referral = self.referral(asked.agreement.as_ref(), &caller.organisation)?;
        let now = (self.clock)();
        let violations = asked.violations(now, referral != Referral::None);
        if !violations.is_empty() {
            return Err(ControlError::Invalid(violations));
        }
        if asked.is_consent_given() && referral == Referral::ByOthers {
            return Err(ControlError::Denied(
                "only a body that refers under this agreement (Housing Act 1996 s213B) records the consent to it",
            ));
        }
        let version = request.expected_version.checked_add(1).ok_or_else(|| {
            invalid(
                "expected_version",
                "TOO_LARGE",
                "no ground has that many versions",
            )
        })?;
        let handle = self.own_record(caller, request).await?;
        Ok(GroundFact {
            ground_id: ground_id(
                &handle,
                asked.kind,
                asked.purpose.as_ref(),
                asked.agreement.as_ref(),
                asked.event.as_ref(),
            ),
            version,
            handle,
            kind: asked.kind,
            state: asked.state,
            purpose: asked.purpose,
            agreement: asked.agreement,
            event: asked.event,
            not_after: asked.not_after,
            chosen_authority: asked.chosen_authority,
            stated_at: asked.stated_at.unwrap_or(now),
            by_organisation: caller.organisation.clone(),
            by: caller.name(),
        })
    }

    /// The handle of the caller's own record. Another organisation's record and nobody's look alike.
    async fn own_record(
        &self,
        caller: &Caller,
        request: proto::RecordGroundRequest,
    ) -> Result<Handle, ControlError> {
        let record = HandleForRequest {
            agency: request.agency,
            organisation: caller.organisation.to_string(),
            id_scheme: request.id_scheme,
            local_id: request.local_id,
        };
        let found = self.handles.handle(record).await?;
        found.ok_or(ControlError::NotFound {
            what: "record of your organisation",
        })
    }

    fn check_purpose(&self, purpose: Option<&Purpose>) -> Result<(), ControlError> {
        match purpose {
            Some(purpose) if !self.catalogue.views().any(|(_, known)| known == purpose) => {
                Err(ControlError::NotFound { what: "purpose" })
            }
            _ => Ok(()),
        }
    }

    /// Whether an agreement rests on the duty to refer, and whether the organisation is a body that refers under it.
    fn referral(
        &self,
        agreement: Option<&AgreementId>,
        organisation: &Organisation,
    ) -> Result<Referral, ControlError> {
        let Some(agreement) = agreement else {
            return Ok(Referral::None);
        };
        let found = self.desk.read(|state| {
            let latest = state.book().agreement(agreement)?.latest()?;
            let flows = &latest.agreement.flows;
            let of_caller = |flow: &&Flow| flow.source.includes(organisation);
            let mut referrals = flows.iter().filter(|flow| flow.rests_on_choice());
            Some(match referrals.clone().next() {
                None => Referral::None,
                Some(_) if referrals.any(|flow| of_caller(&flow)) => Referral::ByCaller,
                Some(_) => Referral::ByOthers,
            })
        })?;
        found.ok_or(ControlError::NotFound { what: "agreement" })
    }

    /// What has become of a cause in each view.
    pub(super) fn receipt(&self, offset: i64) -> Result<proto::ReceiptStatus, ControlError> {
        let on_record = self.desk.read(|state| state.next_offset())?;
        if offset < 0 || offset >= on_record {
            return Err(ControlError::NotFound {
                what: "control record",
            });
        }
        let mut known = self.removals.of(offset);
        let reports: Vec<_> = self
            .catalogue
            .views()
            .map(|(name, _)| {
                let at = known.iter().position(|(view, _)| view == name);
                let report = at.map(|at| known.swap_remove(at).1).unwrap_or_default();
                (name.to_owned(), report)
            })
            .collect();
        let complete = reports
            .iter()
            .all(|(_, report)| report.complete_at.is_some());
        let last = reports
            .iter()
            .filter_map(|(_, report)| report.complete_at)
            .max();
        Ok(proto::ReceiptStatus {
            offset,
            complete,
            complete_at: last.filter(|_| complete).map(timestamp),
            views: reports
                .into_iter()
                .map(|(view, report)| proto::ViewRemoval {
                    view,
                    complete: report.complete_at.is_some(),
                    contributions: report.contributions,
                    rows: report.rows,
                    at: report.complete_at.map(timestamp),
                })
                .collect(),
        })
    }
}

/// How an agreement stands to the duty to refer, seen from one organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Referral {
    /// It does not rest on it.
    None,
    /// The organisation refers under it.
    ByCaller,
    /// Others do.
    ByOthers,
}
