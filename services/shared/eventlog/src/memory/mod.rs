//! An in-memory log with Kafka's rules that matter for order: offsets, transaction markers that take an offset, the last stable offset,
//! fencing of transactional ids, committed group positions. For tests of order and crashes; the running system never uses it.
//!
//! It does everything at once, unless [`MemoryLog::do_all_late`] was called: then records stand on the log only once they are drained, and a commit
//! is acknowledged before its markers are written, each when [`MemoryLog::write_marker`] says so. Kafka may do both.

mod clients;
mod transactor;

pub use clients::MemoryReader;
pub use transactor::MemoryTransactor;

use crate::{
    InputPosition, LogError, NewRecord, Record, Severity, TopicPartition, murmur2_partition,
};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Committed,
    Aborted,
}

#[derive(Debug, Clone)]
struct Entry {
    /// `None` for a transaction marker.
    record: Option<Record>,
    transaction: Option<u64>,
}

/// A transaction.
#[derive(Debug)]
struct Transaction {
    id: String,
    fate: Fate,
    touched: BTreeSet<TopicPartition>,
    /// Partitions that lack its marker.
    unmarked: BTreeSet<TopicPartition>,
    /// Positions to be committed with it, until they are.
    positions: Vec<(String, InputPosition)>,
    /// What those positions were, for whoever reads the log afterwards.
    committed: Vec<InputPosition>,
}

/// A record with the transaction it was written in.
pub type Placed = (Record, Option<u64>);

#[derive(Debug, Default)]
struct Inner {
    partitions: BTreeMap<TopicPartition, Vec<Entry>>,
    counts: HashMap<String, i32>,
    transactions: Vec<Transaction>,
    epochs: HashMap<String, u64>,
    open: HashMap<String, u64>,
    groups: HashMap<(String, TopicPartition), (i64, String)>,
    now_ms: i64,
    late: bool,
}

/// The log; clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog {
    inner: Arc<Mutex<Inner>>,
}

impl MemoryLog {
    /// A log with these topics (full names) and partition counts.
    pub fn new<'a>(topics: impl IntoIterator<Item = (&'a str, i32)>) -> Self {
        let log = Self::default();
        {
            let mut inner = log.inner.lock();
            for (topic, count) in topics {
                inner.counts.insert(topic.to_owned(), count);
                for partition in 0..count {
                    inner
                        .partitions
                        .insert(TopicPartition::new(topic, partition), Vec::new());
                }
            }
        }
        log
    }

    /// Sets the log's clock (ms since 1970), used as LogAppendTime for records without a timestamp.
    pub fn set_now_ms(&self, now_ms: i64) {
        self.inner.lock().now_ms = now_ms;
    }

    /// A committed reader.
    pub fn reader(&self) -> MemoryReader {
        MemoryReader::new(self.clone())
    }

    /// A transactor of this id.
    pub fn transactor(&self, id: &str) -> MemoryTransactor {
        MemoryTransactor::new(self.clone(), id)
    }

    /// Every committed record of a topic, by partition and offset.
    pub fn committed_records(&self, topic: &str) -> Vec<Record> {
        self.committed_in_transactions(topic)
            .into_iter()
            .map(|(record, _)| record)
            .collect()
    }

    /// The same, with the transaction of each.
    pub fn committed_in_transactions(&self, topic: &str) -> Vec<Placed> {
        let inner = self.inner.lock();
        let mut records = Vec::new();
        for (at, entries) in &inner.partitions {
            if &*at.topic != topic {
                continue;
            }
            for entry in entries {
                let visible = entry
                    .transaction
                    .is_none_or(|id| inner.fate(id) == Fate::Committed);
                if let (Some(record), true) = (&entry.record, visible) {
                    records.push((record.clone(), entry.transaction));
                }
            }
        }
        records
    }

    /// The group positions that committed transactions carried, in the order in which they were begun.
    pub fn committed_positions(&self) -> Vec<(u64, Vec<InputPosition>)> {
        let inner = self.inner.lock();
        (0..)
            .zip(&inner.transactions)
            .filter(|(_, transaction)| transaction.fate == Fate::Committed)
            .map(|(id, transaction)| (id, transaction.committed.clone()))
            .collect()
    }

    /// How many transactions were aborted.
    pub fn aborted_transactions(&self) -> usize {
        let inner = self.inner.lock();
        inner
            .transactions
            .iter()
            .filter(|transaction| transaction.fate == Fate::Aborted)
            .count()
    }

    /// From now on everything is done as late as it may be.
    pub fn do_all_late(&self) {
        self.inner.lock().late = true;
    }

    /// Markers that are not written yet.
    pub fn unwritten_markers(&self) -> usize {
        let inner = self.inner.lock();
        inner
            .transactions
            .iter()
            .filter(|transaction| transaction.fate != Fate::Open)
            .map(|transaction| {
                transaction.unmarked.len() + usize::from(!transaction.positions.is_empty())
            })
            .sum()
    }

    /// Writes one marker of those that are not written yet, by its place among them; the last of a transaction's markers is its positions'.
    pub fn write_marker(&self, place: usize) {
        let mut inner = self.inner.lock();
        let mut before = 0;
        for id in 0..u64::try_from(inner.transactions.len()).unwrap_or(u64::MAX) {
            let Some(transaction) = inner.transaction(id) else {
                return;
            };
            if transaction.fate == Fate::Open {
                continue;
            }
            let open = transaction.unmarked.len();
            if let Some(at) = transaction
                .unmarked
                .iter()
                .nth(place.saturating_sub(before))
                .cloned()
            {
                return inner.mark(id, &at);
            }
            if !transaction.positions.is_empty() {
                if before + open == place {
                    return inner.settle_positions(id);
                }
                before += 1;
            }
            before += open;
        }
    }

    /// The last stable offset of each partition: nothing at or after it is decided yet for committed readers.
    pub fn stable_ends(&self, partitions: &[TopicPartition]) -> Vec<i64> {
        let inner = self.inner.lock();
        partitions
            .iter()
            .map(|at| {
                let entries = inner.partitions.get(at).map_or(&[][..], Vec::as_slice);
                let stable = entries
                    .iter()
                    .position(|entry| !inner.settled(at, entry))
                    .unwrap_or(entries.len());
                i64::try_from(stable).unwrap_or(i64::MAX)
            })
            .collect()
    }
}

