//! The clocks, intervals and flags of children in care.

use super::rows::{Setting, cell, number};
use super::support::*;
use crate::Known;
use crate::facts::Contribution;
use crate::reading::Grant;
use crate::value::Value;

const CAMDEN: &str = "GSS:E09000007";
const CARE: &str = "social_care.CareEpisode";
const HEALTH: &str = "health.CicHealthAssessment";
const MISSING: &str = "police.MissingEpisode";

fn children() -> Setting {
    let sources = [
        (CAMDEN, CARE),
        ("ODS:RRV", HEALTH),
        ("POLICE_FORCE:metropolitan", MISSING),
        (CAMDEN, "social_care.ReviewHeld"),
    ];
    let mut setting = Setting::new("children_in_care", &sources);
    let mut own = subject(CAMDEN, None);
    own.responsible_authority = Some(org(CAMDEN));
    setting.add(subject_input(1, 1, own));
    setting.add(subject_input(1, 2, subject("ODS:RRV", None)));
    setting.add(subject_input(
        1,
        3,
        subject("POLICE_FORCE:metropolitan", None),
    ));
    setting.release(episode(1, "2026-04-01", None));
    setting
}

fn episode(e: u8, decom: &str, dec: Option<&str>) -> Contribution {
    let mut fields = vec![
        ("episode_ref", text("E1")),
        ("decom", Value::Day(day(decom))),
        ("rne", text("S")),
        ("ls", text("C2")),
        ("place", text("U4")),
    ];
    fields.extend(dec.map(|dec| ("dec", Value::Day(day(dec)))));
    contribution((1, 1, e), CARE, decom, &fields)
}

fn assessment(e: u8, on: &str, kind: &str) -> Contribution {
    let mut one = contribution(
        (1, 2, e),
        HEALTH,
        on,
        &[
            ("assessment_type", text(kind)),
            ("completed_on", Value::Day(day(on))),
        ],
    );
    one.source = org("ODS:RRV");
    one
}

fn missing(e: u8, on: &str, reference: &str, phase: &str) -> Contribution {
    let mut one = contribution(
        (1, 3, e),
        MISSING,
        on,
        &[
            ("episode_ref", text(reference)),
            ("phase", text(phase)),
            ("risk", text("HIGH")),
        ],
    );
    one.source = org("POLICE_FORCE:metropolitan");
    one
}

#[test]
fn the_initial_health_assessment_is_due_after_twenty_working_days() {
    let mut setting = children();
    // 1 April 2026 and 20 working days, over Good Friday (3 April) and Easter Monday (6 April): 1 May.
    let at = |setting: &mut Setting, on: &str| {
        setting.at = day(on);
        let row = setting.row(1, CAMDEN).unwrap();
        (
            row.clone(),
            cell(&row, "initial_health")
                .value()
                .and_then(|value| value.text().map(str::to_owned)),
        )
    };
    let (row, state) = at(&mut setting, "2026-05-01");
    assert_eq!(
        *cell(&row, "initial_health_due"),
        Known::Value(Value::Day(day("2026-05-01")))
    );
    assert_eq!(state.as_deref(), Some("DUE"));
    assert_eq!(at(&mut setting, "2026-05-02").1.as_deref(), Some("OVERDUE"));
    // A review assessment does not stop the clock; the initial one does, late.
    setting.release(assessment(2, "2026-05-03", "RHA"));
    assert_eq!(at(&mut setting, "2026-05-05").1.as_deref(), Some("OVERDUE"));
    setting.release(assessment(3, "2026-05-05", "IHA"));
    assert_eq!(
        at(&mut setting, "2026-05-05").1.as_deref(),
        Some("DONE_LATE")
    );
    assert_eq!(
        at(&mut setting, "2026-05-04").1.as_deref(),
        Some("OVERDUE"),
        "as it stood the day before"
    );
    // The health service falls silent and nothing was done: it is not said to be overdue.
    let mut setting = children();
    setting.at = day("2026-07-15");
    let row = setting.row(1, CAMDEN).unwrap();
    assert_eq!(
        *cell(&row, "initial_health"),
        Known::NotKnown(Some(day("2026-05-31")))
    );
}

