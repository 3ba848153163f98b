//! A real Kafka (KRaft, one node) and a real schema registry on loopback, from pinned jars.
//!
//! [`Cluster::start`] is what `walbrook up` runs; [`shared()`] is what a test asks for; [`Kafka::start`] and
//! [`Registry::start`] are for a test that kills one of them. Ready always means that it answered.

mod error;
mod files;
mod jars;
mod kafka;
mod ports;
mod probe;
mod registry;
mod shared;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

pub use error::ClusterError;
pub use jars::{Jars, cache_folder, ensure_jars};
pub use kafka::{Kafka, KafkaSpec};
pub use ports::{free_port, require_free};
pub use probe::{http_ok, kafka_answers, registry_answers};
pub use registry::{Registry, RegistrySpec};
pub use shared::{SharedCluster, namespace, shared, try_shared};

/// A JVM that has not answered by then will not: a cold start takes 3 to 6 s here, and a busy machine ten times that.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(120);
/// How long a JVM may take to close its files after SIGTERM before it is killed.
pub(crate) const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Where a cluster keeps its data and which ports it listens on.
#[derive(Debug, Clone)]
pub struct ClusterSpec {
    /// Its folder: `kafka/`, `registry/` and `logs/` appear in it; data in it survives a restart.
    pub folder: PathBuf,
    /// Kafka's port for clients.
    pub kafka_port: u16,
    /// Kafka's port for its own controller.
    pub controller_port: u16,
    /// The registry's HTTP port.
    pub registry_port: u16,
}

impl ClusterSpec {
    /// A cluster in a folder, on ports that are free now.
    ///
    /// # Errors
    /// [`ClusterError::NoFreePort`].
    pub fn on_free_ports(folder: impl Into<PathBuf>) -> Result<Self, ClusterError> {
        Ok(Self {
            folder: folder.into(),
            kafka_port: free_port()?,
            controller_port: free_port()?,
            registry_port: free_port()?,
        })
    }
}

/// A running Kafka and registry. Dropping it kills both; [`Cluster::stop`] lets them close their files first.
#[derive(Debug)]
pub struct Cluster {
    /// The broker.
    pub kafka: Kafka,
    /// The registry.
    pub registry: Registry,
}

impl Cluster {
    /// Fetches what is missing, starts both side by side and returns when both answer. `say` is told each step.
    ///
    /// # Errors
    /// A busy port is named before anything is started; a process that ends or stays silent is reported with the end of
    /// its log.
    pub fn start(spec: &ClusterSpec, say: &dyn Fn(&str)) -> Result<Self, ClusterError> {
        require_free("the registry", spec.registry_port)?;
        require_free("Kafka", spec.kafka_port)?;
        require_free("Kafka's controller", spec.controller_port)?;
        let jars = ensure_jars(say)?;
        let registry = RegistrySpec {
            folder: spec.folder.clone(),
            port: spec.registry_port,
        };
        let kafka = KafkaSpec {
            folder: spec.folder.clone(),
            port: spec.kafka_port,
            controller_port: spec.controller_port,
        };
        say(&format!(
            "starting Kafka on 127.0.0.1:{} and the registry on 127.0.0.1:{}",
            kafka.port, registry.port
        ));
        let mut registry = Registry::launch(&registry, &jars)?;
        let mut kafka = Kafka::launch(&kafka, &jars)?;
        kafka.wait_ready()?;
        registry.wait_ready()?;
        Ok(Self { kafka, registry })
    }

    /// An error when one of the two has ended.
    ///
    /// # Errors
    /// [`ClusterError::Process`] with the end of its log.
    pub fn still_running(&mut self) -> Result<(), ClusterError> {
        self.kafka.process.still_running()?;
        self.registry.process.still_running()?;
        Ok(())
    }

    /// Stops both, in order, each within its own bound.
    ///
    /// # Errors
    /// [`ClusterError::Process`] when one of them cannot be signalled.
    pub fn stop(&mut self) -> Result<(), ClusterError> {
        let registry = self.registry.process.stop(STOP_WITHIN);
        self.kafka.process.stop(STOP_WITHIN)?;
        registry?;
        Ok(())
    }
}
