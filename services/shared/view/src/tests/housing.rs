//! What a housing authority owes: its clocks run from the dates of `housing.DutyDecision` alone.

use super::rows::{Setting, cell};
use super::support::*;
use crate::Known;
use crate::facts::Contribution;
use crate::value::Value;

const CAMDEN: &str = "GSS:E09000007";
const CONTACT: &str = "housing.RoughSleepingContact";
const DECISION: &str = "housing.DutyDecision";

fn applicant() -> Setting {
    let mut setting = Setting::new(
        "rough_sleeping_risk",
        &[(CAMDEN, CONTACT), (CAMDEN, DECISION)],
    );
    setting.add(subject_input(1, 1, subject(CAMDEN, Some("2000-01-01"))));
    setting
}

fn decision(e: u8, on: &str, duty: &str, accepted: &str, ended: Option<&str>) -> Contribution {
    let mut fields = vec![
        ("duty", text(duty)),
        ("accepted_on", Value::Day(day(accepted))),
    ];
    fields.extend(ended.map(|ended| ("ended_on", Value::Day(day(ended)))));
    contribution((1, 1, e), DECISION, on, &fields)
}

fn relief_on(setting: &mut Setting, on: &str) -> (Known, Option<String>) {
    setting.at = day(on);
    setting.add(heartbeat(CAMDEN, DECISION, on));
    let row = setting.row(1, CAMDEN).unwrap();
    let state = cell(&row, "relief_duty")
        .value()
        .and_then(|value| value.text().map(str::to_owned));
    (cell(&row, "relief_duty_due").clone(), state)
}

#[test]
fn the_relief_duty_is_due_56_days_after_it_was_accepted() {
    let mut setting = applicant();
    // A prevention duty that failed starts no relief clock; what follows it does, from its own day of acceptance.
    setting.release(decision(
        1,
        "2026-03-02",
        "PREVENTION",
        "2026-03-01",
        Some("2026-04-10"),
    ));
    setting.release(decision(2, "2026-04-13", "RELIEF", "2026-04-10", None));
    // 10 April and 56 days: 5 June.
    let due = Known::Value(Value::Day(day("2026-06-05")));
    assert_eq!(
        relief_on(&mut setting, "2026-06-05"),
        (due.clone(), Some("DUE".into()))
    );
    assert_eq!(
        relief_on(&mut setting, "2026-06-06").1.as_deref(),
        Some("OVERDUE")
    );
    setting.release(decision(
        3,
        "2026-06-08",
        "RELIEF",
        "2026-04-10",
        Some("2026-06-05"),
    ));
    assert_eq!(
        relief_on(&mut setting, "2026-06-08").1.as_deref(),
        Some("DONE")
    );
}
