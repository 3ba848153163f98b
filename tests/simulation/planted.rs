//! The checker is tested: each fault that could have been made is planted alone and must be caught.

use crate::run_of;
use crate::sources::Manner;
use walbrook_broker::enforce::planted::{PlantedFault, plant};

/// Seeds within which each fault must be caught.
const SEEDS: u64 = 500;

/// The first seed that catches the fault, and what it says.
fn caught(fault: PlantedFault) -> Option<(u64, String)> {
    // What another log left behind was made without faults.
    crate::disk::foreign();
    plant(Some(fault));
    // A seed is three histories.
    let manners = [Manner::Usual, Manner::ClocksApart, Manner::Generations];
    let histories = (0..SEEDS).flat_map(|seed| manners.map(|manner| (seed, manner)));
    let found = histories.into_iter().find_map(|(seed, manner)| {
        match std::panic::catch_unwind(|| run_of(seed, manner).map(drop)) {
            Ok(Ok(())) => None,
            Ok(Err(broken)) => Some((seed, broken)),
            Err(_) => Some((seed, "it panics".to_owned())),
        }
    });
    plant(None);
    found
}

#[test]
fn every_planted_fault_is_caught() {
    let mut missed = Vec::new();
    for fault in PlantedFault::ALL {
        match caught(fault) {
            Some((seed, broken)) => println!("{fault:?}: caught at seed {seed}: {broken}"),
            None => missed.push(fault),
        }
    }
    assert!(
        missed.is_empty(),
        "not caught within {SEEDS} seeds: {missed:?}"
    );
}
