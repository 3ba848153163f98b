//! What happens to an agreement, and how a party stands after it.

use super::StandingNow;
use walbrook_domain::control::Standing;
use walbrook_domain::{AgreementVersion, Instant, Organisation};

/// Something that happened to an agreement, for those who read its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAct {
    /// When, by the log.
    pub at: Instant,
    /// `PROPOSED`, `SIGNED`, `COMMENCED`, `SUSPENDED`, `TERMINATED` or `IN_FORCE` (resumed).
    pub word: &'static str,
    /// The version proposed or signed, or the one a standing was said of.
    pub version: AgreementVersion,
    /// The party concerned; `None`: all.
    pub party: Option<Organisation>,
}

/// Who says a standing of whom. A suspension is lifted by the side that imposed it: the operator does not resume for a party
/// that suspended itself, and a party that the operator suspended does not resume by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The operator, of all parties.
    All,
    /// A party, of itself.
    Party,
    /// The operator, of one party.
    Operator,
}

impl Origin {
    pub(super) const fn of_party(by_itself: bool) -> Self {
        if by_itself {
            Origin::Party
        } else {
            Origin::Operator
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Proposed,
    Signed(AgreementVersion),
    /// The effective day came.
    Commenced,
    Standing(Standing, Origin),
}

impl Act {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Act::Proposed => "PROPOSED",
            Act::Signed(_) => "SIGNED",
            Act::Commenced => "COMMENCED",
            Act::Standing(standing, _) => standing.as_str(),
        }
    }
}

/// When, in the order of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dated {
    pub(super) sequence: u64,
    pub(super) at: Instant,
    pub(super) version: AgreementVersion,
    pub(super) act: Act,
}

/// A version that a party signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) version: AgreementVersion,
    /// Since when nothing but its effective day kept it from being in force: signed, or resumed.
    pub(super) since: Instant,
}

/// How a party stands after some acts.
#[derive(Debug, Clone, Default)]
pub(super) struct Folded {
    /// Oldest first. One whose effective day lies ahead leaves the one before it in force until then.
    signed: Vec<Signature>,
    by_party: bool,
    by_operator: bool,
    of_all: bool,
    terminated: bool,
}

impl Folded {
    pub(super) fn act(&mut self, act: Act, at: Instant) {
        let suspended = self.is_suspended();
        match act {
            Act::Proposed | Act::Commenced => {}
            Act::Signed(version) => {
                self.signed.push(Signature { version, since: at });
                self.terminated = false;
            }
            Act::Standing(standing, origin) => {
                *self.suspended_by(origin) = standing == Standing::Suspended;
                if standing == Standing::Terminated {
                    // Every end is final for what was signed: the way back is a new signature.
                    self.terminated = true;
                    self.signed.clear();
                    if origin == Origin::Operator {
                        self.by_party = false;
                    }
                }
            }
        }
        if suspended && !self.is_suspended() {
            for signature in &mut self.signed {
                signature.since = signature.since.max(at);
            }
        }
    }

    /// What was signed and still stands, oldest first.
    pub(super) fn signatures(&self) -> &[Signature] {
        &self.signed
    }

    fn is_suspended(&self) -> bool {
        self.by_party || self.by_operator || self.of_all
    }

    fn suspended_by(&mut self, origin: Origin) -> &mut bool {
        match origin {
            Origin::All => &mut self.of_all,
            Origin::Party => &mut self.by_party,
            Origin::Operator => &mut self.by_operator,
        }
    }

    /// The standing that one side said of the party alone.
    pub(super) fn said_by(mut self, origin: Origin) -> Standing {
        if self.terminated {
            Standing::Terminated
        } else if *self.suspended_by(origin) {
            Standing::Suspended
        } else {
            Standing::InForce
        }
    }

    pub(super) fn standing(&self) -> StandingNow {
        match self.signed.last() {
            None if self.terminated => StandingNow::Terminated,
            None => StandingNow::NotSigned,
            Some(newest) if self.is_suspended() => StandingNow::Suspended(newest.version),
            Some(newest) => StandingNow::Signed(newest.version),
        }
    }
}
