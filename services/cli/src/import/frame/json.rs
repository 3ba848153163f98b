//! JSON documents: the elements of one array, one at a time, however long the array is.
//!
//! The feeds that this is for have their habits, and none of them is a fault: an object where there is only one element, a document inside a string
//! (read through, not copied out), `null` for nothing.

use std::io::BufRead as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::csv::not_utf8;
use super::read::{LARGEST_ROW, Meter, Metered};
use super::row::{Content, Row, Rows};
use super::text::Utf8;
use crate::{Exit, Failure};

/// The deepest nesting that is read.
const DEEPEST: usize = 64;

/// The elements of the array under these member names from the top; none: the document is the array. A string on the way is JSON itself.
///
/// # Errors
/// When the file cannot be read, is UTF-16, or has no such member.
pub fn rows(table: &'static str, path: &Path, at: &[&str], meter: &Meter) -> Result<Rows, Failure> {
    Ok(Box::new(elements(table, path, at, meter)?))
}

fn elements(
    table: &'static str,
    path: &Path,
    at: &[&str],
    meter: &Meter,
) -> Result<Elements, Failure> {
    let file = Utf8::new(meter.open(path)?);
    let converted = file.converted();
    let mut text = Text {
        file,
        held: None,
        levels: 0,
    };
    let shape = find(&mut text, at).map_err(|problem| {
        Failure::new(Exit::Input, format!("{}: {}", path.display(), problem.0))
    })?;
    Ok(Elements {
        table,
        text,
        converted,
        shape,
        number: 0,
    })
}

/// The documents of a file, one after another as a bulk export has them (one a line); of a file that is an array, its elements.
///
/// # Errors
/// When the file cannot be read, is UTF-16, or is empty.
pub fn documents(table: &'static str, path: &Path, meter: &Meter) -> Result<Rows, Failure> {
    let mut rows = elements(table, path, &[], meter)?;
    if rows.shape == Shape::Single {
        rows.shape = Shape::Documents;
    }
    Ok(Box::new(rows))
}

/// Why the text is not what was expected; never quotes it.
struct Problem(String);

impl Problem {
    fn broken() -> Self {
        Self("this is no well-formed JSON".to_owned())
    }
}

/// The characters of the document: those of a string inside a string with their escapes taken off, as deep as they are.
struct Text {
    file: Utf8<Metered>,
    held: Option<u8>,
    /// Strings that were entered.
    levels: u32,
}

impl Text {
    fn peek(&mut self) -> Result<Option<u8>, Problem> {
        if self.held.is_none() {
            self.held = self.read(self.levels)?;
        }
        Ok(self.held)
    }

    fn next(&mut self) -> Result<Option<u8>, Problem> {
        let next = self.peek()?;
        self.held = None;
        Ok(next)
    }

    /// The next byte as it stands at a level. The end of the string that was entered is the end.
    fn read(&mut self, level: u32) -> Result<Option<u8>, Problem> {
        if level == 0 {
            return self.file_byte();
        }
        match self.read(level - 1)? {
            None => Err(Problem::broken()),
            Some(b'"') => Ok(None),
            Some(b'\\') => match self.read(level - 1)? {
                Some(b'n') => Ok(Some(b'\n')),
                Some(b'r') => Ok(Some(b'\r')),
                Some(b't') => Ok(Some(b'\t')),
                Some(b'b') => Ok(Some(8)),
                Some(b'f') => Ok(Some(12)),
                // What is written by number inside a string of a string stays a question mark beyond ASCII: no code or time has such a character.
                Some(b'u') => {
                    let mut number = 0_u32;
                    for _ in 0..4 {
                        let digit = self
                            .read(level - 1)?
                            .and_then(|b| char::from(b).to_digit(16));
                        number = number * 16 + digit.ok_or_else(Problem::broken)?;
                    }
                    Ok(Some(
                        u8::try_from(number)
                            .ok()
                            .filter(u8::is_ascii)
                            .unwrap_or(b'?'),
                    ))
                }
                Some(other @ (b'"' | b'\\' | b'/')) => Ok(Some(other)),
                _ => Err(Problem::broken()),
            },
            other => Ok(other),
        }
    }

    fn file_byte(&mut self) -> Result<Option<u8>, Problem> {
        self.file.get_mut().next_row();
        let unread = |_| Problem("the file cannot be read to its end".to_owned());
        let byte = self.file.fill_buf().map_err(unread)?.first().copied();
        if byte.is_some() {
            self.file.consume(1);
        }
        Ok(byte)
    }

