//! Telling identity which subjects have an accepted event: only then, and after a hold, may a record be looked up for reading.
//!
//! Said once a subject, behind the receipts and not on their way. What identity could not be told stays here until it can be; what is lost with
//! the process is said again with the subject's next event, because identity says of each link whether it knows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use walbrook_domain::Handle;
use walbrook_runtime::shutdown::Shutdown;

use crate::cache::{Cache, Token};
use crate::link::Identity;

/// Subjects that wait at most; beyond it the next event of a subject says it again.
const MOST_WAITING: usize = 200_000;
/// Subjects told in one call; identity takes so many.
const AT_A_TIME: usize = 2_000;
/// How long to wait after identity did not answer.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a stop may take to say what still waits.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Subjects whose event was accepted and of whom identity does not know it yet.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    waiting: Mutex<HashMap<Token, Handle>>,
    more: Notify,
}

impl Accepted {
    /// Events about these were accepted.
    pub(crate) fn add(&self, subjects: Vec<(Token, Handle)>) {
        if subjects.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock();
        for (token, handle) in subjects {
            if waiting.len() < MOST_WAITING {
                waiting.insert(token, handle);
            }
        }
        drop(waiting);
        self.more.notify_one();
    }

    fn take(&self) -> Vec<(Token, Handle)> {
        let mut waiting = self.waiting.lock();
        let some: Vec<Token> = waiting.keys().take(AT_A_TIME).copied().collect();
        some.into_iter()
            .filter_map(|token| waiting.remove(&token).map(|handle| (token, handle)))
            .collect()
    }

    /// Says everything that waits; false when identity did not answer, then all of it waits again.
    async fn say(&self, identity: &Arc<dyn Identity>, cache: &Cache) -> bool {
        loop {
            let batch = self.take();
            if batch.is_empty() {
                return true;
            }
            let handles = batch.iter().map(|(_, handle)| *handle).collect();
            match identity.accepted(handles).await {
                Ok(()) => batch.iter().for_each(|(token, _)| cache.told(token)),
                Err(error) => {
                    tracing::debug!(%error, "identity was not told which subjects have events; they wait");
                    self.add(batch);
                    return false;
                }
            }
        }
    }

    /// Says what comes until it is time to stop, and then once more what is left.
    pub(crate) async fn run(&self, identity: &Arc<dyn Identity>, cache: &Cache, stop: &Shutdown) {
        loop {
            tokio::select! {
                () = self.more.notified() => {}
                () = stop.requested() => break,
            }
            while !self.say(identity, cache).await {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = stop.requested() => return,
                }
            }
        }
        // Nothing is lost when this is not heard: the subject's next event says it again.
        let _ = tokio::time::timeout(LAST_WORD, self.say(identity, cache)).await;
    }
}
