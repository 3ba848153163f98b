//! A member of the broker group: one thread, and the lanes of the partition numbers assigned to it.
//!
//! No transaction is ever open while the group is polled, so a rebalance finds nothing to settle: what was revoked is set aside, and what comes
//! back unchanged goes on where it was. Everything that fails is dropped and built again from what is committed.

use super::control_view::Setting;
use super::decide::Entropy;
use super::feed::Feed;
use super::lane::{Clients, Lane, LaneError, raw_topics};
use super::metrics::EnforceMetrics;
use super::trace;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::Instant;
use walbrook_eventlog::{
    Ends, GroupReader, LogError, Reader, Record, Severity, TopicPartition, topics,
};
use walbrook_runtime::readiness::Readiness;

/// The part of readiness that says whether enforcement works.
pub const PART: &str = "enforcement";

/// Records taken from the group at once; also the most that one p decides in one transaction.
const MOST_RECORDS: usize = 4_000;
/// How long an idle member waits for records before it looks at the control topics again.
const IDLE_WAIT: Duration = Duration::from_millis(10);
/// How often positions that moved over markers only are committed.
const MARKERS_EVERY: Duration = Duration::from_millis(50);
/// How long one attempt at a barrier may take; the records wait, and the next round tries again.
pub(super) const BARRIER_PATIENCE: Duration = Duration::from_secs(5);
pub(super) const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
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
}

/// What a member has of one partition number.
pub(super) enum Seat {
    /// Its lane is at work.
    Running(Box<Running>),
    /// Given up for now.
    Waiting { until: Monotonic, pause: Duration },
    /// It needs a person; why.
    Stopped(String),
}

/// A lane at work.
pub(super) struct Running {
    pub(super) lane: Lane,
    /// Taken from the group, not decided yet.
    pub(super) pending: Vec<Record>,
    pub(super) committed_at: Monotonic,
}

