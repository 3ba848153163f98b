//! Break-glass as a second person of the reader's organisation sees it: what waits, and what they say of it.

use super::Service;
use super::form::Faults;
use crate::clock::{self, timestamp};
use crate::error::ReadError;
use uuid::Uuid;
use walbrook_domain::{Instant, Organisation};
use walbrook_proto::audit::v1::BreakGlassReview;
use walbrook_proto::view::v1 as proto;
use walbrook_runtime::callers::{Principal, role};
use walbrook_view::glass::{Glass, VERDICTS, is_verdict};

/// Break-glasses of one answer at most.
const MOST_LISTED: usize = 500;

impl Service {
    pub(super) async fn glasses(
        &self,
        principal: &Principal,
        request: proto::ListBreakGlassRequest,
    ) -> Result<proto::ListBreakGlassResponse, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        let served = faults.end(served)?;
        let organisation = organisation(principal)?;
        self.reads.ledger().caught_up().await?;
        let now = clock::now();
        Ok(self.reads.ledger().glasses(|glasses| {
            let all = glasses.of(&served.view.name, &organisation);
            let waits = |glass: &&&Glass| glass.verdict.is_none();
            let overdue = |glass: &&&Glass| glass.verdict.is_none() && glass.review_due_at() < now;
            proto::ListBreakGlassResponse {
                waiting: number(all.iter().filter(waits).count()),
                overdue: number(all.iter().filter(overdue).count()),
                reads: all
                    .iter()
                    .filter(|glass| !request.waiting_only || glass.verdict.is_none())
                    .take(MOST_LISTED)
                    .map(|glass| item(glass))
                    .collect(),
            }
        }))
    }

    pub(super) async fn review(
        &self,
        principal: &Principal,
        request: proto::ReviewBreakGlassRequest,
    ) -> Result<proto::ReviewBreakGlassResponse, ReadError> {
        let mut faults = Faults::default();
        let served = self.view(&request.view, &mut faults);
        let read_id = Uuid::parse_str(&request.read_id).ok();
        if read_id.is_none() {
            faults.add("read_id", "READ_ID", "take it from the list of what waits");
        }
        if !is_verdict(&request.outcome, &request.reason) {
            let known: Vec<String> = VERDICTS
                .iter()
                .map(|(outcome, reason)| format!("{outcome} {reason}"))
                .collect();
            faults.add(
                "reason",
                "WORD_UNKNOWN",
                &format!("outcome and reason as one of {}", known.join(", ")),
            );
        }
        let (served, read_id) = faults.end(served.zip(read_id))?;
        let (organisation, read_id) = (organisation(principal)?, read_id.to_string());
        // One after another in this process: the first review counts.
        let _turn = self.turn.lock().await;
        let ledger = self.reads.ledger();
        ledger.caught_up().await?;
        let view = &served.view;
        ledger.glasses(|glasses| {
            let of = (view.name.as_str(), organisation.as_str());
            glasses
                .reviewable(of, &principal.subject, &read_id)
                .map(|_| ())
        })?;
        let now = clock::now();
        let review = BreakGlassReview {
            review_id: Uuid::new_v4().to_string(),
            read_id,
            reviewer: principal.subject.clone(),
            organisation,
            role: role::SUPERVISOR.to_owned(),
            purpose: view.purpose.to_string(),
            view: view.name.clone(),
            outcome: request.outcome,
            reason: request.reason,
            reviewed_at: Some(timestamp(now)),
        };
        let offset = self.reads.audit().review(&review, now).await?;
        self.reads.read_through(offset).await;
        Ok(proto::ReviewBreakGlassResponse {
            reviewed_at: review.reviewed_at,
        })
    }
}

/// The organisation of a token, as records say it.
pub(super) fn organisation(principal: &Principal) -> Result<String, ReadError> {
    let organisation: Result<Organisation, _> = principal.organisation.parse();
    organisation
        .map(|one| one.to_string())
        .map_err(|_| ReadError::Organisation)
}

pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn item(glass: &Glass) -> proto::BreakGlassRead {
    let verdict = glass.verdict.as_ref();
    let at = |at: Instant| Some(timestamp(at));
    proto::BreakGlassRead {
        read_id: glass.held.read_id.clone(),
        reader: glass.reader.0.clone(),
        role: glass.reader.1.clone(),
        reason: glass.held.reason.clone(),
        case_reference: glass.case_reference.clone(),
        begun_at: at(glass.begun_at),
        expires_at: at(glass.held.until),
        review_due_at: at(glass.review_due_at()),
        state: verdict.map_or_else(|| "WAITING".to_owned(), |one| one.outcome.clone()),
        reviewed_by: verdict.map(|one| one.by.clone()).unwrap_or_default(),
        reviewed_at: verdict.and_then(|one| at(one.at)),
        reads: glass.reads,
        empty: glass.empty,
    }
}
