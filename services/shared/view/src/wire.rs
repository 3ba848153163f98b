//! From a record of `shared.<purpose>` to an [`Input`]: one reading of the wire, for the materialiser that folds and the auditor that folds again.

use crate::facts::{Contribution, ContributionKey, Input, Retraction, SubjectFacts};
use crate::value::Value;
use std::collections::BTreeMap;
use std::str::FromStr;
use walbrook_domain::{
    AgreementId, Day, EventType, HandlePseudonym, Instant, Organisation, Pseudonym, WordError,
};
use walbrook_event::headers::{self, ReleaseHead};
use walbrook_policy::catalogue::FieldKind;
use walbrook_proto::avro::{AvroRecord, AvroValue};
use walbrook_proto::shared::v1 as records;

/// A record of `shared.<purpose>` without its framing.
pub struct SharedRecord<'a> {
    /// The record key.
    pub key: &'a [u8],
    /// A header by name.
    pub header: &'a dyn Fn(&str) -> Option<&'a [u8]>,
    /// Record timestamp, ms since 1970: midnight UTC of the decision day.
    pub timestamp_ms: i64,
    /// The Avro body, opened.
    pub body: &'a [u8],
    /// The writer's schema of the body, for releases.
    pub schema: Option<&'a SharedSchema>,
}

/// A record that cannot be read: the log was not written by a broker of this contract. Reading stops there; it is never skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a shared record cannot be read: {what}")]
pub struct WireError {
    /// What is wrong. Never a value.
    pub what: String,
}

fn fault(what: impl Into<String>) -> WireError {
    WireError { what: what.into() }
}

/// A shared schema as far as values are read: each field's type, by the writer's order, and its number in the schema this build knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSchema {
    event_type: EventType,
    fields: Vec<(Option<u8>, Shape)>,
}

/// A field's form on the wire; every field of a shared schema is a union with null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Bool,
    Number,
    Text,
    Day,
    Instant,
    Texts,
    Bytes,
}

impl SharedSchema {
    /// Reads the text of a shared schema, as registered or pinned.
    ///
    /// # Errors
    /// When it is not the shared schema of an event type this build knows, or has a field of another form.
    pub fn parse(text: &str) -> Result<Self, WireError> {
        let schema: serde_json::Value =
            serde_json::from_str(text).map_err(|_| fault("its schema is not JSON"))?;
        let name = full_name(&schema).ok_or_else(|| fault("its schema has no name"))?;
        let info = walbrook_proto::records()
            .iter()
            .find(|info| info.event.is_some_and(|event| event.shared_name == name))
            .ok_or_else(|| fault(format!("schema {name} is of no event type of this build")))?;
        let event = info
            .event
            .ok_or_else(|| fault(format!("schema {name} is of no event type")))?;
        let mut fields = Vec::new();
        let stated = schema.get("fields").and_then(serde_json::Value::as_array);
        for field in stated.into_iter().flatten() {
            let field_name = field["name"].as_str().unwrap_or_default();
            let number = (0u8..64)
                .zip(info.fields)
                .find(|(_, known)| **known == field_name)
                .map(|(number, _)| number);
            let shape = nullable(&field["type"])
                .and_then(shape)
                .ok_or_else(|| fault(format!("field {field_name} of {name} has another form")))?;
            fields.push((number, shape));
        }
        Ok(Self {
            event_type: EventType::new(event.event_type)
                .map_err(|error| fault(error.to_string()))?,
            fields,
        })
    }

    /// The event type.
    pub const fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// The kind of each field by its number; for catalogues.
    pub fn kinds(&self) -> impl Iterator<Item = (u8, FieldKind)> {
        self.fields.iter().filter_map(|(number, shape)| {
            let kind = match shape {
                Shape::Bool => FieldKind::Bool,
                Shape::Number => FieldKind::Integer,
                Shape::Text => FieldKind::Text,
                Shape::Day => FieldKind::Day,
                Shape::Instant => FieldKind::Instant,
                Shape::Texts => FieldKind::TextList,
                Shape::Bytes => return None,
            };
            Some(((*number)?, kind))
        })
    }

    /// The values of the fields in `mask`, by number, ascending.
    ///
    /// # Errors
    /// When the body is not of this schema.
    pub fn values(&self, body: &[u8], mask: u64) -> Result<Vec<(u8, Value)>, WireError> {
        let mut rest = body;
        let mut values = Vec::new();
        for (number, shape) in &self.fields {
            let wanted = number.filter(|number| crate::united::bit(mask, *number));
            let value = match wanted {
                Some(_) => take(*shape, &mut rest),
                None => skip(*shape, &mut rest).map(|()| None),
            }
            .map_err(|Damaged| fault(format!("the body of a {} is damaged", self.event_type)))?;
            if let (Some(number), Some(value)) = (wanted, value) {
                values.push((number, value));
            }
        }
        if !rest.is_empty() {
            return Err(fault(format!(
                "the body of a {} is longer than its schema",
                self.event_type
            )));
        }
        values.sort_by_key(|(number, _)| *number);
        Ok(values)
    }
}

