//! The loop of one group member as a state machine: what it is told goes in, what is to be done on the log comes out. It does no I/O, reads no
//! clock and takes no lock; [`super::member`] does all that on Kafka, and the simulation does it in its own order.
//!
//! A round is poll → barrier → decide → write → commit. Each step of a round ends with exactly one effect that asks something, the last of its
//! list, and the next [`Input`] is the answer to it; the effects before it only say something. No transaction is ever open while the group is
//! polled, so a rebalance finds nothing to settle: what was revoked is set aside, and what comes back unchanged goes on where it was. Everything
//! that fails is dropped and built again from what is committed.

mod barrier;
mod batch;
mod generations;
mod seats;

use super::clients::raw_topics;
use super::control_view::{ControlView, Setting};
use super::decide::Entropy;
use super::lane::{Lane, LaneError, Past};
use super::partition::{Partition, Transaction};
use super::snapshot::Snapshot;
use super::stamp::CommittedStamp;
use barrier::Target;
pub use batch::{SettleStep, Settlement};
use batch::{Stage, Written};
pub use generations::Copied;
use seats::Seat;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use walbrook_domain::Instant;
use walbrook_eventlog::{GroupEvent, LogError, NewRecord, Record, Severity, TopicPartition};

/// Records taken from the group at once while there is little to do.
const FEWEST_RECORDS: usize = 4_000;
/// The same under load: a transaction costs what it costs, so the more it carries the better, until what waits takes too much memory.
const MOST_RECORDS: usize = 40_000;
/// How long an idle member waits for records before it looks at the control topics again.
const IDLE_WAIT: Duration = Duration::from_millis(10);
/// How often positions that moved over markers only are committed.
const MARKERS_EVERY: Duration = Duration::from_millis(50);
/// How often p is offered to be kept on disk, at most: what that costs is small, and whoever keeps it takes what is worth it.
const OFFER_EVERY: Duration = Duration::from_secs(5);
/// How long one try at a barrier may take before the group is polled again; what was asked for stays asked for.
const BARRIER_TRY: Duration = Duration::from_millis(200);
/// How long the machine rests after the log failed it, and how long p waits before it is built again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What the machine is told.
pub enum Input {
    /// It is to begin.
    Begin,
    /// The answer to [`Effect::Poll`].
    Polled(Polled),
    /// The answer to [`Effect::AskEnds`], in the order asked.
    Ends(Result<Vec<i64>, LogError>),
    /// The answer to [`Effect::AskCopied`].
    Copied(Result<Copied, LogError>),
    /// The answer to [`Effect::Apply`].
    Applied(Applied),
    /// The answer to [`Effect::Hold`]: the control plane is held still, and [`Around::control`] shows it.
    Held,
    /// The answer to [`Effect::ReadPast`].
    Past(Result<Past, LaneError>),
    /// The answer to [`Effect::Write`].
    Wrote(Result<(), LogError>),
    /// The answer to [`Effect::Settle`], for each p: where on `audit.decisions` its last page stands, where that was heard.
    Settled(Vec<(i32, Result<Option<i64>, LogError>)>),
    /// Something that was only said could not be done on the log.
    Refused(LogError),
}

/// What the group gave, and what was built meanwhile.
#[derive(Default)]
pub struct Polled {
    /// Records, in order within each partition.
    pub records: Vec<Record>,
    /// Changes of the assignment, in order.
    pub events: Vec<GroupEvent>,
    /// Partition numbers that were built: the number, the attempt it answers, and p.
    pub built: Vec<(i32, u64, Result<Built, LaneError>)>,
    /// The poll failed.
    pub failed: Option<LogError>,
}

/// p as it was built.
pub enum Built {
    /// What is committed is what the kept lane says: nobody else has worked on p.
    Unchanged,
    /// From the log.
    Anew {
        /// p.
        partition: Box<Partition>,
        /// Records read for it.
        records_read: u64,
        /// Whether a snapshot stood for the older part.
        from_snapshot: bool,
    },
}

/// What was read of `control.links`, and how far `control.policy` is applied.
#[derive(Default)]
pub struct Applied {
    /// Link records of every p, in order within each.
    pub links: Vec<Record>,
    /// The position of each p in `control.links`, read after the records were.
    pub positions: Vec<(i32, i64)>,
    /// Everything of `control.policy` below this is applied.
    pub policy: i64,
    /// The read failed.
    pub failed: Option<LogError>,
}

