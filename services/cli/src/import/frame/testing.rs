//! What a mapping makes of rows, without a service: for the importers' tests.

use super::send::{Batch, add};
use super::{Enrolling, Finding, Mapping, Rows, enrol};
use crate::publish::Outgoing;
use walbrook_proto::common::v1::Subject;

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

/// The subjects of all rows in order, what reading and mapping said of them, and how many rows are accounted for.
///
/// # Panics
/// When a row cannot be had.
pub fn subjects<M: Enrolling>(rows: Rows, mut mapping: M) -> (Vec<Subject>, Vec<Finding>, usize) {
    let mut batch = enrol::Batch::default();
    for row in rows {
        enrol::add(&mut batch, &row.unwrap(), &mut mapping);
    }
    let rows = batch.tickets.len();
    let tickets = batch.tickets.into_iter();
    let findings = tickets.flat_map(|ticket| ticket.findings).collect();
    (batch.subjects, findings, rows)
}
