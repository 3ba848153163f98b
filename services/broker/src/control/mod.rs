//! The control plane: agreements, grounds and pins, by one writer.
//!
//! - [`core`]: sans-IO: a change is checked against the fold, versioned, and known again by its idempotency key.
//! - [`writer`]: the thread of the group `<ns>.control`; whoever is assigned partition 0 of `control.policy` writes, under
//!   the transactional id `<ns>.control`, many changes in one transaction, each with its copy for `control.agreements`.
//! - [`journal`]: the records on the log and the fold read back from them.
//! - [`relay`]: how a process that is not the writer hands calls on.
//! - [`numbers`]: what is counted.
//! - [`registrar`]: schemas registered and the pins that follow from this build, its view files and its keys.
//! - [`snapshot`]: the fold on this machine's disk, so that a start need not read all of the log again.
//! - [`removals`]: what views say a cause removed: the withdrawal's receipt.

pub mod admission;
pub mod core;
pub mod journal;
pub mod numbers;
pub mod registrar;
pub mod relay;
pub mod removals;
pub mod snapshot;
pub mod writer;

#[cfg(test)]
mod tests;
