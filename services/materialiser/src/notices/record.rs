//! The records of `audit.notices`.

use crate::audit::AuditError;
use crate::error::MaterialiserError;
use std::sync::Arc;
use tokio::sync::oneshot;
use walbrook_domain::Instant;
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Appender, Headers, Namespace, NewRecord, topics};
use walbrook_eventlog_kafka::Registry;
use walbrook_proto::audit::v1::{Notice, NoticeAcknowledgement, NoticeDelivery, NoticesComplete};
use walbrook_proto::avro::AvroRecord;
use walbrook_runtime::process::Context;
use walbrook_runtime::wait;

/// Registry ids of the records.
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    /// `Notice`.
    pub notice: i32,
    /// `NoticeAcknowledgement`.
    pub acknowledgement: i32,
    /// `NoticeDelivery`.
    pub delivery: i32,
    /// `NoticesComplete`.
    pub complete: i32,
}

/// Waits until the broker has registered the schemas.
///
/// # Errors
/// When they do not come in time.
pub async fn wait_for_schemas(
    context: &Context,
    namespace: &Namespace,
    registry: &Registry,
) -> Result<Ids, MaterialiserError> {
    let id = async |full_name: &str, schema: &str| {
        let subject = format!("{}-{full_name}", namespace.name(topics::NOTICES));
        let what = format!("the schema {subject} at {}", registry.url());
        let lookup = || async {
            match registry.lookup(&subject, schema).await {
                Ok(Some(id)) => Ok(id),
                Ok(None) => Err(
                    "it is not registered yet; the broker registers it when it starts".to_owned(),
                ),
                Err(error) => Err(error.to_string()),
            }
        };
        let within = context.common.start_timeout;
        wait::until(&what, within, &context.shutdown, lookup).await
    };
    Ok(Ids {
        notice: id(Notice::FULL_NAME, Notice::SCHEMA).await?,
        acknowledgement: id(
            NoticeAcknowledgement::FULL_NAME,
            NoticeAcknowledgement::SCHEMA,
        )
        .await?,
        delivery: id(NoticeDelivery::FULL_NAME, NoticeDelivery::SCHEMA).await?,
        complete: id(NoticesComplete::FULL_NAME, NoticesComplete::SCHEMA).await?,
    })
}

/// Writes them.
pub struct Records {
    appender: Arc<dyn Appender>,
    namespace: Namespace,
    ids: Ids,
}

impl Records {
    /// Through this appender.
    pub fn new(appender: Arc<dyn Appender>, namespace: Namespace, ids: Ids) -> Self {
        Self {
            appender,
            namespace,
            ids,
        }
    }

    /// Writes what was done about a notice; returns its offset once it is durable.
    ///
    /// # Errors
    /// When it is not known to be durable: then nothing may be acknowledged.
    pub async fn acknowledgement(
        &self,
        said: &NoticeAcknowledgement,
        now: Instant,
    ) -> Result<i64, AuditError> {
        let record = self.record(&said.organisation, self.ids.acknowledgement, said, now)?;
        self.durable(record).await
    }

    /// Writes that notices are about to be told; returns once it is durable.
    ///
    /// # Errors
    /// When it is not known to be durable: then nothing may be told.
    pub async fn delivery(&self, told: &NoticeDelivery, now: Instant) -> Result<(), AuditError> {
        let record = self.record(&told.organisation, self.ids.delivery, told, now)?;
        self.durable(record).await?;
        Ok(())
    }

    /// Writes notices and waits until they are durable. Blocks; for threads.
    ///
    /// # Errors
    /// When they are not known to be durable.
    pub fn notices(&self, notices: &[Notice], now: Instant) -> Result<(), AuditError> {
        let mut records = Vec::new();
        for notice in notices {
            records.push(self.record(&notice.organisation, self.ids.notice, notice, now)?);
        }
        self.blocking(records)
    }

    /// States how far everything has its notice. Blocks; for threads.
    ///
    /// # Errors
    /// When it is not known to be durable.
    pub fn complete(&self, said: &NoticesComplete, now: Instant) -> Result<(), AuditError> {
        let record = self.record(&said.purpose, self.ids.complete, said, now)?;
        self.blocking(vec![record])
    }

    async fn durable(&self, record: NewRecord) -> Result<i64, AuditError> {
        let (told, done) = oneshot::channel();
        let tell = move |result| {
            // Whoever asked may have gone; the record stands all the same.
            let _ = told.send(result);
        };
        self.appender.append(vec![record], Box::new(tell));
        let placed = done.await.map_err(|_| AuditError::Ended)??;
        let first = placed.first().map(|(_, offset)| *offset);
        first.ok_or(AuditError::Ended)
    }

    fn blocking(&self, records: Vec<NewRecord>) -> Result<(), AuditError> {
        let (told, done) = std::sync::mpsc::channel();
        let tell = move |result| {
            let _ = told.send(result);
        };
        self.appender.append(records, Box::new(tell));
        done.recv().map_err(|_| AuditError::Ended)??;
        Ok(())
    }

    fn record<R: AvroRecord>(
        &self,
        key: &str,
        schema_id: i32,
        body: &R,
        now: Instant,
    ) -> Result<NewRecord, AuditError> {
        let id = Some(uuid::Uuid::new_v4());
        let mut headers = Headers::new();
        for (name, value) in headers::internal(R::FULL_NAME, "materialiser", Some(now), id) {
            headers.push(name, value.into_bytes());
        }
        Ok(NewRecord {
            topic: self.namespace.name(topics::NOTICES).into(),
            partition: Some(0),
            key: Some(key.as_bytes().to_vec().into()),
            value: Some(framing::frame(schema_id, &body.to_vec()?).into()),
            headers,
            timestamp_ms: None,
        })
    }
}
