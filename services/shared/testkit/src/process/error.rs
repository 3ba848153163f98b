//! Why a child does not run.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a child could not be started, or did not stay.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The log file of the child cannot be opened.
    #[error("{name}: cannot write its log {}", log.display())]
    Log {
        /// The child's name.
        name: String,
        /// Its log.
        log: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The program does not start.
    #[error("{name}: cannot start {}", program.display())]
    Start {
        /// The child's name.
        name: String,
        /// What was to be run.
        program: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The child ended by itself.
    #[error("{name} ended ({status}); the end of {}:\n{tail}", log.display())]
    Ended {
        /// The child's name.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// The child runs but did not become ready in time.
    #[error("{name} did not answer within {waited_s} s; the end of {}:\n{tail}", log.display())]
    NotReady {
        /// The child's name.
        name: String,
        /// How long it was waited for, in seconds.
        waited_s: u64,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// The operating system refused to say how the child is, or to signal it.
    #[error("{name}: cannot {operation} process {pid}")]
    Control {
        /// The child's name.
        name: String,
        /// What was tried.
        operation: &'static str,
        /// Its process id.
        pid: u32,
        /// The cause.
        #[source]
        source: io::Error,
    },
}
