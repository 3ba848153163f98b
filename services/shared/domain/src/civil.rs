//! Dates by arithmetic, and London's clock changes as a table: the same answers as the time-zone database gives, without asking it each time.
//! Enforcement asks for a London day several times for each event.
//!
//! Outside the years below the database is asked; so nothing here can be wrong where it does not know.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::OnceLock;

const DAY_MICROS: i64 = 86_400_000_000;
/// 1 January 1973 and 1 January 2100, µs UTC. Before, Britain tried another time all year; after, nobody knows.
const FROM: i64 = 94_694_400_000_000;
const TO: i64 = 4_102_444_800_000_000;

struct Changes {
    /// When the clock changed, µs UTC, ascending, and the offset from UTC in force from then on, µs.
    at: Vec<(i64, i64)>,
}

pub(crate) fn london() -> TimeZone {
    // The time-zone database is bundled; without Europe/London nothing about days could be said, and UTC is the nearest truth.
    TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC)
}

fn changes() -> &'static Changes {
    static CHANGES: OnceLock<Changes> = OnceLock::new();
    CHANGES.get_or_init(|| {
        let zone = london();
        let first = Timestamp::from_microsecond(FROM).unwrap_or(Timestamp::UNIX_EPOCH);
        let micros = |seconds: i32| i64::from(seconds) * 1_000_000;
        let mut at = vec![(FROM, micros(zone.to_offset(first).seconds()))];
        for change in zone.following(first) {
            let when = change.timestamp().as_microsecond();
            if when >= TO {
                break;
            }
            at.push((when, micros(change.offset().seconds())));
        }
        Changes { at }
    })
}

/// London's offset from UTC at an instant, µs; `None` outside the years of the table.
fn offset(at: i64) -> Option<i64> {
    if !(FROM..TO).contains(&at) {
        return None;
    }
    let changes = &changes().at;
    let behind = changes.partition_point(|(when, _)| *when <= at);
    changes
        .get(behind.checked_sub(1)?)
        .map(|(_, offset)| *offset)
}

/// The London day of an instant, days since 1970; `None` outside the years of the table.
pub(crate) fn london_day(at: i64) -> Option<i32> {
    let local = at + offset(at)?;
    i32::try_from(local.div_euclid(DAY_MICROS)).ok()
}

/// Midnight in London at the start of a day, µs UTC; `None` outside the years of the table.
pub(crate) fn london_midnight(day: i32) -> Option<i64> {
    let local = i64::from(day) * DAY_MICROS;
    let at = local - offset(local - offset(local)?)?;
    // The clock changes in the small hours, so midnight is there once; where it were not, the database says what to do.
    (at + offset(at)? == local).then_some(at)
}

/// Year, month and day of a day since 1970, proleptic Gregorian; `None` outside the years 1 to 9999.
///
/// Era by era of 400 years, each beginning on 1 March so that the leap day is last (the method of H. Hinnant, *chrono-compatible low-level date
/// algorithms*).
pub(crate) fn ymd(day: i32) -> Option<(i32, i32, i32)> {
    if !(-719_162..=2_932_896).contains(&day) {
        return None;
    }
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i32::from(month <= 2);
    Some((year, month, date))
}

