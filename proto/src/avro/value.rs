//! The Avro form of single values.

use prost_types::Timestamp;

use super::{AvroError, Fault};
use crate::common::v1::Date;

/// Numbers of an enum and the names that stand for them.
type Names = [(i32, &'static str)];

/// Something with an Avro binary form.
pub trait AvroValue: Sized {
    /// Appends the value to `out`.
    ///
    /// # Errors
    /// A value that Avro, or its schema, cannot carry.
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError>;

    /// Takes the value from the front of `input`.
    ///
    /// # Errors
    /// Input that is truncated or no such value.
    fn take(input: &mut &[u8]) -> Result<Self, AvroError>;
}

impl AvroValue for bool {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        out.push(u8::from(*self));
        Ok(())
    }

    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {
        match byte(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Fault::Boolean.into()),
        }
    }
}

impl AvroValue for i64 {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        let mut rest = ((*self << 1) ^ (*self >> 63)).cast_unsigned();
        while rest >= 0x80 {
            out.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
        Ok(())
    }

    #[inline]
    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {
        let mut zigzag = 0_u64;
        for shift in (0..70).step_by(7) {
            let next = byte(input)?;
            let bits = u64::from(next & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            zigzag |= bits << shift;
            if next & 0x80 == 0 {
                return Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        Err(Fault::NumberRange.into())
    }
}

impl AvroValue for i32 {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        i64::from(*self).put(out)
    }

    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {
        narrow(i64::take(input)?)
    }
}

impl AvroValue for u32 {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        i64::from(*self).put(out)
    }

    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {
        narrow(i64::take(input)?)
    }
}

impl AvroValue for u64 {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        narrow::<_, i64>(*self)?.put(out)
    }

    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {
        narrow(i64::take(input)?)
    }
}

impl AvroValue for String {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        put_slice(self.as_bytes(), out)
    }

    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {
        let bytes = take_slice(input)?;
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::Utf8)?;
        Ok(text.to_owned())
    }
}

impl AvroValue for Vec<u8> {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        put_slice(self, out)
    }

    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {
        Ok(take_slice(input)?.to_vec())
    }
}

/// Microseconds since 1970; what is finer is cut off, towards the past.
impl AvroValue for Timestamp {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        if !(0..1_000_000_000).contains(&self.nanos) {
            return Err(Fault::Instant.into());
        }
        let micros = i128::from(self.seconds) * 1_000_000 + i128::from(self.nanos / 1_000);
        i64::try_from(micros).map_err(|_| Fault::Instant)?.put(out)
    }

    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {
        let micros = i64::take(input)?;
        let nanos = narrow(micros.rem_euclid(1_000_000) * 1_000)?;
        Ok(Self {
            seconds: micros.div_euclid(1_000_000),
            nanos,
        })
    }
}

/// Days since 1970 of a date that exists.
impl AvroValue for Date {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        self.days().ok_or(Fault::Date)?.put(out)
    }

    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {
        Ok(Self::from_days(i32::take(input)?).ok_or(Fault::Date)?)
    }
}

/// A union of null and the value.
impl<T: AvroValue> AvroValue for Option<T> {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        match self {
            None => 0_i64.put(out),
            Some(value) => {
                1_i64.put(out)?;
                value.put(out)
            }
        }
    }

    fn take(input: &mut &[u8]) -> Result<Self, AvroError> {
        match i64::take(input)? {
            0 => Ok(None),
            1 => Ok(Some(T::take(input)?)),
            _ => Err(Fault::Branch.into()),
        }
    }
}

/// Appends a message field that has to be there.
///
/// # Errors
/// It is not set, or the value's own error.
pub fn put_required<T: AvroValue>(value: &Option<T>, out: &mut Vec<u8>) -> Result<(), AvroError> {
    value.as_ref().ok_or(Fault::Missing)?.put(out)
}

/// Appends an array as one block.
///
/// # Errors
/// The error of an item.
pub fn put_array<T: AvroValue>(items: &[T], out: &mut Vec<u8>) -> Result<(), AvroError> {
    put_items(items, T::put, out)
}

/// Takes an array of any number of blocks.
///
/// # Errors
/// Truncated input, impossible counts, or the error of an item.
pub fn take_array<T: AvroValue>(input: &mut &[u8]) -> Result<Vec<T>, AvroError> {
    take_items(input, T::take)
}

