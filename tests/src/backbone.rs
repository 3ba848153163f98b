//! A whole backbone of real processes for a test: the shared Kafka and registry, a namespace of its own, local keys, and the programs that
//! `walbrook up` starts, with the same arguments and environment.

mod callers;
mod children;
mod kafka;
mod schedules;

pub use callers::{Connection, Party};
pub use children::PROGRAMS;
pub use kafka::Shared;

use children::Child;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use walbrook_eventlog::{Namespace, topics};
use walbrook_eventlog_kafka::Kafka;
use walbrook_runtime::callers::Issuer;
use walbrook_runtime::keystore::{FileKeyStore, LocalKeys, create_local};

/// The issuer that local services trust.
const ISSUER: &str = "walbrook-local";
/// How long anything may take that is waited for. The machine may be busy with other things.
pub const DEADLINE: Duration = Duration::from_secs(90);
/// How often a wait looks again.
const TICK: Duration = Duration::from_millis(25);
/// Marks a folder that is kept because its test failed.
const KEEP: &str = "failed";
/// Agencies with a service.
const AGENCIES: [&str; 6] = ["police", "health", "housing", "tfl", "social-care", "city"];
/// Organisations beside the 33 London authorities that have a signing key in tests.
const PARTIES: [&str; 10] = [
    "GSS:E12000007",
    "TFL:tfl",
    "ODS:R1H",
    "ODS:RAL",
    "ODS:RJ1",
    "ODS:RV5",
    "ODS:RRV",
    "ODS:RYJ",
    "POLICE_FORCE:metropolitan",
    "CHARITY:street-outreach",
];

/// What a test needs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The services to start, by name (`broker`).
    pub services: Vec<&'static str>,
    /// Data partitions.
    pub partitions: i32,
    /// Keys to use instead of new ones: two runs with the same keys give the same lookup tokens.
    pub keys: Option<PathBuf>,
    /// Kafka, when it is not the shared one.
    pub kafka: Option<String>,
    /// The registry, when it is not the shared one.
    pub registry: Option<String>,
    /// Gateway, broker and materialiser run with a seal that hides every body.
    pub sealed: bool,
    /// Environment variables that all processes get.
    pub environment: Vec<(&'static str, String)>,
}

impl Options {
    /// These services, four partitions.
    #[must_use]
    pub fn only(services: &[&'static str]) -> Self {
        Self {
            services: services.to_vec(),
            partitions: 4,
            keys: None,
            kafka: None,
            registry: None,
            sealed: false,
            environment: Vec::new(),
        }
    }

    /// The way from a housing event to a row: identity, broker, materialiser and one agency.
    #[must_use]
    pub fn river() -> Self {
        Self::only(&["identity", "broker", "materialiser", "housing"])
    }

    /// The same with a seal that hides every body.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.sealed = true;
        self
    }

    /// The same with these keys.
    #[must_use]
    pub fn with_keys(mut self, folder: &Path) -> Self {
        self.keys = Some(folder.to_owned());
        self
    }
}

/// A running backbone. Its processes are killed when it is dropped.
pub struct Backbone {
    /// What stands before every topic.
    pub namespace: Namespace,
    /// Kafka.
    pub kafka: Kafka,
    registry: String,
    sealed: bool,
    partitions: i32,
    environment: Vec<(&'static str, String)>,
    keys_dir: PathBuf,
    keys: FileKeyStore,
    issuer: Issuer,
    folder: tempfile::TempDir,
    children: Mutex<BTreeMap<String, Child>>,
    channels: Mutex<BTreeMap<String, tonic::transport::Channel>>,
}

/// Runs a test on the one runtime of this program: connections of a backbone that several tests share outlive each of them.
pub fn journey<F: Future<Output = ()>>(test: F) {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    });
    runtime.block_on(test);
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests stand in the repository")
        .to_owned()
}

/// A folder named after this process. A backbone that tests share is never dropped: what dead processes left is removed here.
fn folder_of_this_process() -> tempfile::TempDir {
    const PREFIX: &str = "walbrook-journey-";
    let entries = std::fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let keeps = entry.path().join(KEEP).exists();
        if owner.is_some_and(|pid| !keeps && !Path::new("/proc").join(pid).exists()) {
            // Another test process may be doing the same.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let prefix = format!("{PREFIX}{}-", std::process::id());
    tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir()
        .expect("a folder")
}

impl Drop for Backbone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The logs are what a failure is understood from.
            let _ = std::fs::write(self.folder.path().join(KEEP), "");
            self.folder.disable_cleanup(true);
            eprintln!("logs and data stay in {}", self.folder.path().display());
        }
    }
}

