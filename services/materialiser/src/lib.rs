//! Joined views and who may read them.
//!
//! Reads `shared.<purpose>` and the agreement half of policy from `control.agreements`; never a raw topic, a ground or a handle. The fold and the
//! row are the pure crate `walbrook-view`; here is what stands around them:
//! - [`follow`], [`shelf`], [`store`]: the fold of each purpose, in memory and on disk in step with its offset.
//! - [`book`]: agreements, and the barrier before each answer.
//! - [`bound`]: how a view shows that every ground has reached it, and the receipts in `audit.removals`.
//! - [`answer`], [`compute`], [`audit`]: a row for one viewer, on record before it is given; [`watch`]: rows as they change.
//! - [`ledger`]: what stands on record of reads, and of the decisions that rest on them.
//! - [`grpc`], [`convert`], [`token`], [`identity`]: the edges.

pub mod answer;
pub mod audit;
pub mod book;
pub mod bound;
pub mod clock;
pub mod compute;
pub mod config;
pub mod convert;
pub mod count;
pub mod error;
pub mod follow;
pub mod grpc;
pub mod identity;
pub mod ledger;
pub mod metrics;
pub mod setup;
pub mod shelf;
pub mod store;
pub mod token;
mod trace;
pub mod watch;

use crate::answer::{Reads, Served};
use crate::audit::Audit;
use crate::book::Book;
use crate::bound::{Bound, Rounds};
use crate::config::Config;
use crate::error::MaterialiserError;
use crate::follow::Follower;
use crate::grpc::Service;
use crate::identity::Identity;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::shelf::Shelf;
use crate::watch::Watches;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Endpoint;
use walbrook_domain::Purpose;
use walbrook_event::{Plain, Seal};
use walbrook_eventlog::{Namespace, TopicPartition, topics};
use walbrook_eventlog_kafka::{Kafka, Registry};
use walbrook_proto::view::v1::views_server::ViewsServer;
use walbrook_runtime::callers::Credential;
use walbrook_runtime::process::{Context, Process};
use walbrook_runtime::server::{self, Services};
use walbrook_runtime::task::Kind;
use walbrook_view::{View, order};

/// What the process is.
pub const PROCESS: Process = Process {
    name: "materialiser",
    grpc_port: 7130,
};

/// A read record waits this long for company on its way to the log.
const READS_LINGER: Duration = Duration::from_millis(1);
const IDENTITY_WITHIN: Duration = Duration::from_secs(5);
const AGREEMENTS: &str = "agreements";

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
    let views = setup::views(&config.views_dir)?;
    context.readiness.not_ready(AGREEMENTS, "reading the log");
    let listener = server::bind(context.common.listen).await?;
    let verifier = context.verifier().await?;
    let parts = Parts::new(&config, &context, seal).await?;
    let book = parts.follow_agreements(&views)?;
    let ledger = parts.follow_reads()?;
    let mut served = BTreeMap::new();
    for (purpose, views) in setup::by_purpose(views) {
        parts.serve_purpose(&purpose, views, &ledger, &mut served)?;
    }
    let reads = Reads::new(
        served,
        book,
        Arc::clone(&parts.audit),
        setup::calendar(),
        parts.metrics.clone(),
        ledger,
    );
    let reads = Arc::new(reads);
    let watches = Watches::new(
        Arc::clone(&reads),
        setup::calendar(),
        context.tasks.clone(),
        context.shutdown.clone(),
    );
    let service = Service::new(reads, watches, parts.identity()?);
    Services::new(verifier)
        .with(ViewsServer::new(service))
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
    audit: Arc<Audit>,
    seal: Arc<dyn Seal>,
    metrics: Metrics,
}

impl<'c> Parts<'c> {
    async fn new(
        config: &'c Config,
        context: &'c Context,
        seal: Arc<dyn Seal>,
    ) -> Result<Self, MaterialiserError> {
        let common = &context.common;
        let namespace = Namespace::new(&common.namespace);
        let kafka = Kafka::new(
            common.kafka.bootstrap.clone(),
            common.kafka.properties.clone(),
        );
        let registry = Registry::new(&common.registry.to_string());
        let ids = setup::wait_for_schemas(context, &namespace, &registry).await?;
        setup::wait_for_topics(context, &namespace, &kafka).await?;
        let appender = Arc::new(kafka.appender(READS_LINGER)?);
        Ok(Self {
            config,
            context,
            audit: Arc::new(Audit::new(appender, namespace.clone(), ids)),
            namespace,
            kafka,
            registry,
            seal,
            metrics: Metrics::new(&context.metrics),
        })
    }

