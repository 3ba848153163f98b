//! One Kafka and one registry for all test processes of a run.
//!
//! `make test` starts a cluster, names it in `WALBROOK_TEST_KAFKA` and `WALBROOK_TEST_REGISTRY`, and stops it afterwards.
//! Without these, the first test process that needs a server starts it under the build folder for all test processes
//! that use the same build folder. It must then outlive that process (cargo runs test binaries one after another) but
//! not the run: its parent is a small shell script (`keep.sh`) that ends it two minutes after the last test process has
//! gone. A test process holds a shared lock on a lease file for as long as it lives; the kernel drops the lock however
//! the process ends, so nothing has to be cleaned up.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use fs2::FileExt;
use rand::Rng;

use super::{
    ClusterError, KafkaSpec, READY_WITHIN, RegistrySpec, ensure_jars, files, free_port, kafka,
    registry,
};
use super::{kafka_answers, registry_answers};
use crate::process::{Launch, Running};

const KEEPER: &str = include_str!("keep.sh");
const IDLE_LIMIT_S: u32 = 120;
/// Each run leaves its namespaces behind; after an hour the next idle second ends the server and its data.
const MAX_AGE_S: u32 = 3_600;
/// How long an address from the environment may take to answer.
const NAMED_WITHIN: Duration = Duration::from_secs(30);

/// Addresses of the cluster that all tests share.
#[derive(Debug, Clone)]
pub struct SharedCluster {
    /// `host:port`, as in `bootstrap.servers`.
    pub kafka: String,
    /// `http://host:port`, to which clients add `/apis/ccompat/v7`.
    pub registry: String,
}

/// The shared cluster; starts it when need be. The first call in a run takes seconds and blocks its thread.
///
/// # Panics
/// When there is no cluster and none can be started: a test that needs Kafka fails without it, it is never skipped.
#[must_use]
pub fn shared() -> SharedCluster {
    match try_shared() {
        Ok(cluster) => cluster,
        #[expect(
            clippy::panic,
            reason = "called by tests only, and a test without its cluster must fail"
        )]
        Err(error) => panic!("no Kafka for the tests: {error}"),
    }
}

/// As [`shared`], for a caller that reports the error itself.
///
/// # Errors
/// [`ClusterError::NoAnswer`] when the environment names a cluster that is not there; else why none could be started.
pub fn try_shared() -> Result<SharedCluster, ClusterError> {
    static CLUSTER: OnceLock<Result<SharedCluster, String>> = OnceLock::new();
    let found = CLUSTER.get_or_init(|| find_or_start().map_err(|error| chain(&error)));
    found.clone().map_err(|output| ClusterError::Failed {
        what: "starting the cluster of the tests",
        output,
    })
}

/// A prefix for topics, groups and transactional ids that no other test has: `t` and twelve hexadecimal digits.
#[must_use]
pub fn namespace() -> String {
    let bytes: [u8; 6] = rand::rng().random();
    format!("t{}", hex::encode(bytes))
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}

fn find_or_start() -> Result<SharedCluster, ClusterError> {
    let base = build_folder().join("walbrook-test-cluster");
    let kafka = match named("WALBROOK_TEST_KAFKA", kafka_answers)? {
        Some(address) => address,
        None => keep(&base, &KAFKA)?,
    };
    let registry = match named("WALBROOK_TEST_REGISTRY", registry_answers)? {
        Some(address) => address,
        None => keep(&base, &REGISTRY)?,
    };
    Ok(SharedCluster { kafka, registry })
}

