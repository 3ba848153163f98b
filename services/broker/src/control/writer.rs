//! The single writer: one thread in the group `<ns>.control`. It serves while partition 0 of `control.policy` is its own.

mod clients;
mod member;

pub use clients::Clients;

use crate::control::core::{Core, Draft, Receipt, Step};
use crate::control::journal::{self, Format};
use crate::control::numbers::Numbers;
use crate::control::snapshot::Snapshot;
use crate::error::{ControlError, JournalError};
use member::Member;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant as Monotonic};
use tokio::sync::oneshot;
use walbrook_domain::Instant;
use walbrook_domain::control::{ControlFact, PinFact};
use walbrook_eventlog::{LogError, Severity, Transactor, topics};
use walbrook_policy::catalogue::Catalogue;
use walbrook_policy::state::PolicyState;
use walbrook_runtime::telemetry;

/// The group and the transactional id, without the namespace.
pub const NAME: &str = "control";
/// `transaction.timeout.ms`: how long a dead writer holds back the readers of `control.policy`.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the group waits for a silent member.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
const QUEUE: usize = 1_024;
/// Changes of one transaction; more wait for the next.
const BATCH: usize = 1_000;
/// How often an idle writer looks after its membership.
const TICK: Duration = Duration::from_millis(20);
/// How often the standing of agreements is counted where nothing changes.
const STANDING_EVERY: Duration = Duration::from_secs(60);
/// How long after the start of its effective day a version is said to commence: by then it is that day by the clock of every process that will
/// decide past events again because of it.
const COMMENCES_AFTER_MICROS: i64 = 2 * MINUTE_MICROS;
const MINUTE_MICROS: i64 = 60_000_000;
const GROUP_EVERY: Duration = Duration::from_millis(100);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What this process is in the control group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Not settled yet, or no longer.
    Joining,
    /// Another process writes.
    Follower,
    /// This one writes.
    Writer,
}

struct Request {
    draft: Draft,
    /// The call's span: the commit is linked with it.
    call: tracing::Span,
    reply: oneshot::Sender<Result<Receipt, ControlError>>,
}

/// Where changes are handed to the writer, and what is committed is read. Clones share it.
#[derive(Clone)]
pub struct Desk {
    queue: SyncSender<Request>,
    core: Arc<RwLock<Option<Core>>>,
    serving: Arc<AtomicBool>,
}

