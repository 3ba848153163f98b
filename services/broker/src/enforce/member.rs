//! A member of the broker group on the log: one thread that does what its [`Machine`] asks for.

use super::clients::{self, Clients, REQUEST_PATIENCE, raw_topics};
use super::control_view::Setting;
use super::decide::Entropy;
use super::feed::Feed;
use super::hand::Hand;
pub use super::hand::last_page;
use super::lane::{LaneError, Past};
use super::machine::{
    Applied, Around, Built, Copied, Effect, Input, Machine, Polled, SettleStep, Settlement,
};
use super::metrics::EnforceMetrics;
pub use super::owned::Owned;
use super::snapshot::Snapshots;
use super::stamp::CommittedStamp;
use crate::generations::state::{self, GROUP};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::Instant;
use walbrook_eventlog::{
    Ends, GroupReader, LogError, NewRecord, Positions, Reader, Severity, TopicPartition,
    Transactor, topics,
};
use walbrook_runtime::readiness::Readiness;

/// The part of readiness that says whether enforcement works.
pub const PART: &str = "enforcement";

/// Link records taken at once.
const MOST_LINKS: usize = 10_000;
/// How long building p waits for the control plane.
const BUILD_PATIENCE: Duration = Duration::from_secs(5);
const LAG_EVERY: Duration = Duration::from_secs(1);

/// What all members of a process share.
pub struct Shared {
    /// Clients on the log.
    pub clients: Arc<dyn Clients>,
    /// The control plane.
    pub feed: Arc<Feed>,
    /// What stays the same.
    pub setting: Arc<Setting>,
    /// Numbers.
    pub metrics: EnforceMetrics,
    /// Whether this process serves.
    pub readiness: Readiness,
    /// The machine's clock, µs.
    pub clock: fn() -> Instant,
    /// Where snapshots of p are kept, if anywhere.
    pub snapshots: Option<Box<dyn Snapshots>>,
    /// The partition numbers that this process works on.
    pub owned: Owned,
}

/// What a thread that built p sends back.
struct Report {
    number: i32,
    attempt: u64,
    result: Result<(Built, Option<Box<dyn Transactor>>), LaneError>,
}

/// When things of the round began, for the numbers.
struct Marks {
    asked: Option<Monotonic>,
    held: Monotonic,
    decided: Duration,
    writing: Monotonic,
    lag: Monotonic,
}

/// One member.
pub struct Member {
    shared: Arc<Shared>,
    machine: Machine,
    group: Box<dyn GroupReader>,
    links: Box<dyn Reader>,
    ends: Box<dyn Ends>,
    positions: Box<dyn Positions>,
    entropy: Box<dyn Entropy + Send>,
    /// Its place among the process's members.
    place: usize,
    hands: BTreeMap<i32, Hand>,
    reports: (Sender<Report>, Receiver<Report>),
    started: Monotonic,
    marks: Marks,
}

impl Member {
    /// A member that has not joined yet.
    ///
    /// # Errors
    /// When the log refuses a client.
    pub fn new(
        shared: Arc<Shared>,
        group: Box<dyn GroupReader>,
        entropy: Box<dyn Entropy + Send>,
    ) -> Result<Self, LogError> {
        let links = shared.clients.reader()?;
        let ends = shared.clients.ends()?;
        let positions = shared.clients.positions()?;
        let place = shared.owned.enter();
        let now = Monotonic::now();
        Ok(Self {
            machine: Machine::new(Arc::clone(&shared.setting)),
            shared,
            group,
            links,
            ends,
            positions,
            entropy,
            place,
            hands: BTreeMap::new(),
            reports: channel(),
            started: now,
            marks: Marks {
                asked: None,
                held: now,
                decided: Duration::ZERO,
                writing: now,
                lag: now,
            },
        })
    }

