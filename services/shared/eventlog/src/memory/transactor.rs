//! Transactions.

use super::{Fate, Inner, MemoryLog, Transaction};
use crate::{
    GroupGeneration, InputPosition, LogError, NewRecord, Severity, TopicPartition, Transactor,
};
use std::collections::BTreeSet;

/// A transactor of a [`MemoryLog`].
#[derive(Debug)]
pub struct MemoryTransactor {
    log: MemoryLog,
    id: String,
    epoch: Option<u64>,
    open: Option<u64>,
    sent: Vec<(TopicPartition, i64)>,
    /// Not on the log yet; lost unless drained.
    waiting: Vec<NewRecord>,
}

impl MemoryTransactor {
    pub(super) fn new(log: MemoryLog, id: &str) -> Self {
        Self {
            log,
            id: id.to_owned(),
            epoch: None,
            open: None,
            sent: Vec::new(),
            waiting: Vec::new(),
        }
    }

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
        inner.complete(&self.id);
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
        inner.complete(&self.id);
        let id = u64::try_from(inner.transactions.len()).unwrap_or(u64::MAX);
        inner.transactions.push(Transaction {
            id: self.id.clone(),
            fate: Fate::Open,
            touched: BTreeSet::new(),
            unmarked: BTreeSet::new(),
            positions: Vec::new(),
            committed: Vec::new(),
        });
        inner.open.insert(self.id.clone(), id);
        self.open = Some(id);
        self.sent.clear();
        self.waiting.clear();
        Ok(())
    }

    fn send(&mut self, record: NewRecord) -> Result<(), LogError> {
        let log = self.log.clone();
        let mut inner = log.inner.lock();
        self.check(&inner, "send")?;
        let id = self.open_id("send")?;
        if inner.late {
            self.waiting.push(record);
            return Ok(());
        }
        let at = inner.append(record, Some(id))?;
        self.sent.push(at);
        Ok(())
    }

    fn drain(&mut self) -> Result<Vec<(TopicPartition, i64)>, LogError> {
        let log = self.log.clone();
        let mut inner = log.inner.lock();
        self.check(&inner, "drain")?;
        for record in std::mem::take(&mut self.waiting) {
            let id = self.open_id("drain")?;
            self.sent.push(inner.append(record, Some(id))?);
        }
        Ok(std::mem::take(&mut self.sent))
    }

    fn send_positions(
        &mut self,
        group: &str,
        positions: &[InputPosition],
        _generation: Option<&dyn GroupGeneration>,
    ) -> Result<(), LogError> {
        let mut inner = self.log.inner.lock();
        self.check(&inner, "send positions")?;
        let id = self.open_id("send positions")?;
        if let Some(transaction) = inner.transaction(id) {
            transaction.positions.extend(
                positions
                    .iter()
                    .map(|position| (group.to_owned(), position.clone())),
            );
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), LogError> {
        let log = self.log.clone();
        let mut inner = log.inner.lock();
        self.check(&inner, "commit")?;
        let id = self.open_id("commit")?;
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
        inner.finish(id, Fate::Aborted);
        inner.open.remove(&self.id);
        self.open = None;
        Ok(())
    }
}
