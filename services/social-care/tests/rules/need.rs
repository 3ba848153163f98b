//! Contacts, assessments, protection and missing periods.

use super::{Case, book, day};
use prost_types::Timestamp;
use walbrook_domain::Day;
use walbrook_proto::common::v1::Date;
use walbrook_proto::social_care::v1::{
    AssessmentCompleted, ChildProtection, ContactReferral, MissingEpisode,
};
use walbrook_social_care::rules;

pub fn good_contact() -> ContactReferral {
    ContactReferral {
        referral_ref: "REF-9".to_owned(),
        contact_on: Date::new(2026, 9, 21),
        referral_source: "3E".to_owned(),
        outcome: Some("ASSESSMENT".to_owned()),
        closed_on: Date::new(2026, 11, 2),
        closure_reason: Some("RC8".to_owned()),
    }
}

fn contact(change: impl FnOnce(&mut ContactReferral)) -> Vec<&'static str> {
    let mut message = good_contact();
    change(&mut message);
    book().broken(&message, rules::contact_referral)
}

pub fn good_assessment() -> AssessmentCompleted {
    AssessmentCompleted {
        referral_ref: "REF-9".to_owned(),
        started_on: Date::new(2026, 8, 1),
        authorised_on: Date::new(2026, 9, 21),
        factors: vec!["3B".to_owned(), "16A".to_owned()],
        primary_need: Some("N1".to_owned()),
    }
}

fn assessment(change: impl FnOnce(&mut AssessmentCompleted)) -> Vec<&'static str> {
    let mut message = good_assessment();
    change(&mut message);
    book().broken(&message, rules::assessment_completed)
}

fn protection(change: impl FnOnce(&mut ChildProtection)) -> Vec<&'static str> {
    let mut message = ChildProtection {
        protection_ref: "CP-4".to_owned(),
        phase: "PLAN_START".to_owned(),
        phase_on: Date::new(2026, 9, 21),
        category: Some("NEG".to_owned()),
        previous_plans: Some(1),
        conference_not_required: None,
    };
    change(&mut message);
    book().broken(&message, rules::child_protection)
}

/// 12 September 2026, 10:00 in London.
const OFFERED_S: i64 = 1_789_203_600;

pub fn good_missing() -> MissingEpisode {
    MissingEpisode {
        episode_ref: "MIS-2".to_owned(),
        missing: "M".to_owned(),
        mis_start: Date::new(2026, 9, 10),
        mis_end: Date::new(2026, 9, 12),
        whereabouts_known: Some(false),
        rhi_offered: Some("Y".to_owned()),
        rhi_offered_at: Some(at(OFFERED_S)),
        rhi_accepted: Some("N".to_owned()),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn missing(change: impl FnOnce(&mut MissingEpisode)) -> Vec<&'static str> {
    missing_of(None, change)
}

fn missing_of(born: Option<Day>, change: impl FnOnce(&mut MissingEpisode)) -> Vec<&'static str> {
    let mut message = good_missing();
    change(&mut message);
    book().broken_of(&message, rules::missing_episode, born)
}

pub fn cases() -> Vec<Case> {
    let factors = |factors: &[&str]| {
        let factors: Vec<_> = factors.iter().map(|code| (*code).to_owned()).collect();
        assessment(|m| m.factors = factors)
    };
    let cases = vec![
        ("CLOSED_AND_REASON", contact(|m| m.closure_reason = None)),
        ("CLOSED_AND_REASON", contact(|m| m.closed_on = None)),
        (
            "ENDS_BEFORE_START",
            contact(|m| m.closed_on = Date::new(2026, 9, 20)),
        ),
        (
            "IN_THE_FUTURE",
            contact(|m| m.closed_on = Date::new(2026, 11, 24)),
        ),
        (
            "CODE_NOT_IN_LIST",
            contact(|m| m.referral_source = "3G".into()),
        ),
        ("FIELD_MISSING", contact(|m| m.contact_on = None)),
        ("FACTORS_MISSING", factors(&[])),
        ("FACTOR_BESIDE_NONE", factors(&["21", "16A"])),
        ("FACTOR_TWICE", factors(&["16A", "3B", "16A"])),
        ("CODE_NOT_IN_LIST", factors(&["16A", "16B"])),
        (
            "ENDS_BEFORE_START",
            assessment(|m| m.authorised_on = Date::new(2026, 7, 31)),
        ),
        (
            "IN_THE_FUTURE",
            assessment(|m| m.authorised_on = Date::new(2026, 11, 24)),
        ),
        ("CATEGORY_MISSING", protection(|m| m.category = None)),
        (
            "PREVIOUS_PLANS_NEGATIVE",
            protection(|m| m.previous_plans = Some(-1)),
        ),
        (
            "NO_CONFERENCE_PHASE",
            protection(|m| m.conference_not_required = Some(true)),
        ),
        (
            "CODE_NOT_IN_LIST",
            protection(|m| m.category = Some("SEX".into())),
        ),
        (
            "IN_THE_FUTURE",
            protection(|m| m.phase_on = Date::new(2026, 11, 24)),
        ),
    ];
    [cases, missing_cases()].concat()
}

