//! Joined views and who may read them.
//!
//! Reads `shared.<purpose>` and the agreement half of policy from `control.agreements`; never a raw topic, a ground or a handle. The fold and the
//! row are the pure crate `walbrook-view`; here is what stands around them:
//! - [`follow`], [`shelf`], [`store`]: the fold of each purpose, in memory and on disk in step with its offset.
//! - [`versions`], [`voice`], [`board`]: which version of a purpose's views serves, and one that is filled beside it.
//! - [`keeping`]: how long anything may be kept.
//! - [`book`], [`barrier`]: agreements, and what each answer waits for.
//! - [`bound`]: how a view shows that every ground has reached it, and the receipts in `audit.removals`.
//! - [`answer`], [`compute`], [`audit`]: a row for one viewer, on record before it is given; [`watch`]: rows as they change.
//! - [`ledger`]: what stands on record of reads, and of the decisions that rest on them.
//! - [`notices`]: who is told that something fell of a row they were shown.
//! - [`publish`]: rows on topics of organisations' own, each with the record of its disclosure.
//! - [`grpc`], [`convert`], [`token`], [`identity`]: the edges.

pub mod answer;
pub mod audit;
pub mod barrier;
pub mod board;
pub mod book;
pub mod bound;
pub mod clock;
pub mod compute;
pub mod config;
pub mod convert;
pub mod count;
mod damage;
pub mod dispute;
mod doubts;
pub mod error;
pub mod follow;
pub mod grpc;
pub mod identity;
pub mod keeping;
pub mod ledger;
pub mod metrics;
pub mod notices;
pub mod publish;
pub mod ranked;
mod serve;
pub mod setup;
pub mod shelf;
pub mod standings;
pub mod store;
pub mod token;
mod trace;
pub mod versions;
pub mod voice;
pub mod watch;

use crate::answer::Reads;
use crate::audit::Audit;
use crate::board::Board;
use crate::book::Book;
use crate::config::Config;
use crate::error::MaterialiserError;
use crate::grpc::{Face, Service};
use crate::identity::Identity;
use crate::keeping::Clock;
use crate::ledger::{Ledger, LedgerError};
use crate::metrics::Metrics;
use crate::notices::{Notices, Records};
use crate::setup::ViewFile;
use crate::watch::Watches;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Endpoint;
use walbrook_domain::Purpose;
use walbrook_event::{Plain, Seal};
use walbrook_eventlog::{Appender, Namespace, TopicPartition, topics};
use walbrook_eventlog_kafka::{Kafka, Registry};
use walbrook_runtime::callers::Credential;
use walbrook_runtime::process::{Context, Process};
use walbrook_runtime::server::{self, Services};
use walbrook_runtime::task::Kind;

/// What the process is.
pub const PROCESS: Process = Process {
    name: "materialiser",
    grpc_port: 7130,
};

/// A read record waits this long for company on its way to the log.
const READS_LINGER: Duration = Duration::from_millis(1);
const IDENTITY_WITHIN: Duration = Duration::from_secs(5);
const AGREEMENTS: &str = "agreements";
/// The folder of the views' versions, in the data folder.
const VIEWS: &str = "views";

/// Runs the process: reads the views, waits for what it needs, restores, serves until shutdown.
///
/// # Errors
/// When a view file is faulty, something it needs does not come, or the store or the log cannot be used.
pub async fn run(config: Config, context: Context) -> Result<(), MaterialiserError> {
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
) -> Result<(), MaterialiserError> {
    run_by(config, context, seal, Arc::new(clock::now)).await
}

/// The same, with another clock for how long anything may be kept.
///
/// # Errors
/// As [`run`].
pub async fn run_by(
    config: Config,
    context: Context,
    seal: Arc<dyn Seal>,
    clock: Clock,
) -> Result<(), MaterialiserError> {
    let kept = setup::kept(&context.common.data_dir.join(VIEWS))?;
    let files = setup::views(&config.views_dir, &kept)?;
    context.readiness.not_ready(AGREEMENTS, "reading the log");
    let listener = server::bind(context.common.listen).await?;
    let verifier = context.verifier().await?;
    let parts = Parts::new(&config, &context, (seal, clock)).await?;
    let book = parts.follow_agreements(&files)?;
    let ledger = parts.follow_reads()?;
    let board = Arc::new(Board::default());
    let mut files = setup::by_purpose(files);
    let mut purposes: BTreeSet<Purpose> = files.keys().cloned().collect();
    // Of a purpose without a file rows may stand on topics all the same.
    purposes.extend(topics::PURPOSES.iter().filter_map(|name| name.parse().ok()));
    for purpose in purposes {
        if let Some(files) = files.remove(&purpose) {
            parts.serve_purpose(&purpose, files, (&book, &ledger, &board))?;
        }
        parts.deliver(&purpose, &board, &book);
    }
    let reads = Reads::new(
        board,
        book,
        Arc::clone(&parts.audit),
        setup::calendar(),
        parts.metrics.clone(),
        Arc::clone(&ledger),
    )
    .with_glass_held(config.break_glass);
    let reads = Arc::new(reads);
    let (told, identity, stop) = (
        Arc::clone(&reads),
        parts.identity()?,
        context.shutdown.clone(),
    );
    context.tasks.spawn(Kind::optional("doubts"), async move {
        doubts::follow(told, identity, stop).await;
        Ok::<(), String>(())
    });
    let watches = Watches::new(
        Arc::clone(&reads),
        setup::calendar(),
        context.tasks.clone(),
        context.shutdown.clone(),
    );
    let notices = Arc::clone(&parts.notices);
    notices::start(&context, &notices, &ledger, (&reads, &parts.metrics))?;
    let service = Service::new(
        reads,
        watches,
        parts.identity()?,
        (notices, Arc::new(parts.topics())),
    );
    Services::new(verifier)
        .with(Face::new(service))
        .serve(
            walbrook_proto::FILE_DESCRIPTOR_SET,
            listener,
            context.readiness.clone(),
            context.shutdown.clone(),
        )
        .await?;
    Ok(())
}

