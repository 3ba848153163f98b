//! Why p cannot go on.

use super::links::LinkFault;
use walbrook_domain::Purpose;

/// Why a batch of p was not decided. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// A person's event without a link: the gateway must have it linked before it accepts the event (P3).
    #[error(
        "integrity: {topic}[{partition}] offset {offset} is about a handle that has no link on control.links[{partition}]; \
         p={partition} is stopped, since deciding without the link could share what a ground forbids; find out who wrote the record"
    )]
    NoLink {
        /// Raw topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
    },
    /// The record's timestamp lies ahead of this process's clock.
    #[error(
        "clock: {topic}[{partition}] offset {offset} is stamped {ahead_seconds} s ahead of this process; \
         p={partition} is stopped until the clocks agree (60 s are allowed)"
    )]
    Ahead {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
        /// How far ahead, seconds.
        ahead_seconds: i64,
    },
    /// Offsets are missing between what was decided and what arrived.
    #[error(
        "{topic}[{partition}] offset {found} arrived where {expected} follows: nothing is decided past a hole; \
         the reader starts again from {expected}, and if the hole stays, records were deleted or someone wrote in transactions"
    )]
    Gap {
        /// Raw topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// The offset that follows.
        expected: i64,
        /// The offset that arrived.
        found: i64,
    },
    /// A link record cannot be used.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// The log holds something that cannot be, for p.
    #[error("integrity: p={partition}: {problem}")]
    Integrity {
        /// Partition.
        partition: i32,
        /// What is wrong and where.
        problem: String,
    },
    /// A schema or rule version is not pinned (yet).
    #[error(
        "no pin for {what} up to control.policy offset {policy_next}: nothing is decided until it is pinned"
    )]
    NotPinned {
        /// What is missing.
        what: String,
        /// How far the pins are known.
        policy_next: i64,
    },
    /// The key of a purpose is not in the key store.
    #[error(
        "the key of purpose {purpose} is not in the key store: put it there; until then nothing of this batch is decided"
    )]
    NoKey {
        /// The purpose.
        purpose: Purpose,
    },
    /// The key store did not answer.
    #[error("a body could not be opened or sealed: {0}")]
    Seal(#[from] walbrook_event::seal::SealError),
    /// A record of ours could not be encoded.
    #[error("a {record} could not be written: {problem}")]
    Encode {
        /// Full name of the record.
        record: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Stop {
    /// Whether trying again may help without anyone doing anything. The others need a person, and p stays stopped.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Stop::Ahead { .. }
                | Stop::Gap { .. }
                | Stop::NotPinned { .. }
                | Stop::NoKey { .. }
                | Stop::Seal(_)
        )
    }
}
