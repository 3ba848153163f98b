//! The whole state of identity in memory: a pure function of the set of records, so that a rebuilt index equals the live one.

use super::demographics::Key;
use super::record::{Join, PersonRecord, Token};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use walbrook_domain::{Day, Handle, PersonId};

/// Records by handle, and every way in which they are looked up.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Index {
    records: HashMap<Handle, Arc<PersonRecord>>,
    tokens: HashMap<Token, Handle>,
    in_order: BTreeMap<i64, Handle>,
    persons: HashMap<PersonId, BTreeSet<Handle>>,
    strong: HashMap<Key, BTreeSet<Handle>>,
    exact: HashMap<Key, BTreeSet<Handle>>,
    postcodes: HashMap<String, usize>,
    /// Records that an operator took apart, both ways, with how often.
    apart: HashMap<Handle, BTreeMap<Handle, usize>>,
    /// The other direction of joins that hold: who joined with this record.
    joined_by: HashMap<Handle, BTreeSet<Handle>>,
    /// Records without an `adult_from`, by the day from which they are adults.
    growing_up: BTreeSet<(Day, Handle)>,
    last_join: i64,
}

impl Index {
    /// Puts a record in the place of the one with the same handle, and returns that one.
    pub fn put(&mut self, record: Arc<PersonRecord>) -> Option<Arc<PersonRecord>> {
        let before = self.remove(record.handle);
        self.enter(&record);
        self.records.insert(record.handle, record);
        before
    }

    /// Takes a record out.
    pub fn remove(&mut self, handle: Handle) -> Option<Arc<PersonRecord>> {
        let record = self.records.remove(&handle)?;
        self.leave(&record);
        Some(record)
    }

    fn enter(&mut self, record: &PersonRecord) {
        let handle = record.handle;
        self.tokens.insert(record.token, handle);
        self.in_order.insert(record.sequence, handle);
        add(&mut self.persons, record.person, handle);
        for (_, key) in record.known.strong_keys(&record.organisation.to_string()) {
            add(&mut self.strong, key, handle);
        }
        if let Some(key) = record.known.exact_key() {
            add(&mut self.exact, key, handle);
        }
        if let Some(postcode) = &record.known.postcode {
            *self.postcodes.entry(postcode.clone()).or_insert(0) += 1;
        }
        for join in &record.joins {
            self.last_join = self.last_join.max(join.sequence);
            if join.taken_apart() {
                self.count_apart(handle, join.survivor, true);
            }
            if join.holds() {
                add(&mut self.joined_by, join.survivor, handle);
            }
        }
        if let (None, Some(born)) = (record.adult_from, record.known.birth_date) {
            self.growing_up.insert((born.adult_from(), handle));
        }
    }

