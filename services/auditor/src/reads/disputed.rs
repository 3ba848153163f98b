//! Disputes: each about an event that stood behind a cell of a row its organisation was shown, each answered by whom it is for, and marked in time.

use std::sync::Arc;

use walbrook_domain::{Instant, Pseudonym};
use walbrook_eventlog::Record;
use walbrook_proto::audit::v1::{Dispute, DisputeAnswer, ReadRecord};
use walbrook_view::Asked;
use walbrook_view::dispute::{ANSWERS, IDENTITY, KINDS, STANDS, WRONG_FACT};
use walbrook_view::explain::Evidence;
use walbrook_view::reading::{BookReading, Viewer};

use super::answered::{CLOCKS_WITHIN_MICROS, RECORDED_WITHIN_MICROS};
use super::{Reads, new_book};
use crate::log::{Place, decode};
use crate::report::{Checked, Owed};

const HOUR_MICROS: i64 = 3_600_000_000;
/// A source that has not answered after so long is late.
const ANSWERED_WITHIN_MICROS: i64 = 14 * 24 * HOUR_MICROS;

impl Reads<'_> {
    /// Holds a dispute against the row it is about, and takes it in.
    pub(super) fn dispute(&mut self, record: &Record) {
        let place = Place::of(record);
        let Some(dispute) = decode::<Dispute>(record, "dispute", self.report) else {
            return;
        };
        self.report.count(Checked::Disputes, 1);
        let at = dispute.disputed_at.as_ref();
        let at = at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
        let known = KINDS.contains(&dispute.kind.as_str())
            && !dispute.officer.is_empty()
            && !dispute.role.is_empty();
        if !known || at.is_none() {
            self.report.differ(
                "dispute",
                &place,
                "an officer, a role, a time, and a word of the closed list",
                "something else",
            );
        }
        if let Some(at) = at {
            let recorded_at = Instant(record.timestamp_ms.saturating_mul(1_000));
            self.asked_in_time(&place, at, recorded_at);
            let behind = self.behind(&dispute, at);
            let same = behind.is_some_and(|evidence| {
                evidence.handle.as_bytes() == dispute.handle_pseudonym.as_slice()
                    && evidence.event_type.as_str() == dispute.event_type
                    && evidence.source.to_string() == dispute.source_organisation
            });
            if !same {
                self.report.differ(
                    "dispute",
                    &place,
                    "a read before it, of the same organisation, that answered with a row of which the event stands behind the cell",
                    "something else",
                );
            }
        }
        self.changed.extend(at.map(|at| (record.offset, at)));
        Arc::make_mut(&mut self.disputes).dispute(dispute, record.offset);
    }

    /// The event behind the cell, as its officer could be told of it at that time.
    fn behind(&mut self, dispute: &Dispute, at: Instant) -> Option<Evidence> {
        let of = (
            dispute.organisation.as_str(),
            dispute.purpose.as_str(),
            dispute.view.as_str(),
        );
        let person = Pseudonym::try_from(dispute.person_pseudonym.as_slice()).ok()?;
        let shown = &dispute.person_pseudonym;
        let evaluated_at = self.decided.showed(&dispute.read_id, of, shown)?;
        let sha256 = <[u8; 32]>::try_from(dispute.view_sha256.as_slice()).ok()?;
        let view = self.views.get(&sha256)?.clone();
        if view.name != dispute.view || view.purpose.as_str() != dispute.purpose {
            return None;
        }
        self.agreements_below(dispute.agreements_next);
        let viewer = Viewer {
            organisation: dispute.organisation.parse().ok()?,
            role: dispute.role.clone(),
            reader: dispute.officer.clone(),
        };
        let state = ReadRecord {
            applied: dispute.applied.clone(),
            ..ReadRecord::default()
        };
        self.folds.move_to(&state, &view.purpose).ok()?;
        let (book, calendar) = (
            std::mem::replace(&mut self.book, new_book()),
            self.calendar.clone(),
        );
        let reader = (dispute.officer.as_str(), dispute.role.as_str());
        let glass = self
            .glasses
            .holding((of.2, of.0), reader, shown, at)
            .is_some();
        let case = dispute.case_reference.as_deref().unwrap_or_default();
        let asked = Asked {
            view: &view,
            reading: &BookReading::new(&book, &viewer, &view, at),
            evaluated_at,
            case_named: !case.is_empty(),
            glass_broken: glass,
            disputes: None,
            calendar: &calendar,
        };
        let found = self.evidence(&asked, &person, dispute);
        self.book = book;
        found
    }

    fn evidence(
        &self,
        asked: &Asked<'_>,
        person: &Pseudonym,
        dispute: &Dispute,
    ) -> Option<Evidence> {
        let columns = std::slice::from_ref(&dispute.column);
        let explanation = self.folds.explanation(asked, person, columns)?;
        explanation
            .behind(&dispute.column, &dispute.event_id)
            .cloned()
    }

    /// Holds an answer against the dispute it is to.
    pub(super) fn dispute_answer(&mut self, record: &Record) {
        let place = Place::of(record);
        let Some(answer) = decode::<DisputeAnswer>(record, "answer to a dispute", self.report)
        else {
            return;
        };
        self.report.count(Checked::DisputeAnswers, 1);
        let known = ANSWERS.contains(&answer.answer.as_str())
            && answer.answered_at.is_some()
            && !answer.answered_by.is_empty();
        let disputed = self.disputes.get(&answer.dispute_id);
        let own = disputed.is_some_and(|disputed| {
            let dispute = &disputed.dispute;
            let for_whom = if dispute.kind == WRONG_FACT {
                answer.organisation == dispute.source_organisation
            } else {
                answer.organisation == IDENTITY && answer.answer == STANDS
            };
            for_whom && (&answer.view, &answer.purpose) == (&dispute.view, &dispute.purpose)
        });
        if !known || !own {
            self.report.differ(
                "answer to a dispute",
                &place,
                "a dispute before it, answered in a word of the closed list by whom it is for",
                "something else",
            );
        }
        let at = answer
            .answered_at
            .as_ref()
            .filter(|_| answer.answer == STANDS);
        let at = at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
        self.changed.extend(at.map(|at| (record.offset, at)));
        Arc::make_mut(&mut self.disputes).answer(answer, record.offset);
    }

    /// A materialiser that does not follow disputes would show cells unmarked: it is found by what it says it had read.
    pub(super) fn marked_in_time(&mut self, place: &Place, read: &ReadRecord, read_at: Instant) {
        let late = RECORDED_WITHIN_MICROS + CLOCKS_WITHIN_MICROS;
        let missed = self.changed.iter().any(|(offset, at)| {
            *offset >= read.reads_next && at.micros() + late < read_at.micros()
        });
        if missed && !read.answered.is_empty() {
            self.report.differ(
                "read",
                place,
                "what was disputed ten minutes before",
                "older marks",
            );
        }
    }

    /// What a source has not answered yet, with its age.
    pub(super) fn disputes_owed(&mut self, now: Instant) {
        let disputes = Arc::clone(&self.disputes);
        let waiting = disputes.all().filter(|one| one.waits());
        for one in waiting {
            self.report.count(Checked::DisputesWaiting, 1);
            let at = one.dispute.disputed_at.as_ref();
            let at = at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
            let age = now.micros() - at.unwrap_or(now).micros();
            let by = match one.dispute.kind.as_str() {
                WRONG_FACT => one.dispute.source_organisation.clone(),
                _ => IDENTITY.to_owned(),
            };
            self.report.owe(Owed {
                what: "answer to a dispute, unless the event is gone",
                by,
                about: one.dispute.dispute_id.clone(),
                age_hours: age / HOUR_MICROS,
                overdue: age > ANSWERED_WITHIN_MICROS,
            });
        }
    }
}
