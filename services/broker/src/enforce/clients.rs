//! The clients a broker makes on the log, and the reading that is done with them for one p.

use super::control_view::{ControlView, Setting};
use super::error::Stop;
use super::feed::Feed;
use super::lane::{LaneError, Past};
use super::machine::Built;
use super::partition::Partition;
use super::rebuild::Rebuild;
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

/// Takes p over: fences and aborts what a former owner left open, then builds p from the log exactly to its committed positions. The control
/// plane must have come as far as its end was before: what p has decided rests on agreements up to its stamp.
///
/// # Errors
/// When the log fails or what stands on it does not hold together.
pub fn adopt(
    number: i32,
    clients: &dyn Clients,
    control: &dyn ControlView,
    setting: &Setting,
) -> Result<Adopted, LaneError> {
    let group = setting.namespace.name("broker");
    let mut transactor = clients.transactor(&setting.namespace.name(&format!("broker.{number}")));
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
            Some(offset) => Some(stamp(number, offset, &entry.metadata)?),
            None => None,
        },
        _ => None,
    };
    let positions: HashMap<String, Option<i64>> = committed
        .iter()
        .map(|entry| (entry.at.topic.to_string(), entry.offset))
        .collect();
    let mut all = asked.clone();
    all.push(decisions.clone());
    let found = clients.ends()?.high_watermarks(&all, REQUEST_PATIENCE)?;
    let ends: HashMap<TopicPartition, i64> = all.into_iter().zip(found).collect();
    let mut rebuild = Rebuild::new(Partition::new(number, raw), control, setting);
    let mut reader = clients.reader()?;
    for at in &asked {
        // What is not committed is not of this p yet. Where the group knows nothing but pages exist, the pages say how far p has come, and
        // reading further is harmless: the index may run ahead, and links are applied only up to each page's stamp.
        let end = ends.get(at).copied().unwrap_or(0);
        let to = positions.get(&*at.topic).copied().flatten().unwrap_or(end);
        read_span(reader.as_mut(), at, 0, to, |record| {
            if *at == links {
                rebuild.link(record)
            } else {
                rebuild.raw(record)
            }
        })?;
    }
    let end = ends.get(&decisions).copied().unwrap_or(0);
    read_span(reader.as_mut(), &decisions, 0, end, |record| {
        rebuild.page(record)
    })?;
    let partition = rebuild.finish(stamp.as_ref(), &positions)?;
    Ok(Adopted {
        partition,
        transactor,
    })
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
    patience: Duration,
) -> Result<(Built, Option<Box<dyn Transactor>>), LaneError> {
    if let Some(kept) = kept
        && committed_stamp(number, clients, setting)?.as_ref() == Some(kept)
    {
        return Ok((Built::Unchanged, None));
    }
    catch_up(clients, feed, setting, patience)?;
    let adopted = adopt(number, clients, &feed.moving(), setting)?;
    let partition = Box::new(adopted.partition);
    Ok((Built::Anew(partition), Some(adopted.transactor)))
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