/// What is to be done.
pub enum Effect {
    /// Asks the group for records.
    Poll {
        /// At most so many.
        most: usize,
        /// Waiting for the first one so long.
        wait: Duration,
    },
    /// Asks for the high watermarks of these.
    AskEnds(Vec<TopicPartition>),
    /// Asks how far these partitions of purposes' topics are written, and after that how far they are copied to the next generation.
    AskCopied(Vec<TopicPartition>),
    /// Asks for what there is of `control.links`, and for `control.policy` to be applied up to here.
    Apply {
        /// Next offset of `control.policy` that is to be reached.
        policy: i64,
        /// Waiting at most so long.
        wait: Duration,
    },
    /// Asks for the control plane to be held still.
    Hold,
    /// The control plane may move again.
    Release,
    /// Asks for past events.
    ReadPast {
        /// p.
        number: i32,
        /// Index of the raw topic and offset, ascending.
        wanted: Vec<(usize, i64)>,
    },
    /// Asks for a transaction of p to be begun under the group's generation of now, and for records to be sent in it. They need not be
    /// acknowledged yet.
    Write(i32, Vec<NewRecord>),
    /// Asks for the transactions of the round to be committed; they do not wait for each other.
    Settle(Vec<Settlement>),
    /// It is to be aborted, if that is possible.
    Abort(i32),
    /// p is to be built, beside everything else.
    Build {
        /// p.
        number: i32,
        /// Stands on the answer.
        attempt: u64,
        /// Where the kept lane stands.
        kept: Option<CommittedStamp>,
    },
    /// `control.links` is to be read from here, and nothing else of it.
    ReadLinks(Vec<(TopicPartition, i64)>),
    /// These are to be read from here on.
    Start(Vec<(TopicPartition, i64)>),
    /// p's topics are not to be read for now, and its clients are to be dropped.
    GiveUp(i32, Vec<TopicPartition>),
    /// Nothing is to be done for so long.
    Rest(Duration),
    /// A transaction of p is committed.
    Committed(i32, Box<Transaction>),
    /// p as it is committed now, to be kept in the place of what was kept before.
    Snapshot(Box<Snapshot>),
    /// Whether p needs a person.
    Stopped(i32, bool),
}

/// What the machine may look at while it takes a step.
pub struct Around<'a> {
    /// The machine's clock, µs.
    pub now: Instant,
    /// Time that only goes forward.
    pub elapsed: Duration,
    /// The control plane, while it is held still.
    pub control: Option<&'a dyn ControlView>,
    /// Randomness.
    pub entropy: &'a mut dyn Entropy,
}

/// The loop of one member.
pub struct Machine {
    setting: Arc<Setting>,
    raw: Vec<(String, Arc<str>)>,
    seats: BTreeMap<i32, Seat>,
    /// Lanes whose p was taken away, kept in case it comes back untouched.
    set_aside: BTreeMap<i32, Lane>,
    misassigned: Option<String>,
    /// The barrier that is not reached yet.
    target: Option<Target>,
    stage: Stage,
    /// Transactions of this round that wait to be committed.
    written: Vec<Written>,
    most: usize,
    attempts: u64,
    offer_every: Duration,
}

impl Machine {
    /// A member that has not joined yet.
    pub fn new(setting: Arc<Setting>) -> Self {
        Self {
            raw: raw_topics(&setting),
            setting,
            seats: BTreeMap::new(),
            set_aside: BTreeMap::new(),
            misassigned: None,
            target: None,
            stage: Stage::Polling,
            written: Vec::new(),
            most: FEWEST_RECORDS,
            attempts: 0,
            offer_every: OFFER_EVERY,
        }
    }

    /// How often p is offered to be kept, at most.
    pub const fn offering_every(mut self, every: Duration) -> Self {
        self.offer_every = every;
        self
    }

