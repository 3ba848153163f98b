//! What stands on `audit.reads`: where each read's last record is, and every officer's decision.
//!
//! Every materialiser follows the whole topic, so any of them knows a read that another answered. The index of reads is on disk, with the
//! position it stands at, in one batch; it is a copy of the log and is filled again when it is lost or is another log's. Decisions are few and
//! are held in memory too.
//!
//! It reads in strides, not as records come: every read appends one, and a fetch and a batch for each of them took as much again as the reads
//! themselves. Between strides nothing is assigned, so that the client fetches nothing; whoever needs what has come since ends the rest.

mod shown;
mod told;

pub use shown::Shown;
use told::{Known, Told, kept};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parking_lot::{Condvar, Mutex, RwLock};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use tokio::sync::watch;
use uuid::Uuid;
use walbrook_domain::{Instant, Pseudonym};
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Ends, LogError, Reader, Record, Severity, TopicPartition};
use walbrook_proto::audit::v1::{OfficerDecision, ReadRecord};
use walbrook_proto::avro::AvroRecord;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_view::Viewer;
use walbrook_view::dispute::Disputes;
use walbrook_view::glass::{Glasses, Held};

const POLL: Duration = Duration::from_millis(50);
const POLL_RECORDS: usize = 5_000;
/// How long records may stand on the log unread while nobody asks for them.
const REST: Duration = Duration::from_millis(500);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// What the stored index means; another number empties it.
const FORMAT: &[u8] = b"ledger 2";

/// The ledger failed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The log.
    #[error("audit.reads cannot be read")]
    Log(#[from] LogError),
    /// The disk.
    #[error(
        "the index of reads cannot be kept; when it stays so, delete the folder `reads` of the data folder: it is filled from the log again"
    )]
    Disk(#[from] fjall::Error),
    /// It is not known in time whether the log holds more.
    #[error("audit.reads was not read to its end in time")]
    Late,
}

/// Readers and ends of `audit.reads`, made when one is needed.
pub trait Opens: Send + Sync {
    /// A reader of its own.
    ///
    /// # Errors
    /// When the log cannot be used.
    fn reader(&self) -> Result<Box<dyn Reader>, LogError>;

    /// Ends, through a client of their own.
    ///
    /// # Errors
    /// When the log cannot be used.
    fn ends(&self) -> Result<Box<dyn Ends>, LogError>;
}

impl Opens for walbrook_eventlog_kafka::Kafka {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(Self::reader(self)?))
    }

    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        Ok(Box::new(Self::ends(self)?))
    }
}

/// The ledger. Shared.
pub struct Ledger {
    at: TopicPartition,
    opens: Box<dyn Opens>,
    database: Database,
    reads: Keyspace,
    told: Keyspace,
    shown: Shown,
    meta: Keyspace,
    known: RwLock<Known>,
    applied: watch::Sender<i64>,
    /// The furthest end that anybody has waited for.
    wanted: Mutex<i64>,
    wanted_more: Condvar,
    ends: Mutex<Option<Box<dyn Ends>>>,
}

impl Ledger {
    /// Opens the index in a folder, or makes it; emptied when it is another topic's or ahead of the log.
    ///
    /// # Errors
    /// When the disk fails or the log does not answer.
    pub fn open(
        folder: &Path,
        at: TopicPartition,
        opens: Box<dyn Opens>,
    ) -> Result<Self, LedgerError> {
        let database = Database::builder(folder).open()?;
        let keyspace = |name: &str| database.keyspace(name, KeyspaceCreateOptions::default);
        let (reads, told, meta) = (keyspace("reads")?, keyspace("told")?, keyspace("meta")?);
        let ledger = Self {
            at,
            opens,
            reads,
            told,
            shown: Shown::new(keyspace("shown")?),
            meta,
            database,
            known: RwLock::default(),
            applied: watch::Sender::new(0),
            wanted: Mutex::new(0),
            wanted_more: Condvar::new(),
            ends: Mutex::new(None),
        };
        let mut means = FORMAT.to_vec();
        means.extend_from_slice(ledger.at.topic.as_bytes());
        let next = ledger
            .meta
            .get(NEXT)?
            .and_then(|bytes| <[u8; 8]>::try_from(&*bytes).ok());
        let next = next.map_or(0, i64::from_be_bytes);
        let same = ledger
            .meta
            .get(MEANS)?
            .is_some_and(|stored| *stored == *means);
        if same && next <= ledger.end()? {
            ledger.restore(next)?;
        } else {
            ledger.meta.clear()?;
            ledger.reads.clear()?;
            ledger.told.clear()?;
            ledger.shown.clear()?;
            ledger.meta.insert(MEANS, means)?;
        }
        Ok(ledger)
    }

