//! Reading a view file: every fault named by line, field and reason; a field nobody asked for is a fault.

use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One fault of a view file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// Path of the field, for example `feature[2].event`.
    pub field: String,
    /// What is wrong and what is expected.
    pub reason: String,
}

/// Every fault of a view file, in the order of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The file, as given.
    pub file: String,
    /// The faults; never empty.
    pub faults: Vec<Fault>,
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(
                f,
                "{separator}{}:{}: {}: {}",
                self.file, fault.line, fault.field, fault.reason
            )?;
        }
        Ok(())
    }
}

/// The text being read and the faults found.
pub(crate) struct Document<'t> {
    text: &'t str,
    pub(crate) faults: Vec<Fault>,
}

impl<'t> Document<'t> {
    pub(crate) const fn new(text: &'t str) -> Self {
        Self {
            text,
            faults: Vec::new(),
        }
    }

    fn line_at(&self, byte: usize) -> usize {
        let before = self.text.as_bytes().iter().take(byte);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    pub(crate) fn fault(
        &mut self,
        line: usize,
        field: impl Into<String>,
        reason: impl Into<String>,
    ) {
        self.faults.push(Fault {
            line,
            field: field.into(),
            reason: reason.into(),
        });
    }

    /// The top table; `None`, with the fault noted, when the text is not TOML.
    pub(crate) fn top(&mut self) -> Option<Table<'t>> {
        match DeTable::parse(self.text) {
            Ok(table) => Some(Table::new(self, String::new(), 1, table.into_inner())),
            Err(error) => {
                let line = self.line_at(error.span().map_or(0, |span| span.start));
                self.fault(line, "file", format!("not TOML: {}", error.message()));
                None
            }
        }
    }
}

/// One table being read; what is left at the end was not asked for.
pub(crate) struct Table<'t> {
    path: String,
    pub(crate) line: usize,
    values: BTreeMap<String, (usize, DeValue<'t>)>,
}

impl<'t> Table<'t> {
    fn new(document: &Document<'t>, path: String, line: usize, table: DeTable<'t>) -> Self {
        let values = table
            .into_iter()
            .map(|(key, value)| {
                let line = document.line_at(key.span().start);
                let value = Spanned::into_inner(value);
                (key.into_inner().into_owned(), (line, value))
            })
            .collect();
        Self { path, line, values }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Takes a field away whose fault is named already.
    pub(crate) fn forget(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// The line of a field, or of the table when it is not there.
    pub(crate) fn line_of(&self, name: &str) -> usize {
        self.values.get(name).map_or(self.line, |(line, _)| *line)
    }

    fn take(&mut self, document: &mut Document<'t>, name: &str) -> Option<(usize, DeValue<'t>)> {
        let taken = self.values.remove(name);
        if taken.is_none() {
            document.fault(self.line, self.path(name), "missing");
        }
        taken
    }

    /// A text with its line.
    pub(crate) fn text(
        &mut self,
        document: &mut Document<'t>,
        name: &str,
    ) -> Option<(usize, String)> {
        let (line, value) = self.take(document, name)?;
        match value {
            DeValue::String(text) if !text.trim().is_empty() => Some((line, text.into_owned())),
            _ => {
                document.fault(line, self.path(name), "expected text");
                None
            }
        }
    }

    pub(crate) fn optional_text(
        &mut self,
        document: &mut Document<'t>,
        name: &str,
    ) -> Option<(usize, String)> {
        self.has(name).then(|| self.text(document, name)).flatten()
    }

    /// A text that reads as `T`.
    pub(crate) fn word<T: std::str::FromStr<Err = walbrook_domain::WordError>>(
        &mut self,
        document: &mut Document<'t>,
        name: &str,
    ) -> Option<T> {
        let (line, text) = self.text(document, name)?;
        text.parse()
            .map_err(|error: walbrook_domain::WordError| {
                document.fault(line, self.path(name), error.problem);
            })
            .ok()
    }

    /// A text from a closed list.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        document: &mut Document<'t>,
        name: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let (line, text) = self.text(document, name)?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            document.fault(
                line,
                self.path(name),
                format!("expected one of {}", words.join(", ")),
            );
        }
        found.map(|(_, choice)| *choice)
    }

