#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use walbrook_proto::common::v1::Date;

use super::forecast::days;
use super::*;
use crate::import::frame::{Finding, testing};
use crate::publish::Outgoing;

fn read(file: &Path) -> (Vec<Outgoing>, Vec<Finding>) {
    let mapping = Feed {
        captured: captured(file),
        station: None,
    };
    testing::events(rows(file, &Meter::default()).unwrap(), mapping)
}

fn written(text: &str) -> (Vec<Outgoing>, Vec<Finding>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("feed.json");
    std::fs::write(&file, text).unwrap();
    let mapping = Feed {
        captured: instant("2024-07-15T15:41:00Z"),
        station: Some("940GZZLUASL".to_owned()),
    };
    testing::events(rows(&file, &Meter::default()).unwrap(), mapping)
}

fn body(event: &Outgoing) -> &event::Body {
    match &event.body {
        Body::Tfl(body) => body,
        other => panic!("{other:?}"),
    }
}

fn sample(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/tfl")
        .join(name);
    if !path.exists() {
        eprintln!("skipped: the sample {name} is not there");
    }
    path.exists().then_some(path)
}

#[test]
fn trap_4_a_captured_response_is_json_inside_a_string_of_json_and_read_through() {
    let wrapped = r#"{"status_code":200,"headers":{"Date":"Mon, 15 Jul 2024 15:40:58 GMT"},"content":
        "[{\"$type\":\"Tfl.Api.Presentation.Entities.Line, Tfl.Api.Presentation.Entities\",\"id\":\"central\",\"modeName\":\"tube\",\"lineStatuses\":[{\"statusSeverity\":9,\"reason\":\"Central Line: \\\"minor\\\" delays\",\"validityPeriods\":[{\"fromDate\":\"2024-07-15T07:42:48Z\",\"toDate\":\"2024-07-16T00:29:00Z\",\"isNow\":true}],\"disruption\":{\"category\":\"RealTime\"}}]}]"}"#;
    let (events, findings) = written(wrapped);
    assert_eq!((events.len(), findings.len()), (1, 0));
    let event::Body::LineStatusChanged(status) = body(&events[0]) else {
        panic!()
    };
    assert_eq!(
        (status.line_id.as_str(), status.status_severity.as_str()),
        ("central", "9")
    );
    assert_eq!(status.valid_from, instant("2024-07-15T07:42:48Z"));
    assert_eq!(status.disruption_category.as_deref(), Some("RealTime"));
}

