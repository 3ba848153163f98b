//! What stands on the log: bodies, raw records, control records. Only our own processes write there, but a process of another version or a damaged disk is
//! outside too.

use std::sync::LazyLock;

use walbrook_domain::{Instant, Precision};
use walbrook_event::raw::{RawEvent, RawRecord, SubjectKind};
use walbrook_event::{Plain, Projection, control, framing, headers};

/// The projection of every event type.
static PROJECTIONS: LazyLock<Vec<Projection>> = LazyLock::new(|| {
    let records = walbrook_proto::records().iter();
    let events = records.filter_map(|info| Some((info.schema, info.event?.shared_schema)));
    events
        .filter_map(|(raw, shared)| Projection::new(raw, shared).ok())
        .collect()
});

/// A body of every record type, and its projection. What is read and written again stays as it is; the program says what the plain way says.
pub(super) fn bodies(input: &[u8]) {
    for record in walbrook_proto::records() {
        if let Ok(once) = (record.recode)(input) {
            let twice = (record.recode)(&once).ok();
            assert_eq!(twice.as_ref(), Some(&once), "{}", record.full_name);
        }
    }
    for projection in PROJECTIONS.iter() {
        let _ = projection.read(input);
        let masks = [0, 1, 0b1010_1010, projection.all_fields()];
        for mask in masks {
            let fast = projection.project(input, mask, Precision::Day).ok();
            let plain = projection.project_plainly(input, mask, Precision::Day).ok();
            assert_eq!(fast, plain, "mask {mask:b}");
        }
    }
}

/// A raw record: the first two bytes say where its key and its headers end.
pub(super) fn raw(input: &[u8]) {
    let Some(([key, head], rest)) = input.split_first_chunk::<2>() else {
        return;
    };
    let (key, rest) = rest.split_at(usize::from(*key).min(rest.len()));
    let (head, value) = rest.split_at(usize::from(*head).min(rest.len()));
    let mut parts = head.split(|byte| *byte == b'|');
    let names = [
        headers::ID,
        headers::TYPE,
        "ce_specversion",
        "ce_source",
        "ce_time",
        "ce_dataschema",
        "content-type",
        "wb_org",
        "wb_precision",
        "wb_key",
    ];
    let found: Vec<(&str, &[u8])> = names
        .into_iter()
        .map_while(|name| Some((name, parts.next()?)))
        .collect();
    let header = |name: &str| found.iter().find(|one| one.0 == name).map(|one| one.1);
    let record = RawRecord {
        agency: "housing",
        key: Some(key),
        value: Some(value),
        header: &header,
    };
    let read = RawEvent::read(record, |_| Some(SubjectKind::Person), &Plain);
    if read.is_ok() {
        assert!(framing::unframe(Some(value)).is_ok());
    }
}

/// A control record of every type.
pub(super) fn control(input: &[u8]) {
    for record in walbrook_proto::records() {
        if record.full_name.starts_with("walbrook.control.") {
            let _ = control::read(record.full_name, input, 7, Instant(0));
        }
    }
    let _ = control::read_schedule(input);
}
