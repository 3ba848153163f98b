//! What can go wrong with the log, sorted by what the caller must do.

/// What the caller must do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing was changed: try the same again later.
    Transient,
    /// The transaction must be aborted, then may be tried again.
    Abort,
    /// It is not known whether the commit happened: drop the client, initialise anew, read what is committed.
    OutcomeUnknown,
    /// Another owner has taken over (fenced), or the assignment is lost: stop writing.
    Fenced,
    /// It will not get better by itself: configuration, permission, a record that can never fit.
    Fatal,
}

/// An operation on the log that failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} on {subject} failed: {message}")]
pub struct LogError {
    /// What was being done, for example `commit the transaction`.
    pub operation: &'static str,
    /// To what: a topic, partition, group or transactional id. Never record contents.
    pub subject: String,
    /// What the log said, with what to do where that is known.
    pub message: String,
    /// What the caller must do.
    pub severity: Severity,
}

impl LogError {
    /// An error of this severity.
    pub fn new(
        severity: Severity,
        operation: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            operation,
            subject: subject.into(),
            message: message.into(),
            severity,
        }
    }
}
