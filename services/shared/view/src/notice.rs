//! Notices: what fell of rows that an organisation was shown. One rule for the materialiser that tells and the auditor that derives again.
//!
//! A retraction takes contributions. It touches a read when the row it answered with rested on one of their events, the read was made before it,
//! and none of the agreements that entitled the reader then still gives the event. What is decided here is by events and agreements alone: a
//! notice tells nobody of an event that their row did not rest on.

use crate::canon::{CanonError, Reader, Writer};
use crate::state::Removed;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;
use walbrook_domain::{AgreementId, Day, EventId, Instant, Pseudonym};

/// What was done about a notice. What there is to say beyond it stands in the case file.
pub const ACTIONS: [&str; 6] = [
    "RECORD_CORRECTED",
    "RECORD_REMOVED",
    "DECISION_REVIEWED",
    "PASSED_ON",
    "NOT_KEPT",
    "NO_CHANGE_NEEDED",
];

/// Days to acknowledge a notice where a view file says nothing.
pub const DAYS: u32 = 14;

/// Reads named in a notice at most.
pub const MOST_READS: usize = 50;

/// What a reader is told of why something fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The source corrected the event.
    Corrected,
    /// The source took the event back.
    Recalled,
    /// The record is another person's.
    Unlinked,
    /// The record must be erased.
    Erased,
    /// A ground fell. Which one is the person's own business: a withdrawal, an objection and a safety hold look the same.
    NoLongerShared,
}

impl Cause {
    /// Of a retraction's reason. A word that is not known is told like a ground that fell.
    pub fn of(reason: &str) -> Self {
        match reason {
            "SUPERSEDED" => Self::Corrected,
            "RECALL" => Self::Recalled,
            "RELINKED" => Self::Unlinked,
            "ERASURE" => Self::Erased,
            _ => Self::NoLongerShared,
        }
    }

    /// The word on record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Corrected => "CORRECTED",
            Self::Recalled => "RECALLED",
            Self::Unlinked => "UNLINKED",
            Self::Erased => "ERASED",
            Self::NoLongerShared => "NO_LONGER_SHARED",
        }
    }

    /// Whether the reader is told which events fell.
    pub fn says_which(word: &str) -> bool {
        word != Self::NoLongerShared.word()
    }
}

/// What one retraction took of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallen {
    /// The retraction's reason.
    pub reason: Box<str>,
    /// The events that fell, and the agreements they fell under.
    pub events: BTreeMap<EventId, BTreeSet<AgreementId>>,
}

impl Fallen {
    /// By person: a handle may stand under two for the moment of a change of links.
    pub fn of(removed: &Removed) -> BTreeMap<Pseudonym, Self> {
        let mut of = BTreeMap::new();
        for (person, key) in &removed.fallen {
            let fallen = of.entry(*person).or_insert_with(|| Self {
                reason: removed.reason.clone(),
                events: BTreeMap::new(),
            });
            let under = fallen.events.entry(key.event).or_default();
            under.insert(key.agreement.clone());
        }
        of
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.text(&self.reason).count(self.events.len());
        for (event, agreements) in &self.events {
            out.fixed(event.as_bytes()).count(agreements.len());
            for agreement in agreements {
                out.text(agreement.as_str());
            }
        }
        out.finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// When the bytes are not of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonError> {
        let mut input = Reader::new(bytes, "what fell");
        let reason = input.text()?.into();
        let mut events = BTreeMap::new();
        for _ in 0..input.count()? {
            let event = EventId::new(Uuid::from_bytes(input.fixed()?));
            let mut agreements = BTreeSet::new();
            for _ in 0..input.count()? {
                agreements.insert(input.word()?);
            }
            events.insert(event, agreements);
        }
        input.end()?;
        Ok(Self { reason, events })
    }

    /// The events that fell of a row, ascending. `shown` is what the row rested on as its read record says it, `under` the agreements that
    /// entitled its reader; `stands` says whether an event stands under an agreement now.
    pub fn touched(
        &self,
        shown: &[u8],
        under: &BTreeSet<AgreementId>,
        stands: impl Fn(EventId, &AgreementId) -> bool,
    ) -> Vec<EventId> {
        let shown: BTreeSet<u64> = prefixes(shown).collect();
        let fell = |(event, agreements): (&EventId, &BTreeSet<AgreementId>)| {
            let touched = shown.contains(&event.prefix())
                && !agreements.is_disjoint(under)
                && !under.iter().any(|agreement| stands(*event, agreement));
            touched.then_some(*event)
        };
        self.events.iter().filter_map(fell).collect()
    }
}

/// What a read record says a row rested on.
pub fn prefixes(events: &[u8]) -> impl Iterator<Item = u64> {
    let (whole, _) = events.as_chunks::<8>();
    whole.iter().map(|bytes| u64::from_be_bytes(*bytes))
}

/// To whom a notice is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct To {
    /// The view.
    pub view: String,
    /// The organisation.
    pub organisation: String,
    /// The role that was shown the row.
    pub role: String,
}

/// The id of a notice: the same cause gives the same one, whoever works it out. The cause is a retraction's topic, partition and offset.
pub fn id(cause: (&str, i32, i64), to: &To, person: &Pseudonym) -> Uuid {
    let mut out = Writer::new();
    out.text("walbrook notice 1")
        .text(cause.0)
        .int(i64::from(cause.1))
        .int(cause.2)
        .text(&to.view)
        .text(&to.organisation)
        .text(&to.role)
        .fixed(person.as_bytes());
    let hash: [u8; 32] = Sha256::digest(out.finish()).into();
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The last London day on which an acknowledgement is in time.
pub fn due_on(noticed_at: Instant, days: u32) -> Day {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    noticed_at.london_day().plus(days)
}
