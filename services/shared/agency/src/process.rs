//! An agency's process: the gateway on real adapters, behind one gRPC server.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;
use walbrook_domain::Instant;
use walbrook_event::{Key, Plain, Seal};
use walbrook_eventlog::{LogError, Namespace, TopicPartition, topics};
use walbrook_eventlog_kafka::{Kafka, KafkaAppender, Registry};
use walbrook_proto::common::v1::enrolments_server::EnrolmentsServer;
use walbrook_proto::common::v1::heartbeats_server::HeartbeatsServer;
use walbrook_runtime::callers::{Credential, CredentialError};
use walbrook_runtime::config::{Section, Settings};
use walbrook_runtime::keystore::{FileKeyStore, KeyStore, KeyStoreError, SecretKey};
use walbrook_runtime::process::{self, Context, Process};
use walbrook_runtime::server::{self, ServerError, Services};
use walbrook_runtime::task::Kind;
use walbrook_runtime::wait::{self, WaitError};

use crate::{
    Agency, AgencyKeys, Enrolments, Gateway, GrpcIdentity, Heartbeats, Limits, Parts,
    RegistrySchemas, Schedules, schedule,
};

/// The part of readiness that says whether the publication schedules are known.
const SCHEDULES: &str = "schedules";

/// Settings that only agencies have.
#[derive(Debug, Clone, Copy)]
struct AgencySettings {
    limits: Limits,
    linger: Duration,
}

impl Settings for AgencySettings {
    fn read(section: &mut Section) -> Option<Self> {
        let defaults = Limits::default();
        let size = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let events = section.integer(
            "gateway.events_per_frame",
            1..=10_000,
            size(defaults.events_per_frame),
        );
        let frames = section.integer(
            "gateway.frames_under_way",
            1..=64,
            size(defaults.frames_under_way),
        );
        let subjects = section.integer(
            "gateway.cached_subjects",
            2..=20_000_000,
            size(defaults.cached_subjects),
        );
        let linger_ms = section.integer("gateway.linger_ms", 0..=1_000, 2);
        Some(Self {
            limits: Limits {
                events_per_frame: usize::try_from(events?).ok()?,
                frames_under_way: usize::try_from(frames?).ok()?,
                cached_subjects: usize::try_from(subjects?).ok()?,
            },
            linger: Duration::from_millis(u64::try_from(linger_ms?).ok()?),
        })
    }
}

/// The process cannot start or go on.
#[derive(Debug, thiserror::Error)]
enum ProcessError {
    #[error("the agency's key cannot be had")]
    Key(#[source] KeyStoreError),
    #[error("the credential for calls to identity cannot be had")]
    Credential(#[source] CredentialError),
    #[error("the log cannot be used")]
    Log(#[source] LogError),
    #[error(
        "the topic {topic} is not as the topic table demands ({setting}: {found}, not {wanted}); `walbrook topics plan` shows all differences"
    )]
    Topic {
        topic: String,
        setting: String,
        wanted: String,
        found: String,
    },
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Runs an agency's process: `make` puts the generated server on the gateway. All of `main`.
pub fn run<A, S>(descriptor_set: &'static [u8], make: impl FnOnce(Gateway<A>) -> S) -> ExitCode
where
    A: Agency,
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    run_sealed(descriptor_set, make, Arc::new(Plain))
}

/// The same, with another seal than the identity function.
pub fn run_sealed<A, S>(
    descriptor_set: &'static [u8],
    make: impl FnOnce(Gateway<A>) -> S,
    seal: Arc<dyn Seal>,
) -> ExitCode
where
    A: Agency,
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let process = Process {
        name: A::NAME,
        grpc_port: A::GRPC_PORT,
    };
    process::run(process, |settings: AgencySettings, context| {
        serve(descriptor_set, make, seal, settings, context)
    })
}

async fn serve<A, S>(
    descriptor_set: &'static [u8],
    make: impl FnOnce(Gateway<A>) -> S,
    seal: Arc<dyn Seal>,
    settings: AgencySettings,
    context: Context,
) -> Result<(), ProcessError>
where
    A: Agency,
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let verifier = context.verifier().await?;
    let common = &context.common;
    let kafka = Kafka::new(
        common.kafka.bootstrap.clone(),
        common.kafka.properties.clone(),
    );
    check_topic::<A>(&kafka, &context).await?;
    let appender = Arc::new(kafka.appender(settings.linger).map_err(ProcessError::Log)?);
    let schedules = Schedules::new(&context.metrics);
    let folded = follow_schedules(&kafka, &context, &schedules)?;
    let gateway = gateway::<A>(settings, &context, Arc::clone(&appender), seal, schedules)?;

    context
        .readiness
        .not_ready("schemas", "looking the schemas up in the registry");
    let what = format!(
        "the schemas of {} in the registry {}",
        A::NAME,
        common.registry
    );
    wait::until(&what, common.start_timeout, &context.shutdown, || {
        gateway.find_schemas()
    })
    .await?;
    context.readiness.ready("schemas");
    tokio::select! {
        // When the thread fails, the shutdown it requests is what ends the process.
        Ok(()) = folded => context.readiness.ready(SCHEDULES),
        () = context.shutdown.requested() => return Ok(()),
    }

