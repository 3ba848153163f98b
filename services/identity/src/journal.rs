//! Identity's two topics: how its records stand there, how they are written in one transaction and read back.

use crate::error::JournalError;
use crate::linkage::{Changes, Index, wire};
use bytes::Bytes;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{Handle, Instant};
use walbrook_event::{framing, headers};
use walbrook_eventlog::{
    Ends, Headers, LogError, Namespace, NewRecord, Reader, Record, TopicPartition, Transactor,
    topics,
};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::identity::v1::{IdentityRecord, LinkRecord};
use walbrook_runtime::shutdown::Shutdown;

/// The transactional id, without the namespace: there is one writer.
pub const TRANSACTIONAL_ID: &str = "identity";
/// `transaction.timeout.ms`: how long a dead writer holds back the readers of `control.links`.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(2);
/// Reading gives up when nothing came for so long.
const SILENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);
const POLL_RECORDS: usize = 10_000;

/// Where clients of the log come from.
pub trait Clients: Send + Sync {
    /// A committed reader.
    ///
    /// # Errors
    /// When the settings are refused.
    fn reader(&self) -> Result<Box<dyn Reader>, LogError>;
    /// Ends of partitions, uncommitted records included.
    ///
    /// # Errors
    /// When the settings are refused.
    fn ends(&self) -> Result<Box<dyn Ends>, LogError>;
    /// A transactor of this id (full name).
    fn transactor(&self, id: &str) -> Box<dyn Transactor>;
}

/// The real log.
impl Clients for walbrook_eventlog_kafka::Kafka {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(self.reader()?))
    }

    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        Ok(Box::new(self.ends()?))
    }

    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        Box::new(self.transactor(id, TRANSACTION_TIMEOUT))
    }
}

/// A record type's schema as this namespace's registry subjects know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The subject, with the namespace.
    pub subject: String,
    /// The registry's id.
    pub id: i32,
}

/// How identity's records stand on the log.
#[derive(Debug, Clone)]
pub struct Format {
    /// The namespace.
    pub namespace: Namespace,
    /// Partitions of `control.links`.
    pub partitions: i32,
    /// Schema of `identity.records`.
    pub identity: Schema,
    /// Schema of `control.links`.
    pub links: Schema,
}

/// The registry subject of a record on a topic.
pub fn subject(namespace: &Namespace, topic: &str, full_name: &str) -> String {
    namespace.name(&format!("{topic}-{full_name}"))
}

impl Format {
    /// All partitions of `control.links`.
    pub fn links_partitions(&self) -> Vec<TopicPartition> {
        let topic: Arc<str> = self.namespace.name(topics::LINKS).into();
        (0..self.partitions)
            .map(|partition| TopicPartition::new(Arc::clone(&topic), partition))
            .collect()
    }

    /// The one partition of `identity.records`.
    pub fn identity_partition(&self) -> TopicPartition {
        TopicPartition::new(self.namespace.name(topics::IDENTITY), 0)
    }

    fn record<R: AvroRecord>(
        &self,
        topic: &str,
        schema: &Schema,
        key: &[u8],
        message: &R,
        now: Instant,
    ) -> Result<NewRecord, JournalError> {
        let body = message
            .to_vec()
            .map_err(|error| JournalError::Encode(error.to_string()))?;
        let mut written = Headers::new();
        for (name, value) in [
            (headers::SPEC_VERSION, "1.0".to_owned()),
            (headers::ID, uuid::Uuid::new_v4().to_string()),
            (headers::SOURCE, "/walbrook/identity".to_owned()),
            (headers::TYPE, R::FULL_NAME.to_owned()),
            (headers::TIME, now.rfc3339()),
            (
                headers::DATA_SCHEMA,
                format!("{}/{}", schema.subject, schema.id),
            ),
            (headers::CONTENT_TYPE, "application/avro".to_owned()),
        ] {
            written.push(name, value);
        }
        Ok(NewRecord {
            topic: self.namespace.name(topic).into(),
            partition: None,
            key: Some(Bytes::copy_from_slice(key)),
            value: Some(framing::frame(schema.id, &body).into()),
            headers: written,
            timestamp_ms: None,
        })
    }

