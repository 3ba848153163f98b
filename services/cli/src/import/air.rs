//! What the feeds of air quality have in common: things that are one or many, times in GMT, decimals, authorities by name.

use prost_types::Timestamp;
use serde_json::Value;
use walbrook_domain::{Day, Instant};

/// What stands under the first of these names that is there: the elements of an array, an object by itself, nothing for `null`.
pub(super) fn each<'a>(value: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    let found = names.iter().find_map(|name| value.get(name));
    match found {
        Some(Value::Array(many)) => many.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => Vec::new(),
    }
}

/// A time that is GMT the whole year, `2026-07-01 14:00:00`, with or without seconds.
pub(super) fn gmt(text: &str) -> Option<Timestamp> {
    let (day, time) = text.split_once([' ', 'T'])?;
    let mut parts = day.splitn(3, '-').map(number);
    let day = Day::from_ymd(parts.next()??, parts.next()??, parts.next()??)?;
    let mut parts = time.trim_end_matches('Z').splitn(3, ':').map(number);
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    at(day, hour, minute, second)
}

/// A time as the Breathe London service writes it, `Nov 16 2023  9:00AM`, in GMT.
pub(super) fn american(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_whitespace();
    let (month, day, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
    let day = Day::from_ymd(number(year)?, month, number(day)?)?;
    let (clock, afternoon) = match time.strip_suffix("PM") {
        Some(clock) => (clock, true),
        None => (time.strip_suffix("AM")?, false),
    };
    let (hour, minute) = clock.split_once(':')?;
    let hour = number(hour).filter(|hour| (1..=12).contains(hour))? % 12;
    at(
        day,
        hour + if afternoon { 12 } else { 0 },
        number(minute)?,
        0,
    )
}

fn at(day: Day, hour: i32, minute: i32, second: i32) -> Option<Timestamp> {
    let sane = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    let seconds = i64::from(day.0) * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
    Instant::from_seconds_nanos(seconds, 0).filter(|_| sane)?;
    Some(Timestamp { seconds, nanos: 0 })
}

fn number(digits: &str) -> Option<i32> {
    let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// A decimal in thousandths, further digits rounded half away from zero; `None` for what is none, or beyond all measure.
pub(super) fn thousandths(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || !plain(whole) || !plain(part) {
        return None;
    }
    let four: String = part.chars().chain("0000".chars()).take(4).collect();
    let ten_thousandths: i64 = format!("{whole}{four}").parse().ok()?;
    Some(sign * ((ten_thousandths + 5) / 10))
}

/// The GSS code of a London authority by its name.
pub(super) fn authority(name: &str) -> Option<String> {
    let known = walbrook_schemas::authorities().iter();
    known
        .clone()
        .find(|authority| authority.name.eq_ignore_ascii_case(name))
        .map(|authority| authority.gss.to_owned())
}
