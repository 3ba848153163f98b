//! Confluent wire format: 0x00, the schema id (4 bytes, big-endian), then the Avro body.

/// Length of the prefix, bytes.
pub const PREFIX: usize = 5;

/// A value that is not in the wire format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The record has no value.
    #[error("the record has no value")]
    Missing,
    /// Shorter than the prefix.
    #[error("the value has {length} bytes; the wire format needs at least 5")]
    Short {
        /// Length found.
        length: usize,
    },
    /// Another first byte than 0x00.
    #[error("the value does not start with the magic byte 0x00")]
    Magic,
}

/// The value for a schema id and an (already sealed) body.
pub fn frame(schema_id: i32, body: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(PREFIX + body.len());
    value.push(0);
    value.extend_from_slice(&schema_id.to_be_bytes());
    value.extend_from_slice(body);
    value
}

/// The schema id and the body of a value.
///
/// # Errors
/// When the value is not in the wire format.
pub fn unframe(value: Option<&[u8]>) -> Result<(i32, &[u8]), FramingError> {
    let value = value.ok_or(FramingError::Missing)?;
    let short = FramingError::Short {
        length: value.len(),
    };
    let (prefix, body) = value.split_first_chunk::<PREFIX>().ok_or(short)?;
    let [magic, id @ ..] = *prefix;
    if magic != 0 {
        return Err(FramingError::Magic);
    }
    Ok((i32::from_be_bytes(id), body))
}
