//! What agreements widen comes back from the queue, and no further than it was ever told.

use crate::hand::{DAY_MS, Hand, NARROW, WIDE, handle};
use walbrook_broker::enforce::control_view::Limits;
use walbrook_domain::Instant;
use walbrook_domain::control::{GroundKind, GroundState, Standing};
use walbrook_tests::records::{CAMDEN, CONSENTED, DUTY};

const SMALL: Limits = Limits {
    events_a_handle: 100,
    slice_offsets: 4,
};

/// Four handles with five events each, mixed.
fn town() -> Hand {
    let mut hand = Hand::new(4, SMALL);
    for _ in 0..5 {
        for number in 1..=4 {
            hand.send(handle(number));
        }
    }
    hand.rest();
    hand.later(DAY_MS);
    hand
}

fn consent(hand: &mut Hand, number: u8, state: GroundState) {
    hand.ground(handle(number), GroundKind::Consent, state);
}

#[test]
fn what_an_unrelated_cause_took_away_under_a_suspension_comes_back_when_it_is_lifted() {
    let mut hand = town();
    consent(&mut hand, 1, GroundState::Given);
    hand.rest();
    assert_eq!(hand.stand_of(handle(1), CONSENTED).0, 5);
    hand.stand(CONSENTED, None, Standing::Suspended);
    hand.rest();
    assert!(
        hand.cursor().is_idle(),
        "a suspension alone is hidden at read"
    );
    assert_eq!(hand.stand_of(handle(1), CONSENTED).0, 5);
    consent(&mut hand, 1, GroundState::Withdrawn);
    hand.rest();
    consent(&mut hand, 1, GroundState::Given);
    hand.send(handle(1));
    hand.rest();
    assert_eq!(
        hand.stand_of(handle(1), CONSENTED).0,
        0,
        "suspended: nothing is released"
    );
    hand.later(DAY_MS);
    hand.stand(CONSENTED, None, Standing::InForce);
    assert!(hand.rest() > 4, "several slices");
    // The sixth was accepted while nothing was in force.
    assert_eq!(hand.stand_of(handle(1), CONSENTED).0, 5);
    assert_eq!(hand.duty(handle(1)), 6);
    hand.audit();
}

#[test]
fn a_narrower_version_replaces_what_stands_and_a_wider_one_does_not_reach_back() {
    let mut hand = town();
    let (count, wide) = hand.stand_of(handle(2), DUTY);
    assert_eq!(count, 5);
    hand.amend(DUTY, &NARROW, None);
    hand.rest();
    assert_eq!(
        hand.stand_of(handle(2), DUTY).1,
        wide,
        "a proposal puts nothing in force"
    );
    hand.sign(DUTY);
    hand.rest();
    let (count, narrow) = hand.stand_of(handle(2), DUTY);
    assert!(count == 5 && narrow < wide);
    let late = hand.send(handle(2));
    hand.rest();
    hand.later(DAY_MS);
    hand.amend(DUTY, &WIDE, None);
    hand.sign(DUTY);
    hand.rest();
    // What was told before the narrow version may be told again; what was accepted under it stays narrow.
    let bytes = hand.stand_of(handle(2), DUTY).1;
    assert_eq!(bytes, wide + narrow / 5, "{late}");
    hand.later(DAY_MS);
    let from = Instant((hand.now_ms - 2 * DAY_MS) * 1_000).london_day();
    hand.amend(DUTY, &WIDE, Some(from));
    hand.sign(DUTY);
    hand.rest();
    // The test's events happened months ago: the day does not reach them, though they were accepted after it.
    assert_eq!(hand.stand_of(handle(2), DUTY).1, wide + narrow / 5);
    hand.amend(
        DUTY,
        &WIDE,
        Some(Instant(1_780_000_000_000_000).london_day()),
    );
    hand.sign(DUTY);
    hand.rest();
    assert_eq!(hand.stand_of(handle(2), DUTY).1, wide + wide / 5);
    hand.audit();
}

#[test]
fn a_version_signed_ahead_changes_nothing_until_its_day_and_then_reaches_back_as_far_as_signed() {
    let mut hand = town();
    let (_, wide) = hand.stand_of(handle(2), DUTY);
    hand.amend(DUTY, &NARROW, None);
    hand.sign(DUTY);
    hand.rest();
    let narrow = hand.stand_of(handle(2), DUTY).1;
    assert!(narrow < wide);
    let (before, day) = (hand.shelf().releases, hand.today().plus(3));
    let long_ago = Instant(1_780_000_000_000_000).london_day();
    hand.amend_from(day, DUTY, &WIDE, Some(long_ago));
    hand.sign(DUTY);
    hand.rest();
    assert_eq!(hand.shelf().releases, before, "nothing is taken back");
    hand.send(handle(2));
    hand.rest();
    let (count, bytes) = hand.stand_of(handle(2), DUTY);
    assert_eq!(
        (count, bytes),
        (6, narrow + narrow / 5),
        "under the old version"
    );
    assert_eq!(hand.commence(), 0);
    hand.later(3 * DAY_MS);
    assert_eq!((hand.commence(), hand.commence()), (1, 0));
    hand.rest();
    assert_eq!(hand.stand_of(handle(2), DUTY).1, wide + wide / 5);
    hand.audit();
}

#[test]
fn a_version_that_narrows_ahead_replaces_what_stands_on_its_day() {
    let mut hand = town();
    let (_, wide) = hand.stand_of(handle(1), DUTY);
    hand.amend_from(hand.today().plus(1), DUTY, &NARROW, None);
    hand.sign(DUTY);
    hand.rest();
    assert_eq!(hand.stand_of(handle(1), DUTY).1, wide);
    hand.later(DAY_MS);
    assert_eq!(hand.commence(), 1);
    hand.rest();
    assert!(hand.stand_of(handle(1), DUTY).1 < wide);
    hand.audit();
}