/// 9 May to 11 May, published as 5 September to 5 November.
#[test]
fn trap_4_dates_with_day_and_month_swapped_are_put_right_by_the_summary_or_left_out() {
    let answer = r#"{"$type":"Tfl.Api.Presentation.Entities.LondonAirForecast, Tfl.Api.Presentation.Entities","currentForecast":[
        {"forecastType":"Current","forecastID":"40578","fromDate":"2023-09-05T00:00:00Z","toDate":"2023-11-05T23:59:00Z","forecastBand":"Low",
         "forecastSummary":"Low air pollution forecast valid from Tuesday 9 May to end of Thursday 11 May GMT","nO2Band":"Very High","forecastText":"&lt;br/&gt;"},
        {"forecastType":"Future","forecastID":"40578","fromDate":"2023-09-05T00:00:00Z","toDate":"2023-11-05T23:59:00Z","forecastBand":"Low","forecastSummary":"Low"}]}"#;
    let (events, findings) = written(answer);
    let told: Vec<_> = events
        .iter()
        .map(|event| match body(event) {
            event::Body::AirQualityForecast(one) => {
                (one.valid_from, one.valid_to, one.dates_from.as_str())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let (ninth, eleventh) = (Date::new(2023, 5, 9), Date::new(2023, 5, 11));
    assert_eq!(
        told,
        [(ninth, eleventh, "SWAPPED_BACK"), (None, None, "UNTRUSTED")]
    );
    let rules: Vec<_> = findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    assert_eq!(rules, ["DATES_SWAPPED", "DATES_UNTRUSTED"]);

    let summary =
        Some("Low air pollution forecast valid from Friday 12 May to end of Sunday 14 May GMT");
    for (from, to, summary, expected) in [
        // One was swapped, the other could not be.
        (
            Some("2023-12-05"),
            Some("2023-05-14"),
            summary,
            "SWAPPED_BACK",
        ),
        (Some("2023-05-12"), Some("2023-05-14"), summary, "PUBLISHED"),
        (Some("2023-05-13"), Some("2023-05-14"), None, "PUBLISHED"),
        (Some("2023-05-12"), Some("2023-05-14"), None, "UNTRUSTED"),
        (Some("2023-06-20"), Some("2023-06-21"), summary, "UNTRUSTED"),
        (Some("2023-13-13"), Some("2023-05-14"), summary, "UNTRUSTED"),
        (None, None, summary, "SUMMARY"),
        (None, None, None, "UNTRUSTED"),
    ] {
        let found = days(from, to, summary, Some(2023));
        assert_eq!(found.source, expected, "{from:?} {to:?}");
        assert_eq!(found.from.is_some(), expected != "UNTRUSTED");
    }
}

#[test]
fn docking_stations_roads_and_lifts() {
    let answer = r#"[
     {"$type":"Tfl.Api.Presentation.Entities.Place, Tfl.Api.Presentation.Entities","id":"BikePoints_1","commonName":"River Street","placeType":"BikePoint","lat":51.529163,"lon":-0.10997,
      "additionalProperties":[{"key":"NbBikes","value":"10","modified":"2024-07-15T15:30:00.123Z"},{"key":"NbEmptyDocks","value":"8"},{"key":"NbDocks","value":"19"},{"key":"NbEBikes","value":"3"},{"key":"Installed","value":"true"}]},
     {"$type":"Tfl.Api.Presentation.Entities.RoadDisruption, Tfl.Api.Presentation.Entities","id":"TIMS-233221","point":"[0.054973,51.47111]","severity":"Minimal","category":"Works","comments":"said to passengers","corridorIds":["a205"],"startDateTime":"2024-07-11T07:53:00Z","endDateTime":"2024-09-25T18:00:00Z","lastModifiedTime":"2024-07-15T11:27:10Z","status":"Active","hasClosures":false},
     {"stationUniqueId":"940GZZLUWYP","disruptedLiftUniqueIds":["940GZZLUWYP-Lift-5","940GZZLUWYP-Lift-6"],"message":"no lift service"},
     {"$type":"Tfl.Api.Presentation.Entities.StopPoint, Tfl.Api.Presentation.Entities","id":"940GZZLUASL"}]"#;
    let (events, findings) = written(answer);
    assert_eq!((events.len(), findings.len()), (4, 0));
    let event::Body::BikePointStatus(bikes) = body(&events[0]) else {
        panic!()
    };
    assert_eq!(
        (bikes.bikes, bikes.electric_bikes, bikes.docks),
        (10, Some(3), 19)
    );
    assert_eq!(
        (bikes.latitude_microdegrees, bikes.longitude_microdegrees),
        (Some(51_529_163), Some(-109_970))
    );
    let event::Body::RoadDisruption(road) = body(&events[1]) else {
        panic!()
    };
    assert_eq!(
        (road.latitude_microdegrees, road.longitude_microdegrees),
        (Some(51_471_110), Some(54_973))
    );
    let event::Body::LiftDisruption(lift) = body(&events[3]) else {
        panic!()
    };
    assert_eq!(
        (lift.lift_id.as_str(), lift.in_service),
        ("940GZZLUWYP-Lift-6", false)
    );
}

#[test]
fn the_crowding_of_a_station_is_a_share_in_thousandths_and_no_data_is_not_zero() {
    let live =
        |rest: &str| format!(r#"{{"dataAvailable":{rest},"timeLocal":"2024-07-15T16:41:00"}}"#);
    for (text, share) in [
        (
            live(r#"true,"percentageOfBaseline":0.3567,"timeUtc":"2024-07-15T15:40:00Z""#),
            Some(357),
        ),
        (
            live(r#"true,"percentageOfBaseline":1,"timeUtc":"2024-07-15T15:40:00.000Z""#),
            Some(1_000),
        ),
        (
            live(r#"false,"percentageOfBaseline":0.0,"timeUtc":"2024-07-15T15:40:00""#),
            None,
        ),
    ] {
        let (events, findings) = written(&text);
        assert_eq!((events.len(), findings.len()), (1, 0), "{text}");
        let event::Body::CrowdingLive(one) = body(&events[0]) else {
            panic!()
        };
        assert_eq!(one.naptan_id, "940GZZLUASL");
        assert_eq!(one.of_baseline_permille, share, "{text}");
        assert_eq!(one.counted_at, instant("2024-07-15T15:40:00Z"));
    }
    for (text, rule) in [
        (
            live(r#"true,"percentageOfBaseline":"much","timeUtc":"2024-07-15T15:40:00Z""#),
            "VALUE_FORM",
        ),
        (
            live(r#"true,"percentageOfBaseline":0.5"#),
            "TIME_UNREADABLE",
        ),
    ] {
        let (events, findings) = written(&text);
        assert_eq!((events.len(), findings[0].rule.as_str()), (0, rule));
    }
}

#[test]
fn a_registration_mark_stays_in_the_file() {
    let arrival = |mode: &str, vehicle: &str| {
        format!(
            r#"[{{"$type":"Tfl.Api.Presentation.Entities.Prediction, X","vehicleId":"{vehicle}","naptanId":"490008660N","lineId":"n29","timestamp":"2024-07-15T15:39:33Z","timeToStation":60,"expectedArrival":"2024-07-15T15:40:33Z","modeName":"{mode}"}}]"#
        )
    };
    for (mode, vehicle, expected) in [
        ("bus", "LX11AZB", None),
        ("bus", "1", None),
        ("tube", "224", Some("224")),
        ("tube", "AB1", None),
    ] {
        let (events, _) = written(&arrival(mode, vehicle));
        let event::Body::ArrivalPrediction(one) = body(&events[0]) else {
            panic!()
        };
        assert_eq!(one.vehicle_id.as_deref(), expected);
    }
}

/// Of the samples every object becomes an event or is said to become none, and reading them again makes the same ids.
#[test]
fn the_samples_are_read_whole_and_twice_alike() {
    for (name, expected) in [
        ("lineStatusByMode_tube_None_Line.json", 11),
        ("lineStatus_piccadilly_northern_None_Line.json", 2),
        ("lineDisruptionsByMode_tube_None_Line.json", 3),
        ("arrivalsByLineId_victoria_None_Prediction.json", 311),
        ("stopPointById_940GZZLUASL_None_StopPoint.json", 0),
    ] {
        let Some(file) = sample(name) else { return };
        let ids = |events: &[Outgoing]| {
            events
                .iter()
                .map(|event| event.head.event_id.clone())
                .collect::<Vec<_>>()
        };
        let (first, findings) = read(&file);
        assert_eq!((first.len(), findings.len()), (expected, 0), "{name}");
        assert_eq!(ids(&first), ids(&read(&file).0));
    }
}
