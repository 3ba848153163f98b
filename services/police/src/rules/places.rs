//! Rules of what a force says of places and publishes about nobody: recordings, stop and search, incidents.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::police::v1::{AsbIncident, BwvRecordRegistered, StopSearch};

use super::{in_order, seconds};

/// A place finer, or other, than a kilometre square.
pub static GRID_SQUARE: Rule = Rule::refuse(
    "GRID_SQUARE",
    "A place is a kilometre square of the National Grid: two letters and four digits, for example TQ3080.",
    "walbrook: recordings are located no finer; Ordnance Survey National Grid",
);

/// A recording of more than a day.
pub static RECORDING_OVER_A_DAY: Rule = Rule::query(
    "RECORDING_OVER_A_DAY",
    "A recording ends within 24 hours of its start.",
    "walbrook: a camera worn by an officer",
);

/// Nothing says when it is deleted.
pub static RETENTION_MISSING: Rule = Rule::query(
    "RETENTION_MISSING",
    "What is not kept until a review, groups 3 and 4, has a last day.",
    "College of Policing, management of police information: retention",
);

/// A search of a vehicle alone, with details of a person.
pub static VEHICLE_SEARCH_WITH_PERSON: Rule = Rule::query(
    "VEHICLE_SEARCH_WITH_PERSON",
    "A search of a vehicle alone says nothing of a person searched.",
    "data.police.uk, stop and search",
);

/// A date finer than is published.
pub static MONTH_ONLY: Rule = Rule::refuse(
    "MONTH_ONLY",
    "An incident is published by its month: the first day of it.",
    "data.police.uk, street-level crime: dates are months, so that nobody is found by them",
);

/// Half a point, or none on this planet.
pub static POINT_IMPOSSIBLE: Rule = Rule::refuse(
    "POINT_IMPOSSIBLE",
    "A point has a latitude within 90 and a longitude within 180 degrees, or neither.",
    "WGS 84",
);

/// A point that no force of the list polices.
pub static POINT_OUTSIDE_BRITAIN: Rule = Rule::query(
    "POINT_OUTSIDE_BRITAIN",
    "A published point lies in Great Britain: latitude and longitude may be swapped.",
    "data.police.uk: points of the map of England, Wales and Scotland",
);

const DAY_S: i64 = 86_400;
const DEGREE: i32 = 1_000_000;

/// Checks the entry of a recording.
pub fn bwv_record_registered(m: &BwvRecordRegistered, context: &Context<'_>, out: &mut Findings) {
    let cell = m.location_cell.as_str();
    out.check(
        cell.is_empty() || is_grid_square(cell),
        &GRID_SQUARE,
        "location_cell",
    );
    let day = |at: &Option<_>| at.as_ref().and_then(facts::london_day);
    facts::happened(day(&m.ended_at), context.today, "ended_at", out);
    in_order(&m.started_at, &m.ended_at, "ended_at", out);
    let length = seconds(&m.started_at).zip(seconds(&m.ended_at));
    let short = length.is_none_or(|(start, end)| end - start <= DAY_S);
    out.check(short, &RECORDING_OVER_A_DAY, "ended_at");
    let until = m.retention_until.as_ref();
    facts::in_order(
        day(&m.started_at),
        until.and_then(facts::day),
        "retention_until",
        out,
    );
    let reviewed = !matches!(m.mopi_group.as_str(), "3" | "4");
    out.check(
        reviewed || until.is_some(),
        &RETENTION_MISSING,
        "retention_until",
    );
}

/// Checks a published stop and search.
pub fn stop_search(m: &StopSearch, context: &Context<'_>, out: &mut Findings) {
    let day = m.searched_at.as_ref().and_then(facts::london_day);
    facts::happened(day, context.today, "searched_at", out);
    let person = m.involved_person == Some(true)
        || m.gender.is_some()
        || m.age_range.is_some()
        || m.more_than_outer_clothing_removed == Some(true);
    out.check(
        !(m.search_type == "VEHICLE" && person),
        &VEHICLE_SEARCH_WITH_PERSON,
        "search_type",
    );
    point(m.latitude_microdegrees, m.longitude_microdegrees, out);
}

/// Checks a published incident.
pub fn asb_incident(m: &AsbIncident, context: &Context<'_>, out: &mut Findings) {
    let month = m.month.as_ref();
    let day = month.and_then(facts::day);
    facts::happened(day, context.today, "month", out);
    let first = day.is_none() || month.is_some_and(|date| date.day == 1);
    out.check(first, &MONTH_ONLY, "month");
    point(m.latitude_microdegrees, m.longitude_microdegrees, out);
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
    let in_britain = latitude.zip(longitude).is_none_or(|(north, east)| {
        (49 * DEGREE..=61 * DEGREE).contains(&north) && (-9 * DEGREE..=2 * DEGREE).contains(&east)
    });
    out.check(in_britain, &POINT_OUTSIDE_BRITAIN, "latitude_microdegrees");
}

fn is_grid_square(text: &str) -> bool {
    // The grid has no letter I.
    let letter = |byte: u8| byte.is_ascii_uppercase() && byte != b'I';
    text.len() == 6
        && text.bytes().take(2).all(letter)
        && text.bytes().skip(2).all(|byte| byte.is_ascii_digit())
}
