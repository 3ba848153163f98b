//! Conditions of a view: the predicates that agreements use, over an event's fields or over a row's outputs.

use crate::feature::Outputs;
use crate::known::Known;
use crate::united::{Event, bit};
use crate::value::{Value, kind_name};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use walbrook_domain::EventType;
use walbrook_policy::catalogue::{EventShape, FieldKind, FieldShape, SubjectKind};
use walbrook_policy::facts::{FieldValue, Fields};
use walbrook_policy::predicate::{Literal, Predicate, Verdict};

/// A condition, checked against what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    predicate: Predicate,
    /// The event's fields it reads, with their numbers; empty for one over outputs.
    numbers: BTreeMap<String, u8>,
}

impl Condition {
    /// Reads a condition over the fields of an event type.
    ///
    /// # Errors
    /// What is wrong with the text, a field or a type.
    pub fn over_event(text: &str, shape: &EventShape) -> Result<Self, String> {
        let predicate = Predicate::parse(text).map_err(|error| error.to_string())?;
        first_fault(&predicate, shape)?;
        let mut numbers = BTreeMap::new();
        for name in predicate.fields() {
            if let Some((number, _)) = shape.field(name)
                && let Ok(number) = u8::try_from(number)
            {
                numbers.insert(name.to_owned(), number);
            }
        }
        Ok(Self { predicate, numbers })
    }

    /// Reads a condition over outputs of features.
    ///
    /// # Errors
    /// What is wrong with the text, an output or a type.
    pub fn over_outputs(text: &str, outputs: &BTreeMap<String, FieldKind>) -> Result<Self, String> {
        let predicate = Predicate::parse(text).map_err(|error| error.to_string())?;
        let mut fields = Vec::new();
        for name in predicate.fields() {
            let kind = outputs
                .get(name)
                .ok_or_else(|| format!("{name}: there is no such output before this line"))?;
            fields.push(FieldShape {
                name: name.to_owned(),
                kind: *kind,
            });
        }
        let shape = EventShape {
            event_type: EventType::new("view.Row").map_err(|error| error.to_string())?,
            subject: SubjectKind::Person,
            fields,
        };
        first_fault(&predicate, &shape)?;
        Ok(Self {
            predicate,
            numbers: BTreeMap::new(),
        })
    }

    /// Its text; reads back to the same condition.
    pub fn text(&self) -> String {
        self.predicate.to_string()
    }

    /// The numbers of the event's fields it reads.
    pub fn fields(&self) -> Vec<u8> {
        self.numbers.values().copied().collect()
    }

    /// The names it reads: fields of the event, or outputs of features.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.predicate.fields().into_iter()
    }

    /// What it compares each name with.
    pub(crate) fn literals(&self) -> Vec<(&str, &Literal)> {
        let mut literals = Vec::new();
        literals_into(&self.predicate, &mut literals);
        literals
    }

    /// Whether it holds for an event. What is not granted or not there never makes it hold.
    pub fn holds_for(&self, event: &Event) -> bool {
        let fields = EventFields {
            event,
            numbers: &self.numbers,
        };
        self.predicate.evaluate(&fields) == Verdict::True
    }

    /// Whether it holds over outputs, as a flag: not known where what it rests on is not known.
    pub fn flag_over(&self, outputs: &Outputs) -> Known {
        match self.predicate.evaluate(&OutputFields(outputs)) {
            Verdict::True => Known::Value(Value::Bool(true)),
            Verdict::False => Known::Value(Value::Bool(false)),
            Verdict::Failed => self
                .predicate
                .fields()
                .into_iter()
                .filter_map(|name| outputs.get(name))
                .find(|known| matches!(known, Known::NotKnown(_) | Known::Withheld(_)))
                .cloned()
                .unwrap_or(Known::Value(Value::Bool(false))),
        }
    }

    /// Whether it holds over what is known by name. What is not known never makes it hold.
    pub fn holds_by<'k>(&self, known: impl Fn(&str) -> Option<&'k Known>) -> bool {
        self.predicate.evaluate(&NamedFields(known, PhantomData)) == Verdict::True
    }

    /// Whether it holds over outputs. What is not known never makes it hold.
    pub fn holds_over(&self, outputs: &Outputs) -> bool {
        self.predicate.evaluate(&OutputFields(outputs)) == Verdict::True
    }
}

fn literals_into<'a>(predicate: &'a Predicate, into: &mut Vec<(&'a str, &'a Literal)>) {
    match predicate {
        Predicate::All(parts) | Predicate::Any(parts) => {
            for part in parts {
                literals_into(part, into);
            }
        }
        Predicate::Not(inner) => literals_into(inner, into),
        Predicate::Compare { field, literal, .. } => into.push((field, literal)),
        Predicate::In { field, literals } => {
            into.extend(literals.iter().map(|literal| (field.as_str(), literal)));
        }
        Predicate::Has { .. } | Predicate::Present { .. } => {}
    }
}

fn first_fault(predicate: &Predicate, shape: &EventShape) -> Result<(), String> {
    match predicate.check(shape).into_iter().next() {
        None => Ok(()),
        Some(fault) => {
            let kind = shape.field(&fault.field).map(|(_, field)| field.kind);
            let kind = kind.map_or(String::new(), |kind| {
                format!(" (it is a {})", kind_name(kind))
            });
            Err(format!("{fault}{kind}"))
        }
    }
}

fn field_value(value: &Value) -> FieldValue<'_> {
    match value {
        Value::Bool(flag) => FieldValue::Bool(*flag),
        Value::Int(number) => FieldValue::Integer(*number),
        Value::Text(text) => FieldValue::Text(text),
        Value::Day(day) => FieldValue::Day(*day),
        Value::Instant(at) => FieldValue::Instant(*at),
        Value::Texts(texts) => FieldValue::TextList(texts.iter().map(AsRef::as_ref).collect()),
    }
}

struct EventFields<'a> {
    event: &'a Event,
    numbers: &'a BTreeMap<String, u8>,
}

impl Fields for EventFields<'_> {
    fn value(&self, name: &str) -> FieldValue<'_> {
        match self.numbers.get(name) {
            Some(number) if bit(self.event.granted, *number) => self
                .event
                .field(*number)
                .map_or(FieldValue::Absent, field_value),
            _ => FieldValue::Missing,
        }
    }
}

struct OutputFields<'a>(&'a Outputs);

impl Fields for OutputFields<'_> {
    fn value(&self, name: &str) -> FieldValue<'_> {
        known_value(self.0.get(name))
    }
}

struct NamedFields<'k, F>(F, PhantomData<&'k Known>);

impl<'k, F: Fn(&str) -> Option<&'k Known>> Fields for NamedFields<'k, F> {
    fn value(&self, name: &str) -> FieldValue<'_> {
        known_value((self.0)(name))
    }
}

fn known_value(known: Option<&Known>) -> FieldValue<'_> {
    match known {
        Some(Known::Value(value)) => field_value(value),
        Some(Known::Nothing) => FieldValue::Absent,
        _ => FieldValue::Missing,
    }
}
