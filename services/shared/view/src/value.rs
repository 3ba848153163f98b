//! Field values as views see them, without a format.

use walbrook_domain::{Day, Instant};
use walbrook_policy::catalogue::FieldKind;

/// A value of a released field or of a feature. Absence is an `Option` around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number; its unit is in the field's name.
    Int(i64),
    /// A code or reference.
    Text(Box<str>),
    /// A calendar day.
    Day(Day),
    /// An instant.
    Instant(Instant),
    /// Several codes, in the order sent.
    Texts(Vec<Box<str>>),
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A day as people in London write it, for example `31 May 2026`.
pub fn day_words(day: Day) -> String {
    let (year, month, number) = day.ymd();
    let name = usize::try_from(month - 1)
        .ok()
        .and_then(|at| MONTHS.get(at));
    name.map_or_else(|| day.to_string(), |name| format!("{number} {name} {year}"))
}

/// An instant by London's clocks, to the minute, for example `26 Oct 2026 21:30`.
pub fn instant_words(at: Instant) -> String {
    const DAY_MICROS: i64 = 86_400_000_000;
    const HOUR_MICROS: i64 = 3_600_000_000;
    let day = at.london_day();
    let midnight = i64::from(day.0) * DAY_MICROS;
    // London's clocks change at one o'clock UTC: from then on the offset of the next midnight holds.
    let known = if at.0 >= midnight + HOUR_MICROS {
        day.plus(1)
    } else {
        day
    };
    let offset = i64::from(known.0) * DAY_MICROS - known.start().0;
    let minutes = (at.0 + offset - midnight) / 60_000_000;
    format!("{} {:02}:{:02}", day_words(day), minutes / 60, minutes % 60)
}

/// The type's word in faults and listings.
pub const fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Bool => "true/false",
        FieldKind::Integer => "whole number",
        FieldKind::Text => "code",
        FieldKind::Day => "date",
        FieldKind::Instant => "instant",
        FieldKind::TextList => "list of codes",
        FieldKind::Bytes => "bytes",
    }
}

impl Value {
    /// The value's type.
    pub const fn kind(&self) -> FieldKind {
        match self {
            Value::Bool(_) => FieldKind::Bool,
            Value::Int(_) => FieldKind::Integer,
            Value::Text(_) => FieldKind::Text,
            Value::Day(_) => FieldKind::Day,
            Value::Instant(_) => FieldKind::Instant,
            Value::Texts(_) => FieldKind::TextList,
        }
    }

    /// The London day of a date or instant.
    pub fn day(&self) -> Option<Day> {
        match self {
            Value::Day(day) => Some(*day),
            Value::Instant(at) => Some(at.london_day()),
            _ => None,
        }
    }

    /// The code.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number.
    pub const fn int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }
}
