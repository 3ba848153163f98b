//! Proof: from the log alone, every decision, every released body and every row that was shown is derived again.
//!
//! The auditor reads all topics of a namespace, holds no purpose key and shares with the broker and the materialiser only what decides:
//! `walbrook-policy`, `walbrook-event` and `walbrook-view`. It never uses their processes' code.
//!
//! - [`source`], [`gather`], [`copy`], [`log`]: records, from Kafka or from a folder, read in an order that can be held against itself.
//! - [`control`], [`links`], [`raw`]: what decisions follow from.
//! - [`pages`], [`walk`], [`mod@derive`], [`standing`]: each page held against what must stand on it.
//! - [`demanded`], [`shared`], [`quarantine`], [`pseudonyms`]: everything that pages demand elsewhere, and nothing else.
//! - [`reads`], [`fold`]: who read what, and whether the rows come out the same.
//! - [`merkle`], [`note`], [`checkpoints`]: what holds pages, reads and notices fast once they were seen.
//! - [`process`], [`notary`], [`grpc`], [`numbers`], [`config`]: the process that signs tree heads and proves again and again.
//! - [`verify`](verify::verify), [`report`]: the whole, and its result.
//! - [`observed`]: what the agreements were used for.
//! - [`dry_run`]: the log decided again under an agreement that nobody has signed yet.

mod causes;
pub mod checkpoints;
pub mod config;
pub mod control;
pub mod copy;
pub mod demanded;
pub mod derive;
pub mod dry_run;
pub mod error;
pub mod fold;
pub mod gather;
pub mod generations;
pub mod grpc;
pub mod links;
mod live;
pub mod log;
mod marks;
pub mod merkle;
pub mod notary;
pub mod note;
mod notices;
pub mod numbers;
pub mod observed;
pub mod pages;
pub mod process;
pub mod pseudonyms;
pub mod quarantine;
mod queue;
pub mod raw;
pub mod reads;
pub mod report;
mod settle;
pub mod shared;
pub mod source;
pub mod standing;
pub mod verify;
pub mod walk;

pub use copy::Copy;
pub use ed25519_dalek::VerifyingKey;
pub use error::AuditError;
pub use log::Log;
pub use report::{Checked, Difference, Owed, Report};
pub use source::{LiveSource, LogSource};
pub use verify::{Found, Options, verify};

/// Reads a public key.
///
/// # Errors
/// When the text is no Ed25519 public key in hex.
pub fn public_key(text: &str) -> Result<VerifyingKey, AuditError> {
    let bytes = hex::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
        .ok_or(AuditError::Key)
}
