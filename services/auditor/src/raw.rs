//! The raw records of one topic and partition, read as the broker had to read them, and their index.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use sha2::{Digest, Sha256};
use walbrook_domain::{EventType, Instant};
use walbrook_event::framing::unframe;
use walbrook_event::history::{Entry, History};
use walbrook_event::raw::{RawEvent, RawRecord, ReadError, Rule, SubjectKind};
use walbrook_event::{Seal, headers};
use walbrook_eventlog::Record;
use walbrook_policy::Outcome;
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::{AvroRecord as _, SubjectOf};

use crate::log::header;

/// One raw record.
#[derive(Debug)]
pub struct Slot {
    /// Its offset.
    pub offset: i64,
    /// When the log took it.
    pub accepted_at: Instant,
    /// What it is, or the rule it breaks.
    pub event: Result<RawEvent, Rule>,
    /// Length of the value, bytes.
    pub value_length: i64,
    /// SHA-256 of the value.
    pub value_sha256: [u8; 32],
    /// The producing organisation as a quarantine record may name it.
    pub organisation: String,
}

/// A partition of a raw topic.
#[derive(Debug, Default)]
pub struct Raw {
    /// The records by offset.
    pub slots: Vec<Slot>,
    /// The derived index over all of them; every look-up names an offset below which records count.
    pub history: History,
    by_offset: HashMap<i64, usize>,
}

/// The runs of offsets of one partition that its pages send to quarantine, by raw topic.
#[derive(Debug, Default)]
pub struct QuarantineRuns(BTreeMap<String, Vec<Range<i64>>>);

impl QuarantineRuns {
    /// Takes in a page. One that cannot be read is a difference where it is walked.
    pub fn note(&mut self, record: &Record) {
        let page = unframe(record.value.as_deref())
            .ok()
            .and_then(|(_, body)| DecisionPage::decode_exact(body).ok());
        let Some(page) = page else { return };
        for entry in &page.entries {
            if entry.outcome == Outcome::Quarantine.code() {
                let run = entry.first_offset..entry.first_offset + i64::from(entry.offset_count);
                let of_topic = self.0.entry(page.raw_topic.clone()).or_default();
                of_topic.push(run);
            }
        }
    }

    /// Whether a page sends this record there.
    pub fn covers(&self, topic: &str, offset: i64) -> bool {
        let mut runs = self.0.get(topic).into_iter().flatten();
        runs.any(|run| run.contains(&offset))
    }
}

/// Whom events of a type are about, as the contracts say.
pub fn subject_kind(event_type: &EventType) -> Option<SubjectKind> {
    let event = walbrook_proto::event(event_type.as_str())?.event?;
    Some(match event.subject {
        SubjectOf::Person => SubjectKind::Person,
        SubjectOf::Area => SubjectKind::Area,
        SubjectOf::Open => SubjectKind::Open,
    })
}

impl Raw {
    /// Reads a partition of the topic `raw.<agency>`. What pages say is in quarantine is not in the index: its id is not used up, and it corrects
    /// nothing. Whether it belongs there is checked where its page is.
    pub fn read_but(
        topic: &str,
        records: &[Record],
        seal: &dyn Seal,
        quarantined: &dyn Fn(i64) -> bool,
    ) -> Self {
        let agency = topic.strip_prefix("raw.").unwrap_or(topic);
        let mut raw = Self::default();
        for record in records {
            let view = RawRecord {
                agency,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                header: &|name| header(record, name),
            };
            let event = RawEvent::read(view, subject_kind, seal).map_err(|error| match error {
                ReadError::Unreadable(rule) => rule,
                // A key that is away makes the record unreadable here: the audit says so where the broker decided it.
                ReadError::Transient(_) => Rule::BadHeader,
            });
            raw.push(record, event, quarantined(record.offset));
        }
        raw
    }

    fn push(&mut self, record: &Record, event: Result<RawEvent, Rule>, quarantined: bool) {
        let value = record.value.as_deref().unwrap_or_default();
        let accepted_at = Instant(record.timestamp_ms.saturating_mul(1_000));
        if let Ok(event) = &event
            && !quarantined
        {
            self.history
                .observe(event.entry(record.offset, accepted_at.micros()));
        }
        self.history.seen_below(record.offset + 1);
        self.by_offset.insert(record.offset, self.slots.len());
        self.slots.push(Slot {
            offset: record.offset,
            accepted_at,
            event,
            value_length: i64::try_from(value.len()).unwrap_or(i64::MAX),
            value_sha256: Sha256::digest(value).into(),
            organisation: record
                .headers
                .text(headers::ORGANISATION)
                .and_then(|text| text.parse::<walbrook_domain::Organisation>().ok())
                .map(|organisation| organisation.to_string())
                .unwrap_or_default(),
        });
    }

    /// The record at an offset.
    pub fn slot(&self, offset: i64) -> Option<&Slot> {
        self.slots.get(*self.by_offset.get(&offset)?)
    }

    /// The records from `first` to `last`, both included.
    pub fn range(&self, first: i64, last: i64) -> &[Slot] {
        let from = self.slots.partition_point(|slot| slot.offset < first);
        let to = self.slots.partition_point(|slot| slot.offset <= last);
        self.slots.get(from..to).unwrap_or_default()
    }
}

/// The index entry of an event where it stands.
pub fn entry(event: &RawEvent, slot: &Slot) -> Entry {
    event.entry(slot.offset, slot.accepted_at.micros())
}
