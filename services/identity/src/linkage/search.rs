//! The search for a record's person: strong tokens first, then exact demographics, then the model.
//!
//! Records are compared with records. A person is found by its best member, and joined only if none of its members speaks against it.

use super::command::{MatchingCover, Turn};
use super::demographics::{Contradiction, Strategy};
use super::record::{Found, PersonRecord};
use super::review::Candidate;
use super::step::Core;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{Handle, Organisation, PersonId};
use walbrook_matching::{Frequencies, Value};

/// A kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// Numbers that one person has alone.
    Strong,
    /// Everything agrees.
    Exact,
    /// The model.
    Likely,
}

/// The kinds in the order in which they are asked.
const KINDS: [Evidence; 3] = [Evidence::Strong, Evidence::Exact, Evidence::Likely];

/// A record that may be the same person, as one kind of evidence says.
#[derive(Debug, Clone)]
pub(super) struct Lead {
    pub(super) other: Handle,
    pub(super) person: PersonId,
    pub(super) sequence: i64,
    pub(super) strategy: Strategy,
    /// Ten-thousandths.
    pub(super) score: i32,
    /// `Match`, or what falls short of it.
    pub(super) found: Found,
}

impl Lead {
    fn of(other: &PersonRecord, strategy: Strategy) -> Self {
        Self {
            other: other.handle,
            person: other.person,
            sequence: other.sequence,
            strategy,
            score: strategy.score(),
            found: Found::Match,
        }
    }
}

/// What the cover says of one organisation and the others, asked once for each.
pub(super) struct Comparable<'a> {
    organisation: &'a Organisation,
    cover: &'a dyn MatchingCover,
    strategy: Strategy,
    known: Vec<(Organisation, bool)>,
}

impl<'a> Comparable<'a> {
    pub(super) fn new(
        organisation: &'a Organisation,
        cover: &'a dyn MatchingCover,
        strategy: Strategy,
    ) -> Self {
        Self {
            organisation,
            cover,
            strategy,
            known: Vec::new(),
        }
    }

    /// Whether records of the other organisation may be compared by this kind of evidence.
    pub(super) fn with(&mut self, other: &Organisation) -> bool {
        if other == self.organisation {
            return true;
        }
        if let Some((_, may)) = self.known.iter().find(|(known, _)| known == other) {
            return *may;
        }
        let may = self.cover.allows(self.organisation, other, self.strategy);
        self.known.push((other.clone(), may));
        may
    }
}

impl Core {
    /// Searches the person of a record. Joins what may be joined by itself, and lets what is not sure, or what something speaks against, wait
    /// for a reviewer.
    pub(super) fn search(&mut self, handle: Handle, turn: &mut Turn<'_>) {
        let mut found = Found::NoMatch;
        let mut waits: Vec<Candidate> = Vec::new();
        for kind in KINDS {
            let Some(record) = self.index.record(handle).cloned() else {
                return;
            };
            let leads = match kind {
                Evidence::Strong => self.strong_leads(&record, turn),
                Evidence::Exact => self.exact_leads(&record, turn),
                Evidence::Likely => self.likely_leads(&record, turn),
            };
            if !leads.is_empty() {
                // What stands in the way of one kind of evidence is for review, also where another kind joined.
                found = found.max(self.follow(&record, leads, &mut waits, turn));
            }
        }
        let joined = |record: &PersonRecord| self.index.member_count(record.person) > 1;
        if found < Found::Match && self.index.record(handle).is_some_and(|r| joined(r)) {
            found = Found::Match;
        }
        if self.index.record(handle).is_some_and(|r| r.found != found) {
            self.change(handle, |record| record.found = found);
        }
        self.let_wait(handle, waits, turn);
    }

