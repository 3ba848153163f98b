//! The quick pass over a body: one code for each field instead of its type, and a place in the body instead of slices of it.

use super::shape::{Shape, number, signed};

/// What the pass has to know of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quick {
    /// `["null", T]`, by far the most frequent union, of a kind below.
    nullable: bool,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Flag,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// Any other: left to the type itself.
    Other,
}

impl Quick {
    pub(super) fn of(shape: &Shape) -> Self {
        if let Shape::Union(branches) = shape
            && let [Shape::Null, inner] = branches.as_slice()
        {
            let kind = Kind::of(inner);
            return Self {
                nullable: kind != Kind::Other,
                kind,
            };
        }
        Self {
            nullable: false,
            kind: Kind::of(shape),
        }
    }

    /// Where the field that begins at `at` ends. `None`: no value of its type in the form an encoder writes.
    #[inline]
    pub(super) fn end(self, shape: &Shape, body: &[u8], mut at: usize) -> Option<usize> {
        if self.nullable {
            let tag = *body.get(at)?;
            at += 1;
            match tag {
                0 => return Some(at),
                2 => {}
                _ => return None,
            }
        }
        match self.kind {
            Kind::Text => text(body, at),
            Kind::Flag => (*body.get(at)? <= 1).then_some(at + 1),
            Kind::Int => match *body.get(at)? {
                ..0x80 => Some(at + 1),
                _ => {
                    let (zigzag, end) = long(body, at)?;
                    (zigzag <= u64::from(u32::MAX)).then_some(end)
                }
            },
            Kind::Long => Some(long(body, at)?.1),
            Kind::Other => {
                let rest = shape.after(body.get(at..)?)?;
                Some(body.len() - rest.len())
            }
        }
    }
}

impl Kind {
    fn of(shape: &Shape) -> Self {
        match shape {
            Shape::Text => Kind::Text,
            Shape::Flag => Kind::Flag,
            Shape::Int | Shape::Date => Kind::Int,
            Shape::Long | Shape::Instant => Kind::Long,
            _ => Kind::Other,
        }
    }
}

fn text(body: &[u8], at: usize) -> Option<usize> {
    let (length, from) = match *body.get(at)? {
        // Not negative and under 64: one byte.
        byte @ ..0x80 if byte & 1 == 0 => (usize::from(byte >> 1), at + 1),
        _ => {
            let (zigzag, from) = long(body, at)?;
            (usize::try_from(signed(zigzag)).ok()?, from)
        }
    };
    let end = from.checked_add(length)?;
    let text = body.get(from..end)?;
    (is_ascii(text) || std::str::from_utf8(text).is_ok()).then_some(end)
}

/// Eight bytes at a time; the last eight overlap those before.
#[inline]
fn is_ascii(text: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().fold(0, |all, byte| all | byte) < 0x80;
    };
    let (eights, _) = text.as_chunks::<8>();
    let all = eights.iter().fold(u64::from_le_bytes(*last), |all, eight| {
        all | u64::from_le_bytes(*eight)
    });
    all & HIGH == 0
}

/// A number and where it ends.
#[inline]
fn long(body: &[u8], at: usize) -> Option<(u64, usize)> {
    let rest = body.get(at..)?;
    if let [low, high, ..] = *rest
        && low >= 0x80
        && (1..0x80).contains(&high)
    {
        return Some((u64::from(low & 0x7f) | u64::from(high) << 7, at + 2));
    }
    let (zigzag, behind) = number(rest)?;
    Some((zigzag, body.len() - behind.len()))
}