    tell_accepted(&gateway, &context);
    let listener = server::bind(common.listen).await?;
    let services = Services::new(verifier)
        .with(HeartbeatsServer::new(Heartbeats(gateway.clone())))
        .with(EnrolmentsServer::new(Enrolments(gateway.clone())))
        .with(make(gateway));
    tracing::info!(agency = A::NAME, listen = %common.listen, "serving");
    let (readiness, shutdown) = (context.readiness.clone(), context.shutdown.clone());
    services
        .serve(descriptor_set, listener, readiness, shutdown)
        .await?;
    // Calls whose clients are gone may have events under way: they get no receipt, but are not cut off either.
    let left = tokio::task::spawn_blocking(move || appender.flush(Duration::from_secs(5))).await;
    if let Ok(Err(cause)) = left {
        tracing::warn!(%cause, "events without a receipt may not have reached the log");
    }
    Ok(())
}

/// Identity is told of accepted events on a task of its own.
fn tell_accepted<A: Agency>(gateway: &Gateway<A>, context: &Context) {
    let told = gateway.tell_accepted();
    let telling = async move {
        told.await;
        Ok::<(), Infallible>(())
    };
    let kind = Kind::essential("accepted-subjects");
    context.tasks.spawn(kind, telling);
}

fn gateway<A: Agency>(
    settings: AgencySettings,
    context: &Context,
    log: Arc<KafkaAppender>,
    seal: Arc<dyn Seal>,
    schedules: Schedules,
) -> Result<Gateway<A>, ProcessError> {
    let common = &context.common;
    let keys = FileKeyStore::open(&common.keys_dir).map_err(ProcessError::Key)?;
    let key = |secret: SecretKey| Key::new(*secret.as_bytes());
    let agency_keys = AgencyKeys {
        current: key(keys.agency(A::NAME).map_err(ProcessError::Key)?),
        before: keys
            .agency_before(A::NAME)
            .map_err(ProcessError::Key)?
            .map(key),
    };
    let credential = Credential::of_process(A::NAME, common).map_err(ProcessError::Credential)?;
    Ok(Gateway::new(Parts {
        namespace: Namespace::new(&common.namespace),
        agency_keys,
        log,
        identity: Arc::new(GrpcIdentity::new(
            A::NAME,
            &common.peers.identity,
            credential,
        )),
        schedules,
        schemas: Arc::new(RegistrySchemas(Registry::new(&common.registry.to_string()))),
        seal,
        clock: Arc::new(now),
        limits: settings.limits,
        metrics: context.metrics.clone(),
        shutdown: context.shutdown.clone(),
    }))
}

/// Follows the publication schedules on a thread; what is returned resolves once everything on record now is known.
fn follow_schedules(
    kafka: &Kafka,
    context: &Context,
    schedules: &Schedules,
) -> Result<tokio::sync::oneshot::Receiver<()>, ProcessError> {
    context
        .readiness
        .not_ready(SCHEDULES, "reading the publication schedules");
    let mut reader = kafka.reader().map_err(ProcessError::Log)?;
    let mut ends = kafka.ends().map_err(ProcessError::Log)?;
    let namespace = Namespace::new(&context.common.namespace);
    let at = TopicPartition::new(namespace.name(topics::AGREEMENTS), 0);
    let (schedules, stop) = (schedules.clone(), context.shutdown.clone());
    let (tell, folded) = tokio::sync::oneshot::channel();
    context
        .tasks
        .spawn_blocking(Kind::essential("publication-schedules"), move || {
            schedule::follow(&mut reader, &mut ends, &at, &schedules, &stop, || {
                // A process that stops meanwhile waits no more.
                let _ = tell.send(());
            })
        });
    Ok(folded)
}

/// Waits for Kafka, this agency's raw topic and the topic of the schedules, and refuses one whose settings are others than the table's: a
/// receipt would promise what the topic does not keep.
async fn check_topic<A: Agency>(kafka: &Kafka, context: &Context) -> Result<(), ProcessError> {
    let common = &context.common;
    let plain = topics::raw(A::NAME);
    let table = topics::table(&Namespace::new(&common.namespace), common.partitions);
    let wanted: Vec<_> = table
        .into_iter()
        .filter(|topic| topic.plain == plain || topic.plain == topics::AGREEMENTS)
        .collect();
    let admin = kafka.admin().map_err(ProcessError::Log)?;
    context.readiness.not_ready("log", "waiting for Kafka");
    let what = format!("Kafka at {} with the topic {plain}", kafka.bootstrap());
    let differences = wait::until(&what, common.start_timeout, &context.shutdown, || async {
        let (replication, min_insync) = (common.kafka.replication, common.kafka.min_insync);
        let found = admin
            .differences(&wanted, replication, min_insync)
            .await
            .map_err(|cause| cause.to_string())?;
        match found
            .iter()
            .find(|difference| difference.setting == "exists")
        {
            Some(missing) => Err(format!("the topic {} does not exist yet", missing.topic)),
            None => Ok(found),
        }
    });
    let differences = differences.await?;
    if let Some(first) = differences.into_iter().next() {
        let (topic, setting, wanted, found) =
            (first.topic, first.setting, first.wanted, first.found);
        return Err(ProcessError::Topic {
            topic,
            setting,
            wanted,
            found,
        });
    }
    context.readiness.ready("log");
    Ok(())
}

fn now() -> Instant {
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Instant(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}
