//! What a record of the control plane says, free of its encoding: the codec lives in `event`, the fold and its legal
//! transitions in `policy`. The agreement half ([`AgreementFact`], view-file pins) is what `control.agreements` carries.

use crate::{
    AgreementId, AgreementVersion, Day, EventId, EventType, Handle, Instant, Organisation, Purpose,
    WordError,
};
use std::fmt;
use std::str::FromStr;

/// One record of `control.policy` (or its copy on `control.agreements`) where it stands on the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlRecord {
    /// Offset on the topic it was read from.
    pub offset: i64,
    /// The log's append time: the instant from which it holds.
    pub appended_at: Instant,
    /// Copied from the call; empty when the call carried none (pins).
    pub idempotency_key: String,
    /// What it says.
    pub fact: ControlFact,
}

/// What a control record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlFact {
    /// The agreement half: copied to `control.agreements`.
    Agreement(AgreementFact),
    /// About a person, by handle. Never leaves `control.policy`.
    Ground(GroundFact),
    /// What decisions are pinned to.
    Pin(PinFact),
}

/// Facts about agreements, parties and readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgreementFact {
    /// A version was proposed.
    Proposed(AgreementProposed),
    /// A party signed a version.
    Signed(AgreementSigned),
    /// A standing changed, for one party or for all.
    Standing(StandingChange),
    /// The effective day of a version has come that parties signed before.
    Commenced(AgreementCommenced),
    /// A party's key was registered or withdrawn.
    PartyKey(PartyKey),
    /// A reader was revoked, or given access back.
    Reader(ReaderRevocation),
    /// An organisation's publication schedule was published.
    Schedule(PublicationSchedule),
}

/// A version of an agreement was proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementProposed {
    /// The agreement.
    pub agreement: AgreementId,
    /// From 1, one more than the version before it.
    pub version: AgreementVersion,
    /// Canonical text.
    pub text: String,
    /// SHA-256 of the canonical text.
    pub text_sha256: [u8; 32],
    /// The organisation that proposed it.
    pub by_organisation: Organisation,
    /// The person of that organisation (`sub` of the token).
    pub by: String,
}

/// A party signed a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementSigned {
    /// The agreement.
    pub agreement: AgreementId,
    /// The version.
    pub version: AgreementVersion,
    /// The party.
    pub party: Organisation,
    /// The party's key.
    pub key_id: String,
    /// Ed25519 over the 32 bytes of `text_sha256`.
    pub signature: [u8; 64],
    /// What the party signed.
    pub text_sha256: [u8; 32],
}

/// A standing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingChange {
    /// The agreement.
    pub agreement: AgreementId,
    /// The version it was said of.
    pub version: AgreementVersion,
    /// The party concerned; `None`: all parties.
    pub party: Option<Organisation>,
    /// The new standing.
    pub standing: Standing,
    /// From a closed list (`policy::state::STANDING_REASONS`).
    pub reason: String,
    /// Who recorded it.
    pub by_organisation: Organisation,
    /// The person of that organisation.
    pub by: String,
}

/// The effective day of a version has come that parties signed before. The day itself puts the version in force; this is on record so that
/// what the version changes for past events has a place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementCommenced {
    /// The agreement.
    pub agreement: AgreementId,
    /// The version.
    pub version: AgreementVersion,
}

/// A party's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyKey {
    /// The party.
    pub organisation: Organisation,
    /// Name of the key, unique for the party.
    pub key_id: String,
    /// Ed25519 public key.
    pub public_key: [u8; 32],
    /// False withdraws the key: signatures made before stay, new ones are refused.
    pub active: bool,
}

/// A reader's access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderRevocation {
    /// The reader's organisation.
    pub organisation: Organisation,
    /// The `sub` of the reader's token.
    pub reader: String,
    /// True takes access away, false gives it back.
    pub revoked: bool,
    /// Who recorded it.
    pub by: String,
}

/// What an organisation publishes on the backbone. A version takes the place of the one before it as a whole; without a
/// schedule an organisation publishes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationSchedule {
    /// Whose it is.
    pub organisation: Organisation,
    /// From 1, one more than the version before it.
    pub version: u32,
    /// One for each event type; none: the organisation publishes nothing any more.
    pub entries: Vec<ScheduleEntry>,
    /// Who published it: the organisation itself, or the operator.
    pub by_organisation: Organisation,
    /// The person of that organisation.
    pub by: String,
}

/// One event type that an organisation publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleEntry {
    /// The event type.
    pub event_type: EventType,
    /// Who is the controller of what is published: most often the organisation itself.
    pub controller: Organisation,
    /// Why it is published: the duty or power it rests on.
    pub reason: String,
    /// For how long the controller keeps it.
    pub retention_days: u32,
}

impl PublicationSchedule {
    /// Longest reason of an entry, in bytes.
    pub const REASON_LIMIT: usize = 400;

    /// Whether it may follow the version that is current (0 for none).
    pub const fn follows(&self, current: u32) -> bool {
        self.version == current.saturating_add(1)
    }

    /// What is wrong with the schedule by itself; `None`: nothing. Everyone who folds schedules asks here, so that all of
    /// them take and refuse the same records.
    pub fn fault(&self) -> Option<&'static str> {
        for (at, entry) in self.entries.iter().enumerate() {
            let mut before = self.entries.iter().take(at);
            let reason = entry.reason.trim();
            if before.any(|other| other.event_type == entry.event_type) {
                return Some("names an event type twice");
            }
            if reason.is_empty() || reason.len() > Self::REASON_LIMIT {
                return Some("has an entry without a reason, or with one of over 400 bytes");
            }
            if entry.retention_days == 0 {
                return Some("has an entry that is not kept for a day");
            }
        }
        None
    }
}