fn full_name(schema: &serde_json::Value) -> Option<String> {
    let name = schema["name"].as_str()?;
    Some(match schema["namespace"].as_str() {
        Some(namespace) if !name.contains('.') => format!("{namespace}.{name}"),
        _ => name.to_owned(),
    })
}

fn nullable(schema: &serde_json::Value) -> Option<&serde_json::Value> {
    match schema.as_array()?.as_slice() {
        [null, inner] if null == "null" => Some(inner),
        _ => None,
    }
}

fn shape(schema: &serde_json::Value) -> Option<Shape> {
    let logical = schema["logicalType"].as_str();
    let name = schema.as_str().or_else(|| schema["type"].as_str())?;
    Some(match (name, logical) {
        ("boolean", _) => Shape::Bool,
        ("string", _) => Shape::Text,
        ("bytes", _) => Shape::Bytes,
        ("int", Some("date")) => Shape::Day,
        ("long", Some("timestamp-micros")) => Shape::Instant,
        ("int" | "long", None) => Shape::Number,
        ("array", _) if schema["items"] == "string" => Shape::Texts,
        _ => return None,
    })
}

/// A body that is not of its schema.
struct Damaged;

impl From<walbrook_proto::avro::AvroError> for Damaged {
    fn from(_: walbrook_proto::avro::AvroError) -> Self {
        Self
    }
}

fn take(shape: Shape, rest: &mut &[u8]) -> Result<Option<Value>, Damaged> {
    if i64::take(rest)? == 0 {
        return Ok(None);
    }
    Ok(match shape {
        Shape::Bool => Some(Value::Bool(bool::take(rest)?)),
        Shape::Number => Some(Value::Int(i64::take(rest)?)),
        Shape::Text => Some(Value::Text(text(rest)?.into())),
        Shape::Day => Some(Value::Day(Day(i32::take(rest)?))),
        Shape::Instant => Some(Value::Instant(Instant(i64::take(rest)?))),
        Shape::Texts => {
            let texts: Vec<String> = walbrook_proto::avro::take_array(rest)?;
            Some(Value::Texts(texts.into_iter().map(Into::into).collect()))
        }
        Shape::Bytes => {
            bytes(rest)?;
            None
        }
    })
}

/// Passes over a field that no view needs: it is checked, and nothing is made of it.
fn skip(shape: Shape, rest: &mut &[u8]) -> Result<(), Damaged> {
    if shape != Shape::Text {
        return take(shape, rest).map(drop);
    }
    match i64::take(rest)? {
        0 => Ok(()),
        _ => text(rest).map(drop),
    }
}

/// Text where it stands.
fn text<'b>(rest: &mut &'b [u8]) -> Result<&'b str, Damaged> {
    std::str::from_utf8(bytes(rest)?).map_err(|_| Damaged)
}

fn bytes<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8], Damaged> {
    let length = usize::try_from(i64::take(rest)?).map_err(|_| Damaged)?;
    let (taken, behind) = rest.split_at_checked(length).ok_or(Damaged)?;
    *rest = behind;
    Ok(taken)
}

/// The fields that views of a purpose need, as masks, by event type.
pub type Needs = BTreeMap<EventType, u64>;

/// Words read before, so that each is checked and made once: releases repeat a few of registers.
#[derive(Debug, Default)]
pub struct Names {
    event_types: BTreeMap<Box<str>, EventType>,
    organisations: BTreeMap<Box<str>, Organisation>,
    agreements: BTreeMap<Box<str>, AgreementId>,
}

/// More than registers have; then they are read anew.
const MOST_NAMES: usize = 10_000;

fn name<T>(known: &mut BTreeMap<Box<str>, T>, text: &str) -> Result<T, WordError>
where
    T: FromStr<Err = WordError> + Clone,
{
    if let Some(known) = known.get(text) {
        return Ok(known.clone());
    }
    let new: T = text.parse()?;
    if known.len() >= MOST_NAMES {
        known.clear();
    }
    known.insert(text.into(), new.clone());
    Ok(new)
}

impl Names {
    /// An event type by its text.
    ///
    /// # Errors
    /// When it is none.
    pub fn event_type(&mut self, text: &str) -> Result<EventType, WordError> {
        name(&mut self.event_types, text)
    }
}

/// Reads one record.
///
/// # Errors
/// When the record is not one this contract allows on a shared topic.
pub fn read(record: &SharedRecord<'_>, needs: &Needs) -> Result<Input, WireError> {
    read_with(record, needs, &mut Names::default())
}

/// Reads one record of many.
///
/// # Errors
/// As [`read`].
pub fn read_with(
    record: &SharedRecord<'_>,
    needs: &Needs,
    names: &mut Names,
) -> Result<Input, WireError> {
    let kind = (record.header)(headers::TYPE)
        .and_then(|value| std::str::from_utf8(value).ok())
        .ok_or_else(|| fault("header ce_type is missing or is no text"))?;
    if kind == records::Retraction::FULL_NAME {
        return retraction(record.body);
    }
    if kind == records::SubjectRecord::FULL_NAME {
        return subject(record);
    }
    if kind == records::Heartbeat::FULL_NAME {
        return heartbeat(record.body);
    }
    if kind == records::GenerationBegun::FULL_NAME || kind == records::GenerationEnded::FULL_NAME {
        return Ok(Input::NotNeeded);
    }
    release(record, kind, needs, names)
}

