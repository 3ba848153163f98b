//! The review queue: which pairs wait for a reviewer. An item stands on the later record of its pair, once for two persons.

use super::command::Turn;
use super::demographics::Strategy;
use super::record::{Found, PersonRecord};
use super::review::{CANDIDATES, Candidate};
use super::step::Core;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use walbrook_domain::{Handle, PersonId};

impl Core {
    /// Makes what waits because of a record what its search found. What waits already keeps its place.
    pub(super) fn let_wait(&mut self, handle: Handle, wanted: Vec<Candidate>, turn: &Turn<'_>) {
        let Some(record) = self.index.record(handle).cloned() else {
            return;
        };
        let waiting: Vec<Handle> = self.index.waiting().because_of(handle).collect();
        if wanted.is_empty() && record.candidates.is_empty() && waiting.is_empty() {
            return;
        }
        let mut earlier: Vec<Candidate> = Vec::new();
        let mut later: BTreeMap<Handle, Candidate> = BTreeMap::new();
        let mut persons: BTreeSet<PersonId> = BTreeSet::from([record.person]);
        for candidate in wanted {
            let Some(other) = self.index.record(candidate.other) else {
                continue;
            };
            if !persons.insert(other.person) || self.waits_elsewhere(&record, other) {
                continue;
            }
            if other.sequence < record.sequence {
                earlier.push(candidate);
            } else {
                let named = Candidate {
                    other: handle,
                    ..candidate
                };
                later.insert(other.handle, named);
            }
        }
        let asked = record.candidates.iter().filter(|candidate| {
            let again = earlier.iter().any(|found| found.other == candidate.other);
            !again && self.still_asked(handle, candidate, turn)
        });
        let asked: Vec<Candidate> = asked.cloned().collect();
        earlier.extend(asked);
        self.set_candidates(&record, earlier);
        for other in waiting
            .into_iter()
            .chain(later.keys().copied())
            .collect::<BTreeSet<_>>()
        {
            self.name_candidate(other, handle, later.remove(&other), turn);
        }
    }

    /// Lets one pair wait, whatever else does: an operator wanted it and was refused. Not where somebody said before that the two are
    /// different people: nobody could accept it.
    pub(super) fn ask(&mut self, a: Handle, b: Handle, found: Found, turn: &Turn<'_>) {
        let (Some(one), Some(other)) =
            (self.index.record(a).cloned(), self.index.record(b).cloned())
        else {
            return;
        };
        if self.apart(one.person, other.person) {
            return;
        }
        let (record, candidate) = if one.sequence > other.sequence {
            (one, other)
        } else {
            (other, one)
        };
        let mut candidates = record.candidates.clone();
        candidates.retain(|waiting| waiting.other != candidate.handle);
        candidates.push(Candidate {
            other: candidate.handle,
            found,
            score: Strategy::Manual.score(),
            strategy: Strategy::Manual,
            model: None,
            since: turn.now,
        });
        self.set_candidates(&record, candidates);
    }

    /// Nobody decides any more about records that are one person, or of persons that somebody took apart.
    pub(super) fn forget_decided(&mut self, handle: Handle) {
        let Some(record) = self.index.record(handle).cloned() else {
            return;
        };
        let open = |candidate: &Candidate| {
            let other = self.index.record(candidate.other);
            other.is_some_and(|other| match candidate.found {
                // A doubted link is asked about while it is one.
                Found::Disputed => other.person == record.person,
                _ => other.person != record.person && !self.apart(other.person, record.person),
            })
        };
        if record.candidates.iter().all(open) {
            return;
        }
        let candidates = record.candidates.iter().filter(|c| open(c)).cloned();
        let candidates = candidates.collect();
        self.change(handle, |record| record.candidates = candidates);
    }

    /// What an operator asked for waits until it may be done, is done, or may no longer be compared.
    fn still_asked(&self, handle: Handle, candidate: &Candidate, turn: &Turn<'_>) -> bool {
        let persons = (
            self.index.record(handle),
            self.index.record(candidate.other),
        );
        let (Some(record), Some(other)) = persons else {
            return false;
        };
        let (a, b) = (record.person, other.person);
        candidate.strategy == Strategy::Manual
            && self.covered(a, b, turn)
            && match candidate.found {
                Found::Disputed => a == b,
                _ => a != b && !self.apart(a, b),
            }
    }

    /// Whether the two persons wait already through other records of theirs.
    fn waits_elsewhere(&self, record: &PersonRecord, other: &PersonRecord) -> bool {
        let names = |of: PersonId, person: PersonId| {
            self.index.members(of).any(|member| {
                member.handle != record.handle
                    && member.candidates.iter().any(|candidate| {
                        candidate.other != record.handle
                            && self
                                .index
                                .record(candidate.other)
                                .is_some_and(|named| named.person == person)
                    })
            })
        };
        names(record.person, other.person) || names(other.person, record.person)
    }

    /// Sets the candidates of a record: best first, capped. Where nothing but scores moved, everything stays as it was: how rare a value is
    /// changes with each record, and is no news.
    pub(super) fn set_candidates(&mut self, record: &PersonRecord, mut candidates: Vec<Candidate>) {
        for candidate in &mut candidates {
            let before = record
                .candidates
                .iter()
                .find(|old| old.other == candidate.other);
            if let Some(before) = before {
                let same = (before.found, before.strategy, &before.model)
                    == (candidate.found, candidate.strategy, &candidate.model);
                candidate.since = before.since;
                if same {
                    candidate.score = before.score;
                }
            }
        }
        // The earliest record of equals: handles are random, and decide nothing.
        let place = |candidate: &Candidate| {
            let other = self.index.record(candidate.other);
            (
                Reverse(candidate.score),
                candidate.since,
                other.map(|other| other.sequence),
            )
        };
        candidates.sort_by_key(place);
        candidates.truncate(CANDIDATES);
        self.change(record.handle, |record| record.candidates = candidates);
    }

    /// On a later record: what the search of an earlier one found, in the place of what waited because of it.
    fn name_candidate(
        &mut self,
        later: Handle,
        earlier: Handle,
        found: Option<Candidate>,
        turn: &Turn<'_>,
    ) {
        let Some(record) = self.index.record(later).cloned() else {
            return;
        };
        let mut candidates = record.candidates.clone();
        if found.is_none() {
            let asked = |c: &Candidate| self.still_asked(later, c, turn);
            candidates.retain(|c| c.other != earlier || asked(c));
        } else {
            candidates.retain(|c| c.other != earlier);
        }
        candidates.extend(found);
        self.set_candidates(&record, candidates);
    }

    /// Name and version of the model, for the rule that has one.
    pub(super) fn model_of(&self, strategy: Strategy) -> Option<Arc<str>> {
        (strategy == Strategy::FellegiSunter).then(|| Arc::clone(&self.model_word))
    }
}
