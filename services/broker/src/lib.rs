//! What may be shared: the control plane ([`control`], [`grpc`]) and the enforcement loop ([`enforce`]).

pub mod config;
pub mod control;
pub mod enforce;
pub mod error;
pub mod generations;
pub mod grpc;
mod identity;
pub mod quarantine;

use crate::config::Config;
use crate::control::journal::Format;
use crate::control::numbers::Numbers;
use crate::control::registrar;
use crate::control::relay::Relay;
use crate::control::removals::{self, Removals};
use crate::control::snapshot::Snapshot;
use crate::control::writer::{self, Desk, Parts, Role};
use crate::error::{JournalError, StartError};
use crate::generations::keeper::{Keeper, Places};
use crate::generations::metrics::GenerationMetrics;
use std::sync::Arc;
use std::time::Duration;
use walbrook_domain::Instant;
use walbrook_domain::control::PinFact;
use walbrook_event::{Plain, Seal};
use walbrook_eventlog::{Namespace, TopicPartition, topics};
use walbrook_eventlog_kafka::{Kafka, OwnerAddress, Registry, client_id};
use walbrook_policy::catalogue::Catalogue;
use walbrook_proto::control::v1::control_server::ControlServer;
use walbrook_proto::quarantine::v1::quarantine_server::QuarantineServer;
use walbrook_runtime::callers::Credential;
use walbrook_runtime::process::{Context, Process};
use walbrook_runtime::route::Route;
use walbrook_runtime::server::{self, MAX_MESSAGE_BYTES, Services};
use walbrook_runtime::task::Kind;
use walbrook_runtime::wait;

/// What the process is.
pub const PROCESS: Process = Process {
    name: "broker",
    grpc_port: 7120,
};

/// So long the group's coordinator may take to say who writes.
const OWNER_WITHIN: Duration = Duration::from_secs(3);
/// The part of readiness that says whether schemas and pins are there.
const CONTRACTS: &str = "contracts";
/// The part of readiness that says whether the control group has settled.
const CONTROL: &str = "control";

/// Runs the process: waits for what it needs, registers schemas, joins the control group, serves until shutdown.
///
/// # Errors
/// When something it needs does not come, or the log holds what cannot be read.
pub async fn run(config: Config, context: Context) -> Result<(), StartError> {
    run_sealed(config, context, Arc::new(Plain)).await
}

/// The same, with another seal than the identity function.
///
/// # Errors
/// As [`run`].
pub async fn run_sealed(
    config: Config,
    context: Context,
    seal: Arc<dyn Seal>,
) -> Result<(), StartError> {
    context
        .readiness
        .not_ready(CONTRACTS, "registering schemas");
    let views = registrar::view_files(&config.views_dir)?;
    let catalogue = Arc::new(registrar::catalogue(&views)?);
    let listener = server::bind(context.common.listen).await?;
    let verifier = context.verifier().await?;
    let kafka = Kafka::new(
        context.common.kafka.bootstrap.clone(),
        context.common.kafka.properties.clone(),
    );
    let namespace = Namespace::new(&context.common.namespace);
    wait_for_topics(&context, &kafka, &namespace).await?;
    let (format, mut pins) = wait_for_schemas(&context, &namespace).await?;
    pins.extend(registrar::other_pins(&views));
    let credential = Credential::of_process(PROCESS.name, &context.common)?;

    let removals = follow_removals(&context, &kafka, &namespace)?;
    let quarantine = follow_quarantine(&context, &kafka, &namespace, &format)?;
    let own = config.advertise(&context.common);
    let numbers = Numbers::new(&context.metrics);
    let here = kafka.named(&client_id(control::writer::NAME, &own));
    let desk = start_writer(&context, &here, &format, &catalogue, pins, &numbers);
    let copying = GenerationMetrics::new(&context.metrics);
    enforce::start::start(
        &context,
        &kafka,
        &namespace,
        &catalogue,
        config.enforce_threads,
        (seal, &copying),
    )?;
    context.readiness.ready(CONTRACTS);
    let places = places(&context, &kafka, &namespace);
    let keeper = Keeper::new(
        desk.clone(),
        Arc::clone(&places),
        config.generations,
        copying,
    );
    keep_generations(&context, keeper);
    let service = grpc::Service {
        desk: desk.clone(),
        catalogue,
        handles: Arc::new(identity::Identity::new(
            &context.common.peers.identity,
            credential,
        )),
        datasets: Arc::new(control::admission::Places {
            namespace: namespace.clone(),
            registry: Registry::new(&context.common.registry.to_string()),
            kafka: kafka.clone(),
        }),
        generations: places,
        removals,
        clock: now,
    };
    let service = ControlServer::new(service)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let group = namespace.name(control::writer::NAME);
    let policy = TopicPartition::new(namespace.name(topics::POLICY), 0);
    let owner = OwnerAddress::new(&kafka, group, policy);
    let route = Route::new(own, move || owner.ask(OWNER_WITHIN));
    let service = Relay::new(service, desk, route, numbers);
    Services::new(verifier)
        .with(service)
        .with(QuarantineServer::new(quarantine))
        .serve(
            walbrook_proto::FILE_DESCRIPTOR_SET,
            listener,
            context.readiness.clone(),
            context.shutdown.clone(),
        )
        .await?;
    Ok(())
}

