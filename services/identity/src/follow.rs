//! Reads identity's two topics into an index, from a snapshot or from the start of the log, and goes on reading: what a writer takes over, and what a
//! process that is not the writer answers from.
//!
//! The transaction writes an identity record and the link records that follow from it, so they must agree. That is checked over what was read: from the
//! start of the log for every handle; behind a snapshot, whose content was checked when it was made, for every handle that either topic touched since.

use crate::error::JournalError;
use crate::journal::{self, Clients, Format, decode, unreadable};
use crate::linkage::{Directory, Index, PersonRecord, wire};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;
use walbrook_domain::{Handle, PersonId};
use walbrook_eventlog::{Reader, Record, TopicPartition};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::identity::v1::{IdentityRecord, LinkRecord};
use walbrook_runtime::shutdown::Shutdown;

const ANSWER: Duration = Duration::from_secs(30);
const POLL_RECORDS: usize = 10_000;

/// An index and how far it has come on the log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Held {
    /// What is committed.
    pub index: Index,
    /// Next offset of `identity.records` that it does not hold.
    pub identity_next: i64,
    /// Below these offsets, by partition, `control.links` was checked against it.
    pub links_next: Vec<i64>,
}

/// Follows the log.
pub struct Follower {
    format: Format,
    reader: Box<dyn Reader>,
    identity: TopicPartition,
    links: Vec<TopicPartition>,
    index: Index,
    /// What the link of each handle touched by `identity.records` since the last check said then; `None`: nothing was ever checked.
    before: Option<HashMap<Handle, Option<u64>>>,
    /// What the last link record of each handle read since the last check says.
    last: HashMap<Handle, u64>,
    /// How many records a start read from the log.
    from_log: usize,
    unread: Vec<Record>,
    body: Vec<u8>,
}

impl Follower {
    /// Begins where what is held ends, or at the start of the log. Reads nothing yet.
    ///
    /// # Errors
    /// When the log fails.
    pub fn open(
        clients: &dyn Clients,
        format: &Format,
        held: Option<Held>,
    ) -> Result<Self, JournalError> {
        let checked = held.is_some();
        let held = held.unwrap_or_default();
        let mut follower = Self {
            format: format.clone(),
            reader: clients.reader()?,
            identity: format.identity_partition(),
            links: format.links_partitions(),
            index: held.index,
            before: checked.then(HashMap::new),
            last: HashMap::new(),
            from_log: 0,
            unread: Vec::new(),
            body: Vec::new(),
        };
        let mut starts = vec![(follower.identity.clone(), held.identity_next)];
        let links = held.links_next.iter().copied().chain(std::iter::repeat(0));
        starts.extend(follower.links.iter().cloned().zip(links));
        follower.reader.assign(&starts)?;
        Ok(follower)
    }

    /// Begins, reads to the end of the log, and checks the two topics against each other. Nothing may be open on the log.
    ///
    /// # Errors
    /// When the log fails, a record cannot be read, or the two topics disagree.
    pub fn start(
        clients: &dyn Clients,
        format: &Format,
        held: Option<Held>,
        stop: &Shutdown,
    ) -> Result<Self, JournalError> {
        let mut follower = Self::open(clients, format, held)?;
        follower.catch_up(clients, stop, None)?;
        Ok(follower)
    }

    /// The index as far as it was read.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// How many records were read from the log: what a new snapshot would save the next start.
    pub fn from_log(&self) -> usize {
        self.from_log
    }

    /// Next offset of `identity.records`: everything committed below it is in the index.
    pub fn applied_through(&self) -> i64 {
        self.reader.position(&self.identity).unwrap_or(0)
    }

    /// Reads what has come, waiting a little for the first; readers see it at once.
    ///
    /// # Errors
    /// When the log fails or a record cannot be read.
    pub fn read(
        &mut self,
        wait: Duration,
        readers: Option<&Directory>,
    ) -> Result<usize, JournalError> {
        let mut records = std::mem::take(&mut self.unread);
        self.reader.poll(POLL_RECORDS, wait, &mut records)?;
        let count = records.len();
        for record in records.drain(..) {
            self.apply(&record, readers)?;
        }
        self.unread = records;
        self.from_log += count;
        Ok(count)
    }

    /// Reads both topics to where they end now and checks them against each other. Call it after the transactional id was taken over: then no older
    /// transaction is open.
    ///
    /// # Errors
    /// When the log fails, a record cannot be read, or the two topics disagree.
    pub fn catch_up(
        &mut self,
        clients: &dyn Clients,
        stop: &Shutdown,
        readers: Option<&Directory>,
    ) -> Result<(), JournalError> {
        let mut partitions = vec![self.identity.clone()];
        partitions.extend(self.links.iter().cloned());
        let ends = clients.ends()?.high_watermarks(&partitions, ANSWER)?;
        let mut progress = journal::Progress::new();
        loop {
            let positions: Vec<i64> = partitions
                .iter()
                .map(|at| self.reader.position(at).unwrap_or(0))
                .collect();
            if positions.iter().zip(&ends).all(|(at, end)| at >= end) {
                break;
            }
            progress.made(positions.iter().sum(), &self.identity, stop)?;
            self.read(journal::POLL, readers)?;
        }
        self.check()
    }

