//! Where requests are handed to the writer, and what it needs from outside: time, ids, the cover.

use super::fresh::Fresh;
use crate::error::CallError;
use crate::linkage::{Answer, Command, Entropy, MatchingCover};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use tokio::sync::oneshot;
use walbrook_domain::{Day, Instant};

/// What time it is; injected, so that birthdays can be tested.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Instant;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Instant(i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX))
    }
}

/// Ids from the operating system's generator, by way of random UUIDs' bits: handles and persons must not be guessable.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn id(&mut self) -> [u8; 16] {
        rand::random()
    }
}

/// The matching cover as the writer needs it: also whether it changed.
pub trait LiveCover: MatchingCover {
    /// Changes whenever the cover may have changed.
    fn generation(&self) -> u64;
    /// Names what is covered now: the same word means that the same records may be compared, on every machine.
    fn word(&self) -> String;
    /// Tells it the day.
    fn set_today(&self, today: Day);
}

impl LiveCover for crate::cover::AgreementCover {
    fn generation(&self) -> u64 {
        crate::cover::AgreementCover::generation(self)
    }

    fn word(&self) -> String {
        crate::cover::AgreementCover::word(self)
    }

    fn set_today(&self, today: Day) {
        crate::cover::AgreementCover::set_today(self, today);
    }
}

/// What came of a request: one result for each command, and where the change stands.
#[derive(Debug)]
pub struct Done {
    /// In the order of the commands.
    pub results: Vec<Result<Answer, CallError>>,
    /// (partition, offset after the last record) of `control.links`, of the whole transaction.
    pub positions: Vec<(i32, i64)>,
}

pub(super) struct Request {
    pub(super) commands: Vec<Command>,
    pub(super) reply: oneshot::Sender<Result<Done, CallError>>,
}

/// What the writer waits for.
pub(super) enum Event {
    /// Somebody wants something.
    Request(Request),
    /// A transaction is through, whatever became of it.
    Pressed,
}

/// What this process may answer. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing(Arc<State>);

#[derive(Debug, Default)]
struct State {
    may: AtomicU8,
    compared: AtomicBool,
}

const NOTHING: u8 = 0;
const READS: u8 = 1;
const WRITES: u8 = 2;

impl Standing {
    /// The directory is whole, and follows what is committed.
    pub(super) fn reads(&self) {
        self.0.may.store(READS, Ordering::Release);
    }

    /// This process writes.
    pub(super) fn serves(&self) {
        self.0.may.store(WRITES, Ordering::Release);
    }

    /// What is on the log is not known now.
    pub(super) fn reads_no_more(&self) {
        self.0.may.store(NOTHING, Ordering::Release);
    }

    pub(super) fn serves_no_more(&self) {
        self.reads_no_more();
    }

    /// Whether every record was compared under the cover that holds.
    pub(super) fn compared(&self, all: bool) {
        self.0.compared.store(all, Ordering::Release);
    }

    fn at_least(&self, standing: u8) -> bool {
        self.0.may.load(Ordering::Acquire) >= standing
    }
}

/// Where requests are handed to the writer. Clones share it.
#[derive(Debug, Clone)]
pub struct Desk {
    pub(super) queue: SyncSender<Event>,
    pub(super) standing: Standing,
    pub(super) fresh: Fresh,
}

impl Desk {
    /// Whether this process writes.
    pub fn is_serving(&self) -> bool {
        self.standing.at_least(WRITES)
    }

    /// Whether the directory is whole and follows what is committed, whoever writes.
    pub fn is_reading(&self) -> bool {
        self.standing.at_least(READS)
    }

    /// Whether every record that this process holds was compared under the cover of agreements that it knows. Said by the writer.
    pub fn is_compared(&self) -> bool {
        self.standing.0.compared.load(Ordering::Acquire)
    }

    /// Waits until everything that was committed before this call can be read in the directory. What may be old without harm needs none of it.
    ///
    /// # Errors
    /// When the log does not say where it ends, or this process does not come that far: then nothing may be answered from here.
    pub async fn fresh(&self) -> Result<(), CallError> {
        if !self.is_reading() {
            return Err(CallError::NotReady);
        }
        self.fresh.wait().await
    }

    /// Hands commands to the writer and waits until what they changed is durable.
    ///
    /// # Errors
    /// When this process is not the writer, its queue is full, or the transaction did not come about.
    pub async fn submit(&self, commands: Vec<Command>) -> Result<Done, CallError> {
        if !self.is_reading() {
            return Err(CallError::NotReady);
        }
        if !self.is_serving() {
            return Err(CallError::NotTheWriter);
        }
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Event::Request(Request { commands, reply }))
            .map_err(|error| match error {
                TrySendError::Full(_) => CallError::Busy,
                TrySendError::Disconnected(_) => CallError::NotReady,
            })?;
        answer.await.unwrap_or(Err(CallError::NotWritten))
    }
}
