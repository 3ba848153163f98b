//! Rules of what is published of roads, stops, lifts and docking stations: open data, about nobody.

use prost_types::Timestamp;
use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::tfl::v1::{
    ArrivalPrediction, BikePointStatus, CrowdingLive, LiftDisruption, RoadDisruption,
};

/// Half a point, or none on this planet.
pub static POINT_IMPOSSIBLE: Rule = Rule::refuse(
    "POINT_IMPOSSIBLE",
    "A point has a latitude within 90 and a longitude within 180 degrees, or neither.",
    "WGS 84",
);

/// A point that TfL serves nothing at.
pub static POINT_OUTSIDE_LONDON: Rule = Rule::query(
    "POINT_OUTSIDE_LONDON",
    "The point lies in or near London: latitude and longitude may be swapped.",
    "TfL Unified API: coordinates are published in both orders",
);

/// Something that is no stop, station or hub.
pub static STOP_ID: Rule = Rule::refuse(
    "STOP_ID",
    "A stop or station is a NaPTAN or hub code of 6 to 16 capital letters and digits, for example 940GZZLUASL or HUBIMP.",
    "TfL Unified API: stop point identities",
);

/// A vehicle by something else than its running number.
pub static VEHICLE_NUMBER: Rule = Rule::refuse(
    "VEHICLE_NUMBER",
    "A vehicle is a running number, digits only: a registration mark is never published.",
    "walbrook: a registration mark is personal data of whoever drives",
);

/// Two statements about one arrival that differ.
pub static PREDICTION_DISAGREES: Rule = Rule::query(
    "PREDICTION_DISAGREES",
    "The seconds to the stop agree with the expected time to two minutes.",
    "TfL Unified API, Prediction",
);

/// Fewer than none.
pub static COUNT_NEGATIVE: Rule = Rule::refuse(
    "COUNT_NEGATIVE",
    "A number of cycles, docks or seconds, or a share, is never negative.",
    "walbrook: counts",
);

/// More cycles and free docks than docks.
pub static MORE_THAN_DOCKS: Rule = Rule::query(
    "MORE_THAN_DOCKS",
    "Cycles and free docks together are at most the docks there are.",
    "TfL Unified API, BikePoint: what is missing is out of order",
);

/// More electric cycles than cycles.
pub static MORE_ELECTRIC_THAN_ALL: Rule = Rule::query(
    "MORE_ELECTRIC_THAN_ALL",
    "Electric cycles are counted among the cycles.",
    "TfL Unified API, BikePoint",
);

/// A lift of another station.
pub static LIFT_AND_STATION: Rule = Rule::query(
    "LIFT_AND_STATION",
    "A lift's identity begins with that of its station.",
    "TfL Unified API, /Disruptions/Lifts/v2",
);

/// A share that cannot be meant.
pub static CROWDING_SHARE: Rule = Rule::query(
    "CROWDING_SHARE",
    "The share of the baseline is at most ten times the baseline: it may be in per cent.",
    "TfL Unified API, /crowding/{Naptan}/Live",
);

const DEGREE: i32 = 1_000_000;
const AGREE_WITHIN_S: i64 = 120;
const MOST_PERMILLE: i32 = 10_000;

/// Checks a disruption of the road network.
pub fn road_disruption(m: &RoadDisruption, _: &Context<'_>, out: &mut Findings) {
    in_order(&m.starts_at, &m.ends_at, "ends_at", out);
    point(m.latitude_microdegrees, m.longitude_microdegrees, out);
}

/// Checks the prediction of an arrival.
pub fn arrival_prediction(m: &ArrivalPrediction, context: &Context<'_>, out: &mut Findings) {
    stop(&m.naptan_id, "naptan_id", out);
    if let Some(destination) = &m.destination_naptan_id {
        stop(destination, "destination_naptan_id", out);
    }
    super::line_id(&m.line_id, out);
    let number = m.vehicle_id.as_deref().unwrap_or_default();
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    out.check(digits, &VEHICLE_NUMBER, "vehicle_id");
    let made = m.predicted_at.as_ref();
    facts::happened(
        made.and_then(facts::london_day),
        context.today,
        "predicted_at",
        out,
    );
    in_order(&m.predicted_at, &m.valid_until, "valid_until", out);
    let stated = m.time_to_station_s.unwrap_or_default();
    if !out.check(stated >= 0, &COUNT_NEGATIVE, "time_to_station_s") {
        return;
    }
    let apart = seconds(&m.expected_at).zip(seconds(&m.predicted_at));
    let agree = apart
        .zip(m.time_to_station_s)
        .is_none_or(|((at, from), stated)| (at - from - i64::from(stated)).abs() <= AGREE_WITHIN_S);
    out.check(agree, &PREDICTION_DISAGREES, "time_to_station_s");
}