#[test]
fn reviews_fall_due_again_and_again() {
    let mut setting = children();
    let review = |e, on: &str| {
        contribution(
            (1, 1, e),
            "social_care.ReviewHeld",
            on,
            &[
                ("reviewed_on", Value::Day(day(on))),
                ("review_code", text("PN1")),
            ],
        )
    };
    let due = |setting: &mut Setting| {
        cell(&setting.row(1, CAMDEN).unwrap(), "review_due")
            .value()
            .cloned()
    };
    setting.at = day("2027-01-31");
    for source in [CARE, "social_care.ReviewHeld"] {
        setting.add(heartbeat(CAMDEN, source, "2027-01-31"));
    }
    assert_eq!(due(&mut setting), Some(Value::Day(day("2026-05-01"))));
    setting.release(review(20, "2026-04-30"));
    assert_eq!(due(&mut setting), Some(Value::Day(day("2026-07-30"))));
    setting.release(review(21, "2026-07-31"));
    assert_eq!(due(&mut setting), Some(Value::Day(day("2027-01-31"))));
    assert_eq!(
        cell(&setting.row(1, CAMDEN).unwrap(), "review").value(),
        Some(&text("DUE"))
    );
}

#[test]
fn an_interval_is_open_until_it_is_closed_and_opens_again() {
    let mut setting = children();
    let state = |setting: &mut Setting| {
        let row = setting.row(1, CAMDEN).unwrap();
        (
            cell(&row, "missing").value().cloned(),
            cell(&row, "missing_since").value().cloned(),
            number(cell(&row, "missing_count")),
        )
    };
    assert_eq!(state(&mut setting), (Some(Value::Bool(false)), None, 0));
    setting.release(missing(10, "2026-05-20", "M1", "REPORTED"));
    assert_eq!(
        state(&mut setting),
        (
            Some(Value::Bool(true)),
            Some(Value::Day(day("2026-05-20"))),
            1
        )
    );
    setting.release(missing(11, "2026-05-21", "M2", "REPORTED"));
    setting.release(missing(12, "2026-05-22", "M1", "LOCATED"));
    assert_eq!(
        state(&mut setting),
        (
            Some(Value::Bool(true)),
            Some(Value::Day(day("2026-05-21"))),
            2
        )
    );
    setting.release(missing(13, "2026-05-23", "M2", "CLOSED"));
    assert_eq!(state(&mut setting), (Some(Value::Bool(false)), None, 2));
    let care = |setting: &mut Setting| {
        cell(&setting.row(1, CAMDEN).unwrap(), "care_episode")
            .value()
            .cloned()
    };
    assert_eq!(care(&mut setting), Some(Value::Bool(true)));
    let mut closed = episode(30, "2026-04-01", Some("2026-05-31"));
    closed.supersedes = Some(event(1));
    setting.release(closed);
    assert_eq!(care(&mut setting), Some(Value::Bool(false)));
    setting.at = day("2026-05-30");
    assert_eq!(
        care(&mut setting),
        Some(Value::Bool(true)),
        "a day before it ended"
    );
}

#[test]
fn an_end_that_is_not_granted_is_not_an_open_end() {
    let mut setting = children();
    let dec = 1
        << walbrook_proto::event(CARE)
            .unwrap()
            .fields
            .iter()
            .position(|field| *field == "dec")
            .unwrap();
    setting.reading.grant = Grant {
        fields: !dec,
        ..setting.reading.grant
    };
    for source in &mut setting.reading.sources {
        source.fields = !dec;
    }
    let row = setting.row(1, CAMDEN).unwrap();
    assert!(matches!(cell(&row, "care_episode"), Known::Withheld(_)));
    assert_eq!(cell(&row, "legal_status").value(), Some(&text("C2")));
}
