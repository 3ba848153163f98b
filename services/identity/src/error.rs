//! What can go wrong, for a caller and for the process.

use crate::linkage::Refused;
use crate::linkage::wire::WireError;
use std::time::Duration;
use walbrook_eventlog::{LogError, Severity};
use walbrook_runtime::keystore::KeyStoreError;
use walbrook_runtime::status::{Code, Coded, Violation};

/// A call that was not done.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request can never succeed as it stands.
    #[error("the request cannot be used; see the field violations")]
    Invalid(Vec<Violation>),
    /// The core refused it.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// The caller's service asked for another agency.
    #[error("the service `{caller}` may ask for its own agency only")]
    WrongAgency {
        /// The caller's name.
        caller: String,
    },
    /// The transaction did not come about: nothing was changed, or it is found out whether it was.
    #[error("the log did not take the change; send the same request again")]
    NotWritten,
    /// The index is being rebuilt.
    #[error("identity is reading its log and answers soon; send the same request again")]
    NotReady,
    /// Another process writes.
    #[error(
        "another identity process writes, and it could not be reached from here; send the same request again"
    )]
    NotTheWriter,
    /// What is committed could not be shown to be known here.
    #[error(
        "identity could not make sure that it knows what is on the log; send the same request again"
    )]
    NotFresh,
    /// The queue is full.
    #[error("too many requests wait for the writer; send the same request again")]
    Busy,
    /// Too many look-ups.
    #[error("too many look-ups by this organisation or reader; slow down")]
    TooMany,
    /// The look-up is not on record.
    #[error(
        "the look-up could not be put on record, so it was not made; send the same request again"
    )]
    NotRecorded,
    /// A key cannot be had.
    #[error("a key is not available; an operator must put it into the key store")]
    Key(#[source] KeyStoreError),
    /// The change can never be written.
    #[error("the change cannot be written; an operator must look at the log's settings")]
    Unwritable,
}

impl Coded for CallError {
    fn code(&self) -> Code {
        match self {
            CallError::Invalid(_) => Code::Invalid,
            CallError::Refused(Refused::UnknownRecord | Refused::NotWaiting) => Code::NotFound,
            CallError::Refused(Refused::WrongOrganisation) => Code::Invalid,
            CallError::Refused(_) => Code::Stale,
            CallError::WrongAgency { .. } => Code::Denied,
            CallError::NotWritten
            | CallError::NotReady
            | CallError::NotTheWriter
            | CallError::NotFresh
            | CallError::NotRecorded
            | CallError::Key(_) => Code::Unavailable,
            CallError::Busy | CallError::TooMany => Code::Exhausted,
            CallError::Unwritable => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            CallError::Invalid(_) => "REQUEST_INVALID",
            CallError::Refused(refused) => match refused {
                Refused::UnknownRecord => "RECORD_UNKNOWN",
                Refused::SamePerson => "SAME_PERSON",
                Refused::NotJoined => "NOT_JOINED",
                Refused::NotCovered => "NO_MATCHING_AGREEMENT",
                Refused::Full { .. } => "PERSON_FULL",
                Refused::TwoNhsNumbers => "TWO_NHS_NUMBERS",
                Refused::BirthsFar => "BIRTHS_FAR",
                Refused::Apart => "NEVER_SAME",
                Refused::NotWaiting => "NOT_WAITING",
                Refused::WrongOrganisation => "TOKEN_OF_ANOTHER_ORGANISATION",
            },
            CallError::WrongAgency { .. } => "AGENCY_NOT_ALLOWED",
            CallError::NotWritten => "LOG_UNAVAILABLE",
            CallError::NotReady => "NOT_READY",
            CallError::NotTheWriter => "NOT_THE_WRITER",
            CallError::NotFresh => "NOT_FRESH",
            CallError::Busy => "BUSY",
            CallError::TooMany => "TOO_MANY_LOOKUPS",
            CallError::NotRecorded => "LOOKUP_NOT_RECORDED",
            CallError::Key(_) => "KEY_UNAVAILABLE",
            CallError::Unwritable => "LOG_REFUSES",
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            CallError::Invalid(violations) => violations.clone(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        let again = matches!(self.code(), Code::Unavailable | Code::Exhausted);
        again.then_some(Duration::from_millis(200))
    }
}

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The log failed.
    #[error("the log failed")]
    Log(#[from] LogError),
    /// A record of ours cannot be read.
    #[error(
        "the record at {at} cannot be read: {problem}; restore the topic from a copy, identity does not guess"
    )]
    Unreadable {
        /// Topic, partition and offset.
        at: String,
        /// What is wrong; never a value.
        problem: String,
    },
    /// The two topics disagree.
    #[error(
        "`control.links` and `identity.records` disagree about {count} of {of} handles (the first: {first}); \
         one of the topics was changed by somebody else, restore both from a copy"
    )]
    Disagree {
        /// How many handles.
        count: usize,
        /// Of how many.
        of: usize,
        /// One of them.
        first: String,
    },
    /// A record cannot be written.
    #[error("a record cannot be encoded: {0}")]
    Encode(String),
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
            | JournalError::Disagree { .. }
            | JournalError::Encode(_) => Severity::Fatal,
        }
    }
}

impl From<WireError> for CallError {
    fn from(error: WireError) -> Self {
        CallError::Invalid(vec![Violation {
            field: error.field.to_owned(),
            rule_id: "FIELD_UNREADABLE".to_owned(),
            description: error.problem,
        }])
    }
}

/// Identity cannot run.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The log's or the registry's part.
    #[error("identity's journal failed")]
    Journal(#[from] JournalError),
    /// Something it needs did not come.
    #[error("identity cannot start")]
    Wait(#[from] walbrook_runtime::wait::WaitError),
    /// Keys.
    #[error("identity's keys cannot be used")]
    Keys(#[from] KeyStoreError),
    /// gRPC.
    #[error("identity cannot serve")]
    Server(#[from] walbrook_runtime::server::ServerError),
    /// The writer ended.
    #[error("the writer ended before it was ready; its own message says why")]
    WriterEnded,
}
