//! Why a call failed as a whole. An event that breaks rules is no error of the gateway: it is refused, with reasons.

use std::time::Duration;

use walbrook_eventlog::{LogError, Severity};
use walbrook_runtime::callers::CallerError;
use walbrook_runtime::status::{Code, Coded, Violation};

use crate::link::IdentityError;
use crate::outcome::Rejected;
use crate::schedule::{self, NotScheduled};
use crate::schema::SchemaError;

/// When to try again after something did not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The caller may not make it.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// The organisation does not publish such events (unary calls).
    #[error("{cause}")]
    NotScheduled {
        /// Why not, and what to do.
        cause: NotScheduled,
    },
    /// The event breaks rules (unary calls; in a stream each event has its own outcome).
    #[error("the event is refused: {} thing(s) are wrong, see the field violations", violations.len())]
    Refused {
        /// All of them.
        violations: Vec<Violation>,
    },
    /// A frame holds too many events.
    #[error("the frame holds {found} events; send at most {most} in one")]
    FrameTooLarge {
        /// How many it holds.
        found: usize,
        /// How many it may hold.
        most: usize,
    },
    /// A call enrols too many subjects.
    #[error("the call names {found} subjects; send at most {most} in one")]
    TooManySubjects {
        /// How many it names.
        found: usize,
        /// How many it may name.
        most: usize,
    },
    /// Frames must be numbered 1, 2, 3…
    #[error(
        "the frame is numbered {found}, expected {expected}: number the frames of a stream from 1, without gaps"
    )]
    OutOfSequence {
        /// Its number.
        found: u64,
        /// The number it should have.
        expected: u64,
    },
    /// Identity did not acknowledge the links.
    #[error(
        "identity did not acknowledge the link of a subject, so nothing was accepted: send it again, with the same event ids"
    )]
    Identity(#[source] IdentityError),
    /// The log did not acknowledge the events.
    #[error(
        "the log did not acknowledge the events: send them again, with the same event ids; what did reach the log counts once"
    )]
    Log(#[source] LogError),
    /// The schema cannot be named on the log yet.
    #[error(
        "the schema of {event_type} is not known to the registry now, so nothing was accepted: send it again, with the same event ids"
    )]
    Schema {
        /// The event type.
        event_type: &'static str,
        /// Why not.
        #[source]
        cause: SchemaError,
    },
    /// The body cannot be sealed now.
    #[error(
        "the key that seals this subject's events is not available, so nothing was accepted: send it again, with the same event ids"
    )]
    Seal(#[source] walbrook_event::seal::SealError),
    /// The process stops.
    #[error(
        "this service is stopping: open a new stream and send every frame without a receipt again"
    )]
    Stopping,
}

impl GatewayError {
    /// Whether the same call may succeed later.
    fn passes(&self) -> bool {
        match self {
            Self::Identity(cause) => cause.passes(),
            Self::Log(cause) => cause.severity != Severity::Fatal,
            Self::Schema { .. } | Self::Seal(_) | Self::Stopping => true,
            _ => false,
        }
    }
}

impl Coded for GatewayError {
    fn code(&self) -> Code {
        match self {
            Self::Caller(cause) => cause.code(),
            Self::Refused { .. }
            | Self::FrameTooLarge { .. }
            | Self::TooManySubjects { .. }
            | Self::OutOfSequence { .. } => Code::Invalid,
            Self::NotScheduled { .. } => Code::Stale,
            _ if self.passes() => Code::Unavailable,
            _ => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Caller(cause) => cause.reason(),
            Self::NotScheduled { .. } => "NOT_IN_PUBLICATION_SCHEDULE",
            Self::Refused { .. } => "EVENT_REFUSED",
            Self::FrameTooLarge { .. } => "FRAME_TOO_LARGE",
            Self::TooManySubjects { .. } => "TOO_MANY_SUBJECTS",
            Self::OutOfSequence { .. } => "FRAME_OUT_OF_SEQUENCE",
            Self::Identity(_) => "IDENTITY_UNAVAILABLE",
            Self::Log(_) => "LOG_UNAVAILABLE",
            Self::Schema { .. } => "SCHEMA_UNAVAILABLE",
            Self::Seal(_) => "SEAL_UNAVAILABLE",
            Self::Stopping => "STOPPING",
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::NotScheduled { cause } => vec![Violation {
                field: "body".to_owned(),
                rule_id: schedule::RULE.to_owned(),
                description: cause.to_string(),
            }],
            Self::Refused { violations } => violations.clone(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        self.passes().then_some(RETRY_AFTER)
    }
}

impl From<Rejected> for GatewayError {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Caller(error, _) => Self::Caller(error),
            Rejected::Schedule(cause) => Self::NotScheduled { cause },
            rules @ Rejected::Rules(_) => Self::Refused {
                violations: rules.violations(),
            },
        }
    }
}

impl From<GatewayError> for tonic::Status {
    fn from(error: GatewayError) -> Self {
        walbrook_runtime::status::status(&error)
    }
}
