//! Merkle logs over decision pages, read records and notices, and the signed heads that hold them fast.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use walbrook_eventlog::{Record, topics};
use walbrook_proto::audit::v1::Checkpoint;

use crate::log::{Log, Place, decode};
use crate::merkle::Tree;
use crate::note::{self, Head};
use crate::report::{Checked, Report};

/// The name under which the auditor signs.
pub const SIGNER: &str = "walbrook-auditor";

/// The topics whose records are leaves; each partition is a log of its own.
pub const LOGGED: [&str; 3] = [topics::DECISIONS, topics::READS, topics::NOTICES];

/// The name of a partition's log within its namespace.
pub fn name(topic: &str, partition: i32) -> String {
    format!("{topic}/{partition}")
}

/// The origin on the signed note.
pub fn origin(log: &Log, name: &str) -> String {
    format!("walbrook/{}", log.full_name(name))
}

/// What a record contributes as a leaf: everything about it that the log keeps for ever.
pub fn leaf(record: &Record) -> Vec<u8> {
    crate::copy::encode(record)
}

/// Holds every checkpoint against the tree computed again, and its signature against the key where one is given.
pub fn check(log: &Log, key: Option<&VerifyingKey>, report: &mut Report) {
    let mut claimed: BTreeMap<(String, u64), Vec<(Place, Head)>> = BTreeMap::new();
    for record in log.records(topics::CHECKPOINTS, 0) {
        let Some(found) = decode::<Checkpoint>(record, "checkpoint", report) else {
            continue;
        };
        let place = Place::of(record);
        let head = match key {
            Some(key) => note::open(&found.note, SIGNER, key),
            None => note::read(&found.note),
        };
        match head {
            Err(error) => report.differ("checkpoint", &place, "a signed head", error),
            Ok(head) => {
                let same = head.root.as_slice() == found.root_sha256
                    && i64::try_from(head.size) == Ok(found.tree_size)
                    && head.origin == origin(log, &found.log);
                if !same {
                    report.differ(
                        "checkpoint",
                        &place,
                        "what its note says",
                        "another log, size or root",
                    );
                }
                claimed
                    .entry((found.log.clone(), head.size))
                    .or_default()
                    .push((place, head));
            }
        }
    }
    for topic in LOGGED {
        for partition in 0..log.partitions(topic) {
            one(log, topic, partition, &mut claimed, report);
        }
    }
    for ((name, size), heads) in claimed {
        for (place, _) in heads {
            report.differ(
                "checkpoint",
                place,
                format!("{size} records of {name}"),
                "fewer",
            );
        }
    }
}

fn one(
    log: &Log,
    topic: &str,
    partition: i32,
    claimed: &mut BTreeMap<(String, u64), Vec<(Place, Head)>>,
    report: &mut Report,
) {
    let mut tree = Tree::default();
    for record in log.records(topic, partition) {
        tree.push(&leaf(record));
        for (place, head) in claimed
            .remove(&(name(topic, partition), tree.size()))
            .unwrap_or_default()
        {
            report.count(Checked::Checkpoints, 1);
            if head.root != tree.root() {
                let expected = format!(
                    "the {} records of {topic}[{partition}] that were signed",
                    head.size
                );
                report.differ("checkpoint", place, expected, "changed records");
            }
        }
    }
}

/// The heads of all logs as they stand, without empty ones: log name → size and root.
pub fn heads(log: &Log) -> Vec<(String, u64, crate::merkle::Hash)> {
    let mut heads = Vec::new();
    for topic in LOGGED {
        for partition in 0..log.partitions(topic) {
            let mut tree = Tree::default();
            log.records(topic, partition)
                .iter()
                .for_each(|record| tree.push(&leaf(record)));
            if tree.size() > 0 {
                heads.push((name(topic, partition), tree.size(), tree.root()));
            }
        }
    }
    heads
}
