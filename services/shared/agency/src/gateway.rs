//! The gateway of one agency: a call comes in, its events are *prepared* (checked, linked, written as records) and
//! *appended* (handed to the log, whose report becomes the receipts). Frames are prepared side by side and appended in
//! their order.

use std::sync::Arc;

use tokio::sync::oneshot;
use tonic::{Request, Response, Status};
use tracing::Instrument;
use walbrook_domain::Instant;
use walbrook_event::Seal;
use walbrook_event::raw::ANY_AGENCY;
use walbrook_eventlog::{Appender, Namespace, topics};
use walbrook_proto::common::v1 as wire;
use walbrook_runtime::callers::principal;
use walbrook_runtime::metrics::Metrics;
use walbrook_runtime::shutdown::Shutdown;
use walbrook_runtime::status::Coded;

use crate::check::{Sender, check};
use crate::error::GatewayError;
use crate::link::{AgencyKeys, Identity, Linker};
use crate::numbers::Numbers;
use crate::outcome::{Fate, Rejected};
use crate::schedule::Schedules;
use crate::schema::{KnownSchemas, Schemas};
use crate::write::{Prepared, Shared};
use crate::{Agency, Findings, head};

/// Tells the time: injected, so that tests choose it.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// What a gateway takes at a time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Events in one frame.
    pub events_per_frame: usize,
    /// Frames of one stream that are under way at a time; more wait on the wire.
    pub frames_under_way: usize,
    /// Subjects whose handles are remembered (about 150 bytes each).
    pub cached_subjects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            events_per_frame: 1_000,
            frames_under_way: 8,
            cached_subjects: 400_000,
        }
    }
}

/// What a gateway is made of.
pub struct Parts {
    /// Prefix of topics.
    pub namespace: Namespace,
    /// Keys of this agency's lookup tokens.
    pub agency_keys: AgencyKeys,
    /// Where events go.
    pub log: Arc<dyn Appender>,
    /// Who is who.
    pub identity: Arc<dyn Identity>,
    /// What organisations publish.
    pub schedules: Schedules,
    /// Ids of schemas.
    pub schemas: Arc<dyn Schemas>,
    /// The seam through which bodies go.
    pub seal: Arc<dyn Seal>,
    /// The time.
    pub clock: Clock,
    /// What is taken at a time.
    pub limits: Limits,
    /// Where it counts.
    pub metrics: Metrics,
    /// When it stops.
    pub shutdown: Shutdown,
}

/// The gateway of one agency. Clones are the same gateway.
pub struct Gateway<A> {
    pub(crate) shared: Arc<Shared>,
    agency: std::marker::PhantomData<fn() -> A>,
}

impl<A> Clone for Gateway<A> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            agency: std::marker::PhantomData,
        }
    }
}

