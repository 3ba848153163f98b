//! Avro schema texts: one line, keys in the order of the parsing canonical
//! form (name, type, fields, items), with logical types and defaults kept,
//! because readers need them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Field, Record, Shape, Type};

/// The records by full name.
pub type Records = BTreeMap<String, Record>;

/// The schema of a raw record.
pub fn raw(record: &Record, records: &Records) -> String {
    definition(
        &record.full_name,
        record,
        records,
        false,
        &mut BTreeSet::new(),
    )
}

/// The schema of the shared form, in which every field may be null.
pub fn shared(record: &Record, records: &Records) -> String {
    definition(
        &shared_name(record),
        record,
        records,
        true,
        &mut BTreeSet::new(),
    )
}

/// The full name of the shared form: the same name, one namespace deeper.
pub fn shared_name(record: &Record) -> String {
    match record.full_name.rsplit_once('.') {
        Some((package, name)) => format!("{package}.shared.{name}"),
        None => format!("shared.{}", record.full_name),
    }
}

fn definition(
    name: &str,
    record: &Record,
    records: &Records,
    all_nullable: bool,
    named: &mut BTreeSet<String>,
) -> String {
    named.insert(name.to_owned());
    let mut fields = Vec::new();
    for field in &record.fields {
        let inner = one(field, records, named);
        let whole = match field.shape {
            Shape::Array => format!(r#"{{"type":"array","items":{inner}}}"#),
            _ => inner,
        };
        let name = &field.name;
        fields.push(if all_nullable || field.shape == Shape::Nullable {
            format!(r#"{{"name":"{name}","type":["null",{whole}],"default":null}}"#)
        } else {
            format!(r#"{{"name":"{name}","type":{whole}}}"#)
        });
    }
    format!(
        r#"{{"name":"{name}","type":"record","fields":[{}]}}"#,
        fields.join(",")
    )
}

fn one(field: &Field, records: &Records, named: &mut BTreeSet<String>) -> String {
    match &field.kind {
        Type::String | Type::Enum(_) => r#""string""#.to_owned(),
        Type::Bool => r#""boolean""#.to_owned(),
        Type::Int => r#""int""#.to_owned(),
        Type::Long => r#""long""#.to_owned(),
        Type::Bytes => r#""bytes""#.to_owned(),
        Type::Timestamp => r#"{"type":"long","logicalType":"timestamp-micros"}"#.to_owned(),
        Type::Date => r#"{"type":"int","logicalType":"date"}"#.to_owned(),
        Type::Record(name) => match records.get(name) {
            Some(record) if !named.contains(name) => {
                definition(name, record, records, false, named)
            }
            _ => format!(r#""{name}""#),
        },
    }
}
