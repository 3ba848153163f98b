//! Commands, their answers, and what a step is given: nothing here reads a clock, draws a random number or does I/O.

use super::demographics::{Stated, Strategy};
use super::doubting::{Doubt, Doubted};
use super::record::{Found, Token};
use super::reviewing::{Explained, Page, Pair, Reviewer, Verdict, Wanted};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use walbrook_domain::{Day, Handle, Instant, Organisation, PersonId};
use walbrook_matching::Model;

/// Whether two organisations' records may be compared: a signed matching agreement in force covers both. Within one organisation they may
/// be compared always; that is not asked here.
pub trait MatchingCover: Send + Sync {
    /// Whether one agreement covers both. Symmetric.
    fn covers(&self, a: &Organisation, b: &Organisation) -> bool;

    /// Whether one agreement that covers both also names this kind of evidence.
    fn allows(&self, a: &Organisation, b: &Organisation, strategy: Strategy) -> bool {
        let _ = strategy;
        self.covers(a, b)
    }
}

/// Where new ids come from.
pub trait Entropy: Send {
    /// Sixteen bytes that nobody can guess.
    fn id(&mut self) -> [u8; 16];
}

/// Bounds and switches of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Records that one person may have: each change rewrites all of them.
    pub members_cap: usize,
    /// A postcode of more records than this (a hostel, a hospital, a prison) never completes a match.
    pub postcode_records: usize,
    /// Records that share a key by which candidates are found: a key of more is not looked up, the others must find them.
    pub block_records: usize,
    /// Records that one record is compared with at most.
    pub comparisons: usize,
    /// What is not surely the same is compared with this model.
    pub model: Arc<Model>,
    /// Agencies whose unknown subjects are taken without demographics; all others are asked for them.
    pub without_demographics: BTreeSet<String>,
}

/// The model that is part of the program.
fn shipped() -> Arc<Model> {
    static SHIPPED: LazyLock<Arc<Model>> = LazyLock::new(|| {
        #[expect(
            clippy::expect_used,
            reason = "the file is part of the program, and a test reads it"
        )]
        Arc::new(Model::shipped().expect("the shipped model can be read"))
    });
    Arc::clone(&SHIPPED)
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            members_cap: 64,
            postcode_records: 300,
            block_records: 200,
            comparisons: 400,
            model: shipped(),
            without_demographics: BTreeSet::new(),
        }
    }
}

/// What a gateway asks about one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkItem {
    /// Lookup token.
    pub token: Token,
    /// The organisation that holds the record.
    pub organisation: Organisation,
    /// The agency whose service asks.
    pub agency: String,
    /// Kind of the local id.
    pub id_scheme: String,
    /// Left out when known already.
    pub stated: Option<Stated>,
    /// The token of the same local id under the agency's key before, while that is being rotated.
    pub previous: Option<Token>,
}

/// How a command names a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// By its handle.
    Handle(Handle),
    /// By its lookup token.
    Token(Token),
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every command is a link: a box for each would cost more than the bytes it saves"
)]
pub enum Command {
    /// The handle of a subject; links it when it is new or says something new.
    Link(LinkItem),
    /// Two records are the same person; the survivor's person keeps its id.
    Merge {
        /// Its person keeps its id.
        survivor: Who,
        /// Its person is retired.
        other: Who,
        /// From a closed list.
        reason: String,
        /// Organisation and subject of the operator.
        by: String,
    },
    /// Undoes the latest join that names the record, on either side: what was before it is restored exactly.
    Unmerge {
        /// The record.
        record: Who,
        /// From a closed list.
        reason: String,
        /// Organisation and subject of the operator.
        by: String,
    },
    /// An event about each of these records was accepted; said again, or of an unknown record, it changes nothing.
    Accepted {
        /// The records.
        handles: Vec<Handle>,
    },
    /// A second person allows a named reader to look a record up before its hold is over.
    Approve {
        /// The tokens under which the record may stand.
        tokens: Vec<Token>,
        /// `sub` of the reader.
        reader: String,
        /// `sub` of the second person.
        by: String,
        /// From a closed list.
        reason: String,
        /// How many days after today it holds.
        days: i32,
    },
    /// One page of pairs that wait for a reviewer.
    List(Box<Wanted>),
    /// All that is known of a pair that waits.
    Explain(Pair, Reviewer),
    /// A reviewer decides about a pair that waits.
    Decide(Box<Verdict>),
    /// A reader says that a record is not of the person it is linked to.
    Doubt(Box<Doubt>),
    /// Writes `adult_from` where it is past by now, for up to `limit` persons.
    ComeOfAge {
        /// At most so many persons.
        limit: usize,
    },
    /// Evaluates up to `limit` records after a place in their order again, because the cover of matching agreements changed.
    Review {
        /// The last place evaluated.
        after: i64,
        /// At most so many records.
        limit: usize,
    },
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The subject's handle.
    Linked(Handle),
    /// The subject is unknown: its demographics are needed.
    DemographicsNeeded,
    /// The person after a merge, or of the record after an un-merge.
    Person(PersonId),
    /// Of how many records it was news that an event was accepted.
    Accepted(usize),
    /// The last London day on which an approval holds. Said of unknown records too: an answer tells nothing.
    Approved(Day),
    /// A page of what waits.
    Listed(Box<Page>),
    /// A pair that waits.
    Explained(Box<Explained>),
    /// How a doubted link stands.
    Doubted(Doubted),
    /// How many persons came of age; call again while it equals the limit.
    CameOfAge(usize),
    /// The last place evaluated; `None` when there is no later record.
    Reviewed(Option<i64>),
}

