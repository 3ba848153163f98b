//! Replays the corpus of every target and breaks it: a few inputs in `cargo test`, for a stated time in `make nightly` (`WALBROOK_FUZZ_S` seconds a target,
//! 60 unless said otherwise; `WALBROOK_FUZZ_SEED`). `WALBROOK_WRITE_CORPUS=1` writes the seeds that are made here.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod seeds;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use walbrook_fuzz::targets::ALL;
use walbrook_fuzz::{Target, Until, places, run};

/// Broken inputs a target in `cargo test`: some hundred milliseconds each.
const FEW: u32 = 60;
/// A megabyte, in a build that is not optimised, on a machine that does other things.
const HOSTILE: Duration = Duration::from_secs(10);

fn all(seed: u64, until: Until) {
    let read = |target: &'static Target| {
        std::thread::spawn(move || {
            let began = Instant::now();
            let result = run(target, seed, until);
            (target.name, result, began.elapsed())
        })
    };
    let runs: Vec<_> = ALL.iter().map(read).collect();
    let mut faults = Vec::new();
    for done in runs {
        let (name, result, took) = done.join().unwrap();
        match result {
            Ok(inputs) => eprintln!("{name}: {inputs} inputs, {:.1} s", took.as_secs_f64()),
            Err(fault) => faults.push(format!(
                "{name}: {} at {}",
                fault.what,
                fault.kept.display()
            )),
        }
    }
    assert!(faults.is_empty(), "seed {seed}:\n{}", faults.join("\n"));
}

#[test]
fn the_corpus_and_a_few_broken_inputs_are_read() {
    seeds::write_where_asked();
    for target in ALL {
        let corpus = places::corpus(target.name);
        assert!(corpus.len() >= 3, "{} has no corpus", target.name);
    }
    all(1, Until::Inputs(FEW));
}

/// Shapes that cost a careless decoder the square of their length, or a stack: deep nesting, endless lists, quotes never closed, a byte a row.
#[test]
fn a_megabyte_of_a_hostile_shape_is_read_in_time() {
    const LONG: usize = 1 << 20;
    let grown = |piece: &str| piece.repeat(LONG / piece.len()).into_bytes();
    let after = |head: &str, piece: &str| [head.as_bytes(), &grown(piece)].concat();
    let shapes: [(&str, Vec<u8>); 14] = [
        ("xml", after("<rows>", "<row>")),
        ("xml", after("<rows><row>", "<a></a>")),
        ("xml", after("<rows><row>", "&a;")),
        ("json", grown("[")),
        ("json", after("{\"rows\":", "{\"a\":")),
        ("json", after("[", "1,")),
        ("csv", after("CHILD\n", "\"\"")),
        ("csv", after("CHILD\n", "\n1")),
        ("csv", grown("CHILD,")),
        ("fhir", grown("{\"name\":[")),
        ("agreements", grown("a.")),
        ("views", grown("[[a]]\n")),
        ("bodies", grown("\u{1}")),
        ("frames", grown("\u{12}\u{2}\u{12}\u{0}")),
    ];
    for (name, input) in shapes {
        let target = ALL.iter().find(|target| target.name == name).unwrap();
        let began = Instant::now();
        (target.run)(&input);
        let took = began.elapsed();
        assert!(
            took < HOSTILE,
            "{name} takes {took:?} for {:?}…",
            &input[..12]
        );
    }
}

#[test]
#[ignore = "a minute for each target: make nightly"]
fn broken_inputs_for_a_stated_time() {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    let seconds = number("WALBROOK_FUZZ_S").unwrap_or(60);
    // Another seed every run, unless one is to be repeated.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = number("WALBROOK_FUZZ_SEED").unwrap_or(now.unwrap().as_secs());
    all(seed, Until::Elapsed(Duration::from_secs(seconds)));
}

#[test]
fn every_folder_of_the_corpus_has_a_target() {
    let folders = std::fs::read_dir(places::folder("")).unwrap();
    let folders: BTreeSet<String> = folders
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let names: BTreeSet<String> = ALL.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(folders, names);
}

#[test]
fn a_planted_fault_is_found_and_kept() {
    fn stumbles(input: &[u8]) {
        assert!(input.len() < 100, "planted");
    }
    let planted = Target {
        name: "csv",
        run: stumbles,
        words: &[],
    };
    let fault = run(&planted, 1, Until::Inputs(10_000)).expect_err("found");
    assert_eq!(fault.what, "panicked");
    let kept = std::fs::read(&fault.kept).unwrap();
    std::fs::remove_file(&fault.kept).unwrap();
    assert!(kept.len() >= 100);
}