    /// Works until `stop` says so.
    ///
    /// # Errors
    /// When the group or a client fails for good.
    pub fn run(mut self, stop: &dyn Fn() -> bool) -> Result<(), LogError> {
        let shared = Arc::clone(&self.shared);
        let mut still = None;
        let mut input = Input::Begin;
        loop {
            let mut around = Around {
                now: (shared.clock)(),
                elapsed: self.started.elapsed(),
                control: still.as_deref().map(|book| book as _),
                entropy: self.entropy.as_mut(),
            };
            let effects = self.machine.step(input, &mut around);
            // Every list of effects ends with a question; without one, all there is to do is to begin again.
            input = Input::Begin;
            for effect in effects {
                match effect {
                    Effect::Poll { .. } if stop() => {
                        self.offer_last();
                        return Ok(());
                    }
                    Effect::Hold => {
                        still = Some(shared.feed.read());
                        self.held();
                        input = Input::Held;
                    }
                    Effect::Release => {
                        still = None;
                        self.released();
                    }
                    effect => {
                        if let Some(answer) = self.perform(effect)? {
                            let refused = matches!(answer, Input::Refused(_));
                            input = answer;
                            if refused {
                                break;
                            }
                        }
                    }
                }
            }
        }
    }

    fn held(&mut self) {
        self.marks.held = Monotonic::now();
        if let Some(asked) = self.marks.asked.take() {
            self.shared.metrics.barrier(asked.elapsed());
        }
    }

    fn released(&mut self) {
        self.marks.decided = self.marks.held.elapsed();
        self.marks.writing = Monotonic::now();
    }

    /// Does one thing; the answer, where something was asked.
    fn perform(&mut self, effect: Effect) -> Result<Option<Input>, LogError> {
        Ok(Some(match effect {
            Effect::Poll { most, wait } => self.poll(most, wait)?,
            Effect::AskEnds(asked) => {
                self.marks.asked = Some(Monotonic::now());
                Input::Ends(self.ends.high_watermarks(&asked, REQUEST_PATIENCE))
            }
            Effect::AskCopied(asked) => Input::Copied(self.ask_copied(&asked)),
            Effect::Apply { policy, wait } => self.apply(policy, wait)?,
            Effect::ReadPast { number, wanted } => Input::Past(self.read_past(number, &wanted)),
            Effect::Write(number, records) => Input::Wrote(self.write(number, records)),
            Effect::Settle(settlements) => Input::Settled(self.settle(settlements)),
            said => return self.say(said),
        }))
    }

    fn say(&mut self, effect: Effect) -> Result<Option<Input>, LogError> {
        match effect {
            Effect::Abort(number) => {
                if let Err(abort) = self.hand(number).and_then(|hand| hand.transactor.abort()) {
                    tracing::debug!(%abort, "the transaction is left to its next owner");
                }
            }
            Effect::Build {
                number,
                attempt,
                kept,
            } => self.build(number, attempt, kept)?,
            Effect::ReadLinks(starts) => return refused(self.links.assign(&starts)),
            Effect::Start(starts) => return refused(self.group.start(&starts)),
            Effect::GiveUp(number, raw) => {
                self.hands.remove(&number);
                self.shared.metrics.failed();
                if let Err(pause) = self.group.pause(&raw) {
                    tracing::debug!(%pause, "p's topics are not paused; what arrives is dropped");
                }
            }
            Effect::Rest(pause) => std::thread::sleep(pause),
            Effect::Committed(_, transaction) => {
                self.shared.metrics.committed(
                    &transaction,
                    self.marks.decided,
                    self.marks.writing.elapsed(),
                );
            }
            Effect::Snapshot(snapshot) => {
                if let Some(snapshots) = &self.shared.snapshots {
                    snapshots.offer(snapshot, false);
                }
            }
            Effect::Stopped(number, stopped) => self.shared.metrics.stopped(number, stopped),
            _ => {}
        }
        Ok(None)
    }

