//! The single writer: one thread that owns the index, joins concurrent requests into one transaction, and answers only once it is committed.
//!
//! Which process it is, a group says (`seat`). The others follow what it commits, so that they answer from it and one of them can take over at once:
//! the transactional id first, which ends whatever the one before left open and fences it, then what is still unread, then it serves.

mod batch;
mod desk;
mod fresh;
mod keeper;
mod seat;
mod succession;

pub use desk::{Clock, Desk, Done, LiveCover, SystemClock, SystemEntropy};

use crate::error::{CallError, JournalError};
use crate::follow::Held;
use crate::journal::{Clients, Format};
use crate::linkage::{Answer, Command, Core, Directory, Entropy, Rules};
use crate::metrics::{Metrics, Transaction};
use crate::snapshot::Snapshot;
use batch::Failed;
use desk::{Request, Standing};
use fresh::Fresh;
use keeper::{Keeper, Reached};
use seat::Seat;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{Day, Instant};
use walbrook_eventlog::{Severity, Transactor};
use walbrook_runtime::shutdown::Shutdown;

/// Requests that may wait for the writer.
const QUEUE: usize = 1_024;
/// Commands of one transaction: more wait for the next. A commit takes tens of milliseconds however small it is, so that under load few large ones leave
/// most of the time to the linking.
const BATCH_COMMANDS: usize = 8_000;
/// How often an idle writer looks at the clock, the agreements and its seat.
const TICK: Duration = Duration::from_millis(100);
/// How long a replica waits for the next record before it looks at its seat.
const FOLLOW: Duration = Duration::from_millis(20);
/// Persons that come of age, and records that are reviewed, in one transaction.
const SWEEP: usize = 500;
/// After so long without a record a follower has all that is committed.
const HELD_UP: Duration = Duration::from_secs(3);
/// How long the log may take to show that it is there.
const ANSWER: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Everything the writer works with.
pub struct Writer {
    clients: Arc<dyn Clients>,
    format: Format,
    rules: Rules,
    cover: Arc<dyn LiveCover>,
    clock: Arc<dyn Clock>,
    entropy: Box<dyn Entropy>,
    directory: Arc<Directory>,
    metrics: Metrics,
    queue: Receiver<Request>,
    standing: Standing,
    fresh: Fresh,
    keeper: Keeper,
    /// What it held when another process was seated: all of it committed.
    held: Option<Held>,
    /// The last London day on which everybody's age was looked at.
    swept: Option<Day>,
    /// The generation of the cover that is being, or was, reviewed, and the last place reviewed while it is.
    reviewed: (Option<u64>, Option<i64>),
}

/// The parts a writer is made of.
pub struct Parts {
    /// Clients of the log.
    pub clients: Arc<dyn Clients>,
    /// How records stand there.
    pub format: Format,
    /// The rules.
    pub rules: Rules,
    /// Who may be compared with whom.
    pub cover: Arc<dyn LiveCover>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub entropy: Box<dyn Entropy>,
    /// What readers see.
    pub directory: Arc<Directory>,
    /// Numbers.
    pub metrics: Metrics,
    /// The records on this machine's disk, to begin with.
    pub snapshot: Option<Snapshot>,
}

/// A writer and the desk to reach it by. It does nothing until it runs.
pub fn writer(parts: Parts) -> (Writer, Desk) {
    let (sender, queue) = sync_channel(QUEUE);
    let standing = Standing::default();
    let fresh = Fresh::new(
        Arc::clone(&parts.clients),
        parts.format.identity_partition(),
    );
    let desk = Desk {
        queue: sender,
        standing: standing.clone(),
        fresh: fresh.clone(),
    };
    let writer = Writer {
        keeper: Keeper::new(
            parts.snapshot,
            Arc::clone(&parts.clients),
            parts.format.clone(),
        ),
        clients: parts.clients,
        format: parts.format,
        rules: parts.rules,
        cover: parts.cover,
        clock: parts.clock,
        entropy: parts.entropy,
        directory: parts.directory,
        metrics: parts.metrics,
        queue,
        standing,
        fresh,
        held: None,
        swept: None,
        reviewed: (None, None),
    };
    (writer, desk)
}

/// A state taken over from the log, and the right to write.
struct Reign {
    core: Core,
    transactor: Box<dyn Transactor>,
    reached: Reached,
    /// No group says who writes.
    is_alone: bool,
}

impl Reign {
    fn into_held(self) -> Held {
        Held {
            index: self.core.into_index(),
            identity_next: self.reached.identity_next,
            links_next: self.reached.links_next,
        }
    }
}

/// Why a reign ended.
enum Ended {
    /// It was asked to stop.
    Stopped,
    /// Another process writes now.
    Unseated,
    /// It is not known what the log holds: read it again.
    Unsure(JournalError),
    /// Nobody can help here.
    ForGood(JournalError),
}

