//! Which pairs wait for a reviewer, in the order in which they began to wait. A pure function of the records.

use super::record::PersonRecord;
use super::table::Table;
use std::collections::BTreeSet;
use walbrook_domain::{Handle, Instant};

/// A place in the order of waiting: since when, the later record, the earlier one.
pub type Place = (Instant, Handle, Handle);

/// The pairs that wait.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Waiting {
    order: BTreeSet<Place>,
    /// The other direction: which later records wait because of this one.
    because_of: Table<Handle, BTreeSet<Handle>>,
}

impl Waiting {
    /// A record has come.
    pub fn enter(&mut self, record: &PersonRecord) {
        for candidate in &record.candidates {
            self.order
                .insert((candidate.since, record.handle, candidate.other));
            self.because_of
                .entry(candidate.other)
                .or_default()
                .insert(record.handle);
        }
    }

    /// A record has gone.
    pub fn leave(&mut self, record: &PersonRecord) {
        for candidate in &record.candidates {
            self.order
                .remove(&(candidate.since, record.handle, candidate.other));
            if let Some(records) = self.because_of.get_mut(&candidate.other) {
                records.remove(&record.handle);
                if records.is_empty() {
                    self.because_of.remove(&candidate.other);
                }
            }
        }
    }

    /// How many pairs wait.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Pairs that stand after a place, those that wait longest first.
    pub fn after(&self, place: Option<Place>) -> impl Iterator<Item = &Place> {
        use std::ops::Bound;
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.order.range((from, Bound::Unbounded))
    }

    /// Later records that wait because of this one.
    pub fn because_of(&self, handle: Handle) -> impl Iterator<Item = Handle> {
        self.because_of.get(&handle).into_iter().flatten().copied()
    }
}
