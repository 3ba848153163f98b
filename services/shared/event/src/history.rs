//! The derived index of one partition: which events stand there, about whom, and which of them count.
//!
//! It follows from the raw records and from which of them the pages sent to quarantine (those are not in it: their id is not used up, and they
//! correct nothing), so anyone who reads both has the same index. It may run ahead of what is committed: every look-up
//! names the offset below which records count. All records about one handle stand in one partition of one raw topic (the handle belongs to one
//! organisation at one agency), so an index per (raw topic, partition) sees all that a look-up needs.

mod ages;
mod rows;

use ages::Ages;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;
use rows::{Grown, Row};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use walbrook_domain::{EventId, Handle, Organisation};

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

/// What makes two records one event, in numbers: see [`Row`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    subject: u128,
    event: u128,
    source: u32,
}

impl Key {
    const fn of(row: &Row) -> Self {
        Self {
            subject: u128::from_be_bytes(row.subject),
            event: u128::from_be_bytes(row.event),
            source: row.source,
        }
    }
}

/// Texts and their numbers. There are few.
#[derive(Debug, Clone)]
struct Texts<T> {
    numbers: HashMap<T, u32, RandomState>,
    texts: Vec<T>,
}

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Self {
            numbers: HashMap::default(),
            texts: Vec::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Texts<T> {
    fn number(&mut self, text: &T) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.clone(), number);
        self.texts.push(text.clone());
        number
    }

    fn text(&self, number: u32) -> Option<&T> {
        self.texts.get(usize::try_from(number).ok()?)
    }
}

/// What the index follows from, and all that a copy of it needs: the records, in order.
#[derive(Debug, Clone, Default)]
pub struct Records {
    rows: Grown<Row>,
    /// What a row corrects; few do.
    corrections: Grown<(u32, [u8; 16])>,
    organisations: Texts<Organisation>,
    /// Keys of areas and open data.
    keys: Texts<Arc<str>>,
}

impl Records {
    /// How many.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// All of them, by offset.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        (0..)
            .zip(self.rows.iter())
            .filter_map(|(number, row)| self.entry(number, row))
    }

    fn entry(&self, number: u32, row: &Row) -> Option<Entry> {
        let corrected = self.corrections.partition_point(|(at, _)| *at < number);
        let corrected = self.corrections.get(corrected);
        let event = |bytes| EventId::new(uuid::Uuid::from_bytes(bytes));
        Some(Entry {
            offset: row.offset,
            accepted_at_micros: row.accepted_at_micros,
            organisation: self.organisations.text(row.source / 2)?.clone(),
            subject: self.subject(row)?,
            event: event(row.event),
            content_hash: row.content_hash,
            supersedes: corrected
                .filter(|(at, _)| *at == number)
                .map(|(_, earlier)| event(*earlier)),
        })
    }

    fn subject(&self, row: &Row) -> Option<Subject> {
        if row.source.is_multiple_of(2) {
            return Some(Subject::Handle(Handle::new(row.subject)));
        }
        let number = u32::try_from(u128::from_be_bytes(row.subject)).ok()?;
        let key = self.keys.text(number)?;
        Some(Subject::Key(key.as_ref().into()))
    }

    /// Subject and source of an entry in numbers, where both were met before.
    fn known(&self, entry: &Entry) -> Option<([u8; 16], u32)> {
        let organisation = self.organisations.numbers.get(&entry.organisation)?;
        let source = organisation.checked_mul(2)?;
        Some(match &entry.subject {
            Subject::Handle(handle) => (handle.to_bytes(), source),
            Subject::Key(key) => (numbered(*self.keys.numbers.get(&**key)?), source + 1),
        })
    }

    fn row(&self, number: u32) -> Option<&Row> {
        self.rows.get(usize::try_from(number).ok()?)
    }
}

fn numbered(key: u32) -> [u8; 16] {
    u128::from(key).to_be_bytes()
}

