//! Who may know whom: style.md's table, down only, nothing sideways between processes.

use std::collections::BTreeSet;

use crate::workspace::{self, Crate};
use crate::{assert_found, assert_none};

/// What each crate of ours may use of ours, at run time. A crate that is not here may use nothing.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("walbrook-domain", &[]),
    ("walbrook-proto", &[]),
    ("walbrook-schemas", &[]),
    ("walbrook-policy", &["domain"]),
    // How sure it is that two records are the same person: pure, shared by identity, the CLI (train, evaluate) and the bench.
    ("walbrook-matching", &["domain"]),
    // The fold and the canonical row of a view: pure, shared by materialiser and auditor.
    ("walbrook-view", &["domain", "event", "policy", "proto"]),
    ("walbrook-event", &["domain", "proto"]),
    ("walbrook-eventlog", &[]),
    ("walbrook-eventlog-kafka", &["eventlog"]),
    ("walbrook-runtime", &[]),
    (
        "walbrook-agency",
        &[
            "domain",
            "event",
            "eventlog",
            "eventlog-kafka",
            "proto",
            "runtime",
            "schemas",
        ],
    ),
    ("walbrook-police", AGENCY),
    ("walbrook-health", AGENCY),
    ("walbrook-housing", AGENCY),
    ("walbrook-tfl", AGENCY),
    ("walbrook-social-care", AGENCY),
    ("walbrook-city", AGENCY),
    (
        "walbrook-identity",
        &[
            "domain",
            "event",
            "eventlog",
            "eventlog-kafka",
            "matching",
            "policy",
            "proto",
            "runtime",
        ],
    ),
    (
        "walbrook-broker",
        &[
            "domain",
            "event",
            "eventlog",
            "eventlog-kafka",
            "policy",
            "proto",
            "runtime",
            "schemas",
        ],
    ),
    (
        "walbrook-materialiser",
        &[
            "domain",
            "event",
            "eventlog",
            "eventlog-kafka",
            "policy",
            "proto",
            "runtime",
            "schemas",
            "view",
        ],
    ),
    (
        "walbrook-auditor",
        &[
            "domain",
            "event",
            "eventlog",
            "eventlog-kafka",
            "policy",
            "proto",
            "runtime",
            "schemas",
            "view",
        ],
    ),
    (
        "walbrook-testkit",
        &[
            "domain",
            "event",
            "eventlog",
            "eventlog-kafka",
            "proto",
            "runtime",
            "schemas",
        ],
    ),
    // What people type: signs agreements as a party, runs the auditor and, to evaluate it, identity's linking in its own process, and starts the
    // local cluster.
    (
        "walbrook-cli",
        &[
            "auditor",
            "domain",
            "event",
            "eventlog",
            "eventlog-kafka",
            "identity",
            "matching",
            "policy",
            "proto",
            "runtime",
            "schemas",
            "testkit",
            "view",
        ],
    ),
    // Journeys, simulations and replays: above everything, below nothing.
    (
        "walbrook-tests",
        &[
            "agency",
            "auditor",
            "broker",
            "cli",
            "domain",
            "event",
            "eventlog",
            "eventlog-kafka",
            "housing",
            "identity",
            "materialiser",
            "policy",
            "proto",
            "runtime",
            "schemas",
            "testkit",
            "view",
        ],
    ),
    // Every decoder that reads bytes from outside.
    (
        "walbrook-fuzz",
        &[
            "agency",
            "cli",
            "domain",
            "event",
            "health",
            "housing",
            "police",
            "policy",
            "proto",
            "runtime",
            "social-care",
            "view",
        ],
    ),
    // The reviewed list of every agency's rules, and nothing else.
    (
        "walbrook-rules",
        &[
            "agency",
            "city",
            "health",
            "housing",
            "police",
            "social-care",
            "tfl",
        ],
    ),
    // Measures whole processes beside their peers.
    (
        "walbrook-bench",
        &[
            "agency",
            "auditor",
            "broker",
            "cli",
            "domain",
            "event",
            "eventlog",
            "eventlog-kafka",
            "health",
            "housing",
            "identity",
            "matching",
            "materialiser",
            "police",
            "policy",
            "proto",
            "runtime",
            "schemas",
            "social-care",
            "testkit",
            "tests",
            "view",
        ],
    ),
];

const AGENCY: &[&str] = &[
    "agency",
    "domain",
    "eventlog-kafka",
    "proto",
    "runtime",
    "schemas",
];

/// Processes and the tools above them: nothing may use these but whom `MAY_KNOW` names, tests included.
const PROCESSES: &[&str] = &[
    "police",
    "health",
    "housing",
    "tfl",
    "social-care",
    "city",
    "identity",
    "broker",
    "materialiser",
    "auditor",
    "cli",
];

/// What a crate must not use from outside, at run time or in a build script.
const NEVER: &[(&str, &[&str])] = &[
    (
        "walbrook-domain",
        &[
            "apache-avro",
            "prost",
            "prost-types",
            "tokio",
            "tonic",
            "rdkafka",
            "serde_json",
        ],
    ),
    (
        "walbrook-policy",
        &[
            "apache-avro",
            "prost",
            "prost-types",
            "tokio",
            "tonic",
            "rdkafka",
            "rand",
            "rand_chacha",
        ],
    ),
    (
        "walbrook-matching",
        &[
            "apache-avro",
            "prost",
            "prost-types",
            "tokio",
            "tonic",
            "rdkafka",
            "rand",
            "rand_chacha",
        ],
    ),
    (
        "walbrook-view",
        &["tokio", "tonic", "rdkafka", "rand", "rand_chacha", "fjall"],
    ),
    ("walbrook-event", &["tokio", "tonic", "rdkafka"]),
    (
        "walbrook-eventlog",
        &["apache-avro", "prost", "tonic", "rdkafka"],
    ),
    (
        "walbrook-eventlog-kafka",
        &["apache-avro", "prost", "tonic"],
    ),
    ("walbrook-runtime", &["rdkafka", "apache-avro"]),
];

