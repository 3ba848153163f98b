//! Avro binary straight from and to the messages, without a value tree.
//!
//! Reading never panics, never reads past the input and never allocates more
//! than a small multiple of what the input still holds: a declared length or
//! count beyond the remaining bytes is an error before anything is allocated.

mod error;
mod value;

use prost_types::Timestamp;

use crate::common::v1::Date;

pub use error::{AvroError, Fault};
pub use value::{
    AvroValue, put_array, put_enum, put_enum_option, put_enums, put_required, take_array,
    take_enum, take_enum_option, take_enums,
};

/// A message with an Avro record form.
pub trait AvroRecord: AvroValue {
    /// Avro full name, the protobuf package and name.
    const FULL_NAME: &'static str;
    /// Avro schema on one line, with logical types and defaults.
    const SCHEMA: &'static str;
    /// Field names in schema order.
    const FIELDS: &'static [&'static str];

    /// Appends the Avro body to `out`; on an error `out` is as it was.
    ///
    /// # Errors
    /// A date that does not exist, an instant or number out of range, an
    /// unknown enum value or a required field that is not set.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), AvroError> {
        let before = out.len();
        let done = self.put(out);
        if done.is_err() {
            out.truncate(before);
        }
        done
    }

    /// Reads one body from the front of `input` and moves it past the body.
    ///
    /// # Errors
    /// Input that is truncated or is not a record of this type.
    fn decode(input: &mut &[u8]) -> Result<Self, AvroError> {
        Self::take(input)
    }

    /// Reads a body that is the whole of `input`.
    ///
    /// # Errors
    /// As [`AvroRecord::decode`], and when bytes are left over.
    fn decode_exact(mut input: &[u8]) -> Result<Self, AvroError> {
        let record = Self::decode(&mut input)?;
        match input.len() {
            0 => Ok(record),
            left => Err(AvroError::new(Fault::TrailingBytes { left }).at(Self::FULL_NAME)),
        }
    }

    /// The Avro body as a new vector.
    ///
    /// # Errors
    /// As [`AvroRecord::encode`].
    fn to_vec(&self) -> Result<Vec<u8>, AvroError> {
        let mut out = Vec::with_capacity(64);
        self.encode(&mut out)?;
        Ok(out)
    }
}

/// Whom events of a type are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectOf {
    /// One person; the raw record is keyed by a handle.
    Person,
    /// An area of the city, no person.
    Area,
    /// Open data, no person.
    Open,
}

/// A record that is an event type of an agency.
pub trait AvroEvent: AvroRecord {
    /// Type as in `ce_type`, e.g. `police.MissingEpisode`.
    const EVENT_TYPE: &'static str;
    /// Agency as in topic names.
    const AGENCY: &'static str;
    /// Whom it is about.
    const SUBJECT: SubjectOf;
    /// Avro full name of the shared form.
    const SHARED_NAME: &'static str;
    /// Avro schema of the shared form, in which every field may be null.
    const SHARED_SCHEMA: &'static str;

    /// The area or thing that keys this event; `None` for a person's event.
    fn open_key(&self) -> Option<&str>;

    /// Visits every text, date and instant that is set, each item of a list by
    /// itself, and every field that must be set and is not.
    fn each_value<'a>(&'a self, visit: &mut dyn FnMut(&'static str, Leaf<'a>));

    /// The same event without what says where somebody lives, which practice
    /// they are registered with or how to reach them (the option `locates`);
    /// `None` when nothing of that is set.
    fn without_whereabouts(&self) -> Option<Self> {
        None
    }
}

/// A value inside an event, for the rules that hold for all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leaf<'a> {
    /// A field that must be set is not.
    Missing,
    /// A code of a list.
    Code {
        /// Name of the code list.
        list: &'static str,
        /// The code.
        value: &'a str,
    },
    /// A text that comes from no list: a reference or a public code.
    Text(&'a str),
    /// A calendar date, which may not exist.
    Date(&'a Date),
    /// An instant, which may be out of range.
    Instant(&'a Timestamp),
}