/// Appends the name of an enum number.
///
/// # Errors
/// A number without a name.
pub fn put_enum(number: i32, names: &Names, out: &mut Vec<u8>) -> Result<(), AvroError> {
    let (_, name) = names
        .iter()
        .find(|(known, _)| *known == number)
        .ok_or(Fault::EnumValue)?;
    put_slice(name.as_bytes(), out)
}

/// Takes an enum number by its name.
///
/// # Errors
/// Truncated input or an unknown name.
pub fn take_enum(names: &Names, input: &mut &[u8]) -> Result<i32, AvroError> {
    let bytes = take_slice(input)?;
    let found = names.iter().find(|(_, name)| name.as_bytes() == bytes);
    Ok(found.ok_or(Fault::EnumValue)?.0)
}

/// Appends an optional enum number.
///
/// # Errors
/// As [`put_enum`].
pub fn put_enum_option(
    number: Option<i32>,
    names: &Names,
    out: &mut Vec<u8>,
) -> Result<(), AvroError> {
    match number {
        None => 0_i64.put(out),
        Some(number) => {
            1_i64.put(out)?;
            put_enum(number, names, out)
        }
    }
}

/// Takes an optional enum number.
///
/// # Errors
/// As [`take_enum`].
pub fn take_enum_option(names: &Names, input: &mut &[u8]) -> Result<Option<i32>, AvroError> {
    match i64::take(input)? {
        0 => Ok(None),
        1 => Ok(Some(take_enum(names, input)?)),
        _ => Err(Fault::Branch.into()),
    }
}

/// Appends an array of enum numbers.
///
/// # Errors
/// As [`put_enum`].
pub fn put_enums(numbers: &[i32], names: &Names, out: &mut Vec<u8>) -> Result<(), AvroError> {
    put_items(numbers, |number, out| put_enum(*number, names, out), out)
}

/// Takes an array of enum numbers.
///
/// # Errors
/// As [`take_array`] and [`take_enum`].
pub fn take_enums(names: &Names, input: &mut &[u8]) -> Result<Vec<i32>, AvroError> {
    take_items(input, |input| take_enum(names, input))
}

fn put_items<T>(
    items: &[T],
    put: impl Fn(&T, &mut Vec<u8>) -> Result<(), AvroError>,
    out: &mut Vec<u8>,
) -> Result<(), AvroError> {
    if !items.is_empty() {
        narrow::<_, i64>(items.len())?.put(out)?;
        for item in items {
            put(item, out)?;
        }
    }
    0_i64.put(out)
}

fn take_items<T>(
    input: &mut &[u8],
    take: impl Fn(&mut &[u8]) -> Result<T, AvroError>,
) -> Result<Vec<T>, AvroError> {
    let mut items = Vec::new();
    loop {
        let mut count = i64::take(input)?;
        if count == 0 {
            return Ok(items);
        }
        let mut end = None;
        if count < 0 {
            // A writer that knows the block's length says so after a negative count.
            let length = usize::try_from(i64::take(input)?).map_err(|_| Fault::Length)?;
            end = Some(input.len().checked_sub(length).ok_or(Fault::Length)?);
            count = count.checked_neg().ok_or(Fault::Length)?;
        }
        // Every item takes at least one byte: records have fields.
        let count = usize::try_from(count).map_err(|_| Fault::Length)?;
        if count > input.len() {
            return Err(Fault::Length.into());
        }
        for _ in 0..count {
            items.push(take(input)?);
        }
        if end.is_some_and(|end| end != input.len()) {
            return Err(Fault::Length.into());
        }
    }
}

fn put_slice(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), AvroError> {
    narrow::<_, i64>(bytes.len())?.put(out)?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn take_slice<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], AvroError> {
    let length = usize::try_from(i64::take(input)?).map_err(|_| Fault::Length)?;
    let (bytes, rest) = input.split_at_checked(length).ok_or(Fault::Length)?;
    *input = rest;
    Ok(bytes)
}

fn byte(input: &mut &[u8]) -> Result<u8, AvroError> {
    let (first, rest) = input.split_first().ok_or(Fault::Truncated)?;
    *input = rest;
    Ok(*first)
}

fn narrow<A, B: TryFrom<A>>(number: A) -> Result<B, AvroError> {
    B::try_from(number).map_err(|_| Fault::NumberRange.into())
}
