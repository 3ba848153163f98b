//! From checked events to records, and from the log's report to receipts.

use std::sync::Arc;

use bytes::Bytes;
use walbrook_domain::Handle;
use walbrook_event::framing::frame;
use walbrook_event::{RawEnvelope, Seal};
use walbrook_eventlog::{Appender, Headers, LogError, NewRecord, Severity, TopicPartition};
use walbrook_runtime::shutdown::Shutdown;
use walbrook_runtime::telemetry;

use crate::cache::Token;
use crate::check::{KeyedBy, Sender, Valid};
use crate::error::GatewayError;
use crate::gateway::{Clock, Limits};
use crate::link::{Linked, Linker, Unknown};
use crate::numbers::Numbers;
use crate::outcome::{Awaiting, Fate, Rejected, RejectedEvent};
use crate::schedule::Schedules;
use crate::schema::{KnownSchemas, Named};
use crate::{Findings, head};

/// What all calls of a gateway share.
pub(crate) struct Shared {
    pub(crate) plain_topic: String,
    pub(crate) topic: Arc<str>,
    pub(crate) linker: Linker,
    pub(crate) schedules: Schedules,
    pub(crate) schemas: KnownSchemas,
    pub(crate) log: Arc<dyn Appender>,
    pub(crate) seal: Arc<dyn Seal>,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) shutdown: Shutdown,
}

/// Records that may be appended: every link they rest on is acknowledged.
pub(crate) struct Prepared {
    pub(crate) records: Vec<NewRecord>,
    pub(crate) fates: Vec<Result<Awaiting, RejectedEvent>>,
    /// Subjects of whom identity does not know yet that an event was accepted.
    pub(crate) untold: Vec<(Token, Handle)>,
    pub(crate) received: std::time::Instant,
    /// The span of the preparation; appending is a child of it.
    pub(crate) span: tracing::Span,
}

/// Where an event's key comes from.
enum Key {
    /// The handle that answers this question to identity.
    Linked(usize),
    Text(Bytes),
}

impl Shared {
    /// Links the subjects of all valid events in one question, then writes the records. P3 stands here: a person's
    /// record is made from a handle, and `handles` returns only acknowledged ones.
    pub(crate) async fn write(
        &self,
        sender: &Sender,
        checked: Vec<Result<Valid, RejectedEvent>>,
        received: std::time::Instant,
    ) -> Result<Prepared, GatewayError> {
        let mut subjects = Vec::new();
        let mut keyed = Vec::with_capacity(checked.len());
        for event in checked {
            keyed.push(event.map(|mut event| {
                let key = match std::mem::replace(&mut event.keyed_by, KeyedBy::Text(String::new()))
                {
                    KeyedBy::Subject(subject) => {
                        subjects.push(subject);
                        Key::Linked(subjects.len() - 1)
                    }
                    KeyedBy::Text(text) => Key::Text(text.into()),
                };
                (event, key)
            }));
        }
        let handles = self
            .linker
            .handles(&sender.organisation, subjects)
            .await
            .map_err(GatewayError::Identity)?;
        let trace_parent = telemetry::traceparent(&tracing::Span::current());
        let mut prepared = Prepared {
            records: Vec::with_capacity(keyed.len()),
            fates: Vec::with_capacity(keyed.len()),
            untold: handles
                .iter()
                .flatten()
                .filter_map(|linked| Some((linked.untold?, linked.handle)))
                .collect(),
            received,
            span: tracing::Span::current(),
        };
        for event in keyed {
            let (mut event, key) = match event {
                Ok(keyed) => keyed,
                Err(rejected) => {
                    prepared.fates.push(Err(rejected));
                    continue;
                }
            };
            match find(&key, &handles) {
                Ok((key, linked)) => {
                    if linked.is_some_and(|linked| linked.restricted) {
                        event.leave_whereabouts_out();
                    }
                    let sealed_for = linked.map(|linked| linked.handle);
                    let named = self.named(&event).await?;
                    let (record, awaiting) =
                        self.record(sender, event, key, sealed_for, &named, trace_parent.clone())?;
                    prepared.records.push(record);
                    prepared.fates.push(Ok(awaiting));
                }
                Err(Unknown) => prepared.fates.push(Err(self.unknown_subject(&event))),
            }
        }
        Ok(prepared)
    }

