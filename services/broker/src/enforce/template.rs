//! The parts of a release that all releases of one kind share, made once for each batch: topic, most headers, and one buffer for the rest.
//!
//! A release's headers are those of [`walbrook_event::ReleaseEnvelope`], which the tests hold this against. Made one by one they were thirteen
//! texts and as many allocations for every release.

use bytes::{BufMut, Bytes, BytesMut};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, EventType, HandlePseudonym, Instant, Organisation,
    Precision, Pseudonym,
};
use walbrook_event::{ReleaseEnvelope, headers};
use walbrook_eventlog::{Header, Headers, NewRecord};

/// Buffers are shared by some hundred records.
const BUFFER: usize = 128 * 1024;

/// What releases of one kind have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub schema_id: i32,
    pub version: AgreementVersion,
    pub precision: Precision,
    pub agreement: AgreementId,
    pub organisation: Organisation,
    pub event_type: EventType,
}

/// What is each release's own.
pub(super) struct Own<'a> {
    pub key: Pseudonym,
    pub id: EventId,
    pub occurred_at: Instant,
    pub handle: HandlePseudonym,
    pub supersedes: Option<EventId>,
    pub not_after: Option<Day>,
    pub trace: [u8; 16],
    pub span: [u8; 16],
    pub key_id: &'a str,
    pub body: &'a [u8],
}

/// The templates of a batch.
#[derive(Debug, Default)]
pub(super) struct Templates {
    kinds: BTreeMap<Kind, Template>,
    buffer: BytesMut,
}

#[derive(Debug)]
struct Template {
    topic: Arc<str>,
    headers: Vec<(Part, Header)>,
}

/// Which part of a release a header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Common,
    Id,
    Time,
    /// Of a later seal each person has keys of their own.
    Key,
    Handle,
}

impl Templates {
    /// The record of a release; `make` says where its kind goes (topic and `ce_dataschema`), asked once for each kind.
    pub fn release(
        &mut self,
        kind: Kind,
        make: impl FnOnce() -> (String, String),
        own: &Own<'_>,
        timestamp_ms: i64,
    ) -> NewRecord {
        let schema_id = kind.schema_id;
        let mut texts = Texts {
            buffer: &mut self.buffer,
        };
        let template = self
            .kinds
            .entry(kind)
            .or_insert_with_key(|kind| Template::new(kind, make()));
        let mut headers = Vec::with_capacity(template.headers.len() + 3);
        for (part, header) in &template.headers {
            let value = match part {
                Part::Common => header.value.clone(),
                Part::Id => texts.uuid(own.id),
                Part::Time => texts.text(own.occurred_at.rfc3339().as_bytes()),
                Part::Key => texts.text(own.key_id.as_bytes()),
                Part::Handle => texts.hex(own.handle.as_bytes()),
            };
            headers.push(Header {
                name: Arc::clone(&header.name),
                value,
            });
        }
        if let Some(superseded) = own.supersedes {
            headers.push(named(Name::Supersedes, texts.uuid(superseded)));
        }
        if let Some(day) = own.not_after {
            headers.push(named(
                Name::NotAfter,
                texts.text(day.to_string().as_bytes()),
            ));
        }
        headers.push(named(
            Name::TraceParent,
            texts.trace_parent(&own.trace, &own.span),
        ));
        NewRecord {
            topic: Arc::clone(&template.topic),
            partition: None,
            key: Some(texts.text(own.key.as_bytes())),
            value: Some(texts.value(schema_id, own.body)),
            headers: Headers(headers),
            timestamp_ms: Some(timestamp_ms),
        }
    }
}

impl Template {
    fn new(kind: &Kind, (topic, data_schema): (String, String)) -> Self {
        let nothing = HandlePseudonym::new([0; 16]);
        let pairs = ReleaseEnvelope {
            id: EventId::new(uuid::Uuid::nil()),
            event_type: kind.event_type.clone(),
            organisation: kind.organisation.clone(),
            occurred_at: Instant(0),
            precision: kind.precision,
            supersedes: None,
            key_id: String::new(),
            data_schema,
            agreement: kind.agreement.clone(),
            version: kind.version,
            handle: nothing,
            not_after: None,
            trace_parent: None,
        }
        .pairs();
        let headers = pairs.into_iter().map(|(name, value)| {
            let part = match name {
                headers::ID => Part::Id,
                headers::TIME => Part::Time,
                headers::KEY => Part::Key,
                headers::HANDLE => Part::Handle,
                _ => Part::Common,
            };
            let header = Header {
                name: name.into(),
                value: Bytes::from(value),
            };
            (part, header)
        });
        Self {
            topic: topic.into(),
            headers: headers.collect(),
        }
    }
}

/// Names of the headers that not every release has.
#[derive(Clone, Copy)]
enum Name {
    Supersedes,
    NotAfter,
    TraceParent,
}

