//! The broker's clients on the log in memory.

use std::collections::BTreeMap;
use std::time::Duration;
use walbrook_broker::enforce::clients::Clients;
use walbrook_eventlog::memory::{MemoryLog, MemoryReader};
use walbrook_eventlog::{
    Ends, LogError, Positions, Reader, Record, Severity, TopicPartition, Transactor,
};

/// Clients on the log in memory.
#[derive(Clone)]
pub struct SimClients(pub MemoryLog);

impl Clients for SimClients {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(Impatient(self.0.reader(), BTreeMap::new())))
    }

    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        Box::new(self.0.transactor(id))
    }

    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        Ok(Box::new(self.0.clone()))
    }

    fn positions(&self) -> Result<Box<dyn Positions>, LogError> {
        Ok(Box::new(self.0.clone()))
    }
}

/// A reader that gives up where the real one would wait: nothing else happens while it reads.
struct Impatient(MemoryReader, BTreeMap<TopicPartition, i64>);

impl Reader for Impatient {
    fn assign(&mut self, starts: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        self.1 = starts.iter().map(|(at, _)| (at.clone(), -1)).collect();
        self.0.assign(starts)
    }

    fn poll(&mut self, max: usize, wait: Duration, into: &mut Vec<Record>) -> Result<(), LogError> {
        self.0.poll(max, wait, into)?;
        let mut moved = false;
        for (at, before) in &mut self.1 {
            let now = self.0.position(at).unwrap_or(0);
            moved |= now != *before;
            *before = now;
        }
        if moved {
            Ok(())
        } else {
            Err(fault(Severity::Transient))
        }
    }

    fn position(&self, at: &TopicPartition) -> Option<i64> {
        self.0.position(at)
    }
}

pub fn fault(severity: Severity) -> LogError {
    LogError::new(severity, "simulate", "a fault", "told to")
}
