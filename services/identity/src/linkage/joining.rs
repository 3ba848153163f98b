//! Who is joined with whom: the search for a record's person, and the replay of joins that makes persons.

use super::command::{Refused, Turn};
use super::demographics::Strategy;
use super::record::{Found, Join, PersonRecord, Undone};
use super::step::Core;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use walbrook_domain::{Handle, PersonId};

/// Undone joins that a record keeps at most; those an operator undid are the last to go.
const HISTORY: usize = 64;

/// A person that may be the same, with the evidence.
struct Candidate {
    person: PersonId,
    /// The earliest record of it that agrees.
    with: Handle,
    strategy: Strategy,
}

impl Core {
    /// Searches the person of a record: strong tokens first, then exact demographics. Joins what may be joined and notes what was found.
    pub(super) fn search(&mut self, handle: Handle, turn: &mut Turn<'_>) {
        let mut found = Found::NoMatch;
        for strong in [true, false] {
            let outcome = self.search_by(handle, strong, turn);
            // What stands in the way of one kind of evidence is for review, also where the other kind joined.
            if found == Found::NoMatch || outcome > found {
                found = outcome;
            }
        }
        if found == Found::NoMatch
            && self
                .index
                .record(handle)
                .is_some_and(|r| self.index.member_count(r.person) > 1)
        {
            found = Found::Match;
        }
        self.change(handle, |record| record.found = found);
    }

    fn search_by(&mut self, handle: Handle, strong: bool, turn: &mut Turn<'_>) -> Found {
        let Some(record) = self.index.record(handle).cloned() else {
            return Found::NoMatch;
        };
        let candidates = self.candidates(&record, strong, turn);
        if candidates.is_empty() {
            return Found::NoMatch;
        }
        let mut eligible: Vec<Candidate> = Vec::new();
        let mut obstacle = Found::NoMatch;
        for candidate in candidates {
            match self.obstacle(record.person, candidate.person, turn) {
                None => eligible.push(candidate),
                Some(found) => obstacle = obstacle.max(found),
            }
        }
        if eligible.is_empty() {
            return obstacle;
        }
        // Several persons at once are joined only if each may be joined with each: otherwise nothing says which it is.
        for (at, one) in eligible.iter().enumerate() {
            for other in eligible.iter().skip(at + 1) {
                if self.obstacle(one.person, other.person, turn).is_some() {
                    return Found::ManyMatch;
                }
            }
        }
        let members: usize = eligible
            .iter()
            .map(|c| self.index.member_count(c.person))
            .sum();
        if members + self.index.member_count(record.person) > self.rules.members_cap {
            return Found::Full;
        }
        for candidate in &eligible {
            self.join_with(handle, candidate, turn);
        }
        obstacle.max(Found::Match)
    }

    /// The persons whose records agree with this one, among organisations whose records may be compared with its. One entry a person.
    fn candidates(&self, record: &PersonRecord, strong: bool, turn: &Turn<'_>) -> Vec<Candidate> {
        let mut best: BTreeMap<PersonId, (Strategy, i64, Handle)> = BTreeMap::new();
        let mut offer = |strategy: Strategy, other: &PersonRecord| {
            let comparable = other.organisation == record.organisation
                || turn
                    .cover
                    .allows(&record.organisation, &other.organisation, strategy);
            if other.person == record.person || !comparable {
                return;
            }
            let offered = (strategy, other.sequence, other.handle);
            let kept = best.entry(other.person).or_insert(offered);
            *kept = (*kept).min(offered);
        };
        if strong {
            for (strategy, key) in record.known.strong_keys(&record.organisation.to_string()) {
                self.index
                    .with_strong(key)
                    .for_each(|other| offer(strategy, other));
            }
        } else if let (Some(key), Some(postcode)) =
            (record.known.exact_key(), &record.known.postcode)
            && self.index.sharing_postcode(postcode) <= self.rules.postcode_records
        {
            let agreeing = self.index.with_exact(key);
            agreeing.for_each(|other| offer(Strategy::ExactDemographics, other));
        }
        best.into_iter()
            .map(|(person, (strategy, _, with))| Candidate {
                person,
                with,
                strategy,
            })
            .collect()
    }

