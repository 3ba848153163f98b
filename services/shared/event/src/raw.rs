//! A raw record as whoever decides about it reads it, or the rule it breaks. The broker decides with this, and the auditor decides again.

use crate::framing::unframe;
use crate::headers::{HeaderError, RawEnvelope};
use crate::history::{Entry, Subject};
use crate::seal::{Seal, SealError};
use sha2::{Digest, Sha256};
use walbrook_domain::{EventType, Handle};
use walbrook_proto::avro::{AvroEvent as _, AvroRecord as _};
use walbrook_proto::common::v1::NothingToReport;

/// Whom events of a type are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKind {
    /// One person: the key is a handle, 16 bytes.
    Person,
    /// A place: the key is `area:<code>`.
    Area,
    /// Open data: the key is `open:<id>`.
    Open,
}

/// Why a record is put into quarantine: a closed list, its words stand on quarantine records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// The schema id is not pinned, or pins another record than `ce_type` names, or the type is not known.
    UnknownSchema,
    /// The value is not in the wire format.
    BadFraming,
    /// The body is not exactly one record of its schema.
    TruncatedAvro,
    /// A needed header is missing.
    MissingHeader,
    /// A header cannot be read.
    BadHeader,
    /// The event type is another agency's.
    WrongTopic,
    /// The key is not of the form that the subject's kind demands.
    BadKey,
    /// The value is larger than any event may be: what is released of it might not fit a record.
    TooLarge,
}

/// The package of event types that every agency's service takes.
pub const ANY_AGENCY: &str = "common";

/// The largest value of a raw record, in bytes. A record may have 1 MiB; a release of it carries headers of its own and a byte more for each field,
/// and must fit too.
pub const MOST_BYTES: usize = 900_000;

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 8] = [
        Rule::UnknownSchema,
        Rule::BadFraming,
        Rule::TruncatedAvro,
        Rule::MissingHeader,
        Rule::BadHeader,
        Rule::WrongTopic,
        Rule::BadKey,
        Rule::TooLarge,
    ];

    /// The word on quarantine records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rule::UnknownSchema => "unknown-schema",
            Rule::BadFraming => "bad-framing",
            Rule::TruncatedAvro => "truncated-avro",
            Rule::MissingHeader => "missing-header",
            Rule::BadHeader => "bad-header",
            Rule::WrongTopic => "wrong-topic",
            Rule::BadKey => "bad-key",
            Rule::TooLarge => "too-large",
        }
    }

    /// The rule of a word on a quarantine record.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == word)
    }

    /// One plain sentence about what is wrong.
    pub const fn sentence(self) -> &'static str {
        match self {
            Rule::UnknownSchema => {
                "The record names a schema that is not admitted here, or one of another event type than it says."
            }
            Rule::BadFraming => {
                "The value does not begin with a zero byte and a schema number, so nothing in it can be read."
            }
            Rule::TruncatedAvro => {
                "The body is not exactly one record of its schema: it is cut short, too long, or of another shape."
            }
            Rule::MissingHeader => "A header that every event carries is not there.",
            Rule::BadHeader => {
                "A header is there and is not what it must be: an id, a time, an organisation, a precision or a key."
            }
            Rule::WrongTopic => "The event type belongs to another agency than the topic.",
            Rule::BadKey => {
                "The record's key is not what this event type's subject demands: a handle, an area or a thing."
            }
            Rule::TooLarge => {
                "The event is larger than 900,000 bytes: what is shared of it would not fit a record."
            }
        }
    }

    /// How its owner puts it right.
    pub const fn fix(self) -> &'static str {
        match self {
            Rule::UnknownSchema => {
                "Send the event through the agency's gateway with the contract of this release (the messages under proto/); a newer contract must be admitted before it is used."
            }
            Rule::BadFraming => {
                "Something wrote to the topic past the gateway, or with another serializer. Send the event through the gateway, and take write access from whatever else has it."
            }
            Rule::TruncatedAvro => {
                "Find the event in your system by its id, length and hash, and send it again through the gateway, which checks it whole before it is accepted."
            }
            Rule::MissingHeader | Rule::BadHeader => {
                "Send the event through the gateway, which writes the headers itself from your credential and the event's head."
            }
            Rule::WrongTopic => {
                "Send the event to the gateway of the agency that its type is named after."
            }
            Rule::BadKey => {
                "Send the event through the gateway: it asks for the person's handle and keys the record; no sender makes keys."
            }
            Rule::TooLarge => {
                "An event has a few hundred bytes. Find out what your system put into a field or a list of it, and send it again without."
            }
        }
    }

    /// Whom to ask when that does not help.
    pub const fn ask(self) -> &'static str {
        match self {
            Rule::UnknownSchema => "the operator, who admits schemas",
            Rule::BadFraming | Rule::MissingHeader | Rule::BadHeader | Rule::BadKey => {
                "the operator, who knows what may write to the topic"
            }
            Rule::TruncatedAvro | Rule::WrongTopic | Rule::TooLarge => {
                "the supplier of the system that sent it"
            }
        }
    }
}

/// A raw record as it stands on the log, as far as reading needs it.
#[derive(Clone, Copy)]
pub struct RawRecord<'a> {
    /// The topic's agency as topics spell it, for example `social-care`.
    pub agency: &'a str,
    /// Record key.
    pub key: Option<&'a [u8]>,
    /// Record value.
    pub value: Option<&'a [u8]>,
    /// Look-up of a header by name.
    pub header: &'a dyn Fn(&str) -> Option<&'a [u8]>,
}

