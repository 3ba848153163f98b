//! How far a value reaches in Avro binary, without building it: nothing is read past the input and nothing is allocated.

use apache_avro::Schema;

/// The input behind one value of the schema; `None` when the bytes end inside it or cannot be such a value.
pub(crate) fn after<'a>(schema: &Schema, input: &'a [u8]) -> Option<&'a [u8]> {
    match schema {
        Schema::Null => Some(input),
        Schema::Boolean => match input.split_first()? {
            (0 | 1, rest) => Some(rest),
            _ => None,
        },
        Schema::Int | Schema::Date => {
            let (number, rest) = long(input)?;
            i32::try_from(number).ok()?;
            Some(rest)
        }
        Schema::Long | Schema::TimestampMicros => Some(long(input)?.1),
        Schema::Bytes => Some(slice(input)?.1),
        Schema::String => {
            let (text, rest) = slice(input)?;
            std::str::from_utf8(text).ok()?;
            Some(rest)
        }
        Schema::Enum(named) => {
            let (index, rest) = long(input)?;
            named.symbols.get(usize::try_from(index).ok()?)?;
            Some(rest)
        }
        Schema::Fixed(fixed) => input.get(fixed.size..),
        Schema::Union(union) => {
            let (branch, rest) = long(input)?;
            after(union.variants().get(usize::try_from(branch).ok()?)?, rest)
        }
        Schema::Array(array) => items(&array.items, input),
        Schema::Record(record) => record
            .fields
            .iter()
            .try_fold(input, |rest, field| after(&field.schema, rest)),
        // No schema of ours has another type; one that does is not pinned.
        _ => None,
    }
}

fn items<'a>(schema: &Schema, mut input: &'a [u8]) -> Option<&'a [u8]> {
    loop {
        let (mut count, mut rest) = long(input)?;
        if count == 0 {
            return Some(rest);
        }
        if count < 0 {
            // A writer that knows the block's length says so after a negative count.
            count = count.checked_neg()?;
            rest = long(rest)?.1;
        }
        for _ in 0..count {
            let behind = after(schema, rest)?;
            // An item without bytes could be repeated without end.
            if behind.len() == rest.len() {
                return None;
            }
            rest = behind;
        }
        input = rest;
    }
}

fn slice(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = long(input)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

pub(crate) fn long(mut input: &[u8]) -> Option<(i64, &[u8])> {
    let mut zigzag = 0_u64;
    for shift in (0..70).step_by(7) {
        let (byte, rest) = input.split_first()?;
        input = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        zigzag |= bits << shift;
        if byte & 0x80 == 0 {
            return Some((
                (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed(),
                input,
            ));
        }
    }
    None
}
