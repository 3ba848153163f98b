//! Open datasets whose Avro schemas others made: what such a schema may be, and whether a body is exactly one record of it.
//!
//! A schema is registered without code: its text, with the dataset's name and with what it counts of people added as attributes (Avro lets a schema
//! carry them), is pinned like every schema. Bodies are walked over, never decoded: a length or a count that the body does not hold ends the walk before
//! anything is allocated.

use apache_avro::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;
use serde_json::{Map, Value};
use walbrook_domain::EventType;
use walbrook_proto::avro::{AvroEvent as _, AvroRecord as _};
use walbrook_proto::city::v1::OpenRecordPublished;

/// The largest schema text, in bytes.
pub const MOST_SCHEMA_BYTES: usize = 65_536;
/// The largest record, in bytes.
pub const MOST_RECORD_BYTES: usize = 65_536;
/// How deep types may stand inside one another.
pub const MOST_DEPTH: usize = 16;
/// Values of one record, items of lists and maps among them: some take no bytes at all.
const MOST_VALUES: usize = 65_536;
/// The fewest people that a published number may say.
const FEWEST_PEOPLE: i64 = 10;
/// The attribute that names the dataset.
const DATASET: &str = "walbrook.dataset";
/// The attribute that names the fields that count people.
const PEOPLE_COUNTS: &str = "walbrook.peopleCounts";
/// Names of our own records begin so.
const OURS: &str = "walbrook";

/// Whether a pinned schema is one that others made: our own records' names begin otherwise.
#[must_use]
pub fn is_foreign(full_name: &str) -> bool {
    !full_name.starts_with("walbrook.")
}

/// A schema that cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaFault(String);

/// A body that is not to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// It is larger than a record may be.
    #[error("the record is larger than 65,536 bytes")]
    TooLarge,
    /// It is not exactly one record of the schema.
    #[error("the bytes are not exactly one record of the schema")]
    NotOfSchema,
    /// A field that counts people says less than ten.
    #[error("a field that counts people says less than ten")]
    SmallNumber,
}

/// What stands in a body, as far as walking over it needs.
#[derive(Debug, Clone)]
enum Form {
    Null,
    Bool,
    Int,
    Long,
    Wide(usize),
    Bytes,
    Text,
    Enum(usize),
    List(Box<Form>),
    Map(Box<Form>),
    Union(Vec<Form>),
    Record(Vec<Form>),
}

/// The registered schema of a dataset.
#[derive(Debug, Clone)]
pub struct DatasetSchema {
    dataset: String,
    full_name: String,
    /// The fields at the top, and whether they count people.
    fields: Vec<(Form, bool)>,
}

/// The text that is registered for a dataset: the schema without layout, with the dataset's name and what it counts of people.
///
/// # Errors
/// Why the schema cannot be taken.
pub fn registered_text(
    dataset: &str,
    schema: &str,
    people_counts: &[String],
) -> Result<String, SchemaFault> {
    if schema.len() > MOST_SCHEMA_BYTES {
        return Err(fault("the schema has more than 65,536 bytes"));
    }
    let read: Map<String, Value> = serde_json::from_str(schema)
        .map_err(|_| fault("the schema is no JSON object: give the record itself"))?;
    let mut text = read;
    text.insert(DATASET.to_owned(), dataset.into());
    text.insert(PEOPLE_COUNTS.to_owned(), people_counts.into());
    let text = Value::Object(text).to_string();
    DatasetSchema::read(&text)?;
    Ok(text)
}

/// Checks that a schema reads, and is read by, every version before it (FULL_TRANSITIVE), as the registry will check again.
///
/// # Errors
/// When it does not.
pub fn compatible(text: &str, versions: &[String]) -> Result<(), SchemaFault> {
    let parse =
        |text: &str| Schema::parse_str(text).map_err(|_| fault("the schema is no Avro schema"));
    let new = parse(text)?;
    for version in versions {
        let old = parse(version)?;
        let both = SchemaCompatibility::can_read(&old, &new)
            .and_then(|()| SchemaCompatibility::can_read(&new, &old));
        if both.is_err() {
            return Err(fault(
                "a new version must read, and be read by, every version before it: add or take away only fields with a default",
            ));
        }
    }
    Ok(())
}

/// A record of others as its event carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The dataset it is of.
    pub dataset: String,
    /// SHA-256 of the registered text of its schema.
    pub schema_sha256: [u8; 32],
    /// Its body.
    pub record: Vec<u8>,
}

/// The record that an event carries, when it is one of those: it is released as it is, under its own schema.
pub fn carried(event_type: &EventType, body: &[u8]) -> Option<Carried> {
    if event_type.as_str() != OpenRecordPublished::EVENT_TYPE {
        return None;
    }
    let event = OpenRecordPublished::decode_exact(body).ok()?;
    Some(Carried {
        schema_sha256: digest(&event.schema_sha256)?,
        dataset: event.dataset,
        record: event.record,
    })
}

