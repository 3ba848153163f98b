//! What agreements and predicates may name: event types with their fields, views, datasets. Plain data, handed in by
//! whoever knows the schemas, so that this crate knows none.

use crate::law::Law;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{EventType, Purpose};

/// Whom events of a type are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKind {
    /// One person, by handle: conditions about people apply.
    Person,
    /// A place of the city; no person.
    Area,
    /// Open data; no person.
    Open,
}

/// The type of a field, as far as predicates and views need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldKind {
    /// True or false.
    Bool,
    /// A whole number (int or long).
    Integer,
    /// Text, among them every code.
    Text,
    /// A list of texts.
    TextList,
    /// A calendar date.
    Day,
    /// An instant.
    Instant,
    /// Bytes that nothing looks into: they are released or not, and no condition can name what is in them.
    Bytes,
}

/// One field of an event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldShape {
    /// Name as in the message and the Avro schema.
    pub name: String,
    /// Its type.
    pub kind: FieldKind,
}

/// One event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventShape {
    /// The type.
    pub event_type: EventType,
    /// Whom it is about.
    pub subject: SubjectKind,
    /// Fields in schema order: field i is bit i of a mask. At most 64; later schema versions append.
    pub fields: Vec<FieldShape>,
}

/// An Avro schema that is no event type's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema of {event_type} {problem}")]
pub struct ShapeError {
    /// The event type.
    pub event_type: EventType,
    /// What is wrong.
    pub problem: String,
}

impl EventShape {
    /// The shape of an event type by its Avro schema: of the pinned text, so that every process sees the same fields in the
    /// same order. Nullable fields have the kind of what they may hold.
    ///
    /// # Errors
    /// When the text is no record schema, has over 64 fields, or a field is of a type that no event has.
    pub fn from_avro(
        event_type: EventType,
        subject: SubjectKind,
        schema: &str,
    ) -> Result<Self, ShapeError> {
        let error = |problem: String| ShapeError {
            event_type: event_type.clone(),
            problem,
        };
        let schema: Value =
            serde_json::from_str(schema).map_err(|_| error("is not JSON".to_owned()))?;
        let listed = schema
            .get("fields")
            .and_then(Value::as_array)
            .ok_or_else(|| error("is no record".to_owned()))?;
        if listed.len() > 64 {
            return Err(error("has more than 64 fields".to_owned()));
        }
        let mut fields = Vec::with_capacity(listed.len());
        for field in listed {
            let name = field
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let kind = field
                .get("type")
                .and_then(kind_of)
                .ok_or_else(|| error(format!("has a field {name} of no known kind")))?;
            fields.push(FieldShape {
                name: name.to_owned(),
                kind,
            });
        }
        Ok(Self {
            event_type,
            subject,
            fields,
        })
    }

    /// The field of that name with its bit number.
    pub fn field(&self, name: &str) -> Option<(u32, &FieldShape)> {
        (0u32..64)
            .zip(&self.fields)
            .find(|(_, field)| field.name == name)
    }

    /// The mask of these fields; names that the type does not have grant nothing.
    pub fn mask<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> u64 {
        names
            .into_iter()
            .filter_map(|name| self.field(name))
            .fold(0, |mask, (bit, _)| mask | (1 << bit))
    }
}

/// Everything that may be named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    events: BTreeMap<EventType, EventShape>,
    views: BTreeMap<String, Purpose>,
    datasets: BTreeSet<String>,
    codes: BTreeMap<EventType, BTreeMap<String, BTreeSet<String>>>,
    law: Law,
}

impl Catalogue {
    /// A catalogue of these event types, with no views or datasets.
    pub fn new(events: impl IntoIterator<Item = EventShape>) -> Self {
        Self {
            events: events
                .into_iter()
                .map(|shape| (shape.event_type.clone(), shape))
                .collect(),
            ..Self::default()
        }
    }

    /// Adds a view with its purpose.
    #[must_use]
    pub fn with_view(mut self, name: &str, purpose: Purpose) -> Self {
        self.views.insert(name.to_owned(), purpose);
        self
    }

    /// Adds an open dataset (topic `open.<name>`).
    #[must_use]
    pub fn with_dataset(mut self, name: &str) -> Self {
        self.datasets.insert(name.to_owned());
        self
    }

    /// Says which codes a field may hold; a field without them may hold any text.
    #[must_use]
    pub fn with_codes(
        mut self,
        event_type: EventType,
        field: &str,
        codes: impl IntoIterator<Item = String>,
    ) -> Self {
        let fields = self.codes.entry(event_type).or_default();
        fields.insert(field.to_owned(), codes.into_iter().collect());
        self
    }

    /// Adds the law that proposals are checked against. Without it no gateway, role, organisation or field is known.
    #[must_use]
    pub fn with_law(mut self, law: Law) -> Self {
        self.law = law;
        self
    }

    /// The law that proposals are checked against.
    pub fn law(&self) -> &Law {
        &self.law
    }

    /// The codes of a field, `None` when it may hold any text.
    pub fn codes(&self, event_type: &EventType, field: &str) -> Option<&BTreeSet<String>> {
        self.codes.get(event_type)?.get(field)
    }

    /// The event type's shape.
    pub fn event(&self, event_type: &EventType) -> Option<&EventShape> {
        self.events.get(event_type)
    }

    /// Every event type, in the order of names.
    pub fn events(&self) -> impl Iterator<Item = &EventShape> {
        self.events.values()
    }

    /// The purpose of a view, `None` when there is no such view.
    pub fn view_purpose(&self, name: &str) -> Option<&Purpose> {
        self.views.get(name)
    }

    /// Every view with its purpose.
    pub fn views(&self) -> impl Iterator<Item = (&str, &Purpose)> {
        self.views
            .iter()
            .map(|(name, purpose)| (name.as_str(), purpose))
    }

    /// Whether there is an open dataset of that name.
    pub fn has_dataset(&self, name: &str) -> bool {
        self.datasets.contains(name)
    }
}

fn kind_of(avro: &Value) -> Option<FieldKind> {
    match avro {
        Value::String(name) => match name.as_str() {
            "boolean" => Some(FieldKind::Bool),
            "int" | "long" => Some(FieldKind::Integer),
            "string" => Some(FieldKind::Text),
            "bytes" => Some(FieldKind::Bytes),
            _ => None,
        },
        Value::Array(union) => {
            let mut others = union.iter().filter(|one| one.as_str() != Some("null"));
            let only = others.next()?;
            others.next().is_none().then(|| kind_of(only))?
        }
        Value::Object(object) => {
            let logical = object.get("logicalType").and_then(Value::as_str);
            match (logical, object.get("type").and_then(Value::as_str)?) {
                (Some("date"), "int") => Some(FieldKind::Day),
                (Some("timestamp-micros" | "timestamp-millis"), "long") => Some(FieldKind::Instant),
                (_, "array") => (object.get("items").and_then(kind_of) == Some(FieldKind::Text))
                    .then_some(FieldKind::TextList),
                (None, _) => kind_of(object.get("type")?),
                _ => None,
            }
        }
        _ => None,
    }
}
