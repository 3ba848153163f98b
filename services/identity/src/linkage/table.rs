//! Flat tables from hashes to slots: what a million records need is counted in bytes.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::collections::HashMap;
use std::hash::Hash;

/// A record's place in the index.
pub(super) type Slot = u32;

/// A table with a hasher that is quick for keys that are hashes or random already, and seeded, so that nobody chooses where keys meet.
pub(super) type Table<K, V> = HashMap<K, V, RandomState>;

/// Slots by a key that stands on the record itself: the table holds nothing but the slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots(HashTable<Slot>);

impl Slots {
    pub(super) fn with_capacity(slots: usize) -> Self {
        Self(HashTable::with_capacity(slots))
    }

    pub(super) fn get(&self, hash: u64, is: impl Fn(Slot) -> bool) -> Option<Slot> {
        self.0.find(hash, |slot| is(*slot)).copied()
    }

    /// The key must not be there yet.
    pub(super) fn insert(&mut self, hash: u64, slot: Slot, hash_of: impl Fn(Slot) -> u64) {
        self.0.insert_unique(hash, slot, |slot| hash_of(*slot));
    }

    pub(super) fn remove(&mut self, hash: u64, slot: Slot) {
        if let Ok(entry) = self.0.find_entry(hash, |found| *found == slot) {
            entry.remove();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Slot> {
        self.0.iter().copied()
    }
}

/// Slots under one key: nearly always one.
#[derive(Debug, Clone)]
pub(super) enum Few {
    One(Slot),
    /// Never empty. Boxed twice, so that the common case stays at 16 bytes.
    #[expect(
        clippy::box_collection,
        reason = "the list is rare, its place in every entry is not"
    )]
    Many(Box<Vec<Slot>>),
}

impl Few {
    pub(super) fn as_slice(&self) -> &[Slot] {
        match self {
            Few::One(slot) => std::slice::from_ref(slot),
            Few::Many(slots) => slots,
        }
    }

    /// Puts a slot in at a place.
    pub(super) fn insert(&mut self, at: usize, slot: Slot) {
        match self {
            Few::One(one) => {
                let mut slots = Vec::with_capacity(2);
                slots.push(*one);
                slots.insert(at.min(1), slot);
                *self = Few::Many(Box::new(slots));
            }
            Few::Many(slots) => slots.insert(at.min(slots.len()), slot),
        }
    }

    /// Takes a slot out and keeps the order of the others; true when it was the only one, which is then still there.
    fn remove(&mut self, slot: Slot) -> bool {
        match self {
            Few::One(one) => *one == slot,
            Few::Many(slots) => {
                if let Some(at) = slots.iter().position(|found| *found == slot) {
                    slots.remove(at);
                }
                match slots.as_slice() {
                    [] => true,
                    [one] => {
                        *self = Few::One(*one);
                        false
                    }
                    _ => false,
                }
            }
        }
    }
}

/// Slots by a key that several records may share.
#[derive(Debug, Clone)]
pub(super) struct Postings<K>(Table<K, Few>);

impl<K> Default for Postings<K> {
    fn default() -> Self {
        Self(Table::default())
    }
}

impl<K: Eq + Hash> Postings<K> {
    pub(super) fn with_capacity(keys: usize) -> Self {
        Self(Table::with_capacity_and_hasher(
            keys,
            RandomState::default(),
        ))
    }

    pub(super) fn get(&self, key: &K) -> &[Slot] {
        self.0.get(key).map_or(&[], Few::as_slice)
    }

    /// Adds a slot that is not there yet, at the place that `place` finds among those there.
    pub(super) fn add_at(&mut self, key: K, slot: Slot, place: impl FnOnce(&[Slot]) -> usize) {
        match self.0.entry(key) {
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                let few = entry.get_mut();
                let at = place(few.as_slice());
                few.insert(at, slot);
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Few::One(slot));
            }
        }
    }

    pub(super) fn add(&mut self, key: K, slot: Slot) {
        self.add_at(key, slot, <[Slot]>::len);
    }

    pub(super) fn take(&mut self, key: K, slot: Slot) {
        if let std::collections::hash_map::Entry::Occupied(mut entry) = self.0.entry(key)
            && entry.get_mut().remove(slot)
        {
            entry.remove();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &[Slot])> {
        self.0.iter().map(|(key, few)| (key, few.as_slice()))
    }
}

/// A bucket's list stands in the pool; otherwise the number is the one slot itself.
const POOLED: u32 = 1 << 31;

/// Slots by block key: a dozen keys a record, so that each takes nine bytes where one record has it.
///
/// Of a key 32 bits are kept. Two keys that share them share a bucket: one in three hundred at a million records, and it only adds candidates.
#[derive(Debug, Clone, Default)]
pub(super) struct Buckets {
    table: HashTable<(u32, u32)>,
    pool: Vec<Vec<Slot>>,
    free: Vec<u32>,
}

