//! What a gateway counts. Labels are event types and rule ids: nothing about anybody.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use walbrook_runtime::metrics::{LATENCY_BOUNDS_S, Metrics};

use crate::Findings;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfType {
    event_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRule {
    rule: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReason {
    reason: &'static str,
}

/// The counters of one gateway.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    received: Family<OfType, Counter>,
    appended: Family<OfType, Counter>,
    refused: Family<OfRule, Counter>,
    queried: Family<OfRule, Counter>,
    failed: Family<OfReason, Counter>,
    subjects: Counter,
    asked: Counter,
    enrolled: Counter,
    receipt: Latency,
    open_frames: Gauge,
}

#[derive(Debug)]
struct Latency(Histogram);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new(LATENCY_BOUNDS_S))
    }
}

impl Numbers {
    /// Counters, registered.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let numbers = Self::default();
        metrics.register(|registry| {
            let n = &numbers;
            registry.register(
                "gateway_events_received",
                "Events received, by type",
                n.received.clone(),
            );
            registry.register(
                "gateway_events_appended",
                "Events with a receipt, by type",
                n.appended.clone(),
            );
            registry.register(
                "gateway_events_refused",
                "Refusals, by rule broken",
                n.refused.clone(),
            );
            registry.register(
                "gateway_events_queried",
                "Query rules that fired, by rule",
                n.queried.clone(),
            );
            registry.register(
                "gateway_calls_failed",
                "Frames that failed as a whole, by reason",
                n.failed.clone(),
            );
            registry.register("gateway_subjects", "Subjects looked up", n.subjects.clone());
            registry.register(
                "gateway_subjects_asked",
                "Subjects that identity was asked for",
                n.asked.clone(),
            );
            registry.register(
                "gateway_subjects_enrolled",
                "Subjects enrolled without an event",
                n.enrolled.clone(),
            );
            registry.register(
                "gateway_receipt_seconds",
                "From a frame's arrival to its receipts",
                n.receipt.0.clone(),
            );
            registry.register(
                "gateway_frames_open",
                "Frames without receipts yet",
                n.open_frames.clone(),
            );
        });
        numbers
    }

    pub(crate) fn received(&self, event_type: &'static str) {
        self.received.get_or_create(&OfType { event_type }).inc();
    }

    pub(crate) fn appended(&self, event_type: &'static str) {
        self.appended.get_or_create(&OfType { event_type }).inc();
    }

    pub(crate) fn refused(&self, rule: &'static str) {
        self.refused.get_or_create(&OfRule { rule }).inc();
    }

    /// Each refuse rule of these findings was broken.
    pub(crate) fn refused_all(&self, findings: &Findings) {
        for finding in findings.refusals() {
            self.refused(finding.rule.id);
        }
    }

    pub(crate) fn enrolled(&self, subjects: usize) {
        self.enrolled.inc_by(u64::try_from(subjects).unwrap_or(0));
    }

    pub(crate) fn queried(&self, rule: &'static str) {
        self.queried.get_or_create(&OfRule { rule }).inc();
    }

    pub(crate) fn failed(&self, reason: &'static str) {
        self.failed.get_or_create(&OfReason { reason }).inc();
    }

    pub(crate) fn looked_up(&self, subjects: usize, asked: usize) {
        self.subjects.inc_by(u64::try_from(subjects).unwrap_or(0));
        self.asked.inc_by(u64::try_from(asked).unwrap_or(0));
    }

    pub(crate) fn receipt(&self, after: Duration) {
        self.receipt.0.observe(after.as_secs_f64());
    }

    pub(crate) fn frame_opened(&self) {
        self.open_frames.inc();
    }

    pub(crate) fn frame_closed(&self) {
        self.open_frames.dec();
    }
}
