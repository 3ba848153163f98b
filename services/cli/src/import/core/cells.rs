//! Cells of a lettings log, as exports and spreadsheets write them. What cannot be read is left out with a remark; the remark never repeats it.

use walbrook_domain::{Instant, number};
use walbrook_proto::common::v1::Date;

use crate::import::frame::draft::{british_date, iso_date};
use crate::import::frame::{Drafts, Row};

/// Most pence an amount can have: what is more is no rent.
const MOST_PENCE: i64 = 1_000_000_000;

/// A day: an ISO date, an instant (the XML has midnight in London, in UTC or not), or dd/mm/yyyy where a spreadsheet has been at the file.
pub(super) fn day(row: &Row, column: &str, drafts: &mut Drafts) -> Option<Date> {
    let text = row.cell(column)?;
    let read = read_day(text);
    if read.is_none() {
        drafts.query(
            column,
            "DATE_UNREADABLE",
            "expected a date that exists: yyyy-mm-dd, an RFC 3339 instant, or dd/mm/yyyy; it is left out",
        );
    }
    read
}

fn read_day(text: &str) -> Option<Date> {
    if text.contains('/') {
        return british_date(text).ok();
    }
    if text.contains('T') {
        let (year, month, day) = Instant::parse_rfc3339(text).ok()?.london_day().ymd();
        return Date::new(year, month, day);
    }
    iso_date(text).ok()
}

/// Pounds as pence. No amount is a binary fraction on the way.
pub(super) fn pence(row: &Row, column: &str, drafts: &mut Drafts) -> Option<i64> {
    let text = row.cell(column)?;
    let read = read_pence(text);
    if read.is_none() {
        drafts.query(
            column,
            "AMOUNT_UNREADABLE",
            "expected pounds with at most two places after the point; it is left out",
        );
    }
    read
}

fn read_pence(text: &str) -> Option<i64> {
    let (negative, amount) = match text.strip_prefix('-') {
        Some(amount) => (true, amount),
        None => (false, text),
    };
    let (pounds, rest) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let places = rest.trim_end_matches('0');
    if pounds.is_empty() || !digits(pounds) || !digits(rest) || places.len() > 2 {
        return None;
    }
    let pounds: i64 = pounds.parse().ok()?;
    let after: i64 = format!("{places:0<2}").parse().ok()?;
    let pence = pounds.checked_mul(100)?.checked_add(after)?;
    (pence <= MOST_PENCE).then_some(if negative { -pence } else { pence })
}

/// A number of people or rooms.
pub(super) fn count(row: &Row, column: &str, drafts: &mut Drafts) -> Option<i32> {
    let text = row.cell(column)?;
    let whole = text.strip_suffix(".0").unwrap_or(text);
    let read = whole.parse::<i32>().ok();
    if read.is_none() {
        drafts.query(
            column,
            "COUNT_UNREADABLE",
            "expected a whole number; it is left out",
        );
    }
    read
}

/// A UPRN as text, whether the file holds it as text or as a number. One in powers of ten has lost digits and is nobody's.
pub(super) fn uprn(row: &Row, column: &str, drafts: &mut Drafts) -> Option<String> {
    let text = row.cell(column)?;
    let read = number::uprn(text);
    if read.is_none() {
        drafts.query(
            column,
            "UPRN_UNREADABLE",
            "expected up to twelve digits, written out and not in powers of ten (a spreadsheet cuts long numbers off); it is left out",
        );
    }
    read
}

/// Text that somebody typed, on one line: a line break inside a quoted cell must not cost the letting.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
