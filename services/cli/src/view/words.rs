//! Cells, days and organisations in words: what a caseworker reads, not what stands on the wire.

use prost_types::Timestamp;
use walbrook_domain::{Day, Instant};
use walbrook_proto::common::v1::Date;
use walbrook_proto::view::v1::cell::Value;
use walbrook_proto::view::v1::{Cell, Column, SourceFreshness};
use walbrook_view::model::Unit;
use walbrook_view::row;
use walbrook_view::value::day_words;

/// What stands where the sources were heard and there is nothing.
pub const NOTHING: &str = "–";

/// A cell's value with its unit, or the meaning of its code; and that it is disputed.
pub fn cell(cell: &Cell, column: Option<&Column>) -> String {
    let value = value(cell, column);
    if cell.disputed {
        format!("{value} (disputed)")
    } else {
        value
    }
}

fn value(cell: &Cell, column: Option<&Column>) -> String {
    match &cell.value {
        None => NOTHING.to_owned(),
        Some(Value::Number(number)) => {
            counted(*number, column.map_or("", |column| column.unit.as_str()))
        }
        Some(Value::Text(code)) => coded(code, column.map_or("", |column| column.codes.as_str())),
        Some(Value::NotKnown(words)) => words.clone(),
        Some(Value::Flag(true)) => "yes".to_owned(),
        Some(Value::Flag(false)) => "no".to_owned(),
        Some(Value::Date(date)) => self::date(date),
        Some(Value::Instant(at)) => instant(Some(at)),
    }
}

fn counted(number: i64, unit: &str) -> String {
    Unit::of_word(unit).map_or_else(|| number.to_string(), |unit| unit.counted(number))
}

/// What a code means, and the code itself where the meaning does not say it.
fn coded(code: &str, list: &str) -> String {
    let small = row::small(code);
    let known = walbrook_schemas::codelist::list(list).and_then(|list| list.get(code));
    match known {
        Some(known) if known.label == small => small,
        Some(known) => format!("{} ({code})", known.label),
        // A word of the view itself, such as DONE_LATE.
        None if list.is_empty() => small,
        None => code.to_owned(),
    }
}

/// A date as people write it.
pub fn date(date: &Date) -> String {
    Day::from_ymd(date.year, date.month, date.day).map_or_else(|| NOTHING.to_owned(), day_words)
}

/// An instant by London's clocks, to the second.
pub fn instant(at: Option<&Timestamp>) -> String {
    at.and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos))
        .and_then(|at| jiff::Timestamp::from_microsecond(at.micros()).ok())
        .and_then(|at| at.in_tz("Europe/London").ok())
        .map_or_else(
            || NOTHING.to_owned(),
            |at| at.strftime("%-d %b %Y %H:%M:%S").to_string(),
        )
}

/// An organisation or class of organisations as people say it, with its code.
pub fn organisation(text: &str) -> String {
    let Some((scheme, code)) = text.split_once(':') else {
        return text.replace('-', " ");
    };
    let named = walbrook_schemas::authorities()
        .iter()
        .find(|authority| authority.gss == code);
    match (scheme, named) {
        ("GSS", Some(authority)) => format!("{} council", authority.name),
        ("POLICE_FORCE", _) => format!("{} police", capital(&code.replace('-', " "))),
        ("ODS", _) => format!("NHS trust {code}"),
        ("CHARITY", _) => capital(&code.replace('-', " ")),
        _ => text.to_owned(),
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// How a source stands, in a sentence.
pub fn standing(source: &SourceFreshness) -> String {
    let heard = source.last_heard_on.as_ref().map(date);
    match (source.statement.as_str(), heard) {
        ("heard", Some(day)) => format!("last heard {day}"),
        ("not known", _) => "not known: never heard".to_owned(),
        ("not signed", _) => "not known: no agreement signed".to_owned(),
        ("not in force", _) => "not known: the agreement is not in force".to_owned(),
        ("not linked", _) => "not known: no source has a linked record of this person".to_owned(),
        (statement, Some(day)) if statement.starts_with("not known since") => {
            format!("not known since {day}: silent")
        }
        (statement, _) => statement.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units_and_codes_have_meanings() {
        assert_eq!(counted(1, "days"), "1 day");
        assert_eq!(counted(33, "days-ahead"), "in 33 days");
        assert_eq!(counted(0, "days-ahead"), "today");
        assert_eq!(counted(-1, "days-ahead"), "1 day ago");
        assert_eq!(counted(0, "times"), "never");
        assert_eq!(counted(1, "times"), "once");
        assert_eq!(counted(236_400, "pence"), "£2,364.00");
        assert_eq!(counted(294, "tenths-of-mile"), "29.4 miles");
        assert_eq!(coded("C2", "ssda903_ls"), "full care order (C2)");
        assert_eq!(coded("MEDIUM", "police_missing_risk"), "medium");
        assert_eq!(coded("DONE_LATE", ""), "done late");
        assert_eq!(coded("XX", "ssda903_ls"), "XX", "a code that no list has");
    }

    #[test]
    fn instants_are_by_londons_clocks() {
        let summer = Timestamp {
            seconds: 1_782_950_400,
            nanos: 999,
        };
        assert_eq!(instant(Some(&summer)), "2 Jul 2026 01:00:00");
        assert_eq!(instant(None), NOTHING);
    }

    #[test]
    fn organisations_have_names() {
        assert_eq!(organisation("GSS:E09000007"), "Camden council");
        assert_eq!(
            organisation("POLICE_FORCE:metropolitan"),
            "Metropolitan police"
        );
        assert_eq!(organisation("every nhs-body"), "every nhs body");
    }

    #[test]
    fn every_code_list_named_in_a_view_file_is_there() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/views");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let catalogue = walbrook_view::file::catalogue();
            let view = walbrook_view::file::read("view", &text, &catalogue).unwrap();
            for column in view.columns {
                if let Some(codes) = column.codes {
                    assert!(
                        walbrook_schemas::codelist::list(&codes).is_some(),
                        "{}: {codes}",
                        path.display()
                    );
                    seen += 1;
                }
            }
        }
        assert!(seen > 5, "the shipped files name code lists");
    }
}
