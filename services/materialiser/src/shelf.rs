//! The state of one purpose in memory, by partition, with the offset each stands at. Written by the follower, read by everyone.

use crate::watch::Touches;
use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::watch;
use walbrook_domain::{Day, EventType, Organisation, Pseudonym};
use walbrook_eventlog::murmur2_partition;
use walbrook_view::{Change, Partition, Touched};

/// One partition's state and the next offset to apply to it.
#[derive(Debug, Default)]
pub struct Held {
    /// The fold of everything below `next_offset`.
    pub state: Partition,
    /// Next unapplied offset.
    pub next_offset: i64,
}

/// All partitions of `shared.<purpose>`.
///
/// Every process holds all of them: a second one is a standby that serves too, and there is nothing to hand over when either goes. A share of the
/// partitions each would make every list a call to the others.
#[derive(Debug)]
pub struct Shelf {
    /// Topic without the namespace.
    pub topic: String,
    partitions: Vec<RwLock<Held>>,
    applied: watch::Sender<Vec<i64>>,
    removed_contributions: AtomicU64,
    removed_people: AtomicU64,
    looks: Counter,
    watched: RwLock<Vec<Weak<Touches>>>,
    heard: AtomicU64,
}

impl Shelf {
    /// A shelf with restored states.
    pub fn new(topic: String, held: Vec<Held>) -> Self {
        let applied = held.iter().map(|held| held.next_offset).collect();
        Self {
            topic,
            partitions: held.into_iter().map(RwLock::new).collect(),
            applied: watch::Sender::new(applied),
            removed_contributions: AtomicU64::new(0),
            removed_people: AtomicU64::new(0),
            looks: Counter::default(),
            watched: RwLock::default(),
            heard: AtomicU64::new(0),
        }
    }

    /// The same, counting the people looked up for reads here.
    pub fn counted(self, looks: Counter) -> Self {
        Self { looks, ..self }
    }

    /// The partitions in order of number.
    pub fn partitions(&self) -> &[RwLock<Held>] {
        &self.partitions
    }

    /// The partition a person's records stand in.
    pub fn of(&self, person: &Pseudonym) -> Option<(i32, &RwLock<Held>)> {
        let count = i32::try_from(self.partitions.len()).ok()?;
        let number = murmur2_partition(person.as_bytes(), count);
        let held = self.partitions.get(usize::try_from(number).ok()?)?;
        Some((number, held))
    }

    /// The place where one read looks a person up, counted: whoever is asked about, a read looks as often.
    pub fn look_up(&self, person: &Pseudonym) -> Option<(i32, &RwLock<Held>)> {
        self.looks.inc();
        self.of(person)
    }

    /// Marks for somebody who watches, from now on.
    pub fn touches(&self) -> Arc<Touches> {
        let touches = Arc::new(Touches::new(self.partitions.len()));
        let mut watched = self.watched.write();
        watched.retain(|one| one.strong_count() > 0);
        watched.push(Arc::downgrade(&touches));
        touches
    }

    /// Marks what changes touched for all who watch; called while the partition is held for writing.
    pub fn mark(&self, partition: i32, changes: &[Change]) {
        let is_source = |touched| matches!(touched, Touched::Source(_));
        if changes
            .iter()
            .any(|change| change.touches().is_some_and(is_source))
        {
            self.heard.fetch_add(1, Ordering::Release);
        }
        let watched = self.watched.read();
        let watched: Vec<Arc<Touches>> = watched.iter().filter_map(Weak::upgrade).collect();
        if watched.is_empty() {
            return;
        }
        for touched in changes.iter().filter_map(Change::touches) {
            for one in &watched {
                one.mark(partition, &touched);
            }
        }
    }

    /// A number that is another one whenever a source was heard since.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Acquire)
    }

    /// Says that what the follower applied is now visible.
    pub fn publish(&self) {
        let now: Vec<i64> = self
            .partitions
            .iter()
            .map(|held| held.read().next_offset)
            .collect();
        self.applied.send_if_modified(|applied| {
            let moved = *applied != now;
            *applied = now;
            moved
        });
    }

    /// The offsets applied, as they move.
    pub fn applied(&self) -> watch::Receiver<Vec<i64>> {
        self.applied.subscribe()
    }

    /// Counts what a retraction took.
    pub fn removed(&self, contributions: u64, people: u64) {
        self.removed_contributions
            .fetch_add(contributions, Ordering::Relaxed);
        self.removed_people.fetch_add(people, Ordering::Relaxed);
    }

    /// Contributions and people removed since the process started.
    pub fn removals(&self) -> (u64, u64) {
        (
            self.removed_contributions.load(Ordering::Relaxed),
            self.removed_people.load(Ordering::Relaxed),
        )
    }

    /// The last day each source was heard, over all partitions.
    pub fn heartbeats(&self) -> BTreeMap<(Organisation, EventType), Day> {
        let mut heard = BTreeMap::new();
        for held in &self.partitions {
            for (source, day) in held.read().state.heartbeats() {
                let last = heard.entry(source.clone()).or_insert(day);
                *last = (*last).max(day);
            }
        }
        heard
    }
}
