//! The raw records of a batch, read and indexed.

use super::control_view::{ControlView, PinnedEvent, Setting};
use super::error::Stop;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use walbrook_domain::Instant;
use walbrook_event::headers;
use walbrook_event::history::{Entry, History};
use walbrook_event::projection::{FieldRef, Layout};
use walbrook_event::raw::{RawEvent, RawRecord, ReadError, Rule};
use walbrook_eventlog::Record;
use walbrook_policy::facts;

/// How far a record timestamp may lie ahead of this process.
pub const AHEAD_ALLOWED_MICROS: i64 = 60_000_000;

/// One raw topic's partition p.
pub struct RawTopic {
    /// Name without the namespace.
    pub plain: String,
    /// Full name.
    pub full: Arc<str>,
    /// The agency as topics spell it.
    pub agency: String,
    /// Index over it.
    pub history: History,
    /// Next offset to be decided (of the committed transaction, or of the one being made).
    pub position: i64,
}

impl RawTopic {
    /// The topic, nothing seen.
    pub fn new(plain: String, full: Arc<str>) -> Self {
        let agency = plain.strip_prefix("raw.").unwrap_or(&plain).to_owned();
        Self {
            plain,
            full,
            agency,
            history: History::new(),
            position: 0,
        }
    }
}

/// A raw record as far as it could be read.
pub struct Incoming {
    /// Its offset.
    pub offset: i64,
    /// Its record timestamp.
    pub accepted_at: Instant,
    /// What it is.
    pub content: Content,
}

/// What a raw record is.
pub enum Content {
    /// An event, with its schema and fields.
    Event(Box<Readable>),
    /// Not readable.
    Unreadable(Unreadable),
}

/// A readable event.
pub struct Readable {
    /// Envelope, subject and body.
    pub raw: RawEvent,
    /// Its pinned schema.
    pub schema: Arc<PinnedEvent>,
    /// Where its fields lie in the body.
    pub layout: Layout,
    /// Its entry in the index.
    pub entry: Entry,
}

/// What a quarantine record says.
pub struct Unreadable {
    /// The rule it breaks.
    pub rule: Rule,
    /// Length of the value.
    pub length: i64,
    /// SHA-256 of the value.
    pub sha256: [u8; 32],
    /// The producing organisation as the header says, where it can be read.
    pub organisation: String,
    /// The producer's event id as the header says, where it is one.
    pub event_id: Option<String>,
    /// The event type as the header says, where this build knows it.
    pub event_type: Option<String>,
}

/// A batch: records by raw topic, in order.
#[derive(Default)]
pub struct Cut {
    /// One list per raw topic of p.
    pub topics: Vec<Vec<Incoming>>,
}

impl Cut {
    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.topics.iter().all(Vec::is_empty)
    }
}

/// Reads the records of a batch and adds them to the index.
pub fn cut(
    number: i32,
    topics: &mut [RawTopic],
    records: Vec<Record>,
    control: &dyn ControlView,
    setting: &Setting,
    now: Instant,
) -> Result<Cut, Stop> {
    let mut cut = Cut {
        topics: topics.iter().map(|_| Vec::new()).collect(),
    };
    for record in records {
        let found = topics
            .iter_mut()
            .zip(&mut cut.topics)
            .find(|(topic, _)| topic.full == record.at.topic);
        let Some((topic, incoming)) = found else {
            continue;
        };
        let expected = incoming
            .last()
            .map_or(topic.position, |last: &Incoming| last.offset + 1);
        if record.offset < expected {
            // Fetched before the reader was told where to start: decided already.
            continue;
        }
        if record.offset > expected {
            return Err(Stop::Gap {
                topic: topic.plain.clone(),
                partition: number,
                expected,
                found: record.offset,
            });
        }
        let ahead = record.timestamp_ms.saturating_mul(1_000) - now.micros();
        if ahead > AHEAD_ALLOWED_MICROS {
            return Err(Stop::Ahead {
                topic: topic.plain.clone(),
                partition: number,
                offset: record.offset,
                ahead_seconds: ahead / 1_000_000,
            });
        }
        let (content, envelope) = read(topic, &record, control, setting)?;
        // What goes to quarantine leaves no trace in the index: its id is not used up, and it corrects nothing.
        let readable = matches!(content, Content::Event(_));
        index(topic, &record, envelope.filter(|_| readable));
        incoming.push(Incoming {
            offset: record.offset,
            accepted_at: Instant(record.timestamp_ms.saturating_mul(1_000)),
            content,
        });
    }
    Ok(cut)
}

/// Adds a raw record to the index of its topic; unreadable ones only move it on.
pub fn index(topic: &mut RawTopic, record: &Record, event: Option<walbrook_event::history::Entry>) {
    if let Some(entry) = event {
        topic.history.observe(entry);
    }
    topic.history.seen_below(record.offset + 1);
}

