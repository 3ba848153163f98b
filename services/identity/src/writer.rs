//! The single writer: one thread that owns the index, joins concurrent requests into one transaction, and answers only once it is committed. Another
//! thread (`press`) makes the records and writes them; meanwhile the first steps the next batch.
//!
//! Which process it is, a group says (`seat`). The others follow what it commits, so that they answer from it and one of them can take over at once:
//! the transactional id first, which ends whatever the one before left open and fences it, then what is still unread, then it serves.

mod batch;
mod desk;
mod fresh;
mod keeper;
mod press;
mod seat;
mod succession;
mod sweeps;

pub use desk::{Clock, Desk, Done, LiveCover, SystemClock, SystemEntropy};

use crate::error::{CallError, JournalError};
use crate::follow::Held;
use crate::journal::{Clients, Format};
use crate::linkage::{Core, Directory, Entropy, Rules};
use crate::metrics::{Metrics, Transaction};
use crate::snapshot::Snapshot;
use batch::{Flight, Open};
use desk::{Event, Standing};
use fresh::Fresh;
use keeper::{Keeper, Reached};
use press::{Outcome, Press};
use seat::Seat;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant as Monotonic};
use sweeps::Sweeps;
use walbrook_eventlog::Severity;
use walbrook_runtime::shutdown::Shutdown;

/// Requests that may wait for the writer.
const QUEUE: usize = 1_024;
/// Commands of one transaction: more wait for the next.
const BATCH_COMMANDS: usize = 8_000;
/// How often an idle writer looks at the clock, the agreements and its seat.
const TICK: Duration = Duration::from_millis(100);
/// How long a replica waits for the next record before it looks at its seat.
const FOLLOW: Duration = Duration::from_millis(20);
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
    queue: Receiver<Event>,
    /// The queue's other end, for whoever wakes this thread.
    wake: SyncSender<Event>,
    standing: Standing,
    fresh: Fresh,
    keeper: Keeper,
    /// What it held when another process was seated: all of it committed.
    held: Option<Held>,
    sweeps: Sweeps,
    /// Nobody wanted anything of late.
    quiet: bool,
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
        queue: sender.clone(),
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
        wake: sender,
        standing,
        fresh,
        held: None,
        sweeps: Sweeps::default(),
        quiet: false,
    };
    (writer, desk)
}

/// A state taken over from the log, and the right to write.
struct Reign {
    core: Core,
    press: Press,
    /// The batch in work.
    open: Open,
    /// The batch that is being written, and what became of it where that is known but not taken up yet.
    flight: Option<Flight>,
    landed: Option<Outcome>,
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
            match self.go_on(&mut reign, seat, stop) {
                Ok(()) => {}
                Err(Ended::Unseated) => {
                    self.held = Some(reign.into_held());
                    return Ended::Unseated;
                }
                Err(ended) => return ended,
            }
        }
    }

    /// One thing after another: what is through, what is due, what was stepped, then whoever waits.
    fn go_on(&mut self, reign: &mut Reign, seat: &mut Seat, stop: &Shutdown) -> Result<(), Ended> {
        seat.look().map_err(JournalError::from)?;
        if !seat.is_owner() {
            return self.step_aside(reign, seat, stop);
        }
        self.standing.serves();
        self.land(reign)?;
        let records = reign.core.index().len();
        if reign.flight.is_none() {
            let is_due = self.keeper.is_due(records, self.quiet);
            if is_due && reign.open.is_empty() {
                // Nothing is in work: what the index holds is committed.
                self.keeper.keep(reign.core.index(), &reign.reached);
            } else if !is_due {
                self.sweep(reign);
            }
            self.press(reign)?;
        }
        if reign.flight.is_some()
            && (reign.open.is_full() || self.keeper.is_due(records, self.quiet))
        {
            return self.wait(reign);
        }
        let busy = reign.flight.is_none() && self.sweeps.is_behind();
        match self
            .queue
            .recv_timeout(if busy { Duration::ZERO } else { TICK })
        {
            Ok(Event::Request(first)) => {
                self.quiet = false;
                self.take(reign, first);
            }
            Ok(Event::Pressed) => {}
            Err(RecvTimeoutError::Timeout) if !stop.is_requested() => {
                self.quiet = reign.flight.is_none();
            }
            Err(_) => {
                self.wait(reign)?;
                self.press(reign)?;
                self.wait(reign)?;
                self.keeper.close(reign.core.index(), &reign.reached);
                return Err(Ended::Stopped);
            }
        }
        Ok(())
    }

    /// Another process is, or will be, the writer: what is on its way comes out, and nothing new begins.
    fn step_aside(&mut self, reign: &mut Reign, seat: &Seat, stop: &Shutdown) -> Result<(), Ended> {
        self.wait(reign)?;
        self.roll_back(reign);
        if seat.is_settled() {
            return Err(Ended::Unseated);
        }
        // The group is settling, perhaps on this process again. Who else would have written meanwhile would have fenced it.
        self.standing.reads();
        self.turn_away(FOLLOW, stop);
        if stop.is_requested() {
            return Err(Ended::Stopped);
        }
        Ok(())
    }

    /// While this process does not write, nobody waits for it: requests are answered at once.
    fn turn_away(&self, pause: Duration, stop: &Shutdown) {
        let until = Monotonic::now() + pause;
        while !stop.is_requested() {
            let left = until.saturating_duration_since(Monotonic::now());
            match self.queue.recv_timeout(left) {
                Ok(Event::Request(request)) => {
                    drop(request.reply.send(Err(CallError::NotWritten)));
                }
                Ok(Event::Pressed) => {}
                Err(_) => return,
            }
        }
    }
}
