//! The whole state of identity in memory: a pure function of the set of records, so that a rebuilt index equals the live one.

mod content;
mod filling;
mod lookup;
mod words;

pub use filling::Filling;

use super::demographics::Key;
use super::record::PersonRecord;
use super::table::{Buckets, Postings, Slot, Slots};
use super::waiting::Waiting;
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;
use walbrook_domain::{Day, Handle, PersonId};
use walbrook_matching::{Brief, Counts, Spelling, blocks};
use words::Words;

/// Records by handle, and every way in which they are looked up.
///
/// A record has a slot for as long as it is there; tables hold slots. What is told apart by ids that stand on the record (handle, token) is compared
/// there and kept nowhere else.
#[derive(Debug, Default, Clone)]
pub struct Index {
    slots: Vec<Option<Arc<PersonRecord>>>,
    /// What is looked at first of the record in each slot, and what second.
    briefs: Vec<Brief>,
    rows: Vec<Row>,
    free: Vec<Slot>,
    handles: Slots,
    tokens: Slots,
    in_order: BTreeMap<i64, Slot>,
    /// Members in order of their handles.
    persons: Postings<PersonId>,
    strong: Postings<Key>,
    exact: Postings<Key>,
    /// Keys under which records that may be the same person are found.
    blocks: Buckets,
    /// How often values occur.
    counts: Counts,
    /// Records that an operator took apart, both ways, with how often.
    apart: HashMap<Handle, BTreeMap<Handle, usize>>,
    /// The other direction of joins that hold: who joined with this record.
    joined_by: Postings<Handle>,
    /// Records without an `adult_from`, by the day from which they are adults.
    growing_up: BTreeSet<(Day, Handle)>,
    last_join: i64,
    waiting: Waiting,
    words: Words,
    hasher: RandomState,
}

/// What is looked at second, in one line of a processor's cache: a search looks at dozens of records that it then leaves alone, and whatever it would have to
/// fetch from elsewhere for each of them is what it would take.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct Row {
    pub(super) spelling: Spelling,
    /// The organisation that holds it, by number: records are compared under an agreement only.
    pub(super) organisation: u32,
}

/// Which ways of finding a record a change concerns.
#[derive(Clone, Copy)]
struct Parts {
    token: bool,
    place: bool,
    person: bool,
    /// Whatever follows from what was said.
    said: bool,
    /// The block keys of what was said, with it.
    blocks: bool,
    joins: bool,
    age: bool,
    /// What waits for reviewers, and what they decided.
    review: bool,
}

impl Parts {
    const ALL: Parts = Parts {
        token: true,
        place: true,
        person: true,
        said: true,
        blocks: true,
        joins: true,
        age: true,
        review: true,
    };
    const UNBLOCKED: Parts = Parts {
        blocks: false,
        ..Self::ALL
    };

    fn changed(before: &PersonRecord, after: &PersonRecord) -> Self {
        let said =
            !before.said.is_shared_with(&after.said) || before.organisation != after.organisation;
        Self {
            token: before.token != after.token,
            place: before.sequence != after.sequence,
            person: before.person != after.person,
            said,
            blocks: said,
            joins: before.joins != after.joins,
            age: said || before.adult_from.is_none() != after.adult_from.is_none(),
            review: before.candidates != after.candidates || before.acts != after.acts,
        }
    }
}

impl Index {
    /// An empty one, with room for so many records.
    pub fn with_capacity(records: usize) -> Self {
        Self {
            slots: Vec::with_capacity(records),
            rows: Vec::with_capacity(records),
            briefs: Vec::with_capacity(records),
            handles: Slots::with_capacity(records),
            tokens: Slots::with_capacity(records),
            // No more persons than records, and rarely fewer than half as many.
            persons: Postings::with_capacity(records / 2),
            ..Self::default()
        }
    }

