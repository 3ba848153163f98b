//! Who was shown what, by person: where on `audit.reads` each answered row is on record, and how far the state was that it came from. Kept with
//! the index of reads, in the same batch.

use super::{ANSWERS_WITHIN, Ledger, LedgerError};
use fjall::{Keyspace, OwnedWriteBatch};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant as Monotonic};
use uuid::Uuid;
use walbrook_domain::Pseudonym;
use walbrook_eventlog::{LogError, Reader, TopicPartition, murmur2_partition};
use walbrook_proto::audit::v1::{AppliedOffset, ReadRecord};
use walbrook_runtime::shutdown::Shutdown;

const LOOKS_EVERY: Duration = Duration::from_millis(5);

/// The rows shown, and whose new ones somebody waits for.
pub struct Shown {
    rows: Keyspace,
    /// People of whom something fell: whoever was shown their row is to be told.
    awaited: RwLock<HashSet<Pseudonym>>,
    /// Those of them of whom a row is newly on record.
    came: Mutex<BTreeSet<Pseudonym>>,
}

impl Shown {
    /// On this part of the index.
    pub fn new(rows: Keyspace) -> Self {
        Self {
            rows,
            awaited: RwLock::default(),
            came: Mutex::default(),
        }
    }

    /// Empties it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn clear(&self) -> Result<(), fjall::Error> {
        self.rows.clear()
    }

    /// Notes the rows of one read. Whose they were is put into `people`.
    pub fn note(
        &self,
        batch: &mut OwnedWriteBatch,
        offset: i64,
        read: &ReadRecord,
        people: &mut Vec<Pseudonym>,
    ) {
        for row in &read.answered {
            let person = Pseudonym::try_from(row.person_pseudonym.as_slice()).ok();
            let Some((person, applied)) =
                person.and_then(|person| Some((person, applied(&read.applied, &person)?)))
            else {
                continue;
            };
            batch.insert(&self.rows, key(&person, offset), applied.to_be_bytes());
            people.push(person);
        }
    }

    /// What was noted stands.
    pub fn noted(&self, people: &[Pseudonym]) {
        let awaited = self.awaited.read();
        if awaited.is_empty() {
            return;
        }
        let came = people.iter().filter(|person| awaited.contains(person));
        self.came.lock().extend(came.copied());
    }

    /// From now on it is said when rows of these people are newly on record.
    pub fn wait_for(&self, people: impl IntoIterator<Item = Pseudonym>) {
        self.awaited.write().extend(people);
    }

    /// Whether somebody's row is newly on record since that was last asked.
    pub fn has_come(&self) -> bool {
        !self.came.lock().is_empty()
    }

    /// Whose rows are newly on record since this was last asked.
    pub fn came(&self) -> BTreeSet<Pseudonym> {
        std::mem::take(&mut *self.came.lock())
    }

    /// The reads that showed a person's row: where each is on record, and the next offset of the person's partition that it was computed without.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn of(&self, person: &Pseudonym) -> Result<Vec<(i64, i64)>, fjall::Error> {
        let mut found = Vec::new();
        for guard in self.rows.prefix(person.as_bytes()) {
            let (key, applied) = guard.into_inner()?;
            let offset = key.get(person.as_bytes().len()..).and_then(number);
            found.extend(offset.zip(number(&applied)));
        }
        Ok(found)
    }
}

impl Ledger {
    /// The same as [`Ledger::caught_up`], for a thread.
    ///
    /// # Errors
    /// When the log does not say where it ends, or it takes too long.
    pub fn wait_caught_up(&self, stop: &Shutdown) -> Result<(), LedgerError> {
        let (end, deadline) = (self.end()?, Monotonic::now() + ANSWERS_WITHIN);
        {
            let mut wanted = self.wanted.lock();
            *wanted = end.max(*wanted);
        }
        self.wanted_more.notify_all();
        while *self.applied.borrow() < end {
            if Monotonic::now() > deadline || stop.is_requested() {
                return Err(LedgerError::Late);
            }
            std::thread::sleep(LOOKS_EVERY);
        }
        Ok(())
    }

    /// Who was shown what.
    pub const fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Next offset that is not applied.
    pub fn next_offset(&self) -> i64 {
        self.known.read().next_offset
    }

    /// A reader of its own.
    ///
    /// # Errors
    /// When the log cannot be used.
    pub fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        self.opens.reader()
    }

    /// The topic's one partition.
    pub const fn topic(&self) -> &TopicPartition {
        &self.at
    }

    /// Whether this is the last record of its read: that one is the answer's.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn is_last(&self, read_id: &str, offset: i64) -> Result<bool, LedgerError> {
        let last = match Uuid::parse_str(read_id) {
            Ok(id) => self.place(id)?,
            Err(_) => None,
        };
        Ok(last == Some(offset))
    }
}

fn number(bytes: &[u8]) -> Option<i64> {
    <[u8; 8]>::try_from(bytes).ok().map(i64::from_be_bytes)
}

fn key(person: &Pseudonym, offset: i64) -> Vec<u8> {
    [person.as_bytes().as_slice(), &offset.to_be_bytes()].concat()
}

/// How far a person's partition was applied: a read of one person looks at it alone, any other at all of them.
fn applied(applied: &[AppliedOffset], person: &Pseudonym) -> Option<i64> {
    if let [one] = applied {
        return Some(one.next_offset);
    }
    let count = i32::try_from(applied.len()).ok()?;
    let partition = murmur2_partition(person.as_bytes(), count);
    let mut partitions = applied.iter();
    partitions
        .find(|one| one.partition == partition)
        .map(|one| one.next_offset)
}