impl<A: Agency> Gateway<A> {
    /// A gateway of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let plain_topic = topics::raw(A::NAME);
        let topic: Arc<str> = parts.namespace.name(&plain_topic).into();
        let numbers = Arc::new(Numbers::new(&parts.metrics));
        let cached = parts.limits.cached_subjects;
        let shared = Shared {
            linker: Linker::new(
                A::NAME,
                parts.agency_keys,
                parts.identity,
                cached,
                Arc::clone(&numbers),
            ),
            schemas: KnownSchemas::new(Arc::clone(&topic), parts.schemas),
            plain_topic,
            topic,
            schedules: parts.schedules,
            log: parts.log,
            seal: parts.seal,
            clock: parts.clock,
            limits: parts.limits,
            numbers,
            shutdown: parts.shutdown,
        };
        Self {
            shared: Arc::new(shared),
            agency: std::marker::PhantomData,
        }
    }

    /// Makes sure that the registry knows every schema this agency writes.
    ///
    /// # Errors
    /// The first that it does not know, or that it could not be asked.
    pub async fn find_schemas(&self) -> Result<(), crate::SchemaError> {
        for record in walbrook_proto::records() {
            if record
                .event
                .is_some_and(|event| [A::NAME, ANY_AGENCY].contains(&event.agency))
            {
                self.shared
                    .schemas
                    .named(record.full_name, record.schema)
                    .await?;
            }
        }
        Ok(())
    }

    /// Tells identity which subjects have an accepted event, until it is time to stop. Runs beside the service.
    pub fn tell_accepted(&self) -> impl Future<Output = ()> + Send + use<A> {
        let shared = Arc::clone(&self.shared);
        async move { shared.linker.tell(&shared.shutdown).await }
    }

    /// One event, one receipt.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `PERMISSION_DENIED`, `INVALID_ARGUMENT` with every violation, or `UNAVAILABLE`.
    pub async fn publish(
        &self,
        request: Request<Option<A::Event>>,
    ) -> Result<Response<wire::Receipt>, Status> {
        let sender = Sender::of(principal(&request)?)?;
        let receipt = self.publish_one(&sender, request.into_inner()).await?;
        Ok(Response::new(receipt))
    }

    async fn publish_one(
        &self,
        sender: &Sender,
        event: Option<A::Event>,
    ) -> Result<wire::Receipt, GatewayError> {
        let Some(event) = event else {
            let mut findings = Findings::new();
            findings.add(&head::BODY_MISSING, "event");
            return Err(Rejected::Rules(findings).into());
        };
        let prepared = self.prepare(sender, vec![event]).await?;
        let fates = self.append(prepared).await?;
        match fates.into_iter().next() {
            Some(Ok(receipt)) => Ok(receipt),
            Some(Err((_, rejected))) => Err(rejected.into()),
            None => Err(GatewayError::Log(self.shared.incomplete())),
        }
    }

    /// Checks the events of a frame, has their subjects linked, and writes the records.
    pub(crate) async fn prepare(
        &self,
        sender: &Sender,
        events: Vec<A::Event>,
    ) -> Result<Prepared, GatewayError> {
        let received = std::time::Instant::now();
        let shared = &self.shared;
        let count = events.len();
        let span =
            tracing::info_span!(parent: &sender.call, "accept", agency = A::NAME, events = count);
        let prepared = async {
            let most = shared.limits.events_per_frame;
            if events.len() > most {
                return Err(GatewayError::FrameTooLarge {
                    found: events.len(),
                    most,
                });
            }
            let now = (shared.clock)();
            sender.require_unexpired(now)?;
            // Once for the frame: its events are judged by one version.
            let scheduled = shared.schedules.of(&sender.organisation);
            let checked = events
                .iter()
                .map(|event| check::<A>(sender, scheduled.as_deref(), event, now, &shared.numbers))
                .collect();
            drop(events);
            shared.write(sender, checked, received).await
        };
        let prepared = prepared.instrument(span).await;
        if let Err(error) = &prepared {
            shared.numbers.failed(error.reason());
        }
        prepared
    }

    /// Hands the records to the log, in one go, and waits for its report. The hand-over happens when this is called,
    /// not when what it returns is awaited: so frames are appended in the order of the calls.
    pub(crate) fn append(
        &self,
        prepared: Prepared,
    ) -> impl Future<Output = Result<Vec<Fate>, GatewayError>> + Send + use<A> {
        let shared = Arc::clone(&self.shared);
        let Prepared {
            records,
            fates,
            untold,
            received,
            span,
        } = prepared;
        let span = tracing::info_span!(
            parent: &span,
            "append",
            otel.kind = "producer",
            messaging.system = "kafka",
            records = records.len()
        );
        let (report, reported) = oneshot::channel();
        // When nobody waits any more the caller is gone; the events stay.
        shared
            .log
            .append(records, Box::new(move |result| drop(report.send(result))));
        async move {
            let reported = reported.await.unwrap_or_else(|_| Err(shared.incomplete()));
            let told = reported
                .map_err(GatewayError::Log)
                .and_then(|places| shared.receipts(fates, places));
            match &told {
                Ok(_) => {
                    shared.numbers.receipt(received.elapsed());
                    shared.linker.accepted(untold);
                }
                Err(error) => shared.numbers.failed(error.reason()),
            }
            told
        }
        .instrument(span)
    }
}
