//! What the materialiser writes: read records, durable before an answer, and removals.

use std::sync::Arc;
use tokio::sync::oneshot;
use walbrook_domain::Instant;
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Appender, Headers, LogError, Namespace, NewRecord, topics};
use walbrook_proto::audit::v1::{
    BreakGlassReview, Dispute, DisputeAnswer, OfficerDecision, ReadRecord, Removal,
};
use walbrook_proto::avro::{AvroError, AvroRecord};

/// A record that was not written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log did not take it.
    #[error("the audit log did not take the record")]
    Log(#[from] LogError),
    /// It cannot be encoded.
    #[error("the audit record cannot be encoded")]
    Encode(#[from] AvroError),
    /// The writer ended before it said whether the record is durable.
    #[error("the audit writer ended")]
    Ended,
}

/// Registry ids of the records.
#[derive(Debug, Clone, Copy)]
pub struct SchemaIds {
    /// `ReadRecord`.
    pub read: i32,
    /// `OfficerDecision`.
    pub decision: i32,
    /// `BreakGlassReview`.
    pub review: i32,
    /// `Dispute`.
    pub dispute: i32,
    /// `DisputeAnswer`.
    pub answer: i32,
    /// `Removal`.
    pub removal: i32,
}

/// Writes audit records.
pub struct Audit {
    appender: Arc<dyn Appender>,
    namespace: Namespace,
    ids: SchemaIds,
}

impl Audit {
    /// A writer through this appender. Many reads share a request to the log: the appender groups what waits.
    pub fn new(appender: Arc<dyn Appender>, namespace: Namespace, ids: SchemaIds) -> Self {
        Self {
            appender,
            namespace,
            ids,
        }
    }

    /// The record of a read: to be put on the log with the barrier, or with a transaction that makes it durable with what it discloses.
    ///
    /// # Errors
    /// When it cannot be encoded: then nothing may be answered.
    pub fn read_record(&self, record: &ReadRecord, now: Instant) -> Result<NewRecord, AvroError> {
        let value = framing::frame(self.ids.read, &record.to_vec()?);
        let of = (topics::READS, record.organisation.as_str());
        Ok(self.record(of.0, of.1, ReadRecord::FULL_NAME, value, now))
    }

    /// Writes what an officer decided; returns its offset once it is durable.
    ///
    /// # Errors
    /// When it is not known to be durable: then nothing may be acknowledged.
    pub async fn decision(
        &self,
        decision: &OfficerDecision,
        now: Instant,
    ) -> Result<i64, AuditError> {
        self.said(self.ids.decision, decision, &decision.organisation, now)
            .await
    }

    /// Writes what a second person said of a break-glass; returns its offset once it is durable.
    ///
    /// # Errors
    /// As [`Audit::decision`].
    pub async fn review(&self, review: &BreakGlassReview, now: Instant) -> Result<i64, AuditError> {
        self.said(self.ids.review, review, &review.organisation, now)
            .await
    }

    /// Writes a dispute; returns its offset once it is durable.
    ///
    /// # Errors
    /// As [`Audit::decision`].
    pub async fn dispute(&self, dispute: &Dispute, now: Instant) -> Result<i64, AuditError> {
        self.said(self.ids.dispute, dispute, &dispute.organisation, now)
            .await
    }

    /// Writes the answer to a dispute; returns its offset once it is durable.
    ///
    /// # Errors
    /// As [`Audit::decision`].
    pub async fn answer(&self, answer: &DisputeAnswer, now: Instant) -> Result<i64, AuditError> {
        self.said(self.ids.answer, answer, &answer.organisation, now)
            .await
    }

    /// Writes a record that somebody refers to what was read with.
    async fn said<R: AvroRecord>(
        &self,
        schema_id: i32,
        record: &R,
        organisation: &str,
        now: Instant,
    ) -> Result<i64, AuditError> {
        let value = framing::frame(schema_id, &record.to_vec()?);
        let record = self.record(topics::READS, organisation, R::FULL_NAME, value, now);
        self.durable(record).await
    }

    /// Appends a record and waits for its offset.
    async fn durable(&self, record: NewRecord) -> Result<i64, AuditError> {
        let (told, done) = oneshot::channel();
        self.appender.append(
            vec![record],
            Box::new(move |result| {
                // Whoever asked may have gone; the record stands all the same.
                let _ = told.send(result);
            }),
        );
        let placed = done.await.map_err(|_| AuditError::Ended)??;
        placed
            .first()
            .map(|(_, offset)| *offset)
            .ok_or(AuditError::Ended)
    }

    /// The body of a removal, to be kept until it is written.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn removal_body(removal: &Removal) -> Result<Vec<u8>, AuditError> {
        Ok(removal.to_vec()?)
    }

    /// Writes removals by their bodies and waits until they are durable. Blocks; for threads.
    ///
    /// # Errors
    /// When they are not known to be durable: they are owed still.
    pub fn removals_blocking(
        &self,
        bodies: Vec<(String, Vec<u8>)>,
        now: Instant,
    ) -> Result<(), AuditError> {
        let records = bodies
            .into_iter()
            .map(|(view, body)| {
                let value = framing::frame(self.ids.removal, &body);
                self.record(topics::REMOVALS, &view, Removal::FULL_NAME, value, now)
            })
            .collect();
        let (told, done) = std::sync::mpsc::channel();
        self.appender.append(
            records,
            Box::new(move |result| {
                let _ = told.send(result);
            }),
        );
        done.recv().map_err(|_| AuditError::Ended)??;
        Ok(())
    }

    fn record(
        &self,
        topic: &str,
        key: &str,
        full_name: &str,
        value: Vec<u8>,
        now: Instant,
    ) -> NewRecord {
        let pairs = headers::internal(
            full_name,
            "materialiser",
            Some(now),
            Some(uuid::Uuid::new_v4()),
        );
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.push(name, value.into_bytes());
        }
        NewRecord {
            topic: self.namespace.name(topic).into(),
            partition: Some(0),
            key: Some(key.as_bytes().to_vec().into()),
            value: Some(value.into()),
            headers,
            timestamp_ms: None,
        }
    }
}
