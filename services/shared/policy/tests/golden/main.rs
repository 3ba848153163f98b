//! The golden tables, reviewed as files: nothing here writes them. `make golden` does, and the difference is read by whoever reviews
//! the change.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

// What the shared test modules name under `crate`.
use walbrook_policy::{agreement, catalogue, decide, facts, law, state};

mod coverage;
mod decisions;
mod reads;
#[path = "../../src/testing.rs"]
#[allow(dead_code, reason = "shared with the crate's own tests")]
mod testing;

use std::path::Path;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; `make golden` writes it", path.display()))
}

fn same(name: &str, table: &str) {
    let expected = file(name);
    for (number, (found, wanted)) in table.lines().zip(expected.lines()).enumerate() {
        assert_eq!(
            found,
            wanted,
            "{name}, line {}: `make golden` shows the whole difference",
            number + 1
        );
    }
    assert_eq!(table.lines().count(), expected.lines().count(), "{name}");
}

#[test]
fn decisions_are_those_of_the_golden_table() {
    same("decisions.csv", &decisions::table());
}

#[test]
fn readers_see_what_the_golden_table_says_and_nothing_else() {
    same("reads.csv", &reads::table());
}
