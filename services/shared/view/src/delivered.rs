//! A row as it stands on an organisation's own topic: one flat Avro record, its schema made from the view file, so that a warehouse and stock tools
//! read it without us.
//!
//! Of each column that the role sees there are three fields: the value (null when there is none), `<column>_state` (`KNOWN`, `NONE`, `NOT_KNOWN`,
//! `WITHHELD`: an empty value alone would not say which) and `<column>_note` with the words of a cell without a value. Every field has a default,
//! so that a column may come and go and older schemas still read newer rows.

use crate::known::Known;
use crate::model::View;
use crate::order;
use crate::row::{Cell, Row};
use crate::value::Value;
use std::collections::BTreeSet;
use walbrook_domain::{AgreementId, AgreementVersion, Day, Instant};
use walbrook_policy::Catalogue;
use walbrook_policy::catalogue::FieldKind;

/// Why a view's rows cannot be delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Two fields of the record would have one name.
    #[error(
        "the view {view} cannot be delivered: two fields would be named {field}; rename the column in its file"
    )]
    Twice {
        /// The view.
        view: String,
        /// The field.
        field: String,
    },
    /// Avro takes letters, digits and underscores, and no digit first.
    #[error(
        "the view {view} cannot be delivered: {field} is no name for a field; rename it in its file"
    )]
    Name {
        /// The view.
        view: String,
        /// The name.
        field: String,
    },
}

/// What is said of a row beside the row.
#[derive(Debug, Clone, Copy)]
pub struct Stated<'a> {
    /// The instant it is stated for.
    pub at: Instant,
    /// The instant through which all grounds were known to be applied.
    pub through: Instant,
    /// The agreements that deliver it.
    pub agreements: &'a [(AgreementId, AgreementVersion)],
    /// The disclosure's id on `audit.reads`.
    pub read_id: &'a str,
    /// The last day on which any of it may be kept, if nothing new comes.
    pub keep_until: Option<Day>,
}

/// The form of a view's rows for one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    full_name: String,
    columns: Vec<(String, FieldKind)>,
    schema: String,
}

/// The namespace of the records' names.
const NAMESPACE: &str = "walbrook.view.rows";
const OWN: [&str; 12] = [
    "person",
    "points_hundredths",
    "band",
    "reasons",
    "disputed",
    "sources",
    "stated_at",
    "grounds_applied_through",
    "keep_until",
    "agreements",
    "read_id",
    "view",
];

/// The state of a cell.
pub const fn state(cell: &Cell) -> &'static str {
    match cell.known {
        Known::Value(_) => "KNOWN",
        Known::Nothing => "NONE",
        Known::NotKnown(_) => "NOT_KNOWN",
        Known::Withheld(_) => "WITHHELD",
    }
}

impl Shape {
    /// The form for one role: only the columns that it sees.
    ///
    /// # Errors
    /// When names in the file would not do as names of fields.
    pub fn new(view: &View, role: &str, catalogue: &Catalogue) -> Result<Self, ShapeError> {
        let kinds = order::columns(view, catalogue);
        let seen = view.visibility.of(role);
        let shown = view.columns.iter().enumerate();
        let columns: Vec<(String, FieldKind)> = shown
            .filter(|(at, _)| seen.column(*at))
            .map(|(_, column)| {
                let kind = kinds.get(&column.output).copied();
                (column.output.clone(), kind.unwrap_or(FieldKind::Text))
            })
            .collect();
        let mut names: BTreeSet<String> = OWN.iter().map(|name| (*name).to_owned()).collect();
        is_name(view, &view.name)?;
        for (column, _) in &columns {
            is_name(view, column)?;
            for name in [
                column.clone(),
                format!("{column}_state"),
                format!("{column}_note"),
            ] {
                if !names.insert(name.clone()) {
                    return Err(ShapeError::Twice {
                        view: view.name.clone(),
                        field: name,
                    });
                }
            }
        }
        let schema = schema(view, &columns);
        Ok(Self {
            full_name: format!("{NAMESPACE}.{}", view.name),
            columns,
            schema,
        })
    }