    fn partitions(&self, topic: &str) -> Vec<TopicPartition> {
        let full: Arc<str> = self.namespace.name(topic).into();
        (0..self.context.common.partitions)
            .map(|number| TopicPartition::new(Arc::clone(&full), number))
            .collect()
    }

    fn single(&self, topic: &str) -> TopicPartition {
        TopicPartition::new(self.namespace.name(topic), 0)
    }

    fn follow_agreements(&self, views: &[View]) -> Result<Arc<Book>, MaterialiserError> {
        let catalogue = setup::catalogue(views);
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
        let stop = context.shutdown.clone();
        context
            .tasks
            .spawn_blocking(Kind::essential("agreement-barrier"), move || {
                queue.serve(Box::new(ends), &at, &stop);
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

    fn serve_purpose(
        &self,
        purpose: &Purpose,
        views: Vec<View>,
        ledger: &Arc<Ledger>,
        served: &mut BTreeMap<String, Arc<Served>>,
    ) -> Result<(), MaterialiserError> {
        let topic = topics::shared(purpose.as_str());
        let shared = self.partitions(&topic);
        let needs = setup::needs(&views);
        let folder = self
            .context
            .common
            .data_dir
            .join("views")
            .join(purpose.as_str());
        let fingerprint = setup::fingerprint(&self.namespace, &topic, &needs);
        let ends = self.kafka.ends()?;
        let (store, held) = setup::restore(&folder, &fingerprint, ends, &shared)?;
        let looks = self.metrics.looks(&topic);
        let shelf = Arc::new(Shelf::new(topic, held).counted(looks));
        let bound = Arc::new(Bound::new(self.config.grounds_bound));
        let names: Vec<String> = views.iter().map(|view| view.name.clone()).collect();
        let follower = Follower {
            part: setup::part(purpose),
            topic: self.namespace.name(&shelf.topic).into(),
            shelf: Arc::clone(&shelf),
            store,
            reader: Box::new(self.kafka.reader()?),
            schema_text: setup::schema_text(self.registry.clone()),
            seal: Arc::clone(&self.seal),
            needs,
            views: names.clone(),
            audit: Arc::clone(&self.audit),
            metrics: self.metrics.clone(),
            schemas: HashMap::new(),
        };
        self.start_follower(follower);
        self.start_rounds(Rounds {
            bound: Arc::clone(&bound),
            shelf: Arc::clone(&shelf),
            views: names,
            group: self.namespace.name("broker"),
            policy: self.single(topics::POLICY),
            links: self.partitions(topics::LINKS),
            shared,
            ends: Box::new(self.kafka.ends()?),
            positions: Box::new(self.kafka.positions()),
            audit: Arc::clone(&self.audit),
            pause: self.config.grounds_pause,
            metrics: self.metrics.clone(),
            stated: (Vec::new(), (0, 0)),
        });
        for view in views {
            let one = Served {
                columns: order::columns(&view, &walbrook_view::file::catalogue()),
                view,
                shelf: Arc::clone(&shelf),
                bound: Arc::clone(&bound),
                ledger: Arc::clone(ledger),
            };
            served.insert(one.view.name.clone(), Arc::new(one));
        }
        Ok(())
    }

    /// The index of reads. Reads are answered without it; decisions and explanations wait for it.
    fn follow_reads(&self) -> Result<Arc<Ledger>, MaterialiserError> {
        let folder = self.context.common.data_dir.join("reads");
        let opens = Box::new(self.kafka.clone());
        let ledger = Arc::new(Ledger::open(&folder, self.single(topics::READS), opens)?);
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

    fn start_follower(&self, follower: Follower) {
        let context = self.context;
        let part = follower.part;
        let (readiness, stop) = (context.readiness.clone(), context.shutdown.clone());
        readiness.not_ready(part, "restoring");
        // When one purpose stops, its reads refuse once the bound is over; the other purposes go on.
        context
            .tasks
            .spawn_blocking(Kind::optional("shared-follower"), move || {
                follower.run(&readiness, &stop).map_err(|error| {
                    let cause = walbrook_runtime::status::chain(&error);
                    readiness.not_ready(part, cause.clone());
                    cause
                })
            });
    }

    fn start_rounds(&self, rounds: Rounds) {
        let stop = self.context.shutdown.clone();
        self.context
            .tasks
            .spawn_blocking(Kind::essential("grounds-bound"), move || {
                rounds.run(&stop);
                Ok::<(), String>(())
            });
    }

    fn identity(&self) -> Result<Identity, MaterialiserError> {
        let common = &self.context.common;
        let credential = Credential::of_process(self.context.name, common)?;
        let endpoint = Endpoint::from(common.peers.identity.clone()).timeout(IDENTITY_WITHIN);
        Ok(Identity::new(endpoint, credential))
    }
}
