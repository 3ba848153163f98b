//! Why a control record is no legal change.

use crate::agreement::SignatureError;
use walbrook_domain::{AgreementId, AgreementVersion, Organisation};

/// Reasons a standing may change for: a closed list, so that no free text about anybody stands on the log.
pub const STANDING_REASONS: [&str; 7] = [
    "party-leaves",
    "under-review",
    "incident",
    "expired-review",
    "regulator-order",
    "superseded",
    "resolved",
];

/// Why a control record is no legal change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The version is not the next one.
    #[error("{agreement} is at version {current}: the next version is {}, not {proposed}", .current.0 + 1)]
    VersionNotNext {
        /// The agreement.
        agreement: AgreementId,
        /// The version on record, 0 for none.
        current: AgreementVersion,
        /// The version named.
        proposed: AgreementVersion,
    },
    /// The text is not an agreement, not canonical, or not the one the record names.
    #[error("the text of {agreement} {problem}")]
    Text {
        /// The agreement.
        agreement: AgreementId,
        /// What is wrong.
        problem: String,
    },
    /// A later version may not turn to another purpose or kind: what was released stays on the old topic.
    #[error(
        "{agreement} may not change its purpose or kind in a later version: propose a new agreement"
    )]
    PurposeChanged {
        /// The agreement.
        agreement: AgreementId,
    },
    /// Not on record.
    #[error("there is no version {version} of {agreement} on record")]
    UnknownVersion {
        /// The agreement.
        agreement: AgreementId,
        /// The version named.
        version: AgreementVersion,
    },
    /// It commences once.
    #[error("version {version} of {agreement} has commenced already")]
    CommencedAlready {
        /// The agreement.
        agreement: AgreementId,
        /// The version named.
        version: AgreementVersion,
    },
    /// The organisation is not a party to it.
    #[error("{organisation} is not a party to {agreement}")]
    NotAParty {
        /// The agreement.
        agreement: AgreementId,
        /// The organisation.
        organisation: Organisation,
    },
    /// An older version than the party has signed, or one that was terminated.
    #[error("{organisation} may sign {agreement} from version {from} on")]
    VersionPast {
        /// The agreement.
        agreement: AgreementId,
        /// The organisation.
        organisation: Organisation,
        /// The first version it may sign.
        from: AgreementVersion,
    },
    /// Already signed.
    #[error("{organisation} has signed this version of {agreement} already")]
    SignedAlready {
        /// The agreement.
        agreement: AgreementId,
        /// The organisation.
        organisation: Organisation,
    },
    /// No such key, or a withdrawn one.
    #[error("{organisation} has no active key {key_id}: register it first")]
    KeyUnknown {
        /// The organisation.
        organisation: Organisation,
        /// The key.
        key_id: String,
    },
    /// The same key id with another key, or a withdrawn key coming back.
    #[error("{organisation} has used the key id {key_id} before: choose another")]
    KeyReused {
        /// The organisation.
        organisation: Organisation,
        /// The key.
        key_id: String,
    },
    /// The signature does not hold.
    #[error("signature of {organisation} under {agreement}")]
    Signature {
        /// The agreement.
        agreement: AgreementId,
        /// The organisation.
        organisation: Organisation,
        /// Why.
        #[source]
        source: SignatureError,
    },
    /// The standing cannot follow the one before it.
    #[error("{agreement}: {problem}")]
    Standing {
        /// The agreement.
        agreement: AgreementId,
        /// What is wrong.
        problem: &'static str,
    },
    /// A schedule's version is not the next one.
    #[error("the publication schedule of {organisation} is at version {current}, not {}", .named.saturating_sub(1))]
    ScheduleVersion {
        /// Whose it is.
        organisation: Organisation,
        /// The version on record, 0 for none.
        current: u32,
        /// The version named.
        named: u32,
    },
    /// A schedule that says nothing sensible.
    #[error("the publication schedule of {organisation} {problem}")]
    Schedule {
        /// Whose it is.
        organisation: Organisation,
        /// What is wrong.
        problem: &'static str,
    },
    /// A ground's version is not the next one.
    #[error("the ground is at version {current}, not {}", .named.saturating_sub(1))]
    GroundVersion {
        /// The version on record, 0 for none.
        current: u32,
        /// The version named.
        named: u32,
    },
    /// A ground that says nothing sensible.
    #[error("the ground {problem}")]
    Ground {
        /// What is wrong.
        problem: &'static str,
    },
    /// A pin that says nothing sensible or contradicts one before it.
    #[error("the pin {name} {problem}")]
    Pin {
        /// The pin.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
}
