//! Notices: whoever was shown what fell since is told, says what was done about it, and by which day.
//!
//! Two streams meet: what retractions took ([`causes`], kept with the state) and who was shown what (the ledger's [`crate::ledger::Shown`]). Which
//! of them comes later makes the notice ([`join`]); its id follows from the cause and the reader alone, so a process that is killed between cause
//! and notice writes it when it comes back, and two processes write one that counts once. `audit.notices` is followed by everybody ([`book`]).

mod answers;
pub mod book;
pub mod causes;
pub mod join;
mod piece;
mod record;

pub use book::{Book, Standing, Through, Whose, noticed_at};
pub use causes::Causes;
pub use join::Source;
pub use record::{Ids, Records, wait_for_schemas};

use crate::answer::Reads;
use crate::audit::AuditError;
use crate::error::MaterialiserError;
use crate::keeping::Clock;
use crate::ledger::Ledger;
use crate::ledger::{LedgerError, Opens};
use crate::metrics::Metrics;
use crate::notices::answers::Answers;
use crate::notices::join::Join;
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use tokio::sync::watch;
use walbrook_domain::Instant;
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Ends, LogError, Record, Severity, TopicPartition};
use walbrook_proto::audit::v1::{Notice, NoticeAcknowledgement, NoticesComplete};
use walbrook_proto::avro::AvroRecord;
use walbrook_runtime::process::Context;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_runtime::task::Kind;
use walbrook_view::canon::CanonError;

const POLL: Duration = Duration::from_millis(50);
const POLL_RECORDS: usize = 1_000;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);
const LOOKS_EVERY: Duration = Duration::from_millis(5);
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Notices cannot be worked out, written or read.
#[derive(Debug, thiserror::Error)]
pub enum NoticesError {
    /// The log.
    #[error("audit.notices cannot be used")]
    Log(#[from] LogError),
    /// A record was not written.
    #[error("a record of audit.notices is not known to be durable")]
    Record(#[from] AuditError),
    /// What stands on record of reads.
    #[error(transparent)]
    Reads(#[from] LedgerError),
    /// The disk.
    #[error("what fell cannot be read from the view store")]
    Disk(#[from] fjall::Error),
    /// An item of the store is damaged.
    #[error(
        "what fell cannot be read from the view store; delete its folder: it is filled from the log again"
    )]
    Damaged(#[from] CanonError),
    /// It is not known in time whether the log holds more.
    #[error("audit.notices was not read to its end in time")]
    Late,
    /// It is time to stop.
    #[error("the process stops; what has no notice yet has it from whoever goes on")]
    Stopped,
}

impl NoticesError {
    /// Whether it is worth another try.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Log(error) | Self::Record(AuditError::Log(error)) => {
                error.severity == Severity::Transient
            }
            Self::Reads(LedgerError::Log(error)) => error.severity == Severity::Transient,
            Self::Late | Self::Stopped | Self::Reads(LedgerError::Late) => true,
            _ => false,
        }
    }
}

/// The notices on record, and how more are put there. Shared.
pub struct Notices {
    at: TopicPartition,
    opens: Box<dyn Opens>,
    book: RwLock<Book>,
    moved: watch::Sender<i64>,
    records: Records,
    clock: Clock,
    ends: Mutex<Option<Box<dyn Ends>>>,
    sources: RwLock<BTreeMap<String, Arc<Source>>>,
}

impl Notices {
    /// Nothing read yet. By the clock it is said when a notice is due, and whether it is overdue.
    pub fn new(at: TopicPartition, opens: Box<dyn Opens>, records: Records, clock: Clock) -> Self {
        Self {
            at,
            opens,
            book: RwLock::default(),
            moved: watch::Sender::new(0),
            records,
            clock,
            ends: Mutex::new(None),
            sources: RwLock::default(),
        }
    }

    /// Follows the topic until shutdown. Blocks; for a thread.
    ///
    /// # Errors
    /// When the log fails for good.
    pub fn follow(&self, stop: &Shutdown) -> Result<(), NoticesError> {
        let mut reader = self.opens.reader()?;
        reader.assign(&[(self.at.clone(), 0)])?;
        let mut records = Vec::new();
        while !stop.is_requested() {
            match reader.poll(POLL_RECORDS, POLL, &mut records) {
                Ok(()) => {}
                Err(error) if error.severity == Severity::Transient => {
                    tracing::warn!(%error, "audit.notices is not read for now");
                    std::thread::sleep(PAUSE_AFTER_FAILURE);
                }
                Err(error) => return Err(error.into()),
            }
            let position = reader.position(&self.at).unwrap_or(0);
            if position > *self.moved.borrow() || !records.is_empty() {
                let mut book = self.book.write();
                records.iter().for_each(|record| apply(&mut book, record));
                book.moved(position);
                let next = book.next_offset();
                drop(book);
                records.clear();
                self.moved.send_replace(next);
            }
        }
        Ok(())
    }

