//! The log's operations. Kafka implements them in `eventlog-kafka`, tests in [`crate::memory`].

use crate::{LogError, NewRecord, Record, TopicPartition};
use std::time::Duration;

/// A committed position of a group in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The partition.
    pub at: TopicPartition,
    /// Next offset to process; `None` when nothing was ever committed.
    pub offset: Option<i64>,
    /// The metadata committed with it, empty when none.
    pub metadata: String,
}

/// A position to commit with a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPosition {
    /// The partition.
    pub at: TopicPartition,
    /// Last processed offset + 1.
    pub next_offset: i64,
    /// UTF-8, at most 4,096 bytes.
    pub metadata: String,
}

/// Reads committed records of partitions assigned by hand, from absolute offsets.
pub trait Reader: Send {
    /// Replaces the assignment. Each partition starts at its absolute offset.
    ///
    /// # Errors
    /// When the log cannot be reached or a partition does not exist.
    fn assign(&mut self, starts: &[(TopicPartition, i64)]) -> Result<(), LogError>;

    /// Appends up to `max` records to `into`, waiting at most `wait` for the first. May append nothing.
    ///
    /// # Errors
    /// When a position is no longer on the log (never reset silently) or the log failed.
    fn poll(&mut self, max: usize, wait: Duration, into: &mut Vec<Record>) -> Result<(), LogError>;

    /// The next offset this reader will deliver from the partition: the start assigned until something was passed; transaction markers and
    /// aborted records advance it while polling. It may be published as *applied through* only after every record polled before is applied.
    fn position(&self, at: &TopicPartition) -> Option<i64>;

    /// The same of several partitions.
    fn positions(&self, all: &[TopicPartition]) -> Vec<Option<i64>> {
        all.iter().map(|at| self.position(at)).collect()
    }
}

/// A change of a member's assignment, told between batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupEvent {
    /// These partitions are now this member's (the whole assignment).
    Assigned(Vec<TopicPartition>),
    /// These are about to go, in order: positions may still be committed.
    Revoked(Vec<TopicPartition>),
    /// These are gone already: abort what is open.
    Lost(Vec<TopicPartition>),
}

/// The group generation a transaction's positions are sent under, taken when the batch is cut. Fences members that were thrown out since.
/// What it holds is the adapter's.
pub trait GroupGeneration: Send {
    /// For adapters to find their own type again.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// A member of a consumer group with range assignment.
pub trait GroupReader: Send {
    /// Appends up to `max` records to `into`, waiting at most `wait` for the first. Assignment changes that happen during the call are handed to
    /// `on_event` *inside* the call, before the group goes on: an open batch must be settled there.
    ///
    /// # Errors
    /// When the log failed.
    fn poll(
        &mut self,
        max: usize,
        wait: Duration,
        into: &mut Vec<Record>,
        on_event: &mut dyn FnMut(GroupEvent),
    ) -> Result<(), LogError>;

    /// The current group generation.
    ///
    /// # Errors
    /// When this is no member now.
    fn generation(&self) -> Result<Box<dyn GroupGeneration>, LogError>;

    /// Where to start reading the given partitions of the assignment (absolute); until then they are paused.
    ///
    /// # Errors
    /// When a partition is not assigned.
    fn start(&mut self, starts: &[(TopicPartition, i64)]) -> Result<(), LogError>;

    /// Stops delivering from the partitions until they are started again.
    ///
    /// # Errors
    /// When a partition is not assigned.
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), LogError>;
}

/// One transactional id. Transactions run one after another.
pub trait Transactor: Send {
    /// Takes the id over: aborts what a dead owner left open and fences it. Must succeed before the first transaction.
    ///
    /// # Errors
    /// When the log cannot be reached.
    fn init(&mut self) -> Result<(), LogError>;

    /// Starts a transaction.
    ///
    /// # Errors
    /// When one is open or the id is fenced.
    fn begin(&mut self) -> Result<(), LogError>;

    /// Adds a record; returns before it is acknowledged.
    ///
    /// # Errors
    /// When the record can never fit, or the queue stayed full.
    fn send(&mut self, record: NewRecord) -> Result<(), LogError>;

    /// Waits until every record sent is acknowledged (needed before positions and commit). Returns the offsets by order of sending.
    ///
    /// # Errors
    /// When a record was refused: abort.
    fn drain(&mut self) -> Result<Vec<(TopicPartition, i64)>, LogError>;

    /// Adds the group's input positions to the transaction.
    ///
    /// # Errors
    /// When the group has moved on (fenced) or the log failed.
    fn send_positions(
        &mut self,
        group: &str,
        positions: &[InputPosition],
        generation: Option<&dyn GroupGeneration>,
    ) -> Result<(), LogError>;

    /// Commits. On success everything is visible to committed readers, together.
    ///
    /// # Errors
    /// [`crate::Severity::OutcomeUnknown`] when it may or may not have happened.
    fn commit(&mut self) -> Result<(), LogError>;

    /// Aborts.
    ///
    /// # Errors
    /// When the log failed: initialise anew.
    fn abort(&mut self) -> Result<(), LogError>;
}

/// Called once with what became of a batch: where its records stand, in their order, or why one failed.
pub type Done = Box<dyn FnOnce(Result<Vec<(TopicPartition, i64)>, LogError>) + Send>;

/// Appends outside transactions, idempotent, acknowledged by all in-sync replicas.
pub trait Appender: Send + Sync {
    /// Appends the records, in order within each partition, and calls `done` once all are acknowledged or one failed.
    /// On success the offsets stand in the order of `records`. `done` runs on the adapter's thread and must not block.
    fn append(&self, records: Vec<NewRecord>, done: Done);

    /// The same for records that succeed or fail each by itself, handed over together.
    fn append_each(&self, records: Vec<(NewRecord, Done)>) {
        for (record, done) in records {
            self.append(vec![record], done);
        }
    }
}

/// High watermarks, through a client of its own (`read_uncommitted`).
pub trait Ends: Send {
    /// The high watermark of each partition (the next offset that will be written), asked for after this call began.
    ///
    /// # Errors
    /// When the log did not answer within `wait`.
    fn high_watermarks(
        &mut self,
        partitions: &[TopicPartition],
        wait: Duration,
    ) -> Result<Vec<i64>, LogError>;
}

/// Committed positions of a group.
pub trait Positions: Send {
    /// The committed positions of `group`, in the order asked. `stable` waits out open transactions; without it an older position may be returned,
    /// which is a safe bound since positions only grow.
    ///
    /// # Errors
    /// When the log did not answer within `wait`.
    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        stable: bool,
        wait: Duration,
    ) -> Result<Vec<Committed>, LogError>;
}
