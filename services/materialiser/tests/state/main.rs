//! State and recovery on real Kafka: stores that are deleted, damaged or full, retention, a standby, versions that take each other's places,
//! topics that two processes deliver to, kill -9.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

#[path = "../common/mod.rs"]
mod common;

mod delivered;
mod drills;
mod faults;
mod generations;
mod killed;
mod planted;
mod retention;
mod source;
mod standby;
mod versions;
