//! The forecast, and the concession.

use proptest::prelude::*;
use proptest::sample::select;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::tfl::v1::{AirQualityForecast, ConcessionGranted};
use walbrook_tfl::rules;

use super::book;

type Broken = Vec<&'static str>;

fn forecast_message() -> AirQualityForecast {
    let low = || Some("LOW".to_owned());
    AirQualityForecast {
        forecast_id: "40578".to_owned(),
        forecast_kind: "CURRENT".to_owned(),
        valid_from: Date::new(2026, 9, 21),
        valid_to: Date::new(2026, 9, 23),
        dates_from: "SWAPPED_BACK".to_owned(),
        band: "MODERATE".to_owned(),
        no2_band: low(),
        o3_band: Some("MODERATE".to_owned()),
        pm10_band: low(),
        pm25_band: low(),
        so2_band: low(),
    }
}

fn forecast(change: impl FnOnce(&mut AirQualityForecast)) -> Broken {
    let mut message = forecast_message();
    change(&mut message);
    book().broken(&message, rules::air_quality_forecast)
}

fn concession(change: impl FnOnce(&mut ConcessionGranted)) -> Broken {
    let mut message = ConcessionGranted {
        grant_ref: "CL-2026-118".to_owned(),
        concession_type: "CARE_LEAVER_18_25".to_owned(),
        valid_from: Date::new(2026, 9, 21),
        valid_to: Date::new(2034, 9, 20),
    };
    change(&mut message);
    book().broken(&message, rules::concession_granted)
}

/// Inputs that only the rule named catches.
pub fn cases() -> Vec<(&'static str, Broken)> {
    vec![
        (
            "FORECAST_DAYS",
            forecast(|m| m.dates_from = "UNTRUSTED".into()),
        ),
        ("FORECAST_DAYS", forecast(|m| m.valid_to = None)),
        (
            "ENDS_BEFORE_START",
            forecast(|m| m.valid_to = Date::new(2026, 9, 20)),
        ),
        (
            "VALIDITY_FAR_FROM_EVENT",
            forecast(|m| m.valid_from = Date::new(2026, 7, 22)),
        ),
        ("BAND_NOT_THE_WORST", forecast(|m| m.band = "LOW".into())),
        ("CODE_NOT_IN_LIST", forecast(|m| m.band = "Low".into())),
        (
            "CONCESSION_NOT_SHARED",
            concession(|m| m.concession_type = "ZIP_11_15".into()),
        ),
        (
            "CONCESSION_TOO_LONG",
            concession(|m| m.valid_to = Date::new(2034, 9, 22)),
        ),
        (
            "ENDS_BEFORE_START",
            concession(|m| m.valid_to = Date::new(2026, 9, 20)),
        ),
    ]
}

#[test]
fn good_events_pass() {
    let nothing = Broken::new();
    for found in [
        forecast(|_| {}),
        forecast(|m| {
            m.dates_from = "UNTRUSTED".into();
            m.valid_from = None;
            m.valid_to = None;
        }),
        forecast(|m| m.so2_band = None),
        concession(|_| {}),
    ] {
        assert_eq!(found, nothing);
    }
}

proptest! {
    #[test]
    fn an_accepted_forecast_has_days_that_something_vouches_for(
        dates_from in select(vec!["PUBLISHED", "SWAPPED_BACK", "SUMMARY", "UNTRUSTED"]),
        from in proptest::option::of(1..28_i32), to in proptest::option::of(1..28_i32),
        band in select(vec!["LOW", "VERY_HIGH", "Low"]),
    ) {
        let day = |day: i32| Date { year: 2026, month: 9, day };
        let message = AirQualityForecast {
            dates_from: dates_from.into(), band: band.into(),
            valid_from: from.map(day), valid_to: to.map(day),
            ..forecast_message()
        };
        let accepted = !book().refuses(&book().broken(&message, rules::air_quality_forecast));
        let days = if dates_from == "UNTRUSTED" { (false, false) } else { (true, true) };
        let ordered = from.zip(to).is_none_or(|(from, to)| from <= to);
        prop_assert_eq!(accepted, (from.is_some(), to.is_some()) == days && ordered && band != "Low");
        if accepted {
            prop_assert_eq!(AirQualityForecast::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn no_concession_but_the_care_leavers_is_accepted(
        kind in select(vec!["CARE_LEAVER_18_25", "ZIP_16_PLUS", "JOBCENTRE", "VETERANS", "FREEDOM_PASS", "gold"]),
    ) {
        prop_assert_eq!(!book().refuses(&concession(|m| m.concession_type = kind.into())), kind == "CARE_LEAVER_18_25");
    }
}
