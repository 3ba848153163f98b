//! A gateway with everything around it, of invented people and an agency that no city has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use walbrook_agency::{
    Agency, Body, Context, Findings, Frame, FrameReceipts, Gateway, Identity, Limits, Parts, Rule,
    Schedules, Schemas,
};
use walbrook_domain::control::{PublicationSchedule, ScheduleEntry};
use walbrook_domain::{Instant, Organisation};
use walbrook_event::{Key, Plain, Seal};
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{
    Appender, LogError, Namespace, NewRecord, Record, Severity, TopicPartition,
};
use walbrook_eventlog_kafka::RegistryError;
use walbrook_proto::common::v1::{EventHead, Receipt};
use walbrook_proto::housing::v1::housing_events_client::HousingEventsClient;
use walbrook_proto::housing::v1::housing_events_server::{HousingEvents, HousingEventsServer};
use walbrook_proto::housing::v1::{Event, PublishFrame, PublishRequest, RentArrearsChanged, event};
use walbrook_runtime::callers::{Credential, Issuer, TokenRequest, role};
use walbrook_runtime::metrics::Metrics;
use walbrook_runtime::readiness::Readiness;
use walbrook_runtime::server::{self, MAX_MESSAGE_BYTES, Services};
use walbrook_runtime::shutdown::Shutdown;

use crate::identity::People;

pub use crate::people::{body, demographics, event, head, id, subject};

pub const CAMDEN: &str = "GSS:E09000007";
pub const EVENT: &str = "housing.RentArrearsChanged";
pub const STAY: &str = "housing.HostelStay";
pub const TOPIC: &str = "t.raw.example";
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A rule of the agency's own, beside those that hold for every event.
pub static TOO_MANY_WEEKS: Rule = Rule::query(
    "TOO_MANY_WEEKS",
    "More than 500 weeks of rent are owed.",
    "this test",
);

/// An agency with one event type.
pub struct Example;

impl Agency for Example {
    const NAME: &'static str = "example";
    const GRPC_PORT: u16 = 7199;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        static RULES: [&Rule; 1] = [&TOO_MANY_WEEKS];
        &RULES
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(event: &Event) -> Option<Body<'_>> {
        match event.body.as_ref()? {
            event::Body::RentArrearsChanged(m) => {
                Some(Body::of("rent_arrears_changed", m, arrears))
            }
            event::Body::HostelStay(m) => Some(Body::of("hostel_stay", m, anything)),
            _ => None,
        }
    }
}

fn anything<M>(_: &M, _: &Context<'_>, _: &mut Findings) {}

fn arrears(m: &RentArrearsChanged, _: &Context<'_>, findings: &mut Findings) {
    findings.check(
        m.owed_weeks.is_none_or(|weeks| weeks <= 500),
        &TOO_MANY_WEEKS,
        "owed_weeks",
    );
}

struct Service(Gateway<Example>);

#[tonic::async_trait]
impl HousingEvents for Service {
    type PublishStreamStream = FrameReceipts;

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<Receipt>, Status> {
        self.0.publish(request.map(|message| message.event)).await
    }

    async fn publish_stream(
        &self,
        request: Request<Streaming<PublishFrame>>,
    ) -> Result<Response<FrameReceipts>, Status> {
        self.0
            .publish_stream(request, |frame: PublishFrame| Frame {
                sequence: frame.sequence,
                events: frame.events,
            })
            .await
    }
}

/// What happened, in order: the proof of P3 is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Identity acknowledged the link of this token.
    Linked(Vec<u8>),
    /// The log was handed a record with this key.
    Appended(Vec<u8>),
}

pub type Journal = Arc<Mutex<Vec<Step>>>;
type Done = Box<dyn FnOnce(Result<Vec<(TopicPartition, i64)>, LogError>) + Send>;

/// The in-memory log with a hand on its acknowledgements.
pub struct Log {
    pub memory: MemoryLog,
    journal: Journal,
    down: AtomicBool,
    holding: AtomicBool,
    held: Mutex<Vec<(Vec<NewRecord>, Done)>>,
    pub batches: Mutex<Vec<usize>>,
}

impl Log {
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// From now on acknowledgements wait.
    pub fn hold(&self) {
        self.holding.store(true, Ordering::SeqCst);
    }

