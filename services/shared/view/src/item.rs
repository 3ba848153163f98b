//! The stored form of a partition's state: one item per contribution, subject record, heartbeat and word.

use crate::canon::{CanonError, Reader, Writer};
use crate::state::{Change, Packed};
use walbrook_domain::{Day, EventId, EventType, HandlePseudonym, Organisation, Pseudonym};

/// Version of the stored form, of contributions, subject facts and heartbeats alike; part of the store's fingerprint.
pub const FORMAT: u32 = 2;

/// Words come first in order: the others are said with them.
pub(crate) const WORD: u8 = b'a';
const CONTRIBUTION: u8 = b'c';
const SUBJECT: u8 = b's';
const HEARTBEAT: u8 = b'h';

/// The key of a stored item, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// What follows says which.
    Word,
    Contribution {
        person: Pseudonym,
        handle: HandlePseudonym,
        event: EventId,
        /// Its agreement's number.
        agreement: u32,
    },
    Subject(Pseudonym, HandlePseudonym),
    Heartbeat(Organisation, EventType),
}

pub(crate) fn contribution_key(
    person: Pseudonym,
    handle: HandlePseudonym,
    packed: &Packed,
) -> Vec<u8> {
    // What is packed begins with its agreement.
    let agreement = packed.agreement_number().unwrap_or(u32::MAX);
    let mut out = Writer::with_capacity(CONTRIBUTION_KEY);
    out.byte(CONTRIBUTION)
        .fixed(person.as_bytes())
        .fixed(handle.as_bytes())
        .fixed(packed.event.as_bytes())
        .fixed(&agreement.to_be_bytes());
    out.finish()
}

/// Bytes of the key of a contribution.
const CONTRIBUTION_KEY: usize = 1 + 3 * 16 + 4;

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
    /// Whether it is a word that items are said with. Words are never dropped, and are to be restored before everything else.
    pub fn is_word(&self) -> bool {
        let (Change::Put(key, _) | Change::Drop(key)) = self;
        key.first() == Some(&WORD)
    }

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

/// Reads a key; of a word only that it is one.
pub(crate) fn read(input: &mut Reader<'_>) -> Result<Key, CanonError> {
    let key = match input.byte()? {
        WORD => return Ok(Key::Word),
        CONTRIBUTION => Key::Contribution {
            person: Pseudonym::new(input.fixed()?),
            handle: HandlePseudonym::new(input.fixed()?),
            event: EventId::new(uuid::Uuid::from_bytes(input.fixed()?)),
            agreement: u32::from_be_bytes(input.fixed()?),
        },
        SUBJECT => Key::Subject(
            Pseudonym::new(input.fixed()?),
            HandlePseudonym::new(input.fixed()?),
        ),
        HEARTBEAT => Key::Heartbeat(input.word()?, input.word()?),
        _ => return Err(input.fault()),
    };
    input.end()?;
    Ok(key)
}

pub(crate) fn heartbeat_day(value: &[u8]) -> Result<Day, CanonError> {
    let mut stored = Reader::new(value, "heartbeat");
    let day = stored.day()?;
    stored.end()?;
    Ok(day)
}
