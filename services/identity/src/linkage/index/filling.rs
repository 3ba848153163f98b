//! An empty index filled from a file by two threads: the block keys of a record are as much work as everything else it is found by, and the one knows
//! nothing of the other.

use super::{Index, Parts};
use crate::linkage::record::PersonRecord;
use crate::linkage::table::{Buckets, Slot};
use std::sync::Arc;
use walbrook_matching::blocks;

/// The block keys of records, in the order in which they enter an empty index.
#[derive(Debug)]
pub struct Filling {
    blocks: Buckets,
    next: Slot,
}

impl Filling {
    /// One with room for so many records.
    pub fn with_capacity(records: usize) -> Self {
        Self {
            blocks: Buckets::with_capacity(records),
            next: 0,
        }
    }

    /// The next record.
    pub fn add(&mut self, record: &PersonRecord) {
        for key in blocks(record.features()).iter() {
            self.blocks.add(key.0, self.next);
        }
        self.next = self.next.saturating_add(1);
    }
}

impl Index {
    /// Enters the next record of a filling, but for its block keys; false, and nothing is entered, when one with its handle is there already.
    pub fn fill(&mut self, record: Arc<PersonRecord>) -> bool {
        let new = self.slot(record.handle).is_none();
        if new {
            self.enter_new(record, Parts::UNBLOCKED);
        }
        new
    }

    /// The index was empty, and every record of the filling has been entered in its order.
    pub fn filled(&mut self, filling: Filling) {
        self.blocks = filling.blocks;
    }
}
