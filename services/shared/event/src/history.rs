//! The derived index of one partition: which events stand there, about whom, and which of them count.
//!
//! It follows from the raw records and from which of them the pages sent to quarantine (those are not in it: their id is not used up, and they
//! correct nothing), so anyone who reads both has the same index. It may run ahead of what is committed: every look-up
//! names the offset below which records count. All records about one handle stand in one partition of one raw topic (the handle belongs to one
//! organisation at one agency), so an index per (raw topic, partition) sees all that a look-up needs.

use foldhash::fast::RandomState;
use std::collections::HashMap;
use walbrook_domain::{EventId, Organisation};

/// µs within which a second record of the same identity is a duplicate, by record timestamps: eight days, above the seven that are promised to
/// senders, so that a retry at the end of the seventh day is still inside whatever the log's clock did meanwhile.
pub const DUPLICATE_WINDOW_MICROS: i64 = 8 * 24 * 3_600 * 1_000_000;

/// Whom or what an event is about: the raw record's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A person's handle.
    Handle(walbrook_domain::Handle),
    /// The whole key of an area's or open event, for example `area:BUS`.
    Key(Box<str>),
}

/// One readable raw record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its offset.
    pub offset: i64,
    /// Its record timestamp, µs UTC.
    pub accepted_at_micros: i64,
    /// The producing organisation.
    pub organisation: Organisation,
    /// Whom it is about.
    pub subject: Subject,
    /// The producer's id.
    pub event: EventId,
    /// Hash of everything that makes it this event.
    pub content_hash: [u8; 16],
    /// The earlier event that it corrects.
    pub supersedes: Option<EventId>,
}

/// What earlier records make of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the first of its identity within the window and not superseded.
    Counts,
    /// The same identity and bytes stand earlier within the window.
    Duplicate,
    /// The same identity with other bytes stands earlier within the window.
    Conflicting,
    /// An event of the same organisation and subject corrects it.
    Superseded,
}

/// One record of an identity.
#[derive(Debug, Clone, Copy)]
struct Seen {
    offset: i64,
    accepted_at_micros: i64,
    content_hash: [u8; 16],
}

/// An identity; nearly always one record, and then nothing is allocated for it.
#[derive(Debug, Default)]
struct Identity {
    /// The records of this identity, by offset.
    first: Option<Seen>,
    more: Vec<Seen>,
    /// Offset of the first record that supersedes it; duplicates and conflicting ones do not act.
    superseded_at: Option<i64>,
}

impl Identity {
    fn records(&self) -> impl Iterator<Item = &Seen> {
        self.first.iter().chain(&self.more)
    }

    fn push(&mut self, seen: Seen) {
        if self.first.is_none() {
            self.first = Some(seen);
        } else {
            self.more.push(seen);
        }
    }
}

/// What makes two records one event, in numbers: subject and event as they are, the organisation by its number here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    /// A handle; or the number of another key, see [`History::keys`].
    subject: u128,
    event: u128,
    /// Twice its number, plus one for a subject that is no handle.
    organisation: u32,
}

/// The index of one raw topic's partition.
#[derive(Debug, Default)]
pub struct History {
    identities: HashMap<Key, Identity, RandomState>,
    subjects: HashMap<Subject, Vec<Entry>, RandomState>,
    /// Organisations met, by number.
    organisations: HashMap<Organisation, u32, RandomState>,
    /// Keys of areas and open data met.
    keys: HashMap<Box<str>, u128>,
    next_offset: i64,
}

impl History {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first offset not seen yet.
    pub const fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Says that every record below `offset` was seen; unreadable ones leave no other trace.
    pub fn seen_below(&mut self, offset: i64) {
        self.next_offset = self.next_offset.max(offset);
    }

