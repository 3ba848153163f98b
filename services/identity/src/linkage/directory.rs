//! What is on the log, for readers: published only after the commit was acknowledged, so that no answer rests on what may yet be rolled back.

use super::index::Index;
use super::record::{PersonRecord, Token};
use parking_lot::RwLock;
use std::collections::HashMap;
use walbrook_domain::{Handle, Organisation, PersonId};

/// What a lookup answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The record's handle.
    pub handle: Handle,
    /// Its person.
    pub person: PersonId,
    /// The organisation that holds it.
    pub organisation: Organisation,
    /// Fingerprint of what was stated; `None` when nothing was.
    pub fingerprint: Option<[u8; 16]>,
}

/// Committed records by token.
#[derive(Debug, Default)]
pub struct Directory {
    entries: RwLock<HashMap<Token, Entry>>,
}

impl Directory {
    /// The entry of a token.
    pub fn get(&self, token: Token) -> Option<Entry> {
        self.entries.read().get(&token).cloned()
    }

    /// How many records are known.
    pub fn len(&self) -> usize {
        self.entries.read().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.read().is_empty()
    }

    /// Takes over all of an index, in place of what was there.
    pub fn replace(&self, index: &Index) {
        let entries = index.records().map(|record| (record.token, entry(record)));
        *self.entries.write() = entries.collect();
    }

    /// Takes over records that were committed, all at once.
    pub fn publish<'a>(&self, records: impl Iterator<Item = &'a PersonRecord>) {
        let entries: Vec<_> = records
            .map(|record| (record.token, entry(record)))
            .collect();
        self.entries.write().extend(entries);
    }
}

fn entry(record: &PersonRecord) -> Entry {
    Entry {
        handle: record.handle,
        person: record.person,
        organisation: record.organisation.clone(),
        fingerprint: record.stated.as_ref().map(|stated| stated.fingerprint()),
    }
}
