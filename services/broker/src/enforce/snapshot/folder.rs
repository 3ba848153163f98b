//! Snapshots in a process's data folder, one file for each p, written by a thread of their own.

use super::{Snapshot, Snapshots, form};
use crate::enforce::control_view::Setting;
use crate::enforce::partition::Partition;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant as Monotonic};
use walbrook_eventlog::Namespace;
use walbrook_runtime::kept_file::{self, SnapshotError};

/// Below the data folder.
const FOLDER: &str = "p";
/// How many records and pages a new snapshot must spare the next takeover.
const WORTH: i64 = 10_000;
/// How long nothing is written after something was, at least.
const REST: Duration = Duration::from_secs(10);
/// How many times as long as writing took nothing is written afterwards: so it takes at most a tenth of one core and of the disk.
const REST_TIMES: u32 = 9;
/// Snapshots that wait to be written. What they share with their p is there twice as soon as p changes it.
const WAITING: usize = 4;

/// The folder.
pub struct Folder {
    data_dir: PathBuf,
    sender: SyncSender<Box<Snapshot>>,
    state: Arc<Mutex<State>>,
}

/// What is known of the files.
#[derive(Default)]
struct State {
    /// How far the newest of each p reaches.
    reach: BTreeMap<i32, i64>,
    rest_until: Option<Monotonic>,
}

/// Writes what is offered, until the folder is dropped.
pub struct Writer {
    path: PathBuf,
    namespace: Namespace,
    receiver: Receiver<Box<Snapshot>>,
    state: Arc<Mutex<State>>,
}

fn file(folder: &Path, number: i32) -> PathBuf {
    folder.join(format!("{number}.snapshot"))
}

/// The folder of a namespace in a process's data folder, with its writer. Files of partition numbers that there are not, and what a killed process
/// left half-written, are removed.
pub fn open(data_dir: &Path, namespace: &Namespace, partitions: i32) -> (Folder, Writer) {
    let path = data_dir.join(FOLDER);
    clean(&path, partitions);
    let (sender, receiver) = sync_channel(WAITING);
    let state = Arc::new(Mutex::new(State::default()));
    let folder = Folder {
        data_dir: data_dir.to_owned(),
        sender,
        state: Arc::clone(&state),
    };
    let writer = Writer {
        path,
        namespace: namespace.clone(),
        receiver,
        state,
    };
    (folder, writer)
}

fn clean(folder: &Path, partitions: i32) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let number = name
            .to_str()
            .and_then(|name| name.strip_suffix(".snapshot"));
        let number = number.and_then(|number| number.parse().ok());
        if number.is_some_and(|number: i32| (0..partitions).contains(&number)) {
            continue;
        }
        match std::fs::remove_file(&path) {
            Ok(()) => {
                tracing::info!(path = %path.display(), "a file that is no snapshot of a p there is was removed")
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a file that is no snapshot of a p there is cannot be removed")
            }
        }
    }
}

/// Reads the snapshot of p in a process's data folder into p as it is before anything was read; `None` when there is none.
///
/// # Errors
/// Why it is passed over.
pub fn read(
    data_dir: &Path,
    empty: Partition,
    setting: &Setting,
) -> Result<Option<Partition>, SnapshotError> {
    let path = file(&data_dir.join(FOLDER), empty.number());
    let disk = |source| SnapshotError::Disk {
        path: path.clone(),
        source,
    };
    let content = |problem: &str| SnapshotError::Content {
        path: path.clone(),
        problem: problem.to_owned(),
    };
    let opened = match File::open(&path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk(error)),
    };
    let input = BufReader::with_capacity(1 << 20, opened);
    match form::read(input, empty, setting) {
        Ok(partition) => Ok(Some(partition)),
        Err(form::Fault::Content(problem)) => Err(content(&problem)),
        Err(form::Fault::Input(error)) => Err(match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                content("ends too early, or holds what cannot be: it is damaged")
            }
            _ => disk(error),
        }),
    }
}

impl Snapshots for Folder {
    fn load(
        &self,
        empty: Partition,
        setting: &Setting,
    ) -> Result<Option<Partition>, SnapshotError> {
        let loaded = read(&self.data_dir, empty, setting)?;
        if let Some(partition) = &loaded {
            let mut state = self.state.lock();
            state.reach.insert(partition.number(), partition.reach());
        }
        Ok(loaded)
    }

    fn offer(&self, snapshot: Box<Snapshot>, last: bool) {
        let state = self.state.lock();
        let known = state.reach.get(&snapshot.number()).copied().unwrap_or(0);
        // An owner before may have come further, of a log that then lost its end: any other reach is worth writing.
        let spared = snapshot.reach().saturating_sub(known).saturating_abs();
        let rests = state
            .rest_until
            .is_some_and(|until| Monotonic::now() < until);
        drop(state);
        if spared >= WORTH && (last || !rests) && self.sender.try_send(snapshot).is_err() {
            tracing::debug!("others wait to be written; the next one will do");
        }
    }
}

impl Writer {
    /// Works until the folder is dropped and nothing waits.
    pub fn run(self) {
        for snapshot in &self.receiver {
            let began = Monotonic::now();
            let path = file(&self.path, snapshot.number());
            let written =
                kept_file::replace(&path, |out| form::write(out, &snapshot, &self.namespace));
            let took = began.elapsed();
            let partition = snapshot.number();
            let mut state = self.state.lock();
            state.rest_until = Some(Monotonic::now() + REST.max(took * REST_TIMES));
            match written {
                Ok(bytes) => {
                    state.reach.insert(partition, snapshot.reach());
                    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                    tracing::info!(partition, bytes, took_ms, "p's snapshot is written");
                }
                Err(error) => {
                    tracing::warn!(partition, %error, "p's snapshot was not written; the next takeover reads the log from the one before");
                }
            }
        }
    }
}