/// One member.
pub struct Member {
    pub(super) shared: Arc<Shared>,
    pub(super) group: Box<dyn GroupReader>,
    pub(super) links: Box<dyn Reader>,
    pub(super) ends: Box<dyn Ends>,
    entropy: Box<dyn Entropy + Send>,
    pub(super) seats: BTreeMap<i32, Seat>,
    /// Lanes whose p was taken away, kept in case it comes back untouched.
    pub(super) set_aside: BTreeMap<i32, Lane>,
    pub(super) misassigned: Option<String>,
    lag_at: Monotonic,
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
        Ok(Self {
            shared,
            group,
            links,
            ends,
            entropy,
            seats: BTreeMap::new(),
            set_aside: BTreeMap::new(),
            misassigned: None,
            lag_at: Monotonic::now(),
        })
    }

    /// Works until `stop` says so.
    ///
    /// # Errors
    /// When the group or a client fails for good.
    pub fn run(mut self, stop: &dyn Fn() -> bool) -> Result<(), LogError> {
        while !stop() {
            match self.round() {
                Ok(()) => {}
                Err(error) if error.severity == Severity::Transient => {
                    tracing::warn!(%error, "enforcement waits for the log");
                    std::thread::sleep(FIRST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One round: take records, pass the barrier, decide and commit each p that has something to do.
    fn round(&mut self) -> Result<(), LogError> {
        let waiting = self.running().any(|running| !running.pending.is_empty());
        let wait = if waiting { Duration::ZERO } else { IDLE_WAIT };
        let (mut records, mut events) = (Vec::new(), Vec::new());
        let held: usize = self.running().map(|running| running.pending.len()).sum();
        // Never 0: the poll is also what hears of rebalances.
        let most = MOST_RECORDS.saturating_sub(held).max(1);
        self.group
            .poll(most, wait, &mut records, &mut |event| events.push(event))?;
        if !events.is_empty() {
            // What was polled with a rebalance belongs to an assignment that is over; the new one starts from what is committed.
            return self.rebalance(events);
        }
        for record in records {
            if let Some(Seat::Running(running)) = self.seats.get_mut(&record.at.partition) {
                running.pending.push(record);
            }
        }
        self.revive()?;
        self.say_readiness();
        self.measure_lag();
        let with_events: Vec<i32> = self.numbers(|running| !running.pending.is_empty());
        if !self.barrier(&with_events)? {
            return Ok(());
        }
        for number in self.numbers(|_| true) {
            self.work(number);
        }
        Ok(())
    }

    fn running(&self) -> impl Iterator<Item = &Running> {
        self.seats.values().filter_map(|seat| match seat {
            Seat::Running(running) => Some(&**running),
            _ => None,
        })
    }

    pub(super) fn numbers(&self, which: impl Fn(&Running) -> bool) -> Vec<i32> {
        self.seats
            .iter()
            .filter_map(|(number, seat)| match seat {
                Seat::Running(running) if which(running) => Some(*number),
                _ => None,
            })
            .collect()
    }

    pub(super) fn at_links(&self, number: i32) -> TopicPartition {
        TopicPartition::new(self.shared.setting.namespace.name(topics::LINKS), number)
    }

    /// P5: the ends are asked for only now, after the events were read, and everything below them is applied before anything is decided.
    /// False: not reached yet; the records wait.
    fn barrier(&mut self, with_events: &[i32]) -> Result<bool, LogError> {
        let started = Monotonic::now();
        let mut asked = vec![TopicPartition::new(
            self.shared.setting.namespace.name(topics::POLICY),
            0,
        )];
        asked.extend(with_events.iter().map(|number| self.at_links(*number)));
        let ends = if with_events.is_empty() {
            vec![0; asked.len()]
        } else {
            self.ends.high_watermarks(&asked, REQUEST_PATIENCE)?
        };
        let policy_end = ends.first().copied().unwrap_or(0);
        let reached = self.shared.feed.wait_until(policy_end, BARRIER_PATIENCE)
            && self.apply_links(asked.iter().skip(1).zip(ends.iter().skip(1)))?;
        if !reached {
            tracing::warn!(
                policy_end,
                "the control topics are not applied up to their ends yet; events wait"
            );
        } else if !with_events.is_empty() {
            self.shared.metrics.barrier(started.elapsed());
        }
        Ok(reached)
    }

    /// Applies link records of every lane, at least up to the ends given.
    fn apply_links<'a>(
        &mut self,
        ends: impl Iterator<Item = (&'a TopicPartition, &'a i64)> + Clone,
    ) -> Result<bool, LogError> {
        let deadline = Monotonic::now() + BARRIER_PATIENCE;
        let mut records = Vec::new();
        loop {
            self.links.poll(10_000, Duration::ZERO, &mut records)?;
            self.hand_out_links(&mut records);
            let behind = ends.clone().any(|(at, end)| {
                let applied = match self.seats.get(&at.partition) {
                    Some(Seat::Running(running)) => running.lane.partition().links_next(),
                    _ => i64::MAX,
                };
                applied < *end
            });
            if !behind {
                return Ok(true);
            }
            if Monotonic::now() > deadline {
                return Ok(false);
            }
            self.links
                .poll(10_000, Duration::from_millis(5), &mut records)?;
        }
    }

    /// Gives each lane what was popped for it, then the position read after that.
    fn hand_out_links(&mut self, records: &mut Vec<Record>) {
        let mut by_number: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        for record in records.drain(..) {
            by_number
                .entry(record.at.partition)
                .or_default()
                .push(record);
        }
        let mut failed = Vec::new();
        for number in self.numbers(|_| true) {
            let popped = by_number.remove(&number).unwrap_or_default();
            let position = self.links.position(&self.at_links(number));
            if let (Some(Seat::Running(running)), Some(position)) =
                (self.seats.get_mut(&number), position)
                && let Err(error) = running.lane.apply_links(&popped, position)
            {
                failed.push((number, error));
            }
        }
        for (number, error) in failed {
            self.give_up(number, &error);
        }
    }

    /// Decides and commits one p, when it has anything to do.
    fn work(&mut self, number: i32) {
        let Some(Seat::Running(running)) = self.seats.get_mut(&number) else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let started = Monotonic::now();
        let (transaction, decided, span) = {
            // Held from fixing the epoch to the end of decide.
            let book = shared.feed.read();
            let due = running.lane.behind(&*book)
                && (running.lane.is_urgent(&*book)
                    || running.committed_at.elapsed() >= MARKERS_EVERY);
            if running.pending.is_empty() && !due {
                return;
            }
            let records = std::mem::take(&mut running.pending);
            let span = trace::batch(number, &records);
            let deciding = tracing::info_span!(parent: &span, "decide").entered();
            let decided = running.lane.decide(
                records,
                &*book,
                &shared.setting,
                shared.clients.as_ref(),
                (shared.clock)(),
                self.entropy.as_mut(),
            );
            drop(deciding);
            (decided, started.elapsed(), span)
        };
        let committing = Monotonic::now();
        let within = tracing::info_span!(parent: &span, "commit").entered();
        let done = transaction.and_then(|transaction| {
            let generation = self.group.generation()?;
            let group = shared.setting.namespace.name("broker");
            running
                .lane
                .commit(transaction, &group, Some(generation.as_ref()))
        });
        drop(within);
        match done {
            Ok(transaction) => {
                running.committed_at = Monotonic::now();
                shared
                    .metrics
                    .committed(&transaction, decided, committing.elapsed());
                trace::releases(&span, &transaction.traces);
            }
            Err(error) => self.give_up(number, &error),
        }
    }

    /// Drops p's lane: what stands is what is committed.
    fn give_up(&mut self, number: i32, error: &LaneError) {
        self.shared.metrics.failed();
        let problem = walbrook_runtime::status::chain(error);
        if let Err(pause) = self.group.pause(&self.raw_of(number)) {
            tracing::debug!(%pause, "p's topics are not paused; what arrives is dropped");
        }
        if error.may_pass() {
            tracing::warn!(
                partition = number,
                error = problem,
                "the batch is given up; p starts again from what is committed"
            );
            let until = Monotonic::now() + FIRST_PAUSE;
            self.seats.insert(
                number,
                Seat::Waiting {
                    until,
                    pause: FIRST_PAUSE,
                },
            );
        } else {
            tracing::error!(partition = number, error = problem, "p is stopped");
            self.shared.metrics.stopped(number, true);
            self.seats.insert(number, Seat::Stopped(problem));
        }
    }

    fn raw_of(&self, number: i32) -> Vec<TopicPartition> {
        raw_topics(&self.shared.setting)
            .into_iter()
            .map(|(_, full)| TopicPartition::new(full, number))
            .collect()
    }

    fn say_readiness(&self) {
        let problem = self.seats.iter().find_map(|(number, seat)| match seat {
            Seat::Stopped(problem) => Some(format!("p={number} is stopped: {problem}")),
            Seat::Waiting { .. } => Some(format!("p={number} is being built again")),
            Seat::Running(_) => None,
        });
        match problem.or_else(|| self.misassigned.clone()) {
            Some(problem) => self.shared.readiness.not_ready(PART, problem),
            None => self.shared.readiness.ready(PART),
        }
    }

    fn measure_lag(&mut self) {
        if self.lag_at.elapsed() < LAG_EVERY {
            return;
        }
        self.lag_at = Monotonic::now();
        for number in self.numbers(|_| true) {
            let starts = self.starts(number);
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
