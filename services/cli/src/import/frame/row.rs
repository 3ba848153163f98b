//! A row of a source, whatever form the source has.

use std::collections::HashMap;
use std::sync::Arc;

use super::account::Finding;
use super::xml::Element;
use crate::Failure;

/// Rows of a source, in its order. An error ends the import; a row that cannot be read is a row ([`Content::Unreadable`]).
pub type Rows = Box<dyn Iterator<Item = Result<Row, Failure>> + Send>;

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// The table (file, element or dataset) it stands in.
    pub table: &'static str,
    /// Its number there, from 1.
    pub number: u64,
    /// What stands in it.
    pub content: Content,
    /// What was found while reading it.
    pub remarks: Vec<Finding>,
}

/// What stands in a row.
#[derive(Debug, Clone)]
pub enum Content {
    /// Cells under column heads.
    Cells(Cells),
    /// An element of an array.
    Json(serde_json::Value),
    /// An element of a document.
    Xml(Element),
    /// Nothing that can be read.
    Unreadable {
        /// The rule it breaks.
        rule: &'static str,
        /// What is wrong, without a value.
        sentence: String,
    },
}

impl Row {
    /// A row with nothing remarked.
    #[must_use]
    pub fn new(table: &'static str, number: u64, content: Content) -> Self {
        Self {
            table,
            number,
            content,
            remarks: Vec::new(),
        }
    }

    /// A row that cannot be read.
    #[must_use]
    pub fn unreadable(
        table: &'static str,
        number: u64,
        rule: &'static str,
        sentence: impl Into<String>,
    ) -> Self {
        let sentence = sentence.into();
        Self::new(table, number, Content::Unreadable { rule, sentence })
    }

    /// A cell, a child element's text or a string member by name, trimmed, unless it is missing or empty.
    #[must_use]
    pub fn cell(&self, name: &str) -> Option<&str> {
        let text = match &self.content {
            Content::Cells(cells) => cells.get(name),
            Content::Xml(element) => element.text_of(name),
            Content::Json(value) => value.get(name).and_then(serde_json::Value::as_str),
            Content::Unreadable { .. } => None,
        };
        text.map(str::trim).filter(|text| !text.is_empty())
    }

    /// The element, when the source is JSON.
    #[must_use]
    pub fn json(&self) -> Option<&serde_json::Value> {
        match &self.content {
            Content::Json(value) => Some(value),
            _ => None,
        }
    }

    /// The element, when the source is XML.
    #[must_use]
    pub fn xml(&self) -> Option<&Element> {
        match &self.content {
            Content::Xml(element) => Some(element),
            _ => None,
        }
    }
}

/// Column heads, shared by all rows of a table.
#[derive(Debug, Default)]
pub struct Heads(HashMap<String, usize>, usize);

impl Heads {
    /// Heads in their order; of two that are the same the first counts.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut places = HashMap::new();
        let mut count = 0;
        for name in names {
            places.entry(name).or_insert(count);
            count += 1;
        }
        Self(places, count)
    }

    /// How many columns there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.1
    }

    /// Whether there is a column of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Cells under column heads.
#[derive(Debug, Clone)]
pub struct Cells {
    heads: Arc<Heads>,
    values: Vec<String>,
}

impl Cells {
    /// Cells in the order of the heads.
    #[must_use]
    pub fn new(heads: Arc<Heads>, values: Vec<String>) -> Self {
        Self { heads, values }
    }

    /// Cells by name, for sources without heads.
    #[must_use]
    pub fn named<'a>(cells: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let (names, values): (Vec<String>, Vec<String>) = cells
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .unzip();
        Self::new(Arc::new(Heads::new(names)), values)
    }

    /// A cell as it stands.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self.heads.0.get(name)?;
        self.values.get(*place).map(String::as_str)
    }
}
