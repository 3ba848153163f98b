//! Appending, reading and asking.

use super::{Fate, MemoryLog, Transaction};
use crate::{
    Appender, Committed, Done, Ends, LogError, NewRecord, Positions, Reader, Record, Severity,
    TopicPartition,
};
use std::collections::BTreeMap;
use std::time::Duration;

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
        stable: bool,
        _wait: Duration,
    ) -> Result<Vec<Committed>, LogError> {
        let inner = self.inner.lock();
        let pending = |transaction: &Transaction| {
            transaction.fate == Fate::Committed
                && transaction
                    .positions
                    .iter()
                    .any(|(of, position)| of == group && partitions.contains(&position.at))
        };
        if stable && inner.transactions.iter().any(pending) {
            return Err(LogError::new(
                Severity::Transient,
                "read committed positions",
                group,
                "positions of a transaction are not settled yet",
            ));
        }
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

impl MemoryReader {
    pub(super) const fn new(log: MemoryLog) -> Self {
        Self {
            log,
            positions: BTreeMap::new(),
        }
    }
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
                if left == 0 || !inner.settled(at, entry) {
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
