//! Numbers about enforcement. None is about a person.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use std::time::Duration;
use walbrook_runtime::metrics::{LATENCY_BOUNDS_S, Metrics};

use super::partition::Transaction;

/// Labels of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    outcome: &'static str,
    reason: &'static str,
}

/// Labels of one p.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    partition: i32,
}

/// What enforcement counts. Clones share it.
#[derive(Debug, Clone)]
pub struct EnforceMetrics {
    decisions: Family<DecisionLabels, Counter>,
    events: Counter,
    redecided: Counter,
    retractions: Counter,
    transactions: Counter,
    failures: Counter,
    batch: Histogram,
    barrier: Histogram,
    decide: Histogram,
    commit: Histogram,
    lag: Family<PartitionLabels, Gauge>,
    stopped: Family<PartitionLabels, Gauge>,
    takeover: Family<PartitionLabels, Gauge>,
}

fn latency() -> Histogram {
    Histogram::new(LATENCY_BOUNDS_S)
}

impl EnforceMetrics {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Self {
        let made = Self {
            decisions: Family::default(),
            events: Counter::default(),
            redecided: Counter::default(),
            retractions: Counter::default(),
            transactions: Counter::default(),
            failures: Counter::default(),
            batch: Histogram::new([1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0]),
            // Steps of a quarter from 0.2 ms to 5 s: its median and its tail are promised figures.
            barrier: Histogram::new(exponential_buckets(2e-4, 1.25, 46)),
            decide: latency(),
            commit: latency(),
            lag: Family::default(),
            stopped: Family::default(),
            takeover: Family::default(),
        };
        metrics.register(|registry| {
            let of = registry.sub_registry_with_prefix("enforce");
            of.register(
                "decisions",
                "Decisions by outcome and reason",
                made.decisions.clone(),
            );
            of.register("events", "Raw events decided live", made.events.clone());
            of.register(
                "redecided",
                "Past events decided again",
                made.redecided.clone(),
            );
            of.register(
                "retractions",
                "Retractions written",
                made.retractions.clone(),
            );
            of.register(
                "transactions",
                "Transactions committed",
                made.transactions.clone(),
            );
            of.register(
                "failures",
                "Batches given up; nothing of them was written",
                made.failures.clone(),
            );
            of.register("batch_events", "Events in a batch", made.batch.clone());
            of.register(
                "barrier_seconds",
                "Asking for the ends of the control topics and applying up to them",
                made.barrier.clone(),
            );
            of.register(
                "decide_seconds",
                "Deciding a batch, reading past events included",
                made.decide.clone(),
            );
            of.register(
                "commit_seconds",
                "From begin to commit",
                made.commit.clone(),
            );
            of.register(
                "lag_events",
                "Raw records of p not yet decided",
                made.lag.clone(),
            );
            of.register("stopped", "1 while p is stopped", made.stopped.clone());
            of.register(
                "takeover_records",
                "Records read when p was last taken over",
                made.takeover.clone(),
            );
        });
        made
    }

    /// A committed transaction.
    pub fn committed(&self, transaction: &Transaction, decide: Duration, commit: Duration) {
        for (reason, count) in &transaction.reasons {
            let labels = DecisionLabels {
                outcome: reason.outcome().as_str(),
                reason: reason.as_str(),
            };
            self.decisions.get_or_create(&labels).inc_by(*count);
        }
        self.events.inc_by(transaction.events);
        self.redecided.inc_by(transaction.redecided);
        self.retractions.inc_by(transaction.retractions);
        self.transactions.inc();
        // Precision lost above 2^53 events in one batch.
        #[expect(
            clippy::cast_precision_loss,
            reason = "a batch has thousands of events"
        )]
        self.batch.observe(transaction.events as f64);
        self.decide.observe(decide.as_secs_f64());
        self.commit.observe(commit.as_secs_f64());
    }

    /// A barrier passed.
    pub fn barrier(&self, took: Duration) {
        self.barrier.observe(took.as_secs_f64());
    }

    /// A batch given up.
    pub fn failed(&self) {
        self.failures.inc();
    }

    /// How many raw records of p wait.
    pub fn lag(&self, partition: i32, waiting: i64) {
        self.lag
            .get_or_create(&PartitionLabels { partition })
            .set(waiting);
    }

    /// p was taken over, reading so many records.
    pub fn built(&self, partition: i32, records: u64) {
        self.takeover
            .get_or_create(&PartitionLabels { partition })
            .set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// Whether p is stopped.
    pub fn stopped(&self, partition: i32, stopped: bool) {
        self.stopped
            .get_or_create(&PartitionLabels { partition })
            .set(i64::from(stopped));
    }
}
