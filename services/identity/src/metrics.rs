//! Identity's numbers. No label ever holds an id.

use crate::linkage::Found;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use std::collections::BTreeMap;
use std::time::Duration;
use walbrook_runtime::metrics::LATENCY_BOUNDS_S;

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Transaction {
    /// Acknowledged.
    Committed,
    /// Not known, aborted or refused.
    Failed,
    /// The log was read again.
    Recovered,
}

/// How a subject was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Link {
    /// From memory: nothing new was said.
    Known,
    /// Through the writer.
    Written,
    /// Demographics are needed.
    Unstated,
    /// Refused or failed.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LinkOutcome {
    outcome: Link,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransactionOutcome {
    outcome: Transaction,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Search {
    found: String,
}

/// The process's numbers. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    links: Family<LinkOutcome, Counter>,
    searches: Family<Search, Counter>,
    transactions: Family<TransactionOutcome, Counter>,
    records: Gauge,
    persons: Gauge,
    commit_seconds: Histogram,
    batch_commands: Histogram,
}

impl Metrics {
    /// Registers them.
    pub fn new(registry: &walbrook_runtime::metrics::Metrics) -> Self {
        let metrics = Self {
            links: Family::default(),
            searches: Family::default(),
            transactions: Family::default(),
            records: Gauge::default(),
            persons: Gauge::default(),
            commit_seconds: Histogram::new(LATENCY_BOUNDS_S),
            batch_commands: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
        };
        registry.register(|registry| {
            registry.register(
                "identity_links",
                "Subjects asked for, by outcome",
                metrics.links.clone(),
            );
            registry.register(
                "identity_searches",
                "Records written, by what the search found",
                metrics.searches.clone(),
            );
            registry.register(
                "identity_transactions",
                "Transactions, by outcome",
                metrics.transactions.clone(),
            );
            registry.register("identity_records", "Records held", metrics.records.clone());
            registry.register("identity_persons", "Persons held", metrics.persons.clone());
            registry.register(
                "identity_commit_seconds",
                "Time of a commit",
                metrics.commit_seconds.clone(),
            );
            registry.register(
                "identity_batch_commands",
                "Commands of a batch",
                metrics.batch_commands.clone(),
            );
        });
        metrics
    }

    pub(crate) fn link(&self, outcome: Link, count: u64) {
        self.links
            .get_or_create(&LinkOutcome { outcome })
            .inc_by(count);
    }

    pub(crate) fn found(&self, all: impl Iterator<Item = Found>) {
        let mut counts: BTreeMap<Found, u64> = BTreeMap::new();
        for found in all {
            *counts.entry(found).or_default() += 1;
        }
        for (found, count) in counts {
            let found = found.as_str().to_owned();
            self.searches.get_or_create(&Search { found }).inc_by(count);
        }
    }

    pub(crate) fn transaction(&self, outcome: Transaction) {
        self.transactions
            .get_or_create(&TransactionOutcome { outcome })
            .inc();
    }

    pub(crate) fn sizes(&self, records: usize, persons: usize) {
        self.records.set(i64::try_from(records).unwrap_or(i64::MAX));
        self.persons.set(i64::try_from(persons).unwrap_or(i64::MAX));
    }

    pub(crate) fn commit_time(&self, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn batch(&self, commands: usize) {
        self.batch_commands
            .observe(f64::from(u32::try_from(commands).unwrap_or(u32::MAX)));
    }
}
