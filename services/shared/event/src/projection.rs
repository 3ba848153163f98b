//! Projection: from a raw body to the body that an agreement's grant leaves of it.
//!
//! Decode, edit, encode: the plain way, and the reference that a faster program is to be tested against. The broker writes with it and the
//! auditor derives the same bytes again, so it lives beside both.

use crate::body::{self, BodyError};
use apache_avro::Schema;
use apache_avro::types::Value;
use walbrook_domain::{Instant, Precision};

/// A raw schema and its shared form could not be paired, or a body could not be projected.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// One of the two schemas is not an Avro record schema.
    #[error(
        "the {which} schema cannot be used: {problem}; the pins must name frozen schemas of an event type"
    )]
    Schema {
        /// `raw` or `shared`.
        which: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A field of the shared schema does not pair with one of the raw schema.
    #[error("field `{field}` of the shared schema does not pair with the raw schema: {problem}")]
    Pairing {
        /// The field's name.
        field: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The raw body is not a whole record of its schema.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The edited record could not be written. Never says which value.
    #[error("the shared body cannot be written with the shared schema")]
    Encode,
}

/// Where a field of the shared record comes from.
#[derive(Debug, Clone, Copy)]
struct Source {
    /// The field's place in the raw record, which is its bit in a field mask.
    raw: usize,
    /// The raw field is itself a union with null.
    nullable: bool,
}

/// A raw schema paired with its shared form: projects bodies.
#[derive(Debug)]
pub struct Projection {
    raw: Schema,
    shared: Schema,
    sources: Vec<(String, Source)>,
}

impl Projection {
    /// Pairs the two schema texts. Every field of the shared record is `["null", T]`, where the raw record's field of the same name is `T` or
    /// `["null", T]`.
    ///
    /// # Errors
    /// When a text is no record schema or the two do not pair.
    pub fn new(raw_text: &str, shared_text: &str) -> Result<Self, ProjectionError> {
        let raw = parse("raw", raw_text)?;
        let shared = parse("shared", shared_text)?;
        let sources = pair(&raw, &shared)?;
        Ok(Self {
            raw,
            shared,
            sources,
        })
    }

    /// The field names in schema order: bit `i` of a mask is field `i` of the raw record.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        body::record_fields(&self.raw).map(|field| field.name.as_str())
    }

    /// The mask that grants every field.
    pub fn all_fields(&self) -> u64 {
        let count = self.fields().count();
        if count >= 64 {
            u64::MAX
        } else {
            (1 << count) - 1
        }
    }

    /// The raw body's fields as plain values, in schema order.
    ///
    /// # Errors
    /// When the body is not exactly one record of the raw schema.
    pub fn read(&self, raw_body: &[u8]) -> Result<Vec<body::FieldValue>, BodyError> {
        body::read(&self.raw, raw_body)
    }

    /// The body to share: fields outside `mask` null, instants cut to `precision`.
    ///
    /// # Errors
    /// When the raw body is not exactly one record of the raw schema.
    pub fn project(
        &self,
        raw_body: &[u8],
        mask: u64,
        precision: Precision,
    ) -> Result<Vec<u8>, ProjectionError> {
        let mut values = body::decode(&self.raw, raw_body)?;
        let mut fields = Vec::with_capacity(self.sources.len());
        for (name, source) in &self.sources {
            let granted = source.raw < 64 && mask & (1 << source.raw) != 0;
            let value = match values.get_mut(source.raw) {
                Some(value) if granted => std::mem::replace(value, Value::Null),
                _ => Value::Null,
            };
            fields.push((name.clone(), shared_value(value, *source, precision)));
        }
        apache_avro::to_avro_datum(&self.shared, Value::Record(fields))
            .map_err(|_| ProjectionError::Encode)
    }
}

fn parse(which: &'static str, text: &str) -> Result<Schema, ProjectionError> {
    let schema = Schema::parse_str(text).map_err(|error| ProjectionError::Schema {
        which,
        problem: error.to_string(),
    })?;
    match schema {
        Schema::Record(_) => Ok(schema),
        _ => Err(ProjectionError::Schema {
            which,
            problem: "it is no record".to_owned(),
        }),
    }
}

fn pair(raw: &Schema, shared: &Schema) -> Result<Vec<(String, Source)>, ProjectionError> {
    let raw_fields: Vec<_> = body::record_fields(raw).collect();
    let mut sources = Vec::new();
    for field in body::record_fields(shared) {
        let fault = |problem| ProjectionError::Pairing {
            field: field.name.clone(),
            problem,
        };
        let inner = nullable(&field.schema)
            .ok_or_else(|| fault("it is not a union of null and one type"))?;
        let found = raw_fields
            .iter()
            .position(|candidate| candidate.name == field.name);
        let at = found.ok_or_else(|| fault("there is no raw field of that name"))?;
        let raw_schema = raw_fields.get(at).map(|candidate| &candidate.schema);
        let raw_inner = raw_schema.and_then(nullable);
        if raw_inner
            .or(raw_schema)
            .is_none_or(|candidate| candidate != inner)
        {
            return Err(fault("its type is not the raw field's"));
        }
        sources.push((
            field.name.clone(),
            Source {
                raw: at,
                nullable: raw_inner.is_some(),
            },
        ));
    }
    if sources.len() != raw_fields.len() {
        return Err(ProjectionError::Schema {
            which: "shared",
            problem: "it has fewer fields than the raw schema".to_owned(),
        });
    }
    Ok(sources)
}

/// The type of `["null", T]`.
fn nullable(schema: &Schema) -> Option<&Schema> {
    match schema {
        Schema::Union(union) => match union.variants() {
            [Schema::Null, inner] => Some(inner),
            _ => None,
        },
        _ => None,
    }
}

fn shared_value(value: Value, source: Source, precision: Precision) -> Value {
    match value {
        Value::Null => Value::Union(0, Box::new(Value::Null)),
        // A raw union carries the branch that the shared union has too.
        value @ Value::Union(..) if source.nullable => cut(value, precision),
        value => Value::Union(1, Box::new(cut(value, precision))),
    }
}

/// Cuts every instant inside a value, however deep, to the precision.
fn cut(value: Value, precision: Precision) -> Value {
    match value {
        Value::TimestampMicros(micros) => {
            Value::TimestampMicros(Instant(micros).truncated(precision).micros())
        }
        Value::Union(branch, inner) => Value::Union(branch, Box::new(cut(*inner, precision))),
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| cut(item, precision)).collect())
        }
        Value::Record(fields) => Value::Record(
            fields
                .into_iter()
                .map(|(name, field)| (name, cut(field, precision)))
                .collect(),
        ),
        other => other,
    }
}
