//! What a mapping makes of rows, without a service: for the importers' tests.

use super::send::{Batch, add};
use super::{Finding, Mapping, Rows};
use crate::publish::Outgoing;

/// The events of all rows in order, and what reading and mapping said of them. The organisation is a London authority, the source `test`.
///
/// # Panics
/// When a row cannot be had.
pub fn events<M: Mapping>(rows: Rows, mut mapping: M) -> (Vec<Outgoing>, Vec<Finding>) {
    let mut batch = Batch::default();
    for row in rows {
        add(
            &mut batch,
            "test",
            "GSS:E09000007",
            &row.unwrap(),
            &mut mapping,
        );
    }
    let findings = batch
        .tickets
        .into_iter()
        .flat_map(|ticket| ticket.findings)
        .collect();
    (batch.events, findings)
}
