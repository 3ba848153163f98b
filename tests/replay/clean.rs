//! What the enforcement core writes is what the auditor derives, for every seed.

use walbrook_auditor::{Checked, Copy, copy};

use crate::sources::Manner;
use crate::{STEPS, audit, committed, of_enforcement, run, source, with_markers};

#[test]
fn no_difference_in_any_run() {
    for seed in 0..40 {
        let world = run(seed, STEPS);
        let report = audit(&mut source(&world)).report;
        let listed = of_enforcement(&report);
        assert!(listed.is_empty(), "seed {seed}:\n{}", listed.join("\n"));
        assert_eq!(
            report.checked(Checked::RawRecords),
            world.sources.sent.len() as u64,
            "seed {seed}"
        );
        assert_eq!(
            report.checked(Checked::Pages),
            committed(&world, "audit.decisions") as u64,
            "seed {seed}"
        );
        assert_eq!(report.checked(Checked::Undecided), 0, "seed {seed}");
        let shared = [
            Checked::Releases,
            Checked::Retractions,
            Checked::SubjectRecords,
            Checked::Heartbeats,
        ];
        let matched: u64 = shared.iter().map(|what| report.checked(*what)).sum();
        assert_eq!(
            matched,
            committed(&world, "shared.rough-sleeping") as u64,
            "seed {seed}"
        );
    }
}

#[test]
fn every_kind_of_record_occurs_in_the_runs() {
    // A clean audit of nothing proves nothing.
    let mut all = walbrook_auditor::Report::default();
    for seed in 0..10 {
        for (what, count) in audit(&mut source(&run(seed, STEPS))).report.counts() {
            all.count(what, count);
        }
    }
    use Checked::*;
    for what in [
        ControlRecords,
        Agreements,
        Signatures,
        Links,
        RawRecords,
        Pages,
        Decisions,
        Redecisions,
        Releases,
        Retractions,
        SubjectRecords,
        Heartbeats,
        Pseudonyms,
    ] {
        assert!(all.checked(what) > 0, "no {} in any run", what.label());
    }
}

#[test]
fn a_copy_is_the_log() {
    let world = crate::clean_run();
    let folder = tempfile::tempdir().expect("a folder");
    let copied = copy::write(&mut source(&world), folder.path(), &mut |_| {}).expect("a copy");
    assert!(copied > 100, "{copied} records");
    let of_copy = audit(&mut Copy::open(folder.path()).expect("a copy")).report;
    let of_log = audit(&mut source(&world)).report;
    assert_eq!(of_copy.json(), of_log.json());
    assert!(of_copy.is_clean());
}

#[test]
fn a_run_in_progress_is_clean_too() {
    // Whatever is not decided yet is counted as such, and is no difference.
    let mut undecided = 0;
    for seed in 200..220 {
        let mut world = crate::world::World::of(seed, Manner::Audited);
        for _ in 0..STEPS / 2 {
            world.step();
        }
        with_markers(&world);
        let report = audit(&mut source(&world)).report;
        let listed = of_enforcement(&report);
        assert!(listed.is_empty(), "seed {seed}:\n{}", listed.join("\n"));
        undecided += report.checked(Checked::Undecided);
    }
    assert!(
        undecided > 0,
        "no run was cut while something was undecided"
    );
}