    /// Several texts, each with its line.
    pub(crate) fn texts(
        &mut self,
        document: &mut Document<'t>,
        name: &str,
    ) -> Vec<(usize, String)> {
        let Some((line, value)) = self.take(document, name) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value else {
            document.fault(line, self.path(name), "expected a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            let line = document.line_at(item.span().start);
            match item.into_inner() {
                DeValue::String(text) => texts.push((line, text.into_owned())),
                _ => document.fault(line, self.path(name), "expected a list of texts"),
            }
        }
        texts
    }

    /// Several whole numbers; none when the field is not there.
    pub(crate) fn numbers(&mut self, document: &mut Document<'t>, name: &str) -> Vec<i64> {
        let expected = "expected a list of whole numbers";
        let Some((line, value)) = self.has(name).then(|| self.take(document, name)).flatten()
        else {
            return Vec::new();
        };
        let DeValue::Array(items) = value else {
            document.fault(line, self.path(name), expected);
            return Vec::new();
        };
        let mut numbers = Vec::new();
        for item in items {
            match item.into_inner() {
                DeValue::Integer(number) => {
                    numbers.extend(i64::from_str_radix(number.as_str(), number.radix()).ok());
                }
                _ => document.fault(line, self.path(name), expected),
            }
        }
        numbers
    }

    /// A whole number.
    pub(crate) fn number(
        &mut self,
        document: &mut Document<'t>,
        name: &str,
    ) -> Option<(usize, i64)> {
        let (line, value) = self.take(document, name)?;
        let number = match &value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            document.fault(line, self.path(name), "expected a whole number");
        }
        Some((line, number?))
    }

    /// A count of at least 1.
    pub(crate) fn count(&mut self, document: &mut Document<'t>, name: &str) -> Option<u32> {
        let (line, number) = self.number(document, name)?;
        let count = u32::try_from(number).ok().filter(|count| *count > 0);
        if count.is_none() {
            document.fault(line, self.path(name), "expected a whole number above 0");
        }
        count
    }

    pub(crate) fn optional_count(
        &mut self,
        document: &mut Document<'t>,
        name: &str,
    ) -> Option<u32> {
        self.has(name).then(|| self.count(document, name)).flatten()
    }

    /// True or false; false when it is not there.
    pub(crate) fn flag(&mut self, document: &mut Document<'t>, name: &str) -> bool {
        match self.values.remove(name) {
            None => false,
            Some((_, DeValue::Boolean(flag))) => flag,
            Some((line, _)) => {
                document.fault(line, self.path(name), "expected true or false");
                false
            }
        }
    }

    /// A table of its own.
    pub(crate) fn table(&mut self, document: &mut Document<'t>, name: &str) -> Option<Table<'t>> {
        let (line, value) = self.take(document, name)?;
        match value {
            DeValue::Table(table) => Some(Table::new(document, self.path(name), line, table)),
            _ => {
                document.fault(line, self.path(name), "expected a table");
                None
            }
        }
    }

    /// Tables under `[[name]]`.
    pub(crate) fn tables(&mut self, document: &mut Document<'t>, name: &str) -> Vec<Table<'t>> {
        let Some((line, value)) = self.values.remove(name) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value else {
            document.fault(
                line,
                self.path(name),
                "expected tables under double brackets",
            );
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let line = document.line_at(item.span().start);
            let path = format!("{}[{}]", self.path(name), index + 1);
            match item.into_inner() {
                DeValue::Table(table) => tables.push(Table::new(document, path, line, table)),
                _ => document.fault(line, path, "expected a table"),
            }
        }
        tables
    }

    /// Names every field nobody asked for.
    pub(crate) fn finish(self, document: &mut Document<'t>) {
        for (name, (line, _)) in &self.values {
            document.fault(*line, self.path(name), "unknown field");
        }
    }
}
