//! Writes snapshots beside the writer, and one when it stops.

use crate::follow::Held;
use crate::journal::{Clients, Format};
use crate::linkage::Index;
use crate::snapshot::{Copy, Snapshot};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Monotonic};

/// A snapshot is due after so many records, or a quarter of all where that is more, once nobody wants anything; while calls come, after twice as many as
/// there are: during a first load few are written, and what is left is read from the log…
const RECORDS: usize = 50_000;
/// … or after so long with any.
const AGE: Duration = Duration::from_secs(600);

/// Where the writer stands on the log.
#[derive(Debug, Clone, Default)]
pub(super) struct Reached {
    pub(super) identity_next: i64,
    pub(super) links_next: Vec<i64>,
}

impl Reached {
    pub(super) fn of(held: &Held) -> Self {
        Self {
            identity_next: held.identity_next,
            links_next: held.links_next.clone(),
        }
    }
}

/// Keeps the snapshot.
pub(super) struct Keeper {
    snapshot: Option<Snapshot>,
    clients: Arc<dyn Clients>,
    format: Format,
    /// Records that the snapshot does not have yet.
    changed: usize,
    written: Monotonic,
    at_work: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn new(
        snapshot: Option<Snapshot>,
        clients: Arc<dyn Clients>,
        format: Format,
    ) -> Self {
        Self {
            snapshot,
            clients,
            format,
            changed: 0,
            written: Monotonic::now(),
            at_work: None,
        }
    }

    /// Where it is kept.
    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// So many records came since.
    pub(super) fn changed(&mut self, records: usize) {
        self.changed += records;
    }

    /// Whether one is to be written.
    pub(super) fn is_due(&self, records: usize, quiet: bool) -> bool {
        let enough = if quiet { records / 4 } else { records * 2 };
        let many = self.changed >= RECORDS.max(enough);
        let old = self.changed > 0 && self.written.elapsed() >= AGE;
        (many || old) && self.at_work.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Starts writing one. Call it between batches: what the index holds must be committed.
    pub(super) fn keep(&mut self, index: &Index, reached: &Reached) {
        self.finish();
        self.begin(index, reached);
    }

    /// Writes one, where there is anything new, and waits until it is there.
    pub(super) fn close(&mut self, index: &Index, reached: &Reached) {
        self.finish();
        if self.changed > 0 {
            self.begin(index, reached);
            self.finish();
        }
    }

    fn begin(&mut self, index: &Index, reached: &Reached) {
        self.changed = 0;
        self.written = Monotonic::now();
        let Some(snapshot) = self.snapshot.clone() else {
            return;
        };
        let copy = Copy {
            records: index.records().cloned().collect(),
            identity_next: reached.identity_next,
            links_next: reached.links_next.clone(),
        };
        let (clients, format) = (Arc::clone(&self.clients), self.format.clone());
        let write = move || {
            let began = Monotonic::now();
            match snapshot.write(clients.as_ref(), &format, &copy) {
                Ok(bytes) => tracing::info!(
                    records = copy.records.len(),
                    bytes,
                    milliseconds = began.elapsed().as_millis(),
                    "the snapshot of identity was written"
                ),
                // The next start reads more of the log; nothing else is lost.
                Err(error) => tracing::warn!(
                    error = walbrook_runtime::status::chain(&error),
                    "the snapshot of identity was not written"
                ),
            }
        };
        let thread = std::thread::Builder::new().name("identity-snapshot".to_owned());
        match thread.spawn(write) {
            Ok(at_work) => self.at_work = Some(at_work),
            Err(error) => tracing::warn!(%error, "the snapshot of identity was not written"),
        }
    }

    fn finish(&mut self) {
        if let Some(at_work) = self.at_work.take()
            && at_work.join().is_err()
        {
            tracing::warn!("the snapshot of identity was not written: its thread ended");
        }
    }
}
