//! What came of deciding every event twice.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use walbrook_domain::{
    AgreementId, AgreementVersion, EventType, Organisation, PersonId, Precision,
};
use walbrook_policy::outcome::Reason;

/// A kind of release: everything about it that a reader's rights depend on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    /// The agreement and its version.
    pub agreement: AgreementId,
    /// See `agreement`.
    pub version: AgreementVersion,
    /// The source.
    pub source: Organisation,
    /// The event type.
    pub event_type: EventType,
    /// Bit i: field i.
    pub mask: u64,
    /// How finely times are released.
    pub precision: Precision,
}

/// Kinds of release by number, so that what is held of a person is a few small numbers.
#[derive(Debug, Default)]
pub struct Releases {
    numbers: HashMap<Release, u32>,
    all: Vec<Release>,
}

impl Releases {
    /// The number of a kind.
    pub fn number(&mut self, release: Release) -> u32 {
        if let Some(number) = self.numbers.get(&release) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(release.clone());
        self.numbers.insert(release, number);
        number
    }

    /// The kind of a number.
    pub fn get(&self, number: u32) -> Option<&Release> {
        self.all.get(usize::try_from(number).ok()?)
    }
}

/// What is released of a person, by number of kind: as things are, and as they would be.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Held {
    /// As things are.
    pub before: BTreeSet<u32>,
    /// As they would be.
    pub after: BTreeSet<u32>,
}

/// One flow of the proposal: an event type from an organisation.
#[derive(Debug, Default)]
pub struct Flow {
    /// Events that count.
    pub events: u64,
    /// Released by the version before.
    pub released_before: u64,
    /// Released by the proposal.
    pub released_after: u64,
    /// Fields released by the version before, and by the proposal.
    pub mask_before: u64,
    /// See `mask_before`.
    pub mask_after: u64,
    /// Fields released to the same purpose by other agreements.
    pub mask_elsewhere: u64,
    /// Why events would be withheld.
    pub withheld: BTreeMap<Reason, u64>,
    /// About whom the proposal would release something.
    pub people: HashSet<PersonId>,
}

/// What signing does to what stands on the log.
#[derive(Debug, Default)]
pub struct AtOnce {
    /// Past events that would be released now.
    pub released: u64,
    /// Past events whose release would go, or lose fields.
    pub narrowed: u64,
    /// People of the former.
    pub released_people: HashSet<PersonId>,
    /// People of the latter.
    pub narrowed_people: HashSet<PersonId>,
}

/// Everything counted.
#[derive(Debug, Default)]
pub struct Tally {
    /// Raw records read.
    pub records: u64,
    /// Events decided: readable, first of their id, not superseded, accepted since the day.
    pub events: u64,
    /// Events of types that the proposal has a flow for.
    pub concerned: u64,
    /// Readable no more: quarantined.
    pub unreadable: u64,
    /// The proposal's flows.
    pub flows: BTreeMap<(EventType, Organisation), Flow>,
    /// Kinds of release.
    pub releases: Releases,
    /// What is released of whom, for the proposal's purpose.
    pub held: HashMap<PersonId, Held>,
    /// Handles of children's services' records: their authority is responsible for the child.
    pub in_care: HashSet<walbrook_domain::Handle>,
    /// At once.
    pub at_once: AtOnce,
}
