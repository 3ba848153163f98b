//! One organisation's record of one person, and how it came to its person.

use super::demographics::{Known, Stated, Strategy};
use walbrook_domain::{Day, Handle, Instant, Organisation, PersonId, Restriction};

/// HMAC of an organisation's local id under the agency key, 32 bytes. The only name by which a gateway asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub [u8; 32]);

/// A record joined the person of another record. Persons are the replay of these in order of `sequence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Place in the order of all joins, from 1.
    pub sequence: i64,
    /// The record joined with: its person keeps its id.
    pub survivor: Handle,
    /// Why.
    pub strategy: Strategy,
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
    /// It was joined.
    Match,
    /// Several persons that cannot be one.
    ManyMatch,
    /// A number or the demographics agree, but something contradicts.
    Contradicted,
    /// An operator took them apart before.
    Apart,
    /// The person has as many members as one may have.
    Full,
    /// A member's organisation is covered by no matching agreement with this one's.
    NotCovered,
}

impl Found {
    const ALL: [Found; 7] = [
        Found::NoMatch,
        Found::Match,
        Found::ManyMatch,
        Found::Contradicted,
        Found::Apart,
        Found::Full,
        Found::NotCovered,
    ];

    /// The word on records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Found::NoMatch => "NO_MATCH",
            Found::Match => "MATCH",
            Found::ManyMatch => "MANY_MATCH",
            Found::Contradicted => "CONTRADICTED",
            Found::Apart => "APART",
            Found::Full => "FULL",
            Found::NotCovered => "NOT_COVERED",
        }
    }

    /// Reads the word.
    pub fn read(text: &str) -> Option<Self> {
        Found::ALL.into_iter().find(|found| found.as_str() == text)
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
    pub agency: String,
    /// Kind of the local id.
    pub id_scheme: String,
    /// What the organisation last said; `None` when it never said anything.
    pub stated: Option<Stated>,
    /// Compared form of `stated`.
    pub known: Known,
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
    /// Revision of the person's link records.
    pub revision: u32,
    /// What the last search found.
    pub found: Found,
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

    /// How its link to its person came about.
    pub fn strategy(&self) -> (Strategy, i32) {
        let last = self.joins_that_hold().last();
        last.map_or((Strategy::Own, Strategy::Own.score()), |join| {
            (join.strategy, join.score)
        })
    }

    /// Takes over what the organisation says now.
    pub fn state(&mut self, stated: Stated) {
        self.known = stated.known();
        self.restrictions = if stated.restricted {
            vec![Restriction::Restricted]
        } else {
            Vec::new()
        };
        self.stated = Some(stated);
    }
}