/// What else a crate's tests may use: the events of the synthetic city are held against the agencies' own rules.
const IN_TESTS: [(&str, &str); 5] = [
    ("walbrook-cli", "health"),
    ("walbrook-cli", "housing"),
    ("walbrook-cli", "police"),
    ("walbrook-cli", "social-care"),
    ("walbrook-cli", "tfl"),
];

fn short(name: &str) -> &str {
    name.strip_prefix("walbrook-").unwrap_or(name)
}

/// Edges between our crates that the table does not allow.
fn forbidden_edges(crates: &[Crate]) -> Vec<String> {
    let mut faults = Vec::new();
    for unit in crates {
        let Some((_, allowed)) = MAY_KNOW.iter().find(|(name, _)| *name == unit.name) else {
            faults.push(format!(
                "{}: not in the table of who may know whom",
                unit.name
            ));
            continue;
        };
        for other in unit
            .normal
            .union(&unit.build)
            .filter(|name| name.starts_with("walbrook-"))
        {
            if !allowed.contains(&short(other)) {
                faults.push(format!("{} may not know {}", unit.name, other));
            }
        }
        // In its tests a crate may use libraries, and the tests crate everything; no process uses another even there.
        if unit.name != "walbrook-tests" {
            for other in unit
                .dev
                .iter()
                .filter(|name| PROCESSES.contains(&short(name)))
                .filter(|name| !IN_TESTS.contains(&(unit.name.as_str(), short(name))))
            {
                faults.push(format!(
                    "{} may not know {} in its tests; journeys stand in tests/",
                    unit.name, other
                ));
            }
        }
        for (_, never) in NEVER.iter().filter(|(name, _)| *name == unit.name) {
            for other in unit
                .normal
                .union(&unit.build)
                .filter(|name| never.contains(&name.as_str()))
            {
                faults.push(format!("{} may never use {}", unit.name, other));
            }
        }
    }
    faults
}

/// Crates that name the Kafka client, beside the one that may.
fn kafka_clients(crates: &[Crate]) -> Vec<String> {
    let mut users: BTreeSet<&str> = BTreeSet::new();
    for unit in crates {
        let all = unit.normal.iter().chain(&unit.dev).chain(&unit.build);
        if all.into_iter().any(|name| name.starts_with("rdkafka")) {
            users.insert(&unit.name);
        }
    }
    // The bench's peer, a bare transactional copy, is what our loop is measured against: it may name the client too.
    users
        .into_iter()
        .filter(|name| *name != "walbrook-eventlog-kafka")
        .map(|name| format!("{name} names rdkafka"))
        .collect()
}

fn planted(name: &str, normal: &[&str], dev: &[&str]) -> Crate {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Crate {
        name: name.to_owned(),
        normal: set(normal),
        dev: set(dev),
        build: BTreeSet::new(),
    }
}

#[test]
fn every_edge_is_in_the_table() {
    let crates = workspace::crates();
    assert_none("who may know whom (style.md)", &forbidden_edges(&crates));
    for (name, _) in MAY_KNOW {
        // A row for a crate that is gone would be a rule about nothing.
        assert!(
            crates.iter().any(|unit| unit.name == *name),
            "the table names {name}, which is no crate"
        );
    }
}

#[test]
fn only_one_crate_names_the_kafka_client() {
    let crates = workspace::crates();
    assert_none("rdkafka in one manifest", &kafka_clients(&crates));
    assert!(
        crates
            .iter()
            .any(|unit| unit.name == "walbrook-eventlog-kafka" && unit.normal.contains("rdkafka")),
        "eventlog-kafka itself does not name rdkafka: the rule looks at nothing"
    );
}

#[test]
fn planted_edges_are_found() {
    let found = forbidden_edges(&[planted(
        "walbrook-policy",
        &["walbrook-eventlog", "tokio"],
        &[],
    )]);
    assert_found(&found, "walbrook-policy may not know walbrook-eventlog");
    assert_found(&found, "walbrook-policy may never use tokio");
    assert_found(
        &forbidden_edges(&[planted("walbrook-auditor", &["walbrook-broker"], &[])]),
        "walbrook-auditor may not know walbrook-broker",
    );
    assert_found(
        &forbidden_edges(&[planted("walbrook-broker", &[], &["walbrook-identity"])]),
        "walbrook-broker may not know walbrook-identity",
    );
    assert_found(
        &forbidden_edges(&[planted("walbrook-surprise", &[], &[])]),
        "not in the table",
    );
    assert_found(
        &kafka_clients(&[planted("walbrook-broker", &["rdkafka"], &[])]),
        "walbrook-broker names rdkafka",
    );
    assert_none(
        "an allowed edge",
        &forbidden_edges(&[planted("walbrook-policy", &["walbrook-domain"], &[])]),
    );
}
