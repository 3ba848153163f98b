//! Explanations: the events behind each cell, no others, and nothing that the row does not show.

use super::rows::Setting;
use super::support::*;
use crate::explain::Explanation;
use crate::row::{Asked, Row};
use crate::value::Value;

const CAMDEN: &str = "GSS:E09000007";
const HACKNEY: &str = "GSS:E09000012";
const CONTACT: &str = "housing.RoughSleepingContact";

fn explained(setting: &Setting, p: u8, columns: &[&str]) -> Option<(Row, Explanation)> {
    let asked = Asked {
        view: &setting.view,
        reading: &setting.reading,
        evaluated_at: setting.at.start(),
        case_named: false,
        glass_broken: false,
        disputes: None,
        calendar: &setting.calendar,
    };
    let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
    let person = setting.partition.person(&person(p))?;
    let explained = asked.explain(&person, &columns).unwrap();
    if let Some((row, _)) = &explained {
        assert_eq!(asked.row(&person).unwrap().as_ref(), Some(row));
    }
    explained
}

fn setting() -> Setting {
    let mut setting = Setting::new("rough_sleeping_risk", &[(CAMDEN, CONTACT)]);
    setting.add(subject_input(1, 1, subject(CAMDEN, Some("2010-01-01"))));
    for (e, on) in [(1, "2024-01-02"), (2, "2026-05-20"), (3, "2026-05-29")] {
        let bedded = [("bedded_down", Value::Bool(true))];
        setting.release(contribution((1, 1, e), CONTACT, on, &bedded));
    }
    setting
}

#[test]
fn each_cell_names_the_events_that_decide_it_and_no_others() {
    let setting = setting();
    let (row, explanation) = explained(&setting, 1, &[]).unwrap();
    assert_eq!(explanation.cells.len(), row.cells.len());
    let of = |column: &str| -> Vec<u8> {
        let rests = explanation.cells.iter().find(|one| one.name == column);
        let places = &rests.unwrap_or_else(|| panic!("{column}")).events;
        let event = |place: &u32| explanation.events[*place as usize].event.as_bytes()[0];
        places.iter().map(event).collect()
    };
    assert_eq!(of("contacts_28d"), [2, 3], "those within the window alone");
    assert_eq!(of("days_since_contact"), [3], "the last one alone");
    assert_eq!(explanation.rules.len(), row.reasons.len());
    let last = explanation.events.last().unwrap();
    assert_eq!(last.source, org(CAMDEN));
    assert_eq!(last.link.unwrap().1, 10_000);
    assert_eq!(last.standing, "heard");
    assert!(last.agreements.contains(&agreement("one")));
}

#[test]
fn one_column_is_explained_alone_and_the_hash_tells_explanations_apart() {
    let setting = setting();
    let (_, whole) = explained(&setting, 1, &[]).unwrap();
    let (_, one) = explained(&setting, 1, &["days_since_contact"]).unwrap();
    assert_eq!(one.cells.len(), 1);
    assert_eq!(one.events[one.cells[0].events[0] as usize].event, event(3));
    let none = || std::iter::empty();
    assert_ne!(whole.sha256(none()), one.sha256(none()));
    assert_ne!(one.sha256(none()), one.sha256(["a decision"].into_iter()));
    let mut other = one.clone();
    other.events[0].link = None;
    assert_ne!(one.sha256(none()), other.sha256(none()));
}

#[test]
fn nothing_is_explained_where_no_row_is_shown() {
    let mut setting = setting();
    setting.add(subject_input(2, 2, subject(HACKNEY, Some("2010-01-01"))));
    setting.release(contribution((2, 2, 9), CONTACT, "2026-05-29", &[]));
    assert!(explained(&setting, 2, &[]).is_none(), "out of scope");
    assert!(explained(&setting, 9, &[]).is_none(), "nobody");
    setting.reading.closed = vec![agreement("one")];
    assert!(explained(&setting, 1, &[]).is_none(), "no agreement");
}