/// New local keys in a folder.
pub fn create_keys(folder: &Path) {
    let authorities: Vec<String> = (1..=33).map(|n| format!("GSS:E09{n:06}")).collect();
    let parties: Vec<&str> = authorities
        .iter()
        .map(String::as_str)
        .chain(PARTIES)
        .collect();
    let keys = LocalKeys {
        agencies: &AGENCIES,
        purposes: &topics::PURPOSES,
        parties: &parties,
    };
    create_local(folder, &keys).expect("local keys");
}

impl Backbone {
    /// Creates the topics and starts the services side by side; returns when all of them serve, and the agencies among them know
    /// the shipped publication schedules.
    pub async fn start(options: Options) -> Self {
        let backbone = Self::prepare(&options).await;
        for service in &options.services {
            backbone.launch(service, service);
        }
        for service in &options.services {
            backbone.await_ready(service);
        }
        let agencies: Vec<&str> = options
            .services
            .iter()
            .copied()
            .filter(|service| AGENCIES.contains(service))
            .collect();
        if options.services.contains(&"broker") && !agencies.is_empty() {
            backbone.publish_shipped_schedules(&agencies).await;
        }
        backbone
    }

    /// As [`Backbone::start`] without any process: topics, keys and clients.
    pub async fn prepare(options: &Options) -> Self {
        let shared = Shared::or(options.kafka.clone(), options.registry.clone());
        let folder = folder_of_this_process();
        let keys_dir = options
            .keys
            .clone()
            .unwrap_or_else(|| folder.path().join("keys"));
        create_keys(&keys_dir);
        let keys = FileKeyStore::open(&keys_dir).expect("keys");
        let kafka = Kafka::new(shared.kafka, BTreeMap::new());
        let namespace = Namespace::new(&walbrook_testkit::cluster::namespace());
        let table = topics::table(&namespace, options.partitions);
        let admin = kafka.admin().expect("an admin client");
        admin.create(&table, 1, 1).await.expect("the topics");
        Self {
            namespace,
            kafka,
            registry: shared.registry,
            sealed: options.sealed,
            partitions: options.partitions,
            environment: options.environment.clone(),
            issuer: keys.issuer(ISSUER).expect("the issuer"),
            keys,
            keys_dir,
            folder,
            children: Mutex::default(),
            channels: Mutex::default(),
        }
    }

    /// The folder of this backbone's keys.
    #[must_use]
    pub fn keys_dir(&self) -> &Path {
        &self.keys_dir
    }

    /// Data partitions.
    #[must_use]
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// The registry's whole base address.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// A folder for whatever a test wants to keep; removed with the backbone.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks again and again until there is an answer, while every process that should run does.
    ///
    /// # Panics
    /// At the deadline, with what was waited for, the last word of `ask`, and the ends of the processes' logs.
    pub async fn until<T, F>(&self, what: &str, mut ask: impl FnMut() -> F) -> T
    where
        F: Future<Output = Result<T, String>>,
    {
        let start = Instant::now();
        loop {
            let last = match ask().await {
                Ok(found) => return found,
                Err(last) => last,
            };
            self.check_alive(what);
            if start.elapsed() > DEADLINE {
                panic!(
                    "waited {} s for {what}: {last}\n{}",
                    DEADLINE.as_secs(),
                    self.logs()
                );
            }
            tokio::time::sleep(TICK).await;
        }
    }
}

/// A backbone that several tests use, started by the first.
pub struct Common(OnceLock<Arc<tokio::sync::OnceCell<Arc<Backbone>>>>);

impl Common {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The backbone; started when this is the first call.
    pub async fn get<F: Future<Output = Backbone>>(
        &self,
        start: impl FnOnce() -> F,
    ) -> Arc<Backbone> {
        let cell = Arc::clone(self.0.get_or_init(Arc::default));
        Arc::clone(cell.get_or_init(|| async { Arc::new(start().await) }).await)
    }
}

impl Default for Common {
    fn default() -> Self {
        Self::new()
    }
}
