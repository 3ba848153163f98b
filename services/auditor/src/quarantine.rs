//! Quarantine records: where an unreadable record stands, never what it holds; and resubmissions, each of an event that stands there and of its owner.

use std::collections::BTreeMap;

use walbrook_domain::Instant;
use walbrook_event::headers;
use walbrook_eventlog::Record;
use walbrook_proto::audit::v1::{Quarantined, Resubmission};
use walbrook_proto::avro::AvroRecord as _;

use crate::log::{Log, Place, decode, header_text};
use crate::report::{Checked, Report};

/// What pages demand: raw topic, partition and offset → the rule broken and the decision time.
pub type Demanded = BTreeMap<(String, i32, i64), (&'static str, Instant)>;

/// Holds every quarantine record against the pages' demands and the raw records themselves.
pub fn check(log: &Log, mut demanded: Demanded, report: &mut Report) {
    for topic in log.topics("quarantine.") {
        let mut known = BTreeMap::new();
        for record in log.records(&topic, 0) {
            if header_text(record, headers::TYPE) == Resubmission::FULL_NAME {
                if let Some(said) = decode::<Resubmission>(record, "quarantine", report) {
                    resubmission(log, &known, record, &said, report);
                }
                continue;
            }
            let Some(found) = decode::<Quarantined>(record, "quarantine", report) else {
                continue;
            };
            let key = (found.raw_topic.clone(), found.partition, found.offset);
            known.insert(
                key.clone(),
                (found.organisation.clone(), found.event_id.clone()),
            );
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
    let raw = raw_at(log, &found.raw_topic, found.partition, found.offset);
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
    let organisation = raw.map(organisation_of).unwrap_or_default();
    if organisation != found.organisation {
        report.differ(
            "quarantine",
            &place,
            "the organisation of the raw record",
            "another",
        );
    }
    let event_id = raw.and_then(event_of).map(|id| id.to_string());
    let event_type = raw
        .and_then(|raw| raw.headers.text(headers::TYPE))
        .filter(|text| walbrook_proto::event(text).is_some());
    if event_id != found.event_id || event_type != found.event_type.as_deref() {
        report.differ(
            "quarantine",
            &place,
            "the event id and type of the raw record",
            "others",
        );
    }
}

/// A quarantined record's organisation and event id, by its coordinates.
type Known = BTreeMap<(String, i32, i64), (String, Option<String>)>;

/// A resubmission is of a record that stands in quarantine before it, and the corrected event is its owner's, of the same id, and stands on the log.
fn resubmission(
    log: &Log,
    known: &Known,
    record: &Record,
    said: &Resubmission,
    report: &mut Report,
) {
    report.count(Checked::Resubmissions, 1);
    let place = Place::of(record);
    let key = (said.raw_topic.clone(), said.partition, said.offset);
    let fits = known.get(&key).is_some_and(|(organisation, event)| {
        *organisation == said.organisation
            && event.as_ref().is_none_or(|event| *event == said.event_id)
    });
    if !fits {
        report.differ(
            "quarantine",
            &place,
            "a quarantined record of its organisation and event",
            "none",
        );
    }
    let corrected = raw_at(
        log,
        &said.raw_topic,
        said.corrected_partition,
        said.corrected_offset,
    );
    let same = corrected.is_some_and(|raw| {
        organisation_of(raw) == said.organisation
            && event_of(raw).is_some_and(|event| event.to_string() == said.event_id)
    });
    if !same {
        report.differ(
            "quarantine",
            &place,
            "the corrected event on its raw topic",
            "none of that organisation and id",
        );
    }
}

fn raw_at<'a>(log: &'a Log, topic: &str, partition: i32, offset: i64) -> Option<&'a Record> {
    let raws = log.records(topic, partition);
    let at = raws
        .binary_search_by_key(&offset, |record| record.offset)
        .ok()?;
    raws.get(at)
}

fn organisation_of(raw: &Record) -> String {
    raw.headers
        .text(headers::ORGANISATION)
        .and_then(|text| text.parse::<walbrook_domain::Organisation>().ok())
        .map(|organisation| organisation.to_string())
        .unwrap_or_default()
}

fn event_of(raw: &Record) -> Option<walbrook_domain::EventId> {
    raw.headers.text(headers::ID)?.parse().ok()
}