/// Writes records given as JSON with a registered schema, for whoever has no Avro at hand.
pub struct JsonWriter(Schema);

impl JsonWriter {
    /// A writer with a registered text.
    ///
    /// # Errors
    /// When it is no schema.
    pub fn new(text: &str) -> Result<Self, SchemaFault> {
        DatasetSchema::read(text)?;
        let schema = Schema::parse_str(text).map_err(|_| fault("the schema is no Avro schema"))?;
        Ok(Self(schema))
    }

    /// The body of a record; `None` when the value does not fit the schema.
    pub fn body(&self, record: &Value) -> Option<Vec<u8>> {
        let value = apache_avro::types::Value::from(record.clone());
        let fitted = value.resolve(&self.0).ok()?;
        apache_avro::to_avro_datum(&self.0, fitted).ok()
    }

    /// The body of a record given as text; `None` when it is no JSON or does not fit.
    pub fn body_of_text(&self, record: &str) -> Option<Vec<u8>> {
        self.body(&serde_json::from_str(record).ok()?)
    }
}

/// The name of the field that holds it: only who is granted that gets it.
pub const RECORD_FIELD: &str = "record";

/// A SHA-256 from its hexadecimal digits.
#[must_use]
pub fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}

impl DatasetSchema {
    /// Reads a registered text.
    ///
    /// # Errors
    /// When it is none: an own record of the backbone's, no record, a type that refers to itself or stands too deep, or a count that is no number.
    pub fn read(text: &str) -> Result<Self, SchemaFault> {
        let json: Value = serde_json::from_str(text).map_err(|_| fault("the schema is no JSON"))?;
        let dataset = json.get(DATASET).and_then(Value::as_str);
        let dataset = dataset.ok_or_else(|| fault("the schema names no dataset"))?;
        let named = json.get(PEOPLE_COUNTS).and_then(Value::as_array);
        let counts: Vec<&str> = named
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        shallow(&json, 0)?;
        let schema = Schema::parse_str(text).map_err(|_| {
            fault("the schema is no Avro schema, or names a type that is not in it")
        })?;
        let Schema::Record(record) = &schema else {
            return Err(fault("the schema is no record: open data are records"));
        };
        let full_name = record.name.fullname(None);
        if full_name == OURS || !is_foreign(&full_name) {
            return Err(fault(
                "names that begin with walbrook are the backbone's own",
            ));
        }
        let mut fields = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            let form = Form::of(&field.schema, 1)?;
            let counts_people = counts.contains(&field.name.as_str());
            if counts_people && !form.counts() {
                return Err(fault(
                    "a field that counts people is a whole number, or one that may be null: null is how a small number is suppressed",
                ));
            }
            fields.push((form, counts_people));
        }
        if fields.iter().filter(|(_, counts)| *counts).count() != counts.len() {
            return Err(fault(
                "a field that is said to count people is not at the top of the record",
            ));
        }
        Ok(Self {
            dataset: dataset.to_owned(),
            full_name,
            fields,
        })
    }

    /// The dataset it was registered for.
    #[must_use]
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// Full name of the record.
    #[must_use]
    pub fn full_name(&self) -> &str {
        &self.full_name
    }

    /// Checks that a body is exactly one record, and says no small number of people.
    ///
    /// # Errors
    /// Why it is not to be published.
    pub fn check(&self, body: &[u8]) -> Result<(), RecordFault> {
        if body.len() > MOST_RECORD_BYTES {
            return Err(RecordFault::TooLarge);
        }
        let (mut rest, mut left) = (body, MOST_VALUES);
        let mut small = false;
        for (form, counts_people) in &self.fields {
            let after = form
                .after(rest, &mut left)
                .ok_or(RecordFault::NotOfSchema)?;
            small |= *counts_people && form.number(rest).is_some_and(|said| said < FEWEST_PEOPLE);
            rest = after;
        }
        match (rest.is_empty(), small) {
            (false, _) => Err(RecordFault::NotOfSchema),
            (true, true) => Err(RecordFault::SmallNumber),
            (true, false) => Ok(()),
        }
    }
}

fn fault(problem: &str) -> SchemaFault {
    SchemaFault(problem.to_owned())
}

/// Refuses nesting before anything recursive reads the text.
fn shallow(json: &Value, depth: usize) -> Result<(), SchemaFault> {
    // A type inside a type takes an object and a list.
    if depth > 4 * MOST_DEPTH {
        return Err(fault("types stand more than 16 deep inside one another"));
    }
    match json {
        Value::Array(items) => items.iter().try_for_each(|item| shallow(item, depth + 1)),
        Value::Object(members) => members.values().try_for_each(|one| shallow(one, depth + 1)),
        _ => Ok(()),
    }
}

