//! The forecast of the air's quality, and its dates: the feed has published the ninth of May as the fifth of September. The summary, in words, is
//! what they are held against; dates that nothing vouches for are left out.

use serde_json::Value;
use walbrook_proto::common::v1::Date;
use walbrook_proto::tfl::v1::{AirQualityForecast, event};

use super::{Drafts, Feed};
use crate::import::frame::draft::iso_date;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// First and last day, and what vouches for them.
#[derive(Debug, PartialEq)]
pub(super) struct Days {
    pub(super) from: Option<Date>,
    pub(super) to: Option<Date>,
    pub(super) source: &'static str,
}

impl Feed {
    /// One event for each forecast of the answer.
    pub(super) fn forecasts(&self, value: &Value, drafts: &mut Drafts) {
        let all = value.get("currentForecast").and_then(Value::as_array);
        let all = all.map(Vec::as_slice).unwrap_or_default();
        if all.is_empty() {
            return drafts.not_mapped("NO_FORECAST", "the answer holds no forecast");
        }
        for forecast in all {
            let text = |name: &str| forecast.get(name).and_then(Value::as_str).map(str::trim);
            let band =
                |name: &str| text(name).map(|band| band.to_ascii_uppercase().replace(' ', "_"));
            let year = self.captured.as_ref().and_then(year);
            let days = days(
                text("fromDate"),
                text("toDate"),
                text("forecastSummary"),
                year,
            );
            if days.source == "UNTRUSTED" {
                let sentence = "nothing vouches for the dates, day and month may be swapped: they are left out";
                drafts.query("fromDate", "DATES_UNTRUSTED", sentence);
            } else if days.source == "SWAPPED_BACK" {
                let sentence = "day and month were swapped; put right by the summary";
                drafts.query("fromDate", "DATES_SWAPPED", sentence);
            }
            let body = AirQualityForecast {
                forecast_id: text("forecastID").unwrap_or_default().to_owned(),
                forecast_kind: text("forecastType")
                    .unwrap_or_default()
                    .to_ascii_uppercase(),
                valid_from: days.from,
                valid_to: days.to,
                dates_from: days.source.to_owned(),
                band: band("forecastBand").unwrap_or_default(),
                no2_band: band("nO2Band"),
                o3_band: band("o3Band"),
                pm10_band: band("pM10Band"),
                pm25_band: band("pM25Band"),
                so2_band: band("sO2Band"),
            };
            self.send(drafts, None, event::Body::AirQualityForecast(body));
        }
    }
}

/// The days of a forecast: as published where the summary says the same, with day and month swapped back where it says that, from the summary's
/// words where none are published and the year is known. A day above twelve was not swapped.
pub(super) fn days(
    from: Option<&str>,
    to: Option<&str>,
    summary: Option<&str>,
    year: Option<i32>,
) -> Days {
    let untrusted = Days {
        from: None,
        to: None,
        source: "UNTRUSTED",
    };
    let said = summary.and_then(said);
    let published = from
        .zip(to)
        .map(|(from, to)| (iso_date(from).ok(), iso_date(to).ok()));
    let (from, to, source) = match (published, said) {
        (Some((Some(from), Some(to))), Some([first, last])) => {
            let (Some((from, back)), Some((to, back_too))) =
                (agreed(from, first), agreed(to, last))
            else {
                return untrusted;
            };
            let source = if back || back_too {
                "SWAPPED_BACK"
            } else {
                "PUBLISHED"
            };
            (from, to, source)
        }
        (Some((Some(from), Some(to))), None) if from.day > 12 && to.day > 12 => {
            (from, to, "PUBLISHED")
        }
        (None, Some([first, last])) => {
            let Some(year) = year else { return untrusted };
            let over_new_year = i32::from(last < first);
            let (from, to) = (
                Date::new(year, first.0, first.1),
                Date::new(year + over_new_year, last.0, last.1),
            );
            let (Some(from), Some(to)) = (from, to) else {
                return untrusted;
            };
            (from, to, "SUMMARY")
        }
        _ => return untrusted,
    };
    let ordered = from
        .days()
        .zip(to.days())
        .is_some_and(|(from, to)| from <= to);
    if !ordered {
        return untrusted;
    }
    Days {
        from: Some(from),
        to: Some(to),
        source,
    }
}

/// The date that has this month and day, as it stands or with both swapped; the second says that they were.
fn agreed(date: Date, said: (i32, i32)) -> Option<(Date, bool)> {
    if (date.month, date.day) == said {
        return Some((date, false));
    }
    let swapped = Date::new(date.year, date.day, date.month)?;
    ((swapped.month, swapped.day) == said).then_some((swapped, true))
}

/// The days of a summary, `… valid from Tuesday 9 May to end of Thursday 11 May GMT`, each as month and day.
fn said(summary: &str) -> Option<[(i32, i32); 2]> {
    let (_, days) = summary.split_once("valid from ")?;
    let (first, last) = days.split_once(" to end of ")?;
    Some([month_and_day(first)?, month_and_day(last)?])
}

fn month_and_day(words: &str) -> Option<(i32, i32)> {
    let mut words = words.split_whitespace().skip(1);
    let day = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
    Some((month, day))
}

fn year(at: &prost_types::Timestamp) -> Option<i32> {
    let instant = walbrook_domain::Instant::from_seconds_nanos(at.seconds, 0)?;
    Some(instant.london_day().ymd().0)
}