    fn poll(&mut self, most: usize, wait: Duration) -> Result<Input, LogError> {
        self.say_readiness();
        self.measure_lag();
        self.hands.retain(|number, _| self.machine.knows(*number));
        self.shared.owned.say(self.place, self.machine.numbers());
        let mut polled = Polled::default();
        let events = &mut polled.events;
        match self
            .group
            .poll(most, wait, &mut polled.records, &mut |event| {
                events.push(event);
            }) {
            Ok(()) => {}
            Err(error) if error.severity == Severity::Transient => polled.failed = Some(error),
            Err(error) => return Err(error),
        }
        while let Ok(report) = self.reports.1.try_recv() {
            let result = report.result.map(|(built, transactor)| {
                if let Built::Anew { records_read, .. } = &built {
                    self.shared.metrics.built(report.number, *records_read);
                }
                if let Some(transactor) = transactor
                    && self.machine.awaits(report.number, report.attempt)
                {
                    let hand = Hand {
                        transactor,
                        past: None,
                        generation: None,
                    };
                    self.hands.insert(report.number, hand);
                }
                built
            });
            polled.built.push((report.number, report.attempt, result));
        }
        Ok(Input::Polled(polled))
    }

    fn ask_copied(&mut self, asked: &[TopicPartition]) -> Result<Copied, LogError> {
        let group = self.shared.setting.namespace.name(GROUP);
        state::compare(asked, &group, self.ends.as_mut(), self.positions.as_mut())
    }

    fn apply(&mut self, policy: i64, wait: Duration) -> Result<Input, LogError> {
        let mut applied = Applied::default();
        match self
            .links
            .poll(MOST_LINKS, Duration::ZERO, &mut applied.links)
        {
            Ok(()) => {}
            Err(error) if error.severity == Severity::Transient => applied.failed = Some(error),
            Err(error) => return Err(error),
        }
        if applied.links.is_empty() && !wait.is_zero() {
            // Both are waited for; whichever comes first is looked at in the next try.
            if !self.shared.feed.wait_until(policy, wait) {
                tracing::trace!(policy, "control.policy is not applied that far yet");
            }
            self.links.poll(MOST_LINKS, wait / 2, &mut applied.links)?;
        }
        for number in self.machine.numbers() {
            let at = TopicPartition::new(self.shared.setting.namespace.name(topics::LINKS), number);
            if let Some(position) = self.links.position(&at) {
                applied.positions.push((number, position));
            }
        }
        applied.policy = self.shared.feed.applied_through();
        Ok(Input::Applied(applied))
    }

    fn read_past(&mut self, number: i32, wanted: &[(usize, i64)]) -> Result<Past, LaneError> {
        let raw = raw_topics(&self.shared.setting);
        let reader = match self.hands.get_mut(&number) {
            Some(hand) => match &mut hand.past {
                Some(reader) => reader,
                none => none.insert(self.shared.clients.reader()?),
            },
            None => return Err(no_hand(number).into()),
        };
        clients::read_past(reader.as_mut(), number, &raw, wanted)
    }

    fn hand(&mut self, number: i32) -> Result<&mut Hand, LogError> {
        self.hands.get_mut(&number).ok_or_else(|| no_hand(number))
    }

    fn write(&mut self, number: i32, records: Vec<NewRecord>) -> Result<(), LogError> {
        // No poll comes between the cut and here: the generation is that of the cut.
        let generation = self.group.generation()?;
        let hand = self.hand(number)?;
        hand.generation = Some(generation);
        hand.transactor.begin()?;
        records
            .into_iter()
            .try_for_each(|record| hand.transactor.send(record))
    }

