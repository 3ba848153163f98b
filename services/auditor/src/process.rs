//! The auditor as a process: a notary that signs, a verifier that proves, a call that tells.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, watch};
use walbrook_domain::Instant;
use walbrook_eventlog::{LogError, Namespace, topics};
use walbrook_eventlog_kafka::{Kafka, Registry};
use walbrook_proto::audit::v1::Checkpoint;
use walbrook_proto::audit::v1::audit_server::AuditServer;
use walbrook_proto::avro::AvroRecord;
use walbrook_runtime::keystore::{FileKeyStore, KeyStore as _, KeyStoreError};
use walbrook_runtime::process::{Context, Process};
use walbrook_runtime::server::{self, ServerError, Services};
use walbrook_runtime::task::Kind;
use walbrook_runtime::wait::{self, WaitError};

use crate::config::Config;
use crate::error::AuditError;
use crate::grpc::{Ask, Service, Verified};
use crate::log::Log;
use crate::notary::Notary;
use crate::numbers::Numbers;
use crate::source::{LiveSource, LogSource};
use crate::verify::{Options, verify};

/// What the process is.
pub const PROCESS: Process = Process {
    name: "auditor",
    grpc_port: 7140,
};

/// How long checkpoints wait for company.
const LINGER: Duration = Duration::from_millis(5);
/// How long a cluster may take to say which topics it has.
const METADATA_WAIT: Duration = Duration::from_secs(15);
/// Verifications that may wait.
const ASKS: usize = 8;

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Something it needs did not come.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// It could not serve.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Its key could not be read.
    #[error(transparent)]
    Key(#[from] KeyStoreError),
    /// The log refused a client.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Runs the process until shutdown.
///
/// # Errors
/// When something it needs does not come, or it cannot serve.
pub async fn run(config: Config, context: Context) -> Result<(), ProcessError> {
    let common = Arc::clone(&context.common);
    let listener = server::bind(common.listen).await?;
    let verifier = context.verifier().await?;
    let what = format!("the key folder {}", common.keys_dir.display());
    let open = || async { FileKeyStore::open(&common.keys_dir) };
    let keys = wait::until(&what, common.start_timeout, &context.shutdown, open).await?;
    let key = keys.auditor()?;
    let kafka = Kafka::new(
        common.kafka.bootstrap.clone(),
        common.kafka.properties.clone(),
    );
    let schema_id = checkpoint_schema(&context).await?;
    let topics = wait_for_topics(&context, &kafka).await?;

    let numbers = Numbers::new(&context.metrics);
    let public_key = key.verifying_key();
    let notary = Notary::new(key, Arc::new(kafka.appender(LINGER)?), schema_id);
    notarise(
        &context,
        config,
        notary,
        source(&kafka, &common.namespace, topics)?,
        numbers.clone(),
    );
    let (asks, asked) = mpsc::channel(ASKS);
    let (told, last) = watch::channel(Verified::default());
    let namespace = common.namespace.clone();
    // Topics of organisations' rows, of datasets and of new generations are made while it runs.
    let fresh = move || {
        let topics = kafka.admin()?.partitions(METADATA_WAIT)?;
        source(&kafka, &namespace, topics)
    };
    let options = Options {
        checkpoint_key: Some(public_key),
        ..Options::default()
    };
    context.tasks.spawn(
        Kind::essential("prover"),
        prove(
            context.clone(),
            config,
            fresh,
            options,
            numbers,
            (told, asked),
        ),
    );

    Services::new(verifier)
        .with(AuditServer::new(Service::new(last, asks)))
        .serve(
            walbrook_proto::FILE_DESCRIPTOR_SET,
            listener,
            context.readiness.clone(),
            context.shutdown.clone(),
        )
        .await?;
    Ok(())
}

/// The partitions of each topic, by full name.
type Counts = BTreeMap<String, (i32, i32)>;

/// The log read committed.
///
/// # Errors
/// When the log refuses a client.
pub fn source(
    kafka: &Kafka,
    namespace: &str,
    counts: Counts,
) -> Result<impl LogSource + Send + use<>, LogError> {
    let count = move |topic: &str| counts.get(topic).map(|(partitions, _)| *partitions);
    Ok(LiveSource::new(
        Namespace::new(namespace),
        kafka.reader()?,
        kafka.ends()?,
        count,
    ))
}

async fn checkpoint_schema(context: &Context) -> Result<i32, WaitError> {
    let common = &context.common;
    let registry = Registry::new(&common.registry.to_string());
    let topic = Namespace::new(&common.namespace).name(topics::CHECKPOINTS);
    let subject = format!("{topic}-{}", Checkpoint::FULL_NAME);
    let what = format!("the schema {subject} at {}", registry.url());
    let look_up = || async {
        match registry.lookup(&subject, Checkpoint::SCHEMA).await {
            Ok(Some(id)) => Ok(id),
            Ok(None) => {
                Err("it is not registered yet; the broker registers it when it starts".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    };
    wait::until(&what, common.start_timeout, &context.shutdown, look_up).await
}

async fn wait_for_topics(context: &Context, kafka: &Kafka) -> Result<Counts, WaitError> {
    let common = &context.common;
    let table = topics::table(&Namespace::new(&common.namespace), common.partitions);
    let what = format!(
        "the topics of {} at {}",
        common.namespace,
        kafka.bootstrap()
    );
    let check = || async {
        let kafka = kafka.clone();
        let asked =
            tokio::task::spawn_blocking(move || kafka.admin()?.partitions(METADATA_WAIT)).await;
        let counts = asked
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        match table.iter().find(|topic| !counts.contains_key(&topic.name)) {
            Some(missing) => Err(format!("{} is not there yet", missing.name)),
            None => Ok(counts),
        }
    };
    wait::until(&what, common.start_timeout, &context.shutdown, check).await
}

fn now() -> Instant {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Instant(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Signs in rounds until shutdown. A changed log ends the process: nothing may be signed over it.
fn notarise(
    context: &Context,
    config: Config,
    mut notary: Notary,
    mut source: impl LogSource + Send + 'static,
    numbers: Numbers,
) {
    let shutdown = context.shutdown.clone();
    let rounds = async move {
        loop {
            let round = tokio::task::spawn_blocking(move || {
                let done = notary.round(&mut source, now());
                (notary, source, done)
            });
            let Ok((back, reader, done)) = round.await else {
                return Err("the notary panicked".to_owned());
            };
            (notary, source) = (back, reader);
            match done {
                Ok(0) => {}
                Ok(heads) => {
                    numbers.signed(heads);
                    tracing::debug!(heads, "signed tree heads");
                }
                Err(error @ crate::notary::NotaryError::Changed { .. }) => {
                    return Err(error.to_string());
                }
                Err(error) => tracing::warn!(%error, "no tree heads were signed; trying again"),
            }
            tokio::select! {
                () = tokio::time::sleep(config.checkpoint_every) => {}
                () = shutdown.requested() => return Ok(()),
            }
        }
    };
    context.tasks.spawn(Kind::essential("notary"), rounds);
}

/// Verifies in rounds and when asked, until shutdown.
async fn prove<S: LogSource + Send + 'static>(
    context: Context,
    config: Config,
    fresh: impl Fn() -> Result<S, LogError> + Send + Sync + 'static,
    options: Options,
    numbers: Numbers,
    (told, mut asked): (watch::Sender<Verified>, mpsc::Receiver<Ask>),
) -> Result<(), String> {
    let (fresh, options) = (Arc::new(fresh), Arc::new(options));
    loop {
        let ask = tokio::select! {
            () = context.shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(config.verify_every) => None,
            ask = asked.recv() => match ask {
                Some(ask) => Some(ask),
                None => return Ok(()),
            },
        };
        let (open, given) = (Arc::clone(&fresh), Arc::clone(&options));
        let (at, began) = (now(), std::time::Instant::now());
        let proof = tokio::task::spawn_blocking(move || {
            let log = Log::read(&mut open().map_err(AuditError::from)?, &mut |_| {})?;
            let options = Options {
                now: Some(at),
                ..*given
            };
            Ok::<_, AuditError>(verify(&log, &options).report)
        });
        match proof.await {
            Err(error) => return Err(error.to_string()),
            Ok(Err(error)) => {
                numbers.failed();
                tracing::warn!(%error, "the log could not be verified");
            }
            Ok(Ok(report)) => {
                numbers.verified(&report, began.elapsed());
                tracing::info!(differences = report.difference_count(), "verified the log");
                told.send_replace(Verified {
                    at: Some(at),
                    report,
                });
                if let Some(ask) = ask {
                    // Whoever asked may have gone.
                    let _ = ask.send(());
                }
            }
        }
    }
}