    /// The state of a purpose from now on, in place of an earlier one. Whatever fell in it is looked at once; what has its notice by all accounts
    /// costs no more than that.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn serve(&self, source: Source) -> Result<(), NoticesError> {
        let people = source.causes.people()?.into_iter();
        source.causes.again(people.map(|(one, ..)| one).collect());
        let purpose = source.purpose.clone();
        self.sources.write().insert(purpose, Arc::new(source));
        Ok(())
    }

    pub(crate) fn sources(&self) -> Vec<Arc<Source>> {
        self.sources.read().values().cloned().collect()
    }

    /// Asks the notices.
    pub fn ask<T>(&self, question: impl FnOnce(&Book) -> T) -> T {
        question(&self.book.read())
    }

    /// Now.
    pub fn now(&self) -> Instant {
        (self.clock)()
    }

    /// The next offset, as it moves.
    pub fn moved(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }

    /// The writer of records.
    pub const fn records(&self) -> &Records {
        &self.records
    }

    /// Waits until everything below an offset is applied.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn applied_through(&self, end: i64) -> Result<(), NoticesError> {
        let mut moved = self.moved.subscribe();
        let waited = moved.wait_for(|next| *next >= end);
        match tokio::time::timeout(ANSWERS_WITHIN, waited).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(NoticesError::Late),
        }
    }

    /// Waits until everything that stood on the topic when this was asked is applied.
    ///
    /// # Errors
    /// When the log does not say where it ends, or that takes too long.
    pub async fn caught_up(self: &Arc<Self>) -> Result<(), NoticesError> {
        let notices = Arc::clone(self);
        let end = tokio::task::spawn_blocking(move || notices.end());
        let end = end.await.map_err(|_| NoticesError::Late)??;
        self.applied_through(end).await
    }

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

    /// The same as [`Notices::caught_up`], for a thread.
    pub(crate) fn wait_caught_up(&self, stop: &Shutdown) -> Result<(), NoticesError> {
        let (end, deadline) = (self.end()?, Monotonic::now() + ANSWERS_WITHIN);
        while *self.moved.borrow() < end {
            if Monotonic::now() > deadline || stop.is_requested() {
                return Err(NoticesError::Late);
            }
            std::thread::sleep(LOOKS_EVERY);
        }
        Ok(())
    }
}

/// Begins to follow what is on record of notices, and to work out what is missing. Rows are read without either.
///
/// # Errors
/// When the log cannot be used.
pub fn start(
    context: &Context,
    notices: &Arc<Notices>,
    ledger: &Arc<Ledger>,
    (reads, metrics): (&Arc<Reads>, &Metrics),
) -> Result<(), MaterialiserError> {
    let (following, stop) = (Arc::clone(notices), context.shutdown.clone());
    let chain = |error: NoticesError| walbrook_runtime::status::chain(&error);
    context
        .tasks
        .spawn_blocking(Kind::optional("notices"), move || {
            following.follow(&stop).map_err(chain)
        });
    let join = Join {
        notices: Arc::clone(notices),
        ledger: Arc::clone(ledger),
        board: Arc::clone(reads.board()),
        metrics: metrics.clone(),
        answers: Answers::new(Arc::clone(ledger))?,
    };
    let stop = context.shutdown.clone();
    context
        .tasks
        .spawn_blocking(Kind::optional("notices-join"), move || {
            join.run(&stop).map_err(chain)
        });
    Ok(())
}

/// What cannot be read is the auditor's to report; it tells nobody anything.
fn apply(book: &mut Book, record: &Record) {
    let Ok((_, body)) = framing::unframe(record.value.as_deref()) else {
        return;
    };
    match record.headers.text(headers::TYPE) {
        Some(Notice::FULL_NAME) => {
            if let Ok(notice) = Notice::decode_exact(body) {
                book.notice(record.offset, notice);
            }
        }
        Some(NoticeAcknowledgement::FULL_NAME) => {
            if let Ok(said) = NoticeAcknowledgement::decode_exact(body) {
                book.acknowledge(record.offset, said);
            }
        }
        Some(NoticesComplete::FULL_NAME) => {
            if let Ok(said) = NoticesComplete::decode_exact(body) {
                book.complete(&said);
            }
        }
        _ => {}
    }
    book.moved(record.offset + 1);
}

#[cfg(test)]
mod tests;
