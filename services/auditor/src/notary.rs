//! The notary: reads new decision pages, read records and notices and puts them under signed tree heads on `audit.checkpoints`.
//!
//! Its trees are in memory and grow; on a start they are computed again from the log and held against every head that was signed before, so that
//! it never signs a history that differs from the one it has seen.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use walbrook_domain::Instant;
use walbrook_event::framing::{frame, unframe};
use walbrook_event::headers;
use walbrook_eventlog::{Appender, Headers, LogError, NewRecord, Record, topics};
use walbrook_proto::audit::v1::Checkpoint;
use walbrook_proto::avro::{AvroError, AvroRecord};

use crate::checkpoints::{LOGGED, SIGNER, leaf, name};
use crate::error::AuditError;
use crate::merkle::{Hash, Tree};
use crate::note::{self, Head};
use crate::source::LogSource;

/// How long the log may take to acknowledge checkpoints.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(30);

/// Why no head could be signed.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// The log could not be read.
    #[error("the logs cannot be read")]
    Audit(#[from] AuditError),
    /// The log did not take a checkpoint.
    #[error("the log did not take a checkpoint")]
    Log(#[from] LogError),
    /// A checkpoint could not be encoded.
    #[error("a checkpoint cannot be encoded")]
    Encode(#[from] AvroError),
    /// The log did not answer in time.
    #[error("the log did not acknowledge checkpoints within {} s", ACKNOWLEDGED_WITHIN.as_secs())]
    Late,
    /// What was signed before is not what stands now: somebody changed the log. Nothing is signed any more; run `walbrook audit verify`.
    #[error(
        "the first {size} records of {log} are not those that were signed; nothing is signed until somebody has looked: run `walbrook audit verify`"
    )]
    Changed {
        /// The log.
        log: String,
        /// The size that was signed.
        size: u64,
    },
}

/// One partition's log as far as it was read.
#[derive(Debug, Default)]
struct Logged {
    tree: Tree,
    next_offset: i64,
    signed: u64,
}

/// Signs what is new.
pub struct Notary {
    key: SigningKey,
    appender: Arc<dyn Appender>,
    schema_id: i32,
    logs: BTreeMap<(&'static str, i32), Logged>,
    /// Roots that were signed, by log and size, as far as their records were not read yet.
    claimed: HashMap<(String, u64), Hash>,
    checkpoints_next: i64,
}

impl Notary {
    /// A notary that has read nothing.
    pub fn new(key: SigningKey, appender: Arc<dyn Appender>, schema_id: i32) -> Self {
        Self {
            key,
            appender,
            schema_id,
            logs: BTreeMap::new(),
            claimed: HashMap::new(),
            checkpoints_next: 0,
        }
    }

    /// Reads what is new and signs a head for each log that grew. Returns how many heads were signed.
    ///
    /// # Errors
    /// When the log cannot be read or written, or is not what was signed before.
    pub fn round(
        &mut self,
        source: &mut dyn LogSource,
        now: Instant,
    ) -> Result<usize, NotaryError> {
        self.claims(source)?;
        let mut heads = Vec::new();
        for topic in LOGGED {
            for partition in 0..source.partitions(topic)? {
                if let Some(head) = self.grow(source, topic, partition)? {
                    heads.push(head);
                }
            }
        }
        let mut records = Vec::new();
        for (name, size, root) in &heads {
            records.push(self.record(source, (name, *size, *root), now)?);
        }
        if !records.is_empty() {
            self.append(records)?;
        }
        for logged in self.logs.values_mut() {
            logged.signed = logged.tree.size();
        }
        Ok(heads.len())
    }

