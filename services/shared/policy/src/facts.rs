//! What a decision may know: one event, the link of its subject, and the fields as a predicate sees them.

use crate::catalogue::SubjectKind;
use walbrook_domain::{
    Day, EventId, EventType, Handle, Instant, LinkStatus, Organisation, PersonId, Precision,
    Restriction,
};

/// A field's value as a predicate sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// The event type (or this schema version of it) has no such field, or it cannot be read as any kind below.
    Missing,
    /// The field is there and holds nothing.
    Absent,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(&'a str),
    /// A list of texts.
    TextList(Vec<&'a str>),
    /// A calendar date.
    Day(Day),
    /// An instant.
    Instant(Instant),
}

/// Read access to an event's fields, by name or by place. A field's place is its bit in a mask: later schema versions append, so it is the same
/// in every version, and a version that ends before it lacks the field.
pub trait Fields {
    /// The value; [`FieldValue::Missing`] where there is no such field.
    fn value(&self, name: &str) -> FieldValue<'_>;

    /// The value of the field at this place, which has this name.
    fn at(&self, _index: usize, name: &str) -> FieldValue<'_> {
        self.value(name)
    }

    /// Whether the field holds this text; `None` where it is no list of texts.
    fn has(&self, index: usize, name: &str, text: &str) -> Option<bool> {
        match self.at(index, name) {
            FieldValue::TextList(texts) => Some(texts.contains(&text)),
            _ => None,
        }
    }

    /// Whether the field holds anything; `None` where there is no such field.
    fn present(&self, index: usize, name: &str) -> Option<bool> {
        match self.at(index, name) {
            FieldValue::Missing => None,
            FieldValue::Absent => Some(false),
            _ => Some(true),
        }
    }
}

/// No fields at all: every predicate over them fails.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFields;

impl Fields for NoFields {
    fn value(&self, _name: &str) -> FieldValue<'_> {
        FieldValue::Missing
    }
}

/// How an event stands to others of the same organisation and handle, as the derived index knows (offsets below its own only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precedence {
    /// The first of its identity, superseded by none.
    First,
    /// The same identity and bytes stand earlier within the window.
    Duplicate,
    /// The same identity with other bytes stands earlier within the window.
    Conflicting,
    /// Another event of the same handle supersedes it.
    Superseded,
}

/// One event as accepted.
pub struct EventFacts<'a> {
    /// Its type.
    pub event_type: &'a EventType,
    /// The producing organisation, from the credential (`wb_org`).
    pub organisation: &'a Organisation,
    /// The producer's id.
    pub event_id: EventId,
    /// The log's append time on the raw topic.
    pub accepted_at: Instant,
    /// When it happened (`ce_time`).
    pub occurred_at: Instant,
    /// How finely that is known (`wb_precision`).
    pub precision: Precision,
    /// How it stands to others.
    pub precedence: Precedence,
    /// Its fields, for predicates.
    pub fields: &'a dyn Fields,
}

/// The link record of a handle, as applied at the decision's epoch.
#[derive(Debug, Clone, Copy)]
pub struct LinkFacts<'a> {
    /// The event's handle.
    pub handle: Handle,
    /// The person it is linked to.
    pub person: PersonId,
    /// How sure the link is.
    pub status: LinkStatus,
    /// Restrictions of the person.
    pub restrictions: &'a [Restriction],
    /// The first day as an adult; `None`: not yet, or not known.
    pub adult_from: Option<Day>,
    /// Every member handle of the person, this one included. Grounds on any of them count.
    pub members: &'a [Handle],
}

/// Whom the event is about.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A person, with the link. A person's event without a link never reaches a decision: that is an integrity stop (P3).
    Person(LinkFacts<'a>),
    /// A place.
    Area,
    /// Nobody: open data.
    Open,
}

impl Subject<'_> {
    /// The kind of subject.
    pub const fn kind(&self) -> SubjectKind {
        match self {
            Subject::Person(_) => SubjectKind::Person,
            Subject::Area => SubjectKind::Area,
            Subject::Open => SubjectKind::Open,
        }
    }
}