/// A consent, objection, opt-out, hold, restriction, recall or erasure about a handle. All but recall and erasure hold for the
/// person: those two are about the one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroundFact {
    /// Stable id: later records with the same id change it.
    pub ground_id: String,
    /// From 1.
    pub version: u32,
    /// The handle it was recorded on.
    pub handle: Handle,
    /// What kind it is.
    pub kind: GroundKind,
    /// Its state now.
    pub state: GroundState,
    /// The purpose it is limited to; `None`: every purpose.
    pub purpose: Option<Purpose>,
    /// The agreement it is limited to; `None`: every agreement of the purpose.
    pub agreement: Option<AgreementId>,
    /// A recall names one event.
    pub event: Option<EventId>,
    /// Last London day on which a consent holds.
    pub not_after: Option<Day>,
    /// The housing authority that the person chose (Housing Act 1996 s213B): a consent given may name one.
    pub chosen_authority: Option<Organisation>,
    /// When the person said so.
    pub stated_at: Instant,
    /// Who recorded it.
    pub by_organisation: Organisation,
    /// The person of that organisation.
    pub by: String,
}

/// Something decisions are pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinFact {
    /// What kind of thing.
    pub kind: PinKind,
    /// Subject or record name, file name, rule set, purpose.
    pub name: String,
    /// Registry id of a schema; 0 otherwise.
    pub schema_id: i32,
    /// SHA-256 of the content (of the key id for a purpose key).
    pub sha256: [u8; 32],
    /// The content where it is needed to derive decisions again; empty otherwise.
    pub content: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of the list.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word on records.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = WordError;
            fn from_str(text: &str) -> Result<Self, WordError> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err(WordError::new($what, concat!("expected one of", $(" ", $word,)+))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

// Closed lists whose words stand on records: one shape, so that the word and its reader cannot drift apart.
words!(
    /// Standing of an agreement, for one party or for all.
    Standing, "standing" {
        /// Resumed after a suspension.
        InForce = "IN_FORCE",
        /// Nothing is released or shown until it is resumed.
        Suspended = "SUSPENDED",
        /// Ended; a party comes back by signing again.
        Terminated = "TERMINATED",
    }
);
words!(
    /// Kinds of ground.
    GroundKind, "ground" {
        /// The person agrees, refuses, or takes it back.
        Consent = "CONSENT",
        /// UK GDPR Article 21.
        Objection = "OBJECTION",
        /// The NHS national data opt-out.
        NationalDataOptOut = "NATIONAL_DATA_OPT_OUT",
        /// Nothing about the person is released while it stands.
        SafetyHold = "SAFETY_HOLD",
        /// The person's records are restricted: withheld, or seen by the responsible authority alone.
        Restriction = "RESTRICTION",
        /// One event was about the wrong person, or must not be used.
        Recall = "RECALL",
        /// The controller must erase its record (UK GDPR Article 17): nothing of it is released again.
        Erasure = "ERASURE",
    }
);
words!(
    /// States of a ground; each kind admits some ([`GroundKind::admits`]).
    GroundState, "ground state" {
        /// Consent given.
        Given = "GIVEN",
        /// Consent refused.
        Refused = "REFUSED",
        /// Consent taken back.
        Withdrawn = "WITHDRAWN",
        /// An objection raised: processing stops until it is decided.
        Raised = "RAISED",
        /// The objection stands.
        Upheld = "UPHELD",
        /// The objection was rejected, with reasons given to the person.
        Rejected = "REJECTED",
        /// It holds.
        On = "ON",
        /// It holds no more.
        Off = "OFF",
    }
);
words!(
    /// Kinds of pin.
    PinKind, "pin" {
        /// A schema admitted, with its registry id and text.
        Schema = "SCHEMA",
        /// Version of the decision rules.
        DecisionRules = "DECISION_RULES",
        /// Version of the projection rules.
        ProjectionRules = "PROJECTION_RULES",
        /// The list of raw topics.
        RawTopics = "RAW_TOPICS",
        /// A code list.
        CodeList = "CODE_LIST",
        /// The working-day calendar.
        Calendar = "CALENDAR",
        /// A view file.
        ViewFile = "VIEW_FILE",
        /// Id of a purpose key.
        PurposeKey = "PURPOSE_KEY",
        /// The generation of a purpose's topic that is in force, or being filled.
        Generation = "GENERATION",
    }
);

impl GroundKind {
    /// Whether a ground of this kind may be in that state.
    pub const fn admits(self, state: GroundState) -> bool {
        use GroundState::{Given, Off, On, Raised, Refused, Rejected, Upheld, Withdrawn};
        match self {
            GroundKind::Consent => matches!(state, Given | Refused | Withdrawn),
            GroundKind::Objection => matches!(state, Raised | Upheld | Rejected),
            GroundKind::NationalDataOptOut
            | GroundKind::SafetyHold
            | GroundKind::Restriction
            | GroundKind::Recall => matches!(state, On | Off),
            // What is destroyed does not come back.
            GroundKind::Erasure => matches!(state, On),
        }
    }
}

impl GroundKind {
    /// Whether it is about the one record it stands on, and not about the person: a recall names an event of that record, and an
    /// erasure order is one controller's. A new record of the same person, years later, is not silenced by it.
    pub const fn is_of_record(self) -> bool {
        matches!(self, GroundKind::Recall | GroundKind::Erasure)
    }
}

impl GroundState {
    /// Whether the ground stands in the way of a release in this state (a consent given does not, nor does anything off).
    pub const fn stands_against(self) -> bool {
        !matches!(
            self,
            GroundState::Given | GroundState::Rejected | GroundState::Off
        )
    }
}
