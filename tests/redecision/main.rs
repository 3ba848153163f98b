//! Past events decided again: what agreements widen, from a queue that a crash does not lose; what a person's ground takes away, at once; and the
//! auditor's proof of both. One partition number of the real enforcement core on a log in memory, a transaction at a time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test and its helpers fail by panicking"
)]

mod agreements;
mod chance;
mod grounds;
mod hand;
mod held;
mod late;
mod memory;
mod persons;
mod tampered;
