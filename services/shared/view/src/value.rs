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
