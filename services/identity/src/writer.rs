//! The single writer: one thread that owns the index, joins concurrent requests into one transaction, and answers only once it is committed.

mod desk;

pub use desk::{Clock, Desk, Done, LiveCover, SystemClock, SystemEntropy};

use crate::error::{CallError, JournalError};
use crate::journal::{self, Clients, Format, TRANSACTIONAL_ID};
use crate::linkage::{Answer, Command, Core, Directory, Entropy, PersonRecord, Rules, Turn};
use crate::metrics::{Metrics, Transaction};
use desk::Request;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{Day, Instant};
use walbrook_eventlog::{Severity, Transactor, topics};
use walbrook_runtime::shutdown::Shutdown;

/// Requests that may wait for the writer.
const QUEUE: usize = 1_024;
/// Commands of one transaction: more wait for the next.
const BATCH_COMMANDS: usize = 2_000;
/// How often an idle writer looks at the clock and the agreements.
const TICK: Duration = Duration::from_millis(250);
/// Persons that come of age, and records that are reviewed, in one transaction.
const SWEEP: usize = 500;
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
    serving: Arc<AtomicBool>,
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
}

/// A writer and the desk to reach it by. It does nothing until it runs.
pub fn writer(parts: Parts) -> (Writer, Desk) {
    let (sender, queue) = sync_channel(QUEUE);
    let serving = Arc::new(AtomicBool::new(false));
    let desk = Desk {
        queue: sender,
        serving: Arc::clone(&serving),
    };
    let writer = Writer {
        clients: parts.clients,
        format: parts.format,
        rules: parts.rules,
        cover: parts.cover,
        clock: parts.clock,
        entropy: parts.entropy,
        directory: parts.directory,
        metrics: parts.metrics,
        queue,
        serving,
        swept: None,
        reviewed: (None, None),
    };
    (writer, desk)
}

/// A state taken over from the log, and the right to write.
struct Reign {
    core: Core,
    transactor: Box<dyn Transactor>,
}

/// Why a reign ended.
enum Ended {
    /// It was asked to stop.
    Stopped,
    /// It is not known what the log holds: read it again.
    Unsure(JournalError),
    /// Nobody can help here.
    ForGood(JournalError),
}

