//! p on this machine's disk, so that a takeover reads only what was committed since.
//!
//! A snapshot is p as it stood at a commit: of each raw topic the records that the index follows from, the links at the stamp, what stands, and which
//! page was the last. It is only ever a copy of what the log says. It is used where it is not newer than what is committed and the log goes on where it
//! ends: its last page and the last record of each raw topic stand on the log as it says. The rest is read from there with the same checks as ever.
//! Anything odd, and it is passed over with a line that says why, and the whole history is read.

pub mod folder;
pub mod form;
mod piece;

use super::links::Link;
use super::partition::Partition;
use super::shards::Shards;
use super::stamp::{CommittedStamp, Stamp};
use super::standing::Standings;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use walbrook_domain::{Day, EventType, Instant, Organisation, Purpose};
use walbrook_event::history::Records;
use walbrook_eventlog::TopicPartition;
use walbrook_runtime::kept_file::SnapshotError;

/// One raw topic of p.
pub struct TopicSnapshot {
    full: Arc<str>,
    position: i64,
    records: Records,
}

/// p as it stands at a commit. What is large is shared with p until p changes it: nobody waits for the copy.
pub struct Snapshot {
    pub(super) number: i32,
    topics: Vec<TopicSnapshot>,
    links: Shards<Arc<Link>>,
    standing: Standings,
    heard: BTreeMap<(Purpose, Organisation, EventType), Day>,
    stamp: Stamp,
    last_decided_at: Instant,
    page_offset: i64,
}

impl Snapshot {
    /// The partition number.
    pub const fn number(&self) -> i32 {
        self.number
    }

    /// What must be committed for it to be used.
    pub fn stamp(&self) -> CommittedStamp {
        self.stamp.committed()
    }

    /// When its last page was decided.
    pub const fn decided_at(&self) -> Instant {
        self.last_decided_at
    }

    /// How far it reaches: raw records and pages, counted together.
    pub fn reach(&self) -> i64 {
        let raw: i64 = self.topics.iter().map(|topic| topic.position).sum();
        raw.saturating_add(self.stamp.next_page)
    }
}

impl Partition {
    /// p as it is committed. `None` while more than that is applied, or when it is not known where its last page stands.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let at_rest = self.links.next_offset() == self.stamp.links_next
            && self.changed_links.is_empty()
            && self
                .topics
                .iter()
                .all(|topic| topic.history.next_offset() == topic.position);
        at_rest.then(|| self.snapshot_at(self.stamp.clone()))?
    }

    /// p as it is now, under a stamp.
    pub(super) fn snapshot_at(&self, stamp: Stamp) -> Option<Snapshot> {
        let topics = self
            .topics
            .iter()
            .map(|topic| TopicSnapshot::new(&topic.full, topic.position, topic.history.records()));
        Some(Snapshot {
            number: self.number,
            topics: topics.collect(),
            links: self.links.copied(),
            standing: self.standing.clone(),
            heard: self.heard.clone(),
            stamp,
            last_decided_at: self.last_decided_at,
            page_offset: self.page_offset?,
        })
    }

    /// How far it reaches, counted as [`Snapshot::reach`] does.
    pub fn reach(&self) -> i64 {
        let raw: i64 = self.topics.iter().map(|topic| topic.position).sum();
        raw.saturating_add(self.stamp.next_page)
    }

    /// Whether it has come further than what is committed.
    pub(super) fn is_newer(&self, committed: &Option<CommittedStamp>) -> bool {
        committed.as_ref().is_some_and(|committed| {
            self.stamp.next_page > committed.position.next_page
                || self.stamp.policy_next > committed.position.policy_next
                || self.stamp.links_next > committed.links_next
        })
    }

    /// Why p as a snapshot had it cannot be gone on from, seen from what is committed and where the log ends.
    pub(super) fn obstacle(
        &self,
        committed: &Option<CommittedStamp>,
        positions: &HashMap<String, Option<i64>>,
        ends: &HashMap<TopicPartition, i64>,
        [links, decisions]: [&TopicPartition; 2],
    ) -> Option<String> {
        let end = |at: &TopicPartition| ends.get(at).copied().unwrap_or(0);
        let newer = |what: &str| Some(format!("{what} newer than what is committed"));
        if self.is_newer(committed) {
            return newer("its last page is");
        }
        for topic in &self.topics {
            let known = positions.get(&*topic.full).copied().flatten();
            if known.is_some_and(|known| topic.position > known) {
                return newer(&format!("its position in {} is", topic.plain));
            }
            let at = TopicPartition::new(Arc::clone(&topic.full), self.number);
            if topic.position > end(&at) {
                return Some(format!("{} ends before it", topic.plain));
            }
        }
        if self.stamp.links_next > end(links) || self.page_offset.unwrap_or(0) >= end(decisions) {
            return Some("control.links or audit.decisions ends before it".to_owned());
        }
        None
    }
}

/// Where snapshots are kept.
pub trait Snapshots: Send + Sync {
    /// The snapshot of p, read into p as it is before anything was read; `None` when there is none.
    ///
    /// # Errors
    /// Why it is passed over.
    fn load(
        &self,
        empty: Partition,
        setting: &super::control_view::Setting,
    ) -> Result<Option<Partition>, SnapshotError>;
    /// A snapshot that may be kept in the place of the one before. `last`: there will be no other for now.
    fn offer(&self, snapshot: Box<Snapshot>, last: bool);
}

#[cfg(test)]
mod tests;