/// What every purpose shares.
struct Parts<'c> {
    config: &'c Config,
    context: &'c Context,
    namespace: Namespace,
    kafka: Kafka,
    registry: Registry,
    appender: Arc<dyn Appender>,
    audit: Arc<Audit>,
    notices: Arc<Notices>,
    seal: Arc<dyn Seal>,
    clock: Clock,
    metrics: Metrics,
}

impl<'c> Parts<'c> {
    async fn new(
        config: &'c Config,
        context: &'c Context,
        (seal, clock): (Arc<dyn Seal>, Clock),
    ) -> Result<Self, MaterialiserError> {
        let common = &context.common;
        let namespace = Namespace::new(&common.namespace);
        let kafka = Kafka::new(
            common.kafka.bootstrap.clone(),
            common.kafka.properties.clone(),
        );
        let registry = Registry::new(&common.registry.to_string());
        let ids = setup::wait_for_schemas(context, &namespace, &registry).await?;
        let notice_ids = notices::wait_for_schemas(context, &namespace, &registry).await?;
        setup::wait_for_topics(context, &namespace, &kafka).await?;
        let appender: Arc<dyn Appender> = Arc::new(kafka.appender(READS_LINGER)?);
        let records = Records::new(Arc::clone(&appender), namespace.clone(), notice_ids);
        let at = TopicPartition::new(namespace.name(topics::NOTICES), 0);
        let notices = Notices::new(at, Box::new(kafka.clone()), records, Arc::clone(&clock));
        Ok(Self {
            config,
            context,
            audit: Arc::new(Audit::new(Arc::clone(&appender), namespace.clone(), ids)),
            appender,
            notices: Arc::new(notices),
            namespace,
            kafka,
            registry,
            seal,
            clock,
            metrics: Metrics::new(&context.metrics),
        })
    }

    fn partitions(&self, topic: &str) -> Vec<TopicPartition> {
        let full: Arc<str> = self.namespace.name(topic).into();
        (0..self.context.common.partitions)
            .map(|number| TopicPartition::new(Arc::clone(&full), number))
            .collect()
    }

    fn views_folder(&self) -> PathBuf {
        self.context.common.data_dir.join(VIEWS)
    }

    fn single(&self, topic: &str) -> TopicPartition {
        TopicPartition::new(self.namespace.name(topic), 0)
    }

    fn follow_agreements(&self, files: &[ViewFile]) -> Result<Arc<Book>, MaterialiserError> {
        let catalogue = setup::catalogue(files);
        let (book, queue) = Book::new(Arc::new(catalogue));
        let at = self.single(topics::AGREEMENTS);
        let (reader, ends) = (self.kafka.reader()?, self.kafka.ends()?);
        let context = self.context;
        let (following, stop, partition) =
            (Arc::clone(&book), context.shutdown.clone(), at.clone());
        context
            .tasks
            .spawn_blocking(Kind::essential("agreements"), move || {
                following
                    .follow(Box::new(reader), &partition, &stop)
                    .map_err(|error| walbrook_runtime::status::chain(&error))
            });
        let (stop, appender) = (context.shutdown.clone(), Arc::clone(&self.appender));
        context
            .tasks
            .spawn_blocking(Kind::essential("agreement-barrier"), move || {
                queue.serve(Box::new(ends), &at, &*appender, &stop);
                Ok::<(), String>(())
            });
        // Ready once everything that stood on the topic when it started is applied; each read has its own barrier all the same.
        let (waiting, readiness) = (Arc::clone(&book), context.readiness.clone());
        context
            .tasks
            .spawn(Kind::finite("agreements-caught-up"), async move {
                let end = waiting.end().await.map_err(|error| error.to_string())?;
                waiting.applied_through(end).await;
                readiness.ready(AGREEMENTS);
                Ok::<(), String>(())
            });
        Ok(book)
    }

    /// The index of reads. Reads are answered without it; decisions and explanations wait for it.
    fn follow_reads(&self) -> Result<Arc<Ledger>, MaterialiserError> {
        let folder = self.context.common.data_dir.join("reads");
        let open = || {
            let opens = Box::new(self.kafka.clone());
            Ledger::open(&folder, self.single(topics::READS), opens)
        };
        let ledger = match damage::unwound(open) {
            Some(Err(LedgerError::Disk(error))) if damage::is_damage(&error) => None,
            opened => opened,
        };
        let ledger = ledger.unwrap_or_else(|| {
            tracing::warn!(folder = %folder.display(), "the index of reads is damaged: it is deleted, and filled again from the log");
            // Where it cannot be deleted, opening it says why.
            let _ = std::fs::remove_dir_all(&folder);
            open()
        });
        let ledger = Arc::new(ledger?);
        let (following, stop) = (Arc::clone(&ledger), self.context.shutdown.clone());
        self.context
            .tasks
            .spawn_blocking(Kind::optional("reads-ledger"), move || {
                following
                    .follow(&stop)
                    .map_err(|error| walbrook_runtime::status::chain(&error))
            });
        Ok(ledger)
    }

    fn identity(&self) -> Result<Identity, MaterialiserError> {
        let common = &self.context.common;
        let credential = Credential::of_process(self.context.name, common)?;
        let endpoint = Endpoint::from(common.peers.identity.clone()).timeout(IDENTITY_WITHIN);
        Ok(Identity::new(endpoint, credential))
    }
}
