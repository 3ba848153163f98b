//! The clients a broker makes on the log, and the reading that is done with them for one p.

use super::control_view::{ControlView, Setting};
use super::error::Stop;
use super::feed::Feed;
use super::lane::{LaneError, Past};
use super::machine::Built;
use super::partition::Partition;
use super::planted::{PlantedFault, planted};
use super::rebuild::Rebuild;
use super::snapshot::Snapshots;
use super::stamp::CommittedStamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_eventlog::{
    Ends, LogError, Positions, Reader, Record, Severity, TopicPartition, Transactor, topics,
};

/// How long a read of what is known to be there may stand still before p is given up for now.
const READ_PATIENCE: Duration = Duration::from_secs(60);
/// How long a single request may take.
pub(super) const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
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

/// The raw topics of a broker: plain name and full name, in the pinned order.
pub fn raw_topics(setting: &Setting) -> Vec<(String, Arc<str>)> {
    topics::RAW
        .iter()
        .map(|plain| ((*plain).to_owned(), setting.namespace.name(plain).into()))
        .collect()
}

/// p taken over.
pub struct Adopted {
    /// p, built from the log exactly to its committed positions.
    pub partition: Partition,
    /// Its transactional id, initialised: what a former owner left open is aborted, and the former owner fenced.
    pub transactor: Box<dyn Transactor>,
    /// Records read for it: raw, links and pages.
    pub records_read: u64,
    /// Whether a snapshot stood for the older part.
    pub from_snapshot: bool,
}

/// What is committed for `control.links[p]`, and with it how far p has come; `None` when nothing is.
///
/// # Errors
/// When the log does not answer, or says what this version cannot read.
pub fn committed_stamp(
    number: i32,
    clients: &dyn Clients,
    setting: &Setting,
) -> Result<Option<CommittedStamp>, LaneError> {
    let at = TopicPartition::new(setting.namespace.name(topics::LINKS), number);
    let group = setting.namespace.name("broker");
    let found = clients
        .positions()?
        .committed(&group, &[at], true, REQUEST_PATIENCE)?;
    match found
        .first()
        .and_then(|entry| entry.offset.zip(Some(entry)))
    {
        Some((offset, entry)) => Ok(Some(stamp(number, offset, &entry.metadata)?)),
        None => Ok(None),
    }
}

fn stamp(number: i32, offset: i64, metadata: &str) -> Result<CommittedStamp, Stop> {
    CommittedStamp::parse(offset, metadata).map_err(|error| Stop::Integrity {
        partition: number,
        problem: error.to_string(),
    })
}

/// Takes p over: fences and aborts what a former owner left open, then builds p from the log exactly to its committed positions. The control plane must
/// have come as far as its end was before: what p has decided rests on agreements up to its stamp.
///
/// # Errors
/// When the log fails or what stands on it does not hold together.
pub fn adopt(
    number: i32,
    clients: &dyn Clients,
    control: &dyn ControlView,
    setting: &Setting,
) -> Result<Adopted, LaneError> {
    adopt_from(number, clients, control, setting, None)
}

/// The same, beginning where a snapshot ends if there is one to go on from.
///
/// # Errors
/// As [`adopt`].
pub fn adopt_from(
    number: i32,
    clients: &dyn Clients,
    control: &dyn ControlView,
    setting: &Setting,
    snapshots: Option<&dyn Snapshots>,
) -> Result<Adopted, LaneError> {
    let mut transactor = clients.transactor(&setting.namespace.name(&format!("broker.{number}")));
    transactor.init()?;
    let past = Committed::ask(number, clients, setting)?;
    let loaded = snapshots.and_then(|snapshots| past.loaded(snapshots, setting));
    if let Some(partition) = loaded {
        match past.replay(partition, clients, control, setting) {
            Err(LaneError::Stop(stop)) if !stop.may_pass() => {
                tracing::warn!(partition = number, %stop, "{PASSED_OVER}");
            }
            replayed => {
                return replayed.map(|(partition, records_read)| Adopted {
                    partition,
                    transactor,
                    records_read,
                    from_snapshot: true,
                });
            }
        }
    }
    let (partition, records_read) = past.replay(past.empty(), clients, control, setting)?;
    Ok(Adopted {
        partition,
        transactor,
        records_read,
        from_snapshot: false,
    })
}

