//! Clients on the log in memory.

use std::time::Duration;
use walbrook_broker::enforce::clients::Clients;
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{Committed, Ends, LogError, Positions, Reader, TopicPartition, Transactor};

/// Clients on the log in memory; the group's positions may have expired.
pub struct Memory {
    pub log: MemoryLog,
    pub expired: bool,
}

impl Clients for Memory {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(self.log.reader()))
    }

    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        Box::new(self.log.transactor(id))
    }

    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        Ok(Box::new(self.log.clone()))
    }

    fn positions(&self) -> Result<Box<dyn Positions>, LogError> {
        if self.expired {
            return Ok(Box::new(Expired));
        }
        Ok(Box::new(self.log.clone()))
    }
}

struct Expired;

impl Positions for Expired {
    fn committed(
        &mut self,
        _group: &str,
        partitions: &[TopicPartition],
        _stable: bool,
        _wait: Duration,
    ) -> Result<Vec<Committed>, LogError> {
        let none = |at: &TopicPartition| Committed {
            at: at.clone(),
            offset: None,
            metadata: String::new(),
        };
        Ok(partitions.iter().map(none).collect())
    }
}
