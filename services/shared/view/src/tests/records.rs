//! Lists of events in a cell: all of them in order, or none and why.

use super::rows::Setting;
use super::support::*;
use crate::Known;
use crate::model::Kind;
use crate::value::Value;

const CAMDEN: &str = "GSS:E09000007";
const REVIEW: &str = "social_care.ReviewHeld";

fn review(e: u8, on: &str, code: &str) -> crate::Contribution {
    let fields = [
        ("reviewed_on", Value::Day(day(on))),
        ("review_code", Value::Text(code.into())),
    ];
    contribution((1, 1, e), REVIEW, on, &fields)
}

fn setting() -> Setting {
    let mut setting = Setting::new("ssda903_return", &[(CAMDEN, REVIEW)]);
    let mut facts = subject(CAMDEN, Some("2025-06-01"));
    facts.responsible_authority = Some(org(CAMDEN));
    setting.add(subject_input(1, 1, facts));
    setting
}

fn reviews(setting: &mut Setting) -> Known {
    let row = setting.row(1, CAMDEN).unwrap();
    let cell = row.cells.into_iter().find(|cell| cell.column == "reviews");
    cell.unwrap().known
}

#[test]
fn every_event_is_listed_once_in_order_also_of_one_who_has_grown_up() {
    let mut setting = setting();
    setting.release(review(2, "2026-03-01", "PN2"));
    setting.release(review(1, "2025-05-01", "PN1"));
    setting.release(review(1, "2025-05-01", "PN1"));
    let expected = [
        "by=GSS:E09000007;reviewed_on=2025-05-01;review_code=PN1",
        "by=GSS:E09000007;reviewed_on=2026-03-01;review_code=PN2",
    ];
    let texts = expected.map(Into::into).to_vec();
    assert_eq!(reviews(&mut setting), Known::Value(Value::Texts(texts)));
}

#[test]
fn more_events_than_the_file_allows_are_not_half_a_list() {
    let mut setting = setting();
    for feature in &mut setting.view.features {
        if let Kind::Records { most, .. } = &mut feature.kind {
            *most = 1;
        }
    }
    setting.release(review(1, "2025-05-01", "PN1"));
    assert!(matches!(reviews(&mut setting), Known::Value(_)));
    setting.release(review(2, "2026-03-01", "PN2"));
    let said = Known::Withheld("not listed: more than 1 events".into());
    assert_eq!(reviews(&mut setting), said);
}
