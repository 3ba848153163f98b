//! Rules of air quality.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::city::v1::{AirQualityMeasured, DaqiPublished};

/// A pollutant in the other unit: a factor of a thousand.
pub static UNIT_OF_SPECIES: Rule = Rule::refuse(
    "UNIT_OF_SPECIES",
    "Carbon monoxide is given in milligrams per cubic metre, everything else in micrograms.",
    "Air Quality Standards Regulations 2010, schedule 2",
);

/// A concentration that hardly occurs: below nothing, or beyond every record.
pub static VALUE_FAR: Rule = Rule::query(
    "VALUE_FAR",
    "The concentration should lie between 0 and 2,000 of its unit: monitors drift below zero and fail high.",
    "London Air Quality Network: quality assurance",
);

/// An index that there is not.
pub static DAQI_RANGE: Rule = Rule::refuse(
    "DAQI_RANGE",
    "The index is a number from 1 to 10; where there is no data there is no event.",
    "Defra: Daily Air Quality Index",
);

/// An index and a band that say different things.
pub static DAQI_BAND: Rule = Rule::refuse(
    "DAQI_BAND",
    "1 to 3 is low, 4 to 6 moderate, 7 to 9 high, 10 very high.",
    "Defra: Daily Air Quality Index",
);

const MOST_THOUSANDTHS: i64 = 2_000_000;

/// Checks a reading.
pub fn air_quality_measured(
    m: &AirQualityMeasured,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    // A code that is in no list is said by the rule of codes.
    let fits = match (m.species_code.as_str(), m.unit.as_str()) {
        ("CO", unit) => unit != "UG_M3",
        (_, unit) => unit != "MG_M3",
    };
    findings.check(fits, &UNIT_OF_SPECIES, "unit");
    let near = (0..=MOST_THOUSANDTHS).contains(&m.value_thousandths);
    findings.check(near, &VALUE_FAR, "value_thousandths");
    let measured = m.measured_at.as_ref().and_then(facts::london_day);
    facts::happened(measured, context.today, "measured_at", findings);
}

/// Checks an index.
pub fn daqi_published(m: &DaqiPublished, context: &Context<'_>, findings: &mut Findings) {
    let band = band(m.daqi_index);
    findings.check(band.is_some(), &DAQI_RANGE, "daqi_index");
    let known = ["LOW", "MODERATE", "HIGH", "VERY_HIGH"].contains(&m.band.as_str());
    let fits = band.is_none_or(|band| band == m.band) || !known;
    findings.check(fits, &DAQI_BAND, "band");
    if m.index_source != "FORECAST" {
        let day = m.bulletin_at.as_ref().and_then(facts::london_day);
        facts::happened(day, context.today, "bulletin_at", findings);
    }
}

fn band(index: i32) -> Option<&'static str> {
    match index {
        1..=3 => Some("LOW"),
        4..=6 => Some("MODERATE"),
        7..=9 => Some("HIGH"),
        10 => Some("VERY_HIGH"),
        _ => None,
    }
}
