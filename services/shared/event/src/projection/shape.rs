//! A schema's types as far as their bytes matter: how to pass one value over, and how to cut the instants inside it.
//!
//! The walk here is strict: it takes only the one form that an encoder writes (shortest numbers, one block to a list). Whatever else a decoder
//! would accept is left to the slow way, so that copied bytes are always the bytes an encoder would have made.

use apache_avro::Schema;
use walbrook_domain::{Instant, Precision};

/// A type of Avro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// `null`.
    Null,
    /// `boolean`.
    Flag,
    /// `int`.
    Int,
    /// `int` with the logical type `date`.
    Date,
    /// `long`.
    Long,
    /// `long` with the logical type `timestamp-micros`.
    Instant,
    /// `bytes`.
    Bytes,
    /// `string`.
    Text,
    /// An enum with so many symbols.
    Enum(u64),
    /// `fixed` of so many bytes.
    Fixed(usize),
    /// A union of these.
    Union(Vec<Shape>),
    /// A list of these.
    List(Box<Shape>),
    /// A record of these.
    Record(Vec<Shape>),
    /// A type that no schema of ours has: nothing is a value of it.
    Unknown,
}

/// The number at the start, zigzag still on it, and what follows. `None`: cut off, too long, or not in its shortest form.
pub(super) fn number(input: &[u8]) -> Option<(u64, &[u8])> {
    let (first, mut rest) = input.split_first()?;
    if first & 0x80 == 0 {
        return Some((u64::from(*first), rest));
    }
    let mut number = u64::from(first & 0x7f);
    for shift in (7..70).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return (*byte != 0).then_some((number, rest));
        }
    }
    None
}

/// Takes the zigzag off.
pub(super) const fn signed(zigzag: u64) -> i64 {
    (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed()
}

/// Writes a number as Avro does.
pub(super) fn put_number(number: i64, out: &mut Vec<u8>) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while left >= 0x80 {
        out.push(u8::try_from(left & 0x7f).unwrap_or(0) | 0x80);
        left >>= 7;
    }
    out.push(u8::try_from(left).unwrap_or(0));
}

/// The bytes behind a length at the start, and what follows them.
pub(super) fn sized(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (zigzag, rest) = number(input)?;
    rest.split_at_checked(usize::try_from(signed(zigzag)).ok()?)
}

impl Shape {
    pub(super) fn of(schema: &Schema) -> Self {
        match schema {
            Schema::Null => Shape::Null,
            Schema::Boolean => Shape::Flag,
            Schema::Int => Shape::Int,
            Schema::Date => Shape::Date,
            Schema::Long => Shape::Long,
            Schema::TimestampMicros => Shape::Instant,
            Schema::Bytes => Shape::Bytes,
            Schema::String => Shape::Text,
            Schema::Enum(named) => {
                Shape::Enum(u64::try_from(named.symbols.len()).unwrap_or(u64::MAX))
            }
            Schema::Fixed(fixed) => Shape::Fixed(fixed.size),
            Schema::Union(union) => Shape::Union(union.variants().iter().map(Shape::of).collect()),
            Schema::Array(array) => Shape::List(Box::new(Shape::of(&array.items))),
            Schema::Record(record) => {
                let fields = record.fields.iter();
                Shape::Record(fields.map(|field| Shape::of(&field.schema)).collect())
            }
            _ => Shape::Unknown,
        }
    }

    /// Whether an instant stands anywhere inside.
    pub(super) fn tells_time(&self) -> bool {
        match self {
            Shape::Instant => true,
            Shape::Union(parts) | Shape::Record(parts) => parts.iter().any(Shape::tells_time),
            Shape::List(item) => item.tells_time(),
            _ => false,
        }
    }

    /// What follows one value. `None`: no value of this type in the form an encoder writes.
    #[inline]
    pub(super) fn after<'a>(&self, input: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Shape::Text => {
                let (text, rest) = sized(input)?;
                (text.is_ascii() || std::str::from_utf8(text).is_ok()).then_some(rest)
            }
            Shape::Flag => match input.split_first()? {
                (0 | 1, rest) => Some(rest),
                _ => None,
            },
            Shape::Long | Shape::Instant => Some(number(input)?.1),
            Shape::Int | Shape::Date => {
                let (zigzag, rest) = number(input)?;
                (zigzag <= u64::from(u32::MAX)).then_some(rest)
            }
            _ => self.after_rare(input),
        }
    }

    fn after_rare<'a>(&self, input: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Shape::Null => Some(input),
            Shape::Bytes => Some(sized(input)?.1),
            Shape::Enum(symbols) => {
                let (zigzag, rest) = number(input)?;
                (zigzag & 1 == 0 && zigzag >> 1 < *symbols).then_some(rest)
            }
            Shape::Fixed(size) => input.get(*size..),
            Shape::Union(branches) => {
                let (branch, rest) = self.branch(branches, input)?;
                branch.after(rest)
            }
            Shape::List(item) => {
                let (zigzag, mut rest) = number(input)?;
                if zigzag == 0 {
                    return Some(rest);
                }
                for _ in 0..u64::try_from(signed(zigzag)).ok()? {
                    let behind = item.after(rest)?;
                    // An item without bytes could be repeated without end.
                    if behind.len() == rest.len() {
                        return None;
                    }
                    rest = behind;
                }
                match rest.split_first()? {
                    (0, rest) => Some(rest),
                    // A second block: allowed, but not what an encoder writes.
                    _ => None,
                }
            }
            Shape::Record(fields) => fields
                .iter()
                .try_fold(input, |rest, field| field.after(rest)),
            _ => None,
        }
    }

    fn branch<'a, 'b>(
        &self,
        branches: &'b [Shape],
        input: &'a [u8],
    ) -> Option<(&'b Shape, &'a [u8])> {
        let (zigzag, rest) = number(input)?;
        if zigzag & 1 != 0 {
            return None;
        }
        Some((branches.get(usize::try_from(zigzag >> 1).ok()?)?, rest))
    }

    /// Copies one value with every instant inside it cut. The value was passed over before, so it is whole.
    pub(super) fn cut<'a>(
        &self,
        input: &'a [u8],
        precision: Precision,
        out: &mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        if !self.tells_time() {
            let rest = self.after(input)?;
            out.extend_from_slice(input.get(..input.len() - rest.len())?);
            return Some(rest);
        }
        match self {
            Shape::Instant => {
                let (zigzag, rest) = number(input)?;
                let at = Instant(signed(zigzag)).truncated(precision);
                put_number(at.micros(), out);
                Some(rest)
            }
            Shape::Union(branches) => {
                let (branch, rest) = self.branch(branches, input)?;
                out.extend_from_slice(input.get(..input.len() - rest.len())?);
                branch.cut(rest, precision, out)
            }
            Shape::List(item) => {
                let (zigzag, mut rest) = number(input)?;
                out.extend_from_slice(input.get(..input.len() - rest.len())?);
                if zigzag == 0 {
                    return Some(rest);
                }
                for _ in 0..signed(zigzag) {
                    rest = item.cut(rest, precision, out)?;
                }
                let (end, rest) = rest.split_first()?;
                out.push(*end);
                Some(rest)
            }
            Shape::Record(fields) => fields
                .iter()
                .try_fold(input, |rest, field| field.cut(rest, precision, out)),
            _ => None,
        }
    }
}
