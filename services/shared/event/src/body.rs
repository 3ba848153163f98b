//! Avro bodies as plain values, read with the schema they were written with.

use crate::extent;
use apache_avro::Schema;
use apache_avro::schema::RecordField;
use apache_avro::types::Value;
use walbrook_domain::{Day, Instant};

/// A body that is not exactly one record of its schema. Never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The bytes end too soon or cannot be values of the schema's types.
    #[error("the body is truncated or is no record of its schema")]
    Unreadable,
    /// Bytes are left over.
    #[error("{left} bytes follow the record")]
    Trailing {
        /// How many.
        left: usize,
    },
}

/// A field's value as conditions and features see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// Absent.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number (`int` or `long`).
    Int(i64),
    /// Text or a code.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A calendar date.
    Date(Day),
    /// An instant, µs UTC.
    Instant(Instant),
    /// A list.
    List(Vec<FieldValue>),
    /// A record within the record, in schema order.
    Record(Vec<FieldValue>),
}

/// The fields of a record schema, in order; none for another schema.
pub(crate) fn record_fields(schema: &Schema) -> impl Iterator<Item = &RecordField> {
    let fields: &[RecordField] = match schema {
        Schema::Record(record) => &record.fields,
        _ => &[],
    };
    fields.iter()
}

/// Reads a body's fields as plain values, in schema order.
///
/// # Errors
/// When the body is not exactly one record of the schema.
pub fn read(schema: &Schema, bytes: &[u8]) -> Result<Vec<FieldValue>, BodyError> {
    decode(schema, bytes)?.into_iter().map(plain).collect()
}

/// Decodes a body into its fields, in schema order.
pub(crate) fn decode(schema: &Schema, mut bytes: &[u8]) -> Result<Vec<Value>, BodyError> {
    // The decoder reads a string or boolean that is cut off as null, and allocates what a length field asks for: so the extent is checked first.
    let left = extent::after(schema, bytes)
        .ok_or(BodyError::Unreadable)?
        .len();
    if left > 0 {
        return Err(BodyError::Trailing { left });
    }
    let value = apache_avro::from_avro_datum(schema, &mut bytes, None)
        .map_err(|_| BodyError::Unreadable)?;
    match value {
        Value::Record(fields) => Ok(fields.into_iter().map(|(_, value)| value).collect()),
        _ => Err(BodyError::Unreadable),
    }
}

fn plain(value: Value) -> Result<FieldValue, BodyError> {
    Ok(match value {
        Value::Null => FieldValue::Null,
        Value::Boolean(flag) => FieldValue::Bool(flag),
        Value::Int(number) => FieldValue::Int(number.into()),
        Value::Long(number) => FieldValue::Int(number),
        Value::String(text) | Value::Enum(_, text) => FieldValue::Text(text),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => FieldValue::Bytes(bytes),
        Value::Date(days) => FieldValue::Date(Day(days)),
        Value::TimestampMicros(micros) => FieldValue::Instant(Instant(micros)),
        Value::Union(_, inner) => plain(*inner)?,
        Value::Array(items) => {
            FieldValue::List(items.into_iter().map(plain).collect::<Result<_, _>>()?)
        }
        Value::Record(fields) => FieldValue::Record(
            fields
                .into_iter()
                .map(|(_, field)| plain(field))
                .collect::<Result<_, _>>()?,
        ),
        // No schema of ours has another type (floats and maps are banned there).
        _ => return Err(BodyError::Unreadable),
    })
}
