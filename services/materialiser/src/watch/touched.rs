//! What was touched since a hub last looked, by partition. Marked while the follower holds the partition, so that whoever reads a partition's
//! state finds everything marked that the state already has.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use walbrook_domain::{Organisation, Pseudonym};
use walbrook_view::Touched;

/// Whose rows may differ.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Marks {
    /// People.
    pub people: BTreeSet<Pseudonym>,
    /// Everyone of whom one of these organisations holds a record.
    pub sources: BTreeSet<Organisation>,
}

/// Marks of one hub, by partition.
#[derive(Debug)]
pub struct Touches(Vec<Mutex<Marks>>);

impl Touches {
    /// Nothing marked in so many partitions.
    pub fn new(partitions: usize) -> Self {
        Self((0..partitions).map(|_| Mutex::default()).collect())
    }

    /// Marks what a change touched.
    pub fn mark(&self, partition: i32, touched: &Touched) {
        let Some(marks) = self.of(partition) else {
            return;
        };
        let mut marks = marks.lock();
        match touched {
            Touched::Person(person) => {
                marks.people.insert(*person);
            }
            Touched::Source(organisation) => {
                if !marks.sources.contains(organisation) {
                    marks.sources.insert(organisation.clone());
                }
            }
        }
    }

    fn of(&self, partition: i32) -> Option<&Mutex<Marks>> {
        self.0.get(usize::try_from(partition).ok()?)
    }

    /// Takes the marks of a partition.
    pub fn take(&self, partition: i32) -> Marks {
        let marks = self.of(partition);
        marks
            .map(|marks| std::mem::take(&mut *marks.lock()))
            .unwrap_or_default()
    }
}
