//! Why the local cluster is not there.

use std::io;
use std::path::PathBuf;

use crate::process::ProcessError;

/// Why the local cluster is not there, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Something else listens where this was to listen.
    #[error(
        "port {port} for {what} is busy; `ss -ltnp 'sport = :{port}'` shows who has it; stop that, or choose another port"
    )]
    PortBusy {
        /// What was to listen there.
        what: String,
        /// The port on 127.0.0.1.
        port: u16,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// No free port was found.
    #[error("no free port on 127.0.0.1")]
    NoFreePort,
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
    /// A program that is needed is not installed.
    #[error("{program} is not installed; `make setup` installs it, or: apt-get install {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// The Debian package that has it.
        package: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A program that does one thing and ends did not end well.
    #[error("{what} failed:\n{output}")]
    Failed {
        /// What was run.
        what: &'static str,
        /// The end of what it printed.
        output: String,
    },
    /// A fetched file is not the one that is pinned.
    #[error(
        "{file}: its SHA-256 is {found}, deploy/jars.sha256 says {pinned}; it was thrown away; \
        if a proxy or a mirror changes files, fix that; if the version was changed on purpose, run deploy/pin.sh"
    )]
    Checksum {
        /// The file.
        file: String,
        /// What is pinned.
        pinned: String,
        /// What was found, or `missing`.
        found: String,
    },
    /// The list of checksums cannot be read.
    #[error("deploy/jars.sha256, line {line}: not a checksum and a file name")]
    Pins {
        /// The line, from 1.
        line: usize,
    },
    /// A cluster named by the environment does not answer.
    #[error(
        "{variable} names {address}, but nothing answers there; start it, or unset {variable} and the tests start their own"
    )]
    NoAnswer {
        /// The environment variable.
        variable: &'static str,
        /// The address in it.
        address: String,
    },
    /// A child process did not start or did not stay.
    #[error(transparent)]
    Process(#[from] ProcessError),
}
