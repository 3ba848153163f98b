//! The audit of simulated runs of the real enforcement core: clean as they are, and not clean after any tampering.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test and its helpers fail by panicking"
)]

#[path = "../simulation/faulty.rs"]
mod faulty;
#[allow(dead_code, reason = "shared with the simulation, which uses the rest")]
#[path = "../simulation/world.rs"]
mod world;

mod clean;
mod held;
mod reads;
mod tampered;

use walbrook_auditor::{Found, LiveSource, Log, LogSource, Options, verify};
use world::World;

/// A run with crashes, moves, merges and falling grounds, at rest.
fn run(seed: u64, steps: usize) -> World {
    let mut world = World::new(seed);
    for _ in 0..steps {
        world.step();
    }
    world.settle();
    world
}

/// The run's log as the auditor reads it.
fn source(world: &World) -> impl LogSource + use<> {
    let table = walbrook_eventlog::topics::table(&world.city.namespace, world::PARTITIONS);
    let counts = move |name: &str| {
        table
            .iter()
            .find(|topic| topic.name == name)
            .map(|topic| topic.partitions)
    };
    LiveSource::new(
        world.city.namespace.clone(),
        world.log.reader(),
        world.log.clone(),
        counts,
    )
}

fn audit(source: &mut dyn LogSource) -> Found {
    let log = Log::read(source, &mut |_| {}).expect("the log can be read");
    verify(&log, &Options::default())
}
