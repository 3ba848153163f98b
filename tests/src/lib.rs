//! What several test programs share: records as the processes write them, what stands on shared topics, and a whole backbone of real processes.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "only tests use this crate, and a test that cannot go on must fail"
)]

pub mod acts;
pub mod backbone;
pub mod people;
pub mod records;
pub mod seal;
pub mod shelf;
