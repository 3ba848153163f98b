//! The identity service that a gateway under test asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use walbrook_agency::{Identity, IdentityError};
use walbrook_domain::Handle;
use walbrook_proto::identity::v1::{LinkItem, LinkOutcome};

use crate::house::{Journal, Step};

/// An identity service that remembers what it was asked and gives each token a handle of its own.
pub struct People {
    pub journal: Journal,
    pub asked: Mutex<Vec<LinkItem>>,
    pub calls: Mutex<usize>,
    pub handles: Mutex<BTreeMap<Vec<u8>, u8>>,
    /// Handles that it was told have events, as often as it was told.
    pub accepted: Mutex<Vec<Handle>>,
    pub down: AtomicBool,
    pub deaf: AtomicBool,
    pub slow: AtomicBool,
}

impl People {
    /// From now on a larger question is answered later than a smaller one, as by the real one, which writes a record for
    /// each new subject.
    pub fn set_slow(&self) {
        self.slow.store(true, Ordering::SeqCst);
    }

    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// It links, but does not hear which subjects have events.
    pub fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, Ordering::SeqCst);
    }

    fn knows(&self, number: u8) -> bool {
        self.accepted.lock().contains(&Handle::new([number; 16]))
    }

    /// As the organisation stated it last, now or before.
    fn restricted(&self, item: &LinkItem) -> bool {
        let asked = self.asked.lock();
        let before = asked.iter().filter(|one| one.token == item.token);
        before
            .chain([item])
            .filter_map(|one| one.demographics.as_ref())
            .next_back()
            .is_some_and(|stated| stated.restricted)
    }
}

impl Identity for People {
    fn link(&self, items: Vec<LinkItem>) -> BoxFuture<'_, Result<Vec<LinkOutcome>, IdentityError>> {
        Box::pin(async move {
            // Others get their turn, as they do while the real one waits for the log.
            tokio::task::yield_now().await;
            if self.slow.load(Ordering::SeqCst) {
                let subjects = u32::try_from(items.len()).expect("few");
                tokio::time::sleep(Duration::from_millis(50) * subjects).await;
            }
            if self.down.load(Ordering::SeqCst) {
                return Err(IdentityError::Unavailable {
                    address: "nowhere".into(),
                    message: "refused".into(),
                });
            }
            *self.calls.lock() += 1;
            let mut outcomes = Vec::new();
            for item in items {
                let known = self.handles.lock().contains_key(&item.token);
                let outcome = if known || item.demographics.is_some() {
                    let mut handles = self.handles.lock();
                    let next = u8::try_from(handles.len() + 1).expect("few people");
                    let number = *handles.entry(item.token.clone()).or_insert(next);
                    self.journal.lock().push(Step::Linked(item.token.clone()));
                    LinkOutcome {
                        handle: vec![number; 16],
                        linked: true,
                        problem: String::new(),
                        accepted: self.knows(number),
                        restricted: self.restricted(&item),
                    }
                } else {
                    LinkOutcome {
                        handle: Vec::new(),
                        linked: false,
                        problem: "demographics-needed".into(),
                        accepted: false,
                        restricted: false,
                    }
                };
                self.asked.lock().push(item);
                outcomes.push(outcome);
            }
            Ok(outcomes)
        })
    }

    fn accepted(&self, handles: Vec<Handle>) -> BoxFuture<'_, Result<(), IdentityError>> {
        Box::pin(async move {
            if self.deaf.load(Ordering::SeqCst) {
                return Err(IdentityError::Unavailable {
                    address: "nowhere".into(),
                    message: "refused".into(),
                });
            }
            self.accepted.lock().extend(handles);
            Ok(())
        })
    }
}
