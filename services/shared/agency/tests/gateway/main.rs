//! The gateway as its callers meet it: over gRPC, with the in-memory log and an identity that tells what it was asked.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod accepted;
mod callers;
mod compressed;
mod enrolment;
mod events;
mod failures;
mod house;
mod identity;
mod linking;
mod people;
mod places;
mod restricted;
mod schedules;
mod streams;