/// The part of a key that is kept, and the hash that follows from it.
fn kept(key: u64) -> (u32, u64) {
    let kept = (key >> 32) as u32;
    (kept, spread(kept))
}

fn spread(kept: u32) -> u64 {
    u64::from(kept).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Buckets of a record, about: a large register has so many kinds of keys that are its own.
const OWN_BUCKETS: usize = 8;

impl Buckets {
    /// Room for the keys of so many records.
    pub(super) fn with_capacity(records: usize) -> Self {
        Self {
            table: HashTable::with_capacity(records * OWN_BUCKETS),
            ..Self::default()
        }
    }

    pub(super) fn get(&self, key: u64) -> &[Slot] {
        let (kept, hash) = kept(key);
        match self.table.find(hash, |(other, _)| *other == kept) {
            Some((_, place)) if place & POOLED != 0 => {
                let list = self.pool.get((place & !POOLED) as usize);
                list.map_or(&[], Vec::as_slice)
            }
            Some((_, slot)) => std::slice::from_ref(slot),
            None => &[],
        }
    }

    /// Adds a slot. One that is there already stays once.
    pub(super) fn add(&mut self, key: u64, slot: Slot) {
        let (kept, hash) = kept(key);
        let Some((_, place)) = self.table.find_mut(hash, |(other, _)| *other == kept) else {
            let entry = (kept, slot);
            self.table
                .insert_unique(hash, entry, |(kept, _)| spread(*kept));
            return;
        };
        if *place & POOLED == 0 {
            if *place != slot {
                let list = vec![*place, slot];
                let number = match self.free.pop() {
                    Some(number) => number,
                    None => {
                        self.pool.push(Vec::new());
                        (self.pool.len() - 1) as u32
                    }
                };
                if let Some(pooled) = self.pool.get_mut(number as usize) {
                    *pooled = list;
                }
                *place = number | POOLED;
            }
        } else if let Some(list) = self.pool.get_mut((*place & !POOLED) as usize)
            // A record's keys come together: where two of them share a bucket, it stands last.
            && list.last() != Some(&slot)
        {
            list.push(slot);
        }
    }

    pub(super) fn take(&mut self, key: u64, slot: Slot) {
        let (kept, hash) = kept(key);
        let Ok(mut entry) = self.table.find_entry(hash, |(other, _)| *other == kept) else {
            return;
        };
        let place = &mut entry.get_mut().1;
        if *place & POOLED == 0 {
            if *place == slot {
                entry.remove();
            }
            return;
        }
        let number = *place & !POOLED;
        let Some(list) = self.pool.get_mut(number as usize) else {
            return;
        };
        if let Some(at) = list.iter().position(|found| *found == slot) {
            list.swap_remove(at);
        }
        if let [one] = list.as_slice() {
            *place = *one;
            *list = Vec::new();
            self.free.push(number);
        }
    }

    /// Every bucket, by what is kept of its key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &[Slot])> {
        self.table
            .iter()
            .map(|(kept, _)| (*kept, self.get(u64::from(*kept) << 32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn postings_are_sets_by_key(acts in prop::collection::vec((0_u8..4, 0_u32..6, any::<bool>()), 0..60)) {
            let mut postings = Postings::default();
            let mut model: BTreeMap<u8, BTreeSet<Slot>> = BTreeMap::new();
            for (key, slot, add) in acts {
                let set = model.entry(key).or_default();
                if add && set.insert(slot) {
                    postings.add_at(key, slot, |found| found.partition_point(|other| *other < slot));
                } else if !add {
                    set.remove(&slot);
                    postings.take(key, slot);
                }
            }
            model.retain(|_, set| !set.is_empty());
            prop_assert_eq!(postings.len(), model.len());
            for (key, set) in model {
                prop_assert_eq!(postings.get(&key), set.into_iter().collect::<Vec<_>>());
            }
        }
    }

    proptest! {
        #[test]
        fn buckets_are_sets_by_key(acts in prop::collection::vec((0_u64..4, 0_u32..6, any::<bool>()), 0..80)) {
            let mut buckets = Buckets::default();
            let mut model: BTreeMap<u64, BTreeSet<Slot>> = BTreeMap::new();
            for (key, slot, add) in acts {
                let set = model.entry(key).or_default();
                if add {
                    if set.insert(slot) {
                        buckets.add(key << 32 | 5, slot);
                        buckets.add(key << 32 | 6, slot);
                    }
                } else {
                    set.remove(&slot);
                    buckets.take(key << 32 | 7, slot);
                }
            }
            for (key, set) in &model {
                let found = buckets.get(key << 32).iter().copied().collect::<BTreeSet<_>>();
                prop_assert_eq!(&found, set);
                prop_assert_eq!(buckets.get(key << 32).len(), set.len());
            }
            model.retain(|_, set| !set.is_empty());
            prop_assert_eq!(buckets.iter().count(), model.len());
        }
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Few>(), 16);
    }
}
