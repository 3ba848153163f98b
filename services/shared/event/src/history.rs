//! The derived index of one partition: which events stand there, about whom, and which of them count.
//!
//! It follows from the raw records alone, so anyone who reads them has the same index, and it may run ahead of what is committed: every look-up
//! names the offset below which records count. All records about one handle stand in one partition of one raw topic (the handle belongs to one
//! organisation at one agency), so an index per (raw topic, partition) sees all that a look-up needs.

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

#[derive(Debug, Default)]
struct Identity {
    /// Offset, record timestamp and hash of each record of this identity, by offset.
    records: Vec<(i64, i64, [u8; 16])>,
    /// Offsets of the records that supersede it, ascending; duplicates and conflicting ones do not act.
    superseded_at: Vec<i64>,
}

/// The index of one raw topic's partition.
#[derive(Debug, Default)]
pub struct History {
    identities: HashMap<(Subject, Organisation, EventId), Identity>,
    subjects: HashMap<Subject, Vec<Entry>>,
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

    /// Adds a record. Records below [`next_offset`](Self::next_offset) are known already and ignored.
    pub fn observe(&mut self, entry: Entry) {
        if entry.offset < self.next_offset {
            return;
        }
        self.next_offset = entry.offset + 1;
        let key = (
            entry.subject.clone(),
            entry.organisation.clone(),
            entry.event,
        );
        let identity = self.identities.entry(key).or_default();
        let repeated = repeats(identity, entry.offset, entry.accepted_at_micros).is_some();
        identity
            .records
            .push((entry.offset, entry.accepted_at_micros, entry.content_hash));
        if let (Some(earlier), false) = (entry.supersedes, repeated)
            && earlier != entry.event
        {
            let key = (entry.subject.clone(), entry.organisation.clone(), earlier);
            self.identities
                .entry(key)
                .or_default()
                .superseded_at
                .push(entry.offset);
        }
        self.subjects
            .entry(entry.subject.clone())
            .or_default()
            .push(entry);
    }

    /// What the records below `below` make of one. For a live record `below` is its own offset; when it is decided again, the raw cut.
    pub fn standing(&self, entry: &Entry, below: i64) -> Standing {
        let key = (
            entry.subject.clone(),
            entry.organisation.clone(),
            entry.event,
        );
        let Some(identity) = self.identities.get(&key) else {
            return Standing::Counts;
        };
        if let Some(hash) = repeats(identity, entry.offset, entry.accepted_at_micros) {
            return if hash == entry.content_hash {
                Standing::Duplicate
            } else {
                Standing::Conflicting
            };
        }
        if identity.superseded_at.first().is_some_and(|at| *at < below) {
            return Standing::Superseded;
        }
        Standing::Counts
    }

    /// The events of a subject below an offset, in order.
    pub fn events<'a>(
        &'a self,
        subject: &Subject,
        below: i64,
    ) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let events: &[Entry] = self.subjects.get(subject).map_or(&[], Vec::as_slice);
        events.iter().take_while(move |entry| entry.offset < below)
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
        .records
        .iter()
        .find(|(at, when, _)| {
            *at < offset && accepted_at_micros.saturating_sub(*when) <= DUPLICATE_WINDOW_MICROS
        })
        .map(|(_, _, hash)| *hash)
}

#[cfg(test)]
mod tests;
