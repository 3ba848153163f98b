//! What can go wrong in the control plane, for a caller and for the process.

use std::path::PathBuf;
use std::time::Duration;
use walbrook_eventlog::{LogError, Severity};
use walbrook_eventlog_kafka::RegistryError;
use walbrook_policy::agreement::Faults;
use walbrook_policy::state::Illegal;
use walbrook_runtime::status::{Code, Coded, Violation};

/// A control call that was not done.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The request cannot be used as it stands.
    #[error("the request cannot be used; see the field violations")]
    Invalid(Vec<Violation>),
    /// The agreement document has faults.
    #[error("{0}")]
    Document(Faults),
    /// The caller's expectation is out of date.
    #[error("version {expected} was expected and {current} is current: read it again, then decide")]
    Stale {
        /// What the caller believed.
        expected: u32,
        /// What is on record; 0 for nothing.
        current: u32,
    },
    /// Another generation is in force than the caller believed.
    #[error(
        "generation {expected} was expected to be in force and it is {current}: see `walbrook generation list`, then decide"
    )]
    Generation {
        /// What the caller believed.
        expected: u32,
        /// What is in force.
        current: u32,
    },
    /// It is no legal change now.
    #[error("{0}")]
    Illegal(#[source] Illegal),
    /// The idempotency key was used for another change.
    #[error("the idempotency key was used for another change: take a new one")]
    KeyReused,
    /// The thing named does not exist.
    #[error("there is no such {what}")]
    NotFound {
        /// What was named.
        what: &'static str,
    },
    /// The caller may not do this.
    #[error("{0}")]
    Denied(&'static str),
    /// Another broker process is the writer, or none is yet.
    #[error(
        "this broker process is not the control plane's writer now; call another broker process, or this one again in a moment"
    )]
    NotTheWriter,
    /// The queue is full.
    #[error("too many changes wait for the writer; send the same request again")]
    Busy,
    /// The log did not take it, or it is not known whether it did.
    #[error(
        "the log did not confirm the change; send the same request again with the same idempotency key"
    )]
    NotWritten,
    /// A generation of the topic is being filled or switched to.
    #[error(
        "a generation of this purpose's topic is under way: wait until it is in use (`walbrook generation list`)"
    )]
    UnderWay,
    /// Identity does not answer.
    #[error(
        "identity does not answer, and the person's record is found through it; send the same request again"
    )]
    Identity,
}