/// A readable raw record: its envelope, subject, and the opened body with its schema id. The body itself may still be unreadable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEvent {
    /// The envelope.
    pub envelope: RawEnvelope,
    /// Whom it is about.
    pub subject: Subject,
    /// What kind of subject that is.
    pub kind: SubjectKind,
    /// Registry id of the schema its body was written with.
    pub schema_id: i32,
    /// The opened Avro body.
    pub body: Vec<u8>,
}

/// A record that could not be read now or ever.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It breaks a rule: quarantine.
    #[error("the record breaks the rule {}", .0.as_str())]
    Unreadable(Rule),
    /// The key store did not answer: try again, never a decision.
    #[error(transparent)]
    Transient(SealError),
}

impl From<HeaderError> for ReadError {
    fn from(error: HeaderError) -> Self {
        ReadError::Unreadable(match error {
            HeaderError::Missing { .. } => Rule::MissingHeader,
            HeaderError::Bad { .. } => Rule::BadHeader,
        })
    }
}

impl RawEvent {
    /// Reads headers, key and framing, and opens the body. `kind_of` knows the event types.
    ///
    /// # Errors
    /// [`ReadError::Unreadable`] with the first rule that is broken; [`ReadError::Transient`] when the key store did not answer.
    pub fn read(
        record: RawRecord<'_>,
        kind_of: impl Fn(&EventType) -> Option<SubjectKind>,
        seal: &dyn Seal,
    ) -> Result<Self, ReadError> {
        if record.value.is_some_and(|value| value.len() > MOST_BYTES) {
            return Err(ReadError::Unreadable(Rule::TooLarge));
        }
        let envelope = RawEnvelope::read(record.header)?;
        let spelt = |letter: u8| if letter == b'_' { b'-' } else { letter };
        let of = envelope.event_type.agency();
        // What every agency's service takes stands on every raw topic.
        if of != ANY_AGENCY && !of.bytes().map(spelt).eq(record.agency.bytes()) {
            return Err(ReadError::Unreadable(Rule::WrongTopic));
        }
        let kind =
            kind_of(&envelope.event_type).ok_or(ReadError::Unreadable(Rule::UnknownSchema))?;
        let subject = subject(kind, record.key).ok_or(ReadError::Unreadable(Rule::BadKey))?;
        let (schema_id, sealed) =
            unframe(record.value).map_err(|_| ReadError::Unreadable(Rule::BadFraming))?;
        let body = open(&subject, &envelope.key_id, sealed, seal)?;
        Ok(Self {
            envelope,
            subject,
            kind,
            schema_id,
            body,
        })
    }

    /// Its entry in the index of its partition.
    pub fn entry(&self, offset: i64, accepted_at_micros: i64) -> Entry {
        Entry {
            offset,
            accepted_at_micros,
            organisation: self.envelope.organisation.clone(),
            subject: self.subject.clone(),
            event: self.envelope.id,
            content_hash: self.content_hash(),
            supersedes: self.envelope.supersedes,
        }
    }

    /// The event type whose source was heard with this record: its own, or the one of which it says that there is nothing to report. `agency` is the
    /// topic's, as topics spell it: nobody speaks for another agency's types.
    pub fn heard(&self, agency: &str) -> Option<EventType> {
        if self.envelope.event_type.as_str() != NothingToReport::EVENT_TYPE {
            return Some(self.envelope.event_type.clone());
        }
        let said = NothingToReport::decode_exact(&self.body).ok()?;
        let spoken_of = EventType::new(&said.event_type).ok()?;
        let spelt = |letter: u8| if letter == b'_' { b'-' } else { letter };
        let own = spoken_of.agency().bytes().map(spelt).eq(agency.bytes());
        own.then_some(spoken_of)
    }

    /// Hash of what makes two records of one identity the same event: type, time, what it corrects, and the opened body. A retry carries another
    /// trace and may be sealed with another nonce; it is the same event all the same.
    pub fn content_hash(&self) -> [u8; 16] {
        let envelope = &self.envelope;
        // Nothing is not the same as the id of nothing but zeros.
        let supersedes = envelope.supersedes.map(|event| *event.as_bytes());
        let mut hash = Sha256::new();
        for part in [
            envelope.event_type.as_str().as_bytes(),
            &envelope.occurred_at.micros().to_be_bytes(),
            envelope.precision.as_str().as_bytes(),
            supersedes.as_ref().map_or(&[][..], |event| event),
            &self.body,
        ] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let mut short = [0; 16];
        short
            .iter_mut()
            .zip(hash.finalize())
            .for_each(|(to, from)| *to = from);
        short
    }
}

fn subject(kind: SubjectKind, key: Option<&[u8]>) -> Option<Subject> {
    let key = key?;
    let prefix = match kind {
        SubjectKind::Person => return Handle::try_from(key).ok().map(Subject::Handle),
        SubjectKind::Area => "area:",
        SubjectKind::Open => "open:",
    };
    let text = std::str::from_utf8(key).ok()?;
    text.strip_prefix(prefix).filter(|rest| !rest.is_empty())?;
    Some(Subject::Key(text.into()))
}

fn open(
    subject: &Subject,
    key_id: &str,
    sealed: &[u8],
    seal: &dyn Seal,
) -> Result<Vec<u8>, ReadError> {
    let key: &[u8] = match subject {
        Subject::Handle(handle) => handle.as_bytes(),
        Subject::Key(_) => &[],
    };
    seal.open(key, key_id, sealed).map_err(|error| match error {
        SealError::Unavailable { .. } => ReadError::Transient(error),
        SealError::Destroyed { .. } | SealError::Mismatch { .. } => {
            ReadError::Unreadable(Rule::BadHeader)
        }
    })
}
