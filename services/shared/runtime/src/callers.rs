//! Who calls: a signed token (JWT, EdDSA) in the metadata of every call, never a plain header. What the token says
//! becomes a [`Principal`]; handlers read organisation and roles from it and from nowhere else.

mod check;
mod credential;
mod issuer;
mod principal;
mod verifier;

use std::time::{Duration, SystemTime};

pub use check::{CallerCheck, principal};
pub use credential::{Credential, CredentialError};
pub use issuer::{Issuer, TokenRequest};
pub use principal::{EventPatterns, Principal};
pub use verifier::{KeySetError, Verifier};

use crate::status::{Code, Coded};

/// Roles that the services themselves know. Reader roles are named by agreements and are texts.
pub mod role {
    /// Publishes events.
    pub const PRODUCER: &str = "producer";
    /// Acts for its organisation on agreements and grounds.
    pub const CONTROL: &str = "control";
    /// Runs the system.
    pub const OPERATOR: &str = "operator";
    /// Decides whether two records are the same person where the rules cannot.
    pub const REVIEWER: &str = "reviewer";
    /// Replays and checks.
    pub const AUDITOR: &str = "auditor";
    /// Approves, as a second person of its organisation, what a reader may not do alone.
    pub const SUPERVISOR: &str = "supervisor";
    /// A process of the system calling another; its subject is the process's name.
    pub const SERVICE: &str = "service";
}

/// How far clocks of issuer and service may differ.
const LEEWAY: Duration = Duration::from_secs(60);

/// A call without, or with an unusable, credential; or one that its caller may not make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// There is no token.
    #[error("no token: send metadata `authorization: Bearer <token>`")]
    Missing,
    /// It cannot be read as a token of the kind used here.
    #[error("the token cannot be read ({problem}): send a JWT signed with EdDSA")]
    Malformed {
        /// What is wrong with it.
        problem: String,
    },
    /// The key set does not hold its key.
    #[error(
        "the token names a key that is not in the key set: get one from the issuer that this system trusts"
    )]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the token's signature is wrong")]
    WrongSignature,
    /// It is no longer valid.
    #[error("the token has expired: get a new one")]
    Expired,
    /// It is not valid yet.
    #[error("the token is issued in the future: check the clocks")]
    NotYetValid,
    /// It comes from another issuer.
    #[error("the token is from another issuer than the one that this system trusts")]
    WrongIssuer,
    /// The caller lacks a role.
    #[error("this call needs the role {needed}, which the token does not give")]
    WrongRole {
        /// Any of these would do.
        needed: String,
    },
    /// A producer's token does not cover the event type.
    #[error("the token does not allow events of type {event_type}")]
    WrongEventType {
        /// The type.
        event_type: String,
    },
    /// The message names another organisation than the token.
    #[error(
        "the message names another organisation than the token: leave it out, or use that organisation's token"
    )]
    WrongOrganisation,
    /// A handler was reached without the check. A fault of ours.
    #[error("the caller was not checked before this handler")]
    Unchecked,
}

impl Coded for CallerError {
    fn code(&self) -> Code {
        match self {
            Self::Missing
            | Self::Malformed { .. }
            | Self::UnknownKey
            | Self::WrongSignature
            | Self::Expired
            | Self::NotYetValid
            | Self::WrongIssuer => Code::Unauthenticated,
            Self::WrongRole { .. } | Self::WrongEventType { .. } | Self::WrongOrganisation => {
                Code::Denied
            }
            Self::Unchecked => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "TOKEN_MISSING",
            Self::Malformed { .. } => "TOKEN_MALFORMED",
            Self::UnknownKey => "TOKEN_KEY_UNKNOWN",
            Self::WrongSignature => "TOKEN_SIGNATURE_WRONG",
            Self::Expired => "TOKEN_EXPIRED",
            Self::NotYetValid => "TOKEN_NOT_YET_VALID",
            Self::WrongIssuer => "TOKEN_ISSUER_UNKNOWN",
            Self::WrongRole { .. } => "ROLE_MISSING",
            Self::WrongEventType { .. } => "EVENT_TYPE_NOT_ALLOWED",
            Self::WrongOrganisation => "ORGANISATION_NOT_ALLOWED",
            Self::Unchecked => "CALLER_UNCHECKED",
        }
    }
}

impl From<CallerError> for tonic::Status {
    fn from(error: CallerError) -> Self {
        crate::status::status(&error)
    }
}

/// What a token says, as it stands in the JWT beside `exp` and `iat`.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    org: String,
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<String>,
    jti: String,
}

/// Seconds since 1970, as tokens count.
fn unix_seconds(now: SystemTime) -> i64 {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
