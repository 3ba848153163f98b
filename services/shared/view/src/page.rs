//! Rows of many people: ranked, and cut into pages that stay stable while rows change.

use crate::query::After;
use crate::row::{Asked, Row};
use crate::state::Partition;
use crate::united::IntegrityError;
use std::cmp::Reverse;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The rows, by rank.
    pub rows: Vec<Row>,
    /// Rows within scope in all.
    pub total: usize,
    /// Whether rows come after these.
    pub more: bool,
}

/// Adds the rows of everyone in a partition.
///
/// # Errors
/// When two agreements disagree about one event of a person: nothing of the list is shown.
pub fn collect(
    asked: &Asked<'_>,
    partition: &Partition,
    rows: &mut Vec<Row>,
) -> Result<(), IntegrityError> {
    for person in partition.people() {
        rows.extend(asked.row(&person)?);
    }
    Ok(())
}

/// Ranks rows (most points first, then by pseudonym) and cuts the page that begins after `after`.
pub fn cut(mut rows: Vec<Row>, after: Option<After>, limit: usize) -> Page {
    rows.sort_by_key(Row::rank);
    let total = rows.len();
    let from = after.map_or(0, |after| {
        let last = (Reverse(after.points_hundredths), after.pseudonym);
        rows.partition_point(|row| row.rank() <= last)
    });
    let mut rows: Vec<Row> = rows.split_off(from);
    let more = rows.len() > limit;
    rows.truncate(limit);
    Page { rows, total, more }
}