fn named(
    variable: &'static str,
    answers: fn(&str) -> bool,
) -> Result<Option<String>, ClusterError> {
    let Some(address) = env::var(variable).ok().filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let start = Instant::now();
    while !answers(&address) {
        if start.elapsed() > NAMED_WITHIN {
            return Err(ClusterError::NoAnswer { variable, address });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(Some(address))
}

/// The build folder this test runs from: tests of one build folder share a cluster.
fn build_folder() -> PathBuf {
    let executable = env::current_exe().unwrap_or_default();
    let marked = executable
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists());
    marked.map_or_else(env::temp_dir, Path::to_path_buf)
}

/// A server that a keeper can run.
struct Kept {
    name: &'static str,
    answers: fn(&str) -> bool,
    /// Chooses ports and says how to run the server in a folder, and at which address it will be.
    prepare: fn(&Path) -> Result<(Launch, String), ClusterError>,
}

const KAFKA: Kept = Kept {
    name: "kafka",
    answers: kafka_answers,
    prepare: |folder| {
        let jars = ensure_jars(&|line| eprintln!("{line}"))?;
        let spec = KafkaSpec {
            folder: folder.to_owned(),
            port: free_port()?,
            controller_port: free_port()?,
        };
        Ok((kafka::command(&spec, &jars)?, kafka::address(spec.port)))
    },
};

const REGISTRY: Kept = Kept {
    name: "registry",
    answers: registry_answers,
    prepare: |folder| {
        let jars = ensure_jars(&|line| eprintln!("{line}"))?;
        let spec = RegistrySpec {
            folder: folder.to_owned(),
            port: free_port()?,
        };
        Ok((
            registry::command(&spec, &jars)?,
            registry::address(spec.port),
        ))
    },
};

/// Finds the kept server, or starts it, and holds its lease until this process ends.
fn keep(base: &Path, kept: &Kept) -> Result<String, ClusterError> {
    static LEASES: OnceLock<std::sync::Mutex<Vec<File>>> = OnceLock::new();
    let (lease, address) = keep_in(base, kept, IDLE_LIMIT_S)?;
    let leases = LEASES.get_or_init(Default::default);
    leases
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .push(lease);
    Ok(address)
}

fn keep_in(base: &Path, kept: &Kept, idle_limit_s: u32) -> Result<(File, String), ClusterError> {
    let folder = base.join(kept.name);
    files::create_folder(&folder)?;
    let (lease_path, start_path) = (folder.join("lease"), folder.join("start"));
    let lease = files::open_lock(&lease_path)?;
    // Waits while a keeper is ending its server.
    FileExt::lock_shared(&lease).map_err(files::failed("lock", &lease_path))?;
    // One process starts it; the others wait here and then find it.
    let start = files::open_lock(&start_path)?;
    FileExt::lock_exclusive(&start).map_err(files::failed("lock", &start_path))?;
    let address_path = folder.join("address");
    if let Some(address) = fs::read_to_string(&address_path)
        .ok()
        .filter(|address| (kept.answers)(address))
    {
        return Ok((lease, address));
    }
    let data = folder.join("data");
    files::remove_folder(&data)?;
    let (launch, address) = (kept.prepare)(&data)?;
    let mut keeper = launch_keeper(&lease_path, &address_path, &address, idle_limit_s, &launch)
        .start_detached()?;
    let waited: Result<(), _> = keeper.wait_until(READY_WITHIN, || (kept.answers)(&address));
    waited?;
    let fresh = folder.join("address.new");
    files::write(&fresh, &address)?;
    files::rename(&fresh, &address_path)?;
    Running::leave(keeper);
    Ok((lease, address))
}

fn launch_keeper(
    lease: &Path,
    address_path: &Path,
    address: &str,
    idle_limit_s: u32,
    server: &Launch,
) -> Launch {
    let mut keeper = Launch::new(&server.name, "sh", &server.log)
        .arg("-c")
        .arg(KEEPER)
        .arg("keep.sh")
        .arg(lease.display().to_string())
        .arg(address_path.display().to_string())
        .arg(address)
        .arg(idle_limit_s.to_string())
        .arg(MAX_AGE_S.to_string())
        .arg(server.program.display().to_string());
    keeper.args.extend(server.args.iter().cloned());
    keeper
}

#[cfg(test)]
mod tests;