    /// What forbids the rules to make one person of two; `None` when nothing does.
    fn obstacle(&self, a: PersonId, b: PersonId, turn: &Turn<'_>) -> Option<Found> {
        if !self.covered(a, b, turn) {
            return Some(Found::NotCovered);
        }
        for one in self.index.members(a) {
            for other in self.index.members(b) {
                if self.index.taken_apart(one.handle, other.handle) {
                    return Some(Found::Apart);
                }
                if one.known.contradicts(&other.known) {
                    return Some(Found::Contradicted);
                }
            }
        }
        (self.index.member_count(a) + self.index.member_count(b) > self.rules.members_cap)
            .then_some(Found::Full)
    }

    /// Whether each organisation of one person may be compared with each of the other.
    fn covered(&self, a: PersonId, b: PersonId, turn: &Turn<'_>) -> bool {
        let organisations = |person| {
            let all = self
                .index
                .members(person)
                .map(|record| record.organisation.clone());
            all.collect::<BTreeSet<_>>()
        };
        let (of_a, of_b) = (organisations(a), organisations(b));
        of_a.iter()
            .all(|x| of_b.iter().all(|y| x == y || turn.cover.covers(x, y)))
    }

    /// Joins a record's person with a candidate. The person with more members keeps its id; of two equal ones, the older.
    fn join_with(&mut self, handle: Handle, candidate: &Candidate, turn: &mut Turn<'_>) {
        let (Some(mine), Some(theirs)) = (
            self.index.record(handle).map(|record| record.person),
            self.index
                .record(candidate.with)
                .map(|record| record.person),
        ) else {
            return;
        };
        if mine == theirs {
            return;
        }
        let weight = |person| {
            let oldest = self
                .index
                .members(person)
                .map(|record| record.sequence)
                .min();
            (self.index.member_count(person), -oldest.unwrap_or(i64::MAX))
        };
        let (survivor, joining) = if weight(mine) > weight(theirs) {
            (handle, candidate.with)
        } else {
            (candidate.with, handle)
        };
        self.join(survivor, joining, candidate.strategy, None, turn);
    }

    /// Writes a join down and makes one person of two.
    pub(super) fn join(
        &mut self,
        survivor: Handle,
        joining: Handle,
        strategy: Strategy,
        decided: Option<(&str, &str)>,
        turn: &mut Turn<'_>,
    ) {
        let (decided_by, reason) = decided.unwrap_or_default();
        let join = Join {
            sequence: self.index.next_join(),
            survivor,
            strategy,
            score: strategy.score(),
            decided_by: decided_by.to_owned(),
            reason: reason.to_owned(),
            made_at: turn.now,
            undone: None,
        };
        let together = self.members_with(&[survivor, joining]);
        self.change(joining, |record| record.joins.push(join.clone()));
        self.regroup(&together);
    }

    /// Undoes joins, each named by the record that joined and its place, and regroups. Returns every record whose person may have changed.
    pub(super) fn undo(
        &mut self,
        joins: &[(Handle, i64)],
        reason: &str,
        by: &str,
        turn: &Turn<'_>,
    ) -> Vec<Handle> {
        let named: Vec<Handle> = joins.iter().map(|(handle, _)| *handle).collect();
        let together = self.members_with(&named);
        for (handle, sequence) in joins {
            self.change(*handle, |record| {
                for join in record
                    .joins
                    .iter_mut()
                    .filter(|join| join.sequence == *sequence)
                {
                    join.undone = Some(Undone {
                        reason: reason.to_owned(),
                        by: by.to_owned(),
                        at: turn.now,
                    });
                }
                forget_old(&mut record.joins);
            });
        }
        self.regroup(&together);
        together
    }

    /// All records of the persons of these records.
    pub(super) fn members_with(&self, handles: &[Handle]) -> Vec<Handle> {
        let persons: BTreeSet<PersonId> = handles
            .iter()
            .filter_map(|handle| self.index.record(*handle).map(|record| record.person))
            .collect();
        let members = persons
            .into_iter()
            .flat_map(|person| self.index.members(person));
        members.map(|record| record.handle).collect()
    }

