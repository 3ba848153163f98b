//! Spawned tasks, each of a kind that declares what its failure means.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::shutdown::Shutdown;

/// What it means when a task ends before it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The process cannot do its work without it: it drains and exits with an error.
    StopsProcess,
    /// It is said in the log, nothing else depends on it.
    IsLogged,
    /// It may end when its work is done; only an error or a panic stops the process.
    MayFinish,
}

/// A kind of task.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Name in logs: `identity-writer`.
    pub name: &'static str,
    /// What its early end means.
    pub ending: Ending,
}

impl Kind {
    /// Runs as long as the process does.
    #[must_use]
    pub const fn essential(name: &'static str) -> Self {
        Self {
            name,
            ending: Ending::StopsProcess,
        }
    }

    /// May fail without harm.
    #[must_use]
    pub const fn optional(name: &'static str) -> Self {
        Self {
            name,
            ending: Ending::IsLogged,
        }
    }

    /// Ends by itself; must not fail.
    #[must_use]
    pub const fn finite(name: &'static str) -> Self {
        Self {
            name,
            ending: Ending::MayFinish,
        }
    }
}

/// The tasks of one process. Clones share them.
#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    shutdown: Shutdown,
    failure: Arc<Mutex<Option<String>>>,
}

impl Tasks {
    /// No tasks; a fatal end requests `shutdown`.
    #[must_use]
    pub fn new(shutdown: Shutdown) -> Self {
        Self {
            tracker: TaskTracker::new(),
            shutdown,
            failure: Arc::default(),
        }
    }

    /// Starts a task. What it returns, and a panic, is dealt with as its kind declares.
    pub fn spawn<F, E>(&self, kind: Kind, work: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        let tasks = self.clone();
        // The work runs in a task of its own so that its panic comes back as a value.
        let running = tokio::spawn(work);
        self.tracker.spawn(async move {
            let ended = match running.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(cause)) => Err(cause.to_string()),
                Err(join) if join.is_panic() => Err("it panicked".to_owned()),
                Err(_) => Ok(()),
            };
            tasks.settle(kind, ended);
        });
    }

    /// The same for blocking work on a thread of its own.
    pub fn spawn_blocking<F, E>(&self, kind: Kind, work: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
        E: Display + Send + 'static,
    {
        let running = tokio::task::spawn_blocking(work);
        self.spawn(kind, async move {
            match running.await {
                Ok(result) => result.map_err(|cause| cause.to_string()),
                Err(join) if join.is_panic() => Err("it panicked".to_owned()),
                Err(_) => Ok(()),
            }
        });
    }

    /// Waits until every task has ended, at most so long. Says whether all did.
    pub async fn drain(&self, at_most: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(at_most, self.tracker.wait())
            .await
            .is_ok()
    }

    /// The first failure that stopped the process.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }

    fn settle(&self, kind: Kind, ended: Result<(), String>) {
        let draining = self.shutdown.is_requested();
        let problem = match ended {
            Ok(()) if draining || kind.ending == Ending::MayFinish => return,
            Ok(()) => "it ended before it was asked to".to_owned(),
            Err(cause) => cause,
        };
        if kind.ending == Ending::IsLogged {
            tracing::warn!(task = kind.name, cause = problem, "task ended");
            return;
        }
        tracing::error!(
            task = kind.name,
            cause = problem,
            "task failed: the process stops"
        );
        self.failure
            .lock()
            .get_or_insert(format!("task {} failed: {problem}", kind.name));
        self.shutdown.request();
    }
}

#[cfg(test)]
mod tests;