    pub fn handed(&self) -> usize {
        self.batches.lock().len()
    }

    /// Acknowledges what waits and everything after.
    pub fn release(&self) {
        self.holding.store(false, Ordering::SeqCst);
        let held = std::mem::take(&mut *self.held.lock());
        for (records, done) in held {
            self.memory.append(records, done);
        }
    }

    pub fn records(&self) -> Vec<Record> {
        self.memory.committed_records(TOPIC)
    }
}

impl Appender for Log {
    fn append(&self, records: Vec<NewRecord>, done: Done) {
        if self.down.load(Ordering::SeqCst) {
            done(Err(LogError::new(
                Severity::Transient,
                "append",
                TOPIC,
                "no answer",
            )));
            return;
        }
        for record in &records {
            let key = record
                .key
                .as_ref()
                .map(|key| key.to_vec())
                .unwrap_or_default();
            self.journal.lock().push(Step::Appended(key));
        }
        self.batches.lock().push(records.len());
        if self.holding.load(Ordering::SeqCst) {
            self.held.lock().push((records, done));
        } else {
            self.memory.append(records, done);
        }
    }
}

/// A registry that can be down or empty.
#[derive(Default)]
pub struct Ids {
    pub down: AtomicBool,
    pub empty: AtomicBool,
}

impl Schemas for Ids {
    fn id<'a>(
        &'a self,
        _: &'a str,
        _: &'static str,
    ) -> BoxFuture<'a, Result<Option<i32>, RegistryError>> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(RegistryError::Unreachable {
                    url: "http://nowhere".into(),
                    operation: "look a schema up",
                    message: "refused".into(),
                });
            }
            Ok((!self.empty.load(Ordering::SeqCst)).then_some(42))
        })
    }
}

/// The gateway under test, serving on loopback.
pub struct House {
    pub log: Arc<Log>,
    pub people: Arc<People>,
    pub ids: Arc<Ids>,
    pub schedules: Schedules,
    pub issuer: Issuer,
    pub metrics: Metrics,
    pub shutdown: Shutdown,
    pub journal: Journal,
    channel: Channel,
}

pub type Client = HousingEventsClient<InterceptedService<Channel, Credential>>;

impl House {
    pub async fn open() -> Self {
        Self::with(Limits::default(), Arc::new(Plain)).await
    }

    pub async fn with(limits: Limits, seal: Arc<dyn Seal>) -> Self {
        Self::made(limits, seal, None).await
    }

    /// While the agency's key is being rotated: this is the one before.
    pub async fn rotating(before: Key) -> Self {
        Self::made(Limits::default(), Arc::new(Plain), Some(before)).await
    }

    async fn made(limits: Limits, seal: Arc<dyn Seal>, before: Option<Key>) -> Self {
        let journal = Journal::default();
        let log = Arc::new(Log {
            memory: MemoryLog::new([(TOPIC, 4)]),
            journal: Arc::clone(&journal),
            down: AtomicBool::new(false),
            holding: AtomicBool::new(false),
            held: Mutex::default(),
            batches: Mutex::default(),
        });
        let people = Arc::new(People {
            journal: Arc::clone(&journal),
            asked: Mutex::default(),
            calls: Mutex::default(),
            handles: Mutex::default(),
            accepted: Mutex::default(),
            down: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            slow: AtomicBool::new(false),
        });
        let (ids, metrics, shutdown) = (Arc::new(Ids::default()), Metrics::new(), Shutdown::new());
        let mut parts = parts(&log, &people, &ids, limits, seal, &metrics, &shutdown);
        let schedules = Schedules::new(&metrics);
        assert!(schedules.take(&schedule(CAMDEN, 1, &[EVENT, STAY])));
        parts.schedules = schedules.clone();
        parts.agency_keys.before = before;
        let gateway = Gateway::<Example>::new(parts);
        tokio::spawn(gateway.tell_accepted());
        let issuer = Issuer::ephemeral("walbrook-local");
        let listener = server::bind("127.0.0.1:0".parse().expect("address"))
            .await
            .expect("bind");
        let address = listener.local_addr().expect("address");
        let service =
            HousingEventsServer::new(Service(gateway)).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let services = Services::new(Arc::new(issuer.verifier())).with(service);
        let stop = shutdown.clone();
        tokio::spawn(async move {
            services
                .serve(
                    walbrook_proto::FILE_DESCRIPTOR_SET,
                    listener,
                    Readiness::new(),
                    stop,
                )
                .await
                .expect("served");
        });
        let channel = Endpoint::from_shared(format!("http://{address}"))
            .expect("uri")
            .connect()
            .await
            .expect("connect");
        Self {
            log,
            people,
            ids,
            schedules,
            issuer,
            metrics,
            shutdown,
            journal,
            channel,
        }
    }