    async fn named(&self, event: &Valid) -> Result<Named, GatewayError> {
        let named = self.schemas.named(event.record, event.schema).await;
        named.map_err(|cause| GatewayError::Schema {
            event_type: event.event_type,
            cause,
        })
    }

    fn unknown_subject(&self, event: &Valid) -> RejectedEvent {
        let mut findings = Findings::new();
        findings.add(&head::DEMOGRAPHICS_NEEDED, "head.subject.demographics");
        self.numbers.refused(head::DEMOGRAPHICS_NEEDED.id);
        (event.event_id.to_string(), Rejected::Rules(findings))
    }

    fn record(
        &self,
        sender: &Sender,
        event: Valid,
        key: Bytes,
        sealed_for: Option<Handle>,
        named: &Named,
        trace_parent: Option<String>,
    ) -> Result<(NewRecord, Awaiting), GatewayError> {
        let subject: &[u8] = sealed_for.as_ref().map_or(&[], |handle| handle.as_bytes());
        let sealed = self
            .seal
            .seal(subject, event.avro)
            .map_err(GatewayError::Seal)?;
        let envelope = RawEnvelope {
            id: event.event_id,
            event_type: event.typed,
            organisation: sender.organisation.clone(),
            occurred_at: event.occurred.at,
            precision: event.occurred.precision,
            supersedes: event.supersedes,
            key_id: sealed.key_id,
            data_schema: named.data_schema.to_string(),
            queries: event
                .findings
                .query_ids()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            trace_parent,
        };
        let headers: Headers = envelope.pairs().into_iter().collect();
        for query in event.findings.queries() {
            self.numbers.queried(query.rule.id);
        }
        let record = NewRecord {
            topic: Arc::clone(&self.topic),
            partition: None,
            key: Some(key),
            value: Some(frame(named.id, &sealed.body).into()),
            headers,
            timestamp_ms: None,
        };
        let awaiting = Awaiting {
            event_id: event.event_id.to_string(),
            event_type: event.event_type,
            queries: event.findings.queries().to_vec(),
        };
        Ok((record, awaiting))
    }

    /// The receipts for what the log reported, in the order of the events.
    pub(crate) fn receipts(
        &self,
        fates: Vec<Result<Awaiting, RejectedEvent>>,
        places: Vec<(TopicPartition, i64)>,
    ) -> Result<Vec<Fate>, GatewayError> {
        let now = (self.clock)();
        let mut places = places.into_iter();
        let mut told = Vec::with_capacity(fates.len());
        for fate in fates {
            told.push(match fate {
                Err(rejected) => Err(rejected),
                Ok(awaiting) => {
                    let (at, offset) = places
                        .next()
                        .ok_or_else(|| GatewayError::Log(self.incomplete()))?;
                    self.numbers.appended(awaiting.event_type);
                    Ok(awaiting.receipt(&self.plain_topic, &at, offset, now))
                }
            });
        }
        Ok(told)
    }

    pub(crate) fn incomplete(&self) -> LogError {
        let problem = "its report names fewer records than were handed over";
        LogError::new(Severity::OutcomeUnknown, "append", &*self.topic, problem)
    }
}

fn find(
    key: &Key,
    handles: &[Result<Linked, Unknown>],
) -> Result<(Bytes, Option<Linked>), Unknown> {
    match key {
        Key::Text(text) => Ok((text.clone(), None)),
        Key::Linked(place) => {
            let linked = handles.get(*place).copied().unwrap_or(Err(Unknown))?;
            Ok((
                Bytes::copy_from_slice(linked.handle.as_bytes()),
                Some(linked),
            ))
        }
    }
}
