//! Rows of many people: chosen, put in order, and cut into pages that stay in place while rows change.

use crate::condition::Condition;
use crate::order::{self, Order};
use crate::query::After;
use crate::row::{Asked, Row};
use crate::state::Partition;
use crate::united::IntegrityError;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The rows, in order.
    pub rows: Vec<Row>,
    /// Rows in all, of which this is a page.
    pub total: usize,
    /// Whether rows come after these.
    pub more: bool,
}

/// Adds the rows of everyone in a partition for whom the condition holds.
///
/// # Errors
/// When two agreements disagree about one event of a person: nothing of the list is shown.
pub fn collect(
    asked: &Asked<'_>,
    partition: &Partition,
    only: Option<&Condition>,
    rows: &mut Vec<Row>,
) -> Result<(), IntegrityError> {
    for person in partition.people() {
        let row = asked.row(&person)?;
        rows.extend(row.filter(|row| only.is_none_or(|only| order::holds(only, row))));
    }
    Ok(())
}

/// Puts rows in order and cuts the page that begins after `after`.
pub fn cut(rows: Vec<Row>, order: &Order, after: Option<&After>, limit: usize) -> Page {
    let total = rows.len();
    let mut keyed: Vec<_> = rows.into_iter().map(|row| (order.key(&row), row)).collect();
    keyed.sort_by(|(a, a_row), (b, b_row)| {
        order.compare((a.as_ref(), a_row.pseudonym), (b.as_ref(), b_row.pseudonym))
    });
    let from = after.map_or(0, |after| {
        let last = (after.key.as_ref(), after.pseudonym);
        keyed.partition_point(|(key, row)| {
            let this = (key.as_ref(), row.pseudonym);
            order.compare(this, last).is_le()
        })
    });
    let mut rows: Vec<Row> = keyed
        .split_off(from)
        .into_iter()
        .map(|(_, row)| row)
        .collect();
    let more = rows.len() > limit;
    rows.truncate(limit);
    Page { rows, total, more }
}
