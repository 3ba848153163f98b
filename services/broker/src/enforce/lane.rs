//! One p at work: its partition, its transactional id, and the steps between the log and the core.

use super::control_view::{ControlView, Setting};
use super::decide::Entropy;
use super::error::Stop;
use super::outgoing::Writer;
use super::partition::{Partition, Transaction};
use super::rebuild::{Rebuild, link_record};
use super::stamp::Stamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::Instant;
use walbrook_eventlog::{
    Ends, GroupGeneration, LogError, Positions, Reader, Record, Severity, TopicPartition,
    Transactor, topics,
};

/// How long a read of what is known to be there may take before p is given up for now.
const READ_PATIENCE: Duration = Duration::from_secs(60);
/// How long a single request may take.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// A gap between two wanted offsets over which seeking is cheaper than reading on.
const SEEK_OVER: i64 = 2_000;

/// The clients a broker makes on the log.
pub trait Clients: Send + Sync {
    /// A committed reader.
    ///
    /// # Errors
    /// When the log refuses it.
    fn reader(&self) -> Result<Box<dyn Reader>, LogError>;
    /// A transactional id (full name).
    fn transactor(&self, id: &str) -> Box<dyn Transactor>;
    /// High watermarks.
    ///
    /// # Errors
    /// When the log refuses it.
    fn ends(&self) -> Result<Box<dyn Ends>, LogError>;
    /// Committed positions.
    ///
    /// # Errors
    /// When the log refuses it.
    fn positions(&self) -> Result<Box<dyn Positions>, LogError>;
}

/// Why p cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The core said so.
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The log said so.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl LaneError {
    /// Whether building p again later may help. A log error always may: the next owner, or this one, starts from what is committed.
    pub fn may_pass(&self) -> bool {
        match self {
            LaneError::Stop(stop) => stop.may_pass(),
            LaneError::Log(error) => error.severity != Severity::Fatal,
        }
    }
}

/// One p at work.
pub struct Lane {
    partition: Partition,
    transactor: Box<dyn Transactor>,
    past: Option<Box<dyn Reader>>,
}

/// The raw topics of a broker: plain name and full name, in the pinned order.
pub fn raw_topics(setting: &Setting) -> Vec<(String, Arc<str>)> {
    topics::RAW
        .iter()
        .map(|plain| ((*plain).to_owned(), setting.namespace.name(plain).into()))
        .collect()
}

impl Lane {
    /// Takes p over: fences and aborts what a former owner left open, then builds p from the log exactly to its committed positions.
    ///
    /// # Errors
    /// When the log fails or what stands on it does not hold together.
    pub fn adopt(
        number: i32,
        clients: &dyn Clients,
        control: &dyn ControlView,
        setting: &Setting,
    ) -> Result<Self, LaneError> {
        let group = setting.namespace.name("broker");
        let mut transactor =
            clients.transactor(&setting.namespace.name(&format!("broker.{number}")));
        transactor.init()?;
        let raw = raw_topics(setting);
        let links = TopicPartition::new(setting.namespace.name(topics::LINKS), number);
        let decisions = TopicPartition::new(setting.namespace.name(topics::DECISIONS), number);
        let mut asked: Vec<TopicPartition> = raw
            .iter()
            .map(|(_, full)| TopicPartition::new(Arc::clone(full), number))
            .collect();
        asked.push(links.clone());
        let committed = clients
            .positions()?
            .committed(&group, &asked, true, REQUEST_PATIENCE)?;
        let stamp = match committed.last() {
            Some(entry) if entry.at == links => match entry.offset {
                Some(offset) => Some(Stamp::parse(offset, &entry.metadata).map_err(|error| {
                    Stop::Integrity {
                        partition: number,
                        problem: error.to_string(),
                    }
                })?),
                None => None,
            },
            _ => None,
        };
        let positions: HashMap<String, Option<i64>> = committed
            .iter()
            .map(|entry| (entry.at.topic.to_string(), entry.offset))
            .collect();
        let mut ends = clients.ends()?;
        let ends: HashMap<TopicPartition, i64> = {
            let mut all = asked.clone();
            all.push(decisions.clone());
            let found = ends.high_watermarks(&all, REQUEST_PATIENCE)?;
            all.into_iter().zip(found).collect()
        };
        let partition = Partition::new(number, raw);
        let mut rebuild = Rebuild::new(partition, control, setting);
        let mut reader = clients.reader()?;
        for at in &asked {
            // What is not committed is not of this p yet. Where the group knows nothing but pages exist, the pages say how far p has come, and
            // reading further is harmless: the index may run ahead, and links are applied only up to each page's stamp.
            let end = ends.get(at).copied().unwrap_or(0);
            let to = positions
                .get(&*at.topic)
                .copied()
                .flatten()
                .unwrap_or(if stamp.is_some() { 0 } else { end });
            read_range(reader.as_mut(), at, to, |record| {
                if *at == links {
                    rebuild.link(record)
                } else {
                    rebuild.raw(record)
                }
            })?;
        }
        let end = ends.get(&decisions).copied().unwrap_or(0);
        read_range(reader.as_mut(), &decisions, end, |record| {
            rebuild.page(record)
        })?;
        let partition = rebuild.finish(stamp.as_ref(), &positions)?;
        Ok(Self {
            partition,
            transactor,
            past: None,
        })
    }

    /// The partition.
    pub const fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Whether its committed positions are still these: then nobody else has worked on p, and it need not be built again.
    pub fn is_at(&self, stamp: &Stamp) -> bool {
        self.partition.stamp() == stamp
    }

