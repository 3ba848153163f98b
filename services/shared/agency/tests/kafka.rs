//! The gateway on its real adapters: Kafka, the registry, and identity over gRPC.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

#[path = "kafka/one.rs"]
mod one;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tonic::Request;
use walbrook_agency::{
    Agency, Body, Gateway, GrpcIdentity, Limits, Parts, RegistrySchemas, Rule, Schedules, follow,
};
use walbrook_domain::Instant as Moment;
use walbrook_domain::control::{AgreementFact, ControlFact, PublicationSchedule, ScheduleEntry};
use walbrook_event::framing::unframe;
use walbrook_event::{Key, Plain, RawEnvelope, control, framing, headers};
use walbrook_eventlog::topics::{self, Cleanup, TimestampType, Topic};
use walbrook_eventlog::{Appender, Headers, Namespace, NewRecord, Reader, Record, TopicPartition};
use walbrook_eventlog_kafka::{Kafka, Registry};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Subject};
use walbrook_proto::health::v1::{EdAttendance, Event, event};
use walbrook_proto::identity::v1::identity_server::IdentityServer;
use walbrook_runtime::callers::{Credential, Issuer, TokenRequest, role};
use walbrook_runtime::metrics::Metrics;
use walbrook_runtime::readiness::Readiness;
use walbrook_runtime::server::{self, Services};
use walbrook_runtime::shutdown::Shutdown;

use crate::one::One;

const WAIT: Duration = Duration::from_secs(30);
const HANDLE: [u8; 16] = [9; 16];

struct Example;

impl Agency for Example {
    const NAME: &'static str = "example";
    const GRPC_PORT: u16 = 7199;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        &[]
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(event: &Event) -> Option<Body<'_>> {
        match event.body.as_ref()? {
            event::Body::EdAttendance(m) => Some(Body::of("ed_attendance", m, |_, _, _| {})),
            _ => None,
        }
    }
}

async fn serve_identity(issuer: &Issuer) -> http::Uri {
    let listener = server::bind("127.0.0.1:0".parse().expect("address"))
        .await
        .expect("bind");
    let address = listener.local_addr().expect("address");
    let services = Services::new(Arc::new(issuer.verifier())).with(IdentityServer::new(One));
    tokio::spawn(async move {
        let set = walbrook_proto::FILE_DESCRIPTOR_SET;
        services
            .serve(set, listener, Readiness::new(), Shutdown::new())
            .await
            .expect("served");
    });
    format!("http://{address}").parse().expect("uri")
}

async fn gateway(
    kafka: &Kafka,
    registry: Registry,
    namespace: &Namespace,
    issuer: &Issuer,
) -> Gateway<Example> {
    Gateway::new(parts(kafka, registry, namespace, issuer).await)
}

async fn parts(kafka: &Kafka, registry: Registry, namespace: &Namespace, issuer: &Issuer) -> Parts {
    let own = Credential::minted(
        issuer.clone(),
        TokenRequest::new("WALBROOK:local", "example", role::SERVICE),
    );
    let schedules = Schedules::default();
    assert!(schedules.take(&schedule(1, &["health.EdAttendance"])));
    Parts {
        namespace: namespace.clone(),
        agency_keys: Key::new([7; 32]).into(),
        log: Arc::new(kafka.appender(Duration::from_millis(1)).expect("appender")),
        identity: Arc::new(GrpcIdentity::new(
            "housing",
            &serve_identity(issuer).await,
            own,
        )),
        schedules,
        schemas: Arc::new(RegistrySchemas(registry)),
        seal: Arc::new(Plain),
        clock: Arc::new(now),
        limits: Limits::default(),
        metrics: Metrics::new(),
        shutdown: Shutdown::new(),
    }
}

/// The trust's schedule.
fn schedule(version: u32, events: &[&str]) -> PublicationSchedule {
    let trust: walbrook_domain::Organisation = "ODS:RRV".parse().expect("a trust");
    let entry = |event_type: &&str| ScheduleEntry {
        event_type: event_type.parse().expect("an event type"),
        controller: trust.clone(),
        reason: "the trust's own duty".to_owned(),
        retention_days: 30,
    };
    PublicationSchedule {
        version,
        entries: events.iter().map(entry).collect(),
        by_organisation: trust.clone(),
        by: "information-governance".to_owned(),
        organisation: trust,
    }
}

fn now() -> Moment {
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("clock");
    Moment(i64::try_from(since_1970.as_micros()).expect("fits"))
}

fn request(issuer: &Issuer, event: Event) -> Request<Option<Event>> {
    let now = SystemTime::now();
    let token = TokenRequest::new("ODS:RRV", "trust-system", role::PRODUCER).events(&["health.*"]);
    let token = issuer.token(&token, now).expect("token");
    let caller = issuer.verifier().verify(&token, now).expect("caller");
    let mut request = Request::new(Some(event));
    request.extensions_mut().insert(caller);
    request
}

