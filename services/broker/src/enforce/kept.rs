//! The control plane's snapshot, seen from enforcement: when it may be started from, and when a new one is written.

use super::clients::Clients;
use super::feed::Feed;
use crate::control::snapshot::{Loaded, Snapshot};
use std::time::{Duration, Instant as Monotonic};
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{LogError, Namespace, TopicPartition, topics};

/// How many records a new snapshot must spare the next start.
const WORTH_RECORDS: u64 = 10_000;
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
    let links: Vec<_> = (0..partitions)
        .map(|p| TopicPartition::new(namespace.name(topics::LINKS), p))
        .collect();
    let committed =
        clients
            .positions()?
            .committed(&namespace.name("broker"), &links, false, PATIENCE)?;
    let behind = committed.iter().find(|entry| {
        let position = entry
            .offset
            .and_then(|_| entry.metadata.parse::<Position>().ok());
        position.is_none_or(|position| position.policy_next < loaded.next_offset)
    });
    Ok(behind.map(|entry| format!("{} has not come so far in control.policy", entry.at)))
}

/// Writes a snapshot whenever one is due, and a last one when the process ends.
pub fn keep(snapshot: &Snapshot, feed: &Feed, stopped: &dyn Fn() -> bool) {
    let mut last: Option<Monotonic> = None;
    loop {
        let ends = stopped();
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