impl Inner {
    fn transaction(&mut self, id: u64) -> Option<&mut Transaction> {
        usize::try_from(id)
            .ok()
            .and_then(|index| self.transactions.get_mut(index))
    }

    fn known(&self, id: u64) -> Option<&Transaction> {
        usize::try_from(id)
            .ok()
            .and_then(|index| self.transactions.get(index))
    }

    fn fate(&self, id: u64) -> Fate {
        self.known(id)
            .map_or(Fate::Open, |transaction| transaction.fate)
    }

    /// Whether a committed reader may pass the entry.
    fn settled(&self, at: &TopicPartition, entry: &Entry) -> bool {
        entry.transaction.is_none_or(|id| {
            self.known(id).is_some_and(|transaction| {
                transaction.fate != Fate::Open && !transaction.unmarked.contains(at)
            })
        })
    }

    /// Writes the marker of a transaction into a partition.
    fn mark(&mut self, id: u64, at: &TopicPartition) {
        if let Some(transaction) = self.transaction(id) {
            transaction.unmarked.remove(at);
        }
        if let Some(entries) = self.partitions.get_mut(at) {
            entries.push(Entry {
                record: None,
                transaction: None,
            });
        }
    }

    fn settle_positions(&mut self, id: u64) {
        let Some(transaction) = self.transaction(id) else {
            return;
        };
        for (group, position) in std::mem::take(&mut transaction.positions) {
            self.groups.insert(
                (group, position.at),
                (position.next_offset, position.metadata),
            );
        }
    }

    /// Writes every marker that is left of the transactions of an id: the coordinator does so before it answers for the next one.
    fn complete(&mut self, id: &str) {
        let numbers: Vec<u64> = (0..)
            .zip(&self.transactions)
            .filter(|(_, transaction)| transaction.id == id && transaction.fate != Fate::Open)
            .map(|(number, _)| number)
            .collect();
        for number in numbers {
            let left = self
                .known(number)
                .map(|transaction| transaction.unmarked.clone())
                .unwrap_or_default();
            for at in left {
                self.mark(number, &at);
            }
            self.settle_positions(number);
        }
    }

    fn append(
        &mut self,
        new: NewRecord,
        transaction: Option<u64>,
    ) -> Result<(TopicPartition, i64), LogError> {
        let unknown = || {
            LogError::new(
                Severity::Fatal,
                "append",
                &*new.topic,
                "the topic does not exist",
            )
        };
        let count = *self.counts.get(&*new.topic).ok_or_else(unknown)?;
        let partition = match (new.partition, &new.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => murmur2_partition(key, count),
            (None, None) => 0,
        };
        let at = TopicPartition::new(new.topic.clone(), partition);
        let now_ms = self.now_ms;
        let entries = self.partitions.get_mut(&at).ok_or_else(unknown)?;
        let offset = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        entries.push(Entry {
            record: Some(Record {
                at: at.clone(),
                offset,
                timestamp_ms: new.timestamp_ms.unwrap_or(now_ms),
                key: new.key,
                value: new.value,
                headers: new.headers,
            }),
            transaction,
        });
        if let Some(transaction) = transaction.and_then(|id| self.transaction(id)) {
            transaction.touched.insert(at.clone());
        }
        Ok((at, offset))
    }

    fn finish(&mut self, id: u64, fate: Fate) {
        let late = self.late && fate == Fate::Committed;
        let Some(transaction) = self.transaction(id) else {
            return;
        };
        transaction.fate = fate;
        transaction.unmarked = transaction.touched.clone();
        if fate == Fate::Committed {
            transaction.committed = transaction
                .positions
                .iter()
                .map(|(_, position)| position.clone())
                .collect();
        } else {
            transaction.positions.clear();
        }
        if !late {
            for at in transaction.touched.clone() {
                self.mark(id, &at);
            }
            self.settle_positions(id);
        }
    }
}
