//! Each rule has an input that only it catches, a good event passes all of them, and what passes is sound.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod biometric;
mod people;
mod places;

use proptest::prelude::*;
use proptest::sample::select;
use prost_types::Timestamp;
use walbrook_agency::conformance::Rulebook;
use walbrook_domain::Day;
use walbrook_police::rules;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::police::v1::{MissingEpisode, ProtectionNotification};

fn book() -> Rulebook {
    Rulebook {
        rules: rules::RULES,
        organisation: "POLICE_FORCE:metropolitan".parse().unwrap(),
        occurred: Day::from_ymd(2026, 9, 21).unwrap(),
        today: Day::from_ymd(2026, 11, 23).unwrap(),
    }
}

/// 21 September 2026, 14:13 UTC.
const OCCURRED_SECONDS: i64 = 1_790_000_000;

fn at(seconds_later: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: OCCURRED_SECONDS + seconds_later,
        nanos: 0,
    })
}

fn notice(change: impl FnOnce(&mut ProtectionNotification)) -> Vec<&'static str> {
    let mut message = ProtectionNotification {
        report_ref: "01/4471/26".to_owned(),
        legacy_report_type: Some("PAC".to_owned()),
        subject_kind: "CHILD".to_owned(),
        vaf_appearance: Some(false),
        vaf_behaviour: Some(false),
        vaf_communication: Some(false),
        vaf_danger: Some(true),
        vaf_environment: Some(false),
        brag: "AMBER".to_owned(),
        categories: vec!["NEGLECT".to_owned()],
        housing_concern: false,
        location_gss: Some("E09000007".to_owned()),
    };
    change(&mut message);
    book().broken(&message, rules::protection_notification)
}

fn missing(change: impl FnOnce(&mut MissingEpisode)) -> Vec<&'static str> {
    let mut message = MissingEpisode {
        episode_ref: "MIS-88".to_owned(),
        phase: "LOCATED".to_owned(),
        risk: "MEDIUM".to_owned(),
        placement_ref: None,
        whereabouts_known: Some(true),
        prevention_interview_done: Some(true),
    };
    change(&mut message);
    book().broken(&message, rules::missing_episode)
}

fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("CATEGORY_MISSING", notice(|m| m.categories.clear())),
        (
            "REPORT_TYPE_AND_SUBJECT",
            notice(|m| m.subject_kind = "ADULT".into()),
        ),
        (
            "REPORT_TYPE_AND_SUBJECT",
            notice(|m| m.legacy_report_type = Some("ACN".into())),
        ),
        (
            "BRAG_WITHOUT_CONCERN",
            notice(|m| m.vaf_danger = Some(false)),
        ),
        (
            "LOCATED_WHEREABOUTS_UNKNOWN",
            missing(|m| m.whereabouts_known = Some(false)),
        ),
        (
            "INTERVIEW_BEFORE_RETURN",
            missing(|m| m.phase = "REPORTED".into()),
        ),
        ("CODE_NOT_IN_LIST", notice(|m| m.brag = "PURPLE".into())),
        ("CODE_NOT_IN_LIST", missing(|m| m.risk = "EXTREME".into())),
        ("FIELD_MISSING", missing(|m| m.phase.clear())),
        (
            "NOT_A_REFERENCE",
            notice(|m| m.report_ref = "seen outside the station".into()),
        ),
    ]
}

#[test]
fn good_events_pass() {
    assert_eq!((notice(|_| {}), missing(|_| {})), (vec![], vec![]));
    let none = notice(|m| {
        m.vaf_danger = None;
        m.legacy_report_type = Some("MIS".into());
    });
    assert_eq!(
        none,
        Vec::<&str>::new(),
        "what was not assessed is no contradiction"
    );
    assert_eq!(
        notice(|m| {
            m.vaf_danger = Some(false);
            m.housing_concern = true;
        }),
        Vec::<&str>::new()
    );
}

/// Trap 13: whether a child is missing (M) or away without authorisation (A) in the council's return follows from whether it is known where the
/// child is. The force's level of risk says nothing about it, and no rule here ties the two.
#[test]
fn missing_or_away_follows_from_whereabouts_and_never_from_risk() {
    let risks = ["VERY_LOW", "NO_APPARENT_RISK", "LOW", "MEDIUM", "HIGH"];
    for phase in ["REPORTED", "REGRADED", "LOCATED", "CLOSED"] {
        for known in [None, Some(true), Some(false)] {
            let found = risks.map(|risk| {
                missing(|m| {
                    m.phase = phase.into();
                    m.risk = risk.into();
                    m.whereabouts_known = known;
                    m.prevention_interview_done = None;
                })
            });
            let contradiction = phase == "LOCATED" && known == Some(false);
            let expected: &[&str] = if contradiction {
                &["LOCATED_WHEREABOUTS_UNKNOWN"]
            } else {
                &[]
            };
            assert!(
                found.iter().all(|broken| broken == expected),
                "{phase} {known:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn what_is_accepted_keeps_every_refuse_rule(
        phase in select(vec!["REPORTED", "REGRADED", "LOCATED", "CLOSED", "FOUND", ""]),
        risk in select(vec!["LOW", "HIGH", "high"]),
        episode_ref in select(vec!["A-1", "not a ref", ""]),
        known in any::<Option<bool>>(),
    ) {
        let message = MissingEpisode {
            episode_ref: episode_ref.to_owned(), phase: phase.to_owned(), risk: risk.to_owned(),
            whereabouts_known: known, ..Default::default()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::missing_episode));
        let sound = episode_ref == "A-1" && risk != "high" && !["FOUND", ""].contains(&phase);
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(MissingEpisode::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}

#[test]
fn each_rule_has_an_input_that_only_it_catches_and_an_id_that_fits_a_header() {
    let mut cases = cases();
    cases.extend(people::cases());
    cases.extend(places::cases());
    cases.extend(biometric::cases());
    assert_eq!(book().without_own_input(&cases), Vec::<&str>::new());
    assert_eq!(book().unfit_ids(), Vec::<&str>::new());
}
