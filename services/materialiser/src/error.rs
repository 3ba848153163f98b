//! What a reader is told when there is no answer, and why the process stops.

use crate::audit::AuditError;
use crate::barrier::BarrierError;
use crate::bound::BoundExceeded;
use std::path::PathBuf;
use std::time::Duration;
use walbrook_eventlog::LogError;
use walbrook_runtime::status::{Code, Coded, Violation};
use walbrook_view::IntegrityError;
use walbrook_view::glass::Unreviewable;

/// A read that was not answered. Whether a person is known never shows: hidden, absent and not entitled are answers, not errors.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The request can never succeed as it stands.
    #[error("the request cannot be used; see the field violations")]
    Invalid(Vec<Violation>),
    /// The role acted in is not the token's.
    #[error("the token does not give the role named in the request; the attempt is on record")]
    WrongRole,
    /// The role acted in is not the token's, and nothing was read.
    #[error("the token does not give the role named in the request; get one that does")]
    RoleMissing,
    /// The view is not read by rows.
    #[error("this view is not read by rows: its file allows counts only; the attempt is on record")]
    NotByRows,
    /// The view is not read by counts.
    #[error("this view is not read by counts: its file allows rows only; the attempt is on record")]
    NotByCounts,
    /// No agreement lets the reader break the glass.
    #[error(
        "no agreement lets this reader see anybody beyond scope under break-glass; the attempt is on record; ask your data protection officer"
    )]
    BreakGlassNotAllowed,
    /// No break-glass of the organisation waits under this read.
    #[error("{0}; list what waits (`walbrook view break-glass list`)")]
    Unreviewable(#[from] walbrook_view::glass::Unreviewable),
    /// The event does not stand behind the cell.
    #[error(
        "no event under this id stands behind this cell of the row; ask why again, and take column and event from that answer"
    )]
    NoSuchEvent,
    /// There is no link to doubt.
    #[error(
        "one record alone stands behind this row, so no link can be wrong: dispute the fact (WRONG_FACT) with the organisation it is from"
    )]
    NotLinked,
    /// No dispute of the organisation's own events.
    #[error(
        "there is no such dispute about a fact from your organisation in this view; list those there are (`walbrook view dispute list`)"
    )]
    NoSuchDispute,
    /// It was answered so.
    #[error("the dispute was answered already")]
    AnsweredAlready,
    /// No read of the reader's organisation that answered with the person named.
    #[error(
        "your organisation has no read under this id that answered with this person's row in this view; take read_id and person from the answer that was decided on"
    )]
    NoSuchRead,
    /// No notice of the reader's organisation and role.
    #[error(
        "your organisation has no notice under this id in the role you act in; take it from a notice"
    )]
    NoSuchNotice,
    /// Notices cannot be read or put on record.
    #[error("notices cannot be used for now; try again")]
    Notices(#[from] crate::notices::NoticesError),
    /// What stands on record of reads cannot be looked up.
    #[error("what stands on record of reads cannot be looked up; try again")]
    Ledger(#[from] crate::ledger::LedgerError),
    /// The entitlement is over, or there never was one.
    #[error(
        "no agreement in force names this reader for this view any more: drop what was shown; ask your data protection officer"
    )]
    EntitlementEnded,
    /// The process has as many watches as it may.
    #[error("this process serves as many watches as it may; end one, or try again later")]
    TooManyWatches,
    /// The token is over.
    #[error("the token has expired: watch again with a new one and the last resume token")]
    TokenExpired,
    /// The process is stopping.
    #[error("this process is stopping: watch again with the last resume token")]
    Stopping,
    /// A new version of the view took this one's place.
    #[error("a new version of the view file serves now: watch again")]
    Switched,
    /// The organisation of the token is none that could hold records.
    #[error(
        "the token's organisation cannot be read; get one from the issuer that this system trusts"
    )]
    Organisation,
    /// The bound is not shown.
    #[error(transparent)]
    Bound(#[from] BoundExceeded),
    /// The view file is not the pinned one.
    #[error(
        "the view file of this process is not the one pinned on the control plane; an operator must deploy one or pin the other"
    )]
    NotPinned,
    /// The record of the read is not known to be durable.
    #[error("the read could not be put on record, so nothing is answered; try again")]
    Record(#[from] AuditError),
    /// The end of the agreements is not known.
    #[error("the newest agreements could not be asked for, so nothing is answered; try again")]
    Barrier(#[source] LogError),
    /// Agreements kept changing while the row was computed.
    #[error("agreements are changing; try again")]
    Changing,
    /// Identity did not answer.
    #[error("the record could not be looked up; try again")]
    Identity(#[source] Box<tonic::Status>),
    /// Two agreements disagree about an event.
    #[error(
        "the released data disagree with each other; nothing is shown until the log is examined"
    )]
    Integrity(#[from] IntegrityError),
    /// The work on a row ended without a result.
    #[error("the row could not be computed")]
    Work,
}

impl From<BarrierError> for ReadError {
    fn from(error: BarrierError) -> Self {
        match error {
            BarrierError::Record(error) => ReadError::Record(AuditError::Log(error)),
            BarrierError::End(error) => ReadError::Barrier(error),
        }
    }
}

impl Coded for ReadError {
    fn code(&self) -> Code {
        match self {
            ReadError::Invalid(_) => Code::Invalid,
            ReadError::WrongRole
            | ReadError::RoleMissing
            | ReadError::NotByRows
            | ReadError::NotByCounts
            | ReadError::BreakGlassNotAllowed
            | ReadError::Unreviewable(Unreviewable::Own)
            | ReadError::EntitlementEnded => Code::Denied,
            ReadError::Unreviewable(Unreviewable::Reviewed)
            | ReadError::NotLinked
            | ReadError::AnsweredAlready => Code::Stale,
            ReadError::Organisation | ReadError::TokenExpired => Code::Unauthenticated,
            ReadError::NoSuchRead
            | ReadError::NoSuchEvent
            | ReadError::NoSuchDispute
            | ReadError::NoSuchNotice
            | ReadError::Unreviewable(Unreviewable::Unknown) => Code::NotFound,
            ReadError::TooManyWatches => Code::Exhausted,
            ReadError::Identity(status) if status.code() == tonic::Code::ResourceExhausted => {
                Code::Exhausted
            }
            ReadError::Bound(_)
            | ReadError::NotPinned
            | ReadError::Record(_)
            | ReadError::Barrier(_)
            | ReadError::Changing
            | ReadError::Ledger(_)
            | ReadError::Notices(_)
            | ReadError::Stopping
            | ReadError::Switched
            | ReadError::Identity(_) => Code::Unavailable,
            ReadError::Integrity(_) | ReadError::Work => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            ReadError::Invalid(_) => "REQUEST_INVALID",
            ReadError::WrongRole | ReadError::RoleMissing => "ROLE_MISSING",
            ReadError::NotByRows => "VIEW_NOT_BY_ROWS",
            ReadError::NotByCounts => "VIEW_NOT_BY_COUNTS",
            ReadError::NoSuchRead => "NO_SUCH_READ",
            ReadError::NoSuchEvent => "NO_SUCH_EVENT",
            ReadError::NotLinked => "NOT_LINKED",
            ReadError::NoSuchDispute => "NO_SUCH_DISPUTE",
            ReadError::AnsweredAlready => "ANSWERED_ALREADY",
            ReadError::BreakGlassNotAllowed => "BREAK_GLASS_NOT_ALLOWED",
            ReadError::Unreviewable(Unreviewable::Unknown) => "NO_SUCH_BREAK_GLASS",
            ReadError::Unreviewable(Unreviewable::Own) => "OWN_BREAK_GLASS",
            ReadError::Unreviewable(Unreviewable::Reviewed) => "REVIEWED_ALREADY",
            ReadError::NoSuchNotice => "NO_SUCH_NOTICE",
            ReadError::Notices(_) => "NOTICES_UNAVAILABLE",
            ReadError::Ledger(_) => "READS_UNKNOWN",
            ReadError::EntitlementEnded => "ENTITLEMENT_ENDED",
            ReadError::TooManyWatches => "TOO_MANY_WATCHES",
            ReadError::TokenExpired => "TOKEN_EXPIRED",
            ReadError::Stopping => "STOPPING",
            ReadError::Switched => "VIEW_SWITCHED",
            ReadError::Organisation => "TOKEN_MALFORMED",
            ReadError::Bound(_) => "GROUNDS_BOUND_EXCEEDED",
            ReadError::NotPinned => "VIEW_NOT_PINNED",
            ReadError::Record(_) => "READ_NOT_RECORDED",
            ReadError::Barrier(_) => "AGREEMENTS_UNKNOWN",
            ReadError::Changing => "AGREEMENTS_CHANGING",
            ReadError::Identity(_) => "IDENTITY_UNAVAILABLE",
            ReadError::Integrity(_) => "INTEGRITY",
            ReadError::Work => "WORK_FAILED",
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            ReadError::Invalid(violations) => violations.clone(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self.code(), Code::Unavailable | Code::Exhausted)
            .then_some(Duration::from_millis(500))
    }
}

impl From<ReadError> for tonic::Status {
    fn from(error: ReadError) -> Self {
        walbrook_runtime::status::status(&error)
    }
}

/// Why the process stops.
#[derive(Debug, thiserror::Error)]
pub enum MaterialiserError {
    /// A view file cannot be used.
    #[error("{0}")]
    Views(#[from] walbrook_view::file::Faults),
    /// The folder of view files cannot be read.
    #[error("the view files in {path} cannot be read", path = path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// There is no view file.
    #[error("there is no view file (*.toml) in {path}", path = path.display())]
    NoViews {
        /// The folder.
        path: PathBuf,
    },
    /// What it needs did not come.
    #[error(transparent)]
    Wait(#[from] walbrook_runtime::wait::WaitError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The folder of a purpose cannot be used.
    #[error(transparent)]
    Versions(#[from] crate::versions::VersionsError),
    /// The log cannot be used.
    #[error("the log cannot be used")]
    Log(#[from] LogError),
    /// It has no token to show.
    #[error(transparent)]
    Credential(#[from] walbrook_runtime::callers::CredentialError),
    /// What fell cannot be read.
    #[error(transparent)]
    Notices(#[from] crate::notices::NoticesError),
    /// The index of reads cannot be opened.
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    /// The server failed.
    #[error(transparent)]
    Server(#[from] walbrook_runtime::server::ServerError),
}
