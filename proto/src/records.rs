//! The table of all record types.

use crate::avro::{AvroError, AvroRecord, SubjectOf};

/// One record type that stands on a topic.
#[derive(Debug, Clone, Copy)]
pub struct RecordInfo {
    /// Avro full name, e.g. `walbrook.police.v1.MissingEpisode`.
    pub full_name: &'static str,
    /// Avro schema, one line, the text that is registered.
    pub schema: &'static str,
    /// Field names in schema order; bit `i` of a field mask is field `i`.
    pub fields: &'static [&'static str],
    /// Number of the frozen schema file.
    pub version: u32,
    /// Set for event types.
    pub event: Option<EventInfo>,
    /// Decodes a body with our codec and encodes it again: a check that bytes
    /// are a whole, valid record of this type.
    pub recode: fn(&[u8]) -> Result<Vec<u8>, AvroError>,
}

/// What only event types have.
#[derive(Debug, Clone, Copy)]
pub struct EventInfo {
    /// Type of the event as in `ce_type`, e.g. `social_care.CareEpisode`.
    pub event_type: &'static str,
    /// The agency as in topic names, e.g. `social-care`.
    pub agency: &'static str,
    /// Whom it is about.
    pub subject: SubjectOf,
    /// The field whose value keys an area or open event.
    pub key: Option<&'static str>,
    /// Avro full name of the shared form.
    pub shared_name: &'static str,
    /// Avro schema of the shared form: the same fields, each nullable.
    pub shared_schema: &'static str,
    /// (field, code list) for each field whose values come from a code list.
    pub codes: &'static [(&'static str, &'static str)],
}

/// A record field that carries the name of a protobuf enum value.
#[derive(Debug, Clone, Copy)]
pub struct EnumField {
    /// Full name of the record, which may be one nested in another.
    pub record: &'static str,
    /// Name of the field.
    pub field: &'static str,
    /// The names it may carry.
    pub names: &'static [&'static str],
}

/// All record types, by full name.
#[must_use]
pub fn records() -> &'static [RecordInfo] {
    generated::RECORDS
}

/// The record type with this full name.
#[must_use]
pub fn record(full_name: &str) -> Option<&'static RecordInfo> {
    let at = records().binary_search_by(|info| info.full_name.cmp(full_name));
    records().get(at.ok()?)
}

/// The event type with this name, e.g. `police.MissingEpisode`.
#[must_use]
pub fn event(event_type: &str) -> Option<&'static RecordInfo> {
    let is_it = |info: &&RecordInfo| {
        info.event
            .is_some_and(|event| event.event_type == event_type)
    };
    records().iter().find(is_it)
}

/// Every record field that carries an enum's name.
#[must_use]
pub fn enum_fields() -> &'static [EnumField] {
    generated::ENUMS
}

fn recode<R: AvroRecord>(body: &[u8]) -> Result<Vec<u8>, AvroError> {
    R::decode_exact(body)?.to_vec()
}

#[allow(clippy::all, reason = "written by this crate's build script")]
mod generated {
    use super::{EnumField, EventInfo, RecordInfo, recode};
    use crate::avro::{self, AvroError, AvroEvent, AvroRecord, AvroValue, Leaf, SubjectOf};

    include!(concat!(env!("OUT_DIR"), "/avro.rs"));
}
