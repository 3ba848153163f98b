//! The audit of simulated runs of the real enforcement core: clean as they are, and not clean after any tampering.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test and its helpers fail by panicking"
)]

#[path = "../simulation/copies.rs"]
mod copies;
#[allow(dead_code, reason = "shared with the simulation, which uses the rest")]
#[path = "../simulation/disk.rs"]
mod disk;
#[allow(dead_code, reason = "shared with the simulation, which uses the rest")]
#[path = "../simulation/group.rs"]
mod group;
#[path = "../simulation/memory.rs"]
mod memory;
#[allow(dead_code, reason = "shared with the simulation, which uses the rest")]
#[path = "../simulation/process.rs"]
mod process;
#[allow(dead_code, reason = "shared with the simulation, which uses the rest")]
#[path = "../simulation/sources.rs"]
mod sources;
#[allow(dead_code, reason = "shared with the simulation, which uses the rest")]
#[path = "../simulation/world.rs"]
mod world;

mod clean;
mod copied;
mod decided;
mod delivered;
mod disputed;
mod glass;
mod held;
mod left;
mod noticed;
mod reads;
mod removed;
mod signed;
mod tampered;

use sources::Manner;
use std::time::Duration;
use walbrook_auditor::{Found, LiveSource, Log, LogSource, Options, Report, verify};
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{Ends, LogError, TopicPartition, Transactor};
use world::World;

/// Small things that happen in one run.
const STEPS: usize = 4_000;

/// A run with crashes, moves, merges, falling grounds and agreements that change, at rest.
fn run(seed: u64, steps: usize) -> World {
    let mut world = World::of(seed, Manner::Audited);
    for _ in 0..steps {
        world.step();
    }
    world.settle().expect("it comes to rest");
    world
}

/// Runs in which the control plane, too, only said what is a legal change.
fn clean_runs() -> impl Iterator<Item = World> {
    let clean = |world: &World| audit(&mut source(world)).report.is_clean();
    (0..200).map(|seed| run(seed, STEPS)).filter(clean)
}

/// The first of them.
fn clean_run() -> World {
    clean_runs().next().expect("one of two hundred")
}

/// Lets every commit that happened be seen. What a broker has left open holds readers back behind it until it is aborted, as its timeout does.
fn with_markers(world: &World) {
    for number in 0..world::PARTITIONS {
        let id = world.city.topic(&format!("broker.{number}"));
        world.log.transactor(&id).init().expect("aborted");
    }
    while world.log.unwritten_markers() > 0 {
        world.log.write_marker(0);
    }
}

/// Ends up to which committed readers come, whatever is open beyond them.
struct Stable(MemoryLog);

impl Ends for Stable {
    fn high_watermarks(
        &mut self,
        partitions: &[TopicPartition],
        _wait: Duration,
    ) -> Result<Vec<i64>, LogError> {
        Ok(self.0.stable_ends(partitions))
    }
}

/// The differences that are enforcement's. The simulated control plane dies too, and then says what is no legal change any more: the broker passes
/// over such a record, and the audit names it.
fn of_enforcement(report: &Report) -> Vec<String> {
    let differences = report.differences().iter();
    let of_enforcement = differences.filter(|one| one.check != "control");
    of_enforcement.map(ToString::to_string).collect()
}

/// The records of a topic that are committed.
fn committed(world: &World, plain: &str) -> usize {
    let topic = world.city.topic(plain);
    world.log.committed_records(&topic).len()
}

/// The run's log as the auditor reads it.
fn source(world: &World) -> impl LogSource + use<> {
    let table = walbrook_eventlog::topics::table(&world.city.namespace, world::PARTITIONS);
    let later = (2..=copies::LAST).map(|one| copies::partitions(world, one)[0].topic.clone());
    let later: Vec<_> = later.collect();
    let counts = move |name: &str| {
        let of_table = table.iter().find(|topic| topic.name == name);
        let is_later = later.iter().any(|topic| **topic == *name);
        of_table
            .map(|topic| topic.partitions)
            .or(is_later.then_some(world::PARTITIONS))
    };
    LiveSource::new(
        world.city.namespace.clone(),
        world.log.reader(),
        Stable(world.log.clone()),
        counts,
    )
}

fn audit(source: &mut dyn LogSource) -> Found {
    let log = Log::read(source, &mut |_| {}).expect("the log can be read");
    verify(&log, &Options::default())
}
