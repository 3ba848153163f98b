//! What grounds cost: `cargo run --release -p walbrook-policy --example grounds -- 10000000`.
//!
//! Loads so many people with a consent each and prints the bytes they take and the nanoseconds of a lookup, at random over all of them
//! and over a thousand that stay in the processor's cache; beside the same in a concurrent map (dashmap) with the same hash.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it prints figures"
)]

use std::hash::BuildHasherDefault;
use std::hint::black_box;
use std::time::Instant as Monotonic;
use walbrook_domain::control::{GroundFact, GroundKind, GroundState};
use walbrook_domain::{Handle, Instant, Organisation};
use walbrook_policy::state::{Ground, Grounds, HandleHasher, ground_id};

const LOOKUPS: u64 = 5_000_000;
const GIB: f64 = 1_073_741_824.0;

/// Handle number `n`, spread over all bytes as identity's are.
fn handle(n: u64) -> Handle {
    let mixed = |n: u64| {
        let n = (n ^ n >> 31).wrapping_mul(0x7fb5_d329_728e_a185);
        let n = (n ^ n >> 27).wrapping_mul(0x81da_def4_bc2d_d44d);
        n ^ n >> 33
    };
    let (high, low) = (mixed(n + 1), mixed(n ^ 0x5555_5555_5555_5555));
    Handle::new((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

fn consent(handle: Handle, by: &Organisation) -> GroundFact {
    GroundFact {
        ground_id: ground_id(&handle, GroundKind::Consent, None, None, None),
        version: 1,
        handle,
        kind: GroundKind::Consent,
        state: GroundState::Given,
        purpose: None,
        agreement: None,
        event: None,
        not_after: None,
        chosen_authority: None,
        stated_at: Instant(0),
        by_organisation: by.clone(),
        by: String::new(),
    }
}

/// Nanoseconds a lookup, the numbers drawn from the first `of`.
fn measured(of: u64, look: impl Fn(&Handle) -> bool) -> f64 {
    let handles: Vec<Handle> = (0..1_000_000u64)
        .map(|n| handle(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % of))
        .collect();
    let began = Monotonic::now();
    let found = (0..LOOKUPS)
        .zip(handles.iter().cycle())
        .filter(|(_, handle)| look(black_box(handle)))
        .count();
    let took = began.elapsed().as_nanos() as f64;
    assert_eq!(
        u64::try_from(found).ok(),
        Some(LOOKUPS),
        "a consent is missing"
    );
    took / LOOKUPS as f64
}

fn main() {
    let people: u64 = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let by = Organisation::new(walbrook_domain::Scheme::Ods, "RRV");
    let Ok(by) = by else { return };
    let mut grounds = Grounds::default();
    let began = Monotonic::now();
    for n in 0..people {
        assert!(grounds.apply(&consent(handle(n), &by)).is_ok());
    }
    println!(
        "{people} consents applied in {:.1} s: {:.3} GiB, {:.2} GiB for ten million",
        began.elapsed().as_secs_f64(),
        grounds.bytes() as f64 / GIB,
        grounds.bytes() as f64 / people as f64 * 1e7 / GIB
    );
    let given = |ground: &Ground| ground.state == GroundState::Given;
    let own = |handle: &Handle| grounds.of(handle).iter().any(given);
    let map: dashmap::DashMap<Handle, Ground, BuildHasherDefault<HandleHasher>> =
        dashmap::DashMap::default();
    for n in 0..people {
        if let Some(ground) = grounds.of(&handle(n)).first() {
            map.insert(handle(n), *ground);
        }
    }
    let concurrent = |handle: &Handle| map.get(handle).is_some_and(|ground| given(&ground));
    for (what, of) in [("of a thousand", 1_000.min(people)), ("of all", people)] {
        println!(
            "a lookup {what}: {:.1} ns here, {:.1} ns in a concurrent map",
            measured(of, own),
            measured(of, concurrent)
        );
    }
    let began = Monotonic::now();
    let copy = grounds.clone();
    println!(
        "a copy of one epoch: {:.3} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
    let began = Monotonic::now();
    let bytes: usize = copy.stored_body().map(|piece| piece.len()).sum();
    println!(
        "as bytes: {:.2} GiB in {:.1} s",
        bytes as f64 / GIB,
        began.elapsed().as_secs_f64()
    );
}