    /// The record's full name.
    pub fn full_name(&self) -> &str {
        &self.full_name
    }

    /// The schema, in the one form in which it is registered.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// A row as the body of a record: the same bytes for the same row and statement.
    pub fn body(&self, row: &Row, stated: &Stated<'_>) -> Vec<u8> {
        let mut out = Body(Vec::with_capacity(1_024));
        out.text(&hex::encode(row.pseudonym.as_bytes()));
        for (column, kind) in &self.columns {
            let cell = row.cells.iter().find(|cell| cell.column == *column);
            let value = cell.and_then(|cell| cell.known.value());
            out.option(value.filter(|value| value.kind() == *kind), |out, value| {
                out.value(value)
            });
            out.option(cell.map(state), |out, state| out.text(state));
            out.option(cell.and_then(|cell| cell.known.words()), |out, words| {
                out.text(&words);
            });
        }
        out.option(Some(row.points_hundredths), |out, points| out.long(points));
        let band = Some(row.band.as_str()).filter(|band| !band.is_empty());
        out.option(band, |out, band| out.text(band));
        out.array(&row.reasons, |out, reason| {
            out.text(&reason.rule_id);
            out.text(&reason.sentence);
            out.long(reason.points_hundredths);
        });
        let disputed: Vec<&Cell> = row.cells.iter().filter(|cell| cell.disputed).collect();
        out.array(&disputed, |out, cell| out.text(&cell.column));
        out.array(&row.sources, |out, source| {
            out.text(source.event_type.as_str());
            out.option(source.source.as_deref(), |out, source| out.text(source));
            out.option(source.last_heard_on, |out, day| out.day(day));
            out.text(&source.statement);
        });
        out.option(Some(stated.at), |out, at| out.long(at.micros()));
        out.option(Some(stated.through), |out, at| out.long(at.micros()));
        out.option(stated.keep_until, |out, day| out.day(day));
        out.array(stated.agreements, |out, (id, version)| {
            out.text(&format!("{id}@{}", version.0));
        });
        out.option(Some(stated.read_id), |out, id| out.text(id));
        out.0
    }
}

fn is_name(view: &View, name: &str) -> Result<(), ShapeError> {
    let mut bytes = name.bytes();
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let fits = bytes.next().is_some_and(first)
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    fits.then_some(()).ok_or_else(|| ShapeError::Name {
        view: view.name.clone(),
        field: name.to_owned(),
    })
}

const DAY: &str = r#"{"type":"int","logicalType":"date"}"#;
const INSTANT: &str = r#"{"type":"long","logicalType":"timestamp-micros"}"#;
const TEXTS: &str = r#"{"type":"array","items":"string"}"#;

const fn kind(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Bool => r#""boolean""#,
        FieldKind::Integer => r#""long""#,
        FieldKind::Text => r#""string""#,
        FieldKind::Day => DAY,
        FieldKind::Instant => INSTANT,
        FieldKind::TextList => TEXTS,
        FieldKind::Bytes => r#""bytes""#,
    }
}

/// JSON of a text: written by hand where everything else is, so that no setting of a library moves a field.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn field(name: &str, of: &str, doc: &str) -> String {
    let doc = quoted(doc);
    format!(r#"{{"name":"{name}","type":["null",{of}],"default":null,"doc":{doc}}}"#)
}

