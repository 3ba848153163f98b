//! Lines of a file of events, as far as views look at them: what a release of the whole event, cut to the day, would hold.

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use walbrook_domain::{Day, EventId, EventType, HandlePseudonym, Instant, Organisation};
use walbrook_policy::catalogue::FieldKind;
use walbrook_view::{Value, View};

/// An agency's name in the lines, and its package.
const AGENCIES: [(&str, &str); 5] = [
    ("police", "police"),
    ("health", "health"),
    ("housing", "housing"),
    ("social-care", "social_care"),
    ("tfl", "tfl"),
];

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The London day it was told on: from then on it could be known.
    pub on: Day,
    /// The event, where a view looks at its type.
    pub event: Option<Seen>,
}

/// An event that a view looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The day it was told on.
    pub told_on: Day,
    /// Whose record it is about.
    pub handle: HandlePseudonym,
    /// The organisation it is from.
    pub source: Organisation,
    /// The type.
    pub event_type: EventType,
    /// Its id.
    pub id: EventId,
    /// The event it corrects.
    pub supersedes: Option<EventId>,
    /// The day it happened.
    pub occurred_on: Day,
    /// Values by the field's number.
    pub fields: Vec<(u8, Value)>,
}

/// A field that some view needs.
#[derive(Debug)]
struct Field {
    number: u8,
    json: String,
    kind: FieldKind,
    /// Without a value it is absent; otherwise it is the type's zero.
    optional: bool,
}

