//! The whole backbone on this machine: `up`, `down`, `status`, `topics`.
//!
//! One supervisor is the parent of everything it starts; the kernel kills the children when it dies, however it dies.
//! What it knows stands in the folder (`.walbrook` by default):
//!
//! | in the folder | what |
//! |---|---|
//! | `supervisor.lock` | locked for as long as a supervisor lives; nothing else says that one does |
//! | `state.json` | what runs and where it listens |
//! | `logs/` | the output of each process |
//! | `kafka/` `registry/` `data/` `keys/` | data, kept until `up --fresh` |

pub mod down;
mod folder;
pub mod keys;
pub mod ports;
mod services;
pub mod status;
mod supervisor;
pub mod topics;
pub mod up;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

use walbrook_testkit::cluster::ClusterError;
use walbrook_testkit::process::ProcessError;

use crate::{Exit, Failure};

/// A local backbone that runs.
#[derive(Debug, Clone)]
pub struct LocalBackbone {
    state: folder::State,
}

impl LocalBackbone {
    /// The one of this folder.
    ///
    /// # Errors
    /// When none runs there.
    pub fn running(folder: &std::path::Path) -> Result<Self, LocalError> {
        let state = folder::Folder::existing(folder)?.running_state()?;
        Ok(Self { state })
    }

    /// `host:port` of a service (`police`, `broker`, …).
    #[must_use]
    pub fn address(&self, service: &str) -> Option<&str> {
        let processes = &self.state.processes;
        processes
            .iter()
            .find(|process| process.name == service)
            .map(|process| process.serves.as_str())
    }

    /// `host:port` of Kafka.
    #[must_use]
    pub fn kafka(&self) -> &str {
        &self.state.kafka
    }

    /// `http://host:port` of the registry.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.state.registry
    }

    /// The namespace before every topic.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.state.namespace
    }
}

/// Why the local backbone does not run.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A supervisor already has this folder.
    #[error("already running in {} (process {pid}); `walbrook status` shows it, `walbrook down` stops it", folder.display())]
    Running {
        /// The folder.
        folder: PathBuf,
        /// The supervisor, 0 when it has not said yet.
        pid: u32,
    },
    /// No supervisor has this folder.
    #[error("nothing runs in {}; `walbrook up` starts it", folder.display())]
    NotRunning {
        /// The folder.
        folder: PathBuf,
    },
    /// The supervisor did not end.
    #[error("the supervisor (process {pid}) has not ended within {waited_s} s; its log is {}", log.display())]
    Stuck {
        /// The supervisor.
        pid: u32,
        /// How long it was waited for.
        waited_s: u64,
        /// Its log.
        log: PathBuf,
    },
    /// A program of this project is not beside this one.
    #[error("{} not there; build everything first: cargo build --workspace", missing.join(", "))]
    NotBuilt {
        /// The paths.
        missing: Vec<String>,
    },
    /// A file or folder cannot be used.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The operating system refused something else.
    #[error("cannot {operation}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Kafka or the registry.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Another child.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The keys could not be made or used.
    #[error("cannot make the local keys")]
    Keys {
        /// The cause.
        #[source]
        source: walbrook_runtime::keystore::KeyStoreError,
    },
    /// The topic table could not be put on the local Kafka.
    #[error("cannot create the topics")]
    Topics {
        /// The cause.
        #[source]
        source: walbrook_eventlog::LogError,
    },
}

impl From<LocalError> for Failure {
    fn from(error: LocalError) -> Self {
        let exit = match &error {
            LocalError::Running { .. } => Exit::Refused,
            LocalError::NotRunning { .. } => Exit::NotRunning,
            LocalError::File { .. } | LocalError::System { .. } => Exit::Internal,
            _ => Exit::Unavailable,
        };
        Self::new(exit, error)
    }
}
