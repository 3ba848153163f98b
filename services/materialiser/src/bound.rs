//! The grounds bound: how a view shows that every withdrawal, objection and opt-out up to an instant has reached it.
//!
//! A round begins at an instant. It takes the ends of `control.policy` and `control.links`, waits until every p's committed position is past them
//! (so every retraction they demand is on `shared.*`), takes the ends of the shared topic, and waits until the view has applied up to there. Then
//! every ground acknowledged before the round began is applied: that instant is `grounds_applied_through`.

use crate::audit::{Audit, AuditError};
use crate::clock;
use crate::metrics::Metrics;
use crate::setup::{Written, topic_of};
use crate::shelf::Shelf;
use crate::voice::Voice;
use parking_lot::RwLock;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::Instant;
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{Committed, Ends, LogError, Positions, TopicPartition, chain, topics};
use walbrook_proto::audit::v1::Removal;
use walbrook_runtime::shutdown::Shutdown;

const ASK_WITHIN: Duration = Duration::from_secs(5);
const PAUSE_WITHIN_ROUND: Duration = Duration::from_millis(10);
/// A round that waits longer than this says what it waits for, and says so again after each such time.
const WAITS_LONG: Duration = Duration::from_secs(2);

/// The instant through which all grounds are known to be applied, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Through {
    /// By the wall clock, as answers and records state it.
    pub wall: Instant,
    /// By the monotonic clock, by which it is checked.
    pub monotonic: Monotonic,
}

/// The view cannot show that it kept the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the view cannot show that every withdrawal of the last {limit_ms} ms has reached it; try again soon"
)]
pub struct BoundExceeded {
    /// The bound, ms.
    pub limit_ms: u128,
}

/// What a view knows of its bound.
#[derive(Debug)]
pub struct Bound {
    limit: Duration,
    through: RwLock<Option<Through>>,
    wall: fn() -> Instant,
}

impl Bound {
    /// A bound that nothing is known of yet: everything is refused.
    pub const fn new(limit: Duration) -> Self {
        Self {
            limit,
            through: RwLock::new(None),
            wall: clock::now,
        }
    }

    /// The same by another wall clock.
    pub const fn by(self, wall: fn() -> Instant) -> Self {
        Self { wall, ..self }
    }

    /// The instant through which grounds are applied, when it is recent enough at `now`.
    ///
    /// # Errors
    /// When it is not: nothing may be answered.
    pub fn check(&self, now: Monotonic) -> Result<Through, BoundExceeded> {
        let shown = *self.through.read();
        let through = shown.ok_or_else(|| self.exceeded())?;
        self.still(through, now)?;
        Ok(through)
    }

    /// Whether what was worked out under this instant may be told at `now`: a newer one that was reached meanwhile is not in it.
    ///
    /// # Errors
    /// When it is too old.
    pub fn still(&self, through: Through, now: Monotonic) -> Result<(), BoundExceeded> {
        // A machine that slept, or was stopped with its clocks, has a monotonic clock that knows nothing of it.
        let limit = i64::try_from(self.limit.as_micros()).unwrap_or(i64::MAX);
        let passed = (self.wall)().micros() - through.wall.micros();
        let kept =
            now.saturating_duration_since(through.monotonic) <= self.limit && passed <= limit;
        kept.then_some(()).ok_or_else(|| self.exceeded())
    }

    const fn exceeded(&self) -> BoundExceeded {
        BoundExceeded {
            limit_ms: self.limit.as_millis(),
        }
    }

    /// A round that began then is complete.
    pub fn complete(&self, through: Through) {
        *self.through.write() = Some(through);
    }
}

/// Where one round stands. Pure: what was asked and answered comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    policy_end: i64,
    links_ends: Vec<i64>,
    shared_ends: Option<Vec<i64>>,
}

impl Round {
    /// A round over these ends of `control.policy` and of each partition of `control.links`.
    pub const fn new(policy_end: i64, links_ends: Vec<i64>) -> Self {
        Self {
            policy_end,
            links_ends,
            shared_ends: None,
        }
    }