    fn strong_leads(&self, record: &PersonRecord, turn: &Turn<'_>) -> Vec<Lead> {
        let mut leads = Vec::new();
        for (strategy, key) in record.strong_keys() {
            let mut comparable = Comparable::new(&record.organisation, turn.cover, strategy);
            let others = self.index.with_strong(key);
            let others = others.filter(|other| other.person != record.person);
            let others = others.filter(|other| comparable.with(&other.organisation));
            leads.extend(others.map(|other| Lead::of(other, strategy)));
        }
        leads
    }

    fn exact_leads(&self, record: &PersonRecord, turn: &Turn<'_>) -> Vec<Lead> {
        let features = record.features();
        let sharing = self.index.count(Value::Postcode, features.postcode_key());
        let crowded = usize::try_from(sharing).is_ok_and(|n| n > self.rules.postcode_records);
        let Some(key) = features.exact_key().filter(|_| !crowded) else {
            return Vec::new();
        };
        let strategy = Strategy::ExactDemographics;
        let mut comparable = Comparable::new(&record.organisation, turn.cover, strategy);
        let others = self.index.with_exact(key);
        let others = others.filter(|other| other.person != record.person);
        let others = others.filter(|other| comparable.with(&other.organisation));
        others.map(|other| Lead::of(other, strategy)).collect()
    }

    /// Joins the persons that are surely the same, and notes who must wait.
    fn follow(
        &mut self,
        record: &PersonRecord,
        leads: Vec<Lead>,
        waits: &mut Vec<Candidate>,
        turn: &mut Turn<'_>,
    ) -> Found {
        let denied = self.denied(record, &leads);
        let (sure, unsure): (Vec<Lead>, Vec<Lead>) = best_by_person(leads)
            .into_iter()
            .partition(|lead| lead.found == Found::Match);
        let mut found = self.follow_sure(record, sure, &denied, waits, turn);
        // The sure ones may have joined: the person of the record is looked up anew.
        for lead in unsure {
            let (Some(mine), Some(theirs)) = (
                self.index.record(record.handle).map(|r| r.person),
                self.index.record(lead.other).map(|other| other.person),
            ) else {
                continue;
            };
            if mine == theirs || self.obstacle(mine, theirs, turn).is_some() {
                continue;
            }
            found = found.max(lead.found);
            waits.push(self.candidate(&lead, lead.found, turn));
        }
        found
    }

    fn follow_sure(
        &mut self,
        record: &PersonRecord,
        leads: Vec<Lead>,
        denied: &BTreeMap<PersonId, Contradiction>,
        waits: &mut Vec<Candidate>,
        turn: &mut Turn<'_>,
    ) -> Found {
        let mut eligible: Vec<Lead> = Vec::new();
        let mut in_the_way = Found::NoMatch;
        for lead in leads {
            let denied = denied.get(&lead.person).copied().map(Found::from);
            let obstacle = self.obstacle(record.person, lead.person, turn);
            match obstacle.or(denied) {
                None => eligible.push(lead),
                Some(found) => {
                    in_the_way = in_the_way.max(found);
                    if found.is_for_review() {
                        waits.push(self.candidate(&lead, found, turn));
                    }
                }
            }
        }
        if eligible.is_empty() {
            return in_the_way;
        }
        if let Some(found) = self.cannot_be_one(record.person, &eligible, turn) {
            let all = eligible.iter();
            waits.extend(all.map(|lead| self.candidate(lead, found, turn)));
            return in_the_way.max(found);
        }
        for lead in &eligible {
            self.join_with(record.handle, lead, turn);
        }
        in_the_way.max(Found::Match)
    }

    /// The persons of which a record that shares a number, or everything, with this one contradicts it all the same: a number may be somebody
    /// else's. The model weighs names and dates itself.
    fn denied(&self, record: &PersonRecord, leads: &[Lead]) -> BTreeMap<PersonId, Contradiction> {
        let mut denied: BTreeMap<PersonId, Contradiction> = BTreeMap::new();
        let others = leads
            .iter()
            .filter(|lead| lead.strategy != Strategy::FellegiSunter);
        for lead in others {
            let other = self.index.record(lead.other);
            let found = other.and_then(|other| record.features().contradiction(other.features()));
            if let Some(found) = found {
                // The gravest comes first in their order.
                let kept = denied.entry(lead.person).or_insert(found);
                *kept = found.min(*kept);
            }
        }
        denied
    }

