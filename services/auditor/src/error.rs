//! Why an audit could not run at all. What it finds is no error: see [`crate::report`].

use std::path::PathBuf;

use walbrook_eventlog::LogError;

/// The audit could not run: nothing is proved and nothing is disproved.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log did not answer.
    #[error("the log could not be read")]
    Log(#[from] LogError),
    /// The log stopped giving records before an end it had named.
    #[error(
        "{topic}[{partition}] gave nothing for {waited_s} s at offset {offset}, before its end {end}; an open transaction holds it back, or the broker is gone: try again"
    )]
    Stalled {
        /// Topic without the namespace.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Where it stopped.
        offset: i64,
        /// The end that was named.
        end: i64,
        /// How long it was waited for.
        waited_s: u64,
    },
    /// A file of a copy could not be opened, read or written.
    #[error("{operation} {path} failed")]
    File {
        /// What was being done.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A copy is not one that `walbrook audit copy` writes.
    #[error("{path} is no copy of a log: {problem}; make a new one with `walbrook audit copy DIR`")]
    Copy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A public key was given that is none.
    #[error("the key is no Ed25519 public key: 32 bytes as 64 hex characters were expected")]
    Key,
}