#[test]
fn what_stands_unchanged_is_not_written_again() {
    let mut hand = town();
    let before = hand.shelf().releases;
    hand.stand(DUTY, None, Standing::Suspended);
    hand.stand(DUTY, None, Standing::InForce);
    hand.rest();
    assert_eq!(hand.shelf().releases, before);
    assert!(hand.audit().checked(walbrook_auditor::Checked::Queued) == 0);
}

#[test]
fn a_party_that_left_and_joins_again_brings_back_what_it_had_shared() {
    let mut hand = town();
    hand.stand(DUTY, Some(CAMDEN), Standing::Terminated);
    hand.rest();
    assert_eq!(hand.duty(handle(3)), 5, "hidden at read, and it stands");
    // Something else has the handle decided again meanwhile.
    hand.ground(handle(3), GroundKind::SafetyHold, GroundState::On);
    hand.rest();
    hand.ground(handle(3), GroundKind::SafetyHold, GroundState::Off);
    hand.send(handle(3));
    hand.rest();
    assert_eq!(hand.duty(handle(3)), 0);
    hand.later(DAY_MS);
    hand.sign(DUTY);
    hand.rest();
    assert_eq!(hand.duty(handle(3)), 5, "not what it kept to itself");
    hand.audit();
}

/// Says what widens, and then goes on in steps as told until nothing is left.
fn amended(mut step: impl FnMut(&mut Hand, usize) -> bool) -> Hand {
    let mut hand = town();
    for number in 1..=4 {
        consent(&mut hand, number, GroundState::Given);
    }
    hand.rest();
    hand.amend(CONSENTED, &NARROW, None);
    hand.sign(CONSENTED);
    let mut steps = 0;
    while step(&mut hand, steps) {
        steps += 1;
        assert!(steps < 200, "no end");
    }
    hand.rest();
    hand
}

#[test]
fn a_crash_in_mid_queue_changes_nothing_in_the_end() {
    let calm = amended(|hand, _| hand.step(usize::MAX).is_some());
    calm.audit();
    let mut in_progress = 0;
    for before_commit in [true, false] {
        let died = amended(|hand, number| {
            // Every other transaction, or the process would never come further.
            let done = if number % 2 == 0 {
                hand.step_and_die(usize::MAX, before_commit)
            } else {
                hand.step(usize::MAX).is_some()
            };
            in_progress += hand.audit().checked(walbrook_auditor::Checked::Queued);
            done
        });
        assert_eq!(died.shelf().contributions, calm.shelf().contributions);
        assert_eq!(died.shelf().releases, calm.shelf().releases);
        assert!(died.cursor().is_idle());
        died.audit();
    }
    assert!(in_progress > 0, "the audit saw the queue on its way");
}

#[test]
fn expired_offsets_are_restored_from_the_last_page_in_mid_queue_too() {
    let calm = amended(|hand, _| hand.step(usize::MAX).is_some());
    for at in 0..6 {
        let restored = amended(|hand, number| {
            if number == at {
                hand.expire();
            }
            hand.step(usize::MAX).is_some()
        });
        assert_eq!(restored.shelf().contributions, calm.shelf().contributions);
        assert_eq!(restored.shelf().releases, calm.shelf().releases);
        restored.audit();
    }
}

#[test]
fn a_cause_that_finds_the_queue_under_way_is_merged_into_it() {
    let mut hand = town();
    hand.amend(DUTY, &NARROW, None);
    hand.sign(DUTY);
    for _ in 0..3 {
        hand.step(usize::MAX);
    }
    let under_way = hand.cursor().scan.expect("under way");
    assert!(under_way.at.offset > 0 && under_way.then.is_none());
    let (_, wide) = hand.stand_of(handle(4), DUTY);
    hand.later(DAY_MS);
    hand.amend(DUTY, &WIDE, None);
    hand.sign(DUTY);
    hand.step(usize::MAX);
    let merged = hand.cursor().scan.expect("under way");
    assert_eq!(
        merged.from, under_way.from,
        "the first cause is not through"
    );
    assert!(
        merged.then.is_some(),
        "what is behind is looked at once more"
    );
    hand.rest();
    assert_eq!(hand.stand_of(handle(4), DUTY).0, 5);
    assert!(hand.stand_of(handle(4), DUTY).1 >= wide);
    hand.audit();
}

#[test]
fn live_events_and_a_persons_ground_wait_for_no_queue() {
    let mut hand = town();
    consent(&mut hand, 1, GroundState::Given);
    hand.rest();
    hand.amend(CONSENTED, &NARROW, None);
    hand.sign(CONSENTED);
    hand.step(usize::MAX);
    assert!(!hand.cursor().is_idle());
    consent(&mut hand, 1, GroundState::Withdrawn);
    hand.send(handle(2));
    let transaction = hand.step(usize::MAX).expect("something to do");
    assert!(!hand.cursor().is_idle(), "the queue is still under way");
    assert_eq!(hand.stand_of(handle(1), CONSENTED).0, 0, "and it is gone");
    assert_eq!(hand.duty(handle(2)), 6, "and the live event is decided");
    assert_eq!(
        transaction.stamp.policy_next,
        hand.feed.applied_through(),
        "the bound counts the position as past the withdrawal"
    );
    hand.audit();
    hand.rest();
    assert_eq!(hand.stand_of(handle(1), CONSENTED).0, 0);
    hand.audit();
}