    /// Takes one step. The last of the effects asks for the next input.
    pub fn step(&mut self, input: Input, around: &mut Around<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Begin => self.poll(&mut effects),
            Input::Polled(polled) => self.polled(polled, around, &mut effects),
            Input::Ends(ends) => self.ends(ends, around, &mut effects),
            Input::Copied(copied) => self.compared(copied, around, &mut effects),
            Input::Applied(applied) => self.applied(applied, around, &mut effects),
            Input::Held => self.held(around, &mut effects),
            Input::Past(past) => self.past(past, around, &mut effects),
            Input::Wrote(result) => self.wrote(result, around, &mut effects),
            Input::Settled(results) => self.settled(results, around, &mut effects),
            Input::Refused(error) => {
                // Where each p is read from is not known any more: all of them start again from what is committed.
                for number in self.numbers() {
                    let error = LogError {
                        severity: match error.severity {
                            Severity::Fatal => Severity::Fatal,
                            _ => Severity::Transient,
                        },
                        message: error.message.clone(),
                        subject: error.subject.clone(),
                        ..error
                    };
                    self.give_up(number, &error.into(), around, &mut effects);
                }
                self.poll(&mut effects);
            }
        }
        effects
    }

    /// The lane of p, while it is at work.
    pub fn lane(&self, number: i32) -> Option<&Lane> {
        match self.seats.get(&number) {
            Some(Seat::Running(running)) => Some(&running.lane),
            _ => None,
        }
    }

    /// The partition numbers at work.
    pub fn numbers(&self) -> Vec<i32> {
        self.seats
            .iter()
            .filter(|(_, seat)| matches!(seat, Seat::Running(_)))
            .map(|(number, _)| *number)
            .collect()
    }

    /// Whether p is this member's, or may come back to it.
    pub fn knows(&self, number: i32) -> bool {
        self.seats.contains_key(&number) || self.set_aside.contains_key(&number)
    }

    /// Whether this is the attempt to build p that is waited for; what an older one brings is dropped.
    pub fn awaits(&self, number: i32, attempt: u64) -> bool {
        matches!(self.seats.get(&number), Some(Seat::Building { attempt: expected, .. }) if *expected == attempt)
    }

    /// Whether there is no p that waits to be built, no record that waits to be decided, and nothing that waits to be committed.
    pub fn is_idle(&self) -> bool {
        let at_work =
            |seat: &Seat| matches!(seat, Seat::Running(running) if running.pending.is_empty());
        self.seats.values().all(at_work)
            && self.written.is_empty()
            && matches!(
                self.stage,
                Stage::Polling
                    | Stage::Comparing(_)
                    | Stage::Asking { .. }
                    | Stage::Applying { .. }
            )
    }

    /// p as it is committed, while it is at rest.
    pub fn snapshot(&self, number: i32) -> Option<Snapshot> {
        self.lane(number)?.partition().snapshot()
    }

    /// Where each raw topic of p is decided up to.
    pub fn starts(&self, number: i32) -> Vec<(TopicPartition, i64)> {
        let Some(lane) = self.lane(number) else {
            return Vec::new();
        };
        lane.partition()
            .positions()
            .map(|(topic, position)| (TopicPartition::new(Arc::clone(topic), number), position))
            .collect()
    }

    /// Why this member does not decide all that it has; `None` when it does.
    pub fn problem(&self) -> Option<String> {
        let of_a_seat = self.seats.iter().find_map(|(number, seat)| match seat {
            Seat::Stopped(problem) => Some(format!("p={number} is stopped: {problem}")),
            Seat::Waiting { .. } | Seat::Building { .. } => {
                Some(format!("p={number} is being built again"))
            }
            Seat::Running(_) => None,
        });
        of_a_seat.or_else(|| self.misassigned.clone())
    }

    /// Batches grow under load: twice as many the next time when the group gave all that was asked for, half as many when it gave little.
    pub(super) fn adapt(&mut self, taken: usize) {
        if taken >= self.most {
            self.most = (self.most * 2).min(MOST_RECORDS);
        } else if taken < self.most / 4 {
            self.most = (self.most / 2).max(FEWEST_RECORDS);
        }
    }

    /// Ends a round: the next thing is to poll.
    fn poll(&mut self, effects: &mut Vec<Effect>) {
        self.stage = Stage::Polling;
        if self.ask_early(effects) {
            return;
        }
        let held: usize = self.running().map(|running| running.pending.len()).sum();
        effects.push(Effect::Poll {
            // Never 0: the poll is also what hears of rebalances.
            most: self.most.saturating_sub(held).max(1),
            wait: if held > 0 || self.target.is_some() {
                Duration::ZERO
            } else {
                IDLE_WAIT
            },
        });
    }
}
