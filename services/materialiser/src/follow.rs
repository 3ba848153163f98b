//! Follows `shared.<purpose>`: reads committed records, folds them, and keeps the store in step.

mod chained;
mod sweep;

use crate::audit::{Audit, AuditError};
use crate::clock::now;
use crate::keeping::Keeping;
use crate::metrics::Metrics;
use crate::notices::Causes;
use crate::setup::topic_of;
use crate::shelf::Shelf;
use crate::store::{Owed, Store, StoreError, owed_for, owed_key};
use crate::trace;
use crate::versions::{Version, Versions, VersionsError};
use crate::voice::Voice;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::Day;
use walbrook_event::{Found, Seal, framing, headers};
use walbrook_eventlog::{LogError, Reader, Record, Severity, TopicPartition, chain};
use walbrook_proto::audit::v1::Removal;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1 as records;
use walbrook_runtime::readiness::Readiness;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_view::wire::{self, Names, Needs, SharedRecord, SharedSchema};
use walbrook_view::{Change, Input, Removed};

const POLL: Duration = Duration::from_millis(20);
const POLL_RECORDS: usize = 2_000;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);
/// A start is over by then: what has time waits until it is.
const STARTS_WITHIN: Duration = Duration::from_secs(3);
/// Between two looks whether the store is still there.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// Following stopped: nothing after this record is applied, and reads refuse once the bound is over.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log failed for good.
    #[error("the shared topic cannot be read")]
    Log(#[from] LogError),
    /// The store failed.
    #[error("the view store failed")]
    Store(#[from] StoreError),
    /// The folder of its versions failed.
    #[error(transparent)]
    Versions(#[from] VersionsError),
    /// The audit log failed.
    #[error("a removal cannot be put on record")]
    Audit(#[from] AuditError),
    /// A record is not of the contract.
    #[error("the record at {at}/{offset} cannot be read: {problem}")]
    Record {
        /// Topic and partition.
        at: String,
        /// Offset.
        offset: i64,
        /// What is wrong. Never a value.
        problem: String,
    },
}

/// Finds the text of a schema by its registry id; `None` when there is no such id, an error when nobody answers.
pub type SchemaText = Box<dyn Fn(i32) -> Result<Option<String>, String> + Send>;

/// Everything a follower works with.
pub struct Follower {
    /// Where it says whether it follows.
    pub part: &'static str,
    /// Full name of the first generation's topic.
    pub topic: Arc<str>,
    /// The generation that the state was begun in: copies in later ones are of what it has.
    pub began_in: u32,
    /// The state.
    pub shelf: Arc<Shelf>,
    /// The store behind it.
    pub store: Store,
    /// Which version of the purpose's views that is.
    pub version: Version,
    /// The others.
    pub versions: Versions,
    /// How long anything may be kept.
    pub keeping: Keeping,
    /// Whether it speaks for its views yet.
    pub voice: Arc<Voice>,
    /// When it last looked whether the store is there.
    pub looked: Monotonic,
    /// The reader.
    pub reader: Box<dyn Reader>,
    /// Where schemas are found.
    pub schema_text: SchemaText,
    /// The seam through which bodies are opened.
    pub seal: Arc<dyn Seal>,
    /// What the views of the purpose need.
    pub needs: Needs,
    /// The views of the purpose: each has its removals on record.
    pub views: Vec<String>,
    /// Where removals are written.
    pub audit: Arc<Audit>,
    /// What fell, for those who were shown it.
    pub causes: Arc<Causes>,
    /// Its numbers.
    pub metrics: Metrics,
    /// Schemas seen.
    pub schemas: HashMap<i32, Arc<SharedSchema>>,
    /// Words seen.
    pub names: Names,
    /// Records of a batch by partition: kept for the next one, so that its room is not given back and asked for again each time.
    pub inputs: Vec<Vec<Applied>>,
}

/// A record to be applied: where it stands, what it is named by as a cause, and what it says.
pub type Applied = (i64, i64, Input);

fn unreadable(record: &Record, problem: impl Into<String>) -> FollowError {
    FollowError::Record {
        at: record.at.to_string(),
        offset: record.offset,
        problem: problem.into(),
    }
}

impl Follower {
    /// Follows until shutdown. Blocks; for a thread. Says whether everything that is owed to the audit log is written.
    ///
    /// # Errors
    /// When it cannot go on without losing or guessing something.
    pub fn run(mut self, readiness: &Readiness, stop: &Shutdown) -> Result<bool, FollowError> {
        self.start()?;
        self.store.begun(self.keeping.today())?;
        self.settle()?;
        if !self.voice.is_silent() {
            readiness.ready(self.part);
        }
        let began = Monotonic::now();
        let mut records = Vec::new();
        while !stop.is_requested() {
            records.clear();
            match self.reader.poll(POLL_RECORDS, POLL, &mut records) {
                Ok(()) => {}
                Err(error) if error.severity == Severity::Transient => {
                    tracing::warn!(%error, "the shared topic is not read for now");
                    std::thread::sleep(PAUSE_AFTER_FAILURE);
                }
                Err(error) => return Err(error.into()),
            }
            self.batch(&records, stop)?;
            let idle = records.len() < POLL_RECORDS / 2 && began.elapsed() > STARTS_WITHIN;
            self.sweep(idle)?;
            if self.looked.elapsed() > LOOKS_EVERY {
                self.looked = Monotonic::now();
                self.store.stands()?;
                self.settle()?;
            }
        }
        self.settle()?;
        Ok(self.store.owed()?.is_empty())
    }

    fn start(&mut self) -> Result<(), FollowError> {
        let starts: Vec<(TopicPartition, i64)> = self
            .shelf
            .partitions()
            .iter()
            .zip(0..)
            .map(|(held, number)| {
                let (generation, offset) = chain::split(held.read().next_offset);
                (self.at(generation, number), offset)
            })
            .collect();
        Ok(self.reader.assign(&starts)?)
    }

    fn at(&self, generation: u32, partition: i32) -> TopicPartition {
        TopicPartition::new(topic_of(&self.topic, generation), partition)
    }

    fn batch(&mut self, records: &[Record], stop: &Shutdown) -> Result<(), FollowError> {
        let mut inputs = std::mem::take(&mut self.inputs);
        inputs.resize_with(self.shelf.partitions().len(), Vec::new);
        let shelf = Arc::clone(&self.shelf);
        let held = shelf.partitions().iter();
        let generations: Vec<u32> = held
            .map(|of| chain::split(of.read().next_offset).0)
            .collect();
        let ended = self.read(records, (&mut inputs, &generations), stop)?;
        let all = (0..).zip(&generations);
        let all: Vec<TopicPartition> = all
            .map(|(of, generation)| self.at(*generation, of))
            .collect();
        let positions = self.reader.positions(&all).into_iter().zip(&generations);
        let mut owed = false;
        let of_partitions = inputs.iter_mut().zip(positions).zip(0..);
        for (held, ((inputs, (position, generation)), number)) in
            shelf.partitions().iter().zip(of_partitions)
        {
            // Markers and aborted records move the position on without a record; so does the end of a generation.
            let position = chain::position(*generation, position.unwrap_or(0));
            let position = ended.get(&number).copied().unwrap_or(position);
            let behind = held.read().next_offset;
            if inputs.is_empty() && position <= behind {
                continue;
            }
            let mut changes = Vec::with_capacity(inputs.len());
            let mut removals = Vec::new();
            let next_offset = {
                let mut held = held.write();
                for (place, cause, input) in inputs.drain(..) {
                    if let Some(removed) = held.state.apply(input, &mut changes) {
                        removals.push((cause, removed));
                    }
                    held.next_offset = place + 1;
                }
                held.next_offset = held.next_offset.max(position);
                shelf.mark(number, &changes);
                held.next_offset
            };
            owed |= !removals.is_empty();
            self.keep(number, next_offset, changes, &removals)?;
            self.store.tidy(number, &held.read().state)?;
        }
        self.inputs = inputs;
        shelf.publish();
        if owed {
            self.settle()?;
        }
        if !ended.is_empty() {
            self.start()?;
        }
        self.metrics.followed(&shelf.topic, records.len());
        Ok(())
    }

    /// What the records say, by partition; and where partitions go on whose generation is ended.
    fn read(
        &mut self,
        records: &[Record],
        (inputs, generations): (&mut [Vec<Applied>], &[u32]),
        stop: &Shutdown,
    ) -> Result<BTreeMap<i32, i64>, FollowError> {
        let (agreements, today) = (self.keeping.agreements(), self.keeping.today());
        let mut ended = BTreeMap::new();
        for record in records {
            let of = usize::try_from(record.at.partition);
            let of = of.unwrap_or(usize::MAX);
            let generation = generations.get(of).copied().unwrap_or(chain::FIRST);
            let Some(cause) = self.cause(generation, record) else {
                continue;
            };
            let headers = record.headers.iter();
            let found: Found<'_> = headers.map(|header| (header.name, header.value)).collect();
            if let Some(next) = chained::goes_on_at(record, &found)? {
                ended.insert(record.at.partition, next);
                continue;
            }
            let input = trace::applying(&found).in_scope(|| self.input(record, &found, stop))?;
            let input = self.keeping.admit(input, &agreements, today);
            let of = inputs.get_mut(of).ok_or_else(|| {
                unreadable(record, "the topic had no such partition at the start")
            })?;
            of.push((chain::position(generation, record.offset), cause, input));
        }
        Ok(ended)
    }

    fn keep(
        &self,
        partition: i32,
        next_offset: i64,
        changes: Vec<Change>,
        removals: &[(i64, Removed)],
    ) -> Result<(), FollowError> {
        let mut owed: Vec<Owed> = Vec::new();
        for (offset, removed) in removals {
            self.shelf.removed(removed.contributions, removed.people);
            owed.extend(Causes::entries(partition, *offset, removed));
            self.metrics
                .removed(&self.shelf.topic, removed.contributions);
            let counts = (removed.contributions, removed.people);
            owed.extend(self.owed(partition, *offset, counts, (&removed.reason, None))?);
        }
        if changes.is_empty() && owed.is_empty() {
            // Only markers: the position is found again by reading over them.
            return Ok(());
        }
        self.store.commit(partition, next_offset, changes, owed)?;
        for (_, removed) in removals {
            self.causes.fell(removed);
        }
        Ok(())
    }

    /// What each view has to say of something that left because of the record at an offset.
    fn owed(
        &self,
        partition: i32,
        offset: i64,
        (contributions, rows): (u64, u64),
        (reason, past_on): (&str, Option<Day>),
    ) -> Result<Vec<Owed>, FollowError> {
        let date = past_on.and_then(|day| walbrook_proto::common::v1::Date::from_days(day.0));
        let mut owed = Vec::new();
        for view in &self.views {
            let removal = Removal {
                view: view.clone(),
                cause_topic: self.shelf.topic.clone(),
                cause_partition: partition,
                cause_offset: offset,
                contributions: i64::try_from(contributions).unwrap_or(i64::MAX),
                rows: i64::try_from(rows).unwrap_or(i64::MAX),
                complete: false,
                recorded_at: Some(crate::clock::timestamp(now())),
                reason: reason.to_owned(),
                past_on: date,
            };
            let of = past_on.map_or_else(|| view.clone(), |day| format!("{view}/{day}"));
            owed.push((
                owed_key(partition, offset, &of),
                Audit::removal_body(&removal)?,
            ));
        }
        Ok(owed)
    }

    /// Writes the removals that are owed, but for those of which the version before it spoke. Written twice after a kill, they name the same cause twice.
    fn settle(&self) -> Result<(), FollowError> {
        let Some(from) = self.voice.speaks_from() else {
            return Ok(());
        };
        let owed = self.store.owed()?;
        if owed.is_empty() {
            return Ok(());
        }
        let mut keys = Vec::new();
        let mut bodies = Vec::new();
        for (key, body) in owed {
            if owed_for(&key).is_some_and(|cause| from.is_said(cause)) {
                keys.push(key);
                continue;
            }
            let view = Removal::decode_exact(&body).map(|removal| removal.view);
            bodies.push((view.map_err(AuditError::from)?, body));
            keys.push(key);
        }
        match self.audit.removals_blocking(bodies, now()) {
            Ok(()) => Ok(self.store.settle(keys)?),
            // They are kept and written with the next ones, or at the next start.
            Err(AuditError::Log(error)) if error.severity == Severity::Transient => {
                tracing::warn!(%error, "removals are owed to the audit log");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn input(
        &mut self,
        record: &Record,
        found: &Found<'_>,
        stop: &Shutdown,
    ) -> Result<Input, FollowError> {
        let unreadable = |problem: String| unreadable(record, problem);
        let kind = found.text(headers::TYPE).unwrap_or_default();
        let (schema_id, body) = framing::unframe(record.value.as_deref())
            .map_err(|error| unreadable(error.to_string()))?;
        let internal = [
            records::Retraction::FULL_NAME,
            records::SubjectRecord::FULL_NAME,
            records::Heartbeat::FULL_NAME,
            records::GenerationBegun::FULL_NAME,
        ];
        let release = !internal.contains(&kind);
        let is_needed = release
            && self
                .names
                .event_type(kind)
                .is_ok_and(|event_type| self.needs.contains_key(&event_type));
        let schema = if is_needed {
            Some(self.schema(schema_id, stop).map_err(unreadable)?)
        } else {
            None
        };
        // Internal records are sealed like releases; a release that no view needs is not decoded, so its key may be gone.
        let decoded = schema.is_some() || !release;
        let opened = match found.text(headers::KEY) {
            Some(key_id) if decoded => {
                let handle = found.text(headers::HANDLE).unwrap_or_default();
                let subject = hex::decode(handle).unwrap_or_default();
                self.seal
                    .look(&subject, key_id, body)
                    .map_err(|error| unreadable(error.to_string()))?
            }
            _ => Cow::Borrowed(body),
        };
        let read = wire::read_with(
            &SharedRecord {
                key: record.key.as_deref().unwrap_or_default(),
                header: &|name| found.get(name),
                timestamp_ms: record.timestamp_ms,
                body: &opened,
                schema: schema.as_deref(),
            },
            &self.needs,
            &mut self.names,
        );
        read.map_err(|error| unreadable(error.to_string()))
    }

    /// The schema of an id. A registry that does not answer is waited for: nothing is skipped and nothing guessed.
    fn schema(&mut self, id: i32, stop: &Shutdown) -> Result<Arc<SharedSchema>, String> {
        if let Some(schema) = self.schemas.get(&id) {
            return Ok(Arc::clone(schema));
        }
        let text = loop {
            match (self.schema_text)(id) {
                Ok(Some(text)) => break text,
                Ok(None) => return Err(format!("the registry has no schema {id}")),
                Err(problem) if stop.is_requested() => return Err(problem),
                Err(problem) => {
                    tracing::warn!(problem, "waiting for the schema registry");
                    std::thread::sleep(PAUSE_AFTER_FAILURE);
                }
            }
        };
        let schema = Arc::new(SharedSchema::parse(&text).map_err(|error| error.to_string())?);
        self.schemas.insert(id, Arc::clone(&schema));
        Ok(schema)
    }
}