    fn restore(&self, next: i64) -> Result<(), LedgerError> {
        let mut known = self.known.write();
        for item in self.told.iter() {
            let (offset, kept) = item.into_inner()?;
            let offset = <[u8; 8]>::try_from(&*offset).map_or(0, i64::from_be_bytes);
            let told = kept.split_first();
            if let Some(told) = told.and_then(|(kind, body)| Told::read(*kind, body)) {
                known.take(told, offset);
            }
        }
        known.next_offset = next;
        drop(known);
        self.applied.send_replace(next);
        Ok(())
    }

    /// The end of the topic, asked for now. Blocks.
    fn end(&self) -> Result<i64, LogError> {
        let mut ends = self.ends.lock();
        let mut own = match ends.take() {
            Some(own) => own,
            None => self.opens.ends()?,
        };
        let end = own.high_watermarks(std::slice::from_ref(&self.at), ANSWERS_WITHIN)?;
        // A client that failed is dropped: the next question has a new one.
        *ends = Some(own);
        Ok(end.first().copied().unwrap_or(i64::MAX))
    }

    /// Follows the topic until shutdown. Blocks; for a thread.
    ///
    /// # Errors
    /// When the log or the disk fails for good.
    pub fn follow(&self, stop: &Shutdown) -> Result<(), LedgerError> {
        let mut reader = self.opens.reader()?;
        while !stop.is_requested() {
            match self.stride(reader.as_mut(), stop) {
                Ok(()) => self.rest(stop),
                Err(LedgerError::Log(error)) if error.severity == Severity::Transient => {
                    tracing::warn!(%error, "audit.reads is not read for now");
                    std::thread::sleep(PAUSE_AFTER_FAILURE);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads from where it stands to the end of the topic as it is now.
    fn stride(&self, reader: &mut dyn Reader, stop: &Shutdown) -> Result<(), LedgerError> {
        let end = self.end()?;
        let mut next = self.known.read().next_offset;
        if next >= end {
            return Ok(());
        }
        reader.assign(&[(self.at.clone(), next)])?;
        let mut records = Vec::new();
        while next < end && !stop.is_requested() {
            reader.poll(POLL_RECORDS, POLL, &mut records)?;
            let position = reader.position(&self.at).unwrap_or(next);
            if position > next || !records.is_empty() {
                next = self.apply(&records, position)?;
                records.clear();
            }
        }
        Ok(reader.assign(&[])?)
    }

    /// Until somebody needs more than is applied, or some time has passed.
    fn rest(&self, stop: &Shutdown) {
        let until = Monotonic::now() + REST;
        let mut wanted = self.wanted.lock();
        while *wanted <= *self.applied.borrow() && Monotonic::now() < until && !stop.is_requested()
        {
            self.wanted_more.wait_for(&mut wanted, POLL);
        }
    }

    /// The next offset to apply afterwards.
    fn apply(&self, records: &[Record], position: i64) -> Result<i64, LedgerError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        let (mut added, mut people) = (Vec::new(), Vec::new());
        let mut next = position;
        for record in records {
            next = next.max(record.offset + 1);
            // What cannot be read is the auditor's to report; nobody can refer to it.
            let Ok((_, body)) = framing::unframe(record.value.as_deref()) else {
                continue;
            };
            let offset = record.offset.to_be_bytes();
            let Some((kind, read)) = kept(record.headers.text(headers::TYPE), body) else {
                continue;
            };
            if let Some(read) = read {
                let too = read.told_too.iter().map(|one| &one.read_id);
                for id in std::iter::once(&read.read_id).chain(too) {
                    if let Ok(id) = Uuid::parse_str(id) {
                        batch.insert(&self.reads, id.as_bytes().as_slice(), offset.as_slice());
                    }
                }
                self.shown
                    .note(&mut batch, record.offset, &read, &mut people);
            }
            if let Some(told) = Told::read(kind, body) {
                let value = [&[kind], body].concat();
                batch.insert(&self.told, offset.as_slice(), value);
                added.push((told, record.offset));
            }
        }
        batch.insert(&self.meta, NEXT, next.to_be_bytes().as_slice());
        batch.commit()?;
        self.shown.noted(&people);
        let mut known = self.known.write();
        for (told, offset) in added {
            known.take(told, offset);
        }
        known.next_offset = known.next_offset.max(next);
        drop(known);
        self.applied.send_replace(next);
        Ok(next)
    }

    /// What is disputed, what an organisation decided about a person in a view, newest first, and the next offset that was applied by then.
    pub fn told(
        &self,
        view: &str,
        organisation: &str,
        person: &Pseudonym,
    ) -> (Arc<Disputes>, Vec<Arc<OfficerDecision>>, i64) {
        let known = self.known.read();
        let decisions = known.decisions.of(view, organisation, person.as_bytes());
        (Arc::clone(&known.disputes), decisions, known.next_offset)
    }

    /// What is disputed, as applied here.
    pub fn disputes(&self) -> Arc<Disputes> {
        Arc::clone(&self.known.read().disputes)
    }

    /// The break-glass that holds for a viewer of a view and a person at an instant, as applied here.
    pub fn holding(
        &self,
        view: &str,
        viewer: &Viewer,
        person: &Pseudonym,
        at: Instant,
    ) -> Option<Held> {
        let known = self.known.read();
        if known.glasses.is_empty() {
            return None;
        }
        let organisation = viewer.organisation.to_string();
        let (of, reader) = (
            (view, organisation.as_str()),
            (viewer.reader.as_str(), viewer.role.as_str()),
        );
        known
            .glasses
            .holding(of, reader, person.as_bytes(), at)
            .cloned()
    }

    /// Asks about every break-glass on record, as applied here.
    pub fn glasses<T>(&self, ask: impl FnOnce(&Glasses) -> T) -> T {
        ask(&self.known.read().glasses)
    }

    /// Waits until everything below an offset is applied.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn applied_through(&self, end: i64) -> Result<(), LedgerError> {
        let mut applied = self.applied.subscribe();
        {
            let mut wanted = self.wanted.lock();
            *wanted = end.max(*wanted);
        }
        self.wanted_more.notify_all();
        let waited = applied.wait_for(|applied| *applied >= end);
        match tokio::time::timeout(ANSWERS_WITHIN, waited).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(LedgerError::Late),
        }
    }

    /// Waits until everything that stood on the topic when this was asked is applied.
    ///
    /// # Errors
    /// When the log does not say where it ends, or that takes too long.
    pub async fn caught_up(self: &Arc<Self>) -> Result<(), LedgerError> {
        let ledger = Arc::clone(self);
        let end = tokio::task::spawn_blocking(move || ledger.end());
        let end = end.await.map_err(|_| LedgerError::Late)??;
        self.applied_through(end).await
    }

    /// The last record of a read, whoever's it is; the whole topic as it stood when this was asked is looked through.
    ///
    /// # Errors
    /// When the log or the disk fails.
    pub async fn read(self: &Arc<Self>, id: Uuid) -> Result<Option<ReadRecord>, LedgerError> {
        self.caught_up().await?;
        let ledger = Arc::clone(self);
        let found = tokio::task::spawn_blocking(move || ledger.find(id));
        found.await.map_err(|_| LedgerError::Late)?
    }

    /// Looks a read up by the index and reads its record. Blocks; seldom asked, so each look has a reader of its own.
    fn find(&self, id: Uuid) -> Result<Option<ReadRecord>, LedgerError> {
        match self.place(id)? {
            Some(offset) => self.at(self.opens.reader()?.as_mut(), offset),
            None => Ok(None),
        }
    }

    /// Where the last record of a read stands.
    fn place(&self, id: Uuid) -> Result<Option<i64>, LedgerError> {
        let offset = self.reads.get(id.as_bytes())?;
        let offset = offset.and_then(|bytes| <[u8; 8]>::try_from(&*bytes).ok());
        Ok(offset.map(i64::from_be_bytes))
    }

    /// The record of a read at an offset. Blocks.
    fn at(&self, reader: &mut dyn Reader, offset: i64) -> Result<Option<ReadRecord>, LedgerError> {
        reader.assign(&[(self.at.clone(), offset)])?;
        let (mut records, deadline) = (Vec::new(), Monotonic::now() + ANSWERS_WITHIN);
        while records.is_empty() {
            if Monotonic::now() > deadline {
                return Err(LedgerError::Late);
            }
            reader.poll(1, POLL, &mut records)?;
        }
        let record = records.first().filter(|record| record.offset == offset);
        let read = record.and_then(|record| {
            let (_, body) = framing::unframe(record.value.as_deref()).ok()?;
            ReadRecord::decode_exact(body).ok()
        });
        Ok(read)
    }
}

const NEXT: &[u8] = b"next";
const MEANS: &[u8] = b"means";
