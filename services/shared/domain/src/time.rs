//! Instants are UTC microseconds; calendar dates are London days; working days follow a calendar that is data.

use crate::WordError;
use crate::civil::{self, london};
use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// An instant: µs since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(pub i64);

/// A calendar date: days since 1970-01-01. Where it is derived from an instant, the day in London.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i32);

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

impl Instant {
    /// µs since 1970, UTC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// From seconds and nanoseconds since 1970 (a protobuf timestamp); parts below a microsecond are cut.
    /// `None` outside the years −9999 to 9999.
    pub fn from_seconds_nanos(seconds: i64, nanos: i32) -> Option<Self> {
        let at = Timestamp::new(seconds, nanos).ok()?;
        Some(Self(at.as_microsecond()))
    }

    /// The London day it falls on.
    pub fn london_day(self) -> Day {
        if let Some(day) = civil::london_day(self.0) {
            return Day(day);
        }
        let at = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        Day::from_date(at.to_zoned(london()).date())
    }

    /// RFC 3339 in UTC with microseconds, for example `2026-11-23T09:30:00.000000Z`.
    pub fn rfc3339(self) -> String {
        if let Some(text) = civil::rfc3339(self.0) {
            return text;
        }
        let at = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        format!("{at:.6}")
    }

    /// Reads RFC 3339.
    ///
    /// # Errors
    /// When the text is not an RFC 3339 instant.
    pub fn parse_rfc3339(text: &str) -> Result<Self, WordError> {
        if let Some(at) = civil::read_rfc3339(text) {
            return Ok(Self(at));
        }
        text.parse::<Timestamp>()
            .map(|at| Self(at.as_microsecond()))
            .map_err(|_| {
                WordError::new(
                    "instant",
                    "expected RFC 3339, for example 2026-11-23T09:30:00Z",
                )
            })
    }

    /// The instant cut to a precision; a day is cut to midnight in London, the rest in UTC.
    pub fn truncated(self, precision: Precision) -> Self {
        let unit = match precision {
            Precision::Instant => return self,
            Precision::Minute => 60_000_000,
            Precision::Hour => 3_600_000_000,
            Precision::Day => return self.london_day().start(),
        };
        Self(self.0.div_euclid(unit) * unit)
    }
}

impl Day {
    /// The day of a calendar date, `None` when the date does not exist.
    pub fn from_ymd(year: i32, month: i32, day: i32) -> Option<Self> {
        if let Some(day) = civil::days(year, month, day) {
            return Some(Self(day));
        }
        let date = Date::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
        )
        .ok()?;
        Some(Self::from_date(date))
    }

    fn from_date(date: Date) -> Self {
        let days = EPOCH
            .until((jiff::Unit::Day, date))
            .map_or(0, |span| span.get_days());
        Self(days)
    }

    fn date(self) -> Date {
        EPOCH.checked_add(self.0.days()).unwrap_or(EPOCH)
    }

    /// Year, month (1–12) and day of the month (1–31).
    pub fn ymd(self) -> (i32, i32, i32) {
        if let Some(found) = civil::ymd(self.0) {
            return found;
        }
        let date = self.date();
        (date.year().into(), date.month().into(), date.day().into())
    }

    /// Midnight in London at the start of the day.
    pub fn start(self) -> Instant {
        if let Some(at) = civil::london_midnight(self.0) {
            return Instant(at);
        }
        let at = self
            .date()
            .to_zoned(london())
            .map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp());
        Instant(at.as_microsecond())
    }

    /// The day `days` later (earlier when negative).
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Whether it is a Saturday or Sunday.
    pub fn is_weekend(self) -> bool {
        matches!(self.date().weekday(), Weekday::Saturday | Weekday::Sunday)
    }

    /// First day of the month after the one in which someone born on this day turns 18.
    /// Someone born on 29 February turns 18 on 1 March of a common year in law; the month after is the same either way but for that day's own.
    pub fn adult_from(self) -> Self {
        let (year, month, _) = self.ymd();
        let (year, month) = if month == 12 {
            (year + 19, 1)
        } else {
            (year + 18, month + 1)
        };
        Self::from_ymd(year, month, 1).unwrap_or(self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        text.parse::<Date>()
            .ok()
            .filter(|_| text.len() == 10)
            .map(Self::from_date)
            .ok_or_else(|| WordError::new("date", "expected a date that exists, as YYYY-MM-DD"))
    }
}

/// How finely a time is known, or may be known. Ordered from coarse to fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precision {
    /// A London day.
    Day,
    /// An hour (UTC).
    Hour,
    /// A minute (UTC).
    Minute,
    /// The instant as sent.
    Instant,
}

impl Precision {
    /// Every precision, coarse to fine.
    pub const ALL: [Precision; 4] = [
        Precision::Day,
        Precision::Hour,
        Precision::Minute,
        Precision::Instant,
    ];

    /// The word on headers and in agreements.
    pub const fn as_str(self) -> &'static str {
        match self {
            Precision::Day => "day",
            Precision::Hour => "hour",
            Precision::Minute => "minute",
            Precision::Instant => "instant",
        }
    }
}

impl FromStr for Precision {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        Precision::ALL
            .into_iter()
            .find(|precision| precision.as_str() == text)
            .ok_or_else(|| WordError::new("precision", "expected day, hour, minute or instant"))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Working days: Monday to Friday but for the bank holidays given (England and Wales, from a calendar file).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkingCalendar {
    holidays: BTreeSet<Day>,
}

impl WorkingCalendar {
    /// A calendar with these bank holidays.
    pub fn new(holidays: impl IntoIterator<Item = Day>) -> Self {
        Self {
            holidays: holidays.into_iter().collect(),
        }
    }

    /// Whether it is a working day.
    pub fn is_working(&self, day: Day) -> bool {
        !day.is_weekend() && !self.holidays.contains(&day)
    }

    /// The `count`-th working day after `from`: `count` 1 is the next working day. `from` itself is never counted.
    pub fn plus_working_days(&self, from: Day, count: u32) -> Day {
        let mut day = from;
        let mut left = count;
        while left > 0 {
            day = day.plus(1);
            if self.is_working(day) {
                left -= 1;
            }
        }
        day
    }

    /// The last day the calendar knows a bank holiday for; beyond it, due dates are provisional.
    pub fn known_through(&self) -> Option<Day> {
        self.holidays.last().copied()
    }
}