    /// The same surroundings for another gateway.
    pub fn parts(&self) -> Parts {
        let (metrics, limits) = (Metrics::new(), Limits::default());
        parts(
            &self.log,
            &self.people,
            &self.ids,
            limits,
            Arc::new(Plain),
            &metrics,
            &self.shutdown,
        )
    }

    /// Camden's system, which may send everything.
    pub fn client(&self) -> Client {
        self.client_with(
            TokenRequest::new(CAMDEN, "housing-system", role::PRODUCER).events(&["housing.*"]),
        )
    }

    pub fn client_with(&self, request: TokenRequest) -> Client {
        HousingEventsClient::with_interceptor(
            self.channel.clone(),
            Credential::minted(self.issuer.clone(), request),
        )
    }

    /// The bare connection.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A token of Camden's system.
    pub fn token(&self) -> String {
        let request =
            TokenRequest::new(CAMDEN, "housing-system", role::PRODUCER).events(&["housing.*"]);
        let token = self.issuer.token(&request, SystemTime::now());
        token.expect("a token")
    }

    /// A client that shows exactly this, or nothing.
    pub fn bare(&self) -> HousingEventsClient<Channel> {
        HousingEventsClient::new(self.channel.clone())
    }

    pub fn count(&self, line: &str) -> u64 {
        let text = self.metrics.text();
        let found = text
            .lines()
            .find_map(|known| known.strip_prefix(line)?.trim().parse().ok());
        found.unwrap_or_else(|| panic!("{line} in {text}"))
    }
}

fn parts(
    log: &Arc<Log>,
    people: &Arc<People>,
    ids: &Arc<Ids>,
    limits: Limits,
    seal: Arc<dyn Seal>,
    metrics: &Metrics,
    shutdown: &Shutdown,
) -> Parts {
    Parts {
        namespace: Namespace::new("t"),
        agency_keys: Key::new([7; 32]).into(),
        log: Arc::clone(log) as Arc<dyn Appender>,
        identity: Arc::clone(people) as Arc<dyn Identity>,
        schedules: Schedules::default(),
        schemas: Arc::clone(ids) as Arc<dyn Schemas>,
        seal,
        clock: Arc::new(now),
        limits,
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    }
}

/// A schedule of these event types.
pub fn schedule(organisation: &str, version: u32, events: &[&str]) -> PublicationSchedule {
    let organisation: Organisation = organisation.parse().expect("an organisation");
    let entry = |event_type: &&str| ScheduleEntry {
        event_type: event_type.parse().expect("an event type"),
        controller: organisation.clone(),
        reason: "the organisation's own duty".to_owned(),
        retention_days: 30,
    };
    PublicationSchedule {
        version,
        entries: events.iter().map(entry).collect(),
        by_organisation: organisation.clone(),
        by: "information-governance".to_owned(),
        organisation,
    }
}

pub fn now() -> Instant {
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("clock");
    Instant(i64::try_from(since_1970.as_micros()).expect("fits"))
}

pub async fn publish(client: &mut Client, event: Event) -> Result<Receipt, Status> {
    let answer = client
        .publish(PublishRequest { event: Some(event) })
        .await?;
    Ok(answer.into_inner())
}

/// (field, rule) of every violation of a refusal.
pub fn violations(status: &Status) -> Vec<(String, String)> {
    use tonic_types::StatusExt;
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.clone())
        .unwrap_or_default();
    violations
        .into_iter()
        .map(|violation| (violation.field, violation.reason))
        .collect()
}

pub fn reason(status: &Status) -> String {
    use tonic_types::StatusExt;
    status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}

/// Waits until `holds`, yielding to the server; fails after a deadline.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
