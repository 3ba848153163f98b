//! The crates that decide are functions: no I/O, clock, randomness, threads or floats, in their source or below it.

use std::process::Command;

use crate::workspace::{self, Text};
use crate::{assert_found, assert_none};

/// Folder and package of each pure crate.
const PURE: &[(&str, &str)] = &[
    ("services/shared/domain", "walbrook-domain"),
    ("services/shared/matching", "walbrook-matching"),
    ("services/shared/policy", "walbrook-policy"),
];

/// Pure in what they say, but standing on the contracts crate, below which the services' clients are.
const PURE_IN_SOURCE: &[&str] = &["services/shared/view", "services/shared/event"];

/// What their source must not say. Floats too: a decision or a row is the same on every machine.
const IMPURE_WORDS: &[&str] = &[
    "tokio",
    "rdkafka",
    "async fn",
    "async move",
    ".await",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::sync::Mutex",
    "std::io::",
    "SystemTime",
    "std::time::Instant",
    "Zoned::now",
    "Timestamp::now",
    "rand::",
    "new_v4",
    "now_v7",
    "thread_rng",
    "getrandom",
    "println!",
    "eprintln!",
    "f32",
    "f64",
];

/// What must not stand anywhere below them.
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "rdkafka",
    "rdkafka-sys",
    "tonic",
    "hyper",
    "mio",
    "socket2",
    "rand",
    "rand_chacha",
    "async-std",
    "futures",
    "reqwest",
    "fjall",
    "apache-avro",
];

fn impure_lines(sources: &[Text]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        for (index, line) in source.content.lines().enumerate() {
            for word in IMPURE_WORDS
                .iter()
                .filter(|word| holds(workspace::code(line), word))
            {
                faults.push(format!("{}:{}: {word}", source.path, index + 1));
            }
        }
    }
    faults
}

/// Whether `line` says `word` and not merely a longer name that ends or begins with it.
fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let named = |c: char| c.is_alphanumeric() || c == '_';
        let before = line
            .get(..at)
            .and_then(|s| s.chars().next_back())
            .is_some_and(named);
        let after = line
            .get(at + word.len()..)
            .and_then(|s| s.chars().next())
            .is_some_and(named);
        let open_end = !word.ends_with(|c: char| c.is_alphanumeric());
        !(before && word.starts_with(|c: char| c.is_alphanumeric())) && (open_end || !after)
    })
}

/// Names of everything a package is built from, as `cargo tree` resolves it for that package alone.
fn tree(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace::root())
        .args([
            "tree",
            "--offline",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .output()
        .expect("cargo tree runs");
    assert!(
        output.status.success(),
        "cargo tree of {package}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut names: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

fn impure_below(package: &str, names: &[String]) -> Vec<String> {
    names
        .iter()
        .filter(|name| IMPURE_CRATES.contains(&name.as_str()))
        .map(|name| format!("{package} stands on {name}"))
        .collect()
}

#[test]
fn deciding_crates_say_nothing_impure() {
    for folder in PURE.iter().map(|(folder, _)| folder).chain(PURE_IN_SOURCE) {
        assert_none(
            &format!("{folder} is pure"),
            &impure_lines(&workspace::sources(folder)),
        );
    }
}

#[test]
fn deciding_crates_stand_on_nothing_impure() {
    for (_, package) in PURE {
        let names = tree(package);
        assert!(
            names.contains(&(*package).to_owned()),
            "cargo tree did not name {package} itself: {names:?}"
        );
        assert_none(
            &format!("what {package} is built from"),
            &impure_below(package, &names),
        );
    }
}

#[test]
fn planted_impurity_is_found() {
    let source = Text::new(
        "policy/src/clock.rs",
        "fn now() -> i64 {\n    let t = SystemTime::now();\n}\nlet x: f64 = 0;\nuse rand::Rng;\n",
    );
    let found = impure_lines(&[source]);
    assert_found(&found, "policy/src/clock.rs:2: SystemTime");
    assert_found(&found, "policy/src/clock.rs:4: f64");
    assert_found(&found, "policy/src/clock.rs:5: rand::");
    assert_none(
        "a comment and a longer name",
        &impure_lines(&[Text::new(
            "a.rs",
            "// never tokio\nfn operand::x() {}\nlet f640 = 1;\n",
        )]),
    );
    assert_found(
        &impure_below("walbrook-policy", &["tokio".to_owned()]),
        "walbrook-policy stands on tokio",
    );
    // The tree is read for real: a package that does use tokio shows it.
    assert!(
        tree("walbrook-eventlog-kafka").contains(&"rdkafka".to_owned()),
        "the tree of eventlog-kafka does not show rdkafka"
    );
}