const PASSED_OVER: &str = "p's snapshot is passed over; its whole history is read";

/// What is committed of p, and where the log ends.
struct Committed {
    number: i32,
    raw: Vec<(String, Arc<str>)>,
    links: TopicPartition,
    decisions: TopicPartition,
    stamp: Option<CommittedStamp>,
    positions: HashMap<String, Option<i64>>,
    ends: HashMap<TopicPartition, i64>,
}

impl Committed {
    fn ask(number: i32, clients: &dyn Clients, setting: &Setting) -> Result<Self, LaneError> {
        let raw = raw_topics(setting);
        let links = TopicPartition::new(setting.namespace.name(topics::LINKS), number);
        let decisions = TopicPartition::new(setting.namespace.name(topics::DECISIONS), number);
        let mut asked: Vec<TopicPartition> = raw
            .iter()
            .map(|(_, full)| TopicPartition::new(Arc::clone(full), number))
            .collect();
        asked.push(links.clone());
        let group = setting.namespace.name("broker");
        let committed = clients
            .positions()?
            .committed(&group, &asked, true, REQUEST_PATIENCE)?;
        let stamp = match committed.last() {
            Some(entry) if entry.at == links => match entry.offset {
                Some(offset) => Some(stamp(number, offset, &entry.metadata)?),
                None => None,
            },
            _ => None,
        };
        let positions = committed
            .iter()
            .map(|entry| (entry.at.topic.to_string(), entry.offset))
            .collect();
        asked.push(decisions.clone());
        let found = clients.ends()?.high_watermarks(&asked, REQUEST_PATIENCE)?;
        Ok(Self {
            number,
            raw,
            links,
            decisions,
            stamp,
            positions,
            ends: asked.into_iter().zip(found).collect(),
        })
    }

    fn empty(&self) -> Partition {
        Partition::new(self.number, self.raw.clone())
    }

    /// p as its snapshot has it, where it may be gone on from.
    fn loaded(&self, snapshots: &dyn Snapshots, setting: &Setting) -> Option<Partition> {
        let partition = match snapshots.load(self.empty(), setting) {
            Ok(loaded) => loaded?,
            Err(error) => {
                tracing::warn!(partition = self.number, %error, "{PASSED_OVER}");
                return None;
            }
        };
        let at = [&self.links, &self.decisions];
        let obstacle = partition.obstacle(&self.stamp, &self.positions, &self.ends, at);
        if let Some(why) = obstacle
            && !planted(PlantedFault::SnapshotTakenAtItsWord)
        {
            tracing::warn!(partition = self.number, %why, "{PASSED_OVER}");
            return None;
        }
        Some(partition)
    }

    /// Reads what is committed and not in p yet. Returns how many records that were.
    fn replay(
        &self,
        partition: Partition,
        clients: &dyn Clients,
        control: &dyn ControlView,
        setting: &Setting,
    ) -> Result<(Partition, u64), LaneError> {
        if planted(PlantedFault::SnapshotTakenAtItsWord) && partition.is_newer(&self.stamp) {
            return Ok((partition, 0));
        }
        let mut rebuild = Rebuild::new(partition, control, setting);
        let (raw_from, links_from, decisions_from) = rebuild.starts();
        let mut reader = clients.reader()?;
        let mut read = 0;
        // What is not committed is not of this p yet. Where the group knows nothing but pages exist, the pages say how far p has come, and
        // reading further is harmless: the index may run ahead, and links are applied only up to each page's stamp.
        let end = |at: &TopicPartition| self.ends.get(at).copied().unwrap_or(0);
        let to = |at: &TopicPartition| {
            let known = self.positions.get(&*at.topic).copied().flatten();
            known.unwrap_or_else(|| end(at))
        };
        for ((_, full), from) in self.raw.iter().zip(raw_from) {
            let at = TopicPartition::new(Arc::clone(full), self.number);
            read_span(reader.as_mut(), &at, from, to(&at), |record| {
                read += 1;
                rebuild.raw(record)
            })?;
        }
        read_span(
            reader.as_mut(),
            &self.links,
            links_from,
            to(&self.links),
            |record| {
                read += 1;
                rebuild.link(record)
            },
        )?;
        let at = &self.decisions;
        read_span(reader.as_mut(), at, decisions_from, end(at), |record| {
            read += 1;
            rebuild.page(record)
        })?;
        let partition = rebuild.finish(self.stamp.as_ref(), &self.positions)?;
        Ok((partition, read))
    }
}

