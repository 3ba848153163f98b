//! Which records are the same person. A single writer over an in-memory index that is rebuilt from its own compacted topic, by way of a local snapshot;
//! further processes follow it, answer what may be answered from what is committed, and one of them takes over when it is gone.
//!
//! - [`linkage`]: the core, sans-IO: commands change the index, effects are the records to write.
//! - [`journal`]: the two topics, one transaction. [`follow`]: reading them, and the cross-check. [`snapshot`]: the copy on this machine's disk.
//! - [`writer`]: the one thread that owns the index; concurrent requests share a transaction; nothing is answered before its commit.
//! - [`relay`]: hands on to the writer what takes it.
//! - [`cover`]: matching agreements, read from `control.agreements`.
//! - [`lookup`], [`lookups`], [`grpc`]: what callers may ask, on record before it is answered. An organisation learns `linked`, nothing else.

pub mod config;
pub mod cover;
pub mod error;
pub mod follow;
pub mod grpc;
pub mod journal;
pub mod linkage;
pub mod lookup;
pub mod lookups;
pub mod metrics;
pub mod relay;
pub mod snapshot;
pub mod writer;

use crate::config::Config;
use crate::cover::AgreementCover;
use crate::error::{IdentityError, JournalError};
use crate::grpc::Service;
use crate::journal::{Clients, Format, Schema, TRANSACTIONAL_ID};
use crate::linkage::Directory;
use crate::lookup::Lookup;
use crate::lookups::Lookups;
use crate::metrics::Metrics;
use crate::relay::Relay;
use crate::snapshot::Snapshot;
use crate::writer::{Desk, Parts, SystemClock, SystemEntropy};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use walbrook_event::Plain;
use walbrook_eventlog::{Namespace, topics};
use walbrook_eventlog_kafka::{Kafka, OwnerAddress, Registry, client_id};
use walbrook_proto::audit::v1::LookupRecord;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::identity::v1::identity_server::IdentityServer;
use walbrook_proto::identity::v1::{IdentityRecord, LinkRecord};
use walbrook_runtime::keystore::FileKeyStore;
use walbrook_runtime::process::{Context, Process};
use walbrook_runtime::route::Route;
use walbrook_runtime::server::{self, MAX_MESSAGE_BYTES, Services};
use walbrook_runtime::task::Kind;
use walbrook_runtime::wait;

/// What the process is.
pub const PROCESS: Process = Process {
    name: "identity",
    grpc_port: 7110,
};

/// So long the group's coordinator may take to say who writes.
const OWNER_WITHIN: Duration = Duration::from_secs(3);
/// How long the record of a look-up may wait for company.
const LOOKUP_LINGER: Duration = Duration::from_millis(1);
/// The part of readiness that says whether the index is whole.
const INDEX: &str = "index";

/// Runs the process: waits for what it needs, rebuilds, serves until shutdown.
///
/// # Errors
/// When something it needs does not come, or the log holds what cannot be read.
pub async fn run(config: Config, context: Context) -> Result<(), IdentityError> {
    context.readiness.not_ready(INDEX, "reading the log");
    let listener = server::bind(context.common.listen).await?;
    let verifier = context.verifier().await?;
    let keys = wait_for_keys(&context).await?;
    let kafka = Kafka::new(
        context.common.kafka.bootstrap.clone(),
        context.common.kafka.properties.clone(),
    );
    let (format, lookup_schema) = wait_for_format(&context).await?;
    wait_for_topics(&context, &kafka, &format).await?;

    let appender = Arc::new(kafka.appender(LOOKUP_LINGER).map_err(JournalError::from)?);
    let lookups = Arc::new(Lookups::new(
        appender,
        format.namespace.clone(),
        lookup_schema,
    ));
    let own = config.advertise(&context.common);
    let group = format.namespace.name(TRANSACTIONAL_ID);
    let owner = OwnerAddress::new(&kafka, group, format.identity_partition());
    let route = Route::new(own.clone(), move || owner.ask(OWNER_WITHIN));
    let snapshot = Snapshot::new(&context.common.data_dir, Arc::new(Plain));
    let clients: Arc<dyn Clients> = Arc::new(kafka.named(&client_id(TRANSACTIONAL_ID, &own)));
    let cover = follow_agreements(&context, &clients, &format).await?;
    let directory = Arc::new(Directory::default());
    let metrics = Metrics::new(&context.metrics);
    let desk = start_writer(
        &context,
        Parts {
            clients,
            format,
            rules: config.rules,
            cover,
            clock: Arc::new(SystemClock),
            entropy: Box::new(SystemEntropy),
            directory: Arc::clone(&directory),
            metrics: metrics.clone(),
            snapshot: Some(snapshot),
        },
    )
    .await?;
    let lookup = Lookup::new(Arc::new(keys), Arc::clone(&directory), config.bounds)?;
    let service = Service::new(
        desk.clone(),
        directory,
        Arc::new(lookup),
        lookups,
        Arc::new(SystemClock),
        metrics,
    );
    let service = IdentityServer::new(service)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let service = Relay::new(service, desk, route);
    Services::new(verifier)
        .with(service)
        .serve(
            walbrook_proto::FILE_DESCRIPTOR_SET,
            listener,
            context.readiness.clone(),
            context.shutdown.clone(),
        )
        .await?;
    Ok(())
}

