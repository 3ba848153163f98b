//! The auditor finds what is missing from a queue.

use crate::hand::{DAY_MS, Hand, NARROW, handle};
use crate::held::{Held, listed};
use walbrook_broker::enforce::control_view::Limits;
use walbrook_domain::control::Standing;
use walbrook_event::headers;
use walbrook_eventlog::position::Cursor;
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_tests::records::DUTY;

/// An amendment that narrows, in slices of which each is a page of its own.
fn clean() -> Held {
    let mut hand = Hand::new(
        2,
        Limits {
            events_a_handle: 100,
            slice_offsets: 3,
        },
    );
    for _ in 0..6 {
        hand.send(handle(1));
        hand.send(handle(2));
    }
    hand.rest();
    hand.later(DAY_MS);
    hand.amend(DUTY, &NARROW, None);
    hand.sign(DUTY);
    hand.rest();
    hand.audit();
    hand.hold()
}

fn is_slice(page: &DecisionPage) -> bool {
    page.kind == "REDECISION" && !page.redecided.is_empty()
}

#[track_caller]
fn says(held: &Held, check: &str) {
    let report = held.audit();
    let found = report.differences().iter().any(|one| one.check == check);
    assert!(found, "no difference of `{check}`:\n{}", listed(&report));
}

#[test]
fn untouched_it_is_clean_and_has_several_slices() {
    let mut held = clean();
    let mut slices = 0;
    held.edit_pages(|page| slices += usize::from(is_slice(page)));
    assert!(slices >= 4, "{slices}");
    assert!(held.audit().is_clean());
}

#[test]
fn a_queue_that_was_never_begun() {
    let mut held = clean();
    held.edit_pages(|page| {
        page.cursor_before = "-".to_owned();
        page.cursor_after = "-".to_owned();
        page.redecided.clear();
        page.agreements.clear();
    });
    says(&held, "re-decision");
}

#[test]
fn a_cursor_that_jumps_over_a_stretch() {
    let mut held = clean();
    let mut first = true;
    held.edit_pages(|page| {
        if is_slice(page) && std::mem::take(&mut first) {
            page.redecided.clear();
        }
    });
    says(&held, "re-decision");
}

#[test]
fn a_cursor_that_goes_back_or_begins_elsewhere() {
    for (field, change) in [
        ("after", "17:housing@0:housing@12:-"),
        ("before", "-"),
        ("after", "no cursor"),
    ] {
        let mut held = clean();
        let mut number = 0;
        held.edit_pages(|page| {
            number += usize::from(is_slice(page));
            if number == 2 && is_slice(page) {
                match field {
                    "before" => page.cursor_before = change.to_owned(),
                    _ => page.cursor_after = change.to_owned(),
                }
            }
        });
        says(&held, "queue");
    }
}

#[test]
fn a_queue_said_to_be_through_before_it_is() {
    let mut held = clean();
    let mut done = false;
    held.edit_pages(|page| {
        if done {
            page.redecided.clear();
            page.cursor_before = "-".to_owned();
            page.cursor_after = "-".to_owned();
        }
        if is_slice(page) && !done {
            done = true;
            page.cursor_after = "-".to_owned();
        }
    });
    says(&held, "re-decision");
}

#[test]
fn a_rest_that_no_cause_left() {
    let mut held = clean();
    held.edit_pages(|page| {
        for cursor in [&mut page.cursor_before, &mut page.cursor_after] {
            let mut with_rest: Cursor = cursor.parse().unwrap();
            with_rest
                .rests
                .insert(handle(1).to_bytes(), "housing@5".parse().unwrap());
            *cursor = with_rest.to_string();
        }
    });
    says(&held, "queue");
}

#[test]
fn a_release_of_a_slice_that_is_not_on_the_topic() {
    let mut held = clean();
    let shared = held.of_topic("shared.rough-sleeping");
    let under = |record: &walbrook_eventlog::Record| {
        record.headers.text(headers::AGREEMENT) == Some("duty@2")
    };
    let at = shared.iter().position(under).expect("one");
    shared.remove(at);
    says(&held, "release");
}

#[test]
fn a_queue_that_stands_still_is_in_progress_for_a_day_and_no_longer() {
    let limits = Limits {
        events_a_handle: 100,
        slice_offsets: 3,
    };
    let mut hand = Hand::new(1, limits);
    for _ in 0..12 {
        hand.send(handle(1));
    }
    hand.rest();
    hand.later(DAY_MS);
    hand.amend(DUTY, &NARROW, None);
    hand.sign(DUTY);
    hand.step(usize::MAX);
    assert!(!hand.cursor().is_idle());
    hand.later(DAY_MS);
    hand.send(handle(1));
    hand.audit();
    hand.later(60_000);
    hand.send(handle(1));
    says(&hand.hold(), "queue");
    // It goes on.
    hand.rest();
    hand.audit();
}

#[test]
fn the_signature_that_demands_it_is_what_the_page_names() {
    let mut held = clean();
    let mut named = 0;
    held.edit_pages(|page| {
        for cause in &mut page.causes {
            if cause.kind == "AGREEMENT" {
                named += 1;
                cause.offset += 100_000;
            }
        }
    });
    assert!(named > 0);
    says(&held, "page");
}

#[test]
fn an_old_disclosure_widened() {
    // A page that states what the wide version would grant of an event that was accepted before it.
    let mut hand = Hand::new(1, Limits::default());
    hand.amend(DUTY, &NARROW, None);
    hand.sign(DUTY);
    hand.later(DAY_MS);
    hand.send(handle(1));
    hand.rest();
    hand.later(DAY_MS);
    hand.amend(DUTY, &crate::hand::WIDE, None);
    hand.sign(DUTY);
    hand.stand(DUTY, None, Standing::Suspended);
    hand.stand(DUTY, None, Standing::InForce);
    hand.rest();
    hand.audit();
    let mut held = hand.hold();
    let mut widened = 0;
    held.edit_pages(|page| {
        for entry in page
            .redecided
            .iter_mut()
            .flat_map(|event| &mut event.entries)
        {
            if entry.field_mask != 0 {
                entry.field_mask |= 0b110;
                widened += 1;
            }
        }
    });
    assert!(widened > 0);
    says(&held, "decision");
}
