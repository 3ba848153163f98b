//! Who is joined with whom: joins, and their replay that makes persons.

use super::command::Turn;
use super::demographics::Strategy;
use super::record::{Join, PersonRecord, Undone};
use super::search::Lead;
use super::step::Core;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use walbrook_domain::{Handle, PersonId};

/// Undone joins that a record keeps at most; those an operator undid are the last to go.
const HISTORY: usize = 64;

/// Why two persons are joined.
#[derive(Debug, Clone, Copy)]
pub(super) struct Why<'a> {
    pub(super) strategy: Strategy,
    /// Ten-thousandths.
    pub(super) score: i32,
    /// Organisation and subject of the operator or reviewer, and the reason; empty for the rules.
    pub(super) decided: (&'a str, &'a str),
}

impl<'a> Why<'a> {
    /// Somebody said so.
    pub(super) fn said_by(decided: (&'a str, &'a str)) -> Self {
        Self {
            strategy: Strategy::Manual,
            score: Strategy::Manual.score(),
            decided,
        }
    }
}

impl Core {
    /// Joins a record's person with that of a lead.
    pub(super) fn join_with(&mut self, handle: Handle, lead: &Lead, turn: &Turn<'_>) {
        let persons = (self.index.record(handle), self.index.record(lead.other));
        let (Some(record), Some(other)) = persons else {
            return;
        };
        if record.person == other.person {
            return;
        }
        let (survivor, joining) = self.by_weight(handle, lead.other);
        let why = Why {
            strategy: lead.strategy,
            score: lead.score,
            decided: ("", ""),
        };
        self.join(survivor, joining, why, turn);
    }

    /// Of two records the one whose person keeps its id, first: the person with more members; of two equal ones, the older.
    pub(super) fn by_weight(&self, a: Handle, b: Handle) -> (Handle, Handle) {
        let weight = |handle| {
            let person = self.index.record(handle).map(|record| record.person)?;
            let members = self.index.members(person);
            let oldest = members.map(|record| record.sequence).min()?;
            Some((self.index.member_count(person), -oldest))
        };
        if weight(a) > weight(b) {
            (a, b)
        } else {
            (b, a)
        }
    }

    /// Writes a join down and makes one person of two.
    pub(super) fn join(
        &mut self,
        survivor: Handle,
        joining: Handle,
        why: Why<'_>,
        turn: &Turn<'_>,
    ) {
        let (decided_by, reason) = why.decided;
        let join = Join {
            sequence: self.index.next_join(),
            survivor,
            strategy: why.strategy,
            model: self.model_of(why.strategy),
            score: why.score,
            decided_by: decided_by.to_owned(),
            reason: reason.to_owned(),
            made_at: turn.now,
            undone: None,
        };
        let together = self.members_with(&[survivor, joining]);
        self.change(joining, |record| record.joins.push(join));
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
        let persons = replay(&records, |_, _, _| true).0;
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
                self.count_on(&records, members);
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

    /// Lets the revisions of a new person's links go on where those of the persons that its members come from ended: whoever carried them may be gone.
    fn count_on(&mut self, before: &[Arc<PersonRecord>], members: &BTreeSet<Handle>) {
        let revision_of = |ours: &dyn Fn(&PersonRecord) -> bool| {
            let all = before.iter().filter(|record| ours(record));
            all.map(|record| record.revision).max().unwrap_or(0)
        };
        let own = revision_of(&|record| members.contains(&record.handle));
        let from: BTreeSet<PersonId> = before
            .iter()
            .filter(|record| members.contains(&record.handle))
            .map(|record| record.person)
            .collect();
        let reached = revision_of(&|record| from.contains(&record.person));
        if let Some(first) = members.first().filter(|_| own < reached) {
            self.change(*first, |record| record.revision = reached);
        }
    }

    /// Takes a person apart where two of its organisations are no longer covered by one matching agreement, or no longer by this kind of
    /// evidence: its joins are replayed, and those that would bring uncovered records together no longer hold. Returns every record concerned.
    pub(super) fn part_uncovered(&mut self, handle: Handle, turn: &Turn<'_>) -> Vec<Handle> {
        let Some(record) = self.index.record(handle) else {
            return Vec::new();
        };
        let person = record.person;
        let members: Vec<Arc<PersonRecord>> = self.index.members(person).cloned().collect();
        if self.covered(person, person, turn)
            && members.iter().all(|member| self.allowed(member, turn))
        {
            return Vec::new();
        }
        let covers = |a: &PersonRecord, b: &PersonRecord| {
            a.organisation == b.organisation || turn.cover.covers(&a.organisation, &b.organisation)
        };
        let (_, refused) = replay(&members, |join, a, b| {
            self.allows(join, turn) && a.iter().all(|one| b.iter().all(|other| covers(one, other)))
        });
        self.undo(&refused, "cover-ended", "", turn)
    }

    /// Whether each of the joins in which a record was the one that joined may still rest on its kind of evidence.
    fn allowed(&self, record: &PersonRecord, turn: &Turn<'_>) -> bool {
        let mut joins = record.joins_that_hold();
        joins.all(|join| self.allows((record, join), turn))
    }

    fn allows(&self, (record, join): (&PersonRecord, &Join), turn: &Turn<'_>) -> bool {
        // What people decided rests on cover alone.
        join.strategy == Strategy::Manual
            || self.index.record(join.survivor).is_none_or(|survivor| {
                let (one, other) = (&record.organisation, &survivor.organisation);
                one == other || turn.cover.allows(one, other, join.strategy)
            })
    }
}

/// The persons that the joins among `records` make, and the joins that `may` refused. `may` sees the join and the members of both sides.
fn replay(
    records: &[Arc<PersonRecord>],
    may: impl Fn((&PersonRecord, &Join), &[&PersonRecord], &[&PersonRecord]) -> bool,
) -> (BTreeMap<Handle, PersonId>, Vec<(Handle, i64)>) {
    let mut persons: BTreeMap<Handle, PersonId> = BTreeMap::new();
    let mut groups: BTreeMap<PersonId, Vec<&PersonRecord>> = BTreeMap::new();
    let mut joins: Vec<(&PersonRecord, &Join)> = Vec::new();
    for record in records {
        persons.insert(record.handle, record.own_person);
        groups.insert(record.own_person, vec![record]);
        let holding = record.joins_that_hold();
        joins.extend(holding.map(|join| (&**record, join)));
    }
    joins.sort_by_key(|(_, join)| join.sequence);
    let mut refused = Vec::new();
    for (record, join) in joins {
        let (joining, survivor) = (record.handle, join.survivor);
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
        if !may((record, join), staying, moving) {
            refused.push((joining, join.sequence));
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
