//! What is on the log, for readers: published only after the commit was acknowledged, so that no answer rests on what may yet be rolled back.
//!
//! It shares the records with the index: a record that is committed costs a reader's table nine bytes more.

use super::index::Index;
use super::record::{PersonRecord, Token};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use parking_lot::RwLock;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Committed records by token.
#[derive(Debug, Default)]
pub struct Directory {
    records: RwLock<Records>,
    hasher: RandomState,
}

type Records = HashTable<Arc<PersonRecord>>;

impl Directory {
    /// The record of a token.
    pub fn get(&self, token: Token) -> Option<Arc<PersonRecord>> {
        let hash = self.hash(token);
        let records = self.records.read();
        records
            .find(hash, |record| record.token == token)
            .map(Arc::clone)
    }

    /// The first record for which something holds, all of them looked at one after another. Readers go on; writers wait.
    pub fn find(&self, holds: impl Fn(&PersonRecord) -> bool) -> Option<Arc<PersonRecord>> {
        let records = self.records.read();
        records.iter().find(|record| holds(record)).map(Arc::clone)
    }

    /// How many records are known.
    pub fn len(&self) -> usize {
        self.records.read().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.records.read().is_empty()
    }

    /// Takes over all of an index, in place of what was there.
    pub fn replace(&self, index: &Index) {
        let mut records = Records::with_capacity(index.len());
        for record in index.records() {
            self.enter(&mut records, Arc::clone(record));
        }
        *self.records.write() = records;
    }

    /// Takes over records that were committed, all at once.
    pub fn publish(&self, committed: impl IntoIterator<Item = Arc<PersonRecord>>) {
        let mut records = self.records.write();
        for record in committed {
            self.enter(&mut records, record);
        }
    }

    /// Takes out what stood under a token that was rotated away.
    pub fn forget(&self, token: Token) {
        let hash = self.hash(token);
        let mut records = self.records.write();
        if let Ok(entry) = records.find_entry(hash, |record| record.token == token) {
            entry.remove();
        }
    }

    fn enter(&self, records: &mut Records, record: Arc<PersonRecord>) {
        let (hash, token) = (self.hash(record.token), record.token);
        let is = |other: &Arc<PersonRecord>| other.token == token;
        match records.entry(hash, is, |other| self.hash(other.token)) {
            Entry::Occupied(mut entry) => *entry.get_mut() = record,
            Entry::Vacant(entry) => drop(entry.insert(record)),
        }
    }

    fn hash(&self, token: Token) -> u64 {
        self.hasher.hash_one(token.prefix())
    }
}
