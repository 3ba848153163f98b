//! Roads, stops, docking stations, lifts, crowding.

use proptest::prelude::*;
use proptest::sample::select;
use prost_types::Timestamp;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::tfl::v1::{
    ArrivalPrediction, BikePointStatus, CrowdingLive, LiftDisruption, RoadDisruption,
};
use walbrook_tfl::rules;

use super::{SEEN_SECONDS, at, book};

type Broken = Vec<&'static str>;

fn after(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: SEEN_SECONDS + seconds,
        nanos: 0,
    })
}

fn road(change: impl FnOnce(&mut RoadDisruption)) -> Broken {
    let mut message = RoadDisruption {
        disruption_id: "TIMS-233221".to_owned(),
        severity: Some("Minimal".to_owned()),
        category: Some("Works".to_owned()),
        status: Some("Active Long Term".to_owned()),
        level_of_interest: Some("High".to_owned()),
        corridor_ids: vec!["a205".to_owned()],
        starts_at: at(-40),
        ends_at: at(4),
        modified_at: at(0),
        provisional: Some(false),
        has_closures: Some(false),
        latitude_microdegrees: Some(51_471_110),
        longitude_microdegrees: Some(54_973),
    };
    change(&mut message);
    book().broken(&message, rules::road_disruption)
}

fn arrival_message() -> ArrivalPrediction {
    ArrivalPrediction {
        naptan_id: "940GZZLUSKW".to_owned(),
        line_id: "victoria".to_owned(),
        mode: "tube".to_owned(),
        vehicle_id: Some("224".to_owned()),
        direction: Some("inbound".to_owned()),
        destination_naptan_id: Some("940GZZLUBXN".to_owned()),
        predicted_at: after(0),
        expected_at: after(933),
        time_to_station_s: Some(933),
        valid_until: after(933),
    }
}

fn arrival(change: impl FnOnce(&mut ArrivalPrediction)) -> Broken {
    let mut message = arrival_message();
    change(&mut message);
    book().broken(&message, rules::arrival_prediction)
}

fn bikes(change: impl FnOnce(&mut BikePointStatus)) -> Broken {
    let mut message = BikePointStatus {
        bike_point_id: "BikePoints_1".to_owned(),
        bikes: 10,
        electric_bikes: Some(3),
        empty_docks: 8,
        docks: 19,
        installed: Some(true),
        locked: Some(false),
        counted_at: at(0),
        latitude_microdegrees: Some(51_529_163),
        longitude_microdegrees: Some(-109_970),
    };
    change(&mut message);
    book().broken(&message, rules::bike_point_status)
}

fn lift(change: impl FnOnce(&mut LiftDisruption)) -> Broken {
    let mut message = LiftDisruption {
        lift_id: "HUBIMP-Lift-2".to_owned(),
        station_id: "HUBIMP".to_owned(),
        in_service: false,
    };
    change(&mut message);
    book().broken(&message, rules::lift_disruption)
}

fn crowding(change: impl FnOnce(&mut CrowdingLive)) -> Broken {
    let mut message = CrowdingLive {
        naptan_id: "940GZZLUASL".to_owned(),
        of_baseline_permille: Some(231),
        counted_at: at(0),
    };
    change(&mut message);
    book().broken(&message, rules::crowding_live)
}

