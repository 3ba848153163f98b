//! Each rule has an input that only it catches, a good event passes all of them, and what passes is sound.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod network;
mod people;

use proptest::prelude::*;
use proptest::sample::select;
use prost_types::Timestamp;
use walbrook_agency::conformance::Rulebook;
use walbrook_domain::Day;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::tfl::v1::{LineStatusChanged, OutreachNotified};
use walbrook_tfl::rules;

fn book() -> Rulebook {
    Rulebook {
        rules: rules::RULES,
        organisation: "TFL:TFL".parse().unwrap(),
        occurred: Day::from_ymd(2026, 9, 21).unwrap(),
        today: Day::from_ymd(2026, 11, 23).unwrap(),
    }
}

/// 21 September 2026, 14:13 UTC.
const SEEN_SECONDS: i64 = 1_790_000_000;

fn at(days_later: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: SEEN_SECONDS + days_later * 86_400,
        nanos: 0,
    })
}

fn seen(change: impl FnOnce(&mut OutreachNotified)) -> Vec<&'static str> {
    let mut message = OutreachNotified {
        area: "UNDERGROUND".to_owned(),
        route_or_station: "940GZZLUASL".to_owned(),
        seen_at: at(0),
        streetlink_ref: Some("SL-771".to_owned()),
        immediate_danger: false,
    };
    change(&mut message);
    book().broken(&message, rules::outreach_notified)
}

fn line(change: impl FnOnce(&mut LineStatusChanged)) -> Vec<&'static str> {
    let mut message = LineStatusChanged {
        line_id: "hammersmith-city".to_owned(),
        mode: "tube".to_owned(),
        status_severity: "6".to_owned(),
        disruption_category: Some("RealTime".to_owned()),
        valid_from: at(0),
        valid_to: at(1),
    };
    change(&mut message);
    book().broken(&message, rules::line_status_changed)
}

fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        (
            "ROUTE_OR_STATION",
            seen(|m| m.route_or_station = "Arsenal".into()),
        ),
        ("ROUTE_OR_STATION", seen(|m| m.area = "BUS".into())),
        ("LINE_ID", line(|m| m.line_id = "Victoria".into())),
        (
            "VALIDITY_FAR_FROM_EVENT",
            line(|m| {
                m.valid_from = at(-61);
            }),
        ),
        ("ENDS_BEFORE_START", line(|m| m.valid_to = at(-1))),
        ("IN_THE_FUTURE", seen(|m| m.seen_at = at(90))),
        (
            "CODE_NOT_IN_LIST",
            line(|m| m.status_severity = "Good Service".into()),
        ),
        ("CODE_NOT_IN_LIST", seen(|m| m.area = "TRAM".into())),
        (
            "NOT_A_REFERENCE",
            seen(|m| m.streetlink_ref = Some("man in a blue coat".into())),
        ),
        ("FIELD_MISSING", seen(|m| m.route_or_station.clear())),
    ]
}

#[test]
fn good_events_pass() {
    let nothing = Vec::<&str>::new();
    assert_eq!(
        (seen(|_| {}), line(|_| {})),
        (nothing.clone(), nothing.clone())
    );
    for route in ["25", "N29", "EL1", "SL10", "X140"] {
        assert_eq!(
            seen(|m| {
                m.area = "BUS".into();
                m.route_or_station = route.into();
            }),
            nothing,
            "{route}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_accepted_keeps_every_refuse_rule(
        area in select(vec!["BUS", "UNDERGROUND", "bus"]),
        place in select(vec!["N29", "940GZZLUASL", "0123456789", "Bank station", "N", "1234"]),
        days in -30..200_i64,
    ) {
        let message = OutreachNotified {
            area: area.to_owned(),
            route_or_station: place.to_owned(),
            seen_at: at(days),
            ..Default::default()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::outreach_notified));
        let fits = matches!((area, place), ("BUS", "N29") | ("UNDERGROUND", "940GZZLUASL"));
        prop_assert_eq!(accepted, fits && days <= 63);
        if accepted {
            prop_assert_eq!(OutreachNotified::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}

#[test]
fn each_rule_has_an_input_that_only_it_catches_and_an_id_that_fits_a_header() {
    let mut cases = cases();
    cases.extend(network::cases());
    cases.extend(people::cases());
    assert_eq!(book().without_own_input(&cases), Vec::<&str>::new());
    assert_eq!(book().unfit_ids(), Vec::<&str>::new());
}
