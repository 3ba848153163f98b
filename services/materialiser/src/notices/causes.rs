//! What fell, by person, as the store of a purpose keeps it: in the batch that applies the retraction, so that neither stands without the other.

use crate::notices::NoticesError;
use crate::store::{Owed, Store};
use fjall::Keyspace;
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeSet;
use walbrook_domain::Pseudonym;
use walbrook_view::Removed;
use walbrook_view::notice::Fallen;

const FALLEN: &[u8] = b"fallen/";

/// What one retraction took of a person: where it stands on the shared topic, and the events.
pub type Cause = (i32, i64, Fallen);

/// What fell under one purpose.
pub struct Causes {
    meta: RwLock<Keyspace>,
    /// People of whom something fell since this was last asked.
    fresh: Mutex<BTreeSet<Pseudonym>>,
}

impl Causes {
    /// In this part of a store.
    pub fn new(meta: Keyspace) -> Self {
        Self {
            meta: RwLock::new(meta),
            fresh: Mutex::default(),
        }
    }

    /// The store was written anew elsewhere.
    pub fn moved(&self, store: &Store) {
        *self.meta.write() = store.keyspace();
    }

    /// What a retraction adds to the batch that applies it.
    pub fn entries(partition: i32, offset: i64, removed: &Removed) -> Vec<Owed> {
        let of = Fallen::of(removed).into_iter();
        of.map(|(person, fallen)| (key(&person, partition, offset), fallen.encode()))
            .collect()
    }

    /// That batch stands.
    pub fn fell(&self, removed: &Removed) {
        let people = removed.fallen.iter().map(|(person, _)| *person);
        self.fresh.lock().extend(people);
    }

    /// Whether something fell since that was last asked.
    pub fn is_fresh(&self) -> bool {
        !self.fresh.lock().is_empty()
    }

    /// Of whom something fell since this was last asked.
    pub fn fresh(&self) -> BTreeSet<Pseudonym> {
        std::mem::take(&mut *self.fresh.lock())
    }

    /// They are to be looked at again.
    pub fn again(&self, people: BTreeSet<Pseudonym>) {
        self.fresh.lock().extend(people);
    }

    /// Everyone of whom something fell at or behind these offsets of the partitions.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn people(&self) -> Result<Vec<(Pseudonym, i32, i64)>, NoticesError> {
        let mut found = Vec::new();
        for guard in self.meta.read().prefix(FALLEN) {
            let (stored, _) = guard.into_inner()?;
            found.extend(read_key(&stored));
        }
        Ok(found)
    }

    /// What fell of a person.
    ///
    /// # Errors
    /// When the disk fails or an item is damaged.
    pub fn of(&self, person: &Pseudonym) -> Result<Vec<Cause>, NoticesError> {
        let mut found = Vec::new();
        for guard in self
            .meta
            .read()
            .prefix([FALLEN, person.as_bytes()].concat())
        {
            let (stored, value) = guard.into_inner()?;
            if let Some((_, partition, offset)) = read_key(&stored) {
                found.push((partition, offset, Fallen::decode(&value)?));
            }
        }
        Ok(found)
    }
}

fn key(person: &Pseudonym, partition: i32, offset: i64) -> Vec<u8> {
    let (partition, offset) = (partition.to_be_bytes(), offset.to_be_bytes());
    [FALLEN, person.as_bytes(), &partition, &offset].concat()
}

fn read_key(stored: &[u8]) -> Option<(Pseudonym, i32, i64)> {
    let (person, rest) = stored.strip_prefix(FALLEN)?.split_at_checked(16)?;
    let (partition, offset) = rest.split_at_checked(4)?;
    Some((
        Pseudonym::try_from(person).ok()?,
        i32::from_be_bytes(partition.try_into().ok()?),
        i64::from_be_bytes(offset.try_into().ok()?),
    ))
}