fn person(record: &SharedRecord<'_>) -> Result<Pseudonym, WireError> {
    Pseudonym::try_from(record.key).map_err(|error| fault(error.to_string()))
}

fn release(
    record: &SharedRecord<'_>,
    kind: &str,
    needs: &Needs,
    names: &mut Names,
) -> Result<Input, WireError> {
    let event_type = names
        .event_type(kind)
        .map_err(|_| fault("ce_type is neither an event type nor a record of the backbone"))?;
    let Some(mask) = needs.get(&event_type) else {
        return Ok(Input::NotNeeded);
    };
    let schema = record
        .schema
        .filter(|schema| schema.event_type == event_type)
        .ok_or_else(|| {
            fault(format!(
                "the schema of a {event_type} is not its shared schema"
            ))
        })?;
    let head = ReleaseHead::read(record.header).map_err(|error| fault(error.to_string()))?;
    let word_fault = |error: WordError| fault(error.to_string());
    Ok(Input::Release(Contribution {
        person: person(record)?,
        key: ContributionKey {
            handle: head.handle,
            event: head.id,
            agreement: name(&mut names.agreements, head.agreement).map_err(word_fault)?,
        },
        version: head.version,
        source: name(&mut names.organisations, head.organisation).map_err(word_fault)?,
        event_type,
        occurred_at: head.occurred_at,
        precision: head.precision,
        not_after: head.not_after,
        released_on: Instant(record.timestamp_ms.saturating_mul(1_000)).london_day(),
        supersedes: head.supersedes,
        fields: schema.values(record.body, *mask)?,
    }))
}

fn damaged(what: &'static str) -> impl Fn(walbrook_proto::avro::AvroError) -> WireError {
    move |_| fault(format!("the body of a {what} is damaged"))
}

fn retraction(body: &[u8]) -> Result<Input, WireError> {
    let record = records::Retraction::decode_exact(body).map_err(damaged("retraction"))?;
    let word_fault = |error: walbrook_domain::WordError| fault(error.to_string());
    Ok(Input::Retraction(Retraction {
        handle: HandlePseudonym::try_from(record.handle_pseudonym.as_slice())
            .map_err(word_fault)?,
        agreements: record
            .agreement_ids
            .iter()
            .map(|id| id.parse().map_err(word_fault))
            .collect::<Result<_, _>>()?,
        event: record
            .event_id
            .as_deref()
            .map(|id| id.parse().map_err(word_fault))
            .transpose()?,
        reason: record.reason.into(),
        subject_too: record.subject_too,
    }))
}

fn subject(record: &SharedRecord<'_>) -> Result<Input, WireError> {
    let body =
        records::SubjectRecord::decode_exact(record.body).map_err(damaged("subject record"))?;
    let word_fault = |error: walbrook_domain::WordError| fault(error.to_string());
    let organisation = |text: Option<String>| {
        text.map(|text| text.parse::<Organisation>().map_err(word_fault))
            .transpose()
    };
    let day = |date: Option<walbrook_proto::common::v1::Date>| {
        date.map(|date| {
            date.days()
                .map(Day)
                .ok_or_else(|| fault("adult_from or chosen_until is no date"))
        })
        .transpose()
    };
    Ok(Input::Subject {
        person: person(record)?,
        handle: HandlePseudonym::try_from(body.handle_pseudonym.as_slice()).map_err(word_fault)?,
        facts: SubjectFacts {
            organisation: body.organisation.parse().map_err(word_fault)?,
            responsible_authority: organisation(body.responsible_authority)?,
            chosen_authority: organisation(body.chosen_authority)?,
            area_gss: body.area_gss.map(Into::into),
            restrictions: body.restrictions.into_iter().map(Into::into).collect(),
            adult_from: day(body.adult_from)?,
            link_status: body.link_status.parse().map_err(word_fault)?,
            link_score_ten_thousandths: body.link_score_ten_thousandths,
            chosen_until: day(body.chosen_until)?,
        },
    })
}

fn heartbeat(body: &[u8]) -> Result<Input, WireError> {
    let record = records::Heartbeat::decode_exact(body).map_err(damaged("heartbeat"))?;
    let word_fault = |error: walbrook_domain::WordError| fault(error.to_string());
    let day = record
        .last_accepted_on
        .and_then(|date| date.days())
        .ok_or_else(|| fault("a heartbeat without its day"))?;
    Ok(Input::Heartbeat {
        organisation: record.organisation.parse().map_err(word_fault)?,
        event_type: record.event_type.parse().map_err(word_fault)?,
        last_accepted_on: Day(day),
    })
}
