//! Where each field of one body lies: found in one pass, without building any value.

use super::quick::{Quick, highs};
use super::shape::{Shape, number, signed, sized};
use crate::body::BodyError;
use crate::extent;
use apache_avro::Schema;
use walbrook_domain::{Day, Instant};

/// Most fields of an event type: bits of a mask.
pub(super) const MOST_FIELDS: usize = 64;

/// Where each field of one body ends. The body is one whole record of its schema: that was checked on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    ends: [u32; MOST_FIELDS],
    count: u8,
    /// Every value stands in the form an encoder writes, so its bytes may be copied.
    pub(super) canonical: bool,
}

/// A field's value where it stands in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldRef<'a> {
    /// The schema has no such field, or it is of a type that no condition asks about.
    Missing,
    /// Absent.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number (`int` or `long`).
    Int(i64),
    /// Text or a code.
    Text(&'a str),
    /// A calendar date.
    Date(Day),
    /// An instant, µs UTC.
    Instant(Instant),
    /// A list of texts.
    Texts(Texts<'a>),
}

/// A list of texts where it stands in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texts<'a> {
    rest: &'a [u8],
    left: i64,
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        while self.left == 0 {
            let (count, mut rest) = loose(self.rest)?;
            if count == 0 {
                return None;
            }
            if count < 0 {
                rest = loose(rest)?.1;
            }
            (self.left, self.rest) = (count.checked_abs()?, rest);
        }
        self.left -= 1;
        let (length, rest) = loose(self.rest)?;
        let (text, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }
}

/// A number in any form that a decoder takes.
fn loose(input: &[u8]) -> Option<(i64, &[u8])> {
    match number(input) {
        Some((zigzag, rest)) => Some((signed(zigzag), rest)),
        None => extent::long(input),
    }
}

impl Layout {
    /// Finds the fields of a body.
    #[inline]
    pub(super) fn find(
        schema: &Schema,
        fields: &[(Quick, Shape)],
        body: &[u8],
    ) -> Result<Self, BodyError> {
        let mut layout = Self {
            ends: [0; MOST_FIELDS],
            count: 0,
            canonical: true,
        };
        match layout.strict(fields, body) {
            Some(()) => Ok(layout),
            None => Self::slow(schema, body),
        }
    }

    fn strict(&mut self, fields: &[(Quick, Shape)], body: &[u8]) -> Option<()> {
        self.count = u8::try_from(fields.len()).ok()?;
        let (mut at, mut high) = (0, 0);
        for ((quick, shape), end) in fields.iter().zip(&mut self.ends) {
            at = quick.end(shape, body, at, &mut high)?;
            *end = u32::try_from(at).ok()?;
        }
        let whole = at == body.len() && (high == highs(body) || self.texts_are_text(fields, body));
        whole.then_some(())
    }

    fn texts_are_text(&self, fields: &[(Quick, Shape)], body: &[u8]) -> bool {
        fields.iter().enumerate().all(|(field, (quick, _))| {
            let text = self.bytes(body, field).and_then(|bytes| quick.text(bytes));
            text.is_none_or(|text| std::str::from_utf8(text).is_ok())
        })
    }

    /// What the quick pass did not take is either no body, with the reason the decoder's own check gives, or one that no encoder writes.
    #[cold]
    fn slow(schema: &Schema, body: &[u8]) -> Result<Self, BodyError> {
        let mut ends = [0; MOST_FIELDS];
        let mut rest = body;
        let mut count = 0;
        for (field, end) in crate::body::record_fields(schema).zip(&mut ends) {
            rest = extent::after(&field.schema, rest).ok_or(BodyError::Unreadable)?;
            *end = u32::try_from(body.len() - rest.len()).map_err(|_| BodyError::Unreadable)?;
            count += 1;
        }
        if !rest.is_empty() {
            return Err(BodyError::Trailing { left: rest.len() });
        }
        Ok(Self {
            ends,
            count,
            canonical: false,
        })
    }

    /// The bytes of a field.
    pub(super) fn bytes<'a>(&self, body: &'a [u8], field: usize) -> Option<&'a [u8]> {
        self.run(body, field, field + 1)
    }

    /// The bytes of the fields from `first` to before `end`.
    pub(super) fn run<'a>(&self, body: &'a [u8], first: usize, end: usize) -> Option<&'a [u8]> {
        if first >= end || end > usize::from(self.count) {
            return None;
        }
        let from = match first.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)?,
        };
        let to = *self.ends.get(end - 1)?;
        body.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    }

    /// The value of a field.
    pub(super) fn value<'a>(
        &self,
        fields: &[(Quick, Shape)],
        body: &'a [u8],
        field: usize,
    ) -> FieldRef<'a> {
        let found = fields.get(field).zip(self.bytes(body, field));
        found
            .and_then(|((_, shape), bytes)| read(shape, bytes))
            .unwrap_or(FieldRef::Missing)
    }
}

fn read<'a>(shape: &Shape, bytes: &'a [u8]) -> Option<FieldRef<'a>> {
    Some(match shape {
        Shape::Null => FieldRef::Null,
        Shape::Flag => FieldRef::Bool(*bytes.first()? == 1),
        Shape::Int | Shape::Long => FieldRef::Int(loose(bytes)?.0),
        Shape::Date => FieldRef::Date(Day(i32::try_from(loose(bytes)?.0).ok()?)),
        Shape::Instant => FieldRef::Instant(Instant(loose(bytes)?.0)),
        Shape::Text => {
            let text = match sized(bytes) {
                Some((text, _)) => text,
                None => {
                    let (length, rest) = loose(bytes)?;
                    rest.get(..usize::try_from(length).ok()?)?
                }
            };
            FieldRef::Text(std::str::from_utf8(text).ok()?)
        }
        Shape::List(item) if **item == Shape::Text => FieldRef::Texts(Texts {
            rest: bytes,
            left: 0,
        }),
        Shape::Union(branches) => {
            let (branch, rest) = loose(bytes)?;
            read(branches.get(usize::try_from(branch).ok()?)?, rest)?
        }
        Shape::List(_)
        | Shape::Bytes
        | Shape::Enum(_)
        | Shape::Fixed(_)
        | Shape::Record(_)
        | Shape::Unknown => return None,
    })
}
