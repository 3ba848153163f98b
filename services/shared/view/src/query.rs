//! The question of a read in canonical text, as it stands on its record: what the auditor needs beside the record's fields to compute the answer again.

use crate::canon::{Reader, Writer};
use crate::order::Order;
use crate::records::{escape, unescape};
use crate::value::Value;
use std::fmt;
use std::str::FromStr;
use walbrook_domain::{Instant, Pseudonym};

/// Where a page begins: after this row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// What the last row of the page before was ordered by; `None`: it had no value there.
    pub key: Option<Value>,
    /// Its person.
    pub pseudonym: Pseudonym,
}

/// The question beside the pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The wall clock when the agreements were asked: entitlement, retention and end dates go by it.
    pub read_at: Instant,
    /// Most rows of the answer; 1 for a single person.
    pub limit: u32,
    /// Where the page begins.
    pub after: Option<After>,
    /// The order of rows.
    pub order: Order,
    /// The condition rows were chosen by, as it was asked; empty: none.
    pub only: String,
    /// The columns explained; empty: all, or nothing was explained.
    pub columns: Vec<String>,
}

impl Query {
    /// A question about one person.
    pub const fn one() -> Self {
        Self {
            read_at: Instant(0),
            limit: 1,
            after: None,
            order: Order {
                column: None,
                descending: false,
            },
            only: String::new(),
            columns: Vec::new(),
        }
    }
}

/// A value as text without blanks.
fn key_text(key: Option<&Value>) -> String {
    key.map_or_else(
        || "-".to_owned(),
        |value| {
            let mut out = Writer::new();
            out.value(value);
            hex::encode(out.finish())
        },
    )
}

fn read_key(text: &str) -> Option<Option<Value>> {
    if text == "-" {
        return Some(None);
    }
    let bytes = hex::decode(text).ok()?;
    let mut input = Reader::new(&bytes, "key");
    let value = input.value().ok()?;
    input.end().ok()?;
    Some(Some(value))
}

/// A text that stands between blanks; `-` for an empty one.
fn word(text: &str) -> String {
    let mut word = String::new();
    escape(&mut word, text);
    if word.is_empty() {
        "-".to_owned()
    } else {
        word
    }
}

fn read_word(word: &str) -> Option<String> {
    match word {
        "-" => Some(String::new()),
        "" => None,
        word => unescape(word),
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read_at, limit) = (self.read_at.rfc3339(), self.limit);
        write!(f, "v1 read_at={read_at} limit={limit}")?;
        match &self.after {
            None => f.write_str(" after=-")?,
            Some(after) => {
                let key = key_text(after.key.as_ref());
                write!(f, " after={key},{}", after.pseudonym)?;
            }
        }
        let direction = if self.order.descending { "down" } else { "up" };
        let column = word(self.order.column.as_deref().unwrap_or_default());
        write!(f, " order={column},{direction} where={}", word(&self.only))?;
        let columns: Vec<String> = self.columns.iter().map(|column| word(column)).collect();
        let columns = if columns.is_empty() {
            "-".to_owned()
        } else {
            columns.join(",")
        };
        write!(f, " columns={columns}")
    }
}

/// A query text that this version does not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the query of a read record cannot be read: expected `v1 read_at=… limit=… after=… order=… where=… columns=…`"
)]
pub struct QueryError;

impl FromStr for Query {
    type Err = QueryError;
    fn from_str(text: &str) -> Result<Self, QueryError> {
        read(text).ok_or(QueryError)
    }
}

fn read(text: &str) -> Option<Query> {
    let mut parts = text.split(' ');
    let mut part = |name: &str| parts.next()?.strip_prefix(name);
    if !part("v1")?.is_empty() {
        return None;
    }
    let read_at = Instant::parse_rfc3339(part("read_at=")?).ok()?;
    let limit = part("limit=")?.parse().ok()?;
    let after = match part("after=")? {
        "-" => None,
        text => {
            let (key, pseudonym) = text.split_once(',')?;
            Some(After {
                key: read_key(key)?,
                pseudonym: pseudonym.parse().ok()?,
            })
        }
    };
    let (column, direction) = part("order=")?.split_once(',')?;
    let column = Some(read_word(column)?).filter(|column| !column.is_empty());
    let descending = match direction {
        "down" => true,
        "up" => false,
        _ => return None,
    };
    let only = read_word(part("where=")?)?;
    let columns = match part("columns=")? {
        "-" => Vec::new(),
        text => text.split(',').map(read_word).collect::<Option<_>>()?,
    };
    if parts.next().is_some() {
        return None;
    }
    let order = Order { column, descending };
    Some(Query {
        read_at,
        limit,
        after,
        order,
        only,
        columns,
    })
}
