//! The closed lists of outcomes and reasons. Codes stand on decision pages for ever: a code is never reused or renumbered.

use std::fmt;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Released.
    Permit,
    /// Not released.
    Deny,
    /// The record cannot be read; nothing was decided about it.
    Quarantine,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 3] = [Outcome::Permit, Outcome::Deny, Outcome::Quarantine];

    /// The number on decision pages.
    pub const fn code(self) -> i32 {
        match self {
            Outcome::Permit => 1,
            Outcome::Deny => 2,
            Outcome::Quarantine => 3,
        }
    }

    /// The outcome with this number.
    pub fn from_code(code: i32) -> Option<Self> {
        Outcome::ALL
            .into_iter()
            .find(|outcome| outcome.code() == code)
    }

    /// The word in tables and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Permit => "permit",
            Outcome::Deny => "deny",
            Outcome::Quarantine => "quarantine",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $outcome:ident, $word:literal, $sentence:literal, $ask:literal;)+) => {
        /// Why it was decided so.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of codes.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)+];

            /// The number on decision pages.
            pub const fn code(self) -> i32 {
                match self { $(Reason::$variant => $code,)+ }
            }

            /// The outcome this reason belongs to.
            pub const fn outcome(self) -> Outcome {
                match self { $(Reason::$variant => Outcome::$outcome,)+ }
            }

            /// The word in tables and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $word,)+ }
            }

            /// One plain sentence.
            pub const fn sentence(self) -> &'static str {
                match self { $(Reason::$variant => $sentence,)+ }
            }

            /// Whom to ask about it.
            pub const fn ask(self) -> &'static str {
                match self { $(Reason::$variant => $ask,)+ }
            }
        }
    };
}

// One row per reason keeps number, word, sentence and addressee together.
reasons! {
    /// Everything the agreement demands holds.
    Permitted = 1, Permit, "permitted",
        "A signed agreement in force grants it, and every condition holds.", "nobody";
    /// No agreement has a flow for this organisation and event type.
    NoAgreement = 10, Deny, "no-agreement",
        "No agreement covers this event type from this organisation.",
        "the organisation's data protection officer";
    /// The effective day lies ahead.
    NotYetInForce = 11, Deny, "not-yet-in-force",
        "The agreement's effective day has not come.", "the agreement's lead controller";
    /// The expiry day has passed.
    Expired = 12, Deny, "expired",
        "The agreement has expired.", "the agreement's lead controller";
    /// The source has not signed.
    NotSignedBySource = 13, Deny, "not-signed-by-source",
        "The organisation that holds the data has not signed the agreement.",
        "the source organisation's data protection officer";
    /// Suspended, for all or for the source.
    Suspended = 14, Deny, "suspended",
        "The agreement is suspended.", "the operator, or the party that suspended it";
    /// Terminated, for all or for the source.
    Terminated = 15, Deny, "terminated",
        "The agreement has been terminated.", "the source organisation's data protection officer";
    /// Accepted when nothing was in force for the source; no later version widens that.
    AcceptedBeforeInForce = 16, Deny, "accepted-before-in-force",
        "The event was accepted before the agreement was in force for its source.",
        "the agreement's lead controller";
    /// A consent is required and none is on record.
    ConsentMissing = 20, Deny, "consent-missing",
        "The agreement requires the person's consent, and none is on record.",
        "the service that knows the person";
    /// The person took the consent back.
    ConsentWithdrawn = 21, Deny, "consent-withdrawn",
        "The person withdrew the consent.", "the service that recorded the withdrawal";
    /// The person said no.
    ConsentRefused = 22, Deny, "consent-refused",
        "The person refused consent.", "the service that recorded the refusal";
    /// The consent's last day has passed.
    ConsentExpired = 23, Deny, "consent-expired",
        "The consent on record has ended.", "the service that recorded the consent";
    /// An objection was raised or upheld.
    Objection = 24, Deny, "objection",
        "The person objected.", "the data protection officer who decides the objection";
    /// The national data opt-out is on.
    OptOut = 25, Deny, "opt-out",
        "The person has set the national data opt-out.", "nobody: it is the person's choice";
    /// A safety hold stands.
    SafetyHold = 26, Deny, "safety-hold",
        "A safety hold stands on this person's records.", "the safeguarding lead who set it";
    /// The event was recalled.
    Recalled = 27, Deny, "recalled",
        "The source recalled the event.", "the source organisation";
    /// The record is under an erasure order.
    Erased = 28, Deny, "erased",
        "The record is under an erasure order: nothing of it is released again.",
        "the organisation that holds the record";
    /// A referral needs the person's choice of one authority.
    NoChosenAuthority = 29, Deny, "no-chosen-authority",
        "The duty to refer needs a consent that names the one housing authority the person chose, and the newest choice on record is none or another.",
        "the service that recorded the consent";
    /// An adult's flow, and the person is not known to have been an adult then.
    AgeNotAdult = 30, Deny, "age-not-adult",
        "The person is not known to have been an adult when it happened.",
        "children's social care of the responsible authority";
    /// A child's flow, and the person was an adult then.
    AgeNotChild = 31, Deny, "age-not-child",
        "The person was an adult when it happened.", "the source organisation";
    /// The person's records are restricted.
    Restricted = 32, Deny, "restricted",
        "The person's records are restricted.", "the responsible authority";
    /// The link is less sure than the agreement demands.
    MatchNotConfident = 33, Deny, "match-not-confident",
        "The record is not linked to the person with enough confidence.",
        "the identity service's review team";
    /// Older than the agreement allows.
    TooOld = 40, Deny, "too-old",
        "The event is older than the agreement allows.", "the source organisation";
    /// The agreement's predicate is false.
    PredicateFalse = 41, Deny, "predicate-false",
        "The event does not meet the agreement's condition on its content.", "the source organisation";
    /// The agreement's predicate could not be answered.
    PredicateFailed = 42, Deny, "predicate-failed",
        "The agreement's condition on the content could not be answered.", "the source organisation";
    /// The flow is not for this kind of subject.
    WrongSubject = 43, Deny, "wrong-subject",
        "The event's subject is not of the kind the flow is for.", "the source organisation";
    /// A retry of an event already accepted.
    Duplicate = 50, Deny, "duplicate",
        "The same event was accepted before.", "nobody";
    /// The same id with other content.
    Conflicting = 51, Deny, "conflicting",
        "An event with the same id and other content was accepted before.", "the source organisation";
    /// A later event replaced it.
    Superseded = 52, Deny, "superseded",
        "A correction replaced the event.", "the source organisation";
    /// Not readable; the quarantine record names the rule.
    Unreadable = 60, Quarantine, "unreadable",
        "The record cannot be read; it stands in quarantine.", "the operator";
}

impl Reason {
    /// The reason with this number.
    pub fn from_code(code: i32) -> Option<Self> {
        Reason::ALL
            .iter()
            .copied()
            .find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
