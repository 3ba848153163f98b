//! Seeded simulations of enforcement on the log in memory. Two broker processes with two members each run the broker's own machine; between any two
//! of their steps a process may die, partitions may move, markers and commits come late, answers get lost and clocks jump, while identity and the
//! control plane write side by side. Afterwards a checker reads what was written from its start.
//!
//! The checker is itself tested: faults are planted in the machine one at a time, and each must be caught ([`planted`], with the feature
//! `planted-faults`).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod bench;
mod checker;
mod copies;
mod disk;
mod generations;
mod group;
mod memory;
#[cfg(feature = "planted-faults")]
mod planted;
mod process;
mod rules;
mod snapshots;
mod sources;
mod truth;
mod world;
mod written;

use sources::Manner;
use std::sync::atomic::{AtomicU64, Ordering};
use world::{Broken, World};

/// Small things that happen in one simulation before it comes to rest.
const STEPS: usize = 4_000;

/// One simulation, from its first record to rest.
fn run(seed: u64) -> Result<World, Broken> {
    run_of(seed, Manner::Usual)
}

fn run_of(seed: u64, manner: Manner) -> Result<World, Broken> {
    let mut world = World::of(seed, manner);
    for _ in 0..STEPS {
        world.step();
    }
    world.settle()?;
    checker::check(&world)?;
    generations::check(&world)?;
    disk::check(&world)?;
    Ok(world)
}

/// Runs the seeds on two threads; every one that fails is named.
fn run_all(seeds: std::ops::Range<u64>, manner: Manner) {
    let next = AtomicU64::new(seeds.start);
    let failed: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut failed = Vec::new();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end {
                            return failed;
                        }
                        match std::panic::catch_unwind(|| run_of(seed, manner).map(drop)) {
                            Ok(Ok(())) => {}
                            Ok(Err(broken)) => failed.push(format!("seed {seed}: {broken}")),
                            Err(_) => failed.push(format!("seed {seed} panics")),
                        }
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a worker"))
            .collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn no_promise_is_broken_in_500_histories() {
    run_all(0..500, Manner::Usual);
}

#[test]
fn none_is_broken_where_the_clocks_of_the_log_differ() {
    run_all(0..200, Manner::ClocksApart);
}

#[test]
fn none_is_broken_where_the_shared_topic_goes_from_generation_to_generation() {
    run_all(0..120, Manner::Generations);
}

/// The generation that is in force at the end of each history.
#[test]
fn histories_come_to_later_generations() {
    let of = |seed| run_of(seed, Manner::Generations).unwrap().stage();
    let last = (0..12).filter_map(of).map(|stage| stage.in_force());
    let last: Vec<u32> = last.collect();
    println!("{last:?}");
    assert!(last.len() > 8 && last.contains(&copies::LAST), "{last:?}");
}

#[test]
#[ignore = "ten thousand histories take minutes: `make nightly`"]
fn no_promise_is_broken_in_10_000_histories() {
    run_all(500..10_500, Manner::Usual);
    run_all(200..1_200, Manner::ClocksApart);
    run_all(200..1_200, Manner::Generations);
}

/// The log's clock was set back between an event, released as was right, and a suspension that bears an earlier time; then the agreement was resumed.
#[test]
fn what_bears_a_later_time_than_a_suspension_goes_with_it() {
    run(1_355).unwrap();
    run_of(16, Manner::ClocksApart).unwrap();
}

#[test]
fn the_same_seed_is_the_same_history() {
    let history = |seed| {
        let world = run(seed).unwrap();
        let topic = |plain: &str| world.log.committed_records(&world.city.topic(plain));
        [
            topic(walbrook_eventlog::topics::DECISIONS),
            topic(&walbrook_eventlog::topics::shared(
                walbrook_tests::records::PURPOSE,
            )),
        ]
    };
    let (one, other) = (history(7), history(7));
    assert!(one.iter().all(|records| !records.is_empty()));
    assert_eq!(one, other);
}

#[test]
fn a_simulation_is_full_of_what_it_is_for() {
    let mut sums = Sums::default();
    for seed in 0..20 {
        sums.add(&run(seed).unwrap());
    }
    println!("{sums:?}");
    assert!(sums.events > 400, "{sums:?}");
    assert!(sums.retractions > 100, "{sums:?}");
    assert!(sums.redecided > 100, "{sums:?}");
    assert!(sums.aborted > 20, "{sums:?}");
    assert!(sums.disks.kept > 150, "{sums:?}");
    assert!(sums.disks.gone_on > 60, "{sums:?}");
    assert!(sums.disks.found > sums.disks.gone_on, "{sums:?}");
    assert!(sums.disks.passed_over > 2, "{sums:?}");
}

/// What happened in some simulations.
#[derive(Debug, Default)]
struct Sums {
    events: usize,
    pages: usize,
    redecided: usize,
    retractions: usize,
    aborted: usize,
    disks: disk::Uses,
}

impl Sums {
    fn add(&mut self, world: &World) {
        use walbrook_proto::avro::AvroRecord;
        self.events += world.sources.sent.len();
        let decisions = world.city.topic(walbrook_eventlog::topics::DECISIONS);
        for record in world.log.committed_records(&decisions) {
            let (_, body) = walbrook_event::framing::unframe(record.value.as_deref()).unwrap();
            let page = walbrook_proto::audit::v1::DecisionPage::decode_exact(body).unwrap();
            self.pages += 1;
            self.redecided += page.redecided.len();
            self.retractions += page.retractions.len();
        }
        self.aborted += world.log.aborted_transactions();
        let uses = world.disk_uses();
        self.disks.kept += uses.kept;
        self.disks.found += uses.found;
        self.disks.gone_on += uses.gone_on;
        self.disks.passed_over += uses.passed_over;
    }
}