/// A command that was refused; nothing was changed, but that a merge which one person cannot bear waits for review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such record.
    #[error("there is no such record; name it by its handle or by its organisation's own id")]
    UnknownRecord,
    /// Merging a person with itself.
    #[error("both records are the same person already")]
    SamePerson,
    /// Un-merging what is alone.
    #[error("the record was never joined with another one: there is nothing to undo")]
    NotJoined,
    /// No matching agreement.
    #[error(
        "no signed matching agreement covers all organisations that hold records of the two; sign one first"
    )]
    NotCovered,
    /// Too many records.
    #[error(
        "the person would have more than {cap} records; un-merge what does not belong together first"
    )]
    Full {
        /// The cap.
        cap: usize,
    },
    /// Two different verified NHS numbers.
    #[error(
        "the person would have two different verified NHS numbers; have the wrong one corrected by the organisation that holds it, then merge; \
         the pair waits for review meanwhile"
    )]
    TwoNhsNumbers,
    /// Dates of birth far apart.
    #[error(
        "the person would have dates of birth that are too far apart for a slip; have the wrong one corrected by the organisation that holds it, \
         then merge; the pair waits for review meanwhile"
    )]
    BirthsFar,
    /// Somebody said that they are different people.
    #[error(
        "records of the two were said to be different people; only an operator's merge sets that aside (`walbrook identity merge`)"
    )]
    Apart,
    /// Nobody has to decide about the pair.
    #[error("no such pair waits for review; list what waits (`walbrook identity review list`)")]
    NotWaiting,
    /// The token is another organisation's.
    #[error(
        "the token belongs to a record of another organisation; the gateway computed it wrongly"
    )]
    WrongOrganisation,
}

impl Refused {
    /// What the pair of a refused merge waits as; `None` when it does not.
    pub(super) fn waits_as(self) -> Option<Found> {
        match self {
            Refused::TwoNhsNumbers => Some(Found::TwoNhsNumbers),
            Refused::BirthsFar => Some(Found::BirthsFar),
            Refused::Full { .. } => Some(Found::Full),
            _ => None,
        }
    }
}

/// Handles whose records must be written. Taken from the index when the transaction is made, so that a batch writes each record once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Records of `identity.records`.
    pub identity: BTreeSet<Handle>,
    /// Records of `control.links`.
    pub links: BTreeSet<Handle>,
    /// Tokens under which no record stands any more: tombstones of `identity.records`, after the records.
    pub forgotten: BTreeSet<Token>,
}

impl Changes {
    /// Whether nothing must be written.
    pub fn is_empty(&self) -> bool {
        self.identity.is_empty() && self.links.is_empty() && self.forgotten.is_empty()
    }
}

/// The arguments of one step.
pub struct Turn<'a> {
    /// The time of the step.
    pub now: Instant,
    /// Source of new ids.
    pub entropy: &'a mut dyn Entropy,
    /// The cover that holds now.
    pub cover: &'a dyn MatchingCover,
}
