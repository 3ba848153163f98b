//! What stands on `shared.*` and `open.*`, held against what pages demand: nothing more, nothing less, in its order.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use walbrook_domain::{EventId, HandlePseudonym, Pseudonym};
use walbrook_event::framing::unframe;
use walbrook_event::headers::{self, ReleaseEnvelope};
use walbrook_eventlog::{Record, chain};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{Heartbeat, Retraction, SubjectRecord};

use crate::control::Schemas;
use crate::demanded::{Demand, Demands, Key, Release, What};
use crate::log::{Log, Place, decode_body, header, header_text, printable};
use crate::pseudonyms::{Pseudonyms, Subject};
use crate::report::{Checked, Report};

/// The checks over shared and open topics, after all pages have said what they demand.
pub struct SharedTopics<'a> {
    /// The log.
    pub log: &'a Log,
    /// Every schema that was ever pinned.
    pub schemas: &'a Schemas,
    /// What pages demand; what is met is taken out.
    pub demands: &'a mut Demands,
    /// Pseudonyms seen.
    pub pseudonyms: &'a mut Pseudonyms,
    /// Trace ids of raw records: none may stand on a shared topic.
    pub raw_traces: &'a std::collections::HashSet<String>,
    /// What was found.
    pub report: &'a mut Report,
}

/// The order within one handle pseudonym's records of a partition: retractions against everything else.
#[derive(Debug, Default, Clone, Copy)]
struct Order {
    retraction: u64,
    other: u64,
}