async fn wait_for_keys(context: &Context) -> Result<FileKeyStore, IdentityError> {
    let folder = &context.common.keys_dir;
    let what = format!("the key folder {}", folder.display());
    let open = || async { FileKeyStore::open(folder) };
    Ok(wait::until(&what, context.common.start_timeout, &context.shutdown, open).await?)
}

/// Schema ids, once the broker has registered the schemas.
async fn wait_for_format(context: &Context) -> Result<(Format, Schema), IdentityError> {
    let common = &context.common;
    let namespace = Namespace::new(&common.namespace);
    let registry = Registry::new(&common.registry.to_string());
    let wanted = [
        (
            topics::IDENTITY,
            IdentityRecord::FULL_NAME,
            IdentityRecord::SCHEMA,
        ),
        (topics::LINKS, LinkRecord::FULL_NAME, LinkRecord::SCHEMA),
        (
            topics::LOOKUPS,
            LookupRecord::FULL_NAME,
            LookupRecord::SCHEMA,
        ),
    ];
    let mut found = Vec::new();
    for (topic, full_name, schema) in wanted {
        let subject = journal::subject(&namespace, topic, full_name);
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
        let id = wait::until(&what, common.start_timeout, &context.shutdown, lookup).await?;
        found.push(Schema {
            subject: subject.clone(),
            id,
        });
    }
    let mut found = found.into_iter();
    let (Some(identity), Some(links), Some(lookups)) = (found.next(), found.next(), found.next())
    else {
        return Err(IdentityError::WriterEnded);
    };
    let format = Format {
        namespace,
        partitions: common.partitions,
        identity,
        links,
    };
    Ok((format, lookups))
}

/// The topics as the table demands them: a wrong partition count or a retention would lose or misplace links.
async fn wait_for_topics(
    context: &Context,
    kafka: &Kafka,
    format: &Format,
) -> Result<(), IdentityError> {
    let common = &context.common;
    let table = topics::table(&format.namespace, common.partitions);
    let ours = [
        topics::IDENTITY,
        topics::LINKS,
        topics::LOOKUPS,
        topics::AGREEMENTS,
    ];
    let table: Vec<_> = table
        .into_iter()
        .filter(|topic| ours.contains(&topic.plain.as_str()))
        .collect();
    let what = format!(
        "the topics of {} at {}",
        common.namespace,
        kafka.bootstrap()
    );
    let check = || async {
        let admin = kafka.admin().map_err(|error| error.to_string())?;
        let differences = admin
            .differences(&table, common.kafka.replication, common.kafka.min_insync)
            .await;
        let differences = differences.map_err(|error| error.to_string())?;
        let say = |d: &walbrook_eventlog_kafka::Mismatch| {
            format!(
                "{} {}: wanted {}, found {}",
                d.topic, d.setting, d.wanted, d.found
            )
        };
        match differences.first() {
            None => Ok(()),
            Some(first) => Err(format!(
                "{} (and {} more differences)",
                say(first),
                differences.len() - 1
            )),
        }
    };
    wait::until(&what, common.start_timeout, &context.shutdown, check).await?;
    Ok(())
}

/// Starts following agreements and waits until all that stand on the log are known.
async fn follow_agreements(
    context: &Context,
    clients: &Arc<dyn Clients>,
    format: &Format,
) -> Result<Arc<AgreementCover>, IdentityError> {
    let cover = Arc::new(AgreementCover::default());
    let known = Arc::new(Notify::new());
    let (following, told) = (Arc::clone(&cover), Arc::clone(&known));
    let (clients, namespace, stop) = (
        Arc::clone(clients),
        format.namespace.clone(),
        context.shutdown.clone(),
    );
    context
        .tasks
        .spawn_blocking(Kind::essential("identity-agreements"), move || {
            let followed = cover::follow(clients.as_ref(), &namespace, &following, &stop, || {
                told.notify_one()
            });
            stopped_is_no_failure(followed)
        });
    tokio::select! {
        () = known.notified() => Ok(cover),
        () = context.shutdown.requested() => Err(IdentityError::WriterEnded),
    }
}

/// Starts the writer and waits until its index is whole.
async fn start_writer(context: &Context, parts: Parts) -> Result<Desk, IdentityError> {
    let (writer, desk) = writer::writer(parts);
    let whole = Arc::new(Notify::new());
    let (told, readiness, stop) = (
        Arc::clone(&whole),
        context.readiness.clone(),
        context.shutdown.clone(),
    );
    context
        .tasks
        .spawn_blocking(Kind::essential("identity-writer"), move || {
            let ran = writer.run(&stop, &|serves| {
                if serves {
                    readiness.ready(INDEX);
                    told.notify_one();
                } else {
                    readiness.not_ready(INDEX, "reading the log again");
                }
            });
            stopped_is_no_failure(ran).map_err(|error| walbrook_runtime::status::chain(&error))
        });
    tokio::select! {
        () = whole.notified() => Ok(desk),
        () = context.shutdown.requested() => Err(IdentityError::WriterEnded),
    }
}

fn stopped_is_no_failure(result: Result<(), JournalError>) -> Result<(), JournalError> {
    match result {
        Err(JournalError::Stopped) => Ok(()),
        other => other,
    }
}
