//! What public JSON feeds have in common: instants with their offset, decimal degrees as numbers or strings, codes by their published words.

use prost_types::Timestamp;
use serde_json::Value;
use walbrook_domain::{Day, Instant};

use super::frame::draft::iso_date;

const DAY_S: i64 = 86_400;

/// An instant, `2024-07-15T15:39:33.562495Z`, with an offset or Z; kept to the microsecond. `None` also for the year 1, which feeds write for nothing.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', ' '])?;
    let day = iso_date(date).ok()?.days()?;
    let (clock, offset_s) = match time.split_once('+') {
        Some((clock, offset)) => (clock, minutes(offset)? * 60),
        None => (time.strip_suffix('Z')?, 0),
    };
    let (clock, part) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':').map(two_digits);
    let (hour, minute, second) = (
        parts.next()??,
        parts.next()??,
        parts.next().unwrap_or(Some(0))?,
    );
    let sane = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    let micros: String = part.chars().chain("000000".chars()).take(6).collect();
    let nanos = micros.parse::<i32>().ok()? * 1_000;
    let seconds = i64::from(day) * DAY_S + hour * 3_600 + minute * 60 + second - offset_s;
    Instant::from_seconds_nanos(seconds, nanos).filter(|_| sane && day > 0)?;
    Some(Timestamp { seconds, nanos })
}

/// The time of an HTTP answer, `Mon, 15 Jul 2024 15:41:04 GMT`.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_once(", ")?.1.split_whitespace();
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
    let day = Day::from_ymd(year.parse().ok()?, month, day.parse().ok()?)?;
    let (year, month, day) = day.ymd();
    instant(&format!("{year:04}-{month:02}-{day:02}T{clock}Z"))
}

fn minutes(offset: &str) -> Option<i64> {
    let (hours, minutes) = offset.split_once(':')?;
    Some(two_digits(hours)? * 60 + two_digits(minutes)?)
}

fn two_digits(text: &str) -> Option<i64> {
    let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Decimal degrees, a number or a string, as millionths; further digits are cut off.
pub(super) fn microdegrees(value: Option<&Value>) -> Option<i32> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.as_str()),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || !plain(whole) || !plain(part) {
        return None;
    }
    let six: String = part.chars().chain("000000".chars()).take(6).collect();
    format!("{whole}{six}")
        .parse::<i32>()
        .ok()
        .map(|millionths| sign * millionths)
}

/// The code of a list whose label this is.
pub(super) fn labelled(list: &str, label: &str) -> Option<String> {
    let list = walbrook_schemas::codelist::list(list)?;
    let found = list.codes.iter().find(|code| code.label == label)?;
    Some(found.code.to_owned())
}