    /// Whether every p's committed position is past the ends. `committed` has the broker group's entries for `control.links`, by p.
    pub fn broker_is_past(&self, committed: &[Committed]) -> bool {
        committed.len() == self.links_ends.len()
            && committed
                .iter()
                .zip(&self.links_ends)
                .all(|(p, links_end)| {
                    p.offset.is_some_and(|links| links >= *links_end)
                        && policy_position(&p.metadata)
                            .is_some_and(|policy| policy >= self.policy_end)
                })
    }

    /// The ends of the shared topic, asked for after the broker was past.
    pub fn shared_ends(&mut self, ends: Vec<i64>) {
        self.shared_ends = Some(ends);
    }

    /// Whether the view has applied up to the shared ends.
    pub fn is_complete(&self, applied: &[i64]) -> bool {
        self.shared_ends.as_ref().is_some_and(|ends| {
            ends.len() == applied.len() && ends.iter().zip(applied).all(|(end, at)| at >= end)
        })
    }
}

/// The policy position in a broker position's metadata. A queue that is pending changes nothing: what a person's ground demands is committed with
/// the position past it.
pub fn policy_position(metadata: &str) -> Option<i64> {
    let position: Position = metadata.parse().ok()?;
    Some(position.policy_next)
}

/// Runs rounds for one purpose.
pub struct Rounds {
    /// What is told.
    pub bound: Arc<Bound>,
    /// The state that must have applied.
    pub shelf: Arc<Shelf>,
    /// Whether it is said yet.
    pub voice: Arc<Voice>,
    /// The views of the purpose: each has its completeness on record.
    pub views: Vec<String>,
    /// Full name of the broker's group.
    pub group: String,
    /// `control.policy`, its one partition.
    pub policy: TopicPartition,
    /// `control.links`, all partitions in order.
    pub links: Vec<TopicPartition>,
    /// The purpose.
    pub purpose: String,
    /// The first generation of its topic, all partitions in order.
    pub shared: Vec<TopicPartition>,
    /// Ends, through a client of its own.
    pub ends: Box<dyn Ends>,
    /// Committed positions, `read_uncommitted`.
    pub positions: Box<dyn Positions>,
    /// Where completeness is written.
    pub audit: Arc<Audit>,
    /// Between rounds.
    pub pause: Duration,
    /// Its numbers.
    pub metrics: Metrics,
    /// The ends last stated complete: policy, then each partition of links; and the removals counted when the last complete round began.
    /// A cause written after that round took its ends may have reached the view before it was over: its removals are counted with the
    /// statement that covers it, and may be counted with another one too, but are never missing.
    pub stated: (Vec<i64>, (u64, u64)),
}