/// Reads a raw record's envelope for the index.
pub fn envelope(
    topic: &RawTopic,
    record: &Record,
    control: &dyn ControlView,
    setting: &Setting,
) -> Result<Result<RawEvent, Rule>, Stop> {
    let raw = RawRecord {
        agency: &topic.agency,
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        header: &|name| record.headers.get(name),
    };
    match RawEvent::read(
        raw,
        |event_type| control.subject_kind(event_type),
        setting.seal.as_ref(),
    ) {
        Ok(event) => Ok(Ok(event)),
        Err(ReadError::Unreadable(rule)) => Ok(Err(rule)),
        Err(ReadError::Transient(error)) => Err(Stop::Seal(error)),
    }
}

/// Reads a raw record wholly. The entry for the index comes back also when only the body cannot be read: the index follows from raw alone, and
/// which schemas are pinned does not.
pub fn read(
    topic: &RawTopic,
    record: &Record,
    control: &dyn ControlView,
    setting: &Setting,
) -> Result<(Content, Option<walbrook_event::history::Entry>), Stop> {
    let raw = match envelope(topic, record, control, setting)? {
        Ok(raw) => raw,
        Err(rule) => return Ok((Content::Unreadable(unreadable(rule, record)), None)),
    };
    let entry = raw.entry(record.offset, record.timestamp_ms.saturating_mul(1_000));
    let schema = control
        .event_schema(raw.schema_id)
        .filter(|schema| schema.event_type == raw.envelope.event_type);
    let Some(schema) = schema else {
        return Ok((
            Content::Unreadable(unreadable(Rule::UnknownSchema, record)),
            Some(entry),
        ));
    };
    let content = match schema.projection.layout(&raw.body) {
        Ok(layout) => Content::Event(Box::new(Readable {
            raw,
            schema,
            layout,
            entry: entry.clone(),
        })),
        Err(_) => Content::Unreadable(unreadable(Rule::TruncatedAvro, record)),
    };
    Ok((content, Some(entry)))
}

fn unreadable(rule: Rule, record: &Record) -> Unreadable {
    let value = record.value.as_deref().unwrap_or_default();
    // The header is shown only where it is an organisation: anything else could be anything.
    let organisation = record
        .headers
        .text(headers::ORGANISATION)
        .and_then(|text| text.parse::<walbrook_domain::Organisation>().ok())
        .map(|organisation| organisation.to_string());
    let event_id = record
        .headers
        .text(headers::ID)
        .and_then(|text| text.parse::<walbrook_domain::EventId>().ok())
        .map(|id| id.to_string());
    let event_type = record
        .headers
        .text(headers::TYPE)
        .filter(|text| walbrook_proto::event(text).is_some())
        .map(str::to_owned);
    Unreadable {
        rule,
        event_id,
        event_type,
        length: i64::try_from(value.len()).unwrap_or(i64::MAX),
        sha256: Sha256::digest(value).into(),
        organisation: organisation.unwrap_or_default(),
    }
}

impl Readable {
    fn field(&self, index: usize) -> FieldRef<'_> {
        self.schema
            .projection
            .value(&self.raw.body, &self.layout, index)
    }
}

impl facts::Fields for Readable {
    fn value(&self, name: &str) -> facts::FieldValue<'_> {
        let at = self.schema.fields.iter().position(|field| field == name);
        at.map_or(facts::FieldValue::Missing, |at| {
            condition_value(self.field(at))
        })
    }

    fn at(&self, index: usize, _name: &str) -> facts::FieldValue<'_> {
        condition_value(self.field(index))
    }

    fn has(&self, index: usize, _name: &str, text: &str) -> Option<bool> {
        match self.field(index) {
            FieldRef::Texts(mut texts) => Some(texts.any(|one| one == text)),
            _ => None,
        }
    }

    fn present(&self, index: usize, _name: &str) -> Option<bool> {
        match self.field(index) {
            FieldRef::Missing => None,
            FieldRef::Null => Some(false),
            _ => Some(true),
        }
    }
}

fn condition_value(value: FieldRef<'_>) -> facts::FieldValue<'_> {
    match value {
        FieldRef::Missing => facts::FieldValue::Missing,
        FieldRef::Null => facts::FieldValue::Absent,
        FieldRef::Bool(flag) => facts::FieldValue::Bool(flag),
        FieldRef::Int(number) => facts::FieldValue::Integer(number),
        FieldRef::Text(text) => facts::FieldValue::Text(text),
        FieldRef::Date(day) => facts::FieldValue::Day(day),
        FieldRef::Instant(at) => facts::FieldValue::Instant(at),
        FieldRef::Texts(texts) => facts::FieldValue::TextList(texts.collect()),
    }
}
