//! Clients on the in-memory log whose transactions fail where they are told to.

use parking_lot::Mutex;
use std::sync::Arc;
use walbrook_broker::enforce::lane::Clients;
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{
    Ends, GroupGeneration, InputPosition, LogError, NewRecord, Positions, Reader, Severity,
    TopicPartition, Transactor,
};

/// Where the next transaction fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A record is refused after others were written: the transaction is aborted.
    Send(usize),
    /// The process dies after everything was written, before the commit: the transaction stays open.
    BeforeCommit,
    /// The commit happened, and its answer was lost.
    AfterCommit,
    /// The commit did not happen, and its answer was lost.
    UnknownNotDone,
}

/// Clients of a process.
#[derive(Clone)]
pub struct FaultyClients {
    pub log: MemoryLog,
    pub next: Arc<Mutex<Option<Fault>>>,
}

impl FaultyClients {
    pub fn new(log: MemoryLog) -> Self {
        Self {
            log,
            next: Arc::default(),
        }
    }
}

impl Clients for FaultyClients {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(self.log.reader()))
    }

    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        Box::new(FaultyTransactor {
            inner: Box::new(self.log.transactor(id)),
            next: Arc::clone(&self.next),
            sent: 0,
        })
    }

    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        Ok(Box::new(self.log.clone()))
    }

    fn positions(&self) -> Result<Box<dyn Positions>, LogError> {
        Ok(Box::new(self.log.clone()))
    }
}

struct FaultyTransactor {
    inner: Box<dyn Transactor>,
    next: Arc<Mutex<Option<Fault>>>,
    sent: usize,
}

fn error(severity: Severity) -> LogError {
    LogError::new(severity, "simulate", "a fault", "told to")
}

impl Transactor for FaultyTransactor {
    fn init(&mut self) -> Result<(), LogError> {
        self.inner.init()
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.sent = 0;
        self.inner.begin()
    }

    fn send(&mut self, record: NewRecord) -> Result<(), LogError> {
        let fault = *self.next.lock();
        if let Some(Fault::Send(after)) = fault
            && self.sent >= after
        {
            self.next.lock().take();
            return Err(error(Severity::Abort));
        }
        self.sent += 1;
        self.inner.send(record)
    }

    fn drain(&mut self) -> Result<Vec<(TopicPartition, i64)>, LogError> {
        self.inner.drain()
    }

    fn send_positions(
        &mut self,
        group: &str,
        positions: &[InputPosition],
        generation: Option<&dyn GroupGeneration>,
    ) -> Result<(), LogError> {
        self.inner.send_positions(group, positions, generation)
    }

    fn commit(&mut self) -> Result<(), LogError> {
        match self.next.lock().take() {
            Some(Fault::AfterCommit) => {
                self.inner.commit()?;
                Err(error(Severity::OutcomeUnknown))
            }
            Some(Fault::BeforeCommit) => Err(error(Severity::OutcomeUnknown)),
            Some(Fault::UnknownNotDone) => {
                self.inner.abort()?;
                Err(error(Severity::OutcomeUnknown))
            }
            Some(Fault::Send(_)) | None => self.inner.commit(),
        }
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.inner.abort()
    }
}
