//! The year's outcomes, and care leavers.

use super::{Case, book, day};
use walbrook_domain::Day;
use walbrook_proto::common::v1::Date;
use walbrook_proto::social_care::v1::{CareLeaverContact, HealthOutcomes};
use walbrook_social_care::rules;

fn good_outcomes() -> HealthOutcomes {
    HealthOutcomes {
        as_of: Date::new(2026, 3, 31),
        sdq_score: Some(17),
        immunisations: Some(true),
        teeth_check: Some(true),
        health_assessment: Some(true),
        substance_misuse: Some(false),
        ..HealthOutcomes::default()
    }
}

fn outcomes(change: impl FnOnce(&mut HealthOutcomes)) -> Vec<&'static str> {
    outcomes_of(None, change)
}

fn outcomes_of(born: Option<Day>, change: impl FnOnce(&mut HealthOutcomes)) -> Vec<&'static str> {
    let mut message = good_outcomes();
    change(&mut message);
    book().broken_of(&message, rules::health_outcomes, born)
}

fn leaver(change: impl FnOnce(&mut CareLeaverContact)) -> Vec<&'static str> {
    leaver_of(None, change)
}

fn leaver_of(born: Option<Day>, change: impl FnOnce(&mut CareLeaverContact)) -> Vec<&'static str> {
    let mut message = CareLeaverContact {
        contact_on: Date::new(2026, 9, 21),
        in_touch: "YES".to_owned(),
        activ: Some("F2".to_owned()),
        accom: Some("S2".to_owned()),
        eligibility: Some("FORMER_RELEVANT".to_owned()),
    };
    change(&mut message);
    book().broken_of(&message, rules::care_leaver_contact, born)
}

pub fn cases() -> Vec<Case> {
    [outcome_cases(), leaver_cases()].concat()
}

fn outcome_cases() -> Vec<Case> {
    let misuse = |received, offered| {
        outcomes(|m| {
            m.substance_misuse = Some(true);
            m.intervention_received = received;
            m.intervention_offered = offered;
        })
    };
    vec![
        ("SDQ_SCORE_RANGE", outcomes(|m| m.sdq_score = Some(41))),
        ("SDQ_SCORE_RANGE", outcomes(|m| m.sdq_score = Some(-1))),
        (
            "SDQ_SCORE_AND_REASON",
            outcomes(|m| m.sdq_reason = Some("SDQ2".into())),
        ),
        ("SDQ_AGE", outcomes_of(day(2022, 4, 1), |_| {})),
        ("SDQ_AGE", outcomes_of(day(2008, 3, 31), |_| {})),
        ("OUTCOMES_INCOMPLETE", outcomes(|m| m.teeth_check = None)),
        (
            "OUTCOMES_INCOMPLETE",
            outcomes(|m| m.substance_misuse = None),
        ),
        ("INTERVENTION_MISSING", misuse(None, Some(true))),
        ("INTERVENTION_TWICE", misuse(Some(true), Some(true))),
        (
            "INTERVENTION_NOT_EXPECTED",
            outcomes(|m| m.intervention_offered = Some(false)),
        ),
        (
            "CONVICTED_UNDER_10",
            outcomes_of(day(2016, 4, 1), |m| m.convicted = Some(false)),
        ),
        (
            "HEALTH_CHECK_FROM_5",
            outcomes_of(day(2021, 3, 31), |m| m.health_check = Some(true)),
        ),
        (
            "IN_THE_FUTURE",
            outcomes(|m| m.as_of = Date::new(2027, 3, 31)),
        ),
        (
            "CODE_NOT_IN_LIST",
            outcomes(|m| {
                m.sdq_score = None;
                m.sdq_reason = Some("SDQ6".into());
            }),
        ),
        ("FIELD_MISSING", outcomes(|m| m.as_of = None)),
    ]
}

fn leaver_cases() -> Vec<Case> {
    let status =
        |status: &'static str| move |m: &mut CareLeaverContact| m.eligibility = Some(status.into());
    vec![
        ("LEAVER_DETAIL_MISSING", leaver(|m| m.accom = None)),
        (
            "LEAVER_DETAIL_MISSING",
            leaver(|m| m.activ = Some("0".into())),
        ),
        (
            "LEAVER_DETAIL_NOT_EXPECTED",
            leaver(|m| m.in_touch = "DIED".into()),
        ),
        ("LEAVER_UNDER_16", leaver_of(day(2010, 9, 22), |_| {})),
        ("ELIGIBILITY_AGE", leaver_of(day(2008, 9, 22), |_| {})),
        (
            "ELIGIBILITY_AGE",
            leaver_of(day(2008, 9, 21), status("RELEVANT")),
        ),
        (
            "IN_THE_FUTURE",
            leaver(|m| m.contact_on = Date::new(2026, 11, 24)),
        ),
        ("CODE_NOT_IN_LIST", leaver(|m| m.accom = Some("S1".into()))),
        ("CODE_NOT_IN_LIST", leaver(|m| m.activ = Some("P3".into()))),
        ("FIELD_MISSING", leaver(|m| m.in_touch.clear())),
    ]
}

#[test]
fn good_events_pass() {
    let nothing = Vec::<&str>::new();
    assert_eq!(outcomes(|_| {}), nothing);
    assert_eq!(outcomes(|m| m.sdq_score = Some(40)), nothing);
    assert_eq!(
        outcomes_of(day(2022, 3, 31), |_| {}),
        nothing,
        "4 at the end of the year"
    );
    assert_eq!(
        outcomes_of(day(2008, 4, 1), |_| {}),
        nothing,
        "17 at the end of the year"
    );
    let nothing_told = outcomes(|m| {
        *m = HealthOutcomes {
            as_of: m.as_of,
            ..HealthOutcomes::default()
        }
    });
    assert_eq!(nothing_told, nothing);
    assert_eq!(leaver(|_| {}), nothing);
    assert_eq!(leaver_of(day(2008, 9, 21), |_| {}), nothing);
    let not_in_touch = leaver(|m| {
        m.in_touch = "NO".into();
        m.activ = None;
        m.accom = Some("0".into());
    });
    assert_eq!(not_in_touch, nothing);
}