impl Rounds {
    /// Runs until shutdown. A round that fails is begun again; the bound grows old meanwhile and reads refuse. Blocks; for a thread.
    pub fn run(mut self, stop: &Shutdown) {
        while !stop.is_requested() {
            match self.round(stop) {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(%error, topic = self.shelf.topic, "the grounds bound was not shown");
                }
            }
            std::thread::sleep(self.pause);
        }
    }

    fn round(&mut self, stop: &Shutdown) -> Result<(), RoundError> {
        let began = Through {
            wall: clock::now(),
            monotonic: Monotonic::now(),
        };
        let removed_before = self.shelf.removals();
        let mut control = vec![self.policy.clone()];
        control.extend(self.links.iter().cloned());
        let ends = self.ends.high_watermarks(&control, ASK_WITHIN)?;
        let (policy_end, links_ends) = match ends.split_first() {
            Some((policy, links)) => (*policy, links.to_vec()),
            None => return Ok(()),
        };
        let mut round = Round::new(policy_end, links_ends);
        let mut patience = Patience::new();
        let written = loop {
            let committed =
                self.positions
                    .committed(&self.group, &self.links, false, ASK_WITHIN)?;
            if round.broker_is_past(&committed) {
                // What p's before the switch have still to write comes before the end of the generation that the view must have passed.
                break Written::of(&self.purpose, &committed).newest;
            }
            if stop.is_requested() {
                return Ok(());
            }
            if patience.is_over() {
                let stands: Vec<_> = committed.iter().map(|p| (p.offset, &p.metadata)).collect();
                tracing::warn!(topic = self.shelf.topic, wanted = ?ends, ?stands,
                    "the grounds bound waits for the broker to pass control.policy and control.links");
            }
            std::thread::sleep(PAUSE_WITHIN_ROUND);
        };
        let shared_ends = self.shared_ends(written)?;
        round.shared_ends(shared_ends.clone());
        let applied = self.shelf.applied();
        let mut patience = Patience::new();
        while !round.is_complete(&applied.borrow()) {
            if stop.is_requested() {
                return Ok(());
            }
            if patience.is_over() {
                let (wanted, stands) = (places(&shared_ends), places(&applied.borrow()));
                tracing::warn!(
                    topic = self.shelf.topic,
                    ?wanted,
                    ?stands,
                    "the grounds bound waits for the view to apply the shared topic"
                );
            }
            std::thread::sleep(PAUSE_WITHIN_ROUND);
        }
        self.bound.complete(began);
        self.metrics
            .round(&self.shelf.topic, began.monotonic.elapsed(), began.wall);
        self.state(&ends)?;
        self.stated.1 = removed_before;
        Ok(())
    }

    /// The ends of a generation's topic, as positions.
    fn shared_ends(&mut self, generation: u32) -> Result<Vec<i64>, LogError> {
        let shared = self.shared.iter();
        let asked: Vec<_> = shared
            .map(|at| TopicPartition::new(topic_of(&at.topic, generation), at.partition))
            .collect();
        let ends = self.ends.high_watermarks(&asked, ASK_WITHIN)?;
        let positions = ends.into_iter();
        Ok(positions
            .map(|end| chain::position(generation, end))
            .collect())
    }

    /// Puts on record what is complete now and was not before: the receipt of every cause up to there.
    fn state(&mut self, ends: &[i64]) -> Result<(), AuditError> {
        if self.voice.is_silent() {
            return Ok(());
        }
        let (stated, counted) = &self.stated;
        let removed = self.shelf.removals();
        let causes = std::iter::once(&self.policy).chain(&self.links);
        let mut bodies = Vec::new();
        for (number, (at, end)) in causes.zip(ends).enumerate() {
            let before = stated.get(number).copied().unwrap_or(0);
            if *end <= before {
                continue;
            }
            let topic = if number == 0 {
                topics::POLICY
            } else {
                topics::LINKS
            };
            // Removals are counted once, with the first statement of the round.
            let first = bodies.is_empty();
            let since = |now: u64, then: u64| {
                let number = if first { now.saturating_sub(then) } else { 0 };
                i64::try_from(number).unwrap_or(i64::MAX)
            };
            let mut removal = Removal {
                view: String::new(),
                cause_topic: topic.to_owned(),
                cause_partition: at.partition,
                cause_offset: end - 1,
                contributions: since(removed.0, counted.0),
                rows: since(removed.1, counted.1),
                complete: true,
                recorded_at: Some(clock::timestamp(clock::now())),
                reason: "GROUNDS_APPLIED".to_owned(),
                past_on: None,
            };
            let mut statements = Vec::new();
            for view in &self.views {
                removal.view.clone_from(view);
                statements.push((view.clone(), Audit::removal_body(&removal)?));
            }
            bodies.push(statements);
        }
        let bodies: Vec<_> = bodies.into_iter().flatten().collect();
        if !bodies.is_empty() {
            self.audit.removals_blocking(bodies, clock::now())?;
            self.stated.0 = ends.to_vec();
        }
        Ok(())
    }
}

/// Positions for people: generation and offset of each.
fn places(positions: &[i64]) -> Vec<(u32, i64)> {
    positions.iter().copied().map(chain::split).collect()
}

/// How long one stage of a round has waited: a reader who is refused asks the operator why.
struct Patience(Monotonic);

impl Patience {
    fn new() -> Self {
        Self(Monotonic::now())
    }

    fn is_over(&mut self) -> bool {
        let over = self.0.elapsed() >= WAITS_LONG;
        if over {
            *self = Self::new();
        }
        over
    }
}

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Audit(#[from] AuditError),
}

#[cfg(test)]
mod tests;
