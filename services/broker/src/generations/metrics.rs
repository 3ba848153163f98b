//! Numbers about generations. None is about a person.

use super::look::Look;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use walbrook_runtime::metrics::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PurposeLabels {
    purpose: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    purpose: String,
    partition: i32,
}

/// What copiers count, and what whoever writes the control plane sees. Clones share it.
#[derive(Debug, Clone)]
pub struct GenerationMetrics {
    copied: Family<PurposeLabels, Counter>,
    failures: Family<PurposeLabels, Counter>,
    in_force: Family<PurposeLabels, Gauge>,
    state: Family<PurposeLabels, Gauge>,
    lag: Family<PartitionLabels, Gauge>,
    offsets: Family<PurposeLabels, Gauge>,
    live: Family<PurposeLabels, Gauge>,
}

impl GenerationMetrics {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Self {
        let made = Self {
            copied: Family::default(),
            failures: Family::default(),
            in_force: Family::default(),
            state: Family::default(),
            lag: Family::default(),
            offsets: Family::default(),
            live: Family::default(),
        };
        metrics.register(|registry| {
            let of = registry.sub_registry_with_prefix("generation");
            of.register(
                "copied",
                "Records copied to the next generation of a purpose's topic",
                made.copied.clone(),
            );
            of.register(
                "failures",
                "Copies given up and begun again where they stood",
                made.failures.clone(),
            );
            of.register(
                "in_force",
                "The generation that a purpose's topic is in; where the control plane is written",
                made.in_force.clone(),
            );
            of.register(
                "state",
                "0 in use, 1 the next is being filled, 2 it is being switched to; where the control plane is written",
                made.state.clone(),
            );
            of.register(
                "lag_offsets",
                "Offsets of the generation before that are not copied yet; where the control plane is written",
                made.lag.clone(),
            );
            of.register(
                "offsets",
                "Offsets of the generation in force; where the control plane is written",
                made.offsets.clone(),
            );
            of.register(
                "live",
                "Of them releases and subject records that stand; where the control plane is written",
                made.live.clone(),
            );
        });
        made
    }

    /// So many records of a purpose are copied.
    pub(super) fn copied(&self, purpose: &str, records: u64) {
        self.copied.get_or_create(&of(purpose)).inc_by(records);
    }

    /// A copy was given up for now.
    pub(super) fn failed(&self, purpose: &str) {
        self.failures.get_or_create(&of(purpose)).inc();
    }

    /// A purpose's topic was looked at.
    pub(super) fn looked(&self, purpose: &str, look: &Look) {
        let labels = of(purpose);
        let in_force = i64::from(look.in_force());
        self.in_force.get_or_create(&labels).set(in_force);
        self.state
            .get_or_create(&labels)
            .set(look.progress().number());
        self.offsets.get_or_create(&labels).set(look.offsets);
        self.live.get_or_create(&labels).set(look.live);
        for (copy, partition) in look.copies.iter().zip(0..) {
            let labels = PartitionLabels {
                purpose: purpose.to_owned(),
                partition,
            };
            self.lag.get_or_create(&labels).set(copy.left());
        }
    }
}

fn of(purpose: &str) -> PurposeLabels {
    PurposeLabels {
        purpose: purpose.to_owned(),
    }
}