impl Writer {
    /// Runs until `stop`. `ready` is told each time whether the index is served.
    ///
    /// # Errors
    /// When another writer has taken over, or the log holds what cannot be read.
    pub fn run(mut self, stop: &Shutdown, ready: &dyn Fn(bool)) -> Result<(), JournalError> {
        let mut pause = FIRST_PAUSE;
        while !stop.is_requested() {
            let ended = match self.take_over(stop) {
                Ok(reign) => {
                    pause = FIRST_PAUSE;
                    self.serving.store(true, Ordering::Release);
                    ready(true);
                    let ended = self.reign(reign, stop);
                    self.serving.store(false, Ordering::Release);
                    ready(false);
                    ended
                }
                Err(JournalError::Stopped) => Ended::Stopped,
                Err(error) if error.severity() == Severity::Fatal => Ended::ForGood(error),
                // Fenced while taking over: somebody else is taking over too. Whoever is last wins; the other one finds out when it writes.
                Err(error) => Ended::Unsure(error),
            };
            match ended {
                Ended::Stopped => return Ok(()),
                Ended::ForGood(error) => return Err(error),
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

    /// Takes the transactional id over, which ends what an older writer left open, and only then reads the log.
    fn take_over(&mut self, stop: &Shutdown) -> Result<Reign, JournalError> {
        // Taking over waits long for a log that is away, and cannot be told to stop meanwhile: first see that somebody answers.
        self.clients
            .ends()?
            .high_watermarks(&[self.format.identity_partition()], ANSWER)?;
        let id = self.format.namespace.name(TRANSACTIONAL_ID);
        let mut transactor = self.clients.transactor(&id);
        transactor.init()?;
        let index = journal::rebuild(self.clients.as_ref(), &self.format, stop)?;
        self.directory.replace(&index);
        self.metrics.sizes(index.len(), index.person_count());
        self.swept = None;
        self.reviewed = (None, None);
        Ok(Reign {
            core: Core::new(index, self.rules.clone()),
            transactor,
        })
    }

    fn reign(&mut self, mut reign: Reign, stop: &Shutdown) -> Ended {
        loop {
            let busy = match self.sweep(&mut reign) {
                Ok(busy) => busy,
                Err(ended) => return ended,
            };
            let first = match self
                .queue
                .recv_timeout(if busy { Duration::ZERO } else { TICK })
            {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) if stop.is_requested() => return Ended::Stopped,
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ended::Stopped,
            };
            if let Some(first) = first
                && let Err(ended) = self.serve(&mut reign, first)
            {
                return ended;
            }
        }
    }

    /// Serves a request and all that wait with it, in one transaction.
    fn serve(&mut self, reign: &mut Reign, first: Request) -> Result<(), Ended> {
        let mut waiting = vec![first];
        let mut commands = waiting
            .iter()
            .map(|request| request.commands.len())
            .sum::<usize>();
        while commands < BATCH_COMMANDS {
            let Ok(next) = self.queue.try_recv() else {
                break;
            };
            commands += next.commands.len();
            waiting.push(next);
        }
        let now = self.clock.now();
        let mut stepped = Vec::with_capacity(waiting.len());
        for request in waiting {
            let mut results = Vec::with_capacity(request.commands.len());
            for command in request.commands {
                results.push(self.step(reign, command, now).map_err(CallError::from));
            }
            stepped.push((results, request.reply));
        }
        self.metrics.batch(commands);
        let committed = self.commit(reign, now);
        let (positions, ended) = match committed {
            Ok(positions) => (Ok(positions), Ok(())),
            Err(Failed::Passing) => (Err(CallError::NotWritten), Ok(())),
            Err(Failed::Refused) => (Err(CallError::Unwritable), Ok(())),
            Err(Failed::Ends(ended)) => (Err(CallError::NotWritten), Err(ended)),
        };
        if ended.is_err() {
            // Before the answers: whoever comes back at once must not meet what is about to be read again.
            self.serving.store(false, Ordering::Release);
        }
        for (results, reply) in stepped {
            // A caller that has gone needs no answer.
            let _ = reply.send(match &positions {
                Ok(positions) => Ok(Done {
                    results,
                    positions: positions.clone(),
                }),
                Err(CallError::Unwritable) => Err(CallError::Unwritable),
                Err(_) => Err(CallError::NotWritten),
            });
        }
        ended
    }

    fn step(
        &mut self,
        reign: &mut Reign,
        command: Command,
        now: Instant,
    ) -> Result<Answer, crate::linkage::Refused> {
        let turn = Turn {
            now,
            entropy: self.entropy.as_mut(),
            cover: self.cover.as_ref(),
        };
        reign.core.step(command, turn)
    }

    /// Writes what the batch changed. The index keeps it, and readers see it, only when the commit was acknowledged.
    fn commit(&mut self, reign: &mut Reign, now: Instant) -> Result<Vec<(i32, i64)>, Failed> {
        if reign.core.changes().identity.is_empty() && reign.core.changes().links.is_empty() {
            reign.core.committed();
            return Ok(Vec::new());
        }
        let start = Monotonic::now();
        let span = tracing::info_span!("identity.commit", records = tracing::field::Empty);
        let _entered = span.enter();
        let written = self
            .format
            .records(reign.core.index(), reign.core.changes(), now)
            .and_then(|records| {
                span.record("records", records.len());
                let links = self.format.namespace.name(topics::LINKS);
                Ok(journal::write(reign.transactor.as_mut(), records, &links)?)
            });
        match written {
            Ok(positions) => {
                let changes = reign.core.committed();
                let index = reign.core.index();
                let changed = changes
                    .identity
                    .iter()
                    .filter_map(|handle| index.record(*handle));
                let changed: Vec<&PersonRecord> = changed.map(AsRef::as_ref).collect();
                self.directory.publish(changed.iter().copied());
                changed
                    .iter()
                    .for_each(|record| self.metrics.found(record.found));
                self.metrics.sizes(index.len(), index.person_count());
                self.metrics.transaction(Transaction::Committed);
                self.metrics.commit_time(start.elapsed());
                Ok(positions)
            }
            Err(error) => Err(self.failed(reign, error)),
        }
    }

    /// The batch is not on the log, or nobody knows.
    fn failed(&mut self, reign: &mut Reign, error: JournalError) -> Failed {
        self.metrics.transaction(Transaction::Failed);
        match error.severity() {
            Severity::OutcomeUnknown => Failed::Ends(Ended::Unsure(error)),
            Severity::Fenced => taken_over(error),
            severity => match reign.transactor.abort() {
                Ok(()) => {
                    reign.core.rolled_back();
                    tracing::warn!(
                        error = walbrook_runtime::status::chain(&error),
                        "a transaction was aborted"
                    );
                    if severity == Severity::Fatal {
                        Failed::Refused
                    } else {
                        Failed::Passing
                    }
                }
                // A fenced client learns it from whatever it does next: coming back would fence the one that took over.
                Err(abort) if abort.severity == Severity::Fenced => taken_over(abort.into()),
                Err(abort) => {
                    tracing::warn!(
                        error = walbrook_runtime::status::chain(&error),
                        "a transaction failed and could not be aborted"
                    );
                    Failed::Ends(Ended::Unsure(abort.into()))
                }
            },
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

    /// While the log cannot be read, nobody waits for it: requests are answered at once.
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

/// There is one writer, and this one is no longer it.
fn taken_over(error: JournalError) -> Failed {
    tracing::error!("another identity process has taken over; this one stops");
    Failed::Ends(Ended::ForGood(error))
}

/// A commit that did not come about.
enum Failed {
    /// Rolled back; the same may work later.
    Passing,
    /// Rolled back; the same will never work.
    Refused,
    /// The reign is over.
    Ends(Ended),
}
