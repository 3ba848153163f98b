//! How an answer is kept from being old: the end of `identity.records` is asked for, and the answer waits until everything committed below it can be read.
//!
//! It is asked for on every process, the writer too: one that was cut off and does not know it yet answers from what is no longer so. One request to the
//! log serves all who wait for it; who comes while it is on its way waits for the next.

use crate::error::CallError;
use crate::journal::Clients;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use walbrook_eventlog::{Ends, LogError, TopicPartition};

/// How long the log may take to say where it ends.
const ANSWER: Duration = Duration::from_secs(2);
/// How long what is committed may take to be readable here: a transaction in work, or a replica that lags.
const PATIENCE: Duration = Duration::from_secs(3);

/// The way to an answer that is not old. Clones share it.
#[derive(Clone)]
pub(super) struct Fresh(Arc<Shared>);

struct Shared {
    clients: Arc<dyn Clients>,
    identity: TopicPartition,
    asking: Mutex<Asking>,
    applied: watch::Sender<i64>,
}

#[derive(Default)]
struct Asking {
    client: Option<Box<dyn Ends>>,
    on_its_way: bool,
    waiting: Vec<oneshot::Sender<i64>>,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let applied = *self.0.applied.borrow();
        f.debug_struct("Fresh").field("applied", &applied).finish()
    }
}

impl Fresh {
    pub(super) fn new(clients: Arc<dyn Clients>, identity: TopicPartition) -> Self {
        Self(Arc::new(Shared {
            clients,
            identity,
            asking: Mutex::default(),
            applied: watch::Sender::new(0),
        }))
    }

    /// Everything committed below this offset can be read here.
    pub(super) fn applied(&self, next_offset: i64) {
        self.0.applied.send_if_modified(|applied| {
            let later = next_offset > *applied;
            *applied = (*applied).max(next_offset);
            later
        });
    }

    /// Waits until everything that was committed before this call can be read.
    ///
    /// # Errors
    /// When the log does not say where it ends, or it takes too long.
    pub(super) async fn wait(&self) -> Result<(), CallError> {
        let end = self.end().await.ok_or(CallError::NotFresh)?;
        let mut applied = self.0.applied.subscribe();
        let reached = tokio::time::timeout(PATIENCE, applied.wait_for(|at| *at >= end)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            _ => Err(CallError::NotFresh),
        }
    }

    async fn end(&self) -> Option<i64> {
        let (reply, answer) = oneshot::channel();
        let first = {
            let mut asking = self.0.asking.lock();
            asking.waiting.push(reply);
            !std::mem::replace(&mut asking.on_its_way, true)
        };
        if first {
            let fresh = self.clone();
            drop(tokio::task::spawn_blocking(move || fresh.ask_for_all()));
        }
        answer.await.ok()
    }

    /// Asks for those who wait, and again for those who came meanwhile.
    fn ask_for_all(&self) {
        loop {
            let (waiting, client) = {
                let mut asking = self.0.asking.lock();
                if asking.waiting.is_empty() {
                    asking.on_its_way = false;
                    return;
                }
                (std::mem::take(&mut asking.waiting), asking.client.take())
            };
            match self.ask(client) {
                Ok((end, client)) => {
                    self.0.asking.lock().client = Some(client);
                    for reply in waiting {
                        // A caller that has gone needs no answer.
                        let _ = reply.send(end);
                    }
                }
                // Those who wait learn it from their reply being dropped.
                Err(error) => tracing::warn!(%error, "the log does not say where it ends"),
            }
        }
    }

    fn ask(&self, client: Option<Box<dyn Ends>>) -> Result<(i64, Box<dyn Ends>), LogError> {
        let mut client = client.map_or_else(|| self.0.clients.ends(), Ok)?;
        let ends = client.high_watermarks(std::slice::from_ref(&self.0.identity), ANSWER)?;
        Ok((ends.first().copied().unwrap_or(0), client))
    }
}
