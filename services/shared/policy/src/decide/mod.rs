//! The decision: a pure function of the event, the link, the control state, the time and the rules in force.

mod compiled;
mod v1;

pub use compiled::{Compiled, Ruling};

use crate::facts::{EventFacts, Subject};
use crate::outcome::{Outcome, Reason};
use crate::state::{Edition, PolicyState};
use std::sync::Arc;
use walbrook_domain::{AgreementId, AgreementVersion, Day, Instant, Precision};

/// The newest decision rules of this crate. Older ones stay, each with a frozen table.
pub const RULES_VERSION: u32 = 1;

/// One decision: an event under one agreement, or under none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The version of the agreement it was decided under; `None` where no agreement has a flow for the event.
    pub edition: Option<Arc<Edition>>,
    /// Why, and so what.
    pub reason: Reason,
    /// Bit i: field i of the event type is released. 0 on a denial.
    pub field_mask: u64,
    /// How finely times are released: the coarser of granted and known. [`Precision::Day`] on a denial.
    pub precision: Precision,
    /// Last London day on which the release holds, where a consent's end or an age limit sets one.
    pub not_after: Option<Day>,
}

impl Decision {
    /// What was decided.
    pub fn outcome(&self) -> Outcome {
        self.reason.outcome()
    }

    /// The agreement, `None` where no agreement has a flow for the event.
    pub fn agreement(&self) -> Option<&AgreementId> {
        self.edition.as_ref().map(|edition| &edition.agreement.id)
    }

    /// The version of the agreement it was decided under.
    pub fn version(&self) -> Option<AgreementVersion> {
        self.edition.as_ref().map(|edition| edition.version())
    }

    fn denied(edition: Option<Arc<Edition>>, reason: Reason) -> Self {
        Self {
            edition,
            reason,
            field_mask: 0,
            precision: Precision::Day,
            not_after: None,
        }
    }
}

/// Rules this crate does not have: the process is too old to decide and must leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "decision rules {wanted} are in force, and this build has rules up to {RULES_VERSION}: start a newer build"
)]
pub struct UnknownRules {
    /// The version pinned.
    pub wanted: u32,
}

/// Decides an event: one decision for each agreement that has a flow for it, in the order of agreement ids, or one that
/// names none. `now` is the decision time that the page records.
///
/// # Errors
/// When this build lacks the rules.
pub fn decide(
    event: &EventFacts<'_>,
    subject: &Subject<'_>,
    state: &PolicyState,
    now: Instant,
    rules_version: u32,
) -> Result<Vec<Decision>, UnknownRules> {
    match rules_version {
        1 => Ok(v1::decide(event, subject, state, now)),
        wanted => Err(UnknownRules { wanted }),
    }
}

#[cfg(test)]
pub(crate) mod tests;
