//! Disputed cells: marked where a row rests on the event, and nowhere else; by offset, so that a row comes out again as it was shown.

use super::rows::Setting;
use super::support::*;
use crate::dispute::{CORRECTED, Disputes, STANDS, WRONG_FACT, WRONG_PERSON};
use crate::row::{Asked, Row};
use crate::value::Value;
use proptest::prelude::*;
use walbrook_proto::audit::v1::{Dispute, DisputeAnswer};

const CAMDEN: &str = "GSS:E09000007";
const CONTACT: &str = "housing.RoughSleepingContact";
const COLUMN: &str = "days_since_contact";

fn setting() -> Setting {
    let mut setting = Setting::new("rough_sleeping_risk", &[(CAMDEN, CONTACT)]);
    setting.add(subject_input(1, 1, subject(CAMDEN, Some("2010-01-01"))));
    for (e, on) in [(2, "2026-05-20"), (3, "2026-05-29")] {
        let bedded = [("bedded_down", Value::Bool(true))];
        setting.release(contribution((1, 1, e), CONTACT, on, &bedded));
    }
    setting
}

fn dispute(id: &str, (kind, column, e): (&str, &str, u8)) -> Dispute {
    Dispute {
        dispute_id: id.into(),
        view: "rough_sleeping_risk".into(),
        kind: kind.into(),
        column: column.into(),
        event_id: event(e).to_string(),
        person_pseudonym: person(1).as_bytes().to_vec(),
        handle_pseudonym: handle(1).as_bytes().to_vec(),
        ..Dispute::default()
    }
}

fn answer(id: &str, word: &str) -> DisputeAnswer {
    DisputeAnswer {
        dispute_id: id.into(),
        answer: word.into(),
        ..DisputeAnswer::default()
    }
}

fn row(setting: &Setting, disputes: &Disputes, as_of: i64) -> Row {
    let asked = Asked {
        disputes: Some(disputes.marks(as_of)),
        ..setting.asked(setting.at.start())
    };
    let held = setting.partition.person(&person(1));
    asked.row(&held.unwrap()).unwrap().unwrap()
}

fn marked(row: &Row) -> Vec<&str> {
    let marked = row.cells.iter().filter(|cell| cell.disputed);
    marked.map(|cell| cell.column.as_str()).collect()
}

#[test]
fn the_cell_that_rests_on_the_event_is_marked_and_no_other() {
    let setting = setting();
    let mut disputes = Disputes::default();
    let plain = row(&setting, &disputes, 0);
    assert!(marked(&plain).is_empty());
    disputes.dispute(dispute("one", (WRONG_FACT, COLUMN, 3)), 10);
    let disputed = row(&setting, &disputes, 11);
    assert_eq!(marked(&disputed), [COLUMN]);
    assert_ne!(disputed.sha256(), plain.sha256(), "the mark is in the hash");
    // The last contact alone decides it: the one before is behind other cells.
    let mut other = Disputes::default();
    other.dispute(dispute("two", (WRONG_FACT, COLUMN, 2)), 10);
    assert!(marked(&row(&setting, &other, 11)).is_empty());
    other.dispute(dispute("three", (WRONG_FACT, "contacts_28d", 2)), 12);
    assert_eq!(marked(&row(&setting, &other, 13)), ["contacts_28d"]);
    // Another view's cells are not this one's.
    let mut elsewhere = Disputes::default();
    elsewhere.dispute(
        Dispute {
            view: "children_in_care".into(),
            ..dispute("one", (WRONG_FACT, COLUMN, 3))
        },
        10,
    );
    assert!(marked(&row(&setting, &elsewhere, 11)).is_empty());
}

