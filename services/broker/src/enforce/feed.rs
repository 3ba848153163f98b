//! The reader of `control.policy`: one per process, shared by all its threads.
//!
//! State changes under the write guard; a thread that decides holds the read guard from fixing its epoch to the end of *decide*. What is told as
//! applied is the reader's position, and only after everything popped before was applied: markers move the position too, and popped is not
//! applied.

use super::book::Book;
use super::control_view::{
    ControlView, GroundChange, PinnedEvent, PolicyCause, SubjectGrounds, Target, Turn, Verdict,
    Widening,
};
use crate::control::snapshot::{Loaded, is_kept};
use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{
    AgreementId, AgreementVersion, EventId, EventType, Handle, Instant, Organisation, Purpose,
};
use walbrook_event::framing::unframe;
use walbrook_event::raw::SubjectKind;
use walbrook_event::{control, headers};
use walbrook_eventlog::chain::Generations;
use walbrook_eventlog::{LogError, Reader, Record, Severity, TopicPartition};
use walbrook_policy::facts::{EventFacts, Subject};
use walbrook_policy::state::Grounds;

/// A record of `control.policy` that cannot be read: nothing is decided past it.
#[derive(Debug, thiserror::Error)]
#[error(
    "control.policy offset {offset} cannot be read: {problem}; nothing is decided past it, \
     since it could be a withdrawal: start a build that knows the record"
)]
pub struct Unreadable {
    /// Its offset.
    pub offset: i64,
    /// What is wrong.
    pub problem: String,
}

/// Why the feed ended.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The log failed for good.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// The control plane of this process.
pub struct Feed {
    book: RwLock<Book>,
    applied: Mutex<i64>,
    moved: Condvar,
    ended: AtomicBool,
    kept: Mutex<Kept>,
}

/// What a snapshot needs beside the state.
#[derive(Default)]
struct Kept {
    /// Every record that is no ground; few.
    records: Vec<Record>,
    /// Records applied since the last snapshot.
    since: u64,
}

impl Feed {
    /// Around an empty book.
    pub fn new(book: Book) -> Self {
        Self {
            book: RwLock::new(book),
            applied: Mutex::new(0),
            moved: Condvar::new(),
            ended: AtomicBool::new(false),
            kept: Mutex::new(Kept::default()),
        }
    }

    /// Puts a snapshot into the empty book; [`run`](Self::run) goes on behind it.
    ///
    /// # Errors
    /// When a record of it cannot be read.
    pub fn restore(&self, loaded: Loaded) -> Result<(), Unreadable> {
        let mut book = self.book.write();
        for record in &loaded.records {
            let read = control_record(record)?;
            if let Err(illegal) = book.apply(&read) {
                tracing::error!(offset = record.offset, %illegal, "a control record is no legal change and changes nothing");
            }
        }
        book.restore_grounds(loaded.grounds, loaded.next_offset);
        self.kept.lock().records = loaded.records;
        *self.applied.lock() = loaded.next_offset;
        drop(book);
        self.moved.notify_all();
        Ok(())
    }

    /// Records applied since the last snapshot.
    pub fn records_since_snapshot(&self) -> u64 {
        self.kept.lock().since
    }

    /// What a snapshot holds, of one epoch: the records that are no grounds, the grounds, and the next offset. Grounds are shared with the book
    /// until it changes them, so that nobody waits for the copy.
    pub fn copy(&self) -> (Vec<Record>, Grounds, i64) {
        let book = self.book.read();
        let mut kept = self.kept.lock();
        kept.since = 0;
        (
            kept.records.clone(),
            book.state().grounds().clone(),
            book.applied_through(),
        )
    }

    /// Forgets causes below an offset that every p is past.
    pub fn forget_causes_below(&self, offset: i64) {
        self.book.write().forget_causes_below(offset);
    }

    /// The control plane, held still.
    pub fn read(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read()
    }

