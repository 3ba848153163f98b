//! Enforcement as a part of the broker process.

use super::book::Book;
use super::clients::{Clients, raw_topics};
use super::control_view::{ControlView, Limits, Setting};
use super::decide::Entropy;
use super::feed::Feed;
use super::kept;
use super::keys::Keys;
use super::member::{Member, Owned, PART, Shared};
use super::metrics::EnforceMetrics;
use super::snapshot::folder;
use crate::control::snapshot::Snapshot;
use crate::generations::metrics::GenerationMetrics;
use crate::generations::runner::Runner;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use std::sync::Arc;
use std::time::Duration;
use walbrook_domain::{Instant, Purpose};
use walbrook_event::{Key, PurposeKey, Seal};
use walbrook_eventlog::{
    Ends, LogError, Namespace, Positions, Reader, TopicPartition, Transactor, topics,
};
use walbrook_eventlog_kafka::Kafka;
use walbrook_policy::catalogue::Catalogue;
use walbrook_runtime::keystore::{FIRST_KEY_ID, FileKeyStore, KeyStore, KeyStoreError};
use walbrook_runtime::process::Context;
use walbrook_runtime::task::Kind;

/// A dead owner's transaction holds the stable offset at most so long, where no new owner comes.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon the group notices a dead member.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// How long members wait for the first pins before they look at the shutdown again.
const PINS_EVERY: Duration = Duration::from_millis(50);

/// Enforcement cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EnforceError {
    /// A purpose key is missing or open to others.
    #[error("a purpose key cannot be had")]
    Key(#[from] KeyStoreError),
    /// The log refuses a client.
    #[error("the log refuses a client of enforcement")]
    Log(#[from] LogError),
    /// A purpose of the topic table.
    #[error("a purpose of the topic table cannot be used")]
    Purpose(#[from] walbrook_domain::WordError),
}

/// Clients on Kafka.
pub struct KafkaClients(pub Kafka);

impl Clients for KafkaClients {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(self.0.reader()?))
    }

    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        Box::new(self.0.transactor(id, TRANSACTION_TIMEOUT))
    }

    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        Ok(Box::new(self.0.ends()?))
    }

    fn positions(&self) -> Result<Box<dyn Positions>, LogError> {
        Ok(Box::new(self.0.positions()))
    }
}

/// Randomness: a stream cipher under a key of the operating system's, which is not asked again for each of two traces and ids a release.
pub struct Random(StdRng);

impl Random {
    /// Under a new key.
    pub fn new() -> Self {
        Self(StdRng::from_os_rng())
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for Random {
    fn bytes16(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

/// The machine's clock, µs.
pub fn clock() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Instant(i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX))
}

/// The keys of every purpose that has a topic.
///
/// # Errors
/// When one cannot be had.
pub fn purpose_keys(store: &dyn KeyStore) -> Result<Keys, EnforceError> {
    let mut keys = Vec::new();
    for purpose in topics::PURPOSES {
        let key = store.purpose(purpose, FIRST_KEY_ID)?;
        keys.push((
            Purpose::new(purpose)?,
            PurposeKey::new(Key::new(*key.as_bytes())),
        ));
    }
    Ok(Keys::new(keys))
}

/// Starts the reader of the control plane and `threads` members of the broker group.
///
/// # Errors
/// When a key or a client cannot be had.
pub fn start(
    context: &Context,
    kafka: &Kafka,
    namespace: &Namespace,
    catalogue: &Arc<Catalogue>,
    threads: usize,
    (seal, copying): (Arc<dyn Seal>, &GenerationMetrics),
) -> Result<(), EnforceError> {
    context
        .readiness
        .not_ready(PART, "waiting for the pins of the control plane");
    let keys = purpose_keys(&FileKeyStore::open(&context.common.keys_dir)?)?;
    let setting = Arc::new(Setting {
        keys,
        seal,
        namespace: namespace.clone(),
        partitions: context.common.partitions,
        limits: Limits::default(),
    });
    let partitions = context.common.partitions;
    let (folder, writer) = folder::open(&context.common.data_dir, namespace, partitions);
    context
        .tasks
        .spawn_blocking(Kind::essential("snapshots"), move || {
            writer.run();
            Ok::<(), std::convert::Infallible>(())
        });
    let shared = Arc::new(Shared {
        clients: Arc::new(KafkaClients(kafka.clone())),
        feed: Arc::new(Feed::new(Book::new(Arc::clone(catalogue)))),
        setting,
        metrics: EnforceMetrics::new(&context.metrics),
        readiness: context.readiness.clone(),
        clock,
        snapshots: Some(Box::new(folder)),
        owned: Owned::default(),
    });
    let (copies, copying) = (Arc::clone(&shared), copying.clone());
    let stop = context.shutdown.clone();
    context
        .tasks
        .spawn_blocking(Kind::essential("generations"), move || {
            Runner::new(copies, copying).run(&|| stop.is_requested());
            Ok::<(), std::convert::Infallible>(())
        });
    let (feed, reader, stop) = (
        Arc::clone(&shared.feed),
        shared.clients.reader()?,
        context.shutdown.clone(),
    );
    let policy = TopicPartition::new(namespace.name(topics::POLICY), 0);
    let snapshot = Snapshot::new(&context.common.data_dir, namespace);
    let (from, clients) = (snapshot.clone(), Arc::clone(&shared.clients));
    let namespace = namespace.clone();
    let (of_causes, in_namespace) = (Arc::clone(&shared.clients), namespace.clone());
    context
        .tasks
        .spawn_blocking(Kind::essential("policy-feed"), move || {
            if let Some(loaded) = kept::start_from(&from, &*clients, &namespace, partitions) {
                feed.restore(loaded)?;
            }
            feed.run(reader, &policy, &|| stop.is_requested())
        });
    let (feed, stop) = (Arc::clone(&shared.feed), context.shutdown.clone());
    context
        .tasks
        .spawn_blocking(Kind::essential("broker-snapshot"), move || {
            let forget = || kept::forget_causes(&feed, &*of_causes, &in_namespace, partitions);
            kept::keep(&snapshot, &feed, &forget, &|| stop.is_requested());
            Ok::<(), std::convert::Infallible>(())
        });
    for _ in 0..threads.max(1) {
        let (shared, kafka, stop) = (Arc::clone(&shared), kafka.clone(), context.shutdown.clone());
        context
            .tasks
            .spawn_blocking(Kind::essential("enforce"), move || {
                let stopped = || stop.is_requested();
                // Without pins nothing may be decided, and a member that cannot decide must not hold partitions.
                while !stopped() && shared.feed.read().rules_version().is_none() {
                    let applied = shared.feed.applied_through();
                    shared.feed.wait_until(applied + 1, PINS_EVERY);
                }
                if stopped() {
                    return Ok(());
                }
                member(shared, &kafka)?.run(&stopped)
            });
    }
    Ok(())
}

/// A member of the broker group on Kafka.
///
/// # Errors
/// When the log refuses a client.
pub fn member(shared: Arc<Shared>, kafka: &Kafka) -> Result<Member, LogError> {
    let group = shared.setting.namespace.name("broker");
    let raw = raw_topics(&shared.setting);
    let names: Vec<&str> = raw.iter().map(|(_, full)| &**full).collect();
    let reader = kafka.group_reader(&group, &names, SESSION_TIMEOUT)?;
    Member::new(shared, Box::new(reader), Box::new(Random::new()))
}
