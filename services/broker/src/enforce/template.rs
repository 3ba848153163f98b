//! The parts of a release that all releases of one kind share, made once for each batch: topic, most headers, and one buffer for the rest.
//!
//! A release's headers are those of [`walbrook_event::ReleaseEnvelope`], which the tests hold this against. Made one by one they were thirteen
//! texts and as many allocations for every release.

use bytes::{BufMut, BytesMut};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::sync::Arc;
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventId, EventType, HandlePseudonym, Instant, Organisation,
    Precision, Pseudonym,
};
use walbrook_event::{ReleaseEnvelope, headers};
use walbrook_eventlog::headers::pack;
use walbrook_eventlog::{Headers, NewRecord};

/// Buffers are shared by some hundred records.
const BUFFER: usize = 128 * 1024;

/// More than the headers of a release and its key ever take: each text among them has a bound.
const MOST_HEADERS: usize = 4 * 1024;

/// What releases of one kind have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct KindOf<'a> {
    pub schema_id: i32,
    pub version: AgreementVersion,
    pub precision: Precision,
    pub agreement: &'a AgreementId,
    pub organisation: &'a Organisation,
    pub event_type: &'a EventType,
}

#[derive(Debug)]
struct Kind {
    schema_id: i32,
    version: AgreementVersion,
    precision: Precision,
    agreement: AgreementId,
    organisation: Organisation,
    event_type: EventType,
}

impl Kind {
    const fn of(&self) -> KindOf<'_> {
        KindOf {
            schema_id: self.schema_id,
            version: self.version,
            precision: self.precision,
            agreement: &self.agreement,
            organisation: &self.organisation,
            event_type: &self.event_type,
        }
    }
}

impl KindOf<'_> {
    fn owned(&self) -> Kind {
        Kind {
            schema_id: self.schema_id,
            version: self.version,
            precision: self.precision,
            agreement: self.agreement.clone(),
            organisation: self.organisation.clone(),
            event_type: self.event_type.clone(),
        }
    }

    /// The rest hardly ever tells two apart that have these in common.
    fn hash(&self, state: &RandomState) -> u64 {
        state.hash_one((self.schema_id, self.agreement, self.organisation.code()))
    }

    fn is(&self, kind: &Kind) -> bool {
        self.schema_id == kind.schema_id
            && self.version == kind.version
            && self.precision == kind.precision
            && *self.agreement == kind.agreement
            && *self.organisation == kind.organisation
            && *self.event_type == kind.event_type
    }
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
    kinds: HashTable<(Kind, Template)>,
    state: RandomState,
    buffer: BytesMut,
}

#[derive(Debug)]
struct Template {
    topic: Arc<str>,
    /// The headers that every release has, in order; neighbours that are the same for all are one.
    headers: Vec<Part>,
}

/// A part of a release's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Headers as they stand on each record.
    Common(Vec<u8>),
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
        kind: &KindOf<'_>,
        make: impl FnOnce() -> (String, String),
        own: &Own<'_>,
        timestamp_ms: i64,
    ) -> NewRecord {
        let state = &self.state;
        let known = self.kinds.entry(
            kind.hash(state),
            |(known, _)| kind.is(known),
            |(known, _)| known.of().hash(state),
        );
        let known = known.or_insert_with(|| {
            let kind = kind.owned();
            let template = Template::new(&kind, make());
            (kind, template)
        });
        let template = &known.get().1;
        if self.buffer.capacity() < MOST_HEADERS + own.body.len() {
            self.buffer = BytesMut::with_capacity(BUFFER.max(MOST_HEADERS + own.body.len()));
        }
        let out = &mut self.buffer;
        for part in &template.headers {
            match part {
                Part::Common(packed) => out.extend_from_slice(packed),
                Part::Id => uuid(out, headers::ID, own.id),
                Part::Time => pack(out, headers::TIME, own.occurred_at.rfc3339().as_bytes()),
                Part::Key => pack(out, headers::KEY, own.key_id.as_bytes()),
                Part::Handle => pack(out, headers::HANDLE, &hex(*own.handle.as_bytes())),
            }
        }
        if let Some(superseded) = own.supersedes {
            uuid(out, headers::SUPERSEDES, superseded);
        }
        if let Some(day) = own.not_after {
            pack(out, headers::NOT_AFTER, day.to_string().as_bytes());
        }
        pack(
            out,
            headers::TRACE_PARENT,
            &trace_parent(own.trace, own.span),
        );
        let headers = Headers::packed(out.split().freeze());
        out.extend_from_slice(own.key.as_bytes());
        let key = out.split().freeze();
        out.put_u8(0);
        out.put_i32(kind.schema_id);
        out.extend_from_slice(own.body);
        NewRecord {
            topic: Arc::clone(&template.topic),
            partition: None,
            key: Some(key),
            value: Some(out.split().freeze()),
            headers,
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
        let mut parts = Vec::new();
        for (name, value) in pairs {
            match name {
                headers::ID => parts.push(Part::Id),
                headers::TIME => parts.push(Part::Time),
                headers::KEY => parts.push(Part::Key),
                headers::HANDLE => parts.push(Part::Handle),
                _ => {
                    if !matches!(parts.last(), Some(Part::Common(_))) {
                        parts.push(Part::Common(Vec::new()));
                    }
                    if let Some(Part::Common(packed)) = parts.last_mut() {
                        pack(packed, name, value.as_bytes());
                    }
                }
            }
        }
        Self {
            topic: topic.into(),
            headers: parts,
        }
    }
}

fn uuid(out: &mut BytesMut, name: &str, id: EventId) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = id.uuid().hyphenated().encode_lower(&mut text);
    pack(out, name, text.as_bytes());
}

fn digit(nibble: u8) -> u8 {
    match nibble & 15 {
        low @ 0..=9 => b'0' + low,
        high => b'a' + (high - 10),
    }
}

fn digits(bytes: &[u8], out: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        if let [high, low] = pair {
            (*high, *low) = (digit(byte >> 4), digit(*byte));
        }
    }
}

fn hex(bytes: [u8; 16]) -> [u8; 32] {
    let mut text = [0; 32];
    digits(&bytes, &mut text);
    text
}

/// `00-<32 hex>-<16 hex>-01`.
fn trace_parent(trace: [u8; 16], span: [u8; 16]) -> [u8; 55] {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
    if let Some(part) = text.get_mut(3..35) {
        digits(&trace, part);
    }
    if let Some(part) = text.get_mut(36..52) {
        digits(&span, part);
    }
    text
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
            let (agreement, organisation, event_type) = (
                "pan-london-rough-sleeping".parse().unwrap(),
                "GSS:E09000007".parse().unwrap(),
                "housing.RentArrearsChanged".parse().unwrap(),
            );
            let kind = KindOf {
                schema_id: 258,
                version: AgreementVersion(3),
                precision: Precision::Hour,
                agreement: &agreement,
                organisation: &organisation,
                event_type: &event_type,
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
                &kind,
                || ("t".to_owned(), "s/258".to_owned()),
                &own,
                86_400_000,
            );
            let found: Vec<(&str, &[u8])> = made
                .headers
                .iter()
                .map(|header| (header.name, header.value))
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
