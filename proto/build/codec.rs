//! The Rust text of the codecs and of the table of all records.

use std::fmt::{Error, Write};

use crate::model::{Event, Field, Record, Shape, Type};
use crate::schema::{self, Records};

const KEYWORDS: [&str; 24] = [
    "as", "async", "await", "box", "break", "const", "continue", "dyn", "else", "enum", "fn",
    "for", "if", "impl", "in", "loop", "match", "mod", "move", "ref", "static", "type", "use",
    "where",
];

/// The whole generated file.
pub fn write(records: &Records) -> Result<String, Error> {
    let mut out = String::new();
    for record in records.values() {
        value_impl(&mut out, record)?;
        record_impl(&mut out, record, records)?;
        if let Some(event) = &record.event {
            event_impl(&mut out, record, event, records)?;
        }
    }
    table(&mut out, records)?;
    Ok(out)
}

fn value_impl(out: &mut String, record: &Record) -> Result<(), Error> {
    let path = path(&record.full_name);
    writeln!(out, "impl AvroValue for {path} {{")?;
    writeln!(
        out,
        "    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {{"
    )?;
    for field in &record.fields {
        let (put, at) = (put(field), at(record, field));
        writeln!(out, "        {put}.map_err(|e| e.at({at}))?;")?;
    }
    writeln!(out, "        Ok(())\n    }}")?;
    writeln!(
        out,
        "    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {{\n        Ok(Self {{"
    )?;
    for field in &record.fields {
        let (name, take, at) = (rust_name(&field.name), take(field), at(record, field));
        writeln!(out, "            {name}: {take}.map_err(|e| e.at({at}))?,")?;
    }
    writeln!(out, "        }})\n    }}\n}}")
}

fn put(field: &Field) -> String {
    let name = rust_name(&field.name);
    match (&field.kind, &field.shape) {
        (Type::Enum(names), Shape::Plain) => {
            format!("avro::put_enum(self.{name}, {}, out)", pairs(names))
        }
        (Type::Enum(names), Shape::Array) => {
            format!("avro::put_enums(&self.{name}, {}, out)", pairs(names))
        }
        (Type::Enum(names), _) => {
            format!("avro::put_enum_option(self.{name}, {}, out)", pairs(names))
        }
        (_, Shape::Array) => format!("avro::put_array(&self.{name}, out)"),
        (_, Shape::Required) => format!("avro::put_required(&self.{name}, out)"),
        _ => format!("AvroValue::put(&self.{name}, out)"),
    }
}

fn take(field: &Field) -> String {
    match (&field.kind, &field.shape) {
        (Type::Enum(names), Shape::Plain) => format!("avro::take_enum({}, input)", pairs(names)),
        (Type::Enum(names), Shape::Array) => format!("avro::take_enums({}, input)", pairs(names)),
        (Type::Enum(names), _) => format!("avro::take_enum_option({}, input)", pairs(names)),
        (_, Shape::Array) => "avro::take_array(input)".to_owned(),
        (_, Shape::Required) => "AvroValue::take(input).map(Some)".to_owned(),
        _ => "AvroValue::take(input)".to_owned(),
    }
}

fn record_impl(out: &mut String, record: &Record, records: &Records) -> Result<(), Error> {
    writeln!(out, "impl AvroRecord for {} {{", path(&record.full_name))?;
    writeln!(
        out,
        "    const FULL_NAME: &'static str = {:?};",
        record.full_name
    )?;
    writeln!(
        out,
        "    const SCHEMA: &'static str = {:?};",
        schema::raw(record, records)
    )?;
    let names: Vec<_> = record
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    writeln!(
        out,
        "    const FIELDS: &'static [&'static str] = &{names:?};\n}}"
    )
}

fn event_impl(
    out: &mut String,
    record: &Record,
    event: &Event,
    records: &Records,
) -> Result<(), Error> {
    writeln!(out, "impl AvroEvent for {} {{", path(&record.full_name))?;
    writeln!(
        out,
        "    const EVENT_TYPE: &'static str = {:?};",
        event.event_type
    )?;
    writeln!(out, "    const AGENCY: &'static str = {:?};", event.agency)?;
    writeln!(
        out,
        "    const SUBJECT: SubjectOf = SubjectOf::{};",
        event.subject
    )?;
    writeln!(
        out,
        "    const SHARED_NAME: &'static str = {:?};",
        schema::shared_name(record)
    )?;
    writeln!(
        out,
        "    const SHARED_SCHEMA: &'static str = {:?};",
        schema::shared(record, records)
    )?;
    let key = match &event.key {
        Some(name) => format!("Some(self.{}.as_str())", rust_name(name)),
        None => "None".to_owned(),
    };
    writeln!(out, "    fn open_key(&self) -> Option<&str> {{ {key} }}")?;
    writeln!(
        out,
        "    fn each_value<'a>(&'a self, visit: &mut dyn FnMut(&'static str, Leaf<'a>)) {{"
    )?;
    for field in &record.fields {
        visits(out, field)?;
    }
    writeln!(out, "        let _ = visit;\n    }}")?;
    withheld(out, record)?;
    writeln!(out, "}}")
}