    fn leave(&mut self, record: &PersonRecord) {
        let handle = record.handle;
        self.tokens.remove(&record.token);
        self.in_order.remove(&record.sequence);
        take(&mut self.persons, record.person, handle);
        for (_, key) in record.known.strong_keys(&record.organisation.to_string()) {
            take(&mut self.strong, key, handle);
        }
        if let Some(key) = record.known.exact_key() {
            take(&mut self.exact, key, handle);
        }
        if let Some(postcode) = &record.known.postcode {
            let left = self
                .postcodes
                .get(postcode)
                .map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                self.postcodes.remove(postcode);
            } else {
                self.postcodes.insert(postcode.clone(), left);
            }
        }
        for join in &record.joins {
            if join.taken_apart() {
                self.count_apart(handle, join.survivor, false);
            }
            if join.holds() {
                take(&mut self.joined_by, join.survivor, handle);
            }
        }
        if let Some(born) = record.known.birth_date {
            self.growing_up.remove(&(born.adult_from(), handle));
        }
    }

    fn count_apart(&mut self, a: Handle, b: Handle, more: bool) {
        for (from, to) in [(a, b), (b, a)] {
            let others = self.apart.entry(from).or_default();
            let count = others.entry(to).or_insert(0);
            *count = if more {
                *count + 1
            } else {
                count.saturating_sub(1)
            };
            if *count == 0 {
                others.remove(&to);
            }
            if others.is_empty() {
                self.apart.remove(&from);
            }
        }
    }

    /// The record of a handle.
    pub fn record(&self, handle: Handle) -> Option<&Arc<PersonRecord>> {
        self.records.get(&handle)
    }

    /// The record of a lookup token.
    pub fn by_token(&self, token: Token) -> Option<&Arc<PersonRecord>> {
        self.records.get(self.tokens.get(&token)?)
    }

    /// All records, in no order.
    pub fn records(&self) -> impl Iterator<Item = &Arc<PersonRecord>> {
        self.records.values()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many persons there are.
    pub fn person_count(&self) -> usize {
        self.persons.len()
    }

    /// A person's members, ordered by handle.
    pub fn members(&self, person: PersonId) -> impl Iterator<Item = &Arc<PersonRecord>> {
        let handles = self.persons.get(&person).into_iter().flatten();
        handles.filter_map(|handle| self.records.get(handle))
    }

    /// How many members a person has.
    pub fn member_count(&self, person: PersonId) -> usize {
        self.persons.get(&person).map_or(0, BTreeSet::len)
    }

    /// Records with this strong key.
    pub fn with_strong(&self, key: Key) -> impl Iterator<Item = &Arc<PersonRecord>> {
        let handles = self.strong.get(&key).into_iter().flatten();
        handles.filter_map(|handle| self.records.get(handle))
    }

    /// Records with these exact demographics.
    pub fn with_exact(&self, key: Key) -> impl Iterator<Item = &Arc<PersonRecord>> {
        let handles = self.exact.get(&key).into_iter().flatten();
        handles.filter_map(|handle| self.records.get(handle))
    }

    /// How many records have this postcode.
    pub fn sharing_postcode(&self, postcode: &str) -> usize {
        self.postcodes.get(postcode).copied().unwrap_or(0)
    }

    /// Whether an operator took these two apart.
    pub fn taken_apart(&self, a: Handle, b: Handle) -> bool {
        self.apart
            .get(&a)
            .is_some_and(|others| others.contains_key(&b))
    }

    /// Joins that hold and name this record, on either side, each with the record that joined; latest last.
    pub fn joins_naming(&self, handle: Handle) -> Vec<(Handle, Join)> {
        let mut joins: Vec<(Handle, Join)> = Vec::new();
        if let Some(record) = self.records.get(&handle) {
            joins.extend(record.joins_that_hold().map(|join| (handle, join.clone())));
        }
        for other in self.joined_by.get(&handle).into_iter().flatten() {
            let Some(record) = self.records.get(other) else {
                continue;
            };
            let naming = record
                .joins_that_hold()
                .filter(|join| join.survivor == handle);
            joins.extend(naming.map(|join| (*other, join.clone())));
        }
        joins.sort_by_key(|(_, join)| join.sequence);
        joins
    }

    /// Records without an `adult_from` whose own day has come by `today`, in order of that day.
    pub fn grown_up(&self, today: Day) -> impl Iterator<Item = Handle> {
        let due = self
            .growing_up
            .iter()
            .take_while(move |(day, _)| *day <= today);
        due.map(|(_, handle)| *handle)
    }

    /// Up to `limit` records that stand after `sequence` in the order of records.
    pub fn after(&self, sequence: i64, limit: usize) -> Vec<(i64, Handle)> {
        let later = self.in_order.range(sequence.saturating_add(1)..);
        later
            .take(limit)
            .map(|(at, handle)| (*at, *handle))
            .collect()
    }

    /// The place of the next record.
    pub fn next_sequence(&self) -> i64 {
        self.in_order.keys().next_back().map_or(1, |last| last + 1)
    }

    /// The place of the next join. Places of joins whose record was rolled back are not used again.
    pub fn next_join(&self) -> i64 {
        self.last_join + 1
    }
}

fn add<K: Eq + Hash>(map: &mut HashMap<K, BTreeSet<Handle>>, key: K, handle: Handle) {
    map.entry(key).or_default().insert(handle);
}

fn take<K: Eq + Hash>(map: &mut HashMap<K, BTreeSet<Handle>>, key: K, handle: Handle) {
    if let Some(handles) = map.get_mut(&key) {
        handles.remove(&handle);
        if handles.is_empty() {
            map.remove(&key);
        }
    }
}
