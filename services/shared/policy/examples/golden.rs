//! Writes the golden tables under `tests/golden`: `make golden`. Tests compare with them and never write them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool of the tests stops at the first surprise"
)]

// What the shared test modules name under `crate`.
use walbrook_policy::{agreement, catalogue, decide, facts, law, state};

#[path = "../tests/golden/decisions.rs"]
mod decisions;
#[path = "../tests/golden/reads.rs"]
mod reads;
#[path = "../src/testing.rs"]
#[allow(dead_code, reason = "shared with the crate's own tests")]
mod testing;

use std::path::Path;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (name, table) in [
        ("decisions.csv", decisions::table()),
        ("reads.csv", reads::table()),
    ] {
        let path = folder.join(name);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, &table).unwrap();
        let changed = if before == table {
            "as before"
        } else {
            "changed: read the difference"
        };
        println!("{name}: {} rows, {changed}", table.lines().count() - 1);
    }
}
