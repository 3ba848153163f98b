//! The fold of break-glasses.

use crate::glass::{Glasses, OBJECTED, REVIEWED_WITHIN_MICROS, Unreviewable, is_verdict};
use proptest::prelude::*;
use prost_types::Timestamp;
use walbrook_domain::Instant;
use walbrook_proto::audit::v1::{BreakGlassReview, ReadRecord};

const OF: (&str, &str) = ("a-view", "GSS:E09000007");
const READER: (&str, &str) = ("officer-1", "an-officer");
const PERSON: [u8; 16] = [7; 16];

fn at(second: i64) -> Instant {
    Instant(second * 1_000_000)
}

fn begun(id: &str, second: i64, until: i64) -> (ReadRecord, Instant) {
    let read = ReadRecord {
        read_id: id.into(),
        view: OF.0.into(),
        organisation: OF.1.into(),
        reader: READER.0.into(),
        role: READER.1.into(),
        asked: vec![PERSON.to_vec()],
        case_reference: Some("case-1".into()),
        break_glass_reason: Some("RISK_TO_LIFE".into()),
        break_glass_read_id: Some(id.into()),
        break_glass_until: Some(Timestamp {
            seconds: until,
            nanos: 0,
        }),
        ..ReadRecord::default()
    };
    (read, at(second))
}

fn review(id: &str, outcome: &str) -> BreakGlassReview {
    BreakGlassReview {
        read_id: id.into(),
        reviewer: "supervisor-1".into(),
        outcome: outcome.into(),
        ..BreakGlassReview::default()
    }
}

fn holds(glasses: &Glasses, second: i64) -> Option<String> {
    let held = glasses.holding(OF, READER, &PERSON, at(second));
    held.map(|held| held.read_id.clone())
}

#[test]
fn it_holds_for_its_reader_and_person_until_its_time_and_no_longer() {
    let mut glasses = Glasses::default();
    let (read, read_at) = begun("one", 100, 200);
    glasses.read(&read, read_at);
    assert_eq!(holds(&glasses, 200).as_deref(), Some("one"));
    assert_eq!(holds(&glasses, 201), None);
    for (of, reader, person) in [
        (("other", OF.1), READER, PERSON),
        ((OF.0, "GSS:E09000012"), READER, PERSON),
        (OF, ("officer-2", READER.1), PERSON),
        (OF, (READER.0, "another"), PERSON),
        (OF, READER, [8; 16]),
    ] {
        assert!(glasses.holding(of, reader, &person, at(150)).is_none());
    }
}

#[test]
fn an_objection_ends_it_and_an_acceptance_does_not() {
    for (outcome, after) in [(OBJECTED, None), ("ACCEPTED", Some("one"))] {
        let mut glasses = Glasses::default();
        let (read, read_at) = begun("one", 100, 200);
        glasses.read(&read, read_at);
        glasses.review(&review("one", outcome), at(150));
        assert_eq!(holds(&glasses, 149).as_deref(), Some("one"), "{outcome}");
        assert_eq!(holds(&glasses, 160).as_deref(), after, "{outcome}");
        // The first word counts.
        glasses.review(&review("one", "ACCEPTED"), at(170));
        assert_eq!(holds(&glasses, 180).as_deref(), after, "{outcome}");
    }
}

#[test]
fn a_second_person_of_the_same_organisation_reviews_once() {
    let mut glasses = Glasses::default();
    let (read, read_at) = begun("one", 100, 200);
    glasses.read(&read, read_at);
    let asked = |glasses: &Glasses, of, reviewer, id| glasses.reviewable(of, reviewer, id).err();
    assert_eq!(asked(&glasses, OF, "supervisor-1", "one"), None);
    assert_eq!(
        asked(&glasses, OF, "officer-1", "one"),
        Some(Unreviewable::Own)
    );
    assert_eq!(
        asked(&glasses, OF, "supervisor-1", "two"),
        Some(Unreviewable::Unknown)
    );
    let other = (OF.0, "GSS:E09000012");
    assert_eq!(
        asked(&glasses, other, "supervisor-1", "one"),
        Some(Unreviewable::Unknown)
    );
    glasses.review(&review("one", "ACCEPTED"), at(150));
    assert_eq!(
        asked(&glasses, OF, "supervisor-1", "one"),
        Some(Unreviewable::Reviewed)
    );
    assert!(is_verdict("ACCEPTED", "NECESSARY") && !is_verdict("ACCEPTED", "NOT_NECESSARY"));
}

#[test]
fn what_was_refused_after_all_never_began() {
    let mut glasses = Glasses::default();
    let (read, read_at) = begun("one", 100, 200);
    glasses.read(&read, read_at);
    let refused = ReadRecord {
        break_glass_read_id: None,
        break_glass_until: None,
        ..read
    };
    glasses.read(&refused, at(101));
    assert_eq!(holds(&glasses, 150), None);
    assert_eq!(glasses.waiting().count(), 0);
}

#[test]
fn those_that_wait_stand_first_the_oldest_of_them_first() {
    let mut glasses = Glasses::default();
    for (id, second) in [
        ("late", 300),
        ("early", 100),
        ("judged", 50),
        ("judged later", 60),
    ] {
        let (read, read_at) = begun(id, second, 400);
        glasses.read(&read, read_at);
    }
    glasses.review(&review("judged", "ACCEPTED"), at(310));
    glasses.review(&review("judged later", "ACCEPTED"), at(320));
    let ids: Vec<&str> = glasses
        .of(OF.0, OF.1)
        .iter()
        .map(|one| one.held.read_id.as_str())
        .collect();
    assert_eq!(ids, ["early", "late", "judged later", "judged"]);
    let due = glasses.begun_with("early").map(|one| one.review_due_at());
    assert_eq!(
        due,
        Some(Instant(at(100).micros() + REVIEWED_WITHIN_MICROS))
    );
}

proptest! {
    /// Whatever was begun and judged: somebody is let in exactly while one holds that nobody had objected to.
    #[test]
    fn one_is_let_in_exactly_while_one_holds(
        begun_at in prop::collection::vec((0i64..100, 0i64..50), 0..6),
        objected in prop::collection::vec((0usize..6, 0i64..150), 0..6),
        asked in 0i64..160,
    ) {
        let mut glasses = Glasses::default();
        for (number, (from, long)) in begun_at.iter().enumerate() {
            let (read, read_at) = begun(&number.to_string(), *from, from + long);
            glasses.read(&read, read_at);
        }
        let mut ended = std::collections::BTreeMap::new();
        for (number, second) in &objected {
            glasses.review(&review(&number.to_string(), OBJECTED), at(*second));
            ended.entry(*number).or_insert(*second);
        }
        let expected = begun_at.iter().enumerate().any(|(number, (from, long))| {
            asked <= from + long && ended.get(&number).is_none_or(|second| asked < *second)
        });
        prop_assert_eq!(holds(&glasses, asked).is_some(), expected);
    }
}