impl Coded for ControlError {
    fn code(&self) -> Code {
        match self {
            ControlError::Invalid(_) | ControlError::Document(_) => Code::Invalid,
            ControlError::Illegal(illegal) => match illegal {
                Illegal::UnknownVersion { .. } => Code::NotFound,
                Illegal::NotAParty { .. } => Code::Denied,
                Illegal::Signature { .. }
                | Illegal::Text { .. }
                | Illegal::Ground { .. }
                | Illegal::Schedule { .. } => Code::Invalid,
                Illegal::SignedAlready { .. } => Code::Exists,
                _ => Code::Stale,
            },
            ControlError::Stale { .. }
            | ControlError::Generation { .. }
            | ControlError::KeyReused
            | ControlError::UnderWay => Code::Stale,
            ControlError::NotFound { .. } => Code::NotFound,
            ControlError::Denied(_) => Code::Denied,
            ControlError::Busy => Code::Exhausted,
            ControlError::NotTheWriter | ControlError::NotWritten | ControlError::Identity => {
                Code::Unavailable
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            ControlError::Invalid(_) => "REQUEST_INVALID",
            ControlError::Document(_) => "AGREEMENT_FAULTY",
            ControlError::Stale { .. } | ControlError::Generation { .. } => "VERSION_STALE",
            ControlError::UnderWay => "GENERATION_UNDER_WAY",
            ControlError::Illegal(illegal) => match illegal {
                Illegal::VersionNotNext { .. }
                | Illegal::GroundVersion { .. }
                | Illegal::ScheduleVersion { .. } => "VERSION_STALE",
                Illegal::UnknownVersion { .. } => "VERSION_UNKNOWN",
                Illegal::NotAParty { .. } => "NOT_A_PARTY",
                Illegal::Signature { .. } => "SIGNATURE_WRONG",
                Illegal::SignedAlready { .. } => "SIGNED_ALREADY",
                Illegal::KeyUnknown { .. } => "KEY_UNKNOWN",
                Illegal::KeyReused { .. } => "KEY_REUSED",
                _ => "CHANGE_ILLEGAL",
            },
            ControlError::KeyReused => "IDEMPOTENCY_KEY_REUSED",
            ControlError::NotFound { .. } => "NOT_FOUND",
            ControlError::Denied(_) => "NOT_ALLOWED",
            ControlError::NotTheWriter => "NOT_THE_WRITER",
            ControlError::Busy => "BUSY",
            ControlError::NotWritten => "LOG_UNAVAILABLE",
            ControlError::Identity => "IDENTITY_UNAVAILABLE",
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            ControlError::Invalid(violations) => violations.clone(),
            ControlError::Document(faults) => faults
                .0
                .iter()
                .map(|fault| Violation {
                    field: format!("document:{}:{}", fault.line, fault.field),
                    rule_id: "AGREEMENT_FAULT".to_owned(),
                    description: format!("{}; to do: {}", fault.reason, fault.to_do),
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        match self {
            ControlError::Stale { current, .. } | ControlError::Generation { current, .. } => {
                vec![("current_version", current.to_string())]
            }
            ControlError::Illegal(
                Illegal::GroundVersion { current, .. } | Illegal::ScheduleVersion { current, .. },
            ) => {
                vec![("current_version", current.to_string())]
            }
            ControlError::Illegal(Illegal::VersionNotNext { current, .. }) => {
                vec![("current_version", current.to_string())]
            }
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        let again = matches!(self.code(), Code::Unavailable | Code::Exhausted);
        again.then_some(Duration::from_millis(200))
    }
}

/// The control records cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The log failed.
    #[error("the log failed")]
    Log(#[from] LogError),
    /// A record of ours cannot be read.
    #[error(
        "the record at {at} cannot be read: {problem}; restore the topic from a copy, the control plane does not guess"
    )]
    Unreadable {
        /// Topic, partition and offset.
        at: String,
        /// What is wrong; never a value.
        problem: String,
    },
    /// A record cannot be encoded.
    #[error("a record cannot be encoded: {0}")]
    Encode(String),
    /// A pin is refused.
    #[error("a pin of this build is refused: {0}")]
    Pin(String),
    /// What the calendar brings is refused.
    #[error("what the calendar brings is refused: {0}")]
    Calendar(String),
    /// Reading did not get to the end.
    #[error("{topic} was not read to its end within {} s of silence; is Kafka reachable?", silence.as_secs())]
    Stuck {
        /// Topic.
        topic: String,
        /// How long nothing came.
        silence: Duration,
    },
    /// Asked to stop meanwhile.
    #[error("asked to stop while reading the log")]
    Stopped,
}

impl JournalError {
    /// What the writer must do about it.
    pub fn severity(&self) -> Severity {
        match self {
            JournalError::Log(error) => error.severity,
            JournalError::Stuck { .. } | JournalError::Stopped => Severity::Transient,
            JournalError::Unreadable { .. }
            | JournalError::Encode(_)
            | JournalError::Pin(_)
            | JournalError::Calendar(_) => Severity::Fatal,
        }
    }
}

/// The broker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something it needs did not come.
    #[error("the broker cannot start")]
    Wait(#[from] walbrook_runtime::wait::WaitError),
    /// gRPC.
    #[error("the broker cannot serve")]
    Server(#[from] walbrook_runtime::server::ServerError),
    /// The log.
    #[error("the log refuses the broker's clients")]
    Log(#[from] LogError),
    /// The registry.
    #[error("the schemas cannot be registered")]
    Registry(#[source] RegistryError),
    /// A schema of this build.
    #[error("a schema of this build cannot be used: {0}")]
    Shape(String),
    /// The law's files cannot be read.
    #[error(
        "the law that agreements are checked against cannot be read: {0}; correct the file under schemas/law"
    )]
    Law(String),
    /// The view files.
    #[error("the view files in {folder} cannot be used: {problem}", folder = folder.display())]
    Views {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Enforcement.
    #[error("enforcement cannot start")]
    Enforce(#[from] crate::enforce::start::EnforceError),
    /// The token to show to identity.
    #[error("the broker has no credential for other processes")]
    Credential(#[from] walbrook_runtime::callers::CredentialError),
}
