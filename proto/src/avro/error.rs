//! What can be wrong with a record, without repeating any of its values.

/// A record that could not be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}", at.unwrap_or("Avro body"))]
pub struct AvroError {
    at: Option<&'static str>,
    fault: Fault,
}

impl AvroError {
    /// A fault in a place not known yet.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { at: None, fault }
    }

    /// Names the place; the innermost name stays.
    #[must_use]
    pub fn at(self, place: &'static str) -> Self {
        Self {
            at: self.at.or(Some(place)),
            fault: self.fault,
        }
    }

    /// The record and field, e.g. `walbrook.police.v1.MissingEpisode.phase`.
    #[must_use]
    pub fn place(&self) -> Option<&'static str> {
        self.at
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault
    }
}

impl From<Fault> for AvroError {
    fn from(fault: Fault) -> Self {
        Self::new(fault)
    }
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The input ends inside a value.
    #[error("the input ends inside a value")]
    Truncated,
    /// Bytes follow the record.
    #[error("{left} bytes follow the record")]
    TrailingBytes {
        /// How many.
        left: usize,
    },
    /// A number takes more than ten bytes or does not fit its type.
    #[error("a number does not fit its type")]
    NumberRange,
    /// A negative or impossible length or count.
    #[error("a length or count is beyond the input")]
    Length,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// A boolean byte is neither 0 nor 1.
    #[error("a boolean is neither 0 nor 1")]
    Boolean,
    /// A union branch that the schema does not have.
    #[error("a union branch does not exist")]
    Branch,
    /// No such calendar date.
    #[error("the date does not exist; expected a real date of the years 1 to 9999")]
    Date,
    /// An instant with impossible nanoseconds, or beyond microseconds in 64 bits.
    #[error("the instant is out of range")]
    Instant,
    /// An enum number or name that this version does not know.
    #[error("the enum value is unknown")]
    EnumValue,
    /// A required field is not set.
    #[error("the field is required and not set")]
    Missing,
}
