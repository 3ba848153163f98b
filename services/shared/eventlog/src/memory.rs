//! An in-memory log with Kafka's rules that matter for order: offsets, transaction markers that take an offset, the last stable offset,
//! fencing of transactional ids, committed group positions. For tests of order and crashes; the running system never uses it.

use crate::{
    Appender, Committed, Done, Ends, GroupGeneration, InputPosition, LogError, NewRecord,
    Positions, Reader, Record, Severity, TopicPartition, Transactor, murmur2_partition,
};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

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

#[derive(Debug, Default)]
struct Inner {
    partitions: BTreeMap<TopicPartition, Vec<Entry>>,
    counts: HashMap<String, i32>,
    fates: Vec<Fate>,
    epochs: HashMap<String, u64>,
    open: HashMap<String, u64>,
    groups: HashMap<(String, TopicPartition), (i64, String)>,
    now_ms: i64,
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
        MemoryReader {
            log: self.clone(),
            positions: BTreeMap::new(),
        }
    }

    /// A transactor of this id.
    pub fn transactor(&self, id: &str) -> MemoryTransactor {
        MemoryTransactor {
            log: self.clone(),
            id: id.to_owned(),
            epoch: None,
            open: None,
            sent: Vec::new(),
        }
    }

    /// Every committed record of a topic, by partition and offset.
    pub fn committed_records(&self, topic: &str) -> Vec<Record> {
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
                    records.push(record.clone());
                }
            }
        }
        records
    }
}

impl Inner {
    fn fate(&self, id: u64) -> Fate {
        usize::try_from(id)
            .ok()
            .and_then(|index| self.fates.get(index).copied())
            .unwrap_or(Fate::Open)
    }

    fn set_fate(&mut self, id: u64, fate: Fate) {
        if let Some(slot) = usize::try_from(id)
            .ok()
            .and_then(|index| self.fates.get_mut(index))
        {
            *slot = fate;
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
        Ok((at, offset))
    }

    fn finish(&mut self, id: u64, fate: Fate) {
        self.set_fate(id, fate);
        for entries in self.partitions.values_mut() {
            if entries.iter().any(|entry| entry.transaction == Some(id)) {
                entries.push(Entry {
                    record: None,
                    transaction: None,
                });
            }
        }
    }
}

impl Appender for MemoryLog {
    fn append(&self, records: Vec<NewRecord>, done: Done) {
        let result = {
            let mut inner = self.inner.lock();
            records
                .into_iter()
                .map(|record| inner.append(record, None))
                .collect()
        };
        done(result);
    }
}

impl Ends for MemoryLog {
    fn high_watermarks(
        &mut self,
        partitions: &[TopicPartition],
        _wait: Duration,
    ) -> Result<Vec<i64>, LogError> {
        let inner = self.inner.lock();
        partitions
            .iter()
            .map(|at| {
                inner
                    .partitions
                    .get(at)
                    .map(|entries| i64::try_from(entries.len()).unwrap_or(i64::MAX))
                    .ok_or_else(|| {
                        LogError::new(
                            Severity::Fatal,
                            "ask for the end",
                            at.to_string(),
                            "no such partition",
                        )
                    })
            })
            .collect()
    }
}

impl Positions for MemoryLog {
    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        _stable: bool,
        _wait: Duration,
    ) -> Result<Vec<Committed>, LogError> {
        let inner = self.inner.lock();
        Ok(partitions
            .iter()
            .map(|at| {
                let found = inner.groups.get(&(group.to_owned(), at.clone()));
                Committed {
                    at: at.clone(),
                    offset: found.map(|(offset, _)| *offset),
                    metadata: found
                        .map(|(_, metadata)| metadata.clone())
                        .unwrap_or_default(),
                }
            })
            .collect())
    }
}

/// A committed reader of a [`MemoryLog`].
#[derive(Debug)]
pub struct MemoryReader {
    log: MemoryLog,
    positions: BTreeMap<TopicPartition, i64>,
}

impl Reader for MemoryReader {
    fn assign(&mut self, starts: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        self.positions = starts.iter().cloned().collect();
        Ok(())
    }

    fn poll(
        &mut self,
        max: usize,
        _wait: Duration,
        into: &mut Vec<Record>,
    ) -> Result<(), LogError> {
        let inner = self.log.inner.lock();
        let mut left = max;
        for (at, position) in &mut self.positions {
            let Some(entries) = inner.partitions.get(at) else {
                return Err(LogError::new(
                    Severity::Fatal,
                    "read",
                    at.to_string(),
                    "no such partition",
                ));
            };
            let start = usize::try_from(*position).unwrap_or(0);
            for entry in entries.iter().skip(start) {
                let fate = entry
                    .transaction
                    .map_or(Fate::Committed, |id| inner.fate(id));
                if fate == Fate::Open || left == 0 {
                    break;
                }
                *position += 1;
                if let (Some(record), Fate::Committed) = (&entry.record, fate) {
                    into.push(record.clone());
                    left -= 1;
                }
            }
        }
        Ok(())
    }

