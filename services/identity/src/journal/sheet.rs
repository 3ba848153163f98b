//! What a batch changed, taken from the index so that the index may go on changing while it is written; and how its records look on the log.

use super::{Format, Schema};
use crate::error::JournalError;
use crate::linkage::{Changes, Index, PersonRecord, Token, wire};
use bytes::Bytes;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;
use walbrook_domain::{Instant, PersonId};
use walbrook_event::{framing, headers};
use walbrook_eventlog::headers::{pack, packed_length};
use walbrook_eventlog::{Headers, NewRecord, topics};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::identity::v1::{IdentityRecord, LinkRecord};

/// What most records take.
const VALUE_BYTES: usize = 384;

/// The changes of one batch. Cheap: it shares the records with the index.
#[derive(Debug)]
pub struct Sheet {
    now: Instant,
    identity: Vec<Arc<PersonRecord>>,
    forgotten: Vec<Token>,
    /// Each record whose link is written, and where its person's members stand.
    links: Vec<(Arc<PersonRecord>, Range<usize>)>,
    members: Vec<Arc<PersonRecord>>,
}

impl Sheet {
    /// What `changes` names, as the index has it now.
    pub fn new(index: &Index, changes: &Changes, now: Instant) -> Self {
        let changed = changes.identity.iter();
        let mut sheet = Self {
            now,
            identity: changed
                .filter_map(|handle| index.record(*handle).cloned())
                .collect(),
            forgotten: changes.forgotten.iter().copied().collect(),
            links: Vec::with_capacity(changes.links.len()),
            members: Vec::with_capacity(changes.links.len()),
        };
        // Links of one person share the list of its members.
        let mut known: HashMap<PersonId, Range<usize>> = HashMap::new();
        for record in changes.links.iter().filter_map(|h| index.record(*h)) {
            let members = &mut sheet.members;
            let mut listed = || {
                let from = members.len();
                members.extend(index.members(record.person).cloned());
                from..members.len()
            };
            let range = if index.member_count(record.person) == 1 {
                listed()
            } else {
                match known.entry(record.person) {
                    Entry::Occupied(range) => range.get().clone(),
                    Entry::Vacant(place) => place.insert(listed()).clone(),
                }
            };
            sheet.links.push((Arc::clone(record), range));
        }
        sheet
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.identity.is_empty() && self.links.is_empty() && self.forgotten.is_empty()
    }

    /// How many records it takes.
    pub fn len(&self) -> usize {
        self.identity.len() + self.forgotten.len() + self.links.len()
    }

    /// Records that changed, as they stand on the log once it is written.
    pub fn changed(&self) -> &[Arc<PersonRecord>] {
        &self.identity
    }

    /// Tokens under which nothing stands any more.
    pub fn forgotten(&self) -> &[Token] {
        &self.forgotten
    }

    /// Makes its records: each changed identity record, the tombstones of tokens that were rotated away, then each link record of each changed person.
    ///
    /// # Errors
    /// When a record cannot be encoded, or `each` fails.
    pub fn write(
        &self,
        format: &Format,
        each: &mut dyn FnMut(NewRecord) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let pen = Pen::new::<IdentityRecord>(format, topics::IDENTITY, &format.identity, self.now);
        for record in &self.identity {
            each(pen.write(&record.token.0, &wire::identity_record(record))?)?;
        }
        // After the records: a reader that meets the tombstone has the record under its new token already.
        for token in &self.forgotten {
            each(pen.tombstone(&token.0))?;
        }
        let pen = Pen::new::<LinkRecord>(format, topics::LINKS, &format.links, self.now);
        for (record, members) in &self.links {
            let members = self.members.get(members.clone()).unwrap_or_default();
            each(pen.write(record.handle.as_bytes(), &wire::link_of(record, members))?)?;
        }
        Ok(())
    }
}

/// Writes the records of one topic and one batch: what they have in common is made once.
struct Pen {
    topic: Arc<str>,
    schema_id: i32,
    /// Headers around the record's own id.
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Pen {
    fn new<R: AvroRecord>(format: &Format, topic: &str, schema: &Schema, now: Instant) -> Self {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        pack(&mut before, headers::SPEC_VERSION, b"1.0");
        let data_schema = format!("{}/{}", schema.subject, schema.id);
        for (name, value) in [
            (headers::SOURCE, "/walbrook/identity"),
            (headers::TYPE, R::FULL_NAME),
            (headers::TIME, &now.rfc3339()),
            (headers::DATA_SCHEMA, &data_schema),
            (headers::CONTENT_TYPE, "application/avro"),
        ] {
            pack(&mut after, name, value.as_bytes());
        }
        Self {
            topic: format.namespace.name(topic).into(),
            schema_id: schema.id,
            before,
            after,
        }
    }

    fn write<R: AvroRecord>(&self, key: &[u8], message: &R) -> Result<NewRecord, JournalError> {
        let mut value = framing::frame(self.schema_id, &[]);
        value.reserve(VALUE_BYTES);
        message
            .encode(&mut value)
            .map_err(|error| JournalError::Encode(error.to_string()))?;
        Ok(self.record(key, Some(value.into())))
    }

    fn tombstone(&self, key: &[u8]) -> NewRecord {
        self.record(key, None)
    }

    fn record(&self, key: &[u8], value: Option<Bytes>) -> NewRecord {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        let id = id.hyphenated().encode_lower(&mut text).as_bytes();
        let length = self.before.len() + packed_length(headers::ID, id) + self.after.len();
        let mut written = Vec::with_capacity(length);
        written.extend_from_slice(&self.before);
        pack(&mut written, headers::ID, id);
        written.extend_from_slice(&self.after);
        NewRecord {
            topic: Arc::clone(&self.topic),
            partition: None,
            key: Some(Bytes::copy_from_slice(key)),
            value,
            headers: Headers::packed(written.into()),
            timestamp_ms: None,
        }
    }
}