    /// Several persons at once are joined only if each may be joined with each: otherwise nothing says which it is.
    fn cannot_be_one(&self, person: PersonId, leads: &[Lead], turn: &Turn<'_>) -> Option<Found> {
        for (at, one) in leads.iter().enumerate() {
            for other in leads.iter().skip(at + 1) {
                if self.obstacle(one.person, other.person, turn).is_some() {
                    return Some(Found::ManyMatch);
                }
            }
        }
        let members = leads
            .iter()
            .map(|lead| self.index.member_count(lead.person));
        let members = members.sum::<usize>() + self.index.member_count(person);
        (members > self.rules.members_cap).then_some(Found::Full)
    }

    /// What forbids the rules to make one person of two; `None` when nothing does.
    pub(super) fn obstacle(&self, a: PersonId, b: PersonId, turn: &Turn<'_>) -> Option<Found> {
        if !self.covered(a, b, turn) {
            return Some(Found::NotCovered);
        }
        if self.apart(a, b) {
            return Some(Found::Apart);
        }
        self.far_apart(a, b)
            .map(Found::from)
            .or_else(|| self.full(a, b).then_some(Found::Full))
    }

    /// What no person can have, whoever says that the two are one: two different verified NHS numbers, dates of birth far apart. Each member of
    /// one is held against each of the other.
    pub(super) fn far_apart(&self, a: PersonId, b: PersonId) -> Option<Contradiction> {
        let all = self.index.members(a).flat_map(|one| {
            let others = self.index.members(b);
            others.filter_map(|other| one.features().far_apart(other.features()))
        });
        // The gravest comes first in their order.
        all.min()
    }

    /// Whether somebody said that two members are different people.
    pub(super) fn apart(&self, a: PersonId, b: PersonId) -> bool {
        self.index.members(a).any(|one| {
            let mut others = self.index.members(b);
            others.any(|other| self.index.taken_apart(one.handle, other.handle))
        })
    }

    /// Whether the two together would have more records than a person may have.
    pub(super) fn full(&self, a: PersonId, b: PersonId) -> bool {
        self.index.member_count(a) + self.index.member_count(b) > self.rules.members_cap
    }

    /// Whether each organisation of one person may be compared with each of the other.
    pub(super) fn covered(&self, a: PersonId, b: PersonId, turn: &Turn<'_>) -> bool {
        let organisations = |person| {
            let all = self.index.members(person);
            all.map(|record| &record.organisation)
                .collect::<BTreeSet<_>>()
        };
        let (of_a, of_b) = (organisations(a), organisations(b));
        of_a.iter()
            .all(|x| of_b.iter().all(|y| x == y || turn.cover.covers(x, y)))
    }

    fn candidate(&self, lead: &Lead, found: Found, turn: &Turn<'_>) -> Candidate {
        Candidate {
            other: lead.other,
            found,
            score: lead.score,
            strategy: lead.strategy,
            model: self.model_of(lead.strategy),
            since: turn.now,
        }
    }
}

/// One lead for each person, and the best first: by the surest kind of evidence, then the highest score, then the earliest record.
fn best_by_person(leads: Vec<Lead>) -> Vec<Lead> {
    let mut best: BTreeMap<PersonId, Lead> = BTreeMap::new();
    let rank = |lead: &Lead| (lead.strategy, Reverse(lead.score), lead.sequence);
    for lead in leads {
        match best.get(&lead.person) {
            Some(kept) if rank(kept) <= rank(&lead) => {}
            _ => drop(best.insert(lead.person, lead)),
        }
    }
    let mut best: Vec<Lead> = best.into_values().collect();
    best.sort_unstable_by_key(rank);
    best
}
