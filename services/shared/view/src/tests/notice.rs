//! What fell of whose row: by events and agreements alone, and under an id that everybody comes to.

use super::support::*;
use crate::notice::{Cause, DAYS, Fallen, To, due_on, id};
use crate::{ContributionKey, Removed};
use std::collections::BTreeSet;
use walbrook_domain::{AgreementId, Day, EventId};

fn agreement(name: &str) -> AgreementId {
    name.parse().unwrap()
}

fn event(e: u8) -> EventId {
    EventId::new(uuid::Uuid::from_bytes([e; 16]))
}

fn removed(fallen: &[(u8, u8, &str)]) -> Removed {
    let fallen = fallen.iter().map(|(of, e, under)| {
        let key = ContributionKey {
            handle: walbrook_domain::HandlePseudonym::new([*of; 16]),
            event: event(*e),
            agreement: agreement(under),
        };
        (person(*of), key)
    });
    Removed {
        reason: "RECALL".into(),
        contributions: 1,
        people: 0,
        fallen: fallen.collect(),
    }
}

fn shown(events: &[u8]) -> Vec<u8> {
    let events = events.iter();
    events
        .flat_map(|e| event(*e).prefix().to_be_bytes())
        .collect()
}

#[test]
fn a_row_is_touched_by_what_it_rested_on_under_an_agreement_of_its_reader_and_by_nothing_else() {
    let of = Fallen::of(&removed(&[
        (1, 5, "one"),
        (1, 5, "two"),
        (1, 6, "one"),
        (2, 7, "one"),
    ]));
    assert_eq!(of.len(), 2, "by person");
    let fallen = &of[&person(1)];
    let one = BTreeSet::from([agreement("one")]);
    let gone = |_: EventId, _: &AgreementId| false;
    assert_eq!(
        fallen.touched(&shown(&[4, 5, 6]), &one, gone),
        [event(5), event(6)]
    );
    assert_eq!(fallen.touched(&shown(&[4, 6]), &one, gone), [event(6)]);
    assert!(
        fallen.touched(&shown(&[4]), &one, gone).is_empty(),
        "not shown"
    );
    assert!(fallen.touched(&[], &one, gone).is_empty(), "nothing shown");
    let two = BTreeSet::from([agreement("two")]);
    assert_eq!(fallen.touched(&shown(&[5, 6]), &two, gone), [event(5)]);
    let three = BTreeSet::from([agreement("three")]);
    assert!(
        fallen.touched(&shown(&[5, 6]), &three, gone).is_empty(),
        "not the reader's"
    );
    // It still stands, or stands again, under another agreement of the reader's.
    let both = BTreeSet::from([agreement("one"), agreement("three")]);
    let stands = |e: EventId, under: &AgreementId| e == event(5) && *under == agreement("three");
    assert_eq!(fallen.touched(&shown(&[5, 6]), &both, stands), [event(6)]);
    assert_eq!(
        fallen.touched(&shown(&[5, 6]), &one, stands).len(),
        2,
        "not under the reader's"
    );
}

#[test]
fn what_fell_is_read_back_as_it_was_written_and_nothing_else_is() {
    let of = Fallen::of(&removed(&[(1, 5, "one"), (1, 5, "two"), (1, 6, "one")]));
    let stored = of[&person(1)].encode();
    assert_eq!(Fallen::decode(&stored).unwrap(), of[&person(1)]);
    assert!(Fallen::decode(&stored[..stored.len() - 1]).is_err());
    assert!(Fallen::decode(&[&stored[..], &[0]].concat()).is_err());
}

#[test]
fn the_same_cause_and_reader_give_the_same_id_and_any_other_gives_another() {
    let to = |view: &str, organisation: &str, role: &str| To {
        view: view.into(),
        organisation: organisation.into(),
        role: role.into(),
    };
    let ours = to("v", "o", "r");
    let first = id(("shared.a", 1, 7), &ours, &person(1));
    assert_eq!(first, id(("shared.a", 1, 7), &ours, &person(1)));
    let others = [
        id(("shared.b", 1, 7), &ours, &person(1)),
        id(("shared.a", 2, 7), &ours, &person(1)),
        id(("shared.a", 1, 8), &ours, &person(1)),
        id(("shared.a", 1, 7), &to("w", "o", "r"), &person(1)),
        id(("shared.a", 1, 7), &to("v", "p", "r"), &person(1)),
        id(("shared.a", 1, 7), &to("v", "o", "s"), &person(1)),
        id(("shared.a", 1, 7), &to("vo", "", "r"), &person(1)),
        id(("shared.a", 1, 7), &ours, &person(2)),
    ];
    let distinct: BTreeSet<_> = others.into_iter().chain([first]).collect();
    assert_eq!(distinct.len(), 9);
}

#[test]
fn of_a_ground_that_fell_nobody_is_told_which() {
    for reason in [
        "WITHDRAWAL",
        "OBJECTION",
        "OPT_OUT",
        "SAFETY_HOLD",
        "RESTRICTED",
        "CHOSEN_AUTHORITY",
        "RE_DECIDED",
        "SOMETHING_NEW",
    ] {
        assert_eq!(Cause::of(reason), Cause::NoLongerShared);
    }
    assert!(!Cause::says_which(Cause::of("SAFETY_HOLD").word()));
    for reason in ["SUPERSEDED", "RECALL", "RELINKED", "ERASURE"] {
        assert!(Cause::says_which(Cause::of(reason).word()), "{reason}");
    }
}

#[test]
fn a_notice_is_due_by_the_london_day() {
    let noticed = Day::from_ymd(2026, 6, 30).unwrap().plus(1).start();
    assert_eq!(due_on(noticed, DAYS), Day::from_ymd(2026, 7, 15).unwrap());
}