    /// The key of an event, `None` when its organisation or its subject was never met: then it was not, either.
    fn key(&self, entry: &Entry, event: EventId) -> Option<Key> {
        let number = self
            .organisations
            .get(&entry.organisation)?
            .checked_mul(2)?;
        let (subject, organisation) = match &entry.subject {
            Subject::Handle(handle) => (u128::from_be_bytes(handle.to_bytes()), number),
            Subject::Key(key) => (*self.keys.get(key)?, number + 1),
        };
        Some(Key {
            subject,
            event: event.uuid().as_u128(),
            organisation,
        })
    }

    /// Adds a record. Records below [`next_offset`](Self::next_offset) are known already and ignored.
    pub fn observe(&mut self, entry: Entry) {
        if entry.offset < self.next_offset {
            return;
        }
        self.next_offset = entry.offset + 1;
        if !self.organisations.contains_key(&entry.organisation) {
            let number = u32::try_from(self.organisations.len()).unwrap_or(u32::MAX);
            self.organisations
                .insert(entry.organisation.clone(), number);
        }
        if let Subject::Key(key) = &entry.subject
            && !self.keys.contains_key(key)
        {
            let number = u128::try_from(self.keys.len()).unwrap_or(u128::MAX);
            self.keys.insert(key.clone(), number);
        }
        let Some(key) = self.key(&entry, entry.event) else {
            return;
        };
        let identity = self.identities.entry(key).or_default();
        let repeated = repeats(identity, entry.offset, entry.accepted_at_micros).is_some();
        identity.push(Seen {
            offset: entry.offset,
            accepted_at_micros: entry.accepted_at_micros,
            content_hash: entry.content_hash,
        });
        if let (Some(earlier), false) = (entry.supersedes, repeated)
            && earlier != entry.event
        {
            let earlier = Key {
                event: earlier.uuid().as_u128(),
                ..key
            };
            let corrected = self.identities.entry(earlier).or_default();
            corrected.superseded_at.get_or_insert(entry.offset);
        }
        match self.subjects.get_mut(&entry.subject) {
            Some(events) => events.push(entry),
            None => {
                // Most handles have one event or few: not four at once, as a list would reserve.
                self.subjects.insert(entry.subject.clone(), vec![entry]);
            }
        }
    }

    /// What the records below `below` make of one. For a live record `below` is its own offset; when it is decided again, the raw cut.
    pub fn standing(&self, entry: &Entry, below: i64) -> Standing {
        let found = self.key(entry, entry.event);
        let Some(identity) = found.and_then(|key| self.identities.get(&key)) else {
            return Standing::Counts;
        };
        if let Some(hash) = repeats(identity, entry.offset, entry.accepted_at_micros) {
            return if hash == entry.content_hash {
                Standing::Duplicate
            } else {
                Standing::Conflicting
            };
        }
        if identity.superseded_at.is_some_and(|at| at < below) {
            return Standing::Superseded;
        }
        Standing::Counts
    }

    /// The events of a subject below an offset, in order.
    pub fn events<'a>(
        &'a self,
        subject: &Subject,
        below: i64,
    ) -> impl DoubleEndedIterator<Item = &'a Entry> + use<'a> {
        let events: &[Entry] = self.subjects.get(subject).map_or(&[], Vec::as_slice);
        let end = events.partition_point(|entry| entry.offset < below);
        events.get(..end).unwrap_or_default().iter()
    }

    /// A subject's event that stands at exactly this offset.
    pub fn event_at(&self, subject: &Subject, offset: i64) -> Option<&Entry> {
        let events = self.subjects.get(subject)?;
        let at = events
            .binary_search_by_key(&offset, |entry| entry.offset)
            .ok()?;
        events.get(at)
    }

    /// Every subject with a record.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.subjects.keys()
    }
}

/// The hash of the earliest record of the identity that stands below `offset` and within the window before `accepted_at`.
fn repeats(identity: &Identity, offset: i64, accepted_at_micros: i64) -> Option<[u8; 16]> {
    identity
        .records()
        .find(|seen| {
            seen.offset < offset
                && accepted_at_micros.saturating_sub(seen.accepted_at_micros)
                    <= DUPLICATE_WINDOW_MICROS
        })
        .map(|seen| seen.content_hash)
}

#[cfg(test)]
mod tests;