    /// Applies link records read from `control.links[p]` up to `next`.
    ///
    /// # Errors
    /// When a record cannot be used.
    pub fn apply_links(&mut self, records: &[Record], next: i64) -> Result<(), LaneError> {
        let number = self.partition.number();
        let links = records
            .iter()
            .map(|record| link_record(number, record))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Stop::Link)?;
        self.partition.apply_links(links, next);
        Ok(())
    }

    /// Whether there is anything to commit without events.
    pub fn behind(&self, control: &dyn ControlView) -> bool {
        self.partition.behind(control)
    }

    /// Whether that is more than markers passed.
    pub fn is_urgent(&self, control: &dyn ControlView) -> bool {
        self.partition.is_urgent(control)
    }

    /// Decides a batch. The caller holds the control plane still from before this call to its end. After an error p must be adopted again.
    ///
    /// # Errors
    /// When something is missing or wrong.
    pub fn decide(
        &mut self,
        records: Vec<Record>,
        control: &dyn ControlView,
        setting: &Setting,
        clients: &dyn Clients,
        now: Instant,
        entropy: &mut dyn Entropy,
    ) -> Result<Transaction, LaneError> {
        let cut = self.partition.cut(records, control, setting, now)?;
        let plan = self.partition.plan(control);
        let past = self.past(&plan.wanted, clients)?;
        let writer = Writer {
            setting,
            control,
            now,
        };
        Ok(self.partition.decide(cut, plan, &past, writer, entropy)?)
    }

    fn past(
        &mut self,
        wanted: &[(usize, i64)],
        clients: &dyn Clients,
    ) -> Result<BTreeMap<(usize, i64), Record>, LaneError> {
        let mut found = BTreeMap::new();
        if wanted.is_empty() {
            return Ok(found);
        }
        if self.past.is_none() {
            self.past = Some(clients.reader()?);
        }
        let Some(reader) = self.past.as_mut() else {
            return Ok(found);
        };
        let topics: Vec<Arc<str>> = self
            .partition
            .positions()
            .map(|(full, _)| Arc::clone(full))
            .collect();
        let mut wanted = wanted.iter().copied().peekable();
        while let Some((index, offset)) = wanted.next() {
            let Some(topic) = topics.get(index) else {
                continue;
            };
            let mut run = vec![offset];
            let mut last = offset;
            while let Some((_, next)) =
                wanted.next_if(|(other, next)| *other == index && next - last < SEEK_OVER)
            {
                run.push(next);
                last = next;
            }
            let at = TopicPartition::new(Arc::clone(topic), self.partition.number());
            read_span(reader.as_mut(), &at, offset, last + 1, |record| {
                if run.binary_search(&record.offset).is_ok() {
                    found.insert((index, record.offset), record.clone());
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// Commits what was decided. After an error p must be adopted again, whatever the error says: what stands is what is committed.
    ///
    /// # Errors
    /// When the log refuses or its answer is not known.
    pub fn commit(
        &mut self,
        transaction: Transaction,
        group: &str,
        generation: Option<&dyn GroupGeneration>,
    ) -> Result<Transaction, LaneError> {
        if let Err(error) = self.write(&transaction, group, generation) {
            if error.severity == Severity::Abort {
                // Spares readers the wait for the timeout; init of the next transactor would abort it too.
                if let Err(abort) = self.transactor.abort() {
                    tracing::debug!(%abort, "the transaction is left to its next owner");
                }
            }
            return Err(error.into());
        }
        self.partition.committed(&transaction);
        Ok(transaction)
    }

    fn write(
        &mut self,
        transaction: &Transaction,
        group: &str,
        generation: Option<&dyn GroupGeneration>,
    ) -> Result<(), LogError> {
        self.transactor.begin()?;
        for record in &transaction.records {
            self.transactor.send(record.clone())?;
        }
        self.transactor.drain()?;
        self.transactor
            .send_positions(group, &transaction.positions, generation)?;
        self.transactor.commit()
    }
}

/// Reads a partition from its start to `to`, exactly.
fn read_range(
    reader: &mut dyn Reader,
    at: &TopicPartition,
    to: i64,
    each: impl FnMut(&Record) -> Result<(), Stop>,
) -> Result<(), LaneError> {
    read_span(reader, at, 0, to, each)
}

fn read_span(
    reader: &mut dyn Reader,
    at: &TopicPartition,
    from: i64,
    to: i64,
    mut each: impl FnMut(&Record) -> Result<(), Stop>,
) -> Result<(), LaneError> {
    if from >= to {
        return Ok(());
    }
    reader.assign(&[(at.clone(), from)])?;
    let mut deadline = Monotonic::now() + READ_PATIENCE;
    let mut records = Vec::new();
    let mut before = from;
    loop {
        reader.poll(1_000, Duration::from_millis(100), &mut records)?;
        for record in records.drain(..) {
            if record.at != *at {
                continue;
            }
            if record.offset < to {
                each(&record)?;
            }
            if record.offset + 1 >= to {
                return Ok(());
            }
        }
        let position = reader.position(at).unwrap_or(from);
        if position >= to {
            return Ok(());
        }
        if position > before {
            before = position;
            deadline = Monotonic::now() + READ_PATIENCE;
        }
        if Monotonic::now() > deadline {
            return Err(LogError::new(
                Severity::Transient,
                "read what is committed",
                at.to_string(),
                format!("stuck at offset {position}, {to} was to be reached"),
            )
            .into());
        }
    }
}