impl Desk {
    /// Hands a change to the writer and waits until it is committed.
    ///
    /// # Errors
    /// When it is refused, this process is not the writer, or the log did not take it.
    pub async fn submit(&self, draft: Draft) -> Result<Receipt, ControlError> {
        if !self.serves() {
            return Err(ControlError::NotTheWriter);
        }
        let (reply, answer) = oneshot::channel();
        let call = tracing::Span::current();
        match self.queue.try_send(Request { draft, call, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(ControlError::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(ControlError::NotTheWriter),
        }
        answer.await.unwrap_or(Err(ControlError::NotWritten))
    }

    /// Whether this process is the writer now.
    pub fn serves(&self) -> bool {
        self.serving.load(Ordering::Acquire)
    }

    /// Reads the fold as it is committed. The writer holds it back while a transaction is being written.
    ///
    /// # Errors
    /// When this process is not the writer.
    pub fn read<T>(&self, look: impl FnOnce(&PolicyState) -> T) -> Result<T, ControlError> {
        let core = self.core.read();
        match &*core {
            Some(core) if self.serves() => Ok(look(core.state())),
            _ => Err(ControlError::NotTheWriter),
        }
    }
}

/// What a writer is made of.
pub struct Parts {
    /// Clients of the log.
    pub clients: Arc<dyn Clients>,
    /// How records stand on it.
    pub format: Format,
    /// What may be named.
    pub catalogue: Arc<Catalogue>,
    /// Pins that must be on record before anything else is written.
    pub pins: Vec<PinFact>,
    /// What time it is.
    pub clock: Box<dyn Fn() -> Instant + Send>,
    /// Whether to stop.
    pub stopped: Box<dyn Fn() -> bool + Send>,
    /// Where it counts.
    pub numbers: Numbers,
    /// The fold on this machine's disk, to begin with.
    pub snapshot: Option<Snapshot>,
}

/// The thread's own.
pub struct Writer {
    parts: Parts,
    queue: Receiver<Request>,
    core: Arc<RwLock<Option<Core>>>,
    serving: Arc<AtomicBool>,
}

/// A writer and its desk.
pub fn writer(parts: Parts) -> (Writer, Desk) {
    let (sender, queue) = sync_channel(QUEUE);
    let core = Arc::new(RwLock::new(None));
    let serving = Arc::new(AtomicBool::new(false));
    let desk = Desk {
        queue: sender,
        core: Arc::clone(&core),
        serving: Arc::clone(&serving),
    };
    let writer = Writer {
        parts,
        queue,
        core,
        serving,
    };
    (writer, desk)
}

impl Writer {
    /// Runs until stopped. `tell` hears each time what this process is in the group.
    ///
    /// # Errors
    /// When nobody can help by waiting: a record that cannot be read, or settings that are refused.
    pub fn run(self, tell: &dyn Fn(Role)) -> Result<(), JournalError> {
        let mut pause = FIRST_PAUSE;
        while !(self.parts.stopped)() {
            let ended = self.belong(tell, &mut pause);
            self.serving.store(false, Ordering::Release);
            *self.core.write() = None;
            tell(Role::Joining);
            match ended {
                Ok(()) => {}
                Err(error) if error.severity() == Severity::Fatal => return Err(error),
                Err(error) => {
                    self.parts.numbers.failed();
                    tracing::warn!(
                        error = walbrook_runtime::status::chain(&error),
                        "the control writer starts again"
                    );
                    self.turn_away(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        Ok(())
    }

    /// One membership: waits to be the owner, takes over, serves, until it is the owner no more.
    fn belong(&self, tell: &dyn Fn(Role), pause: &mut Duration) -> Result<(), JournalError> {
        let namespace = &self.parts.format.namespace;
        let topic = namespace.name(topics::POLICY);
        let group = self.parts.clients.member(&namespace.name(NAME), &topic)?;
        let mut member = Member::new(group);
        while !(self.parts.stopped)() {
            if !member.owner {
                let before = member.settled;
                member.look(GROUP_EVERY)?;
                if member.settled && !before && !member.owner {
                    tell(Role::Follower);
                }
                self.turn_away(Duration::ZERO);
                continue;
            }
            let mut transactor = self.take_over()?;
            self.serving.store(true, Ordering::Release);
            self.parts.numbers.writes(true);
            tell(Role::Writer);
            tracing::info!("this process writes the control plane");
            *pause = FIRST_PAUSE;
            let served = self.serve(&mut member, transactor.as_mut());
            self.serving.store(false, Ordering::Release);
            self.parts.numbers.writes(false);
            tell(Role::Joining);
            *self.core.write() = None;
            served?;
        }
        Ok(())
    }

    /// Takes the transactional id over, which ends what an older writer left open, and only then reads the log.
    fn take_over(&self) -> Result<Box<dyn Transactor>, JournalError> {
        let parts = &self.parts;
        let mut transactor = parts.clients.transactor(&parts.format.namespace.name(NAME));
        transactor.init()?;
        let mut reader = parts.clients.reader()?;
        let mut ends = parts.clients.ends()?;
        let core = journal::rebuild(
            reader.as_mut(),
            ends.as_mut(),
            &parts.format,
            &parts.catalogue,
            parts.snapshot.as_ref(),
            &parts.stopped,
        )?;
        let missing: Vec<_> = parts
            .pins
            .iter()
            .filter(|pin| !core.state().pins().holds(pin))
            .map(|pin| Draft {
                fact: ControlFact::Pin(pin.clone()),
                idempotency_key: String::new(),
            })
            .collect();
        *self.core.write() = Some(core);
        for batch in missing.chunks(BATCH) {
            let outcome = self.write(transactor.as_mut(), batch.to_vec())?;
            for result in outcome {
                result.map_err(|error| JournalError::Pin(error.to_string()))?;
            }
        }
        Ok(transactor)
    }

    fn serve(
        &self,
        member: &mut Member,
        transactor: &mut dyn Transactor,
    ) -> Result<(), JournalError> {
        // The calendar moves without a call: versions signed ahead commence, agreements lapse, reviews fall due.
        let mut told = self.tell_standing();
        let mut minute = i64::MIN;
        while member.owner && !(self.parts.stopped)() {
            let now = (self.parts.clock)();
            if now.micros() / MINUTE_MICROS != minute {
                minute = now.micros() / MINUTE_MICROS;
                self.commence(transactor, now)?;
            }
            if told.elapsed() >= STANDING_EVERY {
                told = self.tell_standing();
            }
            if member.looked.elapsed() >= GROUP_EVERY {
                member.look(Duration::ZERO)?;
                continue;
            }
            let first = match self.queue.recv_timeout(TICK) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let mut waiting = vec![first];
            while waiting.len() < BATCH {
                let Ok(next) = self.queue.try_recv() else {
                    break;
                };
                waiting.push(next);
            }
            let span = tracing::info_span!("control-commit", calls = waiting.len());
            let mut drafts = Vec::with_capacity(waiting.len());
            let mut replies = Vec::with_capacity(waiting.len());
            for request in waiting {
                if let Some(call) = telemetry::traceparent(&request.call) {
                    telemetry::link(&span, &call);
                }
                drafts.push(request.draft);
                replies.push(request.reply);
            }
            let outcome = span.in_scope(|| self.write(transactor, drafts));
            let failed = match outcome {
                Ok(results) => {
                    told = self.tell_standing();
                    for (reply, result) in replies.into_iter().zip(results) {
                        // A caller that has gone needs no answer.
                        let _ = reply.send(result);
                    }
                    continue;
                }
                Err(failed) => failed,
            };
            // What became of it is found out by reading the log again; the callers try again with their keys.
            for reply in replies {
                let _ = reply.send(Err(ControlError::NotWritten));
            }
            return Err(failed);
        }
        Ok(())
    }

    /// Writes down which versions commenced.
    fn commence(&self, transactor: &mut dyn Transactor, now: Instant) -> Result<(), JournalError> {
        let due = match &*self.core.read() {
            Some(core) => core.due(Instant(now.micros() - COMMENCES_AFTER_MICROS)),
            None => Vec::new(),
        };
        for batch in due.chunks(BATCH) {
            for result in self.write(transactor, batch.to_vec())? {
                result.map_err(|error| JournalError::Calendar(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// Counts how agreements stand now; returns when that was.
    fn tell_standing(&self) -> Monotonic {
        if let Some(core) = &*self.core.read() {
            let today = (self.parts.clock)().london_day();
            self.parts.numbers.stands(core, today);
        }
        Monotonic::now()
    }

    /// Checks and writes a batch in one transaction. On an error the core holds what may not be on the log: throw it away.
    fn write(
        &self,
        transactor: &mut dyn Transactor,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Result<Receipt, ControlError>>, JournalError> {
        let (now, began) = ((self.parts.clock)(), Monotonic::now());
        let mut guard = self.core.write();
        let Some(core) = guard.as_mut() else {
            return Err(JournalError::Stopped);
        };
        let mut outcome = Vec::with_capacity(drafts.len());
        let mut accepted = Vec::new();
        let mut records = Vec::new();
        for draft in drafts {
            match core.step(&draft, now) {
                Err(error) => outcome.push(Some(Err(error))),
                Ok(Step::Repeated(receipt)) => outcome.push(Some(Ok(receipt))),
                Ok(Step::Write) => {
                    records.push(self.parts.format.records(
                        &draft.fact,
                        &draft.idempotency_key,
                        now,
                    )?);
                    accepted.push(draft);
                    outcome.push(None);
                }
            }
        }
        if accepted.is_empty() {
            return Ok(outcome.into_iter().flatten().collect());
        }
        let offsets = commit(transactor, records)?;
        self.parts.numbers.committed(offsets.len(), began.elapsed());
        let placed: Vec<_> = accepted
            .into_iter()
            .zip(offsets)
            .map(|(draft, offset)| (draft, offset, now))
            .collect();
        let receipts = core.settled(&placed);
        // A call repeated within its own batch holds the offset that was only expected then.
        let settled: Vec<_> = placed.iter().zip(&receipts).collect();
        let mut fresh = receipts.iter().cloned();
        let results = outcome.into_iter().map(|known| match known {
            None => fresh.next().ok_or(ControlError::NotWritten),
            Some(Ok(receipt)) => Ok(settled
                .iter()
                .find(|(_, written)| written.id == receipt.id && written.version == receipt.version)
                .map_or_else(
                    || receipt.clone(),
                    |(_, written)| Receipt {
                        repeated: true,
                        ..(*written).clone()
                    },
                )),
            Some(Err(error)) => Err(error),
        });
        Ok(results.collect())
    }

    /// Answers those who wait that this process is not the writer, for a while.
    fn turn_away(&self, pause: Duration) {
        let until = Monotonic::now() + pause;
        loop {
            let left = until.saturating_duration_since(Monotonic::now());
            match self.queue.recv_timeout(left) {
                Ok(request) => {
                    let _ = request.reply.send(Err(ControlError::NotTheWriter));
                }
                Err(_) => return,
            }
        }
    }
}

/// Writes the records of several changes in one transaction; returns the offset of each change on `control.policy`.
fn commit(
    transactor: &mut dyn Transactor,
    changes: Vec<Vec<walbrook_eventlog::NewRecord>>,
) -> Result<Vec<i64>, LogError> {
    transactor.begin()?;
    let mut firsts = Vec::with_capacity(changes.len());
    let mut sent = 0;
    for change in changes {
        firsts.push(sent);
        sent += change.len();
        for record in change {
            transactor.send(record)?;
        }
    }
    let delivered = transactor.drain()?;
    transactor.commit()?;
    Ok(firsts
        .into_iter()
        .filter_map(|at| delivered.get(at).map(|(_, offset)| *offset))
        .collect())
}
