//! Fills one partition of the next generation of a purpose's topic from the same partition of the one before.
//!
//! The first transaction fixes how far the source is looked through for what is live. Everything live below that is copied, then everything from
//! there on, record by record, retractions too; a retraction below it has nothing left to remove. How far the source is copied commits with the
//! copies, as the position of the group [`GROUP`], and the id is taken over by whoever owns the partition number: so nothing is lost or doubled,
//! whenever a copier dies.

use super::live::{Live, Said, Unclear};
use super::state::{GROUP, State, committed};
use crate::enforce::clients::Clients;
use crate::enforce::control_view::Setting;
use crate::enforce::planted::{PlantedFault, planted};
use std::sync::Arc;
use std::time::Duration;
use walbrook_domain::Instant;
use walbrook_event::{framing::frame, headers};
use walbrook_eventlog::{
    InputPosition, LogError, NewRecord, Reader, Record, TopicPartition, Transactor, chain, topics,
};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{GenerationBegun, GenerationEnded};

const POLL: Duration = Duration::from_millis(20);
const SCANNED_AT_ONCE: usize = 20_000;
const COPIED_AT_ONCE: usize = 5_000;
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// A copier cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The log failed: it begins again at what is committed.
    #[error("a generation cannot be copied on")]
    Log(#[from] LogError),
    /// A record cannot be understood.
    #[error(transparent)]
    Unclear(#[from] Unclear),
    /// A schema is not pinned, or what was committed is of another build.
    #[error("a generation cannot be copied: {problem}; is every broker of one build?")]
    Build {
        /// What is wrong.
        problem: String,
    },
}

/// What is to be copied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Task {
    /// The purpose.
    pub purpose: String,
    /// The generation that is filled.
    pub generation: u32,
    /// The partition.
    pub number: i32,
}

impl Task {
    /// The partition it is copied from.
    pub fn source(&self, setting: &Setting) -> TopicPartition {
        let topic = chain::topic(&self.purpose, self.generation - 1);
        TopicPartition::new(setting.namespace.name(&topic), self.number)
    }
}

/// What is known of the world outside while a step is taken.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The machine's clock, µs.
    pub now: Instant,
    /// Registry ids of the two marks.
    pub schemas: (i32, i32),
    /// Every partition number writes to the generation that is filled: of the source nothing is to come. With it, below which offset there only
    /// copies stand.
    pub ends: Option<i64>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There was something to do.
    Worked,
    /// Nothing is to be copied now.
    Idle,
    /// The source is ended.
    Ended,
}

enum Phase {
    /// What is live below the source's end is being found out.
    Looking(Live),
    /// Copying; of what stands below the source's end these offsets.
    Copying(Vec<i64>),
}

/// The copier of one partition.
pub struct Copier {
    task: Task,
    setting: Arc<Setting>,
    source: TopicPartition,
    target: Arc<str>,
    transactor: Box<dyn Transactor>,
    reader: Box<dyn Reader>,
    state: State,
    phase: Phase,
    /// What stands in the open transaction leads to this; and how many copies that are.
    written: Option<(State, u64)>,
    /// Copies committed and not yet counted.
    copied: u64,
}

impl Copier {
    /// Takes the copy over, where it stands; begins it where nobody has.
    ///
    /// # Errors
    /// When the log fails, or what is committed cannot be read.
    pub fn adopt(
        task: Task,
        clients: &dyn Clients,
        setting: &Arc<Setting>,
        now: Now,
    ) -> Result<Self, CopyError> {
        let namespace = &setting.namespace;
        let id = format!("{GROUP}.{}.{}", task.purpose, task.number);
        let mut transactor = clients.transactor(&namespace.name(&id));
        transactor.init()?;
        let source = task.source(setting);
        let target = namespace.name(&chain::topic(&task.purpose, task.generation));
        let state = match committed(&task, clients, setting)? {
            Some(state) => state,
            None => {
                let ends = clients
                    .ends()?
                    .high_watermarks(std::slice::from_ref(&source), REQUEST_WITHIN)?;
                let state = State {
                    position: 0,
                    source_end: ends.first().copied().unwrap_or(0),
                    ended: false,
                };
                let begun = GenerationBegun {
                    purpose: task.purpose.clone(),
                    generation: task.generation,
                    source_end: state.source_end,
                };
                let record = mark(&task, setting, (&target, now.schemas.0), now.now, &begun)?;
                write(transactor.as_mut(), vec![record])?;
                commit(transactor.as_mut(), setting, &source, &state)?;
                state
            }
        };
        let mut reader = clients.reader()?;
        let phase = if state.position < state.source_end {
            reader.assign(&[(source.clone(), 0)])?;
            Phase::Looking(Live::default())
        } else {
            reader.assign(&[(source.clone(), state.position)])?;
            Phase::Copying(Vec::new())
        };
        Ok(Self {
            task,
            setting: Arc::clone(setting),
            source,
            target: target.into(),
            transactor,
            reader,
            state,
            phase,
            written: None,
            copied: 0,
        })
    }

    /// What is committed.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Copies committed since this was asked last.
    pub const fn take_copied(&mut self) -> u64 {
        std::mem::replace(&mut self.copied, 0)
    }

    /// Does some of what is to be done. After an error the copier is thrown away, and the copy taken over again.
    ///
    /// # Errors
    /// When the log fails, or a record cannot be understood.
    pub fn step(&mut self, clients: &dyn Clients, now: Now) -> Result<Step, CopyError> {
        if self.state.ended {
            return Ok(Step::Ended);
        }
        if let Some((state, copies)) = self.written.take() {
            commit(
                self.transactor.as_mut(),
                &self.setting,
                &self.source,
                &state,
            )?;
            self.state = state;
            self.copied += copies;
            return Ok(Step::Worked);
        }
        match self.phase {
            Phase::Looking(_) => self.look(),
            Phase::Copying(_) => self.copy(clients, now),
        }
    }

