//! The materialiser's numbers.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::time::Duration;
use walbrook_domain::Instant;
use walbrook_runtime::metrics::LATENCY_BOUNDS_S;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Topic {
    topic: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Read {
    view: String,
    operation: &'static str,
    outcome: &'static str,
}

type Histograms = Family<Topic, Histogram, fn() -> Histogram>;

/// Counters and gauges, registered once.
#[derive(Debug, Clone)]
pub struct Metrics {
    records: Family<Topic, Counter>,
    removed: Family<Topic, Counter>,
    rounds: Histograms,
    through: Family<Topic, Gauge>,
    reads: Family<Read, Counter>,
    looks: Family<Topic, Counter>,
    read_seconds: Histogram,
    barrier_seconds: Histogram,
    integrity: Counter,
    notices: Counter,
    notices_open: Gauge,
    notices_overdue: Gauge,
    delivered: Family<Topic, Counter>,
    left: Family<Topic, Counter>,
    delivery_waits: Family<Topic, Gauge>,
}

fn latency() -> Histogram {
    Histogram::new(LATENCY_BOUNDS_S)
}

impl Metrics {
    /// Registers them with the process's metrics.
    pub fn new(metrics: &walbrook_runtime::metrics::Metrics) -> Self {
        let own = Self {
            records: Family::default(),
            removed: Family::default(),
            rounds: Family::new_with_constructor(latency),
            through: Family::default(),
            reads: Family::default(),
            looks: Family::default(),
            read_seconds: latency(),
            barrier_seconds: latency(),
            integrity: Counter::default(),
            notices: Counter::default(),
            notices_open: Gauge::default(),
            notices_overdue: Gauge::default(),
            delivered: Family::default(),
            left: Family::default(),
            delivery_waits: Family::default(),
        };
        metrics.register(|registry| {
            let own = own.clone();
            registry.register("view_records", "Shared records applied", own.records);
            registry.register(
                "view_removed_contributions",
                "Contributions removed by retractions",
                own.removed,
            );
            registry.register(
                "view_grounds_round_seconds",
                "Time to show that grounds were applied",
                own.rounds,
            );
            registry.register(
                "view_grounds_applied_through_seconds",
                "Instant through which grounds are applied, Unix time",
                own.through,
            );
            registry.register("view_reads", "Reads by outcome", own.reads);
            registry.register(
                "view_person_looks",
                "People looked up for reads of one person, found or not",
                own.looks,
            );
            registry.register(
                "view_read_seconds",
                "Time of a read, its record included",
                own.read_seconds,
            );
            registry.register(
                "view_barrier_seconds",
                "Time of record and agreement barrier",
                own.barrier_seconds,
            );
            registry.register(
                "view_integrity_errors",
                "Rows withheld because agreements disagree",
                own.integrity,
            );
            registry.register(
                "view_notices_written",
                "Notices put on record by this process",
                own.notices,
            );
            registry.register(
                "view_notices_open",
                "Notices that nobody has acknowledged",
                own.notices_open,
            );
            registry.register(
                "view_notices_overdue",
                "Notices that nobody has acknowledged in time",
                own.notices_overdue,
            );
            registry.register(
                "view_delivered_rows",
                "Rows written to topics of organisations",
                own.delivered,
            );
            registry.register(
                "view_delivered_tombstones",
                "Tombstones written to topics of organisations",
                own.left,
            );
            registry.register(
                "view_delivery_waits",
                "Partitions of topics to which nothing new is delivered, because the grounds bound is not shown or the view's file is not pinned",
                own.delivery_waits,
            );
        });
        own
    }

    /// People looked up in the state behind a topic.
    pub fn looks(&self, topic: &str) -> Counter {
        let topic = topic.to_owned();
        self.looks.get_or_create(&Topic { topic }).clone()
    }

    /// Records were applied.
    pub fn followed(&self, topic: &str, records: usize) {
        if records > 0 {
            let count = u64::try_from(records).unwrap_or(u64::MAX);
            self.records
                .get_or_create(&topic_label(topic))
                .inc_by(count);
        }
    }

    /// Contributions were removed.
    pub fn removed(&self, topic: &str, contributions: u64) {
        self.removed
            .get_or_create(&topic_label(topic))
            .inc_by(contributions);
    }

    /// A round of the grounds bound was complete.
    pub fn round(&self, topic: &str, took: Duration, through: Instant) {
        let label = topic_label(topic);
        self.rounds
            .get_or_create(&label)
            .observe(took.as_secs_f64());
        self.through
            .get_or_create(&label)
            .set(through.micros().div_euclid(1_000_000));
    }

    /// A read ended.
    pub fn read(&self, view: &str, operation: &'static str, outcome: &'static str, took: Duration) {
        let label = Read {
            view: view.to_owned(),
            operation,
            outcome,
        };
        self.reads.get_or_create(&label).inc();
        self.read_seconds.observe(took.as_secs_f64());
    }

    /// A record of a read and its barrier took so long.
    pub fn barrier(&self, took: Duration) {
        self.barrier_seconds.observe(took.as_secs_f64());
    }

    /// Notices were put on record.
    pub fn notices_written(&self, count: usize) {
        self.notices
            .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// How notices stand.
    pub fn notices(&self, open: i64, overdue: i64) {
        self.notices_open.set(open);
        self.notices_overdue.set(overdue);
    }

    /// Rows and tombstones were written to a topic.
    pub fn delivered(&self, topic: &str, rows: usize, left: usize) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.delivered
            .get_or_create(&topic_label(topic))
            .inc_by(count(rows));
        self.left
            .get_or_create(&topic_label(topic))
            .inc_by(count(left));
    }

    /// So many partitions of topics of a purpose wait.
    pub fn delivery_waits(&self, purpose: &str, waits: i64) {
        let shared = walbrook_eventlog::topics::shared(purpose);
        self.delivery_waits
            .get_or_create(&topic_label(&shared))
            .set(waits);
    }

    /// A row was withheld.
    pub fn integrity(&self) {
        self.integrity.inc();
    }
}

fn topic_label(topic: &str) -> Topic {
    Topic {
        topic: topic.to_owned(),
    }
}
