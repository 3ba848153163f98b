//! Quarantine records: where an unreadable record stands, never what it holds.

use std::collections::BTreeMap;

use walbrook_domain::Instant;
use walbrook_eventlog::Record;
use walbrook_proto::audit::v1::Quarantined;

use crate::log::{Log, Place, decode};
use crate::report::{Checked, Report};

/// What pages demand: raw topic, partition and offset → the rule broken and the decision time.
pub type Demanded = BTreeMap<(String, i32, i64), (&'static str, Instant)>;

/// Holds every quarantine record against the pages' demands and the raw records themselves.
pub fn check(log: &Log, mut demanded: Demanded, report: &mut Report) {
    for topic in log.topics("quarantine.") {
        for record in log.records(&topic, 0) {
            let Some(found) = decode::<Quarantined>(record, "quarantine", report) else {
                continue;
            };
            let key = (found.raw_topic.clone(), found.partition, found.offset);
            match demanded.remove(&key) {
                None if record.offset >= log.settled(&topic, 0) => {}
                None => report.differ(
                    "quarantine",
                    Place::of(record),
                    "a committed page that demands it",
                    "none",
                ),
                Some(demand) => one(log, &topic, record, &found, demand, report),
            }
        }
    }
    for (topic, partition, offset) in demanded.keys() {
        let agency = topic.trim_start_matches("raw.");
        report.differ(
            "quarantine",
            format!("quarantine.{agency}"),
            format!("a record for {}", Place::new(topic, *partition, *offset)),
            "none",
        );
    }
}

fn one(
    log: &Log,
    topic: &str,
    record: &Record,
    found: &Quarantined,
    demand: (&str, Instant),
    report: &mut Report,
) {
    use sha2::{Digest, Sha256};
    report.count(Checked::Quarantined, 1);
    let place = Place::of(record);
    let (rule, now) = demand;
    report.equal("quarantine", &place, rule, found.rule_id.as_str());
    report.equal(
        "quarantine",
        &place,
        topic,
        format!("quarantine.{}", found.raw_topic.trim_start_matches("raw.")).as_str(),
    );
    let at = found
        .decided_at
        .as_ref()
        .and_then(|at| Instant::from_seconds_nanos(at.seconds, at.nanos));
    if at != Some(now) {
        report.differ(
            "quarantine",
            &place,
            "the decision time of its page",
            "another",
        );
    }
    let raws = log.records(&found.raw_topic, found.partition);
    let raw = raws
        .binary_search_by_key(&found.offset, |record| record.offset)
        .ok()
        .and_then(|at| raws.get(at));
    let value = raw.and_then(|raw| raw.value.as_deref()).unwrap_or_default();
    let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
    if length != found.value_length || Sha256::digest(value).as_slice() != found.value_sha256 {
        report.differ(
            "quarantine",
            &place,
            "length and hash of the raw record",
            "others",
        );
    }
    let organisation = raw
        .and_then(|raw| raw.headers.text(walbrook_event::headers::ORGANISATION))
        .and_then(|text| text.parse::<walbrook_domain::Organisation>().ok())
        .map(|organisation| organisation.to_string())
        .unwrap_or_default();
    if organisation != found.organisation {
        report.differ(
            "quarantine",
            &place,
            "the organisation of the raw record",
            "another",
        );
    }
}
