//! Rules particular to the events of Transport for London.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::tfl::v1::{LineStatusChanged, OutreachNotified};

mod network;
mod people;

pub use network::{
    COUNT_NEGATIVE, CROWDING_SHARE, LIFT_AND_STATION, MORE_ELECTRIC_THAN_ALL, MORE_THAN_DOCKS,
    POINT_IMPOSSIBLE, POINT_OUTSIDE_LONDON, PREDICTION_DISAGREES, STOP_ID, VEHICLE_NUMBER,
    arrival_prediction, bike_point_status, crowding_live, lift_disruption, road_disruption,
};
pub use people::{
    BAND_NOT_THE_WORST, CONCESSION_NOT_SHARED, CONCESSION_TOO_LONG, FORECAST_DAYS,
    air_quality_forecast, concession_granted,
};

/// A place that is neither a route nor a station.
pub static ROUTE_OR_STATION: Rule = Rule::refuse(
    "ROUTE_OR_STATION",
    "On a bus it is the route, for example N29; on the Underground the station's NaPTAN code, for example 940GZZLUASL.",
    "TfL Unified API: line and stop point identities",
);

/// Something that is no line of the Unified API.
pub static LINE_ID: Rule = Rule::refuse(
    "LINE_ID",
    "A line is named as in the Unified API, in small letters, digits and hyphens, for example hammersmith-city.",
    "TfL Unified API, /Line",
);

/// A validity far from the event: the feed is known to swap day and month.
pub static VALIDITY_FAR_FROM_EVENT: Rule = Rule::query(
    "VALIDITY_FAR_FROM_EVENT",
    "The status should hold from within 60 days of the event: day and month may be swapped.",
    "TfL Unified API: dates with day and month swapped have been published",
);

/// All rules of this agency.
pub static RULES: &[&Rule] = &[
    &ROUTE_OR_STATION,
    &LINE_ID,
    &VALIDITY_FAR_FROM_EVENT,
    &POINT_IMPOSSIBLE,
    &POINT_OUTSIDE_LONDON,
    &STOP_ID,
    &VEHICLE_NUMBER,
    &PREDICTION_DISAGREES,
    &COUNT_NEGATIVE,
    &MORE_THAN_DOCKS,
    &MORE_ELECTRIC_THAN_ALL,
    &LIFT_AND_STATION,
    &CROWDING_SHARE,
    &FORECAST_DAYS,
    &BAND_NOT_THE_WORST,
    &CONCESSION_NOT_SHARED,
    &CONCESSION_TOO_LONG,
];

const FAR_DAYS: i32 = 60;

/// Checks a notification of somebody who may be sleeping rough.
pub fn outreach_notified(m: &OutreachNotified, context: &Context<'_>, findings: &mut Findings) {
    let place = m.route_or_station.as_str();
    let known = match m.area.as_str() {
        "BUS" => is_route(place),
        "UNDERGROUND" => is_station(place),
        _ => true,
    };
    findings.check(
        known || place.is_empty(),
        &ROUTE_OR_STATION,
        "route_or_station",
    );
    let seen = m.seen_at.as_ref().and_then(facts::london_day);
    facts::happened(seen, context.today, "seen_at", findings);
}

/// Checks the status of a line.
pub fn line_status_changed(m: &LineStatusChanged, context: &Context<'_>, findings: &mut Findings) {
    line_id(&m.line_id, findings);
    let from = m.valid_from.as_ref().and_then(facts::london_day);
    let to = m.valid_to.as_ref().and_then(facts::london_day);
    facts::in_order(from, to, "valid_to", findings);
    let near = from
        .zip(context.occurred_day)
        .is_none_or(|(from, occurred)| (from.0 - occurred.0).abs() <= FAR_DAYS);
    findings.check(near, &VALIDITY_FAR_FROM_EVENT, "valid_from");
}

fn line_id(id: &str, findings: &mut Findings) {
    let shaped = id
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    findings.check(shaped, &LINE_ID, "line_id");
}

/// Up to three letters, then up to three digits: 25, N29, SL10, EL1.
fn is_route(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = text.len() - letters;
    letters <= 3
        && (1..=3).contains(&digits)
        && text.bytes().skip(letters).all(|byte| byte.is_ascii_digit())
}

fn is_station(text: &str) -> bool {
    text.strip_prefix("940GZZ").is_some_and(|rest| {
        (3..=8).contains(&rest.len())
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}
