//! What several test programs share: records as the processes write them, and what stands on shared topics.

pub mod records;
pub mod shelf;
