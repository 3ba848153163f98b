//! What is asked of the index.

use super::super::demographics::Key;
use super::super::record::{Join, PersonRecord, Token};
use super::super::table::Slot;
use super::super::waiting::Waiting;
use super::{Index, Row};
use std::hash::BuildHasher;
use std::sync::Arc;
use walbrook_domain::{Day, Handle, Organisation, PersonId};
use walbrook_matching::{BlockKey, Brief, Frequencies, Value};

impl Index {
    /// The record of a handle.
    pub fn record(&self, handle: Handle) -> Option<&Arc<PersonRecord>> {
        self.at(self.slot(handle)?)
    }

    /// The record of a lookup token.
    pub fn by_token(&self, token: Token) -> Option<&Arc<PersonRecord>> {
        let hash = self.hasher.hash_one(token.prefix());
        let is = |slot| self.at(slot).is_some_and(|record| record.token == token);
        self.at(self.tokens.get(hash, is)?)
    }

    /// All records, in no order.
    pub fn records(&self) -> impl Iterator<Item = &Arc<PersonRecord>> {
        self.slots.iter().flatten()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many persons there are.
    pub fn person_count(&self) -> usize {
        self.persons.len()
    }

    /// A person's members, ordered by handle.
    pub fn members(&self, person: PersonId) -> impl Iterator<Item = &Arc<PersonRecord>> {
        self.all(self.persons.get(&person))
    }

    /// How many members a person has.
    pub fn member_count(&self, person: PersonId) -> usize {
        self.persons.get(&person).len()
    }

    /// The revision of a person's link records: the greatest that stands on a member.
    pub fn revision(&self, person: PersonId) -> u32 {
        let revisions = self.members(person).map(|record| record.revision);
        revisions.max().unwrap_or(0)
    }

    /// Records with this strong key.
    pub fn with_strong(&self, key: Key) -> impl Iterator<Item = &Arc<PersonRecord>> {
        self.all(self.strong.get(&key))
    }

    /// Records with these exact demographics.
    pub fn with_exact(&self, key: Key) -> impl Iterator<Item = &Arc<PersonRecord>> {
        self.all(self.exact.get(&key))
    }

    /// The slots of the records with this key, in no order.
    pub(in super::super) fn block(&self, key: BlockKey) -> &[Slot] {
        self.blocks.get(key.0)
    }

    /// What is looked at second of the record in a slot.
    pub(in super::super) fn row(&self, slot: Slot) -> Option<&Row> {
        self.rows.get(slot as usize)
    }

    /// What is looked at first of the record in a slot.
    pub(in super::super) fn brief(&self, slot: Slot) -> Option<&Brief> {
        self.briefs.get(slot as usize)
    }

    /// The record in a slot.
    pub(in super::super) fn in_slot(&self, slot: Slot) -> Option<&Arc<PersonRecord>> {
        self.at(slot)
    }

    /// The slot of a record.
    pub(in super::super) fn slot_of(&self, handle: Handle) -> Option<Slot> {
        self.slot(handle)
    }

    /// The organisation of a row's number.
    pub(in super::super) fn organisation(&self, number: u32) -> Option<&Organisation> {
        self.words.organisation(number)
    }

    /// How often values occur among the records but this one.
    pub fn besides<'a>(&'a self, record: &'a PersonRecord) -> impl Frequencies + 'a {
        self.counts.besides(record.features())
    }

    /// The pairs that wait for a reviewer.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Whether an operator took these two apart, or a reviewer said that they are never the same.
    pub fn taken_apart(&self, a: Handle, b: Handle) -> bool {
        self.apart
            .get(&a)
            .is_some_and(|others| others.contains_key(&b))
    }

    /// Joins that hold and name this record, on either side, each with the record that joined; latest last.
    pub fn joins_naming(&self, handle: Handle) -> Vec<(Handle, Join)> {
        let mut joins: Vec<(Handle, Join)> = Vec::new();
        if let Some(record) = self.record(handle) {
            joins.extend(record.joins_that_hold().map(|join| (handle, join.clone())));
        }
        for other in self.all(self.joined_by.get(&handle)) {
            let naming = other
                .joins_that_hold()
                .filter(|join| join.survivor == handle);
            joins.extend(naming.map(|join| (other.handle, join.clone())));
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
            .filter_map(|(at, slot)| Some((*at, self.at(*slot)?.handle)))
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

impl Frequencies for Index {
    fn records(&self) -> u32 {
        self.counts.records()
    }

    fn count(&self, what: Value, value: u64) -> u32 {
        self.counts.count(what, value)
    }
}
