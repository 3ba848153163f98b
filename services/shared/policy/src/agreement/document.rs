//! Reading a TOML document with every fault named by line, field and reason. A field nobody asked for is a fault.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use walbrook_domain::{Day, WordError};

/// One fault of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// Path of the field, for example `flow[2].fields`.
    pub field: String,
    /// What is wrong and what is expected.
    pub reason: String,
    /// What to do about it.
    pub to_do: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.field, self.reason)
    }
}

/// Every fault of a document, in the order of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the document has {} fault(s)", self.0.len())?;
        for fault in &self.0 {
            write!(f, "; {fault}")?;
        }
        Ok(())
    }
}

/// Collects faults and knows where lines begin.
pub(crate) struct Reading<'t> {
    text: &'t str,
    faults: Vec<Fault>,
    lines: BTreeMap<String, usize>,
}

impl<'t> Reading<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            faults: Vec::new(),
            lines: BTreeMap::new(),
        }
    }

    pub(crate) fn line_at(&self, byte: usize) -> usize {
        1 + self
            .text
            .bytes()
            .take(byte)
            .filter(|byte| *byte == b'\n')
            .count()
    }

    pub(crate) fn fault(&mut self, line: usize, field: &str, reason: impl Into<String>) {
        self.fault_to_do(line, field, reason.into(), "write it as the reason says");
    }

    pub(crate) fn fault_to_do(
        &mut self,
        line: usize,
        field: &str,
        reason: String,
        to_do: impl Into<String>,
    ) {
        self.faults.push(Fault {
            line,
            field: field.to_owned(),
            reason,
            to_do: to_do.into(),
        });
    }

    /// Remembers where a field stands, for checks that come after reading.
    fn note(&mut self, field: &str, line: usize) {
        self.lines.insert(field.to_owned(), line);
    }

    /// A fault of a field that was read, or of the nearest field above it.
    pub(crate) fn fault_of(&mut self, field: &str, reason: impl Into<String>) {
        self.fault(self.line_of(field), field, reason);
    }

    /// A fault of a field that was read, with what to do about it.
    pub(crate) fn advise(
        &mut self,
        field: &str,
        reason: impl Into<String>,
        to_do: impl Into<String>,
    ) {
        self.fault_to_do(self.line_of(field), field, reason.into(), to_do);
    }

    fn line_of(&self, field: &str) -> usize {
        let mut path = field;
        loop {
            if let Some(line) = self.lines.get(path) {
                return *line;
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = path.get(..at).unwrap_or_default(),
                None => return 1,
            }
        }
    }

    /// Whether a field, or one below it, has a fault already: what follows from that is not said again.
    pub(crate) fn faulty(&self, field: &str) -> bool {
        self.faults
            .iter()
            .any(|fault| fault.field.starts_with(field))
    }

    pub(crate) fn clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn into_faults(mut self) -> Faults {
        self.faults.sort();
        self.faults.dedup();
        Faults(self.faults)
    }
}

/// One table being read; what is left at the end was not asked for.
pub(crate) struct Section<'t> {
    path: String,
    line: usize,
    values: BTreeMap<String, (usize, DeValue<'t>)>,
}

impl<'t> Section<'t> {
    /// Parses the document's top table.
    pub(crate) fn top(reading: &mut Reading<'t>) -> Option<Self> {
        match DeTable::parse(reading.text) {
            Ok(table) => Some(Self::of(reading, String::new(), 1, table.into_inner())),
            Err(error) => {
                let line = reading.line_at(error.span().map_or(0, |span| span.start));
                reading.fault(line, "document", format!("not TOML: {}", error.message()));
                None
            }
        }
    }

    fn of(reading: &mut Reading<'t>, path: String, line: usize, table: DeTable<'t>) -> Self {
        let mut values = BTreeMap::new();
        for (key, value) in table {
            let line = reading.line_at(key.span().start);
            let name = key.into_inner().into_owned();
            let full = join(&path, &name);
            reading.note(&full, line);
            values.insert(name, (line, Spanned::into_inner(value)));
        }
        reading.note(&path, line);
        Self { path, line, values }
    }

