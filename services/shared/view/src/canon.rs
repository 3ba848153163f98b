//! The canonical encoding of rows and of stored state: ordered, length-prefixed, no maps, no floats, one encoding per value.
//!
//! Numbers are big-endian of fixed width; text is a 4-byte length and UTF-8; an option is a byte 0 or 1 before the value; a list is a 4-byte count.

use crate::value::Value;
use walbrook_domain::{Day, Instant};

/// Appends values to a byte string.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// An empty writer with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// One byte.
    pub fn byte(&mut self, byte: u8) -> &mut Self {
        self.bytes.push(byte);
        self
    }

    /// Bytes as they are: for parts whose length is fixed.
    pub fn fixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A count or length.
    pub fn count(&mut self, count: usize) -> &mut Self {
        // 4 GiB in one part cannot occur: records are far smaller. Saturating keeps the encoding total.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.fixed(&count.to_be_bytes())
    }

    /// A whole number.
    pub fn int(&mut self, number: i64) -> &mut Self {
        self.fixed(&number.to_be_bytes())
    }

    /// A calendar day.
    pub fn day(&mut self, day: Day) -> &mut Self {
        self.fixed(&day.0.to_be_bytes())
    }

    /// Text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.count(text.len()).fixed(text.as_bytes())
    }

    /// A value or its absence.
    pub fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) -> &mut Self {
        match value {
            None => self.byte(0),
            Some(value) => {
                self.byte(1);
                put(self, value);
                self
            }
        }
    }

    /// A field value with its type.
    pub fn value(&mut self, value: &Value) -> &mut Self {
        match value {
            Value::Bool(flag) => self.byte(1).byte(u8::from(*flag)),
            Value::Int(number) => self.byte(2).int(*number),
            Value::Text(text) => self.byte(3).text(text),
            Value::Day(day) => self.byte(4).day(*day),
            Value::Instant(at) => self.byte(5).int(at.micros()),
            Value::Texts(texts) => {
                self.byte(6).count(texts.len());
                for text in texts {
                    self.text(text);
                }
                self
            }
        }
    }
}

/// Stored bytes that are not what this version writes: the store is of another version or damaged, and is filled again from the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored {what} cannot be read; delete the store and let it be filled from the log again")]
pub struct CanonError {
    /// What was being read.
    pub what: &'static str,
}

/// Takes values from the front of a byte string.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// A reader over bytes that hold `what`.
    pub const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// The error of this reader.
    pub const fn fault(&self) -> CanonError {
        CanonError { what: self.what }
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// When bytes are left over.
    pub fn end(&self) -> Result<(), CanonError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.fault())
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CanonError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(CanonError { what: self.what })?;
        self.rest = rest;
        Ok(taken)
    }

    /// Bytes of fixed length.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], CanonError> {
        let fault = self.fault();
        self.take(N)?.try_into().map_err(|_| fault)
    }

    /// So many bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], CanonError> {
        self.take(length)
    }

    /// One byte.
    ///
    /// # Errors
    /// When none is left.
    pub fn byte(&mut self) -> Result<u8, CanonError> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    /// A count or length.
    ///
    /// # Errors
    /// When too few bytes are left.
    pub fn count(&mut self) -> Result<usize, CanonError> {
        let fault = self.fault();
        usize::try_from(u32::from_be_bytes(self.fixed()?)).map_err(|_| fault)
    }

    /// A whole number.
    ///
    /// # Errors
    /// When too few bytes are left.
    pub fn int(&mut self) -> Result<i64, CanonError> {
        Ok(i64::from_be_bytes(self.fixed()?))
    }

    /// A calendar day.
    ///
    /// # Errors
    /// When too few bytes are left.
    pub fn day(&mut self) -> Result<Day, CanonError> {
        Ok(Day(i32::from_be_bytes(self.fixed()?)))
    }

    /// Text.
    ///
    /// # Errors
    /// When too few bytes are left or they are not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, CanonError> {
        let fault = self.fault();
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| fault)
    }

    /// Text read as a word of the field.
    ///
    /// # Errors
    /// When it is no such word.
    pub fn word<T: std::str::FromStr>(&mut self) -> Result<T, CanonError> {
        let fault = self.fault();
        self.text()?.parse().map_err(|_| fault)
    }

    /// A value or its absence.
    ///
    /// # Errors
    /// When the mark is neither 0 nor 1, or `take` fails.
    pub fn option<T>(
        &mut self,
        take: impl FnOnce(&mut Self) -> Result<T, CanonError>,
    ) -> Result<Option<T>, CanonError> {
        match self.byte()? {
            0 => Ok(None),
            1 => take(self).map(Some),
            _ => Err(self.fault()),
        }
    }

    /// A field value with its type.
    ///
    /// # Errors
    /// When the type is unknown or the value damaged.
    pub fn value(&mut self) -> Result<Value, CanonError> {
        Ok(match self.byte()? {
            1 => Value::Bool(self.byte()? == 1),
            2 => Value::Int(self.int()?),
            3 => Value::Text(self.text()?.into()),
            4 => Value::Day(self.day()?),
            5 => Value::Instant(Instant(self.int()?)),
            6 => {
                let count = self.count()?;
                let mut texts = Vec::new();
                for _ in 0..count {
                    texts.push(self.text()?.into());
                }
                Value::Texts(texts)
            }
            _ => return Err(self.fault()),
        })
    }
}
