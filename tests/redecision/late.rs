//! What was in force when an event was accepted is told by the log's times, and those of two topics are two clocks'. What was decided before a control
//! record and bears a later time is put right in the transaction that first commits a position past the record, and waits for no queue.

use crate::hand::{DAY_MS, Hand, NARROW, WIDE, handle};
use crate::held::listed;
use walbrook_broker::enforce::control_view::Limits;
use walbrook_domain::control::Standing;
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_tests::records::{CAMDEN, CONSENTED, DUTY};

const SECOND_MS: i64 = 1_000;

/// Ten events, so that a queue in slices of two comes late to what was sent last.
fn town() -> Hand {
    let limits = Limits {
        events_a_handle: 100,
        slice_offsets: 2,
    };
    let mut hand = Hand::new(2, limits);
    for _ in 0..5 {
        hand.send(handle(1));
        hand.send(handle(2));
    }
    hand.rest();
    hand.later(DAY_MS);
    hand
}

/// An event is accepted and released; then something is said that bears an earlier time.
fn late(hand: &mut Hand, say: impl FnOnce(&mut Hand)) {
    hand.later(2 * SECOND_MS);
    hand.send(handle(1));
    hand.rest();
    assert_eq!(hand.duty(handle(1)), 6, "nothing was said of it yet");
    hand.audit();
    hand.behind(SECOND_MS, say);
    hand.later(SECOND_MS);
}

fn suspended_late() -> Hand {
    let mut hand = town();
    late(&mut hand, |hand| {
        hand.stand(DUTY, Some(CAMDEN), Standing::Suspended);
    });
    hand.step(usize::MAX).expect("a cause");
    hand
}

fn causes(page: &DecisionPage) -> Vec<&str> {
    page.causes.iter().map(|one| one.kind.as_str()).collect()
}

#[test]
fn a_suspension_takes_what_was_accepted_since_and_nothing_else() {
    let mut hand = suspended_late();
    assert_eq!(hand.duty(handle(1)), 5);
    assert_eq!(hand.duty(handle(2)), 5, "hidden at read, and it stands");
    let pages = hand.pages();
    let page = pages.last().expect("a page");
    assert_eq!(
        (causes(page), page.retractions.len()),
        (vec!["AGREEMENT"], 1)
    );
    hand.audit();
    hand.later(DAY_MS);
    hand.stand(DUTY, Some(CAMDEN), Standing::InForce);
    while hand.step(usize::MAX).is_some() {
        assert_eq!(hand.duty(handle(1)), 5, "it comes into sight at no time");
    }
    hand.audit();
}

#[test]
fn an_end_for_everybody_takes_it_and_a_new_signature_does_not_bring_it_back() {
    let mut hand = town();
    late(&mut hand, |hand| {
        hand.stand(DUTY, None, Standing::Terminated)
    });
    hand.step(usize::MAX).expect("a cause");
    assert_eq!(hand.duty(handle(1)), 5);
    hand.audit();
    hand.later(DAY_MS);
    hand.amend(DUTY, &WIDE, None);
    hand.sign(DUTY);
    hand.rest();
    assert_eq!((hand.duty(handle(1)), hand.duty(handle(2))), (5, 5));
    hand.audit();
}

#[test]
fn a_narrower_version_narrows_it_at_once_while_the_rest_waits_in_the_queue() {
    let mut hand = town();
    let (_, wide) = hand.stand_of(handle(1), DUTY);
    hand.amend(DUTY, &NARROW, None);
    late(&mut hand, |hand| hand.sign(DUTY));
    let (_, before) = hand.stand_of(handle(1), DUTY);
    assert_eq!(before, wide + wide / 5);
    hand.step(usize::MAX).expect("a cause");
    let narrow = hand.pages().iter().any(|page| {
        let sixth = page.redecided.iter().filter(|event| event.offset == 10);
        page.kind == "REDECISION" && sixth.count() == 1
    });
    assert!(narrow, "the sixth is decided again at once");
    assert!(!hand.cursor().is_idle(), "and the queue is under way");
    // Wide again before the queue has come anywhere near it.
    hand.amend(DUTY, &WIDE, None);
    hand.later(DAY_MS);
    hand.sign(DUTY);
    hand.step(usize::MAX).expect("a cause");
    let (count, bytes) = hand.stand_of(handle(1), DUTY);
    assert_eq!(count, 6);
    assert!(
        bytes < before,
        "what was accepted under the narrow version stays narrow"
    );
    hand.rest();
    hand.audit();
}

