//! What officers decided: each about a row that a read of the same organisation answered with.

use std::collections::BTreeMap;

use walbrook_domain::Instant;
use walbrook_eventlog::Record;
use walbrook_proto::audit::v1::{OfficerDecision, ReadRecord};
use walbrook_view::decision::{DECISIONS, MOST_SHOWN, REASONS};

use super::Reads;
use crate::log::{Place, decode};
use crate::report::Checked;

/// Whose decisions: view, organisation and person.
type Whose = (String, String, Vec<u8>);

/// What a read answered, as far as a decision refers to it.
#[derive(Debug, Clone)]
struct Answer {
    organisation: String,
    purpose: String,
    view: String,
    evaluated_at: Option<Instant>,
    rows: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Reads and decisions so far.
#[derive(Debug, Default)]
pub(super) struct Decided {
    reads: BTreeMap<String, Answer>,
    decisions: BTreeMap<Whose, Vec<(i64, String)>>,
}

impl Decided {
    /// Takes in a read; the last record of a read is the answer's.
    pub(super) fn read(&mut self, read: ReadRecord) {
        let rows = read.answered.into_iter();
        let answer = Answer {
            organisation: read.organisation,
            purpose: read.purpose,
            view: read.view,
            evaluated_at: read
                .evaluated_at
                .as_ref()
                .and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos)),
            rows: rows
                .map(|row| (row.person_pseudonym, row.row_sha256))
                .collect(),
        };
        for too in read.told_too {
            self.reads.insert(too.read_id, answer.clone());
        }
        self.reads.insert(read.read_id, answer);
    }

    /// The instant that the rows of a read are stated for, if it showed an organisation the row of a person in a view.
    pub(super) fn showed(
        &self,
        read_id: &str,
        (organisation, purpose, view): (&str, &str, &str),
        person: &[u8],
    ) -> Option<Instant> {
        let read = self.reads.get(read_id)?;
        let same =
            read.organisation == organisation && read.purpose == purpose && read.view == view;
        let row = read.rows.iter().any(|(shown, _)| shown == person);
        read.evaluated_at.filter(|_| same && row)
    }

    /// The ids of the decisions that an explanation shows: of the reader's organisation about the person, newest first.
    pub(super) fn shown(&self, read: &ReadRecord, person: &[u8]) -> Vec<String> {
        let whose = (
            read.view.clone(),
            read.organisation.clone(),
            person.to_vec(),
        );
        let all = self.decisions.get(&whose).map_or(&[][..], Vec::as_slice);
        let below = all
            .iter()
            .rev()
            .filter(|(offset, _)| *offset < read.reads_next);
        below.take(MOST_SHOWN).map(|(_, id)| id.clone()).collect()
    }
}

impl Reads<'_> {
    /// Holds a decision against the read it refers to.
    pub(super) fn decision(&mut self, record: &Record) {
        let place = Place::of(record);
        let Some(decision) = decode::<OfficerDecision>(record, "decision", self.report) else {
            return;
        };
        self.report.count(Checked::OfficerDecisions, 1);
        let rests = self
            .decided
            .reads
            .get(&decision.read_id)
            .is_some_and(|read| {
                let row = (&decision.person_pseudonym, &decision.row_sha256);
                read.organisation == decision.organisation
                    && read.view == decision.view
                    && read.purpose == decision.purpose
                    && read
                        .rows
                        .iter()
                        .any(|(person, sha256)| (person, sha256) == row)
            });
        if !rests {
            self.report.differ(
                "decision",
                &place,
                "a read before it, of the same organisation, that answered with this row",
                "none",
            );
        }
        let known = DECISIONS.contains(&decision.decision.as_str())
            && REASONS.contains(&decision.reason.as_str());
        if !known || decision.officer.is_empty() || decision.role.is_empty() {
            self.report.differ(
                "decision",
                &place,
                "an officer, a role, and words of the closed lists",
                "something else",
            );
        }
        let whose = (
            decision.view,
            decision.organisation,
            decision.person_pseudonym,
        );
        let decisions = self.decided.decisions.entry(whose).or_default();
        decisions.push((record.offset, decision.decision_id));
    }
}
