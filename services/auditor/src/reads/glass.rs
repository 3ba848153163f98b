//! Break-glass: each read beyond scope rests on one that was begun with a reason, still held, and that a second person judges.

use walbrook_domain::Instant;
use walbrook_eventlog::Record;
use walbrook_proto::audit::v1::{BreakGlassReview, ReadRecord};
use walbrook_runtime::callers::role::SUPERVISOR;
use walbrook_view::Reading;
use walbrook_view::glass::{Glass, MOST_HELD_MICROS, OBJECTED, REASONS, is_verdict};
use walbrook_view::query::Query;

use super::Reads;
use crate::log::{Place, decode};
use crate::report::{Checked, Owed};

/// A process may not have read an objection yet, and clocks differ.
const OBJECTION_WITHIN_MICROS: i64 = 60_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;

impl Reads<'_> {
    /// Whether a read rests on a break-glass that held; it is taken in with it.
    pub(super) fn glass(
        &mut self,
        place: &Place,
        read: &ReadRecord,
        (reading, query): (&dyn Reading, &Query),
    ) -> bool {
        let named = (
            read.break_glass_reason.as_ref(),
            read.break_glass_read_id.as_ref(),
            read.break_glass_until.as_ref(),
        );
        if named == (None, None, None) {
            return false;
        }
        self.report.count(Checked::BreakGlass, 1);
        let until = named.2;
        let until = until.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
        let of_one = matches!(read.operation.as_str(), "GET" | "EXPLAIN") && read.asked.len() == 1;
        let holds = match (named.0, named.1, until) {
            // Refused: nothing began.
            (Some(_), None, None) => read.outcome == "REFUSED",
            (Some(reason), Some(id), Some(until)) => {
                let held = until.micros() - query.read_at.micros();
                let case = read.case_reference.as_deref().unwrap_or_default();
                of_one
                    && read.outcome != "REFUSED"
                    && *id == read.read_id
                    && REASONS.contains(&reason.as_str())
                    && !case.is_empty()
                    && (0..=MOST_HELD_MICROS).contains(&held)
                    && reading.may_break_glass()
            }
            (None, Some(id), Some(until)) => {
                let glass = self.glasses.begun_with(id);
                of_one && glass.is_some_and(|glass| rests(read, glass, query.read_at, until))
            }
            _ => false,
        };
        if !holds {
            self.report.differ(
                "break-glass",
                place,
                "a reason, a case and an agreement that allows it, or one that this reader began for this person and that still held",
                "something else",
            );
        }
        self.glasses.read(read, query.read_at);
        holds && named.1.is_some()
    }

    /// Holds a review against what it judges: somebody else of the same organisation, in words of the closed lists.
    pub(super) fn glass_review(&mut self, record: &Record) {
        let place = Place::of(record);
        let Some(review) = decode::<BreakGlassReview>(record, "break-glass review", self.report)
        else {
            return;
        };
        self.report.count(Checked::BreakGlassReviews, 1);
        let glass = self.glasses.begun_with(&review.read_id);
        let of = (review.view.as_str(), review.organisation.as_str());
        let judged = glass.is_some_and(|glass| {
            (glass.of.0.as_str(), glass.of.1.as_str()) == of && glass.reader.0 != review.reviewer
        });
        let known = is_verdict(&review.outcome, &review.reason)
            && review.role == SUPERVISOR
            && !review.reviewer.is_empty();
        let at = review.reviewed_at.as_ref();
        let at = at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
        if !judged || !known || at.is_none() {
            self.report.differ(
                "break-glass review",
                &place,
                "a break-glass before it of the same organisation and another person, and words of the closed lists",
                "something else",
            );
        }
        if let Some(at) = at {
            self.glasses.review(&review, at);
        }
    }

    /// What nobody has reviewed yet, with its age.
    pub(super) fn glasses_owed(&mut self, now: Instant) {
        let mut waiting: Vec<&Glass> = self.glasses.waiting().collect();
        waiting.sort_by_key(|glass| glass.begun_at);
        for glass in waiting {
            self.report.count(Checked::BreakGlassWaiting, 1);
            self.report.owe(Owed {
                what: "review of a break-glass",
                by: glass.of.1.clone(),
                about: glass.held.read_id.clone(),
                age_hours: (now.micros() - glass.begun_at.micros()) / HOUR_MICROS,
                overdue: glass.review_due_at() < now,
            });
        }
    }
}

/// Whether a read rests on what the same reader began for the same person, while it held.
fn rests(read: &ReadRecord, glass: &Glass, read_at: Instant, until: Instant) -> bool {
    let of = (read.view.as_str(), read.organisation.as_str());
    let reader = (read.reader.as_str(), read.role.as_str());
    let objected = glass.verdict.as_ref().is_some_and(|verdict| {
        verdict.outcome == OBJECTED
            && verdict.at.micros() + OBJECTION_WITHIN_MICROS < read_at.micros()
    });
    (glass.of.0.as_str(), glass.of.1.as_str()) == of
        && (glass.reader.0.as_str(), glass.reader.1.as_str()) == reader
        && read.asked.first() == Some(&glass.person)
        && glass.held.until == until
        && read_at <= until
        && !objected
}
