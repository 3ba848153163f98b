//! Events as they are, one line each: for a return that must name every one of them.
//!
//! A record is `name=value` of the organisation it is `by` and of the fields that have a value, with semicolons between:
//! `by=GSS:E09000007;decom=2026-04-01;rne=S`. Days are ISO, instants RFC 3339 UTC.
//! In texts everything but letters, digits and `. _ : / + -` is written `%` and two hex digits a byte, so that records can be taken apart again.

use crate::feature::Facts;
use crate::known::Known;
use crate::model::Select;
use crate::united::Event;
use crate::value::Value;
use std::fmt::Write as _;

/// The events of a select in order; nothing, and why, when there are none or more than `most`.
pub(crate) fn list(
    facts: &Facts<'_>,
    select: &Select,
    fields: &[(String, u8)],
    most: u32,
) -> Known {
    let records: Vec<Box<str>> = facts
        .select(select)
        .map(|event| record(event, fields).into())
        .collect();
    if records.is_empty() {
        return facts.nothing(select);
    }
    if u32::try_from(records.len()).map_or(true, |count| count > most) {
        return Known::Withheld(format!("not listed: more than {most} events").into());
    }
    Known::Value(Value::Texts(records))
}

fn record(event: &Event, fields: &[(String, u8)]) -> String {
    let mut text = "by=".to_owned();
    escape(&mut text, &event.source.to_string());
    for (name, number) in fields {
        if let Some(value) = event.field(*number) {
            text.push(';');
            text.push_str(name);
            text.push('=');
            write(&mut text, value);
        }
    }
    text
}

fn write(into: &mut String, value: &Value) {
    match value {
        Value::Bool(flag) => into.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => escape(into, &number.to_string()),
        Value::Text(text) => escape(into, text),
        Value::Day(day) => escape(into, &day.to_string()),
        Value::Instant(at) => escape(into, &at.rfc3339()),
        Value::Texts(texts) => {
            for (place, text) in texts.iter().enumerate() {
                if place > 0 {
                    into.push('|');
                }
                escape(into, text);
            }
        }
    }
}

pub(crate) fn escape(into: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"._:/+-".contains(&byte) {
            into.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// A record taken apart again: its fields by name, in its order. `None`: it is none.
#[must_use]
pub fn fields(record: &str) -> Option<Vec<(&str, String)>> {
    record
        .split(';')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((name, unescape(value)?))
        })
        .collect()
}

pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["", "903-E09000007-2026-04-01", "a;b=c, d%|é\n"] {
            let mut written = "ref=".to_owned();
            write(&mut written, &Value::Text(text.into()));
            assert!(!written.contains([',', ' ', '\n', '|']), "{written}");
            assert_eq!(fields(&written).unwrap(), [("ref", text.to_owned())]);
        }
        assert_eq!(fields("nothing"), None);
        assert_eq!(fields("a=%4"), None);
        assert_eq!(fields("a=%FF"), None);
        assert_eq!(fields(""), Some(vec![]));
    }
}
