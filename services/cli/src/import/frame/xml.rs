//! XML documents: the elements of one path, one at a time, each as a small tree.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::csv::not_utf8;
use super::read::{LARGEST_ROW, Meter, Metered, TOO_LARGE};
use super::row::{Content, Row, Rows};
use super::text::Utf8;
use crate::Failure;

/// The deepest nesting that is read.
const DEEPEST: usize = 64;

/// An element: its name without prefix, its own text, its children in order. Attributes are not read: the returns have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// The name.
    pub name: String,
    /// The text directly in it.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element>,
}

impl Element {
    /// The first child of this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> + 'a {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of this name, trimmed, unless it is empty.
    #[must_use]
    pub fn text_of(&self, name: &str) -> Option<&str> {
        let text = self.child(name)?.text.trim();
        (!text.is_empty()).then_some(text)
    }
}

/// The elements at a path of names from the root, for example `["forms", "form"]`.
///
/// # Errors
/// When the file cannot be read, or is UTF-16.
pub fn rows(
    table: &'static str,
    path: &Path,
    at: &'static [&'static str],
    meter: &Meter,
) -> Result<Rows, Failure> {
    let file = Utf8::new(meter.open(path)?);
    let converted = file.converted();
    Ok(Box::new(Elements {
        table,
        at,
        reader: Reader::from_reader(file),
        converted,
        buffer: Vec::new(),
        open: Vec::new(),
        number: 0,
        over: false,
    }))
}

struct Elements {
    table: &'static str,
    at: &'static [&'static str],
    reader: Reader<Utf8<Metered>>,
    converted: Arc<AtomicBool>,
    buffer: Vec<u8>,
    /// Elements open above the next row.
    open: Vec<String>,
    number: u64,
    over: bool,
}

/// A row under construction: the elements open in it, outermost first.
#[derive(Default)]
struct Building {
    open: Vec<Element>,
    taken: usize,
    broken: Option<(&'static str, String)>,
    /// Elements open inside the innermost, once the row is broken: only their number matters.
    deeper: usize,
}

impl Building {
    fn start(&mut self, name: &str) {
        self.take(name.len());
        if self.open.len() >= DEEPEST {
            let sentence = format!("elements stand more than {DEEPEST} deep in one another");
            self.broken.get_or_insert(("ROW_TOO_DEEP", sentence));
        }
        if self.broken.is_some() {
            self.deeper += 1;
            return;
        }
        self.open.push(Element {
            name: name.to_owned(),
            ..Element::default()
        });
    }

    fn text(&mut self, text: &str) {
        self.take(text.len());
        if self.broken.is_none()
            && let Some(innermost) = self.open.last_mut()
        {
            innermost.text.push_str(text);
        }
    }

    /// Closes the innermost; the row itself when that was the last.
    fn end(&mut self) -> Option<Element> {
        if let Some(deeper) = self.deeper.checked_sub(1) {
            self.deeper = deeper;
            return None;
        }
        let closed = self.open.pop()?;
        match self.open.last_mut() {
            None => return Some(closed),
            Some(outer) if self.broken.is_none() => outer.children.push(closed),
            Some(_) => {}
        }
        None
    }

    fn take(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken > LARGEST_ROW && self.broken.is_none() {
            let sentence = format!("the element takes more than {LARGEST_ROW} bytes");
            self.broken = Some(("ROW_TOO_LARGE", sentence));
            // Only the nesting is followed from here.
            for element in &mut self.open {
                element.children = Vec::new();
                element.text = String::new();
            }
        }
    }
}

/// What one piece of the document means for the rows.
enum Step {
    Row(Box<Row>),
    Nothing,
    Over,
}

impl Iterator for Elements {
    type Item = Result<Row, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut building = Building::default();
        while !self.over {
            self.buffer.clear();
            self.reader.get_mut().get_mut().next_row();
            match self.step(&mut building) {
                Step::Row(row) => return Some(Ok(*row)),
                Step::Nothing => {}
                Step::Over => self.over = true,
            }
        }
        None
    }
}

impl Elements {
    fn step(&mut self, building: &mut Building) -> Step {
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => {
                self.over = true;
                self.number += 1;
                return Step::Row(Box::new(broken(self.table, self.number, &error)));
            }
        };
        match event {
            Event::Eof if building.open.is_empty() && self.open.is_empty() => return Step::Over,
            Event::Eof => {
                self.over = true;
                self.number += 1;
                let row = Row::unreadable(
                    self.table,
                    self.number,
                    "XML_BROKEN",
                    "the document ends in the middle of an element: is the file whole?",
                );
                return Step::Row(Box::new(row));
            }
            Event::Start(start) => {
                let name = local(start.name().as_ref()).to_owned();
                self.begin(name, building);
            }
            Event::Empty(start) => {
                let name = local(start.name().as_ref()).to_owned();
                self.begin(name, building);
                return self.close(building);
            }
            Event::End(_) => return self.close(building),
            Event::Text(text) => building.text(&text),
            Event::CData(text) => building.text(&text),
            Event::GeneralRef(reference) => refer(&reference, building),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        Step::Nothing
    }

    fn begin(&mut self, name: String, building: &mut Building) {
        let depth = self.open.len();
        let inside = !building.open.is_empty();
        let path_to_here = self.open.iter().map(String::as_str);
        let is_row = depth + 1 == self.at.len()
            && path_to_here
                .chain([name.as_str()])
                .eq(self.at.iter().copied());
        if inside || is_row {
            building.start(&name);
        } else {
            // Far deeper than any path: names are no longer needed, their number is.
            self.open
                .push(if depth < DEEPEST { name } else { String::new() });
        }
    }

    fn close(&mut self, building: &mut Building) -> Step {
        if building.open.is_empty() {
            self.open.pop();
            return Step::Nothing;
        }
        let Some(element) = building.end() else {
            return Step::Nothing;
        };
        self.number += 1;
        let mut row = match std::mem::take(building).broken {
            Some((rule, sentence)) => Row::unreadable(self.table, self.number, rule, sentence),
            None => Row::new(self.table, self.number, Content::Xml(element)),
        };
        if self.converted.swap(false, Ordering::Relaxed) {
            row.remarks.push(not_utf8(self.table, self.number));
        }
        Step::Row(Box::new(row))
    }
}

/// What follows the prefix of a name.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn broken(table: &'static str, number: u64, error: &quick_xml::Error) -> Row {
    match error {
        quick_xml::Error::Io(error) if error.kind() == TOO_LARGE => Row::unreadable(
            table,
            number,
            "ROW_TOO_LARGE",
            format!("one piece takes more than {LARGEST_ROW} bytes; nothing after it was read"),
        ),
        _ => Row::unreadable(
            table,
            number,
            "XML_BROKEN",
            "this is no well-formed XML from here on: nothing after it was read",
        ),
    }
}

/// The five entities of XML and characters by number; any other is not expanded, so none can grow.
fn refer(reference: &BytesRef<'_>, building: &mut Building) {
    let named = match reference.as_ref() as &str {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().ok().flatten(),
    };
    match named {
        Some(character) => building.text(character.encode_utf8(&mut [0; 4])),
        None if building.open.is_empty() => {}
        None => {
            let sentence = "an entity stands in it that is not XML's own: it is not expanded";
            building
                .broken
                .get_or_insert(("ENTITY_UNKNOWN", sentence.to_owned()));
        }
    }
}