    /// Commits the transactions of a round side by side: each waits for answers of the log most of the time.
    fn settle(
        &mut self,
        settlements: Vec<Settlement>,
    ) -> Vec<(i32, Result<Option<i64>, LogError>)> {
        let namespace = &self.shared.setting.namespace;
        let (group, pages) = (namespace.name("broker"), namespace.name(topics::DECISIONS));
        let mut steps: BTreeMap<i32, Vec<SettleStep>> = settlements
            .into_iter()
            .map(|settlement| (settlement.number, settlement.steps))
            .collect();
        let mut hands: Vec<(i32, &mut Hand, Vec<SettleStep>)> = self
            .hands
            .iter_mut()
            .filter_map(|(number, hand)| Some((*number, hand, steps.remove(number)?)))
            .collect();
        let last = hands.pop();
        std::thread::scope(|scope| {
            let others: Vec<_> = hands
                .into_iter()
                .map(|(number, hand, steps)| {
                    let (group, pages) = (group.as_str(), pages.as_str());
                    let settle = move || hand.settle(steps, group, pages);
                    (number, scope.spawn(settle))
                })
                .collect();
            let mut results = Vec::new();
            if let Some((number, hand, steps)) = last {
                results.push((number, hand.settle(steps, &group, &pages)));
            }
            for (number, thread) in others {
                // One that panicked leaves its outcome unknown, like a commit without an answer.
                if let Ok(result) = thread.join() {
                    results.push((number, result));
                }
            }
            results
        })
    }

    /// Builds p on a thread of its own: the group is polled meanwhile, or it would take this member for dead.
    fn build(
        &self,
        number: i32,
        attempt: u64,
        kept: Option<CommittedStamp>,
    ) -> Result<(), LogError> {
        let (shared, reports) = (Arc::clone(&self.shared), self.reports.0.clone());
        let work = move || {
            let result = clients::build(
                number,
                kept.as_ref(),
                shared.clients.as_ref(),
                &shared.feed,
                &shared.setting,
                shared.snapshots.as_deref(),
                BUILD_PATIENCE,
            );
            let report = Report {
                number,
                attempt,
                result,
            };
            if reports.send(report).is_err() {
                tracing::debug!(partition = number, "nobody waits for p any more");
            }
        };
        std::thread::Builder::new()
            .name(format!("build-{number}"))
            .spawn(work)
            .map(drop)
            .map_err(|error| {
                LogError::new(
                    Severity::Fatal,
                    "start a thread",
                    format!("p={number}"),
                    error.to_string(),
                )
            })
    }

    /// What is committed of each p, for whoever takes it over next.
    fn offer_last(&self) {
        let Some(snapshots) = &self.shared.snapshots else {
            return;
        };
        for number in self.machine.numbers() {
            if let Some(snapshot) = self.machine.snapshot(number) {
                snapshots.offer(Box::new(snapshot), true);
            }
        }
    }

    fn say_readiness(&self) {
        match self.machine.problem() {
            Some(problem) => self.shared.readiness.not_ready(PART, problem),
            None => self.shared.readiness.ready(PART),
        }
    }

    fn measure_lag(&mut self) {
        if self.marks.lag.elapsed() < LAG_EVERY {
            return;
        }
        self.marks.lag = Monotonic::now();
        for number in self.machine.numbers() {
            let starts = self.machine.starts(number);
            let asked: Vec<TopicPartition> = starts.iter().map(|(at, _)| at.clone()).collect();
            if let Ok(ends) = self.ends.high_watermarks(&asked, REQUEST_PATIENCE) {
                let waiting = ends
                    .iter()
                    .zip(&starts)
                    .map(|(end, (_, position))| (end - position).max(0))
                    .sum();
                self.shared.metrics.lag(number, waiting);
            }
        }
    }
}

fn refused(result: Result<(), LogError>) -> Result<Option<Input>, LogError> {
    match result {
        Ok(()) => Ok(None),
        Err(error) if error.severity == Severity::Fatal => Err(error),
        Err(error) => Ok(Some(Input::Refused(error))),
    }
}

fn no_hand(number: i32) -> LogError {
    LogError::new(
        Severity::Fenced,
        "write",
        format!("p={number}"),
        "its clients were dropped; it is built again",
    )
}