    fn position(&self, at: &TopicPartition) -> Option<i64> {
        self.positions.get(at).copied()
    }
}

/// A transactor of a [`MemoryLog`].
#[derive(Debug)]
pub struct MemoryTransactor {
    log: MemoryLog,
    id: String,
    epoch: Option<u64>,
    open: Option<u64>,
    sent: Vec<(TopicPartition, i64)>,
}

impl MemoryTransactor {
    fn check(&self, inner: &Inner, operation: &'static str) -> Result<(), LogError> {
        if self.epoch.is_some() && inner.epochs.get(&self.id).copied() == self.epoch {
            Ok(())
        } else {
            Err(LogError::new(
                Severity::Fenced,
                operation,
                self.id.clone(),
                "another owner of this transactional id has taken over",
            ))
        }
    }

    fn open_id(&self, operation: &'static str) -> Result<u64, LogError> {
        self.open.ok_or_else(|| {
            LogError::new(
                Severity::Fatal,
                operation,
                self.id.clone(),
                "no transaction is open",
            )
        })
    }
}

impl Transactor for MemoryTransactor {
    fn init(&mut self) -> Result<(), LogError> {
        let mut inner = self.log.inner.lock();
        if let Some(id) = inner.open.remove(&self.id) {
            inner.finish(id, Fate::Aborted);
        }
        let epoch = inner.epochs.entry(self.id.clone()).or_insert(0);
        *epoch += 1;
        self.epoch = Some(*epoch);
        self.open = None;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), LogError> {
        let log = self.log.clone();
        let mut inner = log.inner.lock();
        self.check(&inner, "begin a transaction")?;
        let id = u64::try_from(inner.fates.len()).unwrap_or(u64::MAX);
        inner.fates.push(Fate::Open);
        inner.open.insert(self.id.clone(), id);
        self.open = Some(id);
        self.sent.clear();
        Ok(())
    }

    fn send(&mut self, record: NewRecord) -> Result<(), LogError> {
        let log = self.log.clone();
        let mut inner = log.inner.lock();
        self.check(&inner, "send")?;
        let id = self.open_id("send")?;
        let at = inner.append(record, Some(id))?;
        self.sent.push(at);
        Ok(())
    }

    fn drain(&mut self) -> Result<Vec<(TopicPartition, i64)>, LogError> {
        Ok(std::mem::take(&mut self.sent))
    }

    fn send_positions(
        &mut self,
        group: &str,
        positions: &[InputPosition],
        _generation: Option<&dyn GroupGeneration>,
    ) -> Result<(), LogError> {
        // Positions become visible at commit in Kafka; here they are kept aside by carrying them in the same lock as the commit.
        let mut inner = self.log.inner.lock();
        self.check(&inner, "send positions")?;
        let id = self.open_id("send positions")?;
        for position in positions {
            let key = (format!("{group}\u{0}{id}"), position.at.clone());
            inner
                .groups
                .insert(key, (position.next_offset, position.metadata.clone()));
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), LogError> {
        let log = self.log.clone();
        let mut inner = log.inner.lock();
        self.check(&inner, "commit")?;
        let id = self.open_id("commit")?;
        let suffix = format!("\u{0}{id}");
        let pending: Vec<_> = inner
            .groups
            .keys()
            .filter(|(group, _)| group.ends_with(&suffix))
            .cloned()
            .collect();
        for (group, at) in pending {
            if let Some(value) = inner.groups.remove(&(group.clone(), at.clone())) {
                let plain = group.trim_end_matches(&suffix).to_owned();
                inner.groups.insert((plain, at), value);
            }
        }
        inner.finish(id, Fate::Committed);
        inner.open.remove(&self.id);
        self.open = None;
        Ok(())
    }

    fn abort(&mut self) -> Result<(), LogError> {
        let log = self.log.clone();
        let mut inner = log.inner.lock();
        self.check(&inner, "abort")?;
        let id = self.open_id("abort")?;
        let suffix = format!("\u{0}{id}");
        inner
            .groups
            .retain(|(group, _), _| !group.ends_with(&suffix));
        inner.finish(id, Fate::Aborted);
        inner.open.remove(&self.id);
        self.open = None;
        Ok(())
    }
}
