//! Rules of the forecast that people read, and of the one concession that is told to anybody.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::tfl::v1::{AirQualityForecast, ConcessionGranted};

use super::VALIDITY_FAR_FROM_EVENT;

/// Days that nothing vouches for, or no days where something does.
pub static FORECAST_DAYS: Rule = Rule::refuse(
    "FORECAST_DAYS",
    "A forecast whose dates cannot be relied on has none; any other has both.",
    "walbrook: the feed has been seen to swap day and month",
);

/// An overall band that is not the worst of its parts.
pub static BAND_NOT_THE_WORST: Rule = Rule::query(
    "BAND_NOT_THE_WORST",
    "The overall band is the worst of the five.",
    "Defra, Daily Air Quality Index",
);

/// A concession that nobody else has a reason to know of.
pub static CONCESSION_NOT_SHARED: Rule = Rule::refuse(
    "CONCESSION_NOT_SHARED",
    "Of all concessions only the care leavers' one is published, to the authority responsible for them.",
    "Children Act 1989 s23C; the others serve no agreed purpose",
);

/// A concession that outlasts its age.
pub static CONCESSION_TOO_LONG: Rule = Rule::query(
    "CONCESSION_TOO_LONG",
    "The care leavers' concession runs from 18 to the day before 26: eight years at most.",
    "TfL, care leavers' bus and tram discount",
);

const FAR_DAYS: i32 = 60;
const EIGHT_YEARS_DAYS: i32 = 2_922;

/// Checks a forecast of the air's quality.
pub fn air_quality_forecast(m: &AirQualityForecast, context: &Context<'_>, out: &mut Findings) {
    let from = m.valid_from.as_ref().and_then(facts::day);
    let to = m.valid_to.as_ref().and_then(facts::day);
    let days = [&m.valid_from, &m.valid_to].map(Option::is_some);
    let vouched = m.dates_from != "UNTRUSTED";
    out.check(days == [vouched; 2], &FORECAST_DAYS, "dates_from");
    facts::in_order(from, to, "valid_to", out);
    let near = from
        .zip(context.occurred_day)
        .is_none_or(|(from, occurred)| (from.0 - occurred.0).abs() <= FAR_DAYS);
    out.check(near, &VALIDITY_FAR_FROM_EVENT, "valid_from");
    let parts = [
        &m.no2_band,
        &m.o3_band,
        &m.pm10_band,
        &m.pm25_band,
        &m.so2_band,
    ];
    let worst = parts.iter().filter_map(|band| rank(band.as_deref()?)).max();
    let all = parts.iter().all(|band| band.is_some());
    let holds = !all || rank(&m.band).is_none_or(|band| worst.is_none_or(|worst| band == worst));
    out.check(holds, &BAND_NOT_THE_WORST, "band");
}

/// Checks a concession.
pub fn concession_granted(m: &ConcessionGranted, _: &Context<'_>, out: &mut Findings) {
    // A missing one has a rule of its own.
    let shared = matches!(m.concession_type.as_str(), "" | "CARE_LEAVER_18_25");
    out.check(shared, &CONCESSION_NOT_SHARED, "concession_type");
    let from = m.valid_from.as_ref().and_then(facts::day);
    let to = m.valid_to.as_ref().and_then(facts::day);
    facts::in_order(from, to, "valid_to", out);
    let short = from
        .zip(to)
        .is_none_or(|(from, to)| to.0 - from.0 <= EIGHT_YEARS_DAYS);
    out.check(short, &CONCESSION_TOO_LONG, "valid_to");
}

fn rank(band: &str) -> Option<usize> {
    ["LOW", "MODERATE", "HIGH", "VERY_HIGH"]
        .iter()
        .position(|known| *known == band)
}
