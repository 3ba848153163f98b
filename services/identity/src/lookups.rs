//! Look-ups on record: what is asked about people stands on `audit.lookups` before it is answered.

use crate::error::CallError;
use crate::journal::Schema;
use std::sync::Arc;
use tokio::sync::oneshot;
use walbrook_domain::Instant;
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Appender, Headers, Namespace, NewRecord, topics};
use walbrook_proto::audit::v1::LookupRecord;
use walbrook_proto::avro::AvroRecord;

/// Writes look-ups. Many at a time share a request to the log: the appender groups what waits.
pub struct Lookups {
    appender: Arc<dyn Appender>,
    namespace: Namespace,
    schema: Schema,
}

impl Lookups {
    /// A writer through this appender.
    pub fn new(appender: Arc<dyn Appender>, namespace: Namespace, schema: Schema) -> Self {
        Self {
            appender,
            namespace,
            schema,
        }
    }

    /// Puts a look-up on record; returns once it is durable. Its id and time are set here.
    ///
    /// # Errors
    /// When it is not known to be durable: then nothing may be answered.
    pub async fn record(&self, lookup: LookupRecord, now: Instant) -> Result<(), CallError> {
        let record = self.encoded(lookup, now)?;
        let (told, done) = oneshot::channel();
        self.appender.append(
            vec![record],
            // Whoever asked may have gone; the record stands all the same.
            Box::new(move |result| drop(told.send(result))),
        );
        match done.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                let error = walbrook_runtime::status::chain(&error);
                tracing::warn!(error, "a look-up could not be put on record");
                Err(CallError::NotRecorded)
            }
            Err(_) => Err(CallError::NotRecorded),
        }
    }

    fn encoded(&self, lookup: LookupRecord, now: Instant) -> Result<NewRecord, CallError> {
        let lookup = LookupRecord {
            lookup_id: uuid::Uuid::new_v4().to_string(),
            recorded_at: Some(crate::linkage::wire::timestamp(now)),
            ..lookup
        };
        let body = lookup.to_vec().map_err(|_| CallError::Unwritable)?;
        let id = Some(uuid::Uuid::new_v4());
        let mut written = Headers::new();
        for (name, value) in headers::internal(LookupRecord::FULL_NAME, "identity", Some(now), id) {
            written.push(name, value.into_bytes());
        }
        Ok(NewRecord {
            topic: self.namespace.name(topics::LOOKUPS).into(),
            partition: Some(0),
            key: Some(lookup.caller.into_bytes().into()),
            value: Some(framing::frame(self.schema.id, &body).into()),
            headers: written,
            timestamp_ms: None,
        })
    }
}