/// Where generations of purposes' topics stand.
fn places(context: &Context, kafka: &Kafka, namespace: &Namespace) -> Arc<Places> {
    let common = &context.common;
    Arc::new(Places {
        kafka: kafka.clone(),
        namespace: namespace.clone(),
        partitions: common.partitions,
        copies: (common.kafka.replication, common.kafka.min_insync),
    })
}

/// Looks after generations of purposes' topics.
fn keep_generations(context: &Context, keeper: Keeper) {
    let stop = context.shutdown.clone();
    context
        .tasks
        .spawn(Kind::essential("generation-keeper"), async move {
            keeper.run(stop).await;
            Ok::<(), String>(())
        });
}

/// The machine's clock, µs.
fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Instant(i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX))
}

/// Every topic as the table demands it: a wrong count or a retention would lose decisions or misplace them.
async fn wait_for_topics(
    context: &Context,
    kafka: &Kafka,
    namespace: &Namespace,
) -> Result<(), StartError> {
    let common = &context.common;
    let table = topics::table(namespace, common.partitions);
    let what = format!(
        "the topics of {} at {}",
        common.namespace,
        kafka.bootstrap()
    );
    let check = || async {
        let admin = kafka.admin().map_err(|error| error.to_string())?;
        let differences = admin
            .differences(&table, common.kafka.replication, common.kafka.min_insync)
            .await
            .map_err(|error| error.to_string())?;
        match differences.first() {
            None => Ok(()),
            Some(first) => Err(format!(
                "{} {}: wanted {}, found {} (and {} more differences)",
                first.topic,
                first.setting,
                first.wanted,
                first.found,
                differences.len() - 1
            )),
        }
    };
    Ok(wait::until(&what, common.start_timeout, &context.shutdown, check).await?)
}

async fn wait_for_schemas(
    context: &Context,
    namespace: &Namespace,
) -> Result<(Format, Vec<PinFact>), StartError> {
    let common = &context.common;
    let registry = Registry::new(&common.registry.to_string());
    let what = format!("the schema registry at {}", registry.url());
    let register = || registrar::register(&registry, namespace);
    let began = std::time::Instant::now();
    let (ids, pins) = wait::until(&what, common.start_timeout, &context.shutdown, register).await?;
    let took_ms = began.elapsed().as_millis();
    tracing::info!(schemas = pins.len(), took_ms, "schemas are registered");
    let format = Format {
        namespace: namespace.clone(),
        schemas: Arc::new(ids),
    };
    Ok((format, pins))
}

fn follow_removals(
    context: &Context,
    kafka: &Kafka,
    namespace: &Namespace,
) -> Result<Removals, StartError> {
    let removals = Removals::default();
    let mut reader = kafka.reader()?;
    let (followed, namespace, stop) = (
        removals.clone(),
        namespace.clone(),
        context.shutdown.clone(),
    );
    context
        .tasks
        .spawn_blocking(Kind::essential("broker-removals"), move || {
            removals::follow(&mut reader, &namespace, &followed, &|| stop.is_requested())
        });
    Ok(removals)
}

fn follow_quarantine(
    context: &Context,
    kafka: &Kafka,
    namespace: &Namespace,
    format: &Format,
) -> Result<quarantine::grpc::Service, StartError> {
    let fold = quarantine::fold::Fold::default();
    let mut reader = kafka.reader()?;
    let (followed, ns, stop) = (fold.clone(), namespace.clone(), context.shutdown.clone());
    context
        .tasks
        .spawn_blocking(Kind::essential("broker-quarantine"), move || {
            quarantine::fold::follow(&mut reader, &ns, &followed, &|| stop.is_requested())
        });
    Ok(quarantine::grpc::Service {
        fold,
        appender: Arc::new(kafka.appender(Duration::ZERO)?),
        kafka: kafka.clone(),
        namespace: namespace.clone(),
        schemas: Arc::clone(&format.schemas),
        clock: now,
    })
}

fn start_writer(
    context: &Context,
    kafka: &Kafka,
    format: &Format,
    catalogue: &Arc<Catalogue>,
    pins: Vec<PinFact>,
    numbers: &Numbers,
) -> Desk {
    context
        .readiness
        .not_ready(CONTROL, "joining the control group");
    let (stop, readiness) = (context.shutdown.clone(), context.readiness.clone());
    let tell = move |role| match role {
        Role::Joining => readiness.not_ready(CONTROL, "joining the control group"),
        Role::Follower | Role::Writer => readiness.ready(CONTROL),
    };
    let (writer, desk) = writer::writer(Parts {
        snapshot: Some(Snapshot::new(&context.common.data_dir, &format.namespace)),
        clients: Arc::new(kafka.clone()),
        format: format.clone(),
        catalogue: Arc::clone(catalogue),
        pins,
        clock: Box::new(now),
        stopped: Box::new(move || stop.is_requested()),
        numbers: numbers.clone(),
    });
    context
        .tasks
        .spawn_blocking(Kind::essential("control-writer"), move || {
            match writer.run(&tell) {
                Err(JournalError::Stopped) => Ok(()),
                other => other.map_err(|error| walbrook_runtime::status::chain(&error)),
            }
        });
    desk
}