    /// The records of a batch: each changed identity record, then each link record of each changed person.
    ///
    /// # Errors
    /// When a record cannot be encoded.
    pub fn records(
        &self,
        index: &Index,
        changes: &Changes,
        now: Instant,
    ) -> Result<Vec<NewRecord>, JournalError> {
        let mut records = Vec::with_capacity(changes.identity.len() + changes.links.len());
        for record in changes
            .identity
            .iter()
            .filter_map(|handle| index.record(*handle))
        {
            let message = wire::identity_record(record);
            records.push(self.record(
                topics::IDENTITY,
                &self.identity,
                &record.token.0,
                &message,
                now,
            )?);
        }
        for handle in &changes.links {
            if let Some(message) = wire::link_record(index, *handle) {
                records.push(self.record(
                    topics::LINKS,
                    &self.links,
                    handle.as_bytes(),
                    &message,
                    now,
                )?);
            }
        }
        Ok(records)
    }
}

/// Writes the records in one transaction. Returns, for each partition of `control.links` written, the offset after the last record.
///
/// # Errors
/// When the transaction did not come about, or it is not known whether it did.
pub fn write(
    transactor: &mut dyn Transactor,
    records: Vec<NewRecord>,
    links_topic: &str,
) -> Result<Vec<(i32, i64)>, LogError> {
    transactor.begin()?;
    for record in records {
        transactor.send(record)?;
    }
    let delivered = transactor.drain()?;
    transactor.commit()?;
    let mut positions: HashMap<i32, i64> = HashMap::new();
    for (at, offset) in delivered
        .into_iter()
        .filter(|(at, _)| &*at.topic == links_topic)
    {
        let next = positions.entry(at.partition).or_insert(0);
        *next = (*next).max(offset + 1);
    }
    let mut positions: Vec<_> = positions.into_iter().collect();
    positions.sort_unstable();
    Ok(positions)
}

/// Rebuilds the index: the last record of each key of `identity.records`, read to the end of the log, and checked against `control.links`.
/// Call it after the transactional id was taken over: then no older transaction is open.
///
/// # Errors
/// When the log fails, a record cannot be read, or the two topics disagree.
pub fn rebuild(
    clients: &dyn Clients,
    format: &Format,
    stop: &Shutdown,
) -> Result<Index, JournalError> {
    let mut index = Index::default();
    let start = Monotonic::now();
    read_to_end(
        clients,
        &[format.identity_partition()],
        stop,
        &mut |record| {
            let unreadable = |problem: String| unreadable(&record, problem);
            let Some(message) = decode::<IdentityRecord>(&record, format.identity.id)? else {
                // A tombstone: the key was rotated away.
                let token = wire::token(record.key.as_deref().unwrap_or_default())
                    .map_err(|e| unreadable(e.to_string()))?;
                let rotated = index.by_token(token).map(|old| old.handle);
                rotated.and_then(|handle| index.remove(handle));
                return Ok(());
            };
            let read =
                wire::person_record(message).map_err(|error| unreadable(error.to_string()))?;
            index.put(Arc::new(read));
            Ok(())
        },
    )?;
    check_links(clients, format, &index, stop)?;
    tracing::info!(
        records = index.len(),
        persons = index.person_count(),
        milliseconds = start.elapsed().as_millis(),
        "index rebuilt"
    );
    Ok(index)
}