#[test]
fn an_answer_ends_it_from_its_own_place_on_and_what_is_corrected_ends_by_itself() {
    let mut setting = setting();
    let mut disputes = Disputes::default();
    disputes.dispute(dispute("one", (WRONG_FACT, COLUMN, 3)), 10);
    disputes.answer(answer("one", CORRECTED), 12);
    assert_eq!(disputes.as_of(), 11, "the mark stays while the event does");
    assert_eq!(marked(&row(&setting, &disputes, 13)), [COLUMN]);
    disputes.answer(answer("one", STANDS), 14);
    assert!(marked(&row(&setting, &disputes, 15)).is_empty());
    // As it was shown before.
    for (as_of, expected) in [(10, 0), (11, 1), (14, 1), (15, 0)] {
        let shown = row(&setting, &disputes, as_of);
        assert_eq!(marked(&shown).len(), expected, "{as_of}");
    }

    let mut disputes = Disputes::default();
    disputes.dispute(dispute("two", (WRONG_FACT, COLUMN, 3)), 20);
    let mut corrected = contribution((1, 1, 4), CONTACT, "2026-05-28", &[]);
    corrected.supersedes = Some(event(3));
    setting.release(corrected);
    assert!(marked(&row(&setting, &disputes, 21)).is_empty());
}

#[test]
fn another_persons_event_is_marked_while_it_is_theirs_and_a_wrong_fact_whosever_it_is() {
    for (kind, follows) in [(WRONG_PERSON, false), (WRONG_FACT, true)] {
        let mut setting = setting();
        let mut disputes = Disputes::default();
        disputes.dispute(dispute("one", (kind, COLUMN, 3)), 10);
        assert_eq!(marked(&row(&setting, &disputes, 11)), [COLUMN]);
        // The record becomes another person's.
        setting.add(subject_input(2, 1, subject(CAMDEN, Some("2010-01-01"))));
        for (e, on) in [(2, "2026-05-20"), (3, "2026-05-29")] {
            setting.release(contribution((2, 1, e), CONTACT, on, &[]));
        }
        let asked = Asked {
            disputes: Some(disputes.marks(11)),
            ..setting.asked(setting.at.start())
        };
        let moved = setting.partition.person(&person(2)).unwrap();
        let moved = asked.row(&moved).unwrap().unwrap();
        assert_eq!(!marked(&moved).is_empty(), follows, "{kind}");
        assert_eq!(
            setting.partition.homes(&handle(1)).collect::<Vec<_>>(),
            [person(2)]
        );
    }
}

proptest! {
    /// What was touched since an offset is exactly whose marks differ between then and the end.
    #[test]
    fn whose_marks_changed_is_told(
        acts in prop::collection::vec((0u8..4, 0u8..3), 0..12),
        since in 0i64..14,
    ) {
        let mut disputes = Disputes::default();
        for ((number, act), offset) in acts.iter().zip(0i64..) {
            let id = format!("d{number}");
            match act {
                0 => {
                    let one = Dispute {
                        handle_pseudonym: handle(*number).as_bytes().to_vec(),
                        ..dispute(&id, (WRONG_FACT, COLUMN, *number))
                    };
                    disputes.dispute(one, offset);
                }
                1 => disputes.answer(answer(&id, STANDS), offset),
                _ => disputes.answer(answer(&id, CORRECTED), offset),
            }
        }
        let mut setting = Setting::new("rough_sleeping_risk", &[(CAMDEN, CONTACT)]);
        for number in 0..4 {
            setting.add(subject_input(number + 1, number, subject(CAMDEN, None)));
        }
        let touched = disputes.touched_since(since);
        for number in 0..4u8 {
            let held = setting.partition.person(&person(number + 1)).unwrap();
            let marks = |as_of| disputes.marks(as_of).of("rough_sleeping_risk", &held).len();
            if marks(since) != marks(disputes.as_of()) {
                prop_assert!(touched.contains(&handle(number)));
            }
            if !touched.contains(&handle(number)) {
                for as_of in since..14 {
                    prop_assert_eq!(marks(as_of), marks(since));
                }
            }
        }
    }
}