/// The event without the fields that say where somebody is; the trait's own answer where a type has none.
fn withheld(out: &mut String, record: &Record) -> Result<(), Error> {
    let locating: Vec<_> = record.fields.iter().filter(|f| f.locates).collect();
    if locating.is_empty() {
        return Ok(());
    }
    let mut set = Vec::new();
    let mut clear = String::new();
    for field in locating {
        let name = rust_name(&field.name);
        if field.shape == Shape::Array {
            set.push(format!("!self.{name}.is_empty()"));
            write!(clear, " event.{name}.clear();")?;
        } else {
            set.push(format!("self.{name}.is_some()"));
            write!(clear, " event.{name} = None;")?;
        }
    }
    let set = set.join(" || ");
    writeln!(
        out,
        "    fn without_whereabouts(&self) -> Option<Self> {{\n        if !({set}) {{ return None; }}\n        let mut event = self.clone();\n       {clear}\n        Some(event)\n    }}"
    )
}

/// One field's part of `each_value`.
fn visits(out: &mut String, field: &Field) -> Result<(), Error> {
    let (proto, name) = (&field.name, rust_name(&field.name));
    let leaf = match (&field.kind, &field.codes) {
        (Type::String, Some(list)) => format!("Leaf::Code {{ list: {list:?}, value }}"),
        (Type::String, None) => "Leaf::Text(value)".to_owned(),
        (Type::Date, _) => "Leaf::Date(value)".to_owned(),
        (Type::Timestamp, _) => "Leaf::Instant(value)".to_owned(),
        _ => return Ok(()),
    };
    let some = format!("if let Some(value) = &self.{name} {{ visit({proto:?}, {leaf}); }}");
    let missing = format!("visit({proto:?}, Leaf::Missing);");
    match &field.shape {
        Shape::Array => writeln!(
            out,
            "        for value in &self.{name} {{ visit({proto:?}, {leaf}); }}"
        ),
        Shape::Plain => writeln!(
            out,
            "        let value = &self.{name};\n        if value.is_empty() {{ {missing} }} else {{ visit({proto:?}, {leaf}); }}"
        ),
        Shape::Required => writeln!(out, "        {some} else {{ {missing} }}"),
        Shape::Nullable => writeln!(out, "        {some}"),
    }
}

fn table(out: &mut String, records: &Records) -> Result<(), Error> {
    writeln!(out, "pub(crate) static RECORDS: &[RecordInfo] = &[")?;
    for record in records.values().filter(|record| record.marked) {
        let path = path(&record.full_name);
        writeln!(out, "    RecordInfo {{")?;
        writeln!(out, "        full_name: <{path} as AvroRecord>::FULL_NAME,")?;
        writeln!(out, "        schema: <{path} as AvroRecord>::SCHEMA,")?;
        writeln!(out, "        fields: <{path} as AvroRecord>::FIELDS,")?;
        writeln!(out, "        version: {},", record.version)?;
        writeln!(out, "        recode: recode::<{path}>,")?;
        let Some(event) = &record.event else {
            writeln!(out, "        event: None,\n    }},")?;
            continue;
        };
        writeln!(out, "        event: Some(EventInfo {{")?;
        writeln!(
            out,
            "            event_type: <{path} as AvroEvent>::EVENT_TYPE,"
        )?;
        writeln!(out, "            agency: <{path} as AvroEvent>::AGENCY,")?;
        writeln!(out, "            subject: <{path} as AvroEvent>::SUBJECT,")?;
        writeln!(
            out,
            "            shared_name: <{path} as AvroEvent>::SHARED_NAME,"
        )?;
        writeln!(
            out,
            "            shared_schema: <{path} as AvroEvent>::SHARED_SCHEMA,"
        )?;
        let codes: Vec<_> = record
            .fields
            .iter()
            .filter_map(|f| Some((&f.name, f.codes.as_ref()?)))
            .collect();
        writeln!(out, "            codes: &{codes:?},")?;
        let key = &event.key;
        writeln!(out, "            key: {key:?},")?;
        writeln!(out, "        }}),\n    }},")?;
    }
    writeln!(out, "];")?;
    writeln!(out, "pub(crate) static ENUMS: &[EnumField] = &[")?;
    for record in records.values() {
        for field in &record.fields {
            if let Type::Enum(names) = &field.kind {
                let names: Vec<_> = names.iter().map(|(_, name)| name).collect();
                let (full, name) = (&record.full_name, &field.name);
                writeln!(
                    out,
                    "    EnumField {{ record: {full:?}, field: {name:?}, names: &{names:?} }},"
                )?;
            }
        }
    }
    writeln!(out, "];")
}

fn pairs(names: &[(i32, String)]) -> String {
    format!("&{names:?}")
}

fn at(record: &Record, field: &Field) -> String {
    format!("{:?}", format!("{}.{}", record.full_name, field.name))
}

/// `walbrook.police.v1.MissingEpisode` as a path of this crate.
fn path(full_name: &str) -> String {
    let inner = full_name.strip_prefix("walbrook.").unwrap_or(full_name);
    format!("crate::{}", inner.replace('.', "::"))
}

fn rust_name(name: &str) -> String {
    if KEYWORDS.contains(&name) {
        format!("r#{name}")
    } else {
        name.to_owned()
    }
}
