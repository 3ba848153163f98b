//! A contribution as it is held and stored: one short byte string, with numbers for words. Of the 3,700 bytes that a person with five events took, half
//! were contributions as their readers want them; there are millions of them, and a read looks at a few.

use super::stored::Stored;
use super::words::Words;
use crate::canon::CanonError;
use crate::facts::{Contribution, ContributionKey};
use crate::value::Value;
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, HandlePseudonym, Instant, Precision, Pseudonym,
};

/// Everything that one contribution says, but for whose it is.
///
/// The bytes: agreement's number, kind's number, flags (precision, whether there is a last day, whether it corrects something), version, time, day of
/// release, then what the flags promise, then the fields: number, type, value. Whole numbers are varints of seven bits, signed ones zigzag.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    pub(crate) event: EventId,
    said: Box<[u8]>,
}

const NOT_AFTER: u8 = 4;
const SUPERSEDES: u8 = 8;

/// Appends seven bits a byte, the lowest first.
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        let [low, ..] = number.to_le_bytes();
        out.push(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    out.push(low);
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, (number << 1 ^ number >> 63).cast_unsigned());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(flag) => out.push(u8::from(*flag)),
        Value::Int(number) => {
            out.push(2);
            put_signed(out, *number);
        }
        Value::Text(text) => {
            out.push(3);
            put_bytes(out, text.as_bytes());
        }
        Value::Day(day) => {
            out.push(4);
            put_signed(out, day.0.into());
        }
        Value::Instant(at) => {
            out.push(5);
            put_signed(out, at.micros());
        }
        Value::Texts(texts) => {
            out.push(6);
            put(out, texts.len() as u64);
            for text in texts {
                put_bytes(out, text.as_bytes());
            }
        }
    }
}

/// Takes from the front; `None`: it was not packed here.
struct Said<'a>(&'a [u8]);

impl<'a> Said<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn day(&mut self) -> Option<Day> {
        self.signed()?.try_into().ok().map(Day)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<Box<str>> {
        let length = self.number()?.try_into().ok()?;
        std::str::from_utf8(self.take(length)?).ok().map(Into::into)
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            2 => Value::Int(self.signed()?),
            3 => Value::Text(self.text()?),
            4 => Value::Day(self.day()?),
            5 => Value::Instant(Instant(self.signed()?)),
            6 => {
                let count = self.number()?;
                Value::Texts((0..count).map(|_| self.text()).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// Agreement, kind, flags, version, time.
    fn head(&mut self) -> Option<Head> {
        Some(Head {
            agreement: self.small()?,
            kind: self.small()?,
            flags: self.byte()?,
            version: self.small()?,
            occurred_at: self.signed()?,
        })
    }
}

/// What stands in front of every one.
struct Head {
    agreement: u32,
    kind: u32,
    flags: u8,
    version: u32,
    occurred_at: i64,
}

const fn precision_code(precision: Precision) -> u8 {
    match precision {
        Precision::Day => 0,
        Precision::Hour => 1,
        Precision::Minute => 2,
        Precision::Instant => 3,
    }
}

impl Packed {
    /// Packs a contribution. Words that were not met before are to be stored.
    pub(super) fn of(one: &Contribution, words: &mut Words, store: &mut dyn FnMut(Stored)) -> Self {
        let mut flags = precision_code(one.precision);
        flags |= if one.not_after.is_some() {
            NOT_AFTER
        } else {
            0
        };
        flags |= if one.supersedes.is_some() {
            SUPERSEDES
        } else {
            0
        };
        let mut said = Vec::with_capacity(128);
        let agreement = words.number_agreement(&one.key.agreement, store);
        let kind = words.number_kind((one.source.clone(), one.event_type.clone()), store);
        put(&mut said, agreement.into());
        put(&mut said, kind.into());
        said.push(flags);
        put(&mut said, one.version.0.into());
        put_signed(&mut said, one.occurred_at.micros());
        put_signed(&mut said, one.released_on.0.into());
        if let Some(day) = one.not_after {
            put_signed(&mut said, day.0.into());
        }
        if let Some(event) = one.supersedes {
            said.extend_from_slice(event.as_bytes());
        }
        for (field, value) in &one.fields {
            said.push(*field);
            put_value(&mut said, value);
        }
        Self {
            event: one.key.event,
            // Shrunk into a piece of its own size.
            said: said.as_slice().into(),
        }
    }

    /// As it is stored.
    pub(super) fn stored(&self) -> &[u8] {
        &self.said
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// When the bytes are not of this version, or of words that were not stored.
    pub(super) fn restore(
        event: EventId,
        stored: &[u8],
        words: &Words,
    ) -> Result<Self, CanonError> {
        let one = Self {
            event,
            said: stored.into(),
        };
        let nobody = (Pseudonym::new([0; 16]), HandlePseudonym::new([0; 16]));
        match one.unpack(nobody, words) {
            Some(_) => Ok(one),
            None => Err(CanonError {
                what: "contribution",
            }),
        }
    }

    /// The number of its agreement.
    pub(crate) fn agreement_number(&self) -> Option<u32> {
        Said(&self.said).small()
    }

    /// Its agreement.
    pub(super) fn agreement<'w>(&self, words: &'w Words) -> Option<&'w AgreementId> {
        words.agreement(self.agreement_number()?)
    }

    /// When it happened.
    pub(super) fn occurred_at(&self) -> Option<Instant> {
        Some(Instant(Said(&self.said).head()?.occurred_at))
    }

    /// As its readers want it; `None`: it was not packed with these words.
    pub(super) fn unpack(
        &self,
        (person, handle): (Pseudonym, HandlePseudonym),
        words: &Words,
    ) -> Option<Contribution> {
        let mut said = Said(&self.said);
        let head = said.head()?;
        let (source, event_type) = words.kind(head.kind)?.clone();
        let precision = match head.flags & 3 {
            0 => Precision::Day,
            1 => Precision::Hour,
            2 => Precision::Minute,
            _ => Precision::Instant,
        };
        let released_on = said.day()?;
        let not_after = match head.flags & NOT_AFTER {
            0 => None,
            _ => Some(said.day()?),
        };
        let supersedes = match head.flags & SUPERSEDES {
            0 => None,
            _ => Some(EventId::new(uuid::Uuid::from_slice(said.take(16)?).ok()?)),
        };
        let mut fields = Vec::new();
        while let Some(field) = said.byte() {
            fields.push((field, said.value()?));
        }
        Some(Contribution {
            person,
            key: ContributionKey {
                handle,
                event: self.event,
                agreement: words.agreement(head.agreement)?.clone(),
            },
            version: AgreementVersion(head.version),
            source,
            event_type,
            occurred_at: Instant(head.occurred_at),
            precision,
            not_after,
            released_on,
            supersedes,
            fields,
        })
    }
}
