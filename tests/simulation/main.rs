//! Seeded simulations of enforcement on the in-memory log: two broker processes, crashes at every step of a transaction, partitions that move,
//! merges, un-merges, grounds that fall and return, retries and corrections. Afterwards what stands on the shared topic must be exactly what a
//! plain look at the final state demands, and what the pages say must be exactly what was released.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod bench;
mod faulty;
mod oracle;
mod rules;
mod world;

use world::World;

/// Simulations of this many steps.
const STEPS: usize = 260;

fn run(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.settle();
    oracle::check(&world);
}

#[test]
fn what_stands_is_what_the_final_state_demands() {
    for seed in 0..40 {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(
            outcome.is_ok(),
            "seed {seed} fails: run it alone with run({seed})"
        );
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    let history = |seed| {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.settle();
        world.everything_committed()
    };
    assert_eq!(history(7), history(7));
}

#[test]
fn crashes_change_nothing_in_the_end() {
    // The same inputs with and without faults lead to the same shelf.
    for seed in 100..110 {
        let faulty = {
            let mut world = World::new(seed);
            world.run_inputs(STEPS, true);
            world.shelf()
        };
        let calm = {
            let mut world = World::new(seed);
            world.run_inputs(STEPS, false);
            world.shelf()
        };
        assert_eq!(faulty.contributions, calm.contributions, "seed {seed}");
        assert_eq!(faulty.subjects, calm.subjects, "seed {seed}");
    }
}