impl From<JournalError> for Ended {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Stopped => Ended::Stopped,
            error if error.severity() == Severity::Fatal => Ended::ForGood(error),
            // Fenced while taking over: somebody else is taking over too. Whoever is last wins; the other one finds out when it writes.
            error => Ended::Unsure(error),
        }
    }
}

impl Writer {
    /// Runs until `stop`. `ready` is told each time whether calls are answered: by this process, or from what it follows.
    ///
    /// # Errors
    /// When another writer has taken over and there is no group to follow it in, or the log holds what cannot be read.
    pub fn run(mut self, stop: &Shutdown, ready: &dyn Fn(bool)) -> Result<(), JournalError> {
        let mut pause = FIRST_PAUSE;
        while !stop.is_requested() {
            let ended = self.belong(stop, ready, &mut pause);
            self.standing.reads_no_more();
            ready(false);
            match ended {
                Ended::Stopped => return Ok(()),
                Ended::ForGood(error) => return Err(error),
                Ended::Unseated => {
                    tracing::info!("another identity process writes; this one follows it");
                }
                Ended::Unsure(error) => {
                    self.metrics.transaction(Transaction::Recovered);
                    tracing::warn!(
                        error = walbrook_runtime::status::chain(&error),
                        "the log is read again"
                    );
                    self.turn_away(pause, stop);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        Ok(())
    }

    /// Reads the log, follows it until this process is the writer, and writes until it is that no more.
    fn belong(&mut self, stop: &Shutdown, ready: &dyn Fn(bool), pause: &mut Duration) -> Ended {
        match self.follow(stop, ready) {
            Ok((reign, mut seat)) => {
                *pause = FIRST_PAUSE;
                self.standing.serves();
                ready(true);
                tracing::info!("this process writes links");
                self.reign(reign, &mut seat, stop)
            }
            Err(error) => error.into(),
        }
    }

    fn reign(&mut self, mut reign: Reign, seat: &mut Seat, stop: &Shutdown) -> Ended {
        loop {
            if let Err(error) = seat.look() {
                return JournalError::from(error).into();
            }
            if !seat.is_owner() {
                if seat.is_settled() {
                    self.held = Some(reign.into_held());
                    return Ended::Unseated;
                }
                // The group is settling, perhaps on this process again. Who else would have written meanwhile would have fenced it.
                self.standing.reads();
                self.turn_away(FOLLOW, stop);
                if stop.is_requested() {
                    return Ended::Stopped;
                }
                continue;
            }
            self.standing.serves();
            self.keeper.keep(reign.core.index(), &reign.reached);
            let busy = match self.sweep(&mut reign) {
                Ok(busy) => busy,
                Err(ended) => return ended,
            };
            let first = match self
                .queue
                .recv_timeout(if busy { Duration::ZERO } else { TICK })
            {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) if !stop.is_requested() => None,
                Err(_) => {
                    self.keeper.close(reign.core.index(), &reign.reached);
                    return Ended::Stopped;
                }
            };
            if let Some(first) = first
                && let Err(ended) = self.serve(&mut reign, first)
            {
                return ended;
            }
        }
    }

    /// What is due without a request: birthdays once a day, records once the cover changed. One slice; says whether more waits.
    fn sweep(&mut self, reign: &mut Reign) -> Result<bool, Ended> {
        let now = self.clock.now();
        let today = now.london_day();
        self.cover.set_today(today);
        if self.swept != Some(today) {
            let answer = self.step(reign, Command::ComeOfAge { limit: SWEEP }, now);
            if !self.settled(reign, now)? {
                return Ok(false);
            }
            if answer != Ok(Answer::CameOfAge(SWEEP)) {
                self.swept = Some(today);
            }
            return Ok(true);
        }
        let generation = self.cover.generation();
        if self.reviewed.0 != Some(generation) {
            self.reviewed = (Some(generation), Some(0));
        }
        let Some(after) = self.reviewed.1 else {
            return Ok(false);
        };
        let answer = self.step(
            reign,
            Command::Review {
                after,
                limit: SWEEP,
            },
            now,
        );
        if !self.settled(reign, now)? {
            return Ok(false);
        }
        self.reviewed.1 = match answer {
            Ok(Answer::Reviewed(last)) => last,
            _ => None,
        };
        Ok(true)
    }

    /// Commits a slice of a sweep; false when it failed in passing and must be tried again.
    fn settled(&mut self, reign: &mut Reign, now: Instant) -> Result<bool, Ended> {
        match self.commit(reign, now) {
            Ok(_) => Ok(true),
            Err(Failed::Passing | Failed::Refused) => Ok(false),
            Err(Failed::Ends(ended)) => Err(ended),
        }
    }

    /// While this process does not write, nobody waits for it: requests are answered at once.
    fn turn_away(&self, pause: Duration, stop: &Shutdown) {
        let until = Monotonic::now() + pause;
        while !stop.is_requested() {
            let left = until.saturating_duration_since(Monotonic::now());
            match self.queue.recv_timeout(left) {
                Ok(request) => drop(request.reply.send(Err(CallError::NotWritten))),
                Err(_) => return,
            }
        }
    }
}