impl SharedTopics<'_> {
    /// Checks every record of a topic.
    pub fn topic(&mut self, topic: &str) {
        for partition in 0..self.log.partitions(topic) {
            let mut order: HashMap<Vec<u8>, Order> = HashMap::new();
            let log = self.log;
            for record in log.records(topic, partition) {
                match self.record(topic, record) {
                    Some((demand, handle)) => self.ordered(record, &demand, handle, &mut order),
                    // Beyond the first pass its page may not have been read.
                    None if !self.log.is_settled(record) => {}
                    None => self.report.differ(
                        "release",
                        Place::of(record),
                        "a committed decision that demands it",
                        "none",
                    ),
                }
            }
        }
    }

    /// Says what pages demand and no record met.
    pub fn missing(&mut self) {
        for (topic, demand) in self.demands.left() {
            self.report.differ(
                "release",
                format!("{topic}, page {}", demand.page),
                demand.what.describe(),
                "nothing",
            );
        }
    }

    fn ordered(
        &mut self,
        record: &Record,
        demand: &Demand,
        handle: Vec<u8>,
        order: &mut HashMap<Vec<u8>, Order>,
    ) {
        let last = order.entry(handle).or_default();
        let (mine, against) = match demand.what {
            What::Retraction(_) => (&mut last.retraction, last.other),
            What::Heartbeat(_) => return,
            What::Release(_) | What::Subject { .. } => (&mut last.other, last.retraction),
        };
        *mine = (*mine).max(demand.ordinal);
        if demand.ordinal < against {
            self.report.differ(
                "order",
                Place::of(record),
                "the order of its pages",
                "a retraction and a release the other way round",
            );
        }
        if topics_of_a_purpose(record) {
            let (generation, _) = chain::split(record.offset);
            self.report.equal(
                "generation",
                Place::of(record),
                demand.generation,
                generation,
            );
        }
        self.report.equal(
            "timestamp",
            Place::of(record),
            demand.day_ms,
            record.timestamp_ms,
        );
    }

    /// Takes the demand that this record meets, and holds the record against it.
    fn record(&mut self, topic: &str, record: &Record) -> Option<(Demand, Vec<u8>)> {
        let key = record.key.as_deref().unwrap_or_default();
        let kind = header_text(record, headers::TYPE);
        let purpose = topic.strip_prefix("shared.");
        match (kind, purpose) {
            (Retraction::FULL_NAME, Some(purpose)) => self.retraction(topic, purpose, key, record),
            (SubjectRecord::FULL_NAME, Some(purpose)) => self.subject(topic, purpose, key, record),
            (Heartbeat::FULL_NAME, Some(_)) => self.heartbeat(topic, record),
            (_, Some(purpose)) => self.release(topic, purpose, key, record),
            (_, None) => self.open(topic, key, record),
        }
    }

    fn release(
        &mut self,
        topic: &str,
        purpose: &str,
        key: &[u8],
        record: &Record,
    ) -> Option<(Demand, Vec<u8>)> {
        let place = Place::of(record);
        let envelope = match ReleaseEnvelope::read(|name| header(record, name)) {
            Ok(envelope) => envelope,
            Err(error) => {
                self.report
                    .differ("headers", &place, "the headers of a release", error);
                return None;
            }
        };
        let pseudonym = Pseudonym::try_from(key).ok()?;
        let look_up = Key::Release(
            pseudonym.prefix(),
            envelope.id.prefix(),
            envelope.agreement.to_string(),
        );
        let demand = self.demands.take(topic, &look_up)?;
        if let What::Release(release) = &demand.what {
            self.release_pseudonyms(purpose, pseudonym, &envelope, release, &place);
            let expected = ReleaseEnvelope {
                event_type: release.event_type.clone(),
                organisation: release.organisation.clone(),
                occurred_at: release.occurred_at,
                precision: release.precision,
                version: release.version,
                not_after: release.not_after,
                ..envelope.clone()
            };
            self.headers(&expected.pairs(), record);
            self.trace(&envelope, &place);
            self.body(release, record);
            self.report.count(Checked::Releases, 1);
        }
        Some((demand, envelope.handle.as_bytes().to_vec()))
    }

    fn release_pseudonyms(
        &mut self,
        purpose: &str,
        key: Pseudonym,
        envelope: &ReleaseEnvelope,
        release: &Release,
        place: &Place,
    ) {
        let (Some(handle), Some(person)) = (release.handle, release.person) else {
            self.report.differ(
                "release",
                place,
                "a person's event",
                "an event about nobody",
            );
            return;
        };
        let event = |id: EventId| Subject::Event(release.organisation.clone(), handle, id);
        let report = &mut *self.report;
        self.pseudonyms.whole(
            purpose,
            Subject::Person(person),
            key.to_bytes(),
            place,
            report,
        );
        self.pseudonyms.whole(
            purpose,
            Subject::Handle(handle),
            envelope.handle.to_bytes(),
            place,
            report,
        );
        self.pseudonyms.whole(
            purpose,
            event(release.event),
            *envelope.id.as_bytes(),
            place,
            report,
        );
        if release.supersedes.is_some() != envelope.supersedes.is_some() {
            report.differ(
                "headers",
                place,
                format!("wb_supersedes: {}", release.supersedes.is_some()),
                envelope.supersedes.is_some(),
            );
        }
        if let (Some(raw), Some(local)) = (release.supersedes, envelope.supersedes) {
            self.pseudonyms
                .whole(purpose, event(raw), *local.as_bytes(), place, report);
        }
    }

    /// An internal record of a shared topic, opened, with its body; one that cannot be read is a difference, and `None`.
    pub(crate) fn opened<R: AvroRecord>(
        &mut self,
        record: &Record,
        check: &'static str,
    ) -> Option<(R, Vec<u8>)> {
        match self.log.open(record) {
            Ok((_, body)) => {
                let decoded = decode_body(record, &body, check, self.report)?;
                Some((decoded, body))
            }
            Err(problem) => {
                let expected = "a value in the wire format that opens under its key";
                self.report
                    .differ(check, Place::of(record), expected, problem);
                None
            }
        }
    }

    /// The record carries exactly these headers.
    pub(crate) fn headers(&mut self, expected: &headers::Pairs, record: &Record) {
        for (name, value) in expected {
            let found = header(record, name);
            if found != Some(value.as_bytes()) {
                let found = found.map_or("no such header", |_| "another value");
                self.report.differ(
                    "headers",
                    Place::of(record),
                    format!("{name} as derived"),
                    found,
                );
            }
        }
        for found in record.headers.iter() {
            let times = record
                .headers
                .iter()
                .filter(|other| other.name == found.name)
                .count();
            if !expected.iter().any(|(name, _)| *name == &*found.name) || times > 1 {
                self.report.differ(
                    "headers",
                    Place::of(record),
                    "no other header",
                    format!("`{}`", printable(found.name)),
                );
            }
        }
    }

    fn trace(&mut self, envelope: &ReleaseEnvelope, place: &Place) {
        let trace = envelope.trace_parent.as_deref().and_then(trace_id);
        if trace.is_some_and(|trace| self.raw_traces.contains(trace)) {
            self.report
                .differ("headers", place, "a new trace", "the trace of a raw record");
        }
    }

    pub(crate) fn body(&mut self, release: &Release, record: &Record) {
        let place = Place::of(record);
        // Open data is about nobody, so nothing of it is ever sealed.
        let opened = match release.open_key {
            Some(_) => unframe(record.value.as_deref())
                .map(|(schema_id, body)| (schema_id, body.to_vec()))
                .map_err(|error| error.to_string()),
            None => self.log.open(record),
        };
        match opened {
            Err(error) => {
                let expected = "a value in the wire format that opens under its key";
                self.report.differ("body", &place, expected, error);
            }
            Ok((schema_id, body)) => {
                self.schema(schema_id, &release.shared_name, record);
                if <[u8; 32]>::from(Sha256::digest(&body)) != release.body_sha256 {
                    self.report.differ(
                        "body",
                        &place,
                        format!(
                            "what {}@{} leaves of {}",
                            release.agreement, release.version, release.raw
                        ),
                        "other bytes",
                    );
                }
            }
        }
    }

    /// The id in the value is pinned to the record's name, and the header says the same.
    pub(crate) fn schema(&mut self, schema_id: i32, name: &str, record: &Record) {
        let place = Place::of(record);
        let pinned = self.schemas.name(schema_id).unwrap_or("no pinned schema");
        self.report.equal("schema", &place, name, pinned);
        let said = header_text(record, headers::DATA_SCHEMA);
        let expected = format!(
            "{}-{name}/{schema_id}",
            self.log.full_name(&record.at.topic)
        );
        if said != expected {
            let expected = format!("{} {expected}", headers::DATA_SCHEMA);
            self.report
                .differ("headers", &place, expected, "another value");
        }
    }

    pub(crate) fn internal(
        &mut self,
        name: &str,
        record: &Record,
        handle: Option<&HandlePseudonym>,
    ) {
        let mut expected = headers::internal(name, "broker", None, None);
        expected.push((
            headers::DATA_SCHEMA,
            header_text(record, headers::DATA_SCHEMA).to_owned(),
        ));
        // That the body opens under this key was seen before.
        expected.push((headers::KEY, header_text(record, headers::KEY).to_owned()));
        if let Some(handle) = handle {
            expected.push((headers::HANDLE, handle.to_string()));
        }
        self.headers(&expected, record);
        if let Ok((schema_id, _)) = unframe(record.value.as_deref()) {
            self.schema(schema_id, name, record);
        }
    }
}

fn topics_of_a_purpose(record: &Record) -> bool {
    chain::parse(&record.at.topic).is_some()
}

/// The trace id of a W3C `traceparent`.
pub fn trace_id(parent: &str) -> Option<&str> {
    parent.split('-').nth(1).filter(|id| id.len() == 32)
}
