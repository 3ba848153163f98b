//! The stored form of a partition's state: one item per contribution, subject record and heartbeat, keyed so that a person's items stand together.

use crate::canon::{CanonError, Reader, Writer};
use crate::facts::{Contribution, ContributionKey, SubjectFacts};
use crate::state::Change;
use walbrook_domain::{Day, EventId, EventType, HandlePseudonym, Organisation, Pseudonym};

/// Version of the stored form, of contributions, subject facts and heartbeats alike; part of the store's fingerprint.
pub const FORMAT: u32 = 1;

const CONTRIBUTION: u8 = b'c';
const SUBJECT: u8 = b's';
const HEARTBEAT: u8 = b'h';

/// A stored item, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Contribution(Contribution),
    Subject(Pseudonym, HandlePseudonym, SubjectFacts),
    Heartbeat(Organisation, EventType, Day),
}

pub(crate) fn contribution_key(person: Pseudonym, key: &ContributionKey) -> Vec<u8> {
    let mut out = Writer::new();
    out.byte(CONTRIBUTION)
        .fixed(person.as_bytes())
        .fixed(key.handle.as_bytes())
        .fixed(key.event.as_bytes())
        .text(key.agreement.as_str());
    out.finish()
}

pub(crate) fn subject_key(person: Pseudonym, handle: HandlePseudonym) -> Vec<u8> {
    let mut out = Writer::new();
    out.byte(SUBJECT)
        .fixed(person.as_bytes())
        .fixed(handle.as_bytes());
    out.finish()
}

pub(crate) fn heartbeat_key(organisation: &Organisation, event_type: &EventType) -> Vec<u8> {
    let mut out = Writer::new();
    out.byte(HEARTBEAT)
        .text(&organisation.to_string())
        .text(event_type.as_str());
    out.finish()
}

pub(crate) fn heartbeat_value(day: Day) -> Vec<u8> {
    let mut out = Writer::new();
    out.day(day);
    out.finish()
}

/// Whose rows a change of the state may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// One person's.
    Person(Pseudonym),
    /// Those of everyone of whom this organisation holds a record: it was heard.
    Source(Organisation),
}

impl Change {
    /// Whose rows it may change; `None`: the key is none of this version's.
    pub fn touches(&self) -> Option<Touched> {
        let (Change::Put(key, _) | Change::Drop(key)) = self;
        let mut input = Reader::new(key, "item");
        match input.byte().ok()? {
            CONTRIBUTION | SUBJECT => Some(Touched::Person(Pseudonym::new(input.fixed().ok()?))),
            HEARTBEAT => Some(Touched::Source(input.word().ok()?)),
            _ => None,
        }
    }
}

pub(crate) fn read(key: &[u8], value: &[u8]) -> Result<Item, CanonError> {
    let mut input = Reader::new(key, "item");
    let kind = input.byte()?;
    let item = match kind {
        CONTRIBUTION => {
            let person = Pseudonym::new(input.fixed()?);
            let key = ContributionKey {
                handle: HandlePseudonym::new(input.fixed()?),
                event: EventId::new(uuid::Uuid::from_bytes(input.fixed()?)),
                agreement: input.word()?,
            };
            Item::Contribution(Contribution::decode(person, key, value)?)
        }
        SUBJECT => Item::Subject(
            Pseudonym::new(input.fixed()?),
            HandlePseudonym::new(input.fixed()?),
            SubjectFacts::decode(value)?,
        ),
        HEARTBEAT => {
            let mut stored = Reader::new(value, "heartbeat");
            let day = stored.day()?;
            stored.end()?;
            Item::Heartbeat(input.word()?, input.word()?, day)
        }
        _ => return Err(input.fault()),
    };
    input.end()?;
    Ok(item)
}
