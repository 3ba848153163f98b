//! Projection: from a raw body to the body that an agreement's grant leaves of it.
//!
//! One pass finds where the fields lie ([`Layout`]); then each grant is a flat program of nulls, copies and cuts over the bytes. The
//! plain way, decode, edit, encode ([`Projection::project_plainly`]), is what it is tested against, and does the work for a body that could be
//! decoded but that no encoder writes. The broker writes with this and the auditor derives the same bytes again, so it lives beside both.

mod layout;
mod plain;
mod program;
mod quick;
mod shape;

use crate::body::{self, BodyError};
use apache_avro::Schema;
use program::Program;
use quick::Quick;
use shape::Shape;
use std::sync::OnceLock;
use walbrook_domain::Precision;

pub use layout::{FieldRef, Layout, Texts};

/// Programs kept for each schema. Grants are few; one more than this is compiled each time it is used.
const MOST_PROGRAMS: usize = 64;

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
    /// Types of the raw fields.
    shapes: Vec<(Quick, Shape)>,
    /// Filled from the front, never changed: asked for each release.
    programs: Box<[OnceLock<Program>]>,
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
        let shapes: Vec<(Quick, Shape)> = body::record_fields(&raw)
            .map(|field| Shape::of(&field.schema))
            .map(|shape| (Quick::of(&shape), shape))
            .collect();
        if shapes.len() > layout::MOST_FIELDS {
            return Err(ProjectionError::Schema {
                which: "raw",
                problem: "it has more than 64 fields".to_owned(),
            });
        }
        Ok(Self {
            raw,
            shared,
            sources,
            shapes,
            programs: (0..MOST_PROGRAMS).map(|_| OnceLock::new()).collect(),
        })
    }

    /// The field names in schema order: bit `i` of a mask is field `i` of the raw record.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        body::record_fields(&self.raw).map(|field| field.name.as_str())
    }

    /// The mask that grants every field.
    pub fn all_fields(&self) -> u64 {
        let count = self.shapes.len();
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

    /// Where the fields of a raw body lie.
    ///
    /// # Errors
    /// When the body is not exactly one record of the raw schema.
    pub fn layout(&self, raw_body: &[u8]) -> Result<Layout, BodyError> {
        Layout::find(&self.raw, &self.shapes, raw_body)
    }

    /// A raw field's value where it stands; `layout` is the body's.
    pub fn value<'a>(&self, raw_body: &'a [u8], layout: &Layout, field: usize) -> FieldRef<'a> {
        layout.value(&self.shapes, raw_body, field)
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
        let layout = self.layout(raw_body)?;
        let mut out = Vec::with_capacity(raw_body.len() + self.sources.len());
        self.project_into(raw_body, &layout, mask, precision, &mut out)?;
        Ok(out)
    }

    /// Appends the body to share to `out`. `layout` is the raw body's.
    ///
    /// # Errors
    /// When the layout is not that of the body.
    pub fn project_into(
        &self,
        raw_body: &[u8],
        layout: &Layout,
        mask: u64,
        precision: Precision,
        out: &mut Vec<u8>,
    ) -> Result<(), ProjectionError> {
        if !layout.canonical {
            out.extend(self.project_plainly(raw_body, mask, precision)?);
            return Ok(());
        }
        let mask = mask & self.all_fields();
        let made = || Program::compile(&self.sources, &self.shapes, mask, precision);
        for place in &self.programs {
            // Another thread may have been first, with another grant: then it is the next place.
            let program = place.get_or_init(made);
            if program.grants(mask, precision) {
                return program
                    .run(&self.shapes, layout, raw_body, out)
                    .ok_or(ProjectionError::Encode);
            }
        }
        made()
            .run(&self.shapes, layout, raw_body, out)
            .ok_or(ProjectionError::Encode)
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