/// The day since 1970 of a date that exists, in the years 1 to 9999.
pub(crate) fn days(year: i32, month: i32, date: i32) -> Option<i32> {
    if !(1..=9_999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
        return None;
    }
    let from_march = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (from_march.div_euclid(400), from_march.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + date - 1;
    let day = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    // 31 February comes out as a day in March.
    (ymd(day) == Some((year, month, date))).then_some(day)
}

/// RFC 3339 in UTC with microseconds; `None` outside the years 1 to 9999.
pub(crate) fn rfc3339(at: i64) -> Option<String> {
    let (year, month, date) = ymd(i32::try_from(at.div_euclid(DAY_MICROS)).ok()?)?;
    let mut of_day = at.rem_euclid(DAY_MICROS);
    let micros = of_day % 1_000_000;
    of_day /= 1_000_000;
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let numbers: [(usize, usize, i64); 7] = [
        (0, 4, year.into()),
        (5, 2, month.into()),
        (8, 2, date.into()),
        (11, 2, of_day / 3_600),
        (14, 2, of_day / 60 % 60),
        (17, 2, of_day % 60),
        (20, 6, micros),
    ];
    for (from, digits, mut number) in numbers {
        for place in text.get_mut(from..from + digits)?.iter_mut().rev() {
            *place = b'0' + u8::try_from(number % 10).ok()?;
            number /= 10;
        }
    }
    String::from_utf8(text.to_vec()).ok()
}

/// Reads the one form that [`rfc3339`] writes, µs UTC; `None` for any other, which may still be RFC 3339.
pub(crate) fn read_rfc3339(text: &str) -> Option<i64> {
    let text: &[u8; 27] = text.as_bytes().try_into().ok()?;
    let number = |from: usize, digits: usize| {
        text.get(from..from + digits)?
            .iter()
            .try_fold(0_i64, |so_far, byte| {
                byte.is_ascii_digit()
                    .then(|| so_far * 10 + i64::from(byte - b'0'))
            })
    };
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
        (26, b'Z'),
    ];
    if !marks.iter().all(|(at, mark)| text.get(*at) == Some(mark)) {
        return None;
    }
    let part = |from, digits| i32::try_from(number(from, digits)?).ok();
    let day = days(part(0, 4)?, part(5, 2)?, part(8, 2)?)?;
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 1_000_000 + number(20, 6)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::Date;
    use jiff::{Unit, civil};
    use proptest::prelude::*;

    fn date_of(day: i32) -> Date {
        civil::date(1970, 1, 1) + jiff::Span::new().days(day)
    }

    fn check_instant(at: i64) {
        let stamp = Timestamp::from_microsecond(at).unwrap();
        let date = stamp.to_zoned(london()).date();
        if let Some(day) = london_day(at) {
            assert_eq!(date_of(day), date, "{stamp}");
        }
        assert_eq!(rfc3339(at), Some(format!("{stamp:.6}")));
        assert_eq!(read_rfc3339(&format!("{stamp:.6}")), Some(at));
    }

    #[test]
    fn every_change_of_the_clock_is_met_exactly() {
        assert!(changes().at.len() > 200, "{}", changes().at.len());
        for (when, _) in &changes().at {
            for at in [
                -DAY_MICROS,
                -1,
                0,
                1,
                3_599_999_999,
                3_600_000_000,
                DAY_MICROS,
            ] {
                check_instant(when + at);
            }
        }
    }

    #[test]
    fn every_day_of_the_table_starts_at_its_midnight() {
        for day in 1_097..47_480 {
            let zoned = date_of(day).to_zoned(london()).unwrap();
            let start = zoned.timestamp().as_microsecond();
            assert_eq!(london_midnight(day), Some(start), "{day}");
            assert_eq!(london_day(start), Some(day));
            assert_eq!(london_day(start - 1), Some(day - 1));
        }
    }

    proptest! {
        #[test]
        fn instants_are_those_of_the_database(at in -62_135_596_800_000_000_i64..253_402_000_000_000_000) {
            check_instant(at);
        }

        #[test]
        fn dates_are_those_of_the_database(day in -719_162..2_932_896) {
            let date = date_of(day);
            prop_assert_eq!(ymd(day), Some((date.year().into(), date.month().into(), date.day().into())));
            prop_assert_eq!(days(date.year().into(), date.month().into(), date.day().into()), Some(day));
            prop_assert_eq!(civil::date(1970, 1, 1).until((Unit::Day, date)).unwrap().get_days(), day);
        }

        #[test]
        fn dates_that_do_not_exist_have_no_day(year in 1..9_999_i32, month in 0..15_i32, date in 0..34_i32) {
            let exists = Date::new(year as i16, month as i8, date as i8).is_ok();
            prop_assert_eq!(days(year, month, date).is_some(), exists);
        }

        #[test]
        fn other_texts_are_left_to_the_database(text in "[0-9TZ:.+-]{20,30}") {
            if let Some(at) = read_rfc3339(&text) {
                prop_assert_eq!(text.parse::<Timestamp>().unwrap().as_microsecond(), at);
            }
        }
    }
}