/// Inputs that only the rule named catches.
pub fn cases() -> Vec<(&'static str, Broken)> {
    vec![
        ("ENDS_BEFORE_START", road(|m| m.ends_at = at(-41))),
        (
            "CODE_NOT_IN_LIST",
            road(|m| m.severity = Some("Bad".into())),
        ),
        ("POINT_IMPOSSIBLE", road(|m| m.latitude_microdegrees = None)),
        (
            "POINT_OUTSIDE_LONDON",
            bikes(|m| {
                m.latitude_microdegrees = Some(-109_970);
                m.longitude_microdegrees = Some(51_529_163);
            }),
        ),
        ("STOP_ID", arrival(|m| m.naptan_id = "Stockwell".into())),
        (
            "STOP_ID",
            arrival(|m| m.destination_naptan_id = Some("Brixton".into())),
        ),
        ("STOP_ID", crowding(|m| m.naptan_id = "Arsenal".into())),
        ("LINE_ID", arrival(|m| m.line_id = "Victoria".into())),
        (
            "VEHICLE_NUMBER",
            arrival(|m| m.vehicle_id = Some("LX11AZB".into())),
        ),
        (
            "PREDICTION_DISAGREES",
            arrival(|m| m.time_to_station_s = Some(933 + 121)),
        ),
        (
            "COUNT_NEGATIVE",
            arrival(|m| m.time_to_station_s = Some(-1)),
        ),
        ("COUNT_NEGATIVE", bikes(|m| m.bikes = -1)),
        (
            "COUNT_NEGATIVE",
            crowding(|m| m.of_baseline_permille = Some(-1)),
        ),
        ("MORE_THAN_DOCKS", bikes(|m| m.docks = 17)),
        (
            "MORE_ELECTRIC_THAN_ALL",
            bikes(|m| m.electric_bikes = Some(11)),
        ),
        ("LIFT_AND_STATION", lift(|m| m.station_id = "HUBABW".into())),
        (
            "CROWDING_SHARE",
            crowding(|m| m.of_baseline_permille = Some(23_100)),
        ),
        ("IN_THE_FUTURE", crowding(|m| m.counted_at = at(90))),
        ("FIELD_MISSING", crowding(|m| m.counted_at = None)),
    ]
}

#[test]
fn good_events_pass() {
    let nothing = Broken::new();
    for found in [
        road(|_| {}),
        arrival(|_| {}),
        arrival(|m| m.time_to_station_s = Some(933 + 120)),
        bikes(|_| {}),
        bikes(|m| m.docks = 18),
        lift(|_| {}),
        crowding(|_| {}),
        crowding(|m| m.of_baseline_permille = None),
    ] {
        assert_eq!(found, nothing);
    }
}

proptest! {
    #[test]
    fn an_accepted_prediction_names_a_stop_a_line_and_no_registration_mark(
        naptan in select(vec!["940GZZLUSKW", "490008660N", "Bank"]),
        vehicle in select(vec!["224", "LX11AZB", "A1"]),
        mode in select(vec!["tube", "bus", "boat"]),
        days in -30..100_i64,
        to_station in -10..100_i32,
    ) {
        let predicted = days * 86_400;
        let message = ArrivalPrediction {
            naptan_id: naptan.into(),
            vehicle_id: Some(vehicle.into()),
            mode: mode.into(),
            predicted_at: after(predicted),
            expected_at: after(predicted + i64::from(to_station)),
            time_to_station_s: Some(to_station),
            valid_until: None,
            ..arrival_message()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::arrival_prediction));
        let sound = naptan != "Bank" && vehicle == "224" && mode != "boat" && days <= 63 && to_station >= 0;
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(ArrivalPrediction::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn accepted_counts_are_none_below_zero_and_points_lie_on_earth(
        bikes in -2..9_i32, electric in -2..9_i32, empty in -2..9_i32, docks in -2..20_i32,
        point in (proptest::option::of(-100..100_i32), proptest::option::of(-200..200_i32)),
    ) {
        let degrees = |degrees: i32| degrees * 1_000_000;
        let message = BikePointStatus {
            bike_point_id: "BikePoints_1".into(),
            bikes, electric_bikes: Some(electric), empty_docks: empty, docks,
            latitude_microdegrees: point.0.map(degrees),
            longitude_microdegrees: point.1.map(degrees),
            ..Default::default()
        };
        let on_earth = match point {
            (None, None) => true,
            (Some(north), Some(east)) => north.abs() <= 90 && east.abs() <= 180,
            _ => false,
        };
        let accepted = !book().refuses(&book().broken(&message, rules::bike_point_status));
        prop_assert_eq!(accepted, on_earth && [bikes, electric, empty, docks].iter().all(|count| *count >= 0));
        if accepted {
            prop_assert_eq!(BikePointStatus::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}
