//! What is about a person: retractions at once, and events again, the newest of a handle with very many in the same transaction.

use crate::hand::{Hand, handle};
use walbrook_auditor::Checked;
use walbrook_broker::enforce::control_view::Limits;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_event::framing::frame;
use walbrook_policy::outcome::Reason;
use walbrook_tests::records::{CONSENTED, event_id};

/// Three events a handle at once.
const THREE: Limits = Limits {
    events_a_handle: 3,
    slice_offsets: 4,
};

fn heavy() -> Hand {
    let mut hand = Hand::new(2, THREE);
    for _ in 0..10 {
        hand.send(handle(1));
        hand.send(handle(2));
    }
    hand.rest();
    hand
}

#[test]
fn a_handle_with_many_events_loses_all_at_once_and_gets_them_back_from_the_queue() {
    let mut hand = heavy();
    hand.ground(handle(1), GroundKind::Consent, GroundState::Given);
    hand.step(usize::MAX);
    let mut stood = vec![hand.stand_of(handle(1), CONSENTED).0];
    while hand.step(usize::MAX).is_some() {
        stood.push(hand.stand_of(handle(1), CONSENTED).0);
        hand.audit();
    }
    assert_eq!(stood, [3, 6, 9, 10]);
    assert_eq!(hand.duty(handle(1)), 10);
    hand.ground(handle(1), GroundKind::Consent, GroundState::Withdrawn);
    hand.step(usize::MAX);
    assert_eq!(
        hand.stand_of(handle(1), CONSENTED).0,
        0,
        "retractions are never sliced"
    );
    assert!(!hand.cursor().rests.is_empty());
    hand.audit();
    hand.rest();
    assert_eq!(hand.stand_of(handle(1), CONSENTED).0, 0);
    assert_eq!(hand.duty(handle(1)), 10);
    assert_eq!(hand.duty(handle(2)), 10, "the other one was not looked at");
    hand.audit();
}

#[test]
fn a_merge_of_handles_with_many_events_survives_crashes_and_later_causes() {
    let end = |die: bool| {
        let mut hand = heavy();
        hand.link(&[handle(1), handle(2)], 1);
        hand.step(usize::MAX);
        assert_eq!(hand.cursor().rests.len(), 1, "the one whose person changed");
        // The next cause finds it with a rest.
        hand.ground(handle(1), GroundKind::Consent, GroundState::Given);
        let mut number = 0;
        loop {
            number += 1;
            let more = if die && number % 2 == 0 {
                hand.step_and_die(usize::MAX, number % 4 == 0)
            } else {
                hand.step(usize::MAX).is_some()
            };
            hand.audit();
            if !more {
                break;
            }
            assert!(number < 100, "no end");
        }
        hand.rest();
        hand.audit();
        hand.shelf()
    };
    let (calm, died) = (end(false), end(true));
    assert_eq!(
        calm.contributions.len(),
        40,
        "both handles, both agreements"
    );
    assert_eq!(calm.contributions, died.contributions);
}

#[test]
fn rests_and_slices_are_counted_as_in_progress() {
    let mut hand = heavy();
    hand.ground(handle(1), GroundKind::Consent, GroundState::Given);
    hand.step(usize::MAX);
    assert_eq!(hand.audit().checked(Checked::Queued), 7);
    hand.rest();
    assert_eq!(hand.audit().checked(Checked::Queued), 0);
}

#[test]
fn a_quarantined_record_uses_up_no_id_and_corrects_nothing() {
    let mut hand = Hand::new(1, Limits::default());
    let kept = hand.send(handle(1));
    hand.rest();
    // Its schema is not pinned; it has a readable envelope, an id, and says that it corrects the event before.
    let good = hand.city.arrears(handle(1), event_id(77), 100, Some(kept));
    let mut bad = good.clone();
    let body = good.value.clone().unwrap();
    bad.value = Some(frame(999_999, &body[5..]).into());
    hand.append(vec![bad.clone(), bad]);
    let transaction = hand.step(usize::MAX).unwrap();
    assert_eq!(transaction.reasons.get(&Reason::Unreadable), Some(&2));
    assert_eq!(hand.duty(handle(1)), 1, "what it says it corrects stands");
    // Repaired and sent again under the same id.
    hand.append(vec![good]);
    let transaction = hand.step(usize::MAX).unwrap();
    assert_eq!(transaction.reasons.get(&Reason::Permitted), Some(&1));
    assert_eq!(
        hand.duty(handle(1)),
        1,
        "the repaired one, and not what it corrects"
    );
    // A retry of it is a duplicate, before and after a takeover.
    for number in 0..2 {
        let again = hand.city.arrears(handle(1), event_id(77), 100, Some(kept));
        hand.append(vec![again]);
        if number == 0 {
            hand.step_and_die(usize::MAX, false);
        }
        let transaction = hand.step(usize::MAX);
        let duplicates = transaction.map(|one| one.reasons.get(&Reason::Duplicate).copied());
        assert_eq!(duplicates, (number == 1).then_some(Some(1)));
    }
    hand.audit();
}