#[derive(Debug)]
struct Needed {
    event_type: EventType,
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Line {
    told_at: String,
    agency: String,
    organisation: String,
    event: serde_json::Map<String, Json>,
}

/// Reads lines for some views.
#[derive(Debug)]
pub struct Lines {
    /// By agency and the body's name in JSON.
    needed: HashMap<(&'static str, String), Needed>,
}

impl Lines {
    /// For what these views need. `None`: the contracts do not describe the agencies' events.
    #[must_use]
    pub fn new(views: &[&View]) -> Option<Self> {
        let mut masks: HashMap<EventType, u64> = HashMap::new();
        for (event_type, mask) in views.iter().flat_map(|view| view.needs()) {
            *masks.entry(event_type).or_default() |= mask;
        }
        let pool = DescriptorPool::decode(walbrook_proto::FILE_DESCRIPTOR_SET).ok()?;
        let catalogue = walbrook_view::file::catalogue();
        let mut needed = HashMap::new();
        for (agency, package) in AGENCIES {
            let event = pool.get_message_by_name(&format!("walbrook.{package}.v1.Event"))?;
            for body in event.fields() {
                let Kind::Message(message) = body.kind() else {
                    continue;
                };
                let Ok(event_type) = format!("{package}.{}", message.name()).parse() else {
                    continue;
                };
                if let (Some(mask), Some(shape)) =
                    (masks.get(&event_type), catalogue.event(&event_type))
                {
                    let fields = fields(&message, *mask, shape)?;
                    let key = (agency, body.json_name().to_owned());
                    needed.insert(key, Needed { event_type, fields });
                }
            }
        }
        (needed.len() == masks.len()).then_some(Self { needed })
    }

    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it, without its values.
    pub fn read(&self, line: &str) -> Result<Told, String> {
        let line: Line = serde_json::from_str(line)
            .map_err(|_| "no event as `walbrook city events` writes it")?;
        let told_at = Instant::parse_rfc3339(&line.told_at)
            .map_err(|_| "told_at is no instant".to_owned())?;
        let on = told_at.london_day();
        let agency = AGENCIES.iter().find(|(name, _)| *name == line.agency);
        let body = agency.and_then(|(agency, _)| {
            line.event
                .iter()
                .find_map(|(name, body)| Some((self.needed.get(&(agency, name.clone()))?, body)))
        });
        let Some((needed, body)) = body else {
            return Ok(Told { on, event: None });
        };
        let seen = seen(&line, needed, body, on)
            .ok_or_else(|| format!("a {} that its contract does not allow", needed.event_type))?;
        Ok(Told {
            on,
            event: Some(seen),
        })
    }
}

fn fields(
    message: &MessageDescriptor,
    mask: u64,
    shape: &walbrook_policy::catalogue::EventShape,
) -> Option<Vec<Field>> {
    (0u8..64)
        .zip(&shape.fields)
        .filter(|(number, _)| mask >> number & 1 == 1)
        .map(|(number, field)| {
            let found = message.get_field_by_name(&field.name)?;
            Some(Field {
                number,
                json: found.json_name().to_owned(),
                kind: field.kind,
                optional: found.supports_presence(),
            })
        })
        .collect()
}

fn seen(line: &Line, needed: &Needed, body: &Json, told_on: Day) -> Option<Seen> {
    let head = line.event.get("head")?;
    let subject = head.get("subject")?;
    let text = |of: &Json, name: &str| of.get(name)?.as_str().map(str::to_owned);
    let id = |name: &str| text(head, name)?.parse().ok();
    let occurred_on = match head.get("occurredOn") {
        Some(date) => day(date)?,
        None => Instant::parse_rfc3339(&text(head, "occurredAt")?)
            .ok()?
            .london_day(),
    };
    let mut values = Vec::new();
    for field in &needed.fields {
        match body.get(&field.json) {
            Some(json) => values.push((field.number, value(field.kind, json)?)),
            None if field.optional => {}
            None => values.extend(zero(field.kind).map(|value| (field.number, value))),
        }
    }
    Some(Seen {
        told_on,
        handle: handle(
            &line.agency,
            &line.organisation,
            &text(subject, "scheme")?,
            &text(subject, "localId")?,
        ),
        source: line.organisation.parse().ok()?,
        event_type: needed.event_type.clone(),
        id: id("eventId")?,
        supersedes: id("supersedesEventId"),
        occurred_on,
        fields: values,
    })
}

/// What stands for an organisation's record here.
#[must_use]
pub fn handle(agency: &str, organisation: &str, scheme: &str, local_id: &str) -> HandlePseudonym {
    let mut hash = Sha256::new();
    for part in [agency, organisation, scheme, local_id] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    HandlePseudonym::new(sixteen(&hash.finalize()))
}

/// The first sixteen bytes of a hash.
pub(super) fn sixteen(hash: &[u8]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = *from;
    }
    bytes
}

/// A date in the contract's form.
fn day(json: &Json) -> Option<Day> {
    let part = |name: &str| i32::try_from(json.get(name)?.as_i64()?).ok();
    Day::from_ymd(part("year")?, part("month")?, part("day")?)
}

fn value(kind: FieldKind, json: &Json) -> Option<Value> {
    Some(match kind {
        FieldKind::Bool => Value::Bool(json.as_bool()?),
        FieldKind::Integer => Value::Int(match json {
            // Numbers of 64 bits are texts in protobuf's JSON.
            Json::String(text) => text.parse().ok()?,
            number => number.as_i64()?,
        }),
        FieldKind::Text => Value::Text(json.as_str()?.into()),
        FieldKind::Day => Value::Day(day(json)?),
        // Times are released to the day.
        FieldKind::Instant => Value::Instant(
            Instant::parse_rfc3339(json.as_str()?)
                .ok()?
                .london_day()
                .start(),
        ),
        FieldKind::TextList => Value::Texts(
            json.as_array()?
                .iter()
                .map(|text| text.as_str().map(Into::into))
                .collect::<Option<_>>()?,
        ),
        FieldKind::Bytes => return None,
    })
}

/// What a field without presence says when it is left out.
fn zero(kind: FieldKind) -> Option<Value> {
    match kind {
        FieldKind::Bool => Some(Value::Bool(false)),
        FieldKind::Integer => Some(Value::Int(0)),
        FieldKind::Text => Some(Value::Text("".into())),
        FieldKind::TextList => Some(Value::Texts(Vec::new())),
        FieldKind::Day | FieldKind::Instant | FieldKind::Bytes => None,
    }
}