/// The last link record of each handle must be what the index says; the transaction writes both, so nothing else can be.
fn check_links(
    clients: &dyn Clients,
    format: &Format,
    index: &Index,
    stop: &Shutdown,
) -> Result<(), JournalError> {
    let mut last: HashMap<Handle, u64> = HashMap::with_capacity(index.len());
    read_to_end(clients, &format.links_partitions(), stop, &mut |record| {
        let message = decode::<LinkRecord>(&record, format.links.id)?
            .ok_or_else(|| unreadable(&record, "it has no value".to_owned()))?;
        let handle =
            Handle::try_from(&*message.handle).map_err(|e| unreadable(&record, e.to_string()))?;
        last.insert(handle, digest(message));
        Ok(())
    })?;
    let mut wrong: Vec<Handle> = Vec::new();
    for record in index.records() {
        let expected = wire::link_record(index, record.handle).map(digest);
        if last.remove(&record.handle) != expected {
            wrong.push(record.handle);
        }
    }
    wrong.extend(last.keys());
    match wrong.iter().min() {
        None => Ok(()),
        Some(first) => Err(JournalError::Disagree {
            count: wrong.len(),
            of: index.len(),
            first: first.to_string(),
        }),
    }
}

/// Of everything but the writing time: an identity record that changed alone has a later one.
fn digest(record: LinkRecord) -> u64 {
    let record = LinkRecord {
        recorded_at: None,
        ..record
    };
    let mut hasher = DefaultHasher::new();
    // Debug shows every field of a message; it is hashed, never printed.
    format!("{record:?}").hash(&mut hasher);
    hasher.finish()
}

fn unreadable(record: &Record, problem: String) -> JournalError {
    JournalError::Unreadable {
        at: format!("{}@{}", record.at, record.offset),
        problem,
    }
}

fn decode<R: AvroRecord>(record: &Record, schema_id: i32) -> Result<Option<R>, JournalError> {
    if record.value.is_none() {
        return Ok(None);
    }
    let (id, body) =
        framing::unframe(record.value.as_deref()).map_err(|e| unreadable(record, e.to_string()))?;
    if id != schema_id {
        // There is one version of each record so far; a later one comes with its own reader.
        return Err(unreadable(
            record,
            format!("its schema id is {id}, expected {schema_id}"),
        ));
    }
    R::decode_exact(body)
        .map(Some)
        .map_err(|e| unreadable(record, e.to_string()))
}

/// Reads partitions from their start to where they end now.
///
/// # Errors
/// When the log fails, `each` does, or nothing comes for too long.
pub fn read_to_end(
    clients: &dyn Clients,
    partitions: &[TopicPartition],
    stop: &Shutdown,
    each: &mut dyn FnMut(Record) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let ends = clients.ends()?.high_watermarks(partitions, SILENCE)?;
    let mut reader = clients.reader()?;
    let starts: Vec<_> = partitions.iter().map(|at| (at.clone(), 0)).collect();
    reader.assign(&starts)?;
    let goals: Vec<_> = partitions.iter().zip(ends).collect();
    catch_up(reader.as_mut(), &goals, stop, each)
}

/// Polls until every partition's position has reached its goal.
pub(crate) fn catch_up(
    reader: &mut dyn Reader,
    goals: &[(&TopicPartition, i64)],
    stop: &Shutdown,
    each: &mut dyn FnMut(Record) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let mut records = Vec::new();
    let mut progress = (Monotonic::now(), i64::MIN);
    loop {
        let positions = goals
            .iter()
            .map(|(at, goal)| (reader.position(at).unwrap_or(0), *goal));
        let (mut sum, mut reached) = (0, true);
        for (position, goal) in positions {
            sum += position;
            reached &= position >= goal;
        }
        if reached {
            return Ok(());
        }
        if stop.is_requested() {
            return Err(JournalError::Stopped);
        }
        if sum != progress.1 {
            progress = (Monotonic::now(), sum);
        } else if progress.0.elapsed() > SILENCE {
            let topic = goals
                .first()
                .map_or_else(String::new, |(at, _)| at.topic.to_string());
            return Err(JournalError::Stuck {
                topic,
                silence: SILENCE,
            });
        }
        reader.poll(POLL_RECORDS, POLL, &mut records)?;
        for record in records.drain(..) {
            each(record)?;
        }
    }
}