/// Checks the numbers of a docking station.
pub fn bike_point_status(m: &BikePointStatus, context: &Context<'_>, out: &mut Findings) {
    let electric = m.electric_bikes.unwrap_or_default();
    let counts = [
        (m.bikes, "bikes"),
        (electric, "electric_bikes"),
        (m.empty_docks, "empty_docks"),
        (m.docks, "docks"),
    ];
    let mut sane = true;
    for (count, field) in counts {
        sane &= out.check(count >= 0, &COUNT_NEGATIVE, field);
    }
    if sane {
        let used = i64::from(m.bikes) + i64::from(m.empty_docks);
        out.check(used <= i64::from(m.docks), &MORE_THAN_DOCKS, "docks");
        out.check(
            electric <= m.bikes,
            &MORE_ELECTRIC_THAN_ALL,
            "electric_bikes",
        );
    }
    let counted = m.counted_at.as_ref().and_then(facts::london_day);
    facts::happened(counted, context.today, "counted_at", out);
    point(m.latitude_microdegrees, m.longitude_microdegrees, out);
}

/// Checks the state of a lift.
pub fn lift_disruption(m: &LiftDisruption, _: &Context<'_>, out: &mut Findings) {
    stop(&m.station_id, "station_id", out);
    let own = m.lift_id.is_empty() || m.lift_id.starts_with(&m.station_id);
    out.check(own, &LIFT_AND_STATION, "lift_id");
}

/// Checks how busy a station is.
pub fn crowding_live(m: &CrowdingLive, context: &Context<'_>, out: &mut Findings) {
    stop(&m.naptan_id, "naptan_id", out);
    let share = m.of_baseline_permille.unwrap_or_default();
    out.check(share >= 0, &COUNT_NEGATIVE, "of_baseline_permille");
    out.check(
        share <= MOST_PERMILLE,
        &CROWDING_SHARE,
        "of_baseline_permille",
    );
    let counted = m.counted_at.as_ref().and_then(facts::london_day);
    facts::happened(counted, context.today, "counted_at", out);
}

/// An empty one is missing, and that is another rule's.
fn stop(code: &str, field: &str, out: &mut Findings) {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let shaped = (6..=16).contains(&code.len()) && code.bytes().all(allowed);
    out.check(shaped || code.is_empty(), &STOP_ID, field);
}

fn point(latitude: Option<i32>, longitude: Option<i32>, out: &mut Findings) {
    let on_earth = match (latitude, longitude) {
        (None, None) => true,
        (Some(north), Some(east)) => {
            (-90 * DEGREE..=90 * DEGREE).contains(&north)
                && (-180 * DEGREE..=180 * DEGREE).contains(&east)
        }
        _ => false,
    };
    if !out.check(on_earth, &POINT_IMPOSSIBLE, "latitude_microdegrees") {
        return;
    }
    let near = latitude.zip(longitude).is_none_or(|(north, east)| {
        (51 * DEGREE..=52 * DEGREE).contains(&north) && (-DEGREE..=DEGREE).contains(&east)
    });
    out.check(near, &POINT_OUTSIDE_LONDON, "latitude_microdegrees");
}

fn in_order(start: &Option<Timestamp>, end: &Option<Timestamp>, field: &str, out: &mut Findings) {
    let at = |at: &Timestamp| (at.seconds, at.nanos);
    let ordered = start
        .as_ref()
        .zip(end.as_ref())
        .is_none_or(|(start, end)| at(start) <= at(end));
    out.check(ordered, &facts::ENDS_BEFORE_START, field);
}

/// Seconds of an instant that exists: of others nothing is computed, they have a rule of their own.
fn seconds(at: &Option<Timestamp>) -> Option<i64> {
    let at = at.as_ref()?;
    facts::london_day(at).map(|_| at.seconds)
}