    /// The control plane while it moves: for what does not change once it is there.
    pub const fn moving(&self) -> Moving<'_> {
        Moving(self)
    }

    /// Next unapplied offset.
    pub fn applied_through(&self) -> i64 {
        *self.applied.lock()
    }

    /// Waits until everything below `offset` is applied. False: not within `patience`, or the feed has ended.
    pub fn wait_until(&self, offset: i64, patience: Duration) -> bool {
        let deadline = Monotonic::now() + patience;
        let mut applied = self.applied.lock();
        while *applied < offset {
            if self.ended.load(Ordering::Acquire)
                || self.moved.wait_until(&mut applied, deadline).timed_out()
            {
                return *applied >= offset;
            }
        }
        true
    }

    /// Reads and applies until `stop` says so.
    ///
    /// # Errors
    /// When the log fails for good or a record cannot be read.
    pub fn run(
        &self,
        mut reader: Box<dyn Reader>,
        at: &TopicPartition,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), FeedError> {
        let ended = self.follow(reader.as_mut(), at, stop);
        self.ended.store(true, Ordering::Release);
        self.moved.notify_all();
        ended
    }

    fn follow(
        &self,
        reader: &mut dyn Reader,
        at: &TopicPartition,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), FeedError> {
        reader.assign(&[(at.clone(), self.applied_through())])?;
        let mut records = Vec::new();
        while !stop() {
            match reader.poll(5_000, Duration::from_millis(20), &mut records) {
                Ok(()) => {}
                Err(error) if error.severity == Severity::Transient => {
                    tracing::warn!(%error, "control.policy is not readable now");
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            self.step(&records, reader.position(at))?;
            records.clear();
        }
        Ok(())
    }

    /// Applies what was popped, then tells the position that was read after it.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn step(&self, records: &[Record], position: Option<i64>) -> Result<(), Unreadable> {
        let position = position.unwrap_or(0);
        if records.is_empty() && position <= self.applied_through() {
            return Ok(());
        }
        let mut book = self.book.write();
        for record in records {
            let read = control_record(record)?;
            if let Err(illegal) = book.apply(&read) {
                tracing::error!(offset = record.offset, %illegal, "a control record is no legal change and changes nothing");
            }
        }
        book.applied_below(position);
        let mut kept = self.kept.lock();
        kept.since += records.len() as u64;
        kept.records
            .extend(records.iter().filter(|record| is_kept(record)).cloned());
        drop(kept);
        drop(book);
        let mut applied = self.applied.lock();
        *applied = (*applied).max(position);
        drop(applied);
        self.moved.notify_all();
        Ok(())
    }
}

fn control_record(record: &Record) -> Result<walbrook_domain::control::ControlRecord, Unreadable> {
    let fault = |problem: String| Unreadable {
        offset: record.offset,
        problem,
    };
    let full_name = record
        .headers
        .text(headers::TYPE)
        .ok_or_else(|| fault("it has no ce_type".to_owned()))?;
    let (_, body) = unframe(record.value.as_deref()).map_err(|error| fault(error.to_string()))?;
    let appended_at = Instant(record.timestamp_ms.saturating_mul(1_000));
    control::read(full_name, body, record.offset, appended_at)
        .map_err(|error| fault(error.to_string()))
}

/// The control plane while it moves: each question is answered at the epoch of its own moment. Enough for building p, which asks what an edition
/// or a type is, and that never changes; a decision holds the control plane still instead.
pub struct Moving<'a>(&'a Feed);

impl ControlView for Moving<'_> {
    fn applied_through(&self) -> i64 {
        self.0.read().applied_through()
    }

    fn pins_epoch(&self) -> i64 {
        self.0.read().pins_epoch()
    }

    fn rules_version(&self) -> Option<u32> {
        self.0.read().rules_version()
    }

    fn decide(&self, event: &EventFacts<'_>, subject: Subject<'_>, now: Instant) -> Vec<Verdict> {
        self.0.read().decide(event, subject, now)
    }

    fn each_change_since(&self, from: i64, visit: &mut dyn FnMut(PolicyCause)) {
        self.0.read().each_change_since(from, visit);
    }

    fn has_changes_since(&self, from: i64) -> bool {
        self.0.read().has_changes_since(from)
    }

    fn widenings(&self, from: i64, to: i64) -> Vec<(i64, Widening)> {
        self.0.read().widenings(from, to)
    }

    fn turns(&self, from: i64, to: i64) -> Vec<Turn> {
        self.0.read().turns(from, to)
    }

    fn warm(&self, handles: &[Handle]) {
        self.0.read().warm(handles);
    }

    fn has_grounds(&self, handle: Handle) -> bool {
        self.0.read().has_grounds(handle)
    }

    fn takes(
        &self,
        ground: &GroundChange,
        handle: Handle,
        release: (&Purpose, &AgreementId, &EventId),
    ) -> bool {
        self.0.read().takes(ground, handle, release)
    }

    fn subject(
        &self,
        handle: Handle,
        members: &[Handle],
        purpose: &Purpose,
    ) -> Option<SubjectGrounds> {
        self.0.read().subject(handle, members, purpose)
    }

    fn target(&self, agreement: &AgreementId, version: AgreementVersion) -> Option<Target> {
        self.0.read().target(agreement, version)
    }

    fn subject_purposes(&self, organisation: &Organisation) -> Vec<Purpose> {
        self.0.read().subject_purposes(organisation)
    }

    fn heartbeat_purposes(
        &self,
        organisation: &Organisation,
        event_type: &EventType,
    ) -> Vec<Purpose> {
        self.0.read().heartbeat_purposes(organisation, event_type)
    }

    fn subject_kind(&self, event_type: &EventType) -> Option<SubjectKind> {
        self.0.read().subject_kind(event_type)
    }

    fn event_schema(&self, schema_id: i32) -> Option<Arc<PinnedEvent>> {
        self.0.read().event_schema(schema_id)
    }

    fn dataset_schema(&self, dataset: &str, schema_sha256: &[u8; 32]) -> Option<(i32, String)> {
        self.0.read().dataset_schema(dataset, schema_sha256)
    }

    fn generations(&self) -> Generations {
        self.0.read().generations()
    }

    fn generation(&self, purpose: &Purpose) -> u32 {
        self.0.read().generation(purpose)
    }

    fn record_schema(&self, full_name: &str) -> Option<i32> {
        self.0.read().record_schema(full_name)
    }
}