/// The index of one raw topic's partition: the records, and over them tables of numbers of rows. Of a person with one event it takes about 95
/// bytes, of each event more about 85.
#[derive(Debug, Default)]
pub struct History {
    records: Records,
    /// The first row of each identity.
    identities: HashTable<u32>,
    /// The other rows of an identity, by its first; few have any.
    repeated: HashMap<u32, Vec<u32>, RandomState>,
    /// Offset of the first record that supersedes an event, whether or not that is there; duplicates and conflicting ones do not act.
    superseded: HashMap<Key, i64, RandomState>,
    /// The newest row of each subject; from it the others are found.
    newest: HashTable<u32>,
    state: RandomState,
    /// Below which offsets everything was accepted before an instant.
    ages: Ages,
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

    /// The records: [`observe`](Self::observe) makes the same index of them again.
    pub const fn records(&self) -> &Records {
        &self.records
    }

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> usize {
        let tables = self.identities.capacity() + self.newest.capacity();
        self.records.len() * size_of::<Row>() + tables * (size_of::<u32>() + 1) * 8 / 7
    }

    /// Adds a record. Records below [`next_offset`](Self::next_offset) are known already and ignored. At most four thousand million, which no memory
    /// holds.
    pub fn observe(&mut self, entry: Entry) {
        let Ok(number) = u32::try_from(self.records.len()) else {
            return;
        };
        if entry.offset < self.next_offset {
            return;
        }
        self.next_offset = entry.offset + 1;
        self.ages.note(entry.offset, entry.accepted_at_micros);
        let source = self.records.organisations.number(&entry.organisation) * 2;
        let (subject, source) = match &entry.subject {
            Subject::Handle(handle) => (handle.to_bytes(), source),
            Subject::Key(key) => {
                let key: Arc<str> = key.as_ref().into();
                (numbered(self.records.keys.number(&key)), source + 1)
            }
        };
        let row = Row {
            offset: entry.offset,
            accepted_at_micros: entry.accepted_at_micros,
            event: *entry.event.as_bytes(),
            content_hash: entry.content_hash,
            subject,
            source,
            before: self.follow(subject, source, number),
        };
        let repeats = self.identify(number, &row);
        self.records.rows.push(row);
        let Some(earlier) = entry.supersedes else {
            return;
        };
        self.records.corrections.push((number, *earlier.as_bytes()));
        if !repeats && earlier != entry.event {
            let corrected = Key {
                event: earlier.uuid().as_u128(),
                ..Key::of(&row)
            };
            self.superseded.entry(corrected).or_insert(entry.offset);
        }
    }

    /// Makes a row the newest of its subject; the one before, plus one.
    fn follow(&mut self, subject: [u8; 16], source: u32, number: u32) -> u32 {
        let (records, state) = (&self.records, &self.state);
        // One handle may be met under two organisations: their events are one list, as its records are.
        let name = |row: &Row| (row.subject, row.source % 2);
        let same = |other: &u32| records.row(*other).map(name) == Some((subject, source % 2));
        let hash = |other: &u32| {
            records
                .row(*other)
                .map_or(0, |row| state.hash_one(name(row)))
        };
        let wanted = state.hash_one((subject, source % 2));
        match self.newest.entry(wanted, same, hash) {
            Slot::Occupied(mut known) => std::mem::replace(known.get_mut(), number) + 1,
            Slot::Vacant(free) => {
                free.insert(number);
                0
            }
        }
    }

    /// Enters a row under its identity, before it is pushed; whether it repeats one within the window.
    fn identify(&mut self, number: u32, row: &Row) -> bool {
        let (records, state, key) = (&self.records, &self.state, Key::of(row));
        let same = |other: &u32| records.row(*other).map(Key::of) == Some(key);
        let hash = |other: &u32| {
            records
                .row(*other)
                .map_or(0, |row| state.hash_one(Key::of(row)))
        };
        let first = match self.identities.entry(state.hash_one(key), same, hash) {
            Slot::Occupied(first) => *first.get(),
            Slot::Vacant(free) => {
                free.insert(number);
                return false;
            }
        };
        let repeats = self.repeats(first, row.offset, row.accepted_at_micros);
        self.repeated.entry(first).or_default().push(number);
        repeats.is_some()
    }

