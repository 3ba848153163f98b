//! Control records on the log, and the fold read back from them.

use crate::control::core::{CALLS_KNOWN, Core};
use crate::control::snapshot::Snapshot;
use crate::error::JournalError;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::Instant;
use walbrook_domain::control::ControlFact;
use walbrook_event::{control, framing, headers};
use walbrook_eventlog::{
    Ends, Headers, Namespace, NewRecord, Reader, Record, TopicPartition, topics,
};
use walbrook_policy::catalogue::Catalogue;

/// Reading gives up when nothing came for so long.
const SILENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);
const POLL_RECORDS: usize = 10_000;
const ENDS_WAIT: Duration = Duration::from_secs(10);

/// Registry ids of control records, by record full name: the same text has the same id under both subjects.
pub type SchemaIds = BTreeMap<String, i32>;

/// How control records stand on the log.
#[derive(Debug, Clone)]
pub struct Format {
    /// The namespace.
    pub namespace: Namespace,
    /// Registry ids by record full name.
    pub schemas: Arc<SchemaIds>,
}

impl Format {
    /// The one partition of `control.policy`.
    pub fn policy(&self) -> TopicPartition {
        TopicPartition::new(self.namespace.name(topics::POLICY), 0)
    }

    /// The records of one change: the one on `control.policy` first, then its copy where there is one.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn records(
        &self,
        fact: &ControlFact,
        idempotency_key: &str,
        now: Instant,
    ) -> Result<Vec<NewRecord>, JournalError> {
        let encoded = control::write(fact, now, idempotency_key)
            .map_err(|error| JournalError::Encode(error.to_string()))?;
        let id = *self.schemas.get(encoded.full_name).ok_or_else(|| {
            JournalError::Encode(format!("{} is not registered", encoded.full_name))
        })?;
        let mut records = vec![self.record(topics::POLICY, &encoded, id, now)];
        if encoded.copied {
            records.push(self.record(topics::AGREEMENTS, &encoded, id, now));
        }
        Ok(records)
    }

    fn record(&self, topic: &str, encoded: &control::Encoded, id: i32, now: Instant) -> NewRecord {
        let subject = subject(&self.namespace, topic, encoded.full_name);
        let mut written = Headers::new();
        for (name, value) in [
            (headers::SPEC_VERSION, "1.0".to_owned()),
            (headers::ID, uuid::Uuid::new_v4().to_string()),
            (headers::SOURCE, "/walbrook/broker".to_owned()),
            (headers::TYPE, encoded.full_name.to_owned()),
            (headers::TIME, now.rfc3339()),
            (headers::DATA_SCHEMA, format!("{subject}/{id}")),
            (headers::CONTENT_TYPE, "application/avro".to_owned()),
        ] {
            written.push(name, value);
        }
        NewRecord {
            topic: self.namespace.name(topic).into(),
            partition: Some(0),
            key: Some(Bytes::from(encoded.key.clone())),
            value: Some(framing::frame(id, &encoded.body).into()),
            headers: written,
            timestamp_ms: None,
        }
    }
}

/// The registry subject of a record on a topic.
pub fn subject(namespace: &Namespace, topic: &str, full_name: &str) -> String {
    namespace.name(&format!("{topic}-{full_name}"))
}

/// Reads one record of `control.policy`.
///
/// # Errors
/// When it is no whole control record.
pub fn read(record: &Record) -> Result<walbrook_domain::control::ControlRecord, JournalError> {
    let unreadable = |problem: String| JournalError::Unreadable {
        at: format!("{} offset {}", record.at, record.offset),
        problem,
    };
    let (_, body) =
        framing::unframe(record.value.as_deref()).map_err(|error| unreadable(error.to_string()))?;
    let full_name = record
        .headers
        .text(headers::TYPE)
        .ok_or_else(|| unreadable("it has no ce_type".to_owned()))?;
    let at = Instant(record.timestamp_ms.saturating_mul(1_000));
    control::read(full_name, body, record.offset, at).map_err(|error| unreadable(error.to_string()))
}

