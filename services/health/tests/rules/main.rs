//! Each rule has an input that only it catches, a good event passes all of them, and what passes is sound.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod records;
mod referral;

use proptest::prelude::*;
use proptest::sample::select;
use prost_types::Timestamp;
use walbrook_agency::conformance::Rulebook;
use walbrook_domain::Day;
use walbrook_health::rules;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::health::v1::{AccommodationStatusRecorded, CicHealthAssessment, EdAttendance};

fn book() -> Rulebook {
    Rulebook {
        rules: rules::RULES,
        organisation: "ODS:RRV".parse().unwrap(),
        occurred: Day::from_ymd(2026, 9, 21).unwrap(),
        today: Day::from_ymd(2026, 11, 23).unwrap(),
    }
}

/// 21 September 2026, 14:13 UTC.
const ARRIVAL_SECONDS: i64 = 1_790_000_000;

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

fn attendance(change: impl FnOnce(&mut EdAttendance)) -> Vec<&'static str> {
    let mut message = EdAttendance {
        arrival_at: at(ARRIVAL_SECONDS),
        ods_site: "RRV03".to_owned(),
        chief_complaint_snomed: Some("32911000".to_owned()),
        accommodation_status: Some("HM01".to_owned()),
        ..Default::default()
    };
    change(&mut message);
    book().broken(&message, rules::ed_attendance)
}

fn status(change: impl FnOnce(&mut AccommodationStatusRecorded)) -> Vec<&'static str> {
    let mut message = AccommodationStatusRecorded {
        code: "HM04".to_owned(),
        recorded_in: "GP".to_owned(),
        snomed: Some("381751000000106".to_owned()),
    };
    change(&mut message);
    book().broken(&message, rules::accommodation_status_recorded)
}

fn assessment(change: impl FnOnce(&mut CicHealthAssessment)) -> Vec<&'static str> {
    let mut message = CicHealthAssessment {
        assessment_type: "IHA".to_owned(),
        requested_on: Date::new(2026, 9, 1),
        completed_on: Date::new(2026, 9, 21),
        outcome: Some("COMPLETED".to_owned()),
        clinician_role: Some("PAEDIATRICIAN".to_owned()),
        ..Default::default()
    };
    change(&mut message);
    book().broken(&message, rules::cic_health_assessment)
}

fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("ODS_CODE", attendance(|m| m.ods_site = "rrv03".into())),
        (
            "SNOMED_SHAPE",
            attendance(|m| m.acuity_snomed = Some("12345".into())),
        ),
        (
            "SNOMED_CHECK_DIGIT",
            attendance(|m| m.acuity_snomed = Some("32911001".into())),
        ),
        (
            "SNOMED_CHECK_DIGIT",
            status(|m| m.snomed = Some("318751000000106".into())),
        ),
        (
            "ARRIVAL_ON_ANOTHER_DAY",
            attendance(|m| m.arrival_at = at(ARRIVAL_SECONDS - 2 * 86_400)),
        ),
        (
            "COMPLETED_AND_OUTCOME",
            assessment(|m| m.completed_on = None),
        ),
        ("COMPLETED_AND_OUTCOME", assessment(|m| m.outcome = None)),
        (
            "INITIAL_BY_PRACTITIONER",
            assessment(|m| m.clinician_role = Some("HEALTH_VISITOR".into())),
        ),
        (
            "IN_THE_FUTURE",
            assessment(|m| m.completed_on = Date::new(2026, 11, 24)),
        ),
        (
            "ENDS_BEFORE_START",
            assessment(|m| m.completed_on = Date::new(2026, 8, 31)),
        ),
        (
            "DATE_IMPOSSIBLE",
            assessment(|m| {
                m.completed_on = Some(Date {
                    year: 2026,
                    month: 9,
                    day: 31,
                })
            }),
        ),
        ("FIELD_MISSING", attendance(|m| m.arrival_at = None)),
        ("CODE_NOT_IN_LIST", status(|m| m.code = "HM99".into())),
    ]
}

/// The cases of all event types.
fn all_cases() -> Vec<(&'static str, Vec<&'static str>)> {
    [cases(), records::cases(), referral::cases()].concat()
}

#[test]
fn good_events_pass() {
    let nothing = Vec::<&str>::new();
    assert_eq!(
        (attendance(|_| {}), status(|_| {}), assessment(|_| {})),
        (nothing.clone(), nothing.clone(), nothing.clone())
    );
    assert_eq!(
        attendance(|m| m.arrival_at = at(ARRIVAL_SECONDS - 86_400)),
        nothing,
        "the night before"
    );
    assert_eq!(
        assessment(|m| {
            m.completed_on = None;
            m.outcome = None;
        }),
        nothing,
        "still outstanding"
    );
}

#[test]
fn published_snomed_concepts_pass_and_neighbours_swapped_do_not() {
    for concept in [
        "32911000",
        "224228000",
        "224231004",
        "266935003",
        "864131000000100",
        "1095421000000107",
        "365510008",
    ] {
        assert_eq!(
            status(|m| m.snomed = Some(concept.into())),
            Vec::<&str>::new(),
            "{concept}"
        );
        let mut swapped = concept.as_bytes().to_vec();
        swapped.swap(0, 1);
        let swapped = String::from_utf8(swapped).unwrap();
        if swapped != concept {
            assert_eq!(
                status(|m| m.snomed = Some(swapped)),
                ["SNOMED_CHECK_DIGIT"],
                "{concept}"
            );
        }
    }
}

proptest! {
    #[test]
    fn what_is_accepted_keeps_every_refuse_rule(
        kind in select(vec!["IHA", "RHA", "XHA"]),
        requested in (2025..2027_i32, 1..13_i32, 1..32_i32),
        completed in proptest::option::of((2025..2028_i32, 1..13_i32, 1..32_i32)),
    ) {
        let date = |(year, month, day)| Date { year, month, day };
        let message = CicHealthAssessment {
            assessment_type: kind.to_owned(),
            requested_on: Some(date(requested)),
            completed_on: completed.map(date),
            ..Default::default()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::cic_health_assessment));
        let real = |parts| date(parts).exists() && parts <= (2026, 11, 23);
        let sound = kind != "XHA" && real(requested) && completed.is_none_or(|done| real(done) && requested <= done);
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(CicHealthAssessment::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}

#[test]
fn each_rule_has_an_input_that_only_it_catches_and_an_id_that_fits_a_header() {
    assert_eq!(book().without_own_input(&all_cases()), Vec::<&str>::new());
    assert_eq!(book().unfit_ids(), Vec::<&str>::new());
}