    /// Makes the persons of these records anew: each starts as a person of its own, then the joins that hold are replayed in order.
    fn regroup(&mut self, handles: &[Handle]) {
        let records: Vec<Arc<PersonRecord>> = handles
            .iter()
            .filter_map(|handle| self.index.record(*handle).cloned())
            .collect();
        let persons = replay(&records, |_, _| true).0;
        let mut before: BTreeMap<PersonId, BTreeSet<Handle>> = BTreeMap::new();
        let mut after: BTreeMap<PersonId, BTreeSet<Handle>> = BTreeMap::new();
        for record in &records {
            before
                .entry(record.person)
                .or_default()
                .insert(record.handle);
            if let Some(person) = persons.get(&record.handle) {
                after.entry(*person).or_default().insert(record.handle);
            }
        }
        for (person, members) in &after {
            if before.get(person) != Some(members) {
                self.touched.extend(members.iter().copied());
            }
        }
        for (handle, person) in persons {
            if self
                .index
                .record(handle)
                .is_some_and(|record| record.person != person)
            {
                self.change(handle, |record| record.person = person);
            }
        }
    }

    /// Takes a person apart where two of its organisations are no longer covered by one matching agreement: its joins are replayed, and those
    /// that would bring uncovered organisations together no longer hold. Returns every record concerned.
    pub(super) fn part_uncovered(&mut self, handle: Handle, turn: &Turn<'_>) -> Vec<Handle> {
        let Some(record) = self.index.record(handle) else {
            return Vec::new();
        };
        if self.covered(record.person, record.person, turn) {
            return Vec::new();
        }
        let members: Vec<Arc<PersonRecord>> = self.index.members(record.person).cloned().collect();
        let covers = |a: &PersonRecord, b: &PersonRecord| {
            a.organisation == b.organisation || turn.cover.covers(&a.organisation, &b.organisation)
        };
        let (_, refused) = replay(&members, |a, b| {
            a.iter().all(|one| b.iter().all(|other| covers(one, other)))
        });
        self.undo(&refused, "cover-ended", "", turn)
    }

    /// The checks that hold for an operator's merge too: evidence is theirs to judge, cover and the cap are not.
    pub(super) fn may_merge(
        &self,
        a: PersonId,
        b: PersonId,
        turn: &Turn<'_>,
    ) -> Result<(), Refused> {
        if a == b {
            return Err(Refused::SamePerson);
        }
        if !self.covered(a, b, turn) {
            return Err(Refused::NotCovered);
        }
        if self.index.member_count(a) + self.index.member_count(b) > self.rules.members_cap {
            return Err(Refused::Full {
                cap: self.rules.members_cap,
            });
        }
        Ok(())
    }
}

/// The persons that the joins among `records` make, and the joins that `may` refused. `may` sees the members of both sides.
fn replay(
    records: &[Arc<PersonRecord>],
    may: impl Fn(&[&PersonRecord], &[&PersonRecord]) -> bool,
) -> (BTreeMap<Handle, PersonId>, Vec<(Handle, i64)>) {
    let mut persons: BTreeMap<Handle, PersonId> = BTreeMap::new();
    let mut groups: BTreeMap<PersonId, Vec<&PersonRecord>> = BTreeMap::new();
    let mut joins: Vec<(i64, Handle, Handle)> = Vec::new();
    for record in records {
        persons.insert(record.handle, record.own_person);
        groups.insert(record.own_person, vec![record]);
        let holding = record.joins_that_hold();
        joins.extend(holding.map(|join| (join.sequence, join.survivor, record.handle)));
    }
    joins.sort_unstable();
    let mut refused = Vec::new();
    for (sequence, survivor, joining) in joins {
        let (Some(to), Some(from)) = (
            persons.get(&survivor).copied(),
            persons.get(&joining).copied(),
        ) else {
            continue;
        };
        let (Some(staying), Some(moving)) = (groups.get(&to), groups.get(&from)) else {
            continue;
        };
        if to == from {
            continue;
        }
        if !may(staying, moving) {
            refused.push((joining, sequence));
            continue;
        }
        let moving = groups.remove(&from).unwrap_or_default();
        for record in &moving {
            persons.insert(record.handle, to);
        }
        groups.entry(to).or_default().extend(moving);
    }
    (persons, refused)
}

/// Keeps the history bounded: undone joins leave oldest first, those of the rules before those of operators.
fn forget_old(joins: &mut Vec<Join>) {
    while joins.iter().filter(|join| !join.holds()).count() > HISTORY {
        let of_rules = joins
            .iter()
            .position(|join| !join.holds() && !join.taken_apart());
        let oldest = of_rules.or_else(|| joins.iter().position(|join| !join.holds()));
        match oldest {
            Some(at) => drop(joins.remove(at)),
            None => return,
        }
    }
}
