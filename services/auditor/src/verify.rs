//! The whole audit of a log that was read.

use std::collections::{BTreeMap, HashSet};

use ed25519_dalek::VerifyingKey;
use walbrook_domain::Instant;
use walbrook_domain::control::{ControlFact, ControlRecord, PinKind};
use walbrook_eventlog::topics;

use crate::control::{self, Schemas};
use crate::demanded::Demands;
use crate::log::{Log, Place};
use crate::pseudonyms::Pseudonyms;
use crate::report::Report;
use crate::shared::SharedTopics;
use crate::walk::{Shared, Walk};
use crate::{checkpoints, generations, quarantine};

/// What an audit may be given beside the log.
#[derive(Debug, Default)]
pub struct Options {
    /// The auditor's public key; without it checkpoints are held against the records, not against their signer.
    pub checkpoint_key: Option<VerifyingKey>,
    /// By which the age of what people owe is told; the time of the newest read where it is not given.
    pub now: Option<Instant>,
}

/// What an audit found, and the pseudonyms it saw for identity to confirm.
#[derive(Debug, Default)]
pub struct Found {
    /// Counts and differences.
    pub report: Report,
    /// Every pair of thing and pseudonym.
    pub pseudonyms: Pseudonyms,
    /// The id of each purpose's key, as pinned.
    pub key_ids: BTreeMap<String, String>,
}

/// Audits a log.
pub fn verify(log: &Log, options: &Options) -> Found {
    let mut found = Found::default();
    let Found {
        report,
        pseudonyms,
        key_ids,
    } = &mut found;
    checkpoints::check(log, options.checkpoint_key.as_ref(), report);
    let policy = control::read(log.records(topics::POLICY, 0), report);
    let schemas = control::check(&policy, topics::POLICY, report);
    agreement_copies(log, report);
    key_ids.extend(purpose_keys(&policy));

    let mut demands = Demands::default();
    let mut quarantined = BTreeMap::new();
    let mut raw_traces = HashSet::new();
    for partition in 0..log.data_partitions() {
        let mut shared = Shared {
            log,
            policy: &policy,
            demands: &mut demands,
            pseudonyms,
            quarantine: &mut quarantined,
            raw_traces: &mut raw_traces,
            report,
        };
        Walk::new(&mut shared, partition).run();
    }
    shared_topics(
        log,
        &schemas,
        (&mut demands, &raw_traces),
        pseudonyms,
        report,
    );
    generations::check(log, &policy, report);
    quarantine::check(log, quarantined, report);
    pseudonyms.check_across_purposes(report);
    crate::reads::check(log, &policy, options.now, report);
    found
}

fn shared_topics(
    log: &Log,
    schemas: &Schemas,
    demands: (&mut Demands, &HashSet<String>),
    pseudonyms: &mut Pseudonyms,
    report: &mut Report,
) {
    let (demands, raw_traces) = demands;
    let mut topics = SharedTopics {
        log,
        schemas,
        demands,
        pseudonyms,
        raw_traces,
        report,
    };
    for topic in log.topics("shared.").into_iter().chain(log.topics("open.")) {
        topics.topic(&topic);
    }
    topics.missing();
}

/// The key id pinned for each purpose.
fn purpose_keys(policy: &[ControlRecord]) -> impl Iterator<Item = (String, String)> {
    policy.iter().filter_map(|record| match &record.fact {
        ControlFact::Pin(pin) if pin.kind == PinKind::PurposeKey => {
            Some((pin.name.clone(), pin.content.clone()))
        }
        _ => None,
    })
}

/// Records of `control.agreements` are copies of the agreement half of `control.policy`, in its order.
fn agreement_copies(log: &Log, report: &mut Report) {
    let mut originals = log.records(topics::POLICY, 0).iter();
    for copy in log.records(topics::AGREEMENTS, 0) {
        let same = |record: &&walbrook_eventlog::Record| {
            record.key == copy.key && record.value == copy.value
        };
        if originals.find(same).is_none() {
            report.differ(
                "control",
                Place::of(copy),
                "a copy of a record of control.policy, in its order",
                "another record",
            );
            // Held against what follows the last copy that was found.
            originals = log.records(topics::POLICY, 0).iter();
        }
    }
}