#[test]
fn a_p_that_was_away_puts_right_what_lies_between_a_suspension_and_its_end() {
    let mut hand = town();
    hand.later(SECOND_MS);
    hand.send(handle(1));
    hand.later(2 * SECOND_MS);
    hand.send(handle(2));
    hand.rest();
    assert_eq!((hand.duty(handle(1)), hand.duty(handle(2))), (6, 6));
    hand.behind(5 * SECOND_MS / 2, |hand| {
        hand.stand(DUTY, Some(CAMDEN), Standing::Suspended);
    });
    hand.behind(SECOND_MS, |hand| {
        hand.stand(DUTY, Some(CAMDEN), Standing::InForce);
    });
    hand.step(usize::MAX).expect("both at once");
    assert_eq!(hand.duty(handle(1)), 5, "accepted while it was suspended");
    assert_eq!(hand.duty(handle(2)), 6, "accepted after it was resumed");
    hand.audit();
    hand.rest();
    assert_eq!((hand.duty(handle(1)), hand.duty(handle(2))), (5, 6));
    hand.audit();
}

#[test]
fn it_is_the_same_after_a_crash_before_or_after_the_commit() {
    let calm = suspended_late();
    for before_commit in [true, false] {
        let mut hand = town();
        late(&mut hand, |hand| {
            hand.stand(DUTY, Some(CAMDEN), Standing::Suspended);
        });
        assert!(hand.step_and_die(usize::MAX, before_commit));
        hand.rest();
        assert_eq!(hand.shelf().contributions, calm.shelf().contributions);
        hand.audit();
    }
}

#[test]
fn another_agreements_suspension_and_another_partys_take_nothing() {
    let mut hand = town();
    late(&mut hand, |hand| {
        hand.stand(CONSENTED, Some(CAMDEN), Standing::Suspended);
        hand.stand(
            DUTY,
            Some(walbrook_tests::records::ISLINGTON),
            Standing::Suspended,
        );
    });
    hand.rest();
    assert_eq!((hand.duty(handle(1)), hand.duty(handle(2))), (6, 5));
    hand.audit();
}

#[test]
fn nothing_is_decided_on_a_day_before_it_was_accepted() {
    // The log's clock is ahead of this process's, and past midnight on the agreement's last day.
    let mut hand = town();
    let midnight = DAY_MS - hand.now_ms % DAY_MS;
    hand.later(midnight - 10 * SECOND_MS);
    hand.log.set_now_ms(hand.now_ms + 30 * SECOND_MS);
    hand.send(handle(1));
    hand.rest();
    let pages = hand.pages();
    let decided = pages.last().and_then(|page| page.decided_at).expect("one");
    assert_eq!(decided.seconds * 1_000, hand.now_ms + 30 * SECOND_MS);
    hand.audit();
    let mut held = hand.hold();
    let last = pages.len() as i64 - 1;
    held.edit_pages(|page| {
        if page.sequence == last
            && let Some(at) = &mut page.decided_at
        {
            at.seconds -= 20;
        }
    });
    let report = held.audit();
    assert!(
        report.differences().iter().any(|one| one.check == "epoch"),
        "{}",
        listed(&report)
    );
}

#[test]
fn the_auditor_misses_what_was_left_standing() {
    let mut held = suspended_late().hold();
    let mut taken = 0;
    held.edit_pages(|page| {
        if causes(page) == ["AGREEMENT"] {
            taken += page.retractions.len();
            page.retractions.clear();
            page.redecided.clear();
            page.agreements.clear();
        }
    });
    assert_eq!(taken, 1);
    held.of_topic("shared.rough-sleeping").pop();
    let report = held.audit();
    let found = report.differences().iter().any(|one| {
        one.check == "retraction" && one.expected.contains("raw.housing[0]@10 under duty")
    });
    assert!(found, "{}", listed(&report));
}

#[test]
fn the_auditor_sees_that_more_was_taken_than_the_record_demands() {
    let mut held = suspended_late().hold();
    let mut widened = 0;
    held.edit_pages(|page| {
        if causes(page) == ["AGREEMENT"] {
            for retraction in &mut page.retractions {
                // The one event becomes everything under the agreement.
                widened += usize::from(retraction.event_id.take().is_some());
            }
        }
    });
    assert_eq!(widened, 1);
    let report = held.audit();
    let found = report
        .differences()
        .iter()
        .any(|one| one.check == "retraction" && one.expected == "only what a cause demands");
    assert!(found, "{}", listed(&report));
}
