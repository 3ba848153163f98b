//! The auditor's numbers.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use walbrook_runtime::metrics::{LATENCY_BOUNDS_S, Metrics};

use crate::report::Report;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct What {
    what: &'static str,
}

/// What the last verification found, and how much was signed. Clones share it.
#[derive(Debug, Clone)]
pub struct Numbers {
    checked: Family<What, Gauge>,
    differences: Gauge,
    failed: Counter,
    verify: Histogram,
    heads: Counter,
}

impl Numbers {
    /// Registers them.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let made = Self {
            checked: Family::default(),
            differences: Gauge::default(),
            failed: Counter::default(),
            verify: Histogram::new(LATENCY_BOUNDS_S),
            heads: Counter::default(),
        };
        metrics.register(|registry| {
            let of = registry.sub_registry_with_prefix("audit");
            let help = "Things checked in the last verification";
            of.register("checked", help, made.checked.clone());
            let help = "Differences found in the last verification";
            of.register("differences", help, made.differences.clone());
            let help = "Verifications that could not read the log";
            of.register("failures", help, made.failed.clone());
            let help = "Reading and verifying the whole log";
            of.register("verify_seconds", help, made.verify.clone());
            of.register("signed_heads", "Tree heads signed", made.heads.clone());
        });
        made
    }

    /// A verification came to its end.
    pub fn verified(&self, report: &Report, took: Duration) {
        self.verify.observe(took.as_secs_f64());
        let differences = i64::try_from(report.difference_count());
        self.differences.set(differences.unwrap_or(i64::MAX));
        for (what, count) in report.counts() {
            let what = What { what: what.label() };
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.checked.get_or_create(&what).set(count);
        }
    }

    /// A verification did not.
    pub fn failed(&self) {
        self.failed.inc();
    }

    /// Tree heads were signed.
    pub fn signed(&self, heads: usize) {
        self.heads.inc_by(u64::try_from(heads).unwrap_or(u64::MAX));
    }
}