impl Form {
    fn of(schema: &Schema, depth: usize) -> Result<Self, SchemaFault> {
        if depth > MOST_DEPTH {
            return Err(fault("types stand more than 16 deep inside one another"));
        }
        let inner = |schema: &Schema| Form::of(schema, depth + 1);
        Ok(match schema {
            Schema::Null => Form::Null,
            Schema::Boolean => Form::Bool,
            Schema::Int | Schema::Date | Schema::TimeMillis => Form::Int,
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Form::Long,
            Schema::Float => Form::Wide(4),
            Schema::Double => Form::Wide(8),
            Schema::Duration => Form::Wide(12),
            Schema::Fixed(fixed) => Form::Wide(fixed.size),
            Schema::Bytes | Schema::BigDecimal => Form::Bytes,
            Schema::String | Schema::Uuid => Form::Text,
            Schema::Decimal(decimal) => inner(&decimal.inner)?,
            Schema::Enum(symbols) => Form::Enum(symbols.symbols.len()),
            Schema::Array(array) => Form::List(Box::new(inner(&array.items)?)),
            Schema::Map(map) => Form::Map(Box::new(inner(&map.types)?)),
            Schema::Union(union) => Form::Union(
                union
                    .variants()
                    .iter()
                    .map(inner)
                    .collect::<Result<_, _>>()?,
            ),
            Schema::Record(record) => {
                let fields = record.fields.iter().map(|field| inner(&field.schema));
                Form::Record(fields.collect::<Result<_, _>>()?)
            }
            Schema::Ref { .. } => {
                return Err(fault(
                    "a type is referred to by its name: write each type where it is used, and none inside itself",
                ));
            }
        })
    }

    fn counts(&self) -> bool {
        match self {
            Form::Int | Form::Long => true,
            Form::Union(parts) => parts
                .iter()
                .all(|part| matches!(part, Form::Null | Form::Int | Form::Long)),
            _ => false,
        }
    }

    /// The number at the start, where there is one.
    fn number(&self, input: &[u8]) -> Option<i64> {
        match self {
            Form::Int | Form::Long => Some(long(input)?.0),
            Form::Union(parts) => {
                let (branch, rest) = long(input)?;
                parts.get(usize::try_from(branch).ok()?)?.number(rest)
            }
            _ => None,
        }
    }

    /// What follows one value; `None` when there is none.
    fn after<'a>(&self, input: &'a [u8], left: &mut usize) -> Option<&'a [u8]> {
        *left = left.checked_sub(1)?;
        match self {
            Form::Null => Some(input),
            Form::Bool => match input.split_first()? {
                (0 | 1, rest) => Some(rest),
                _ => None,
            },
            Form::Int => long(input)
                .filter(|(number, _)| i32::try_from(*number).is_ok())
                .map(|(_, rest)| rest),
            Form::Long => long(input).map(|(_, rest)| rest),
            Form::Wide(size) => input.get(*size..),
            Form::Bytes => sized(input).map(|(_, rest)| rest),
            Form::Text => {
                let (text, rest) = sized(input)?;
                std::str::from_utf8(text).is_ok().then_some(rest)
            }
            Form::Enum(symbols) => {
                let (symbol, rest) = long(input)?;
                (usize::try_from(symbol).ok()? < *symbols).then_some(rest)
            }
            Form::List(item) => blocks(input, left, |rest, left| item.after(rest, left)),
            Form::Map(value) => blocks(input, left, |rest, left| {
                let (key, rest) = sized(rest)?;
                std::str::from_utf8(key).ok()?;
                value.after(rest, left)
            }),
            Form::Union(parts) => {
                let (branch, rest) = long(input)?;
                parts.get(usize::try_from(branch).ok()?)?.after(rest, left)
            }
            Form::Record(fields) => fields
                .iter()
                .try_fold(input, |rest, field| field.after(rest, left)),
        }
    }
}

/// Walks over the blocks of a list or map. A negative count is followed by the block's length in bytes, which must be right.
fn blocks<'a>(
    input: &'a [u8],
    left: &mut usize,
    item: impl Fn(&'a [u8], &mut usize) -> Option<&'a [u8]>,
) -> Option<&'a [u8]> {
    let mut rest = input;
    loop {
        let (count, after) = long(rest)?;
        rest = after;
        if count == 0 {
            return Some(rest);
        }
        let ends_with = match count {
            ..0 => {
                let (bytes, after) = long(rest)?;
                rest = after;
                Some(rest.len().checked_sub(usize::try_from(bytes).ok()?)?)
            }
            _ => None,
        };
        for _ in 0..count.unsigned_abs() {
            rest = item(rest, left)?;
        }
        if ends_with.is_some_and(|left| left != rest.len()) {
            return None;
        }
    }
}

fn long(input: &[u8]) -> Option<(i64, &[u8])> {
    let mut zigzag = 0_u64;
    for (place, byte) in input.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has one bit left.
        if place == 9 && bits > 1 {
            return None;
        }
        zigzag |= bits << (7 * place);
        if byte & 0x80 == 0 {
            let number = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
            return Some((number, input.get(place + 1..)?));
        }
    }
    None
}

fn sized(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = long(input)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests;