    /// Path of this table, as faults name it.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Path of a field of this table.
    pub(crate) fn field(&self, name: &str) -> String {
        join(&self.path, name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    fn missing(&self, reading: &mut Reading<'t>, name: &str) {
        let to_do = format!("add `{name} = …` to this table");
        reading.fault_to_do(self.line, &self.field(name), "missing".to_owned(), to_do);
    }

    fn wrong(&self, reading: &mut Reading<'t>, name: &str, line: usize, expected: &str) {
        reading.fault(line, &self.field(name), format!("expected {expected}"));
    }

    pub(crate) fn optional_text(
        &mut self,
        reading: &mut Reading<'t>,
        name: &str,
    ) -> Option<String> {
        match self.values.remove(name)? {
            (line, DeValue::String(text)) => {
                if text.trim().is_empty() {
                    reading.fault(line, &self.field(name), "empty");
                    return None;
                }
                Some(text.into_owned())
            }
            (line, _) => {
                self.wrong(reading, name, line, "text");
                None
            }
        }
    }

    pub(crate) fn text(&mut self, reading: &mut Reading<'t>, name: &str) -> Option<String> {
        if !self.has(name) {
            self.missing(reading, name);
        }
        self.optional_text(reading, name)
    }

    /// A text that reads as a word of the field.
    pub(crate) fn word<T: FromStr<Err = WordError>>(
        &mut self,
        reading: &mut Reading<'t>,
        name: &str,
    ) -> Option<T> {
        let line = self.values.get(name).map_or(self.line, |(line, _)| *line);
        let text = self.text(reading, name)?;
        match text.parse() {
            Ok(word) => Some(word),
            Err(error) => {
                reading.fault(line, &self.field(name), error.problem);
                None
            }
        }
    }

    /// A text from a closed list of words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        reading: &mut Reading<'t>,
        name: &str,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> Option<T> {
        let line = self.values.get(name).map_or(self.line, |(line, _)| *line);
        let text = self.text(reading, name)?;
        let found = all.iter().copied().find(|one| word(*one) == text);
        if found.is_none() {
            let words: Vec<_> = all.iter().map(|one| word(*one)).collect();
            reading.fault(
                line,
                &self.field(name),
                format!("expected one of {}", words.join(", ")),
            );
        }
        found
    }

    pub(crate) fn texts(&mut self, reading: &mut Reading<'t>, name: &str) -> Vec<String> {
        let Some((line, value)) = self.values.remove(name) else {
            self.missing(reading, name);
            return Vec::new();
        };
        let DeValue::Array(array) = value else {
            self.wrong(reading, name, line, "a list of texts");
            return Vec::new();
        };
        let mut texts: Vec<String> = Vec::new();
        for item in array {
            let line = reading.line_at(item.span().start);
            match item.into_inner() {
                DeValue::String(text) if !text.trim().is_empty() => {
                    if texts.iter().any(|one| *one == text) {
                        reading.fault(line, &self.field(name), format!("{text} stands twice"));
                    } else {
                        texts.push(text.into_owned());
                    }
                }
                _ => self.wrong(reading, name, line, "a list of texts, none empty"),
            }
        }
        texts
    }

    pub(crate) fn optional_texts(&mut self, reading: &mut Reading<'t>, name: &str) -> Vec<String> {
        if self.has(name) {
            self.texts(reading, name)
        } else {
            Vec::new()
        }
    }

    /// A whole number from 1 to `u32::MAX`.
    pub(crate) fn optional_count(&mut self, reading: &mut Reading<'t>, name: &str) -> Option<u32> {
        let (line, value) = self.values.remove(name)?;
        let count = match &value {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix())
                .ok()
                .filter(|count| *count > 0),
            _ => None,
        };
        if count.is_none() {
            self.wrong(reading, name, line, "a whole number above 0");
        }
        count
    }

    pub(crate) fn count(&mut self, reading: &mut Reading<'t>, name: &str) -> Option<u32> {
        if !self.has(name) {
            self.missing(reading, name);
        }
        self.optional_count(reading, name)
    }

    /// A TOML local date.
    pub(crate) fn day(&mut self, reading: &mut Reading<'t>, name: &str) -> Option<Day> {
        let Some((line, value)) = self.values.remove(name) else {
            self.missing(reading, name);
            return None;
        };
        let day = match &value {
            DeValue::Datetime(at) if at.time.is_none() && at.offset.is_none() => {
                at.date.and_then(|date| {
                    Day::from_ymd(date.year.into(), date.month.into(), date.day.into())
                })
            }
            _ => None,
        };
        if day.is_none() {
            self.wrong(reading, name, line, "a date such as 2026-05-01");
        }
        day
    }

    /// A TOML local date, which may be left out.
    pub(crate) fn optional_day(&mut self, reading: &mut Reading<'t>, name: &str) -> Option<Day> {
        self.has(name).then(|| self.day(reading, name)).flatten()
    }

    /// True or false; left out: false.
    pub(crate) fn flag(&mut self, reading: &mut Reading<'t>, name: &str) -> bool {
        match self.values.remove(name) {
            None => false,
            Some((_, DeValue::Boolean(flag))) => flag,
            Some((line, _)) => {
                self.wrong(reading, name, line, "true or false");
                false
            }
        }
    }

    pub(crate) fn optional_section(
        &mut self,
        reading: &mut Reading<'t>,
        name: &str,
    ) -> Option<Section<'t>> {
        let (line, value) = self.values.remove(name)?;
        match value {
            DeValue::Table(table) => Some(Section::of(reading, self.field(name), line, table)),
            _ => {
                self.wrong(reading, name, line, "a table");
                None
            }
        }
    }

    pub(crate) fn section(&mut self, reading: &mut Reading<'t>, name: &str) -> Option<Section<'t>> {
        if !self.has(name) {
            self.missing(reading, name);
        }
        self.optional_section(reading, name)
    }

    /// An array of tables (`[[name]]`), empty when there is none.
    pub(crate) fn sections(&mut self, reading: &mut Reading<'t>, name: &str) -> Vec<Section<'t>> {
        let Some((line, value)) = self.values.remove(name) else {
            return Vec::new();
        };
        let DeValue::Array(array) = value else {
            self.wrong(
                reading,
                name,
                line,
                "tables, each opened by double brackets",
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (number, item) in array.into_iter().enumerate() {
            let line = reading.line_at(item.span().start);
            let path = format!("{}[{}]", self.field(name), number + 1);
            match item.into_inner() {
                DeValue::Table(table) => sections.push(Section::of(reading, path, line, table)),
                _ => reading.fault(line, &path, "expected a table"),
            }
        }
        sections
    }

    /// Names every field nobody asked for.
    pub(crate) fn finish(self, reading: &mut Reading<'t>) {
        self.unknown(reading);
    }

    /// Names every field not asked for so far.
    pub(crate) fn unknown(&self, reading: &mut Reading<'t>) {
        for (name, (line, _)) in &self.values {
            reading.fault_to_do(
                *line,
                &self.field(name),
                "unknown field".to_owned(),
                "correct its name, or take it out: what is not understood is not signed",
            );
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