    fn past_space(&mut self) -> Result<Option<u8>, Problem> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek()? {
            self.next()?;
        }
        self.peek()
    }

    fn demand(&mut self, wanted: u8) -> Result<(), Problem> {
        match self.past_space()? {
            Some(found) if found == wanted => self.next().map(|_| ()),
            _ => Err(Problem::broken()),
        }
    }

    /// One value as it stands. `None`: it is larger or deeper than is kept (with the reason); it was passed over whole.
    fn value(&mut self) -> Result<Result<Vec<u8>, &'static str>, Problem> {
        let (mut kept, mut fault) = (Vec::new(), None);
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        self.past_space()?;
        loop {
            let Some(byte) = self.peek()? else {
                // A number may stand at the very end.
                let whole = depth == 0 && !quoted && !kept.is_empty();
                return whole.then_some(Ok(kept)).ok_or_else(Problem::broken);
            };
            if !quoted
                && depth == 0
                && matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')
            {
                break;
            }
            self.next()?;
            match (quoted, byte) {
                (true, _) if escaped => escaped = false,
                (true, b'\\') => escaped = true,
                (_, b'"') => quoted = !quoted,
                (false, b'[' | b'{') => depth += 1,
                (false, b']' | b'}') => depth -= 1,
                _ => {}
            }
            if depth > DEEPEST {
                fault.get_or_insert("ROW_TOO_DEEP");
            }
            if kept.len() >= LARGEST_ROW {
                fault.get_or_insert("ROW_TOO_LARGE");
            }
            match fault {
                None => kept.push(byte),
                Some(_) => kept = Vec::new(),
            }
            if depth == 0 && !quoted && matches!(byte, b']' | b'}' | b'"') {
                break;
            }
        }
        match fault {
            Some(rule) => Ok(Err(rule)),
            None if kept.is_empty() => Err(Problem::broken()),
            None => Ok(Ok(kept)),
        }
    }
}

/// What stands where the array is expected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// An array, before its first element.
    Array,
    /// An array, after an element.
    Further,
    /// One value.
    Single,
    /// Values, one after another.
    Documents,
    /// Nothing more.
    Over,
}

/// Goes to the array.
fn find(text: &mut Text, at: &[&str]) -> Result<Shape, Problem> {
    let mut names = at.iter();
    loop {
        match text.past_space()? {
            Some(b'"') => {
                text.next()?;
                text.levels += 1;
                if text.levels > 4 {
                    return Err(Problem::broken());
                }
            }
            Some(b'{') => match names.next() {
                Some(name) => enter(text, name)?,
                None => return Ok(Shape::Single),
            },
            Some(b'[') if names.len() == 0 => {
                text.next()?;
                return Ok(Shape::Array);
            }
            Some(b'n') if names.len() == 0 => return Ok(Shape::Over),
            None => return Err(Problem("the file is empty".to_owned())),
            Some(_) => {
                let problem = format!("there is no array at {}", at.join("."));
                return Err(Problem(problem));
            }
        }
    }
}

/// Goes to the value of an object's member.
fn enter(text: &mut Text, name: &str) -> Result<(), Problem> {
    text.demand(b'{')?;
    loop {
        if text.past_space()? == Some(b'}') {
            return Err(Problem(format!("there is no member {name}")));
        }
        let found = text.value()?;
        text.demand(b':')?;
        let found = found.unwrap_or_default();
        if serde_json::from_slice::<String>(&found).is_ok_and(|found| found == name) {
            return Ok(());
        }
        let _passed_over = text.value()?;
        match text.past_space()? {
            Some(b',') => text.demand(b',')?,
            Some(b'}') => {}
            _ => return Err(Problem::broken()),
        }
    }
}

struct Elements {
    table: &'static str,
    text: Text,
    converted: Arc<AtomicBool>,
    shape: Shape,
    number: u64,
}

impl Elements {
    /// The next element as it stands.
    fn element(&mut self) -> Result<Option<Result<Vec<u8>, &'static str>>, Problem> {
        match self.shape {
            Shape::Over => return Ok(None),
            Shape::Single => self.shape = Shape::Over,
            Shape::Documents => {
                if self.text.past_space()?.is_none() {
                    self.shape = Shape::Over;
                    return Ok(None);
                }
            }
            Shape::Array | Shape::Further => {
                let next = self.text.past_space()?;
                if next == Some(b']') {
                    self.shape = Shape::Over;
                    return Ok(None);
                }
                if self.shape == Shape::Further {
                    self.text.demand(b',')?;
                }
                self.shape = Shape::Further;
            }
        }
        self.text.value().map(Some)
    }

    fn unreadable(&self, rule: &'static str, sentence: String) -> Row {
        Row::unreadable(self.table, self.number, rule, sentence)
    }
}

impl Iterator for Elements {
    type Item = Result<Row, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.element().transpose()?;
        self.number += 1;
        let mut row = match found {
            Err(problem) => {
                self.shape = Shape::Over;
                let sentence = format!("{}; nothing after it was read", problem.0);
                self.unreadable("JSON_BROKEN", sentence)
            }
            Ok(Err(rule)) => self.unreadable(
                rule,
                format!("an element takes at most {LARGEST_ROW} bytes and {DEEPEST} levels"),
            ),
            Ok(Ok(bytes)) => match serde_json::from_slice::<Value>(&bytes) {
                Ok(value) => Row::new(self.table, self.number, Content::Json(value)),
                Err(_) => self.unreadable("JSON_BROKEN", "the element is no JSON".to_owned()),
            },
        };
        if self.converted.swap(false, Ordering::Relaxed) {
            row.remarks.push(not_utf8(self.table, self.number));
        }
        Some(Ok(row))
    }
}
