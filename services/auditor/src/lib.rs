//! Proof: from the log alone, every decision, every released body and every row that was shown is derived again.
//!
//! The auditor reads all topics of a namespace, holds no purpose key and shares with the broker and the materialiser only what decides:
//! `walbrook-policy`, `walbrook-event` and `walbrook-view`. It never uses their processes' code.

pub mod copy;
pub mod error;
pub mod merkle;
pub mod note;
pub mod report;
pub mod source;

pub use error::AuditError;
pub use report::{Checked, Difference, Report};