fn missing_cases() -> Vec<Case> {
    vec![
        (
            "MISSING_AGAINST_WHEREABOUTS",
            missing(|m| m.whereabouts_known = Some(true)),
        ),
        (
            "MISSING_AGAINST_WHEREABOUTS",
            missing(|m| m.missing = "A".into()),
        ),
        ("INTERVIEW_BEFORE_RETURN", missing(|m| m.mis_end = None)),
        (
            "INTERVIEW_BEFORE_RETURN",
            missing(|m| m.mis_end = Date::new(2026, 9, 13)),
        ),
        (
            "INTERVIEW_NOT_OFFERED",
            missing(|m| m.rhi_offered = Some("N".into())),
        ),
        (
            "INTERVIEW_NOT_OFFERED",
            missing(|m| {
                m.rhi_offered = None;
                m.rhi_offered_at = None;
                m.rhi_accepted = Some("Y".into());
            }),
        ),
        ("BEFORE_BIRTH", missing_of(day(2026, 9, 11), |_| {})),
        (
            "ENDS_BEFORE_START",
            missing(|m| m.mis_end = Date::new(2026, 9, 9)),
        ),
        (
            "IN_THE_FUTURE",
            missing(|m| m.rhi_offered_at = Some(at(OFFERED_S + 80 * 86_400))),
        ),
        (
            "CODE_NOT_IN_LIST",
            missing(|m| m.rhi_accepted = Some("P".into())),
        ),
        ("FIELD_MISSING", missing(|m| m.mis_start = None)),
    ]
}

#[test]
fn good_events_pass() {
    let nothing = Vec::<&str>::new();
    assert_eq!(contact(|_| {}), nothing);
    let open = contact(|m| (m.closed_on, m.closure_reason) = (None, None));
    assert_eq!(open, nothing);
    assert_eq!(assessment(|_| {}), nothing);
    assert_eq!(assessment(|m| m.factors = vec!["21".into()]), nothing);
    assert_eq!(protection(|_| {}), nothing);
    let enquiry = protection(|m| {
        m.phase = "S47".into();
        m.category = None;
        m.conference_not_required = Some(true);
    });
    assert_eq!(enquiry, nothing);
    assert_eq!(missing(|_| {}), nothing);
    let still_missing = missing(|m| {
        m.mis_end = None;
        m.rhi_offered = None;
        m.rhi_offered_at = None;
        m.rhi_accepted = None;
    });
    assert_eq!(still_missing, nothing);
}

/// Domain reference §11, trap 13.
#[test]
fn trap_13_missing_or_away_follows_from_the_whereabouts_and_not_from_the_risk() {
    let said = |code: &str, known| {
        missing(|m| {
            m.missing = code.into();
            m.whereabouts_known = known;
        })
    };
    for (code, known) in [
        ("M", Some(false)),
        ("A", Some(true)),
        ("M", None),
        ("A", None),
    ] {
        assert_eq!(said(code, known), Vec::<&str>::new(), "{code} {known:?}");
    }
    for (code, known) in [("M", true), ("A", false)] {
        assert_eq!(said(code, Some(known)), ["MISSING_AGAINST_WHEREABOUTS"]);
    }
    // The event has no field for a risk that could say otherwise.
    let fields = walbrook_proto::records()
        .iter()
        .find(|record| record.full_name == "walbrook.social_care.v1.MissingEpisode")
        .map(|record| record.fields.to_vec());
    assert!(fields.unwrap().iter().all(|field| !field.contains("risk")));
}