/// Builds p: the kept lane stands where nobody has worked on p since; otherwise p is taken over.
///
/// # Errors
/// When the log fails, what stands on it does not hold together, or the control plane is not applied far enough within `patience`.
pub fn build(
    number: i32,
    kept: Option<&CommittedStamp>,
    clients: &dyn Clients,
    feed: &Feed,
    setting: &Setting,
    snapshots: Option<&dyn Snapshots>,
    patience: Duration,
) -> Result<(Built, Option<Box<dyn Transactor>>), LaneError> {
    if let Some(kept) = kept
        && committed_stamp(number, clients, setting)?.as_ref() == Some(kept)
    {
        return Ok((Built::Unchanged, None));
    }
    let began = Monotonic::now();
    catch_up(clients, feed, setting, patience)?;
    let adopted = adopt_from(number, clients, &feed.moving(), setting, snapshots)?;
    let (stands_at, known_from) = (
        adopted.partition.stamp().policy_next,
        feed.read().causes_from(),
    );
    if stands_at < known_from {
        return Err(LaneError::Stop(Stop::Integrity {
            partition: number,
            problem: format!(
                "it has come up to offset {stands_at} of control.policy, and this process knows what changed there from {known_from} on only: \
                 a committed position went back; start the process again without its snapshots"
            ),
        }));
    }
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        partition = number,
        records_read = adopted.records_read,
        from_snapshot = adopted.from_snapshot,
        took_ms,
        "p is built from the log"
    );
    let built = Built::Anew {
        partition: Box::new(adopted.partition),
        records_read: adopted.records_read,
        from_snapshot: adopted.from_snapshot,
    };
    Ok((built, Some(adopted.transactor)))
}

/// Waits until the control plane is applied up to where its end is now.
///
/// # Errors
/// When the log does not answer, or the feed does not come that far.
pub fn catch_up(
    clients: &dyn Clients,
    feed: &Feed,
    setting: &Setting,
    patience: Duration,
) -> Result<(), LaneError> {
    let policy = TopicPartition::new(setting.namespace.name(topics::POLICY), 0);
    let ends = clients
        .ends()?
        .high_watermarks(std::slice::from_ref(&policy), REQUEST_PATIENCE)?;
    let end = ends.first().copied().unwrap_or(0);
    if feed.wait_until(end, patience) {
        return Ok(());
    }
    let problem = format!("applied up to {}, its end is {end}", feed.applied_through());
    Err(LogError::new(
        Severity::Transient,
        "take p over",
        policy.to_string(),
        problem,
    )
    .into())
}

/// Reads past events of p again.
///
/// # Errors
/// When the log does not give what stands on it.
pub fn read_past(
    reader: &mut dyn Reader,
    number: i32,
    raw: &[(String, Arc<str>)],
    wanted: &[(usize, i64)],
) -> Result<Past, LaneError> {
    let mut found = Past::new();
    let mut wanted = wanted.iter().copied().peekable();
    while let Some((index, offset)) = wanted.next() {
        let Some((_, topic)) = raw.get(index) else {
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
        let at = TopicPartition::new(Arc::clone(topic), number);
        read_span(reader, &at, offset, last + 1, |record| {
            if run.binary_search(&record.offset).is_ok() {
                found.insert((index, record.offset), record.clone());
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// Reads a partition from `from` to `to`, exactly.
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