    /// Heads signed before this process, or by another.
    fn claims(&mut self, source: &mut dyn LogSource) -> Result<(), NotaryError> {
        let end = source.end(topics::CHECKPOINTS, 0)?;
        let claimed = &mut self.claimed;
        let logs = &self.logs;
        source.read(
            topics::CHECKPOINTS,
            0,
            self.checkpoints_next,
            end,
            &mut |record: Record| {
                let decoded = unframe(record.value.as_deref())
                    .ok()
                    .and_then(|(_, body)| Checkpoint::decode_exact(body).ok());
                let Some(head) = decoded.and_then(|checkpoint| {
                    Some((checkpoint.log, note::read(&checkpoint.note).ok()?))
                }) else {
                    return;
                };
                let (log, head) = head;
                let read = logs
                    .iter()
                    .find(|((topic, partition), _)| name(topic, *partition) == log)
                    .map_or(0, |(_, logged)| logged.tree.size());
                // What this process signed itself is behind it already.
                if head.size > read {
                    claimed.insert((log, head.size), head.root);
                }
            },
        )?;
        self.checkpoints_next = end;
        Ok(())
    }

    fn grow(
        &mut self,
        source: &mut dyn LogSource,
        topic: &'static str,
        partition: i32,
    ) -> Result<Option<(String, u64, Hash)>, NotaryError> {
        let end = source.end(topic, partition)?;
        let name = name(topic, partition);
        let logged = self.logs.entry((topic, partition)).or_default();
        let claimed = &mut self.claimed;
        let mut changed = None;
        source.read(
            topic,
            partition,
            logged.next_offset,
            end,
            &mut |record: Record| {
                logged.tree.push(&leaf(&record));
                let size = logged.tree.size();
                if let Some(root) = claimed.remove(&(name.clone(), size)) {
                    logged.signed = size;
                    if root != logged.tree.root() {
                        changed = changed.or(Some(size));
                    }
                }
            },
        )?;
        logged.next_offset = end;
        match changed {
            Some(size) => Err(NotaryError::Changed { log: name, size }),
            None if logged.tree.size() > logged.signed => {
                Ok(Some((name, logged.tree.size(), logged.tree.root())))
            }
            None => Ok(None),
        }
    }

    fn record(
        &self,
        source: &dyn LogSource,
        head: (&str, u64, Hash),
        now: Instant,
    ) -> Result<NewRecord, NotaryError> {
        let (name, size, root) = head;
        let namespace = source.namespace();
        let head = Head {
            origin: format!("walbrook/{}", namespace.name(name)),
            size,
            root,
        };
        let checkpoint = Checkpoint {
            log: name.to_owned(),
            tree_size: i64::try_from(size).unwrap_or(i64::MAX),
            root_sha256: root.to_vec(),
            note: note::sign(&head, SIGNER, &self.key),
            recorded_at: Some(prost_types::Timestamp {
                seconds: now.micros().div_euclid(1_000_000),
                nanos: i32::try_from(now.micros().rem_euclid(1_000_000) * 1_000).unwrap_or(0),
            }),
        };
        let mut record_headers = Headers::new();
        for (name, value) in headers::internal(
            Checkpoint::FULL_NAME,
            "auditor",
            Some(now),
            Some(uuid::Uuid::new_v4()),
        ) {
            record_headers.push(name, value);
        }
        Ok(NewRecord {
            topic: namespace.name(topics::CHECKPOINTS).into(),
            partition: Some(0),
            key: Some(name.as_bytes().to_vec().into()),
            value: Some(frame(self.schema_id, &checkpoint.to_vec()?).into()),
            headers: record_headers,
            timestamp_ms: None,
        })
    }

    fn append(&self, records: Vec<NewRecord>) -> Result<(), NotaryError> {
        let (sender, receiver) = mpsc::channel();
        self.appender.append(
            records,
            Box::new(move |result| {
                // The round may have given up waiting; its next one reads what was written.
                let _ = sender.send(result);
            }),
        );
        receiver
            .recv_timeout(ACKNOWLEDGED_WITHIN)
            .map_err(|_| NotaryError::Late)??;
        Ok(())
    }
}
