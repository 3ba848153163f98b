//! Typed ids and the words of the field. No I/O and no formats: nothing here knows Avro, protobuf, tokio or Kafka.
//!
//! - [`id`]: opaque 16-byte ids (handle, person, pseudonyms) and event ids.
//! - [`organisation`]: who is a controller, as `scheme:code`.
//! - [`name`]: event types, purposes, agreements.
//! - [`number`]: the check digits of national numbers.
//! - [`time`]: instants (µs UTC), London days, precision, the working-day calendar.
//! - [`link`]: link status and restrictions.
//! - [`control`]: what a record of the control plane says.

mod civil;
pub mod control;
pub mod generation;
pub mod id;
pub mod link;
pub mod name;
pub mod number;
pub mod organisation;
pub mod time;

pub use id::{EventId, Handle, HandlePseudonym, PersonId, Pseudonym};
pub use link::{LinkStatus, Restriction};
pub use name::{AgreementId, AgreementVersion, EventType, Purpose};
pub use organisation::{Organisation, Scheme};
pub use time::{Day, Instant, Precision, WorkingCalendar};

/// A word of the field that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be read: {problem}")]
pub struct WordError {
    /// What was being read, for example `organisation`.
    pub what: &'static str,
    /// What is wrong and what was expected. Never the value of a personal field.
    pub problem: String,
}

impl WordError {
    pub(crate) fn new(what: &'static str, problem: impl Into<String>) -> Self {
        Self {
            what,
            problem: problem.into(),
        }
    }
}

#[cfg(test)]
mod tests;
