//! The partition numbers of a process.

use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};

/// The partition numbers that members of a process work on, as each of them says.
#[derive(Debug, Default)]
pub struct Owned(Mutex<(usize, BTreeMap<usize, Vec<i32>>)>);

impl Owned {
    /// One more member: its place here.
    pub(super) fn enter(&self) -> usize {
        let mut all = self.0.lock();
        all.0 += 1;
        all.0
    }

    pub(super) fn say(&self, member: usize, numbers: Vec<i32>) {
        self.0.lock().1.insert(member, numbers);
    }

    /// All of them, ascending.
    pub fn numbers(&self) -> BTreeSet<i32> {
        self.0.lock().1.values().flatten().copied().collect()
    }
}