fn list(name: &str, of: &str, doc: &str) -> String {
    let (of, doc) = (format!(r#"{{"type":"array","items":{of}}}"#), quoted(doc));
    format!(r#"{{"name":"{name}","type":{of},"default":[],"doc":{doc}}}"#)
}

fn schema(view: &View, columns: &[(String, FieldKind)]) -> String {
    let text = r#""string""#;
    let mut fields = vec![format!(
        r#"{{"name":"person","type":"string","default":"","doc":{}}}"#,
        quoted("Pseudonym of the person under this purpose, in hex: the record's key.")
    )];
    for (name, of) in columns {
        let column = view.columns.iter().find(|column| column.output == *name);
        let doc = column.map_or_else(String::new, |column| {
            format!("{}. {}", column.label, column.meaning)
        });
        fields.push(field(name, kind(*of), &doc));
        let state =
            "KNOWN, NONE (the sources were heard and there is nothing), NOT_KNOWN or WITHHELD.";
        fields.push(field(&format!("{name}_state"), text, state));
        let note = "In words: since when it is not known, or whom to ask.";
        fields.push(field(&format!("{name}_note"), text, note));
    }
    let points = "Sum of the reasons' points, hundredths. It decides nothing.";
    fields.push(field("points_hundredths", r#""long""#, points));
    fields.push(field("band", text, "The band of that sum."));
    let of = |name: &str, fields: &str| {
        format!(
            r#"{{"type":"record","name":"{name}","namespace":"{NAMESPACE}.{}","fields":[{fields}]}}"#,
            view.name
        )
    };
    let reason = of(
        "Reason",
        r#"{"name":"rule_id","type":"string"},{"name":"sentence","type":"string"},{"name":"points_hundredths","type":"long"}"#,
    );
    fields.push(list("reasons", &reason, "The rules that apply."));
    let disputed = "Columns of which somebody says that they are of another person or wrong, not answered yet.";
    fields.push(list("disputed", text, disputed));
    let source = of(
        "Source",
        &format!(
            r#"{{"name":"event_type","type":"string"}},{{"name":"source","type":["null","string"],"default":null}},{{"name":"last_heard_on","type":["null",{DAY}],"default":null}},{{"name":"statement","type":"string"}}"#
        ),
    );
    let sources = "How each source stands, and the last day it was heard.";
    fields.push(list("sources", &source, sources));
    let at = "The instant the row is stated for.";
    fields.push(field("stated_at", INSTANT, at));
    let through = "Every withdrawal and objection up to this instant is in the row.";
    fields.push(field("grounds_applied_through", INSTANT, through));
    let until =
        "The last day on which any of it may be kept, if nothing new comes: a tombstone follows.";
    fields.push(field("keep_until", DAY, until));
    let under = "The agreements that deliver it, as id@version.";
    fields.push(list("agreements", text, under));
    let read = "The disclosure's id in the audit log.";
    fields.push(field("read_id", text, read));
    format!(
        r#"{{"type":"record","name":"{}","namespace":"{NAMESPACE}","doc":{},"fields":[{}]}}"#,
        view.name,
        quoted(&view.title),
        fields.join(",")
    )
}

/// Avro's binary encoding, as far as these records need it.
struct Body(Vec<u8>);

impl Body {
    fn long(&mut self, value: i64) {
        let mut rest = (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned();
        while rest >= 0x80 {
            self.0.push(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
            rest >>= 7;
        }
        self.0.push(u8::try_from(rest).unwrap_or(0));
    }

    fn text(&mut self, text: &str) {
        self.long(i64::try_from(text.len()).unwrap_or(i64::MAX));
        self.0.extend_from_slice(text.as_bytes());
    }

    fn day(&mut self, day: Day) {
        self.long(day.0.into());
    }

    /// A union with null first.
    fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.long(0),
            Some(value) => {
                self.long(1);
                put(self, value);
            }
        }
    }

    fn array<T>(&mut self, items: &[T], mut put: impl FnMut(&mut Self, &T)) {
        if !items.is_empty() {
            self.long(i64::try_from(items.len()).unwrap_or(i64::MAX));
            for item in items {
                put(self, item);
            }
        }
        self.long(0);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Bool(value) => self.0.push(u8::from(*value)),
            Value::Int(value) => self.long(*value),
            Value::Text(text) => self.text(text),
            Value::Day(day) => self.day(*day),
            Value::Instant(at) => self.long(at.micros()),
            Value::Texts(texts) => self.array(texts, |out, text| out.text(text)),
        }
    }
}
