//! The question of a read in canonical text, as it stands on its record: what the auditor needs beside the record's fields to compute the answer again.

use std::fmt;
use std::str::FromStr;
use walbrook_domain::{Instant, Pseudonym};

/// Where a page begins: after this row, by rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// Points of the last row of the page before, hundredths.
    pub points_hundredths: i64,
    /// Its person.
    pub pseudonym: Pseudonym,
}

/// The question beside the pseudonyms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// The wall clock when the agreements were asked: entitlement, retention and end dates go by it.
    pub read_at: Instant,
    /// Most rows of the answer; 1 for a single person.
    pub limit: u32,
    /// Where the page begins.
    pub after: Option<After>,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "v1 read_at={} limit={}",
            self.read_at.rfc3339(),
            self.limit
        )?;
        match &self.after {
            None => f.write_str(" after=-"),
            Some(after) => write!(f, " after={},{}", after.points_hundredths, after.pseudonym),
        }
    }
}

/// A query text that this version does not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the query of a read record cannot be read: expected `v1 read_at=… limit=… after=…`")]
pub struct QueryError;

impl FromStr for Query {
    type Err = QueryError;
    fn from_str(text: &str) -> Result<Self, QueryError> {
        let mut parts = text.split(' ');
        let mut part = |name: &str| {
            parts
                .next()
                .and_then(|part| part.strip_prefix(name))
                .ok_or(QueryError)
        };
        if !part("v1")?.is_empty() {
            return Err(QueryError);
        }
        let read_at = Instant::parse_rfc3339(part("read_at=")?).map_err(|_| QueryError)?;
        let limit = part("limit=")?.parse().map_err(|_| QueryError)?;
        let after = match part("after=")? {
            "-" => None,
            text => {
                let (points, pseudonym) = text.split_once(',').ok_or(QueryError)?;
                Some(After {
                    points_hundredths: points.parse().map_err(|_| QueryError)?,
                    pseudonym: pseudonym.parse().map_err(|_| QueryError)?,
                })
            }
        };
        if parts.next().is_some() {
            return Err(QueryError);
        }
        Ok(Self {
            read_at,
            limit,
            after,
        })
    }
}
