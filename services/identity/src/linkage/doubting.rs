//! Links that a reader doubts: a row they were shown tells of another person. The pair waits for a reviewer, who keeps the link or undoes it.

use super::command::{Answer, Refused, Turn};
use super::demographics::Strategy;
use super::record::{Found, PersonRecord};
use super::review::{Candidate, Decision};
use super::reviewing::Verdict;
use super::step::Core;
use std::sync::Arc;
use walbrook_domain::{Handle, Instant, Organisation, PersonId};

/// Joins undone for one doubt at most.
const MOST_UNDONE: usize = 64;

/// How a doubted link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubted {
    /// It waits for a reviewer; true when it is news.
    Waiting(bool),
    /// A reviewer said since that it is the same person.
    Kept,
    /// The record is of another person, or of nobody else.
    Apart,
}

/// A doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The record.
    pub handle: Handle,
    /// The person it is said not to be of.
    pub person: PersonId,
    /// The organisation whose reader says so.
    pub by: Organisation,
    /// When it was said.
    pub at: Instant,
}

impl Core {
    /// Lets the pair of a doubted link wait, unless it does, or somebody has decided since.
    pub(super) fn doubt(&mut self, doubt: &Doubt, turn: &Turn<'_>) -> Result<Answer, Refused> {
        let record = self.index.record(doubt.handle).cloned();
        let record = record.ok_or(Refused::UnknownRecord)?;
        if record.person != doubt.person {
            return Ok(Answer::Doubted(Doubted::Apart));
        }
        let members = self.index.members(record.person).cloned();
        let others: Vec<Arc<PersonRecord>> = members
            .filter(|member| member.handle != record.handle)
            .collect();
        let Some(partner) = self.partner(&record, &others, &doubt.by) else {
            return Ok(Answer::Doubted(Doubted::Apart));
        };
        if others.iter().any(|other| kept(&record, other, doubt.at)) {
            return Ok(Answer::Doubted(Doubted::Kept));
        }
        if others.iter().any(|other| waits(&record, other)) {
            return Ok(Answer::Doubted(Doubted::Waiting(false)));
        }
        let (later, earlier) = if record.sequence > partner.sequence {
            (record, partner)
        } else {
            (partner, record)
        };
        let mut candidates = later.candidates.clone();
        candidates.push(Candidate {
            other: earlier.handle,
            found: Found::Disputed,
            score: Strategy::Manual.score(),
            strategy: Strategy::Manual,
            model: None,
            since: turn.now,
        });
        self.set_candidates(&later, candidates);
        Ok(Answer::Doubted(Doubted::Waiting(true)))
    }

    /// With which of the person's other records a reviewer compares it: the doubting organisation's own, else the one it was joined with.
    fn partner(
        &self,
        record: &PersonRecord,
        others: &[Arc<PersonRecord>],
        by: &Organisation,
    ) -> Option<Arc<PersonRecord>> {
        let own = others.iter().find(|other| other.organisation == *by);
        let joins = self.index.joins_naming(record.handle);
        let joined = joins.iter().rev().find_map(|(joining, join)| {
            let named = |handle: Handle| others.iter().find(|other| other.handle == handle);
            named(*joining).or_else(|| named(join.survivor))
        });
        own.or(joined).or(others.first()).cloned()
    }

    /// What a reviewer said of a doubted link: kept, or undone so far that the two are no longer one person. What they said stands on record.
    pub(super) fn settle_doubt(&mut self, verdict: &Verdict, turn: &Turn<'_>) {
        let (record, candidate) = (verdict.pair.record, verdict.pair.candidate);
        self.change(record, |record| {
            record
                .candidates
                .retain(|waiting| waiting.other != candidate);
        });
        if verdict.decision != Decision::NeverSame {
            return;
        }
        let person = |core: &Self, handle| core.index.record(handle).map(|one| one.person);
        for _ in 0..MOST_UNDONE {
            if person(self, record) != person(self, candidate) {
                break;
            }
            let own = self.index.joins_naming(record).pop();
            let join = own.or_else(|| self.index.joins_naming(candidate).pop());
            let Some((joining, join)) = join else {
                break;
            };
            let by = &verdict.reviewer.by;
            self.undo(&[(joining, join.sequence)], &verdict.reason, by, turn);
        }
        for member in self.members_with(&[record, candidate]) {
            self.forget_decided(member);
        }
    }
}

/// Whether a reviewer said since that the two are one person.
fn kept(a: &PersonRecord, b: &PersonRecord, since: Instant) -> bool {
    let said = |one: &PersonRecord, other: Handle| {
        one.acts
            .iter()
            .any(|act| act.other == other && act.decision == Decision::Same && act.at >= since)
    };
    said(a, b.handle) || said(b, a.handle)
}

/// Whether their link waits as doubted.
fn waits(a: &PersonRecord, b: &PersonRecord) -> bool {
    let named = |one: &PersonRecord, other: Handle| {
        one.candidates
            .iter()
            .any(|waiting| waiting.other == other && waiting.found == Found::Disputed)
    };
    named(a, b.handle) || named(b, a.handle)
}
