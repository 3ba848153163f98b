//! When two indexes are equal.

use super::super::demographics::Key;
use super::super::record::{PersonRecord, Token};
use super::super::table::{Postings, Slot};
use super::super::waiting::Waiting;
use super::{Index, handle_at};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use walbrook_domain::{Day, Handle, PersonId};
use walbrook_matching::Counts;

/// Everything that must be equal of two indexes that hold the same records, whatever slots they gave them.
#[derive(PartialEq)]
struct Content<'a> {
    records: BTreeMap<Handle, &'a PersonRecord>,
    tokens: BTreeMap<Token, Handle>,
    in_order: BTreeMap<i64, Handle>,
    persons: BTreeMap<PersonId, Vec<Handle>>,
    strong: BTreeMap<Key, BTreeSet<Handle>>,
    exact: BTreeMap<Key, BTreeSet<Handle>>,
    blocks: BTreeMap<u32, BTreeSet<Handle>>,
    counts: &'a Counts,
    apart: &'a HashMap<Handle, BTreeMap<Handle, usize>>,
    joined_by: BTreeMap<Handle, BTreeSet<Handle>>,
    growing_up: &'a BTreeSet<(Day, Handle)>,
    waiting: &'a Waiting,
    last_join: i64,
}

impl Index {
    fn content(&self) -> Content<'_> {
        let handle = |slot: &Slot| handle_at(&self.slots, *slot);
        let sets = |postings: &Postings<Key>| {
            let of =
                |(key, slots): (&Key, &[Slot])| (*key, slots.iter().filter_map(handle).collect());
            postings.iter().map(of).collect()
        };
        let blocks = self.blocks.iter();
        let records = self.handles.iter().filter_map(|slot| self.at(slot));
        let tokens = self.tokens.iter().filter_map(|slot| self.at(slot));
        let members = self.persons.iter();
        let joined = self.joined_by.iter();
        let in_order = self.in_order.iter();
        Content {
            records: records.map(|record| (record.handle, &**record)).collect(),
            tokens: tokens.map(|record| (record.token, record.handle)).collect(),
            in_order: in_order
                .filter_map(|(at, slot)| Some((*at, handle(slot)?)))
                .collect(),
            persons: members
                .map(|(person, slots)| (*person, slots.iter().filter_map(handle).collect()))
                .collect(),
            strong: sets(&self.strong),
            exact: sets(&self.exact),
            blocks: blocks
                .map(|(key, slots)| (key, slots.iter().filter_map(handle).collect()))
                .collect(),
            counts: &self.counts,
            apart: &self.apart,
            joined_by: joined
                .map(|(survivor, slots)| (*survivor, slots.iter().filter_map(handle).collect()))
                .collect(),
            growing_up: &self.growing_up,
            waiting: &self.waiting,
            last_join: self.last_join,
        }
    }
}

impl PartialEq for Index {
    fn eq(&self, other: &Self) -> bool {
        self.content() == other.content()
    }
}
