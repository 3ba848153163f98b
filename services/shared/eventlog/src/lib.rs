//! Order, offsets and acknowledgement: the log as everything above it sees it. What an event means is not known here.
//!
//! - [`Record`], [`NewRecord`], [`TopicPartition`]: what stands on the log and what is to be appended.
//! - [`Reader`]: a committed reader over partitions that were assigned by hand, with a position that is safe to publish.
//! - [`GroupReader`]: a member of a consumer group; assignment changes come as events between batches.
//! - [`Transactor`]: records and input positions committed together or not at all.
//! - [`Appender`]: acknowledged appends outside transactions.
//! - [`Ends`], [`Positions`]: high watermarks and committed positions, each through a client of its own.
//! - [`position`]: the text of a committed position of enforcement, with the cursor of a queued re-decision.
//! - [`chain`]: the generations of a purpose's topic, and positions along them.
//! - [`topics`]: the one table of topics. [`memory`]: an in-memory log with transactions, for tests of order and crashes.
//!
//! The traits are blocking on purpose: the enforcement loop owns its thread, and async callers bridge at their edge.

pub mod chain;
mod error;
pub mod headers;
pub mod memory;
pub mod position;
mod record;
pub mod topics;
mod traits;

pub use error::{LogError, Severity};
pub use headers::{Header, Headers};
pub use record::{Namespace, NewRecord, Record, TopicPartition};
pub use topics::murmur2_partition;
pub use traits::{
    Appender, Committed, Done, Ends, GroupEvent, GroupGeneration, GroupReader, InputPosition,
    Positions, Reader, Transactor,
};

#[cfg(test)]
mod tests;
