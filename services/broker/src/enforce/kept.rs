//! The control plane's snapshot, seen from enforcement: when it may be started from, and when a new one is written.

use super::clients::Clients;
use super::feed::Feed;
use crate::control::snapshot::{Loaded, Snapshot};
use std::time::{Duration, Instant as Monotonic};
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{Committed, LogError, Namespace, TopicPartition, topics};

/// How many records a new snapshot must spare the next start.
const WORTH_RECORDS: u64 = 10_000;
/// How many causes must be held before it is asked which of them may go.
const WORTH_CAUSES: usize = 100_000;
/// How often one is written at most.
const EVERY: Duration = Duration::from_secs(30);
/// How often it is looked whether one is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(10);

/// The snapshot to start from, with a log line that says which, or why none.
pub fn start_from(
    snapshot: &Snapshot,
    clients: &dyn Clients,
    namespace: &Namespace,
    partitions: i32,
) -> Option<Loaded> {
    let began = Monotonic::now();
    let loaded = match snapshot.load() {
        Ok(loaded) => loaded?,
        Err(error) => {
            tracing::warn!(%error, "the snapshot of the control plane is passed over; the whole of control.policy is read");
            return None;
        }
    };
    let grounds = loaded.grounds.handles();
    match obstacle(&loaded, clients, namespace, partitions) {
        Ok(None) => {
            let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(
                next_offset = loaded.next_offset,
                grounds,
                took_ms,
                "starting from the snapshot of the control plane"
            );
            Some(loaded)
        }
        Ok(Some(why)) => {
            tracing::warn!(next_offset = loaded.next_offset, %why, "the snapshot of the control plane is passed over; the whole of control.policy is read");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the snapshot of the control plane cannot be held against the log; the whole of control.policy is read");
            None
        }
    }
}

/// Why a snapshot is not to be started from.
fn obstacle(
    loaded: &Loaded,
    clients: &dyn Clients,
    namespace: &Namespace,
    partitions: i32,
) -> Result<Option<String>, LogError> {
    let policy = TopicPartition::new(namespace.name(topics::POLICY), 0);
    let ends = clients
        .ends()?
        .high_watermarks(std::slice::from_ref(&policy), PATIENCE)?;
    if ends.first().is_none_or(|end| *end < loaded.next_offset) {
        return Ok(Some("the log ends before it".to_owned()));
    }
    let Some(first) = loaded.records.first() else {
        return Ok(Some("it begins with no record".to_owned()));
    };
    let mut reader = clients.reader()?;
    reader.assign(&[(policy, first.offset)])?;
    let (deadline, mut found) = (Monotonic::now() + PATIENCE, Vec::new());
    while found.is_empty() && Monotonic::now() < deadline {
        reader.poll(1, Duration::from_millis(100), &mut found)?;
    }
    if !found
        .first()
        .is_some_and(|record| loaded.begins_with(record))
    {
        return Ok(Some("it is of another log of this name".to_owned()));
    }
    // A p that has not come so far must still be told of each ground since, and a snapshot knows only what they came to.
    let behind = policy_positions(clients, namespace, partitions)?
        .into_iter()
        .find(|(_, policy_next)| *policy_next < loaded.next_offset);
    Ok(behind.map(|(at, _)| format!("{at} has not come so far in control.policy")))
}

/// How far each p has come in `control.policy`, by what is committed: 0 where nothing is.
fn policy_positions(
    clients: &dyn Clients,
    namespace: &Namespace,
    partitions: i32,
) -> Result<Vec<(TopicPartition, i64)>, LogError> {
    let links: Vec<_> = (0..partitions)
        .map(|p| TopicPartition::new(namespace.name(topics::LINKS), p))
        .collect();
    let group = namespace.name("broker");
    let committed = clients
        .positions()?
        .committed(&group, &links, false, PATIENCE)?;
    let position = |entry: &Committed| {
        entry.offset?;
        let position = entry.metadata.parse::<Position>().ok()?;
        Some(position.policy_next)
    };
    let all = committed
        .into_iter()
        .map(|entry| (entry.at.clone(), position(&entry).unwrap_or(0)));
    Ok(all.collect())
}

/// Lets the feed forget the causes that every p is past, whoever has it: positions committed never go back, so no p will be told of them again.
pub fn forget_causes(feed: &Feed, clients: &dyn Clients, namespace: &Namespace, partitions: i32) {
    if feed.read().causes_held() < WORTH_CAUSES {
        return;
    }
    match policy_positions(clients, namespace, partitions) {
        Ok(positions) => {
            let least = positions.iter().map(|(_, policy_next)| *policy_next).min();
            feed.forget_causes_below(least.unwrap_or(0));
        }
        Err(error) => {
            tracing::debug!(%error, "how far each p has come is not known now; no cause is forgotten");
        }
    }
}

/// Writes a snapshot whenever one is due, and a last one when the process ends. Calls `rest` about every half minute.
pub fn keep(snapshot: &Snapshot, feed: &Feed, rest: &dyn Fn(), stopped: &dyn Fn() -> bool) {
    let mut last: Option<Monotonic> = None;
    let mut rested_at = Monotonic::now();
    loop {
        let ends = stopped();
        if rested_at.elapsed() >= EVERY {
            rest();
            rested_at = Monotonic::now();
        }
        let rested = last.is_none_or(|last| last.elapsed() >= EVERY);
        if feed.records_since_snapshot() >= WORTH_RECORDS && (rested || ends) {
            write(snapshot, feed);
            last = Some(Monotonic::now());
        }
        if ends {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn write(snapshot: &Snapshot, feed: &Feed) {
    let began = Monotonic::now();
    let (records, grounds, next_offset) = feed.copy();
    match snapshot.write(&records, &grounds, next_offset) {
        Ok(bytes) => {
            let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(
                next_offset,
                bytes,
                took_ms,
                "the control plane's snapshot is written"
            );
        }
        Err(error) => {
            tracing::warn!(%error, "the control plane's snapshot was not written; the next start reads the log from the one before");
        }
    }
}
