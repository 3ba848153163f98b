//! The rules of the house, checked: who may know whom, what is pure, how long a file may be.
//!
//! Each rule is a function from facts to a list of faults. One test applies it to this repository, another to a planted
//! breach of it, so that a rule that has stopped working is seen.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod edges;
mod history;
mod manifests;
mod planted;
mod purity;
mod sources;
mod words;
mod workspace;

/// Fails with every fault, one a line.
#[track_caller]
fn assert_none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

/// Fails unless some fault of a planted breach says `part`.
#[track_caller]
fn assert_found(faults: &[String], part: &str) {
    assert!(
        faults.iter().any(|fault| fault.contains(part)),
        "a planted breach was not found: no fault says {part:?} in {faults:?}"
    );
}
