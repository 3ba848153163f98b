//! One organisation's record of one person, and how it came to its person.

use super::demographics::{Contradiction, Key, Stated, Strategy};
use super::holds::Approval;
use super::review::{Candidate, ReviewAct, never_same};
use super::said::Said;
use std::sync::Arc;
use walbrook_domain::{Day, Handle, Instant, Organisation, PersonId, Restriction};
use walbrook_matching::Features;

/// HMAC of an organisation's local id under the agency key, 32 bytes. The only name by which a gateway asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub [u8; 32]);

impl Token {
    /// Its first eight bytes: nobody without the key can choose them.
    pub(super) fn prefix(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// A record joined the person of another record. Persons are the replay of these in order of `sequence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Place in the order of all joins, from 1.
    pub sequence: i64,
    /// The record joined with: its person keeps its id.
    pub survivor: Handle,
    /// Why.
    pub strategy: Strategy,
    /// Name and version of the model, for a rule that has one.
    pub model: Option<Arc<str>>,
    /// Score in ten-thousandths.
    pub score: i32,
    /// Operator who decided, empty for the rules.
    pub decided_by: String,
    /// Operator's reason, empty for the rules.
    pub reason: String,
    /// When.
    pub made_at: Instant,
    /// Set when it no longer holds.
    pub undone: Option<Undone>,
}

/// A join that no longer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// Why.
    pub reason: String,
    /// Operator who decided; empty for the rules.
    pub by: String,
    /// When.
    pub at: Instant,
}

impl Join {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.undone.is_none()
    }

    /// Whether an operator took it apart: then the rules never make it again.
    pub fn taken_apart(&self) -> bool {
        self.undone
            .as_ref()
            .is_some_and(|undone| !undone.by.is_empty())
    }
}

/// What the search for a record's person found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Found {
    /// Nobody else.
    NoMatch,
    /// Somebody alike, below 0.85.
    LowConfidenceMatch,
    /// Somebody much alike, but not surely the same.
    PotentialMatch,
    /// It was joined.
    Match,
    /// Several persons that cannot be one.
    ManyMatch,
    /// A number or the demographics agree, but names contradict.
    Contradicted,
    /// A number or the demographics agree, but dates of birth are far apart.
    BirthsFar,
    /// The person would have two different verified NHS numbers.
    TwoNhsNumbers,
    /// An operator took them apart before.
    Apart,
    /// The person has as many members as one may have.
    Full,
    /// A member's organisation is covered by no matching agreement with this one's.
    NotCovered,
    /// The two are linked, and a reader who was shown their row doubts it.
    Disputed,
}

impl Found {
    const ALL: [Found; 12] = [
        Found::NoMatch,
        Found::LowConfidenceMatch,
        Found::PotentialMatch,
        Found::Match,
        Found::ManyMatch,
        Found::Contradicted,
        Found::BirthsFar,
        Found::TwoNhsNumbers,
        Found::Apart,
        Found::Full,
        Found::NotCovered,
        Found::Disputed,
    ];

    /// The word on records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Found::NoMatch => "NO_MATCH",
            Found::LowConfidenceMatch => "LOW_CONFIDENCE_MATCH",
            Found::PotentialMatch => "POTENTIAL_MATCH",
            Found::Match => "MATCH",
            Found::ManyMatch => "MANY_MATCH",
            Found::Contradicted => "CONTRADICTED",
            Found::BirthsFar => "BIRTHS_FAR",
            Found::TwoNhsNumbers => "TWO_NHS_NUMBERS",
            Found::Apart => "APART",
            Found::Full => "FULL",
            Found::NotCovered => "NOT_COVERED",
            Found::Disputed => "DISPUTED",
        }
    }

    /// Reads the word.
    pub fn read(text: &str) -> Option<Self> {
        Found::ALL.into_iter().find(|found| found.as_str() == text)
    }

    /// Whether somebody has to look at such a pair. What was decided already, and what may not be compared, is not asked.
    pub const fn is_for_review(self) -> bool {
        match self {
            Found::NoMatch | Found::Match | Found::Apart | Found::NotCovered => false,
            Found::LowConfidenceMatch
            | Found::PotentialMatch
            | Found::ManyMatch
            | Found::Contradicted
            | Found::BirthsFar
            | Found::TwoNhsNumbers
            | Found::Full
            | Found::Disputed => true,
        }
    }

    /// Those that somebody has to look at.
    pub fn for_review() -> impl Iterator<Item = Found> {
        Found::ALL.into_iter().filter(|found| found.is_for_review())
    }
}

impl From<Contradiction> for Found {
    fn from(contradiction: Contradiction) -> Self {
        match contradiction {
            Contradiction::TwoNhsNumbers => Found::TwoNhsNumbers,
            Contradiction::BirthsFar => Found::BirthsFar,
            Contradiction::NamesFar => Found::Contradicted,
        }
    }
}

/// One organisation's record of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// Lookup token.
    pub token: Token,
    /// Handle; never changes.
    pub handle: Handle,
    /// The organisation that holds it.
    pub organisation: Organisation,
    /// The agency whose service asked first.
    pub agency: Arc<str>,
    /// Kind of the local id.
    pub id_scheme: Arc<str>,
    /// What the organisation last said.
    pub said: Said,
    /// Place in the order of all records, from 1.
    pub sequence: i64,
    /// The person it is by itself.
    pub own_person: PersonId,
    /// The person it belongs to.
    pub person: PersonId,
    /// Joins in which it was the one that joined, oldest first.
    pub joins: Vec<Join>,
    /// Its own restrictions, ordered.
    pub restrictions: Vec<Restriction>,
    /// As on the link record.
    pub adult_from: Option<Day>,
    /// Revision of the person's link records when this one was last written for it: the greatest of a person's members counts.
    pub revision: u32,
    /// What the last search found.
    pub found: Found,
    /// Records that may be the same person, best first: pairs that wait for a reviewer.
    pub candidates: Vec<Candidate>,
    /// What reviewers decided of pairs of which this is the later record, oldest first.
    pub acts: Vec<ReviewAct>,
    /// When a gateway first said that an event about it was accepted.
    pub accepted_at: Option<Instant>,
    /// Readers who may look it up before its hold is over.
    pub approvals: Vec<Approval>,
    /// When it was first seen.
    pub first_seen_at: Instant,
    /// When it was last written.
    pub recorded_at: Instant,
}

impl PersonRecord {
    /// Its joins that hold.
    pub fn joins_that_hold(&self) -> impl Iterator<Item = &Join> {
        self.joins.iter().filter(|join| join.holds())
    }

    /// The join by which it came to its person; `None` for one that others joined, or that is alone.
    pub fn last_join(&self) -> Option<&Join> {
        self.joins_that_hold().last()
    }

    /// Records that a reviewer said are never the same person.
    pub fn never_same(&self) -> impl Iterator<Item = Handle> {
        never_same(&self.acts)
    }

    /// The strong tokens, surest first.
    pub fn strong_keys(&self) -> impl Iterator<Item = (Strategy, Key)> + use<> {
        self.features().strong_keys(&self.organisation.to_string())
    }

    /// Takes over what the organisation says now.
    pub fn state(&mut self, stated: Stated) {
        self.said = Said::of(&stated);
        self.restrictions = if stated.restricted {
            vec![Restriction::Restricted]
        } else {
            Vec::new()
        };
    }

    /// What the organisation last said, in the form in which it is compared.
    pub fn features(&self) -> &Features {
        self.said.features()
    }
}
