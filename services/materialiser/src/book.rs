//! The agreement half of the control plane, folded from `control.agreements`, and the barrier a read puts before its answer.

use crate::barrier::{Barrier, BarrierError, BarrierQueue};
use parking_lot::RwLock;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use walbrook_domain::Instant;
use walbrook_domain::control::{ControlFact, PinKind};
use walbrook_event::{control, framing, headers};
use walbrook_eventlog::{LogError, NewRecord, Reader, Record, Severity, TopicPartition};
use walbrook_policy::Catalogue;
use walbrook_policy::state::{AgreementBook, Pins};
use walbrook_runtime::shutdown::Shutdown;

const POLL: Duration = Duration::from_millis(50);
const POLL_RECORDS: usize = 500;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Everything below `next_offset` of `control.agreements`.
#[derive(Debug, Clone)]
pub struct Known {
    /// The agreements.
    pub book: AgreementBook,
    /// The view files pinned.
    pub pins: Pins,
    /// Hashes of the view files ever pinned.
    pub view_files: Arc<BTreeSet<[u8; 32]>>,
    /// Next unapplied offset.
    pub next_offset: i64,
}

impl Known {
    /// Whether a view file with this hash is the one pinned under some name.
    pub fn pins_view(&self, sha256: &[u8; 32]) -> bool {
        self.pins
            .of(PinKind::ViewFile)
            .any(|(_, pin)| pin.sha256 == *sha256)
    }

    /// Whether a view file with this hash ever was.
    pub fn pinned_view(&self, sha256: &[u8; 32]) -> bool {
        self.view_files.contains(sha256)
    }
}

/// The record cannot be read: the log was not written by a broker of this contract.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The log failed for good.
    #[error("control.agreements cannot be read")]
    Log(#[from] LogError),
    /// A record is not of the contract.
    #[error("the record at control.agreements[0]/{offset} cannot be read: {problem}")]
    Record {
        /// Its offset.
        offset: i64,
        /// What is wrong.
        problem: String,
    },
}

/// The agreements on record, shared by all reads.
pub struct Book {
    known: RwLock<Arc<Known>>,
    applied: watch::Sender<i64>,
    barrier: Barrier,
}

impl Book {
    /// An empty book, and the far end of its barrier.
    pub fn new(catalogue: Arc<Catalogue>) -> (Arc<Self>, BarrierQueue) {
        let (barrier, queue) = Barrier::new();
        let known = Known {
            book: AgreementBook::new(catalogue),
            pins: Pins::default(),
            view_files: Arc::default(),
            next_offset: 0,
        };
        let book = Self {
            known: RwLock::new(Arc::new(known)),
            applied: watch::Sender::new(0),
            barrier,
        };
        (Arc::new(book), queue)
    }

    /// The agreements as applied now.
    pub fn now(&self) -> Arc<Known> {
        Arc::clone(&self.known.read())
    }

    /// The end of `control.agreements`, asked for after this call began.
    ///
    /// # Errors
    /// When the log does not answer.
    pub async fn end(&self) -> Result<i64, BarrierError> {
        self.barrier.end(None).await
    }

    /// The same, known once a record is durable that is put on the log meanwhile.
    ///
    /// # Errors
    /// When the record is not known to be durable, or the log does not answer.
    pub async fn end_with(&self, record: NewRecord) -> Result<i64, BarrierError> {
        self.barrier.end(Some(record)).await
    }

    /// The next unapplied offset, as it moves.
    pub fn moved(&self) -> watch::Receiver<i64> {
        self.applied.subscribe()
    }

    /// Waits until everything below `end` is applied.
    pub async fn applied_through(&self, end: i64) {
        let mut applied = self.applied.subscribe();
        // The sender is in `self`, so the wait cannot end otherwise.
        let _ = applied.wait_for(|applied| *applied >= end).await;
    }

    /// Follows the topic until shutdown. Blocks; for a thread.
    ///
    /// # Errors
    /// When the log fails for good or a record cannot be read.
    pub fn follow(
        &self,
        mut reader: Box<dyn Reader>,
        at: &TopicPartition,
        stop: &Shutdown,
    ) -> Result<(), BookError> {
        reader.assign(&[(at.clone(), 0)])?;
        let mut records = Vec::new();
        while !stop.is_requested() {
            match reader.poll(POLL_RECORDS, POLL, &mut records) {
                Ok(()) => {}
                Err(error) if error.severity == Severity::Transient => {
                    tracing::warn!(%error, "agreements are not read for now");
                    std::thread::sleep(PAUSE_AFTER_FAILURE);
                }
                Err(error) => return Err(error.into()),
            }
            let position = reader.position(at).unwrap_or(0);
            if position > self.now().next_offset || !records.is_empty() {
                self.apply(&records, position)?;
                records.clear();
            }
        }
        Ok(())
    }

    fn apply(&self, records: &[Record], position: i64) -> Result<(), BookError> {
        let mut known = Known::clone(&self.now());
        for record in records {
            apply(&mut known, record)?;
        }
        known.next_offset = known.next_offset.max(position);
        let next = known.next_offset;
        *self.known.write() = Arc::new(known);
        self.applied.send_replace(next);
        Ok(())
    }
}

fn apply(known: &mut Known, record: &Record) -> Result<(), BookError> {
    let unreadable = |problem: String| BookError::Record {
        offset: record.offset,
        problem,
    };
    let kind = record
        .headers
        .text(headers::TYPE)
        .ok_or_else(|| unreadable("it has no type".to_owned()))?;
    let (_, body) =
        framing::unframe(record.value.as_deref()).map_err(|error| unreadable(error.to_string()))?;
    let at = Instant(record.timestamp_ms.saturating_mul(1_000));
    let read = control::read(kind, body, record.offset, at)
        .map_err(|error| unreadable(error.to_string()))?;
    known.next_offset = record.offset + 1;
    if let ControlFact::Pin(pin) = &read.fact
        && pin.kind == PinKind::ViewFile
    {
        Arc::make_mut(&mut known.view_files).insert(pin.sha256);
    }
    let applied = match &read.fact {
        ControlFact::Agreement(fact) => known.book.apply(read.appended_at, fact),
        ControlFact::Pin(fact) => known.pins.apply(record.offset, fact),
        ControlFact::Ground(_) => return Err(unreadable("grounds never stand here".to_owned())),
    };
    if let Err(illegal) = applied {
        // The broker checks before it writes; what is illegal all the same changes nothing here and is the auditor's to report.
        tracing::error!(offset = record.offset, %illegal, "an agreement record is no legal change");
    }
    Ok(())
}
