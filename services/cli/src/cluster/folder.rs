//! The folder of a local backbone, and what stands in it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use fs2::FileExt;
use serde::{Deserialize, Serialize};

use super::LocalError;

/// Where a supervisor keeps everything.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

/// What a supervisor writes down about what it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The supervisor's process id.
    pub pid: u32,
    /// Everything that was to start has started.
    pub ready: bool,
    /// `host:port` of Kafka.
    pub kafka: String,
    /// `http://host:port` of the registry.
    pub registry: String,
    /// The namespace of the processes.
    pub namespace: String,
    /// What was started, in order.
    pub processes: Vec<Process>,
}

/// One process that a supervisor runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// `kafka`, `registry`, `police`, …
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// Where it serves.
    pub serves: String,
    /// `http://host:port` of `/metrics` and `/healthz`, where it has them.
    pub metrics: Option<String>,
    /// Its log file.
    pub log: PathBuf,
}

impl Folder {
    /// Makes the folder when it is not there.
    pub fn open(path: &Path) -> Result<Self, LocalError> {
        fs::create_dir_all(path).map_err(failed("create", path))?;
        Self::existing(path)
    }

    pub fn existing(path: &Path) -> Result<Self, LocalError> {
        let root = std::path::absolute(path).map_err(failed("find", path))?;
        Ok(Self { root })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    fn state_file(&self) -> PathBuf {
        self.root.join("state.json")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("supervisor.lock")
    }

    /// Takes the folder for as long as the returned file is open.
    pub fn take(&self) -> Result<File, LocalError> {
        let path = self.lock_file();
        let mut options = OpenOptions::new();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        match FileExt::try_lock_exclusive(&file) {
            Ok(()) => Ok(file),
            Err(error) if error.kind() == fs2::lock_contended_error().kind() => {
                Err(LocalError::Running {
                    folder: self.root.clone(),
                    pid: self.read_state().map(|state| state.pid).unwrap_or_default(),
                })
            }
            Err(error) => Err(failed("lock", &path)(error)),
        }
    }

    /// Does a supervisor have this folder?
    pub fn is_taken(&self) -> bool {
        OpenOptions::new()
            .write(true)
            .open(self.lock_file())
            .is_ok_and(|file| FileExt::try_lock_exclusive(&file).is_err())
    }

    /// Removes what a supervisor made here, and nothing else.
    pub fn clear(&self) -> Result<(), LocalError> {
        for name in ["kafka", "registry", "data", "keys", "logs"] {
            let path = self.root.join(name);
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("remove", &path)(error));
                }
                _ => {}
            }
        }
        self.forget();
        Ok(())
    }

    pub fn write_state(&self, state: &State) -> Result<(), LocalError> {
        let (path, fresh) = (self.state_file(), self.root.join("state.json.new"));
        let text = serde_json::to_vec_pretty(state)
            .map_err(io::Error::from)
            .map_err(failed("write", &path))?;
        fs::write(&fresh, text).map_err(failed("write", &fresh))?;
        fs::rename(&fresh, &path).map_err(failed("write", &path))
    }

    /// What the supervisor last wrote; `None` when there is none.
    pub fn read_state(&self) -> Option<State> {
        serde_json::from_slice(&fs::read(self.state_file()).ok()?).ok()
    }

    /// What the living supervisor says.
    pub fn running_state(&self) -> Result<State, LocalError> {
        let state = if self.is_taken() {
            self.read_state()
        } else {
            None
        };
        state.ok_or_else(|| LocalError::NotRunning {
            folder: self.root.clone(),
        })
    }

    /// Forgets the state of a supervisor that ends.
    pub fn forget(&self) {
        // One that stays behind is harmless: only a locked folder is believed.
        let _ = fs::remove_file(self.state_file());
    }
}

pub(super) fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LocalError {
    let path = path.to_owned();
    move |source| LocalError::File {
        operation,
        path,
        source,
    }
}
