//! Recordings, stop and search, incidents.

use proptest::prelude::*;
use proptest::sample::select;
use walbrook_police::rules;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::police::v1::{AsbIncident, BwvRecordRegistered, StopSearch};

use super::{at, book};

type Broken = Vec<&'static str>;
const DAY: i64 = 86_400;

fn recording(change: impl FnOnce(&mut BwvRecordRegistered)) -> Broken {
    let mut message = BwvRecordRegistered {
        record_id: "BWV-551/26".to_owned(),
        location_cell: "TQ3080".to_owned(),
        started_at: at(0),
        ended_at: at(600),
        mopi_group: "3".to_owned(),
        retention_until: Date::new(2032, 9, 21),
    };
    change(&mut message);
    book().broken(&message, rules::bwv_record_registered)
}

fn search_message() -> StopSearch {
    StopSearch {
        search_ref: "9f3a".to_owned(),
        force: "metropolitan".to_owned(),
        search_type: "PERSON".to_owned(),
        searched_at: at(0),
        involved_person: Some(true),
        gender: Some("MALE".to_owned()),
        age_range: Some("18_24".to_owned()),
        legislation: Some("MDA_1971_S23".to_owned()),
        object_of_search: Some("CONTROLLED_DRUGS".to_owned()),
        outcome: Some("NO_FURTHER_ACTION".to_owned()),
        outcome_linked_to_object: Some(false),
        more_than_outer_clothing_removed: Some(false),
        part_of_operation: None,
        map_point: Some("1677490".to_owned()),
        latitude_microdegrees: Some(51_486_807),
        longitude_microdegrees: Some(-133_480),
    }
}

fn search(change: impl FnOnce(&mut StopSearch)) -> Broken {
    let mut message = search_message();
    change(&mut message);
    book().broken(&message, rules::stop_search)
}

fn incident(change: impl FnOnce(&mut AsbIncident)) -> Broken {
    let mut message = AsbIncident {
        incident_ref: "118004".to_owned(),
        category: "anti-social-behaviour".to_owned(),
        month: Date::new(2026, 9, 1),
        force: "metropolitan".to_owned(),
        map_point: Some("1677490".to_owned()),
        latitude_microdegrees: Some(51_486_807),
        longitude_microdegrees: Some(-133_480),
        thrive_grade: Some("EXTENDED".to_owned()),
    };
    change(&mut message);
    book().broken(&message, rules::asb_incident)
}

/// Inputs that only the rule named catches.
pub fn cases() -> Vec<(&'static str, Broken)> {
    vec![
        (
            "GRID_SQUARE",
            recording(|m| m.location_cell = "TQ308802".into()),
        ),
        (
            "GRID_SQUARE",
            recording(|m| m.location_cell = "TI3080".into()),
        ),
        (
            "RECORDING_OVER_A_DAY",
            recording(|m| m.ended_at = at(DAY + 1)),
        ),
        ("RETENTION_MISSING", recording(|m| m.retention_until = None)),
        ("ENDS_BEFORE_START", recording(|m| m.ended_at = at(-1))),
        (
            "ENDS_BEFORE_START",
            recording(|m| m.retention_until = Date::new(2026, 9, 20)),
        ),
        ("CODE_NOT_IN_LIST", recording(|m| m.mopi_group = "5".into())),
        (
            "VEHICLE_SEARCH_WITH_PERSON",
            search(|m| m.search_type = "VEHICLE".into()),
        ),
        ("IN_THE_FUTURE", search(|m| m.searched_at = at(64 * DAY))),
        (
            "CODE_NOT_IN_LIST",
            search(|m| m.legislation = Some("Misuse of Drugs Act 1971 (section 23)".into())),
        ),
        (
            "POINT_IMPOSSIBLE",
            search(|m| m.longitude_microdegrees = None),
        ),
        (
            "POINT_IMPOSSIBLE",
            incident(|m| m.latitude_microdegrees = Some(90_000_001)),
        ),
        (
            "POINT_OUTSIDE_BRITAIN",
            search(|m| {
                m.latitude_microdegrees = Some(-133_480);
                m.longitude_microdegrees = Some(51_486_807);
            }),
        ),
        ("MONTH_ONLY", incident(|m| m.month = Date::new(2026, 9, 21))),
    ]
}

#[test]
fn good_events_pass() {
    let nothing = Broken::new();
    for found in [
        recording(|_| {}),
        recording(|m| {
            m.mopi_group = "1".into();
            m.retention_until = None;
        }),
        search(|_| {}),
        search(|m| {
            *m = StopSearch {
                search_ref: "9f3b".into(),
                force: "btp".into(),
                search_type: "VEHICLE".into(),
                searched_at: at(0),
                ..Default::default()
            };
        }),
        incident(|_| {}),
    ] {
        assert_eq!(found, nothing);
    }
}

#[test]
fn a_published_search_holds_no_ethnicity_and_nothing_a_place_is_found_by() {
    let info = walbrook_proto::records()
        .iter()
        .find(|info| info.full_name == StopSearch::FULL_NAME)
        .unwrap();
    for word in ["ethnic", "street", "operation_name", "officer"] {
        assert!(
            info.fields.iter().all(|field| !field.contains(word)),
            "{word}"
        );
    }
}

proptest! {
    #[test]
    fn an_accepted_recording_lies_in_a_square_and_ends_after_its_start(
        cell in select(vec!["TQ3080", "TQ 30 80", "51.5,-0.1", "tq3080"]),
        group in select(vec!["1", "4", "0"]),
        days in -40..100_i64, length in -5..5_i64, kept in -3..3_i32,
    ) {
        let until = Date { year: 2026, month: 9, day: 21 + kept };
        let message = BwvRecordRegistered {
            record_id: "B-1".into(),
            location_cell: cell.into(),
            started_at: at(days * DAY),
            ended_at: at(days * DAY + length),
            mopi_group: group.into(),
            retention_until: (days == 0).then_some(until),
        };
        let accepted = !book().refuses(&book().broken(&message, rules::bwv_record_registered));
        let sound = cell == "TQ3080" && group != "0" && length >= 0 && days <= 63 && (days != 0 || kept >= 0);
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(BwvRecordRegistered::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn accepted_open_records_have_codes_a_past_and_a_point_on_earth(
        days in -40..100_i64,
        point in (proptest::option::of(-100..100_i32), proptest::option::of(-200..200_i32)),
        outcome in select(vec!["ARREST", "Arrest"]),
        (month, day) in (1..13_i32, 1..3_i32),
    ) {
        let degrees = |degrees: i32| degrees * 1_000_000;
        let (north, east) = (point.0.map(degrees), point.1.map(degrees));
        let on_earth = match point {
            (None, None) => true,
            (Some(north), Some(east)) => north.abs() <= 90 && east.abs() <= 180,
            _ => false,
        };
        let message = StopSearch {
            searched_at: at(days * DAY),
            outcome: Some(outcome.into()),
            latitude_microdegrees: north,
            longitude_microdegrees: east,
            ..search_message()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::stop_search));
        prop_assert_eq!(accepted, days <= 63 && outcome == "ARREST" && on_earth);
        if accepted {
            prop_assert_eq!(StopSearch::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
        let message = AsbIncident {
            incident_ref: "I-1".into(),
            category: "drugs".into(),
            force: "btp".into(),
            month: Date::new(2026, month, day),
            latitude_microdegrees: north,
            longitude_microdegrees: east,
            ..Default::default()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::asb_incident));
        prop_assert_eq!(accepted, month <= 11 && day == 1 && on_earth);
    }
}
