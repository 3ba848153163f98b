//! Identity's two topics: how its records stand there, how they are written in one transaction and read back.

mod sheet;

pub use sheet::Sheet;

use crate::error::JournalError;
use crate::linkage::{Changes, Index};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::Instant;
use walbrook_event::framing;
use walbrook_eventlog::{
    Ends, GroupReader, InputPosition, LogError, Namespace, NewRecord, Positions, Reader, Record,
    TopicPartition, Transactor, topics,
};
use walbrook_proto::avro::AvroRecord;
use walbrook_runtime::shutdown::Shutdown;

/// The transactional id and the group that says whose it is, without the namespace: there is one writer.
pub const TRANSACTIONAL_ID: &str = "identity";
/// `transaction.timeout.ms`: how long a dead writer holds back the readers of `control.links`.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the group waits for a silent member.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// Reading gives up when nothing came for so long.
const SILENCE: Duration = Duration::from_secs(30);
pub(crate) const POLL: Duration = Duration::from_millis(100);
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
    /// Committed positions of groups.
    ///
    /// # Errors
    /// When the settings are refused.
    fn positions(&self) -> Result<Box<dyn Positions>, LogError>;
    /// A member of this group (full name) over this topic (full name); `None` where there is no group: then whoever comes takes over.
    ///
    /// # Errors
    /// When the settings are refused.
    fn member(&self, group: &str, topic: &str) -> Result<Option<Box<dyn GroupReader>>, LogError> {
        let _ = (group, topic);
        Ok(None)
    }
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
        Box::new(self.transactor(id, TRANSACTION_TIMEOUT).in_waves())
    }

    fn positions(&self) -> Result<Box<dyn Positions>, LogError> {
        Ok(Box::new(self.positions()))
    }

    fn member(&self, group: &str, topic: &str) -> Result<Option<Box<dyn GroupReader>>, LogError> {
        let member = self.group_reader(group, &[topic], SESSION_TIMEOUT)?;
        Ok(Some(Box::new(member)))
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

    /// Where it stands how far everybody was compared: with the group that says who writes, so that it is kept for as long as somebody does.
    pub fn progress_group(&self) -> String {
        self.namespace.name(TRANSACTIONAL_ID)
    }

    /// All records of a batch.
    ///
    /// # Errors
    /// When a record cannot be encoded.
    pub fn records(
        &self,
        index: &Index,
        changes: &Changes,
        now: Instant,
    ) -> Result<Vec<NewRecord>, JournalError> {
        let sheet = Sheet::new(index, changes, now);
        let mut records = Vec::with_capacity(sheet.len());
        sheet.write(self, &mut |record| {
            records.push(record);
            Ok(())
        })?;
        Ok(records)
    }
}

/// Where the records of a transaction stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// For each partition of `control.links` written, the offset after the last record.
    pub links: Vec<(i32, i64)>,
    /// The same of `identity.records`.
    pub identity: Option<i64>,
}

/// Writes a batch in one transaction; with it, where everybody was compared up to, where that is news.
///
/// # Errors
/// When the transaction did not come about, or it is not known whether it did.
pub fn write(
    transactor: &mut dyn Transactor,
    format: &Format,
    sheet: &Sheet,
    progress: Option<InputPosition>,
) -> Result<Written, JournalError> {
    transactor.begin()?;
    sheet.write(format, &mut |record| Ok(transactor.send(record)?))?;
    let delivered = transactor.drain()?;
    if let Some(progress) = progress {
        transactor.send_positions(&format.progress_group(), &[progress], None)?;
    }
    transactor.commit()?;
    let links_topic = format.namespace.name(topics::LINKS);
    let mut written = Written::default();
    let mut positions: HashMap<i32, i64> = HashMap::new();
    for (at, offset) in delivered {
        if *at.topic == *links_topic {
            let next = positions.entry(at.partition).or_insert(0);
            *next = (*next).max(offset + 1);
        } else {
            written.identity = written.identity.max(Some(offset + 1));
        }
    }
    written.links = positions.into_iter().collect();
    written.links.sort_unstable();
    Ok(written)
}

pub(crate) fn unreadable(record: &Record, problem: String) -> JournalError {
    JournalError::Unreadable {
        at: format!("{}@{}", record.at, record.offset),
        problem,
    }
}

pub(crate) fn decode<R: AvroRecord>(
    record: &Record,
    schema_id: i32,
) -> Result<Option<R>, JournalError> {
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
    let mut progress = Progress::new();
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
        if let Some((first, _)) = goals.first() {
            progress.made(sum, first, stop)?;
        }
        reader.poll(POLL_RECORDS, POLL, &mut records)?;
        for record in records.drain(..) {
            each(record)?;
        }
    }
}

/// Whether reading gets on.
pub(crate) struct Progress {
    since: Monotonic,
    sum: i64,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            since: Monotonic::now(),
            sum: i64::MIN,
        }
    }

    /// Notes the sum of all positions.
    ///
    /// # Errors
    /// When it stays the same for too long, or whoever reads is asked to stop.
    pub(crate) fn made(
        &mut self,
        sum: i64,
        of: &TopicPartition,
        stop: &Shutdown,
    ) -> Result<(), JournalError> {
        if stop.is_requested() {
            return Err(JournalError::Stopped);
        }
        if sum != self.sum {
            *self = Self {
                since: Monotonic::now(),
                sum,
            };
        } else if self.since.elapsed() > SILENCE {
            return Err(JournalError::Stuck {
                topic: of.topic.to_string(),
                silence: SILENCE,
            });
        }
        Ok(())
    }
}