/// Folds `control.policy` from its beginning to the end it has now. Call it after the transactional id was taken over: then
/// no older transaction is open, and the end does not move.
///
/// # Errors
/// When the log fails, or a record cannot be read.
pub fn rebuild(
    reader: &mut dyn Reader,
    ends: &mut dyn Ends,
    format: &Format,
    catalogue: &Arc<Catalogue>,
    snapshot: Option<&Snapshot>,
    stopped: &dyn Fn() -> bool,
) -> Result<Core, JournalError> {
    let at = format.policy();
    let end = ends
        .high_watermarks(std::slice::from_ref(&at), ENDS_WAIT)?
        .first()
        .copied()
        .unwrap_or(0);
    let (mut core, from) = start_from(reader, &at, end, catalogue, snapshot)?;
    // The keys of the newest calls are no part of a snapshot: the records that carry them are read for them alone.
    let keys_from = from.saturating_sub(i64::try_from(CALLS_KNOWN).unwrap_or(i64::MAX));
    reader.assign(&[(at.clone(), keys_from.max(0))])?;
    let mut records = Vec::new();
    let mut last = Monotonic::now();
    while reader.position(&at).unwrap_or(0) < end {
        if stopped() {
            return Err(JournalError::Stopped);
        }
        let before = reader.position(&at);
        reader.poll(POLL_RECORDS, POLL, &mut records)?;
        if before != reader.position(&at) {
            last = Monotonic::now();
        } else if last.elapsed() > SILENCE {
            return Err(JournalError::Stuck {
                topic: at.to_string(),
                silence: SILENCE,
            });
        }
        for record in records.drain(..) {
            let record = read(&record)?;
            if record.offset < from {
                core.recall(&record);
            } else if let Err(illegal) = core.replay(&record) {
                // It changes nothing here and in every other fold; the auditor names it as a difference.
                tracing::error!(offset = record.offset, %illegal, "a control record is no legal change and counts for nothing");
            }
        }
    }
    Ok(core)
}

/// The core to begin with, and the offset from which the log is applied to it.
fn start_from(
    reader: &mut dyn Reader,
    at: &TopicPartition,
    end: i64,
    catalogue: &Arc<Catalogue>,
    snapshot: Option<&Snapshot>,
) -> Result<(Core, i64), JournalError> {
    let nothing = || (Core::new(Arc::clone(catalogue)), 0);
    let loaded = match snapshot.map(Snapshot::load) {
        None | Some(Ok(None)) => return Ok(nothing()),
        Some(Ok(Some(loaded))) if loaded.next_offset <= end => loaded,
        Some(Ok(Some(_))) => {
            tracing::warn!(
                "the log ends before the snapshot of the control plane; all of it is read"
            );
            return Ok(nothing());
        }
        Some(Err(error)) => {
            tracing::warn!(%error, "the snapshot of the control plane is passed over; the whole of control.policy is read");
            return Ok(nothing());
        }
    };
    let Some(first) = loaded.records.first() else {
        return Ok(nothing());
    };
    reader.assign(&[(at.clone(), first.offset)])?;
    let (began, mut found) = (Monotonic::now(), Vec::new());
    while found.is_empty() && began.elapsed() < SILENCE {
        reader.poll(1, POLL, &mut found)?;
    }
    if !found
        .first()
        .is_some_and(|record| loaded.begins_with(record))
    {
        tracing::warn!(
            "the snapshot of the control plane is of another log of this name; the whole of control.policy is read"
        );
        return Ok(nothing());
    }
    let mut core = Core::new(Arc::clone(catalogue));
    for record in &loaded.records {
        let record = read(record)?;
        if let Err(illegal) = core.replay(&record) {
            tracing::error!(offset = record.offset, %illegal, "a control record is no legal change and counts for nothing");
        }
    }
    core.restore_grounds(loaded.grounds, loaded.next_offset);
    Ok((core, loaded.next_offset))
}