fn attendance() -> Event {
    let body = walbrook_proto::record(EdAttendance::FULL_NAME).expect("known type");
    assert!(body.event.is_some());
    Event {
        head: Some(EventHead {
            event_id: uuid::Uuid::new_v4().to_string(),
            organisation: None,
            subject: Some(Subject {
                scheme: "LOCAL".into(),
                local_id: "A-1".into(),
                demographics: Some(Demographics {
                    given_name: "Aveline".into(),
                    ..Demographics::default()
                }),
            }),
            supersedes_event_id: None,
            when: Some(When::OccurredOn(Date::new(2026, 4, 7).expect("date"))),
        }),
        body: Some(event::Body::EdAttendance(valid_attendance())),
    }
}

fn valid_attendance() -> EdAttendance {
    EdAttendance {
        ods_site: "RRV03".into(),
        arrival_at: Some(prost_types::Timestamp {
            seconds: 1_775_560_000,
            nanos: 0,
        }),
        ..EdAttendance::default()
    }
}

fn read_all(kafka: &Kafka, topic: &str, partitions: i32, count: usize) -> Vec<Record> {
    let mut reader = kafka.uncommitted_reader().expect("reader");
    let starts: Vec<_> = (0..partitions)
        .map(|p| (TopicPartition::new(topic, p), 0))
        .collect();
    reader.assign(&starts).expect("assigned");
    let (deadline, mut records) = (Instant::now() + WAIT, Vec::new());
    while records.len() < count {
        assert!(
            Instant::now() < deadline,
            "{} of {count} records",
            records.len()
        );
        reader
            .poll(100, Duration::from_millis(100), &mut records)
            .expect("polled");
    }
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_stands_on_kafka_when_its_receipt_comes() {
    let cluster = tokio::task::spawn_blocking(walbrook_testkit::cluster::shared)
        .await
        .expect("cluster");
    let kafka = Kafka::new(&cluster.kafka, Default::default());
    let registry = Registry::new(&format!("{}/apis/ccompat/v7", cluster.registry));
    let namespace = Namespace::new(&walbrook_testkit::cluster::namespace());
    let topic = Topic {
        name: namespace.name("raw.example"),
        plain: "raw.example".into(),
        partitions: 4,
        cleanup: Cleanup::Delete,
        timestamps: TimestampType::LogAppendTime,
    };
    kafka
        .admin()
        .expect("admin")
        .create(std::slice::from_ref(&topic), 1, 1)
        .await
        .expect("created");
    let issuer = Issuer::ephemeral("walbrook-local");
    let gateway = gateway(&kafka, registry.clone(), &namespace, &issuer).await;

    let early = gateway
        .publish(request(&issuer, attendance()))
        .await
        .expect_err("no schema yet");
    assert_eq!(early.code(), tonic::Code::Unavailable, "{early}");
    let subject = format!("{}-{}", topic.name, EdAttendance::FULL_NAME);
    let schema_id = registry
        .register(&subject, EdAttendance::SCHEMA)
        .await
        .expect("registered");

    let sent = attendance();
    let event_id = sent.head.as_ref().expect("head").event_id.clone();
    let receipt = gateway
        .publish(request(&issuer, sent))
        .await
        .expect("receipt")
        .into_inner();
    let records = read_all(&kafka, &topic.name, 4, 1);
    assert_eq!(records.len(), 1, "the one that was refused left nothing");
    let record = &records[0];
    assert_eq!(
        receipt.receipt_id,
        format!("raw.example/{}/{}", record.at.partition, record.offset)
    );
    assert_eq!(record.key.as_deref(), Some(HANDLE.as_slice()));
    assert_eq!(
        record.at.partition,
        topics_partition(&HANDLE),
        "as a Java peer computes it"
    );
    let (id, body) = unframe(record.value.as_deref()).expect("frame");
    assert_eq!(id, schema_id);
    assert_eq!(
        EdAttendance::decode_exact(body).expect("avro"),
        valid_attendance()
    );
    let envelope = RawEnvelope::read(|name| record.headers.get(name)).expect("headers");
    assert_eq!(
        (envelope.id.to_string(), envelope.organisation.to_string()),
        (event_id, "ODS:RRV".to_owned())
    );
    assert!(
        record.timestamp_ms > 1_775_560_000_000,
        "the log's own time"
    );
}

fn topics_partition(key: &[u8]) -> i32 {
    topics::murmur2_partition(key, 4)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_or_registry_that_is_not_there_gives_no_receipt() {
    let cluster = tokio::task::spawn_blocking(walbrook_testkit::cluster::shared)
        .await
        .expect("cluster");
    let nowhere = Kafka::new("127.0.0.1:9", Default::default());
    let registry = Registry::new(&format!("{}/apis/ccompat/v7", cluster.registry));
    let namespace = Namespace::new(&walbrook_testkit::cluster::namespace());
    let issuer = Issuer::ephemeral("walbrook-local");
    let subject = format!(
        "{}-{}",
        namespace.name("raw.example"),
        EdAttendance::FULL_NAME
    );
    registry
        .register(&subject, EdAttendance::SCHEMA)
        .await
        .expect("registered");

    let without_kafka = gateway(&nowhere, registry, &namespace, &issuer).await;
    let failed = without_kafka
        .publish(request(&issuer, attendance()))
        .await
        .expect_err("no Kafka");
    assert_eq!(failed.code(), tonic::Code::Unavailable, "{failed}");
    assert!(
        failed.message().starts_with("the log did not acknowledge"),
        "{failed}"
    );

    let unreachable = Registry::new("http://127.0.0.1:9");
    let without_registry = gateway(&nowhere, unreachable, &namespace, &issuer).await;
    let failed = without_registry
        .publish(request(&issuer, attendance()))
        .await
        .expect_err("no registry");
    assert_eq!(failed.code(), tonic::Code::Unavailable, "{failed}");
    assert!(
        failed
            .message()
            .contains("the schema of health.EdAttendance"),
        "{failed}"
    );
}

/// A schedule as the control plane writes it.
fn record(topic: &str, schedule: PublicationSchedule) -> NewRecord {
    let fact = ControlFact::Agreement(AgreementFact::Schedule(schedule));
    let encoded = control::write(&fact, now(), "").expect("encoded");
    let mut written = Headers::new();
    written.push(headers::TYPE, encoded.full_name);
    NewRecord {
        topic: topic.into(),
        partition: Some(0),
        key: Some(encoded.key.into()),
        value: Some(framing::frame(7, &encoded.body).into()),
        headers: written,
        timestamp_ms: None,
    }
}

async fn append(kafka: &Kafka, records: Vec<NewRecord>) {
    let (done, appended) = tokio::sync::oneshot::channel();
    let appender = kafka.appender(Duration::ZERO).expect("appender");
    appender.append(
        records,
        Box::new(move |result| drop(done.send(result.map(drop)))),
    );
    appended.await.expect("told").expect("appended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_are_known_when_the_gateway_is_ready_and_change_without_a_restart() {
    let cluster = tokio::task::spawn_blocking(walbrook_testkit::cluster::shared)
        .await
        .expect("cluster");
    let kafka = Kafka::new(&cluster.kafka, Default::default());
    let registry = Registry::new(&format!("{}/apis/ccompat/v7", cluster.registry));
    let namespace = Namespace::new(&walbrook_testkit::cluster::namespace());
    let table: Vec<_> = topics::table(&namespace, 4)
        .into_iter()
        .filter(|topic| topic.plain == topics::AGREEMENTS)
        .collect();
    kafka
        .admin()
        .expect("admin")
        .create(&table, 1, 1)
        .await
        .expect("created");
    let topic = namespace.name(topics::AGREEMENTS);
    let other = ["health.CicHealthAssessment"];
    let known = ["health.CicHealthAssessment", "health.EdAttendance"];
    // A version that does not follow the one before it counts for nothing.
    let written = [schedule(1, &other), schedule(3, &known)];
    append(
        &kafka,
        written.map(|one| record(&topic, one)).into_iter().collect(),
    )
    .await;

    let schedules = Schedules::default();
    let stop = Shutdown::new();
    let (tell, ready) = tokio::sync::oneshot::channel();
    let (mut reader, mut ends) = (kafka.reader().expect("reader"), kafka.ends().expect("ends"));
    let (followed, stopped) = (schedules.clone(), stop.clone());
    let at = TopicPartition::new(topic.as_str(), 0);
    let thread = std::thread::spawn(move || {
        follow(&mut reader, &mut ends, &at, &followed, &stopped, || {
            tell.send(()).expect("awaited");
        })
    });
    ready.await.expect("folded up to the end");
    let issuer = Issuer::ephemeral("walbrook-local");
    let mut gateway_parts = parts(&kafka, registry, &namespace, &issuer).await;
    gateway_parts.schedules = schedules;
    let gateway = Gateway::<Example>::new(gateway_parts);
    let refused = gateway
        .publish(request(&issuer, attendance()))
        .await
        .expect_err("not in the schedule");
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused}");
    assert!(refused.message().starts_with("version 1 of"), "{refused}");

    append(&kafka, vec![record(&topic, schedule(2, &known))]).await;
    let deadline = Instant::now() + WAIT;
    loop {
        let answer = gateway.publish(request(&issuer, attendance())).await;
        // The schema is registered nowhere here: that it is asked for shows that the schedule lets the event through.
        match answer.expect_err("no schema").code() {
            tonic::Code::Unavailable => break,
            code => assert_eq!(code, tonic::Code::FailedPrecondition),
        }
        assert!(Instant::now() < deadline, "version 2 takes no effect");
        tokio::task::yield_now().await;
    }
    stop.request();
    thread.join().expect("ended").expect("followed");
}