    /// The hash of the earliest record of the identity that stands below `offset` and within the window before `accepted_at`.
    fn repeats(&self, first: u32, offset: i64, accepted_at_micros: i64) -> Option<[u8; 16]> {
        let more = self.repeated.get(&first).into_iter().flatten();
        std::iter::once(&first)
            .chain(more)
            .filter_map(|number| self.records.row(*number))
            .find(|seen| {
                seen.offset < offset
                    && accepted_at_micros.saturating_sub(seen.accepted_at_micros)
                        <= DUPLICATE_WINDOW_MICROS
            })
            .map(|seen| seen.content_hash)
    }

    /// What the records below `below` make of one. For a live record `below` is its own offset; when it is decided again, the raw cut.
    pub fn standing(&self, entry: &Entry, below: i64) -> Standing {
        let Some((subject, source)) = self.records.known(entry) else {
            return Standing::Counts;
        };
        let key = Key {
            subject: u128::from_be_bytes(subject),
            event: entry.event.uuid().as_u128(),
            source,
        };
        let same = |other: &u32| self.records.row(*other).map(Key::of) == Some(key);
        let first = self.identities.find(self.state.hash_one(key), same);
        let repeated =
            first.and_then(|first| self.repeats(*first, entry.offset, entry.accepted_at_micros));
        if let Some(hash) = repeated {
            return if hash == entry.content_hash {
                Standing::Duplicate
            } else {
                Standing::Conflicting
            };
        }
        if !self.superseded.is_empty() && self.superseded.get(&key).is_some_and(|at| *at < below) {
            return Standing::Superseded;
        }
        Standing::Counts
    }

    /// The events of a subject below an offset, in order.
    pub fn events(
        &self,
        subject: &Subject,
        below: i64,
    ) -> impl DoubleEndedIterator<Item = Entry> + use<> {
        let rows = self.rows_of(subject).filter(|(_, row)| row.offset < below);
        let mut found: Vec<Entry> = rows
            .filter_map(|(number, row)| self.records.entry(number, row))
            .collect();
        found.reverse();
        found.into_iter()
    }

    /// Whether a subject has an event below an offset.
    pub fn has_event(&self, subject: &Subject, below: i64) -> bool {
        self.rows_of(subject).any(|(_, row)| row.offset < below)
    }

    /// Rows of a subject, the newest first.
    fn rows_of(&self, subject: &Subject) -> impl Iterator<Item = (u32, &Row)> {
        let found = |number: u32| Some((number, self.records.row(number)?));
        let newest = self.newest_of(subject).and_then(found);
        std::iter::successors(newest, move |(_, row)| {
            row.before.checked_sub(1).and_then(found)
        })
    }

    fn newest_of(&self, subject: &Subject) -> Option<u32> {
        let name = match subject {
            Subject::Handle(handle) => (handle.to_bytes(), 0),
            Subject::Key(key) => (numbered(*self.records.keys.numbers.get(&**key)?), 1),
        };
        let same = |other: &u32| {
            let row = self.records.row(*other);
            row.is_some_and(|row| (row.subject, row.source % 2) == name)
        };
        self.newest.find(self.state.hash_one(name), same).copied()
    }

    /// The event that stands at exactly this offset.
    pub fn at(&self, offset: i64) -> Option<Entry> {
        let place = self.records.rows.partition_point(|row| row.offset < offset);
        let row = self.records.rows.get(place)?;
        let number = u32::try_from(place).ok()?;
        let found = self.records.entry(number, row)?;
        (found.offset == offset).then_some(found)
    }

    /// A subject's event that stands at exactly this offset.
    pub fn event_at(&self, subject: &Subject, offset: i64) -> Option<Entry> {
        self.at(offset).filter(|entry| entry.subject == *subject)
    }

    /// The newest event.
    pub fn last(&self) -> Option<Entry> {
        let number = self.records.len().checked_sub(1)?;
        let row = self.records.rows.get(number)?;
        self.records.entry(u32::try_from(number).ok()?, row)
    }

    /// An offset below which everything was accepted before the instant (µs UTC). At most some hundred events behind it were, too.
    pub fn accepted_before(&self, micros: i64) -> i64 {
        self.ages.accepted_before(micros)
    }
}

#[cfg(test)]
mod tests;