fn named(name: Name, value: Bytes) -> Header {
    static NAMES: OnceLock<[Arc<str>; 3]> = OnceLock::new();
    let [supersedes, not_after, trace_parent] = NAMES.get_or_init(|| {
        [
            headers::SUPERSEDES.into(),
            headers::NOT_AFTER.into(),
            headers::TRACE_PARENT.into(),
        ]
    });
    let name = match name {
        Name::Supersedes => supersedes,
        Name::NotAfter => not_after,
        Name::TraceParent => trace_parent,
    };
    Header {
        name: Arc::clone(name),
        value,
    }
}

/// Texts written into the shared buffer.
struct Texts<'a> {
    buffer: &'a mut BytesMut,
}

impl Texts<'_> {
    fn room(&mut self, bytes: usize) {
        if self.buffer.capacity() < bytes {
            *self.buffer = BytesMut::with_capacity(BUFFER.max(bytes));
        }
    }

    fn text(&mut self, text: &[u8]) -> Bytes {
        self.room(text.len());
        self.buffer.extend_from_slice(text);
        self.buffer.split().freeze()
    }

    fn uuid(&mut self, id: EventId) -> Bytes {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        self.text(id.uuid().hyphenated().encode_lower(&mut text).as_bytes())
    }

    fn hex(&mut self, bytes: &[u8; 16]) -> Bytes {
        self.room(2 * bytes.len());
        self.digits(bytes);
        self.buffer.split().freeze()
    }

    fn digits(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
        for byte in bytes {
            self.buffer.put_u8(digit(byte >> 4));
            self.buffer.put_u8(digit(byte & 15));
        }
    }

    /// `00-<32 hex>-<16 hex>-01`.
    fn trace_parent(&mut self, trace: &[u8; 16], span: &[u8; 16]) -> Bytes {
        self.room(55);
        self.buffer.extend_from_slice(b"00-");
        self.digits(trace);
        self.buffer.put_u8(b'-');
        self.digits(span.get(..8).unwrap_or_default());
        self.buffer.extend_from_slice(b"-01");
        self.buffer.split().freeze()
    }

    /// A value in the wire format.
    fn value(&mut self, schema_id: i32, body: &[u8]) -> Bytes {
        self.room(walbrook_event::framing::PREFIX + body.len());
        self.buffer.put_u8(0);
        self.buffer.put_i32(schema_id);
        self.buffer.extend_from_slice(body);
        self.buffer.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Header by header what the envelope says, for a release with everything and one with as little as there may be.
    #[test]
    fn a_release_has_the_headers_of_its_envelope() {
        let mut templates = Templates::default();
        for (supersedes, not_after) in [
            (None, None),
            (
                Some(EventId::new(uuid::Uuid::from_u128(5))),
                Some(Day(20_000)),
            ),
        ] {
            let kind = Kind {
                schema_id: 258,
                version: AgreementVersion(3),
                precision: Precision::Hour,
                agreement: "pan-london-rough-sleeping".parse().unwrap(),
                organisation: "GSS:E09000007".parse().unwrap(),
                event_type: "housing.RentArrearsChanged".parse().unwrap(),
            };
            let own = Own {
                key: Pseudonym::new([3; 16]),
                id: EventId::new(uuid::Uuid::from_u128(
                    0x0192_d3f4_7c1e_8d2a_9b1c_3e5f_7a9b_1c3d,
                )),
                occurred_at: Instant::parse_rfc3339("2026-07-01T12:00:00Z").unwrap(),
                handle: HandlePseudonym::new([0xab; 16]),
                supersedes,
                not_after,
                trace: [0xcd; 16],
                span: [0xef; 16],
                key_id: "plain",
                body: &[1, 2, 3],
            };
            let envelope = ReleaseEnvelope {
                id: own.id,
                event_type: kind.event_type.clone(),
                organisation: kind.organisation.clone(),
                occurred_at: own.occurred_at,
                precision: kind.precision,
                supersedes,
                key_id: "plain".to_owned(),
                data_schema: "s/258".to_owned(),
                agreement: kind.agreement.clone(),
                version: kind.version,
                handle: own.handle,
                not_after,
                trace_parent: Some(format!("00-{}-{}-01", "cd".repeat(16), "ef".repeat(8))),
            };
            let made = templates.release(
                kind,
                || ("t".to_owned(), "s/258".to_owned()),
                &own,
                86_400_000,
            );
            let found: Vec<(&str, &[u8])> = made
                .headers
                .iter()
                .map(|header| (&*header.name, header.value.as_ref()))
                .collect();
            let pairs = envelope.pairs();
            let expected: Vec<(&str, &[u8])> = pairs
                .iter()
                .map(|(name, value)| (*name, value.as_bytes()))
                .collect();
            assert_eq!(found, expected);
            assert_eq!(made.value.as_deref(), Some(&[0, 0, 0, 1, 2, 1, 2, 3][..]));
            assert_eq!(made.key.as_deref(), Some(&[3; 16][..]));
            assert_eq!((&*made.topic, made.timestamp_ms), ("t", Some(86_400_000)));
        }
    }
}