    /// What a writer goes on from.
    pub fn into_held(self) -> Held {
        let at = |partition: &TopicPartition| self.reader.position(partition).unwrap_or(0);
        Held {
            identity_next: at(&self.identity),
            links_next: self.links.iter().map(at).collect(),
            index: self.index,
        }
    }

    fn apply(&mut self, record: &Record, readers: Option<&Directory>) -> Result<(), JournalError> {
        if record.at.topic != self.identity.topic {
            let message = decode::<LinkRecord>(record, self.format.links.id)?
                .ok_or_else(|| unreadable(record, "it has no value".to_owned()))?;
            let handle = Handle::try_from(&*message.handle)
                .map_err(|error| unreadable(record, error.to_string()))?;
            let digest = self.digest(message);
            self.last.insert(handle, digest);
            return Ok(());
        }
        let Some(message) = decode::<IdentityRecord>(record, self.format.identity.id)? else {
            // A tombstone: the key was rotated away.
            let token = wire::token(record.key.as_deref().unwrap_or_default())
                .map_err(|error| unreadable(record, error.to_string()))?;
            if let Some(handle) = self.index.by_token(token).map(|old| old.handle) {
                self.index.remove(handle);
            }
            if let Some(readers) = readers {
                readers.forget(token);
            }
            return Ok(());
        };
        let mut read =
            wire::person_record(message).map_err(|error| unreadable(record, error.to_string()))?;
        self.note(&read);
        self.index.intern(&mut read);
        let read = Arc::new(read);
        if let Some(readers) = readers {
            readers.publish([Arc::clone(&read)]);
        }
        self.index.put(read);
        Ok(())
    }

    /// Notes what the links of everybody concerned say before a record changes them.
    fn note(&mut self, read: &PersonRecord) {
        let Some(mut before) = self.before.take() else {
            return;
        };
        let known = self.index.record(read.handle).map(|known| known.person);
        let persons: [Option<PersonId>; 2] = [known, Some(read.person)];
        let mut handles = vec![read.handle];
        for person in persons.into_iter().flatten() {
            handles.extend(self.index.members(person).map(|member| member.handle));
        }
        for handle in handles {
            if let Entry::Vacant(place) = before.entry(handle) {
                place.insert(self.expected(handle));
            }
        }
        self.before = Some(before);
    }

    /// The last link record of each handle must be what the index says; the transaction writes both, so nothing else can be.
    fn check(&mut self) -> Result<(), JournalError> {
        let mut wrong: Vec<Handle> = Vec::new();
        let last = std::mem::take(&mut self.last);
        let mut touched: Vec<(Handle, Option<u64>)> = match self.before.take() {
            None => {
                let all = self.index.records();
                all.map(|record| (record.handle, last.get(&record.handle).copied()))
                    .collect()
            }
            Some(before) => before
                .into_iter()
                .map(|(handle, said)| (handle, last.get(&handle).copied().or(said)))
                .collect(),
        };
        let known: std::collections::HashSet<Handle> =
            touched.iter().map(|(handle, _)| *handle).collect();
        let others = last.iter().filter(|(handle, _)| !known.contains(*handle));
        touched.extend(others.map(|(handle, said)| (*handle, Some(*said))));
        for (handle, said) in touched {
            if self.expected(handle) != said {
                wrong.push(handle);
            }
        }
        self.before = Some(HashMap::new());
        match wrong.iter().min() {
            None => Ok(()),
            Some(first) => Err(JournalError::Disagree {
                count: wrong.len(),
                of: self.index.len(),
                first: first.to_string(),
            }),
        }
    }

    fn expected(&mut self, handle: Handle) -> Option<u64> {
        let message = wire::link_record(&self.index, handle)?;
        Some(self.digest(message))
    }

    /// Of everything but the writing time: an identity record that changed alone has a later one.
    fn digest(&mut self, message: LinkRecord) -> u64 {
        let message = LinkRecord {
            recorded_at: Some(prost_types::Timestamp::default()),
            ..message
        };
        self.body.clear();
        let mut hasher = DefaultHasher::new();
        // What cannot be encoded was not decoded either, and is never what the index says: an empty body stands for it.
        if message.encode(&mut self.body).is_ok() {
            hasher.write(&self.body);
        }
        hasher.finish()
    }
}

/// The index as the log has it.
///
/// # Errors
/// When the log fails, a record cannot be read, or the two topics disagree.
pub fn rebuild(
    clients: &dyn Clients,
    format: &Format,
    stop: &Shutdown,
) -> Result<Index, JournalError> {
    Follower::start(clients, format, None, stop).map(|follower| follower.into_held().index)
}
