//! From an error to what a gRPC caller sees. The one place that maps: `Code` to `tonic::Status`, with the standard
//! `google.rpc` details.

use std::error::Error;
use std::time::Duration;

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// Domain of our `google.rpc.ErrorInfo` details.
pub const ERROR_DOMAIN: &str = "walbrook";

/// Details travel in trailers, and a client may accept 16 KiB of them as base64 (hyper's default): this much of them
/// is field violations at most. How many were left out is said.
const MOST_VIOLATION_BYTES: usize = 7_000;

/// What kind of failure it is, for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request can never succeed as it stands.
    Invalid,
    /// The caller is not known: no token, an expired one, a wrong signature.
    Unauthenticated,
    /// The caller is known and may not do this.
    Denied,
    /// The thing named does not exist, or the caller may not know that it does.
    NotFound,
    /// The thing exists already.
    Exists,
    /// The state is not the one the caller believed in: read again, then decide.
    Stale,
    /// A limit of the caller is used up: slow down.
    Exhausted,
    /// Something this process needs does not answer: the same request may succeed later.
    Unavailable,
    /// The time the caller allowed is over.
    TimedOut,
    /// This process does not do that.
    Unimplemented,
    /// A fault of ours.
    Internal,
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field from the request down.
    pub field: String,
    /// The rule broken, SCREAMING_SNAKE_CASE.
    pub rule_id: String,
    /// What is wrong; never the value.
    pub description: String,
}

/// An error that can be shown to a caller. Its `Display` is what the caller reads: what happened, to what, and what to
/// do; never personal data.
pub trait Coded: Error {
    /// What kind of failure it is.
    fn code(&self) -> Code;

    /// A constant that programs can rely on: `TOKEN_EXPIRED`.
    fn reason(&self) -> &'static str;

    /// Fields that are wrong, all at once.
    fn violations(&self) -> Vec<Violation> {
        Vec::new()
    }

    /// More facts for programs.
    fn facts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// When to try again.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

impl From<Code> for tonic::Code {
    fn from(code: Code) -> Self {
        match code {
            Code::Invalid => Self::InvalidArgument,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::Denied => Self::PermissionDenied,
            Code::NotFound => Self::NotFound,
            Code::Exists => Self::AlreadyExists,
            Code::Stale => Self::FailedPrecondition,
            Code::Exhausted => Self::ResourceExhausted,
            Code::Unavailable => Self::Unavailable,
            Code::TimedOut => Self::DeadlineExceeded,
            Code::Unimplemented => Self::Unimplemented,
            Code::Internal => Self::Internal,
        }
    }
}

/// What the caller sees. Failures of ours, and of what we need, are logged here with their causes, once.
pub fn status<E: Coded + ?Sized>(error: &E) -> Status {
    let code = error.code();
    match code {
        Code::Internal => tracing::error!(
            reason = error.reason(),
            error = chain(error),
            "request failed"
        ),
        Code::Unavailable => tracing::warn!(
            reason = error.reason(),
            error = chain(error),
            "request failed"
        ),
        _ => tracing::debug!(
            reason = error.reason(),
            error = chain(error),
            "request refused"
        ),
    }
    let mut facts: std::collections::HashMap<String, String> = error
        .facts()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let mut details = ErrorDetails::new();
    let (violations, omitted) = within_limit(error.violations());
    if omitted > 0 {
        facts.insert("violations_omitted".into(), omitted.to_string());
    }
    if !violations.is_empty() {
        details.set_bad_request(violations);
    }
    details.set_error_info(error.reason(), ERROR_DOMAIN, facts);
    if let Some(after) = error.retry_after() {
        details.set_retry_info(Some(after));
    }
    Status::with_error_details(code.into(), error.to_string(), details)
}

/// An error and its causes on one line.
#[must_use]
pub fn chain<E: Error + ?Sized>(error: &E) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}

fn within_limit(violations: Vec<Violation>) -> (Vec<FieldViolation>, usize) {
    let total = violations.len();
    let mut bytes = 0_usize;
    let mut kept = Vec::with_capacity(total);
    for violation in violations {
        bytes = bytes
            .saturating_add(violation.field.len())
            .saturating_add(violation.rule_id.len())
            .saturating_add(violation.description.len())
            .saturating_add(16);
        if bytes > MOST_VIOLATION_BYTES {
            break;
        }
        let mut field = FieldViolation::new(violation.field, violation.description);
        field.reason = violation.rule_id;
        kept.push(field);
    }
    let omitted = total.saturating_sub(kept.len());
    (kept, omitted)
}

#[cfg(test)]
mod tests;
