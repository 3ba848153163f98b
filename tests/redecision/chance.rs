//! Anything that may happen, in any order, with crashes and expired offsets: the audit is clean at every step, and what stands in the end is what a
//! plain look at the final state demands.

use crate::hand::{Hand, NARROW, WIDE, handle};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use walbrook_broker::enforce::control_view::Limits;
use walbrook_domain::control::{GroundKind, GroundState, Standing};
use walbrook_policy::outcome::Reason;
use walbrook_tests::records::{CAMDEN, CONSENTED, DUTY};

const HANDLES: u8 = 3;

struct Run {
    hand: Hand,
    inputs: ChaCha8Rng,
    chance: ChaCha8Rng,
    faults: bool,
    suspended: BTreeSet<&'static str>,
    left: BTreeSet<&'static str>,
    on: BTreeSet<u8>,
}

impl Run {
    fn new(seed: u64, faults: bool) -> Self {
        let limits = Limits {
            events_a_handle: 3,
            slice_offsets: 4,
        };
        Self {
            hand: Hand::new(HANDLES, limits),
            inputs: ChaCha8Rng::seed_from_u64(seed),
            chance: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
            faults,
            suspended: BTreeSet::new(),
            left: BTreeSet::new(),
            on: BTreeSet::new(),
        }
    }

    fn input(&mut self) {
        self.hand.later(self.inputs.random_range(1..7_200_000));
        self.hand.commence();
        let number = self.inputs.random_range(1..=HANDLES);
        let one = handle(number);
        let id = if self.inputs.random_bool(0.5) {
            DUTY
        } else {
            CONSENTED
        };
        match self.inputs.random_range(0..16) {
            0..7 => drop(self.hand.send(one)),
            7 => self
                .hand
                .ground(one, GroundKind::Consent, GroundState::Given),
            8 => self
                .hand
                .ground(one, GroundKind::Consent, GroundState::Withdrawn),
            9 => {
                let state = if self.on.remove(&number) {
                    GroundState::Off
                } else {
                    self.on.insert(number);
                    GroundState::On
                };
                self.hand.ground(one, GroundKind::SafetyHold, state);
            }
            10 | 11 => self.amend(id),
            12 => self.suspend_or_resume(id),
            13 => self.leave_or_join(id),
            14 => self.hand.link(&[handle(1), handle(2)], 1),
            _ => {
                self.hand.link(&[handle(1)], 1);
                self.hand.link(&[handle(2)], 2);
            }
        }
    }

    fn amend(&mut self, id: &'static str) {
        if self.left.contains(id) {
            return;
        }
        let fields: &[&str] = if self.inputs.random_bool(0.5) {
            &NARROW
        } else {
            &WIDE
        };
        let backfill = self.inputs.random_bool(0.2).then(|| {
            // The test's events happened on one day, long before any of them was accepted.
            walbrook_domain::Instant(1_780_000_000_000_000).london_day()
        });
        let ahead = self.inputs.random_range(-4..3);
        let effective = self.hand.today().plus(ahead);
        self.hand.amend_from(effective, id, fields, backfill);
        self.hand.sign(id);
    }

    fn suspend_or_resume(&mut self, id: &'static str) {
        let standing = if self.suspended.remove(id) {
            Standing::InForce
        } else {
            self.suspended.insert(id);
            Standing::Suspended
        };
        self.hand.stand(id, None, standing);
    }

    fn leave_or_join(&mut self, id: &'static str) {
        if self.left.remove(id) {
            self.hand.sign(id);
        } else {
            self.left.insert(id);
            self.hand.stand(id, Some(CAMDEN), Standing::Terminated);
        }
    }

    fn work(&mut self) {
        let most = self.chance.random_range(1..5);
        match self.chance.random_range(0..10) {
            0 if self.faults => drop(self.hand.step_and_die(most, true)),
            1 if self.faults => drop(self.hand.step_and_die(most, false)),
            2 if self.faults => self.hand.expire(),
            _ => drop(self.hand.step(most)),
        }
    }

    fn go(mut self, steps: usize) -> Hand {
        for _ in 0..steps {
            self.input();
            for _ in 0..self.chance.random_range(0..3) {
                self.work();
                if self.chance.random_bool(0.1) {
                    self.hand.audit();
                }
            }
        }
        self.hand.rest();
        self.hand.audit();
        self.hand
    }
}

/// How many seeds: more at night.
fn seeds(some: u64) -> u64 {
    let asked = std::env::var("WALBROOK_REDECISION_SEEDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(some)
}

/// Exactly what is permitted stands, under its person's key; what is not permitted may stand only where every view hides it: under an agreement
/// that is not in force for its source, or was not when the event was accepted.
fn demanded(hand: &Hand, seed: u64) -> usize {
    let shelf = hand.shelf();
    let demanded = hand.demanded();
    let mut standing = shelf.contributions.clone();
    let mut permitted = 0;
    for ((name, key), reason) in demanded {
        let stood = standing.remove(&name);
        match reason {
            Reason::Permitted => {
                permitted += 1;
                let under = stood.map(|(under, _)| under);
                assert_eq!(under.as_ref(), Some(&key), "seed {seed}: {name:?}");
            }
            Reason::Suspended | Reason::Terminated | Reason::NotSignedBySource => {}
            reason => assert_eq!(stood, None, "seed {seed}: {reason} for {name:?}"),
        }
    }
    assert_eq!(standing.len(), 0, "seed {seed}: nothing else stands");
    permitted
}

#[test]
fn the_audit_is_clean_at_every_step_and_the_end_is_what_the_state_demands() {
    let mut permitted = 0;
    for seed in 0..seeds(25) {
        let run = std::panic::catch_unwind(|| {
            let hand = Run::new(seed, true).go(60);
            demanded(&hand, seed)
        });
        let Ok(count) = run else {
            panic!("seed {seed} fails: run it alone");
        };
        permitted += count;
    }
    assert!(permitted > 0, "nothing was ever permitted");
}

#[test]
fn crashes_and_expired_offsets_change_nothing_in_the_end() {
    for seed in 1_000..1_000 + seeds(10) {
        let (faulty, calm) = (Run::new(seed, true).go(50), Run::new(seed, false).go(50));
        assert_eq!(demanded(&faulty, seed), demanded(&calm, seed));
        let (left, right) = (faulty.shelf(), calm.shelf());
        let permitted = faulty.demanded();
        for ((name, _), reason) in permitted {
            if reason == Reason::Permitted {
                let bodies = (&left.contributions[&name], &right.contributions[&name]);
                assert_eq!(bodies.0, bodies.1, "seed {seed}");
            }
        }
        assert_eq!(left.subjects, right.subjects, "seed {seed}");
    }
}
