//! Numbers about the control plane. None is about a person.

use crate::control::core::Core;
use crate::grpc::review_of;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;
use tonic::Code;
use walbrook_domain::Day;
use walbrook_runtime::metrics::{LATENCY_BOUNDS_S, Metrics};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnsweredLabels {
    answered: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReviewLabels {
    review: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StandingLabels {
    standing: &'static str,
}

/// What the control plane counts. Clones share it.
#[derive(Debug, Clone)]
pub struct Numbers {
    calls: Family<CallLabels, Counter>,
    took: Family<MethodLabels, Histogram, fn() -> Histogram>,
    forwarded: Family<AnsweredLabels, Counter>,
    changes: Counter,
    transactions: Counter,
    failures: Counter,
    commit: Histogram,
    records: Gauge,
    writer: Gauge,
    agreements: Family<ReviewLabels, Gauge>,
    parties: Family<StandingLabels, Gauge>,
    schedules: Gauge,
}

fn latency() -> Histogram {
    Histogram::new(LATENCY_BOUNDS_S)
}

impl Numbers {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Self {
        let made = Self {
            calls: Family::default(),
            took: Family::new_with_constructor(latency as fn() -> Histogram),
            forwarded: Family::default(),
            changes: Counter::default(),
            transactions: Counter::default(),
            failures: Counter::default(),
            commit: latency(),
            records: Gauge::default(),
            writer: Gauge::default(),
            agreements: Family::default(),
            parties: Family::default(),
            schedules: Gauge::default(),
        };
        metrics.register(|registry| {
            let mut add = |name: &str, help: &str, metric: Metric| match metric {
                Metric::Counter(counter) => registry.register(name, help, counter),
                Metric::Gauge(gauge) => registry.register(name, help, gauge),
                Metric::Histogram(histogram) => registry.register(name, help, histogram),
            };
            let of = made.clone();
            add(
                "control_changes",
                "Changes committed by this process",
                Metric::Counter(of.changes),
            );
            add(
                "control_transactions",
                "Transactions that carried them",
                Metric::Counter(of.transactions),
            );
            add(
                "control_failures",
                "Times the writer had to start again",
                Metric::Counter(of.failures),
            );
            add(
                "control_commit_seconds",
                "From a batch's check to its commit",
                Metric::Histogram(of.commit),
            );
            add(
                "control_records",
                "Next offset of control.policy, as the writer knows it",
                Metric::Gauge(of.records),
            );
            add(
                "control_writer",
                "1 where this process writes the control plane",
                Metric::Gauge(of.writer),
            );
            add(
                "control_schedules",
                "Organisations with a publication schedule",
                Metric::Gauge(of.schedules),
            );
            registry.register("control_calls", "Calls by method and outcome", of.calls);
            registry.register(
                "control_call_seconds",
                "From a call to its answer, by method",
                of.took,
            );
            registry.register(
                "control_calls_forwarded",
                "Calls handed on to the writer, by whether it answered",
                of.forwarded,
            );
            registry.register(
                "control_agreements",
                "Agreements with a party in force, by whether their review is due",
                of.agreements,
            );
            registry.register(
                "control_parties",
                "Parties that signed an agreement, by how it stands for them",
                of.parties,
            );
        });
        made
    }

    /// A call was answered.
    pub(super) fn call(&self, method: &'static str, outcome: Code, took: Duration) {
        let outcome = word(outcome);
        self.calls
            .get_or_create(&CallLabels { method, outcome })
            .inc();
        self.took
            .get_or_create(&MethodLabels { method })
            .observe(took.as_secs_f64());
    }

    /// A call was handed on.
    pub(super) fn forwarded(&self, answered: bool) {
        let answered = if answered { "yes" } else { "no" };
        self.forwarded
            .get_or_create(&AnsweredLabels { answered })
            .inc();
    }

    /// A transaction of so many changes was committed.
    pub(super) fn committed(&self, changes: usize, took: Duration) {
        self.changes.inc_by(u64::try_from(changes).unwrap_or(0));
        self.transactions.inc();
        self.commit.observe(took.as_secs_f64());
    }

    /// The writer has to start again.
    pub(super) fn failed(&self) {
        self.failures.inc();
    }

    /// Whether this process is the writer.
    pub(super) fn writes(&self, writes: bool) {
        self.writer.set(i64::from(writes));
    }

    /// How agreements stand on a day: what the record says, and what the calendar does by itself (lapsing, reviews falling due).
    pub(super) fn stands(&self, core: &Core, today: Day) {
        self.records.set(core.state().next_offset());
        let book = core.state().book();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.schedules.set(count(book.schedules().all().count()));
        let mut reviews = BTreeMap::from([("NOT_DUE", 0), ("DUE", 0), ("EXPIRED", 0)]);
        let words = [
            "IN_FORCE",
            "NOT_SIGNED",
            "SUSPENDED",
            "TERMINATED",
            "EXPIRED",
            "NOT_YET",
        ];
        let mut standings = BTreeMap::from(words.map(|word| (word, 0)));
        for (_, history) in book.agreements() {
            let mut alive = false;
            for party in history.signatories() {
                let standing = book.party_state(history, party, today).word;
                *standings.entry(standing).or_insert(0) += 1;
                alive |= standing != "TERMINATED";
            }
            if let Some(edition) = history.latest().filter(|_| alive) {
                let review = review_of(&edition.agreement.period, today);
                *reviews.entry(review).or_insert(0) += 1;
            }
        }
        for (review, number) in reviews {
            self.agreements
                .get_or_create(&ReviewLabels { review })
                .set(number);
        }
        for (standing, number) in standings {
            self.parties
                .get_or_create(&StandingLabels { standing })
                .set(number);
        }
    }
}

enum Metric {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// A gRPC code in the words of its specification.
fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