    fn position(&self) -> i64 {
        self.reader
            .position(&self.source)
            .unwrap_or(self.state.position)
    }

    fn look(&mut self) -> Result<Step, CopyError> {
        let mut records = Vec::new();
        if self.position() < self.state.source_end {
            self.reader.poll(SCANNED_AT_ONCE, POLL, &mut records)?;
        }
        let Phase::Looking(live) = &mut self.phase else {
            return Ok(Step::Idle);
        };
        for record in &records {
            if record.offset < self.state.source_end {
                live.apply(
                    record.offset,
                    Said::read(record, self.setting.seal.as_ref())?,
                );
            }
        }
        let reached = self.reader.position(&self.source);
        if reached.unwrap_or(self.state.position) >= self.state.source_end {
            let mut offsets = std::mem::take(live).offsets();
            if planted(PlantedFault::CopyLacksOne) {
                offsets.pop();
            }
            self.phase = Phase::Copying(offsets);
            let from = (self.source.clone(), self.state.position);
            self.reader.assign(&[from])?;
        }
        Ok(Step::Worked)
    }

    fn copy(&mut self, clients: &dyn Clients, now: Now) -> Result<Step, CopyError> {
        let mut records = Vec::new();
        self.reader.poll(COPIED_AT_ONCE, POLL, &mut records)?;
        let copies: Vec<NewRecord> = records
            .iter()
            .filter(|record| self.is_copied(record))
            .map(|record| self.copied(record))
            .collect();
        let next = State {
            position: self.position(),
            ..self.state
        };
        if next.position > self.state.position {
            let count = u64::try_from(copies.len()).unwrap_or(u64::MAX);
            write(self.transactor.as_mut(), copies)?;
            if planted(PlantedFault::CopyWithoutPosition) {
                self.transactor.commit()?;
                self.transactor.begin()?;
            }
            self.written = Some((next, count));
            return Ok(Step::Worked);
        }
        let Some(first_live_offset) = now.ends else {
            return Ok(Step::Idle);
        };
        // Nothing comes after this end but what this copier writes.
        let source = std::slice::from_ref(&self.source);
        let ends = clients.ends()?.high_watermarks(source, REQUEST_WITHIN)?;
        if ends.first().is_none_or(|end| *end > self.state.position) {
            return Ok(Step::Idle);
        }
        let ended = GenerationEnded {
            purpose: self.task.purpose.clone(),
            next_generation: self.task.generation,
            first_live_offset,
        };
        let of = (&*self.source.topic, now.schemas.1);
        let record = mark(&self.task, &self.setting, of, now.now, &ended)?;
        write(self.transactor.as_mut(), vec![record])?;
        let ended = State {
            ended: true,
            ..next
        };
        self.written = Some((ended, 0));
        Ok(Step::Worked)
    }

    fn is_copied(&self, record: &Record) -> bool {
        if record.offset >= self.state.source_end || planted(PlantedFault::CopyOfWhatFell) {
            return true;
        }
        match &self.phase {
            Phase::Copying(live) => live.binary_search(&record.offset).is_ok(),
            Phase::Looking(_) => false,
        }
    }

    fn copied(&self, record: &Record) -> NewRecord {
        let mut headers = record.headers.clone();
        headers.set(chain::COPIED, record.offset.to_string());
        NewRecord {
            topic: Arc::clone(&self.target),
            partition: Some(self.task.number),
            key: record.key.clone(),
            value: record.value.clone(),
            headers,
            timestamp_ms: Some(record.timestamp_ms),
        }
    }
}

fn write(transactor: &mut dyn Transactor, records: Vec<NewRecord>) -> Result<(), LogError> {
    transactor.begin()?;
    for record in records {
        transactor.send(record)?;
    }
    transactor.drain().map(drop)
}

fn commit(
    transactor: &mut dyn Transactor,
    setting: &Setting,
    source: &TopicPartition,
    state: &State,
) -> Result<(), LogError> {
    let position = InputPosition {
        at: source.clone(),
        next_offset: state.position,
        metadata: state.metadata(),
    };
    transactor.send_positions(&setting.namespace.name(GROUP), &[position], None)?;
    transactor.commit()
}

/// A record that says where a generation begins or ends.
fn mark<R: AvroRecord>(
    task: &Task,
    setting: &Setting,
    (topic, schema_id): (&str, i32),
    now: Instant,
    record: &R,
) -> Result<NewRecord, CopyError> {
    let body = record.to_vec().map_err(|error| CopyError::Build {
        problem: error.to_string(),
    })?;
    let subject = setting.namespace.name(&topics::shared(&task.purpose));
    let mut pairs = headers::internal(R::FULL_NAME, "broker", None, None);
    let data_schema = format!("{subject}-{}/{schema_id}", R::FULL_NAME);
    pairs.push((headers::DATA_SCHEMA, data_schema));
    let day_ms = now.micros().div_euclid(1_000).div_euclid(DAY_MS) * DAY_MS;
    Ok(NewRecord {
        topic: topic.into(),
        partition: Some(task.number),
        // About nobody: the key only has to be there.
        key: Some(vec![0; 16].into()),
        value: Some(frame(schema_id, &body).into()),
        headers: pairs.into_iter().collect(),
        timestamp_ms: Some(day_ms),
    })
}
