//! Whether a process serves: named parts that must all be ready, watched by `/healthz` and gRPC health.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// The parts of one process and whether each is ready. A part that was never named does not count; a process without
/// parts is not ready.
#[derive(Debug, Clone)]
pub struct Readiness {
    parts: Arc<watch::Sender<BTreeMap<&'static str, Option<String>>>>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// No parts yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            parts: Arc::new(watch::Sender::new(BTreeMap::new())),
        }
    }

    /// The part is not ready, because…
    pub fn not_ready(&self, part: &'static str, because: impl Into<String>) {
        self.parts.send_modify(|parts| {
            parts.insert(part, Some(because.into()));
        });
    }

    /// The part serves.
    pub fn ready(&self, part: &'static str) {
        self.parts.send_modify(|parts| {
            parts.insert(part, None);
        });
    }

    /// Whether every part serves.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        is_ready(&self.parts.borrow())
    }

    /// The parts that do not serve, with the reason.
    #[must_use]
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        let parts = self.parts.borrow();
        parts
            .iter()
            .filter_map(|(part, reason)| reason.clone().map(|reason| (*part, reason)))
            .collect()
    }

    /// Waits until readiness becomes other than `known` and says what it is now.
    pub async fn changed_from(&self, known: bool) -> bool {
        let mut watched = self.parts.subscribe();
        match watched.wait_for(|parts| is_ready(parts) != known).await {
            Ok(_) => !known,
            // Cannot happen: `self` holds the sender.
            Err(_) => known,
        }
    }
}

fn is_ready(parts: &BTreeMap<&'static str, Option<String>>) -> bool {
    !parts.is_empty() && parts.values().all(Option::is_none)
}
