//! What holds for the body of every event, whatever the agency: nothing required is missing, a code stands in its list
//! on the event's day, a text is a reference and never prose, a date exists and lies in a sane window.
//!
//! An event type gets all of it from its message alone; an agency states only what is particular to it.

use walbrook_domain::{Day, Instant};
use walbrook_proto::avro::{AvroEvent, Leaf};
use walbrook_proto::common::v1::Date;
use walbrook_schemas::PlainDate;
use walbrook_schemas::codelist::{self, CodeFault};

use crate::{Findings, Rule};

/// A field that must be set is not.
pub static FIELD_MISSING: Rule = Rule::refuse(
    "FIELD_MISSING",
    "This field must be set.",
    "walbrook: the event's contract",
);

/// A code that its list does not hold on the day of the event.
pub static CODE_NOT_IN_LIST: Rule = Rule::refuse(
    "CODE_NOT_IN_LIST",
    "The code must stand in its code list, as in force on the day of the event.",
    "the code list's own source; SSDA903 rules 143 to 149",
);

/// Prose, a name or an address where a reference is expected.
pub static NOT_A_REFERENCE: Rule = Rule::refuse(
    "NOT_A_REFERENCE",
    "A reference has 1 to 64 letters, digits and . _ / : - and begins with a letter or digit: no free text crosses.",
    "walbrook: no free text on the backbone",
);

/// A date or instant that does not exist.
pub static DATE_IMPOSSIBLE: Rule = Rule::refuse(
    "DATE_IMPOSSIBLE",
    "The date or time must exist.",
    "SSDA903 rules 141 and 147",
);

/// A date or instant that cannot be meant.
pub static DATE_OUT_OF_WINDOW: Rule = Rule::refuse(
    "DATE_OUT_OF_WINDOW",
    "The date or time must lie between 1 January 1990 and ten years from now.",
    "walbrook: dates that cannot be meant",
);

/// Something that has happened, dated after today.
pub static IN_THE_FUTURE: Rule = Rule::refuse(
    "IN_THE_FUTURE",
    "What has happened cannot be dated after today.",
    "walbrook: dates that cannot be meant",
);

/// An end before its start.
pub static ENDS_BEFORE_START: Rule = Rule::refuse(
    "ENDS_BEFORE_START",
    "An end cannot come before its start.",
    "SSDA903 rule 356",
);

/// The rules of this module.
pub static RULES: &[&Rule] = &[
    &FIELD_MISSING,
    &CODE_NOT_IN_LIST,
    &NOT_A_REFERENCE,
    &DATE_IMPOSSIBLE,
    &DATE_OUT_OF_WINDOW,
    &IN_THE_FUTURE,
    &ENDS_BEFORE_START,
];

const MOST_REFERENCE_BYTES: usize = 64;
const YEARS_AHEAD_DAYS: i32 = 3_653;
const EARLIEST: Day = Day(7_305); // 1990-01-01

/// Checks a body. Codes are checked as of the day the event occurred; where that is unknown, as of today.
pub fn check<M: AvroEvent>(
    message: &M,
    occurred: Option<Day>,
    today: Day,
    findings: &mut Findings,
) {
    let on = plain(occurred.unwrap_or(today));
    message.each_value(&mut |field, leaf| match leaf {
        Leaf::Missing => findings.add(&FIELD_MISSING, field),
        Leaf::Code { list, value } => code(list, value, on, field, findings),
        Leaf::Text(text) => {
            findings.check(is_reference(text), &NOT_A_REFERENCE, field);
        }
        Leaf::Date(date) => window(day(date), today, field, findings),
        Leaf::Instant(at) => window(london_day(at), today, field, findings),
    });
}

/// Checks that something that has happened is not dated after today. Absent and impossible dates pass: they have rules
/// of their own.
pub fn happened(day: Option<Day>, today: Day, field: &str, findings: &mut Findings) {
    findings.check(day.is_none_or(|day| day <= today), &IN_THE_FUTURE, field);
}

/// Checks that an end does not come before its start; `field` is the end's.
pub fn in_order(start: Option<Day>, end: Option<Day>, field: &str, findings: &mut Findings) {
    let ordered = start.zip(end).is_none_or(|(start, end)| start <= end);
    findings.check(ordered, &ENDS_BEFORE_START, field);
}

/// The day of a date that exists.
#[must_use]
pub fn day(date: &Date) -> Option<Day> {
    date.days().map(Day)
}

/// The day on which somebody born on a day reaches an age; a 29 February counts as 1 March in other years.
#[must_use]
pub fn turns(born: Day, years: i32) -> Day {
    let (year, month, day) = born.ymd();
    let march = || Day::from_ymd(year + years, 3, 1);
    Day::from_ymd(year + years, month, day)
        .or_else(march)
        .unwrap_or(born)
}

/// The London day of an instant that exists.
#[must_use]
pub fn london_day(at: &prost_types::Timestamp) -> Option<Day> {
    if !(0..1_000_000_000).contains(&at.nanos) {
        return None;
    }
    Instant::from_seconds_nanos(at.seconds, at.nanos).map(Instant::london_day)
}

/// Whether a text is a reference or public code, and not prose.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._/:-".contains(&byte);
    text.len() <= MOST_REFERENCE_BYTES
        && text
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphanumeric)
        && text.bytes().all(allowed)
}

/// Checks a code as of another day than the event's own, for a field that tells what was before.
pub fn code_on(list: &'static str, value: &str, on: Day, field: &str, findings: &mut Findings) {
    code(list, value, plain(on), field, findings);
}

fn code(list: &'static str, value: &str, on: PlainDate, field: &str, findings: &mut Findings) {
    match codelist::check(list, value, on) {
        Ok(_) => {}
        Err(CodeFault::NotInForce {
            first_day,
            last_day,
        }) => {
            let day = |day: Option<PlainDate>, open: &str| {
                day.map_or(open.to_owned(), |day| {
                    format!("{:04}-{:02}-{:02}", day.year, day.month, day.day)
                })
            };
            let (first, last) = (day(first_day, "the beginning"), day(last_day, "now"));
            let said = format!(
                "The code of the list {list} is in force from {first} to {last}, not on the day of the event."
            );
            findings.add_with(&CODE_NOT_IN_LIST, field, said);
        }
        Err(CodeFault::NotInList | CodeFault::NoList) => {
            findings.add_with(
                &CODE_NOT_IN_LIST,
                field,
                format!("The list {list} does not hold the code."),
            );
        }
    }
}

fn window(day: Option<Day>, today: Day, field: &str, findings: &mut Findings) {
    match day {
        None => findings.add(&DATE_IMPOSSIBLE, field),
        Some(day) => {
            let sane = EARLIEST <= day && day <= today.plus(YEARS_AHEAD_DAYS);
            findings.check(sane, &DATE_OUT_OF_WINDOW, field);
        }
    }
}

fn plain(day: Day) -> PlainDate {
    let (year, month, day) = day.ymd();
    // Months and days of a calendar date always fit.
    PlainDate::of(
        year,
        u8::try_from(month).unwrap_or(u8::MAX),
        u8::try_from(day).unwrap_or(u8::MAX),
    )
}
