//! Where the writer's clients of the log come from.

use super::{SESSION_TIMEOUT, TRANSACTION_TIMEOUT};
use walbrook_eventlog::{Ends, GroupReader, LogError, Reader, Transactor};

/// Where clients of the log come from.
pub trait Clients: Send + Sync {
    /// A committed reader.
    ///
    /// # Errors
    /// When the settings are refused.
    fn reader(&self) -> Result<Box<dyn Reader>, LogError>;
    /// Ends of partitions, uncommitted records included.
    ///
    /// # Errors
    /// When the settings are refused.
    fn ends(&self) -> Result<Box<dyn Ends>, LogError>;
    /// A transactor of this id (full name).
    fn transactor(&self, id: &str) -> Box<dyn Transactor>;
    /// A member of this group (full name) over this topic (full name).
    ///
    /// # Errors
    /// When the settings are refused.
    fn member(&self, group: &str, topic: &str) -> Result<Box<dyn GroupReader>, LogError>;
}

/// The real log.
impl Clients for walbrook_eventlog_kafka::Kafka {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(self.reader()?))
    }

    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        Ok(Box::new(self.ends()?))
    }

    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        Box::new(self.transactor(id, TRANSACTION_TIMEOUT))
    }

    fn member(&self, group: &str, topic: &str) -> Result<Box<dyn GroupReader>, LogError> {
        Ok(Box::new(self.group_reader(
            group,
            &[topic],
            SESSION_TIMEOUT,
        )?))
    }
}
