//! The quick pass over a body: one code for each field instead of its type, and a place in the body instead of slices of it.
//!
//! Nearly every text is ASCII, and to look into each of them was half of the time. Instead the body's bytes with their highest bit set are counted
//! ([`highs`]): if they are as many as the numbers alone have, no text has one. Otherwise each text is looked into.

use super::shape::{Shape, number, signed, sized};

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

    /// Where the field that begins at `at` ends; counts into `high` the bytes of it that have their highest bit set and are no text. `None`: no value
    /// of its type in the form an encoder writes. An end may be behind the body's: then nothing can be read from there on. Texts are not looked
    /// into, see [`Quick::text`].
    #[inline]
    pub(super) fn end(
        self,
        shape: &Shape,
        body: &[u8],
        mut at: usize,
        high: &mut usize,
    ) -> Option<usize> {
        if self.nullable {
            let tag = *body.get(at)?;
            at += 1;
            match tag {
                0 => return Some(at),
                2 => {}
                _ => return None,
            }
        }
        let first = *body.get(at)?;
        match self.kind {
            Kind::Flag => (first <= 1).then_some(at + 1),
            // Not negative and under 64.
            Kind::Text if first & 0x81 == 0 => Some(at + 1 + usize::from(first >> 1)),
            Kind::Int | Kind::Long if first < 0x80 => Some(at + 1),
            Kind::Text => {
                let (zigzag, from) = long(body, at, high)?;
                from.checked_add(usize::try_from(signed(zigzag)).ok()?)
            }
            Kind::Int => {
                let (zigzag, end) = long(body, at, high)?;
                (zigzag <= u64::from(u32::MAX)).then_some(end)
            }
            Kind::Long => Some(long(body, at, high)?.1),
            Kind::Other => {
                let value = body.get(at..)?;
                let rest = shape.after(value)?;
                *high += highs(value.get(..value.len() - rest.len())?);
                Some(body.len() - rest.len())
            }
        }
    }

    /// The text of a field, `None` where it has none.
    pub(super) fn text(self, field: &[u8]) -> Option<&[u8]> {
        if self.kind != Kind::Text {
            return None;
        }
        let value = match self.nullable {
            true => field.get(1..)?,
            false => field,
        };
        Some(sized(value)?.0)
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

/// A number and where it ends. All its bytes but the last have their highest bit set.
#[inline]
fn long(body: &[u8], at: usize, high: &mut usize) -> Option<(u64, usize)> {
    let rest = body.get(at..)?;
    if let [low, next, ..] = *rest
        && low >= 0x80
        && (1..0x80).contains(&next)
    {
        *high += 1;
        return Some((u64::from(low & 0x7f) | u64::from(next) << 7, at + 2));
    }
    let (zigzag, behind) = number(rest)?;
    let end = body.len() - behind.len();
    *high += end - at - 1;
    Some((zigzag, end))
}

/// How many bytes have their highest bit set. Eight lanes are counted at once, each as far as a byte counts.
pub(super) fn highs(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut count = rest.iter().filter(|byte| **byte >= 0x80).count();
    for some in eights.chunks(255) {
        let lanes = some.iter().fold(0_u64, |lanes, eight| {
            lanes + (u64::from_le_bytes(*eight) >> 7 & ONES)
        });
        let pairs = (lanes & EVEN) + (lanes >> 8 & EVEN);
        let sum = pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48;
        count += usize::try_from(sum).unwrap_or(0);
    }
    count
}