    /// Puts a record in the place of the one with the same handle, and returns that one.
    pub fn put(&mut self, record: Arc<PersonRecord>) -> Option<Arc<PersonRecord>> {
        let handle = record.handle;
        let Some(slot) = self.slot(handle) else {
            self.enter_new(record, Parts::ALL);
            return None;
        };
        let before = self.at(slot).map(Arc::clone)?;
        let parts = Parts::changed(&before, &record);
        self.leave(slot, &before, parts);
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(Arc::clone(&record));
        }
        self.enter(slot, &record, parts);
        Some(before)
    }

    fn enter_new(&mut self, record: Arc<PersonRecord>, parts: Parts) {
        let slot = self.new_slot(Arc::clone(&record));
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash_of = |slot| hash_at(slots, hasher, slot, |record| record.handle.prefix());
        let hash = hasher.hash_one(record.handle.prefix());
        self.handles.insert(hash, slot, hash_of);
        self.enter(slot, &record, parts);
    }

    /// Takes a record out.
    pub fn remove(&mut self, handle: Handle) -> Option<Arc<PersonRecord>> {
        let slot = self.slot(handle)?;
        let record = self.at(slot).map(Arc::clone)?;
        self.leave(slot, &record, Parts::ALL);
        self.handles
            .remove(self.hasher.hash_one(handle.prefix()), slot);
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = None;
        }
        self.free.push(slot);
        Some(record)
    }

    /// Makes a new record share its words with the others.
    pub fn intern(&mut self, record: &mut PersonRecord) {
        self.words.intern(record);
    }

    fn new_slot(&mut self, record: Arc<PersonRecord>) -> Slot {
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.slots.get_mut(slot as usize)
        {
            *place = Some(record);
            return slot;
        }
        self.slots.push(Some(record));
        // Four thousand million records do not fit in memory: memory ends first.
        Slot::try_from(self.slots.len() - 1).unwrap_or(Slot::MAX)
    }

    fn enter(&mut self, slot: Slot, record: &PersonRecord, parts: Parts) {
        if parts.token {
            let (slots, hasher) = (&self.slots, &self.hasher);
            let hash_of = |slot| hash_at(slots, hasher, slot, |record| record.token.prefix());
            let hash = hasher.hash_one(record.token.prefix());
            self.tokens.insert(hash, slot, hash_of);
        }
        if parts.place {
            self.in_order.insert(record.sequence, slot);
        }
        if parts.person {
            let slots = &self.slots;
            self.persons.add_at(record.person, slot, |members| {
                members.partition_point(|other| handle_at(slots, *other) < Some(record.handle))
            });
        }
        if parts.said {
            self.enter_said(slot, record);
        }
        if parts.blocks {
            for key in blocks(record.features()).iter() {
                self.blocks.add(key.0, slot);
            }
        }
        if parts.joins {
            for join in &record.joins {
                self.last_join = self.last_join.max(join.sequence);
                if join.taken_apart() {
                    self.count_apart(record.handle, join.survivor, true);
                }
                if join.holds() && !self.joined_by.get(&join.survivor).contains(&slot) {
                    self.joined_by.add(join.survivor, slot);
                }
            }
        }
        if parts.age
            && let (None, Some(born)) = (record.adult_from, record.features().birth_date())
        {
            self.growing_up.insert((born.adult_from(), record.handle));
        }
        if parts.review {
            self.waiting.enter(record);
            for other in record.never_same() {
                self.count_apart(record.handle, other, true);
            }
        }
    }

    fn enter_said(&mut self, slot: Slot, record: &PersonRecord) {
        let row = Row {
            spelling: record.features().spelling(),
            organisation: self.words.number(&record.organisation),
        };
        if self.rows.len() < self.slots.len() {
            self.rows.resize(self.slots.len(), Row::default());
            self.briefs.resize(self.slots.len(), Brief::default());
        }
        let place = slot as usize;
        if let (Some(kept), Some(brief)) = (self.rows.get_mut(place), self.briefs.get_mut(place)) {
            *kept = row;
            *brief = record.features().brief();
        }
        let features = record.features();
        for (_, key) in record.strong_keys() {
            self.strong.add(key, slot);
        }
        if let Some(key) = features.exact_key() {
            self.exact.add(key, slot);
        }
        self.counts.add(features);
    }

    fn leave(&mut self, slot: Slot, record: &PersonRecord, parts: Parts) {
        if parts.token {
            self.tokens
                .remove(self.hasher.hash_one(record.token.prefix()), slot);
        }
        if parts.place {
            self.in_order.remove(&record.sequence);
        }
        if parts.person {
            self.persons.take(record.person, slot);
        }
        if parts.said {
            self.leave_said(slot, record);
        }
        if parts.joins {
            for join in &record.joins {
                if join.taken_apart() {
                    self.count_apart(record.handle, join.survivor, false);
                }
                if join.holds() {
                    self.joined_by.take(join.survivor, slot);
                }
            }
        }
        if parts.age
            && let Some(born) = record.features().birth_date()
        {
            self.growing_up.remove(&(born.adult_from(), record.handle));
        }
        if parts.review {
            self.waiting.leave(record);
            for other in record.never_same() {
                self.count_apart(record.handle, other, false);
            }
        }
    }

    fn leave_said(&mut self, slot: Slot, record: &PersonRecord) {
        let features = record.features();
        for (_, key) in record.strong_keys() {
            self.strong.take(key, slot);
        }
        if let Some(key) = features.exact_key() {
            self.exact.take(key, slot);
        }
        for key in blocks(features).iter() {
            self.blocks.take(key.0, slot);
        }
        self.counts.remove(features);
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

    fn slot(&self, handle: Handle) -> Option<Slot> {
        let hash = self.hasher.hash_one(handle.prefix());
        self.handles
            .get(hash, |slot| handle_at(&self.slots, slot) == Some(handle))
    }

    fn at(&self, slot: Slot) -> Option<&Arc<PersonRecord>> {
        self.slots.get(slot as usize)?.as_ref()
    }

    fn all<'a>(&'a self, slots: &'a [Slot]) -> impl Iterator<Item = &'a Arc<PersonRecord>> {
        slots.iter().filter_map(|slot| self.at(*slot))
    }
}

fn handle_at(slots: &[Option<Arc<PersonRecord>>], slot: Slot) -> Option<Handle> {
    Some(slots.get(slot as usize)?.as_ref()?.handle)
}

fn hash_at(
    slots: &[Option<Arc<PersonRecord>>],
    hasher: &RandomState,
    slot: Slot,
    prefix: impl FnOnce(&PersonRecord) -> u64,
) -> u64 {
    let record = slots.get(slot as usize).and_then(Option::as_ref);
    hasher.hash_one(record.map_or(0, |record| prefix(record)))
}
