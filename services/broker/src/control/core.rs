//! What the writer knows and how a change becomes a record: no log, no clock.

use crate::error::ControlError;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use walbrook_domain::control::{AgreementCommenced, AgreementFact, ControlFact, ControlRecord};
use walbrook_domain::{AgreementId, Instant};
use walbrook_policy::catalogue::Catalogue;
use walbrook_policy::state::{Grounds, Illegal, PolicyState};

/// A change that was asked for.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What is to be said.
    pub fact: ControlFact,
    /// The caller's key; empty for none.
    pub idempotency_key: String,
}

/// Where a change stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Offset on `control.policy`.
    pub offset: i64,
    /// The version now current (agreement or ground); 0 where the thing has none.
    pub version: u32,
    /// The agreement, ground, key or reader.
    pub id: String,
    /// When the writer recorded it.
    pub recorded_at: Instant,
    /// Whether the idempotency key had been seen: then this is the first call's receipt.
    pub repeated: bool,
}

/// What a draft comes to.
#[derive(Debug)]
pub enum Step {
    /// It was said before.
    Repeated(Receipt),
    /// It is legal, and is to be written.
    Write,
}

/// How many calls with a key are known again: the newest. One that is repeated later than so many others meets its own version
/// as the current one, and is told so. About 100 bytes each.
pub const CALLS_KNOWN: usize = 500_000;

/// A key, as far as it is remembered.
type CallKey = [u8; 16];

/// A call that was made.
#[derive(Debug, Clone, Copy)]
struct Call {
    offset: i64,
    recorded_at: Instant,
    /// First bytes of the hash of what was said.
    said: [u8; 8],
}

/// The newest calls by their keys.
#[derive(Debug)]
struct Calls {
    most: usize,
    by_key: HashMap<CallKey, Call>,
    in_order: VecDeque<CallKey>,
}

impl Calls {
    fn at_most(most: usize) -> Self {
        Self {
            most,
            by_key: HashMap::new(),
            in_order: VecDeque::new(),
        }
    }

    fn remember(&mut self, key: CallKey, call: Call) {
        if self.by_key.insert(key, call).is_none() {
            self.in_order.push_back(key);
        }
        if self.in_order.len() > self.most
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }
}

/// The fold and the memory of calls.
#[derive(Debug)]
pub struct Core {
    state: PolicyState,
    calls: Calls,
}

impl Core {
    /// Nothing on record.
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            state: PolicyState::new(catalogue),
            calls: Calls::at_most(CALLS_KNOWN),
        }
    }

    /// The fold.
    pub fn state(&self) -> &PolicyState {
        &self.state
    }

    /// Applies a record read from the log.
    ///
    /// # Errors
    /// When it is no legal change; then it changed nothing, now and in every other process.
    pub fn replay(&mut self, record: &ControlRecord) -> Result<(), Illegal> {
        self.state.apply(record)?;
        self.remember(record, record.appended_at);
        Ok(())
    }

    /// Puts the grounds of a snapshot into a core that has none, and says that everything below `next_offset` is applied.
    pub fn restore_grounds(&mut self, grounds: Grounds, next_offset: i64) {
        self.state.restore_grounds(grounds, next_offset);
    }

    /// Remembers the call of a record that the state holds already.
    pub fn recall(&mut self, record: &ControlRecord) {
        self.remember(record, record.appended_at);
    }

    /// Checks a draft and applies it, as if it stood on the log already. The caller must write it, or throw this core away.
    ///
    /// # Errors
    /// When it is no legal change, or its key was used for another one.
    pub fn step(&mut self, draft: &Draft, now: Instant) -> Result<Step, ControlError> {
        if let Some(call) = key(&draft.idempotency_key).and_then(|key| self.calls.by_key.get(&key))
        {
            if call.said != said(&draft.fact) {
                return Err(ControlError::KeyReused);
            }
            return Ok(Step::Repeated(Receipt {
                repeated: true,
                ..receipt_of(&draft.fact, call.offset, call.recorded_at)
            }));
        }
        let record = ControlRecord {
            offset: self.state.next_offset(),
            appended_at: now,
            idempotency_key: draft.idempotency_key.clone(),
            fact: draft.fact.clone(),
        };
        self.state.apply(&record).map_err(ControlError::Illegal)?;
        self.remember(&record, now);
        Ok(Step::Write)
    }

    /// Tells where the records of a batch came to stand, in the order they were stepped.
    pub fn settled(&mut self, placed: &[(Draft, i64, Instant)]) -> Vec<Receipt> {
        // Steps count offsets without the markers of transactions: a receipt's offset would otherwise not be on record for this process.
        if let Some((_, offset, _)) = placed.last() {
            self.state.stands_through(offset + 1);
        }
        placed
            .iter()
            .map(|(draft, offset, now)| {
                let receipt = receipt_of(&draft.fact, *offset, *now);
                let kept =
                    key(&draft.idempotency_key).and_then(|key| self.calls.by_key.get_mut(&key));
                if let Some(call) = kept {
                    call.offset = *offset;
                }
                receipt
            })
            .collect()
    }

    fn remember(&mut self, record: &ControlRecord, now: Instant) {
        if let Some(key) = key(&record.idempotency_key) {
            let call = Call {
                offset: record.offset,
                recorded_at: now,
                said: said(&record.fact),
            };
            self.calls.remember(key, call);
        }
    }

    /// What the calendar brings: versions that were signed ahead, and whose effective day has come by `now`.
    pub fn due(&self, now: Instant) -> Vec<Draft> {
        let agreements = self.state.book().agreements();
        let all = agreements.flat_map(|(id, history)| {
            let versions = history.to_commence(now).into_iter();
            versions.map(|version| AgreementCommenced {
                agreement: id.clone(),
                version,
            })
        });
        let draft = |fact| Draft {
            fact: ControlFact::Agreement(AgreementFact::Commenced(fact)),
            idempotency_key: String::new(),
        };
        all.map(draft).collect()
    }

    /// The current version of an agreement, 0 for none.
    pub fn agreement_version(&self, id: &AgreementId) -> u32 {
        self.state
            .book()
            .agreement(id)
            .map_or(0, |history| history.latest_version().0)
    }
}

fn receipt_of(fact: &ControlFact, offset: i64, recorded_at: Instant) -> Receipt {
    let (version, id) = match fact {
        ControlFact::Agreement(AgreementFact::Proposed(fact)) => {
            (fact.version.0, fact.agreement.to_string())
        }
        ControlFact::Agreement(AgreementFact::Signed(fact)) => {
            (fact.version.0, fact.agreement.to_string())
        }
        ControlFact::Agreement(AgreementFact::Standing(fact)) => {
            (fact.version.0, fact.agreement.to_string())
        }
        ControlFact::Agreement(AgreementFact::Commenced(fact)) => {
            (fact.version.0, fact.agreement.to_string())
        }
        ControlFact::Agreement(AgreementFact::PartyKey(fact)) => {
            (0, format!("{}/{}", fact.organisation, fact.key_id))
        }
        ControlFact::Agreement(AgreementFact::Reader(fact)) => {
            (0, format!("{}/{}", fact.organisation, fact.reader))
        }
        ControlFact::Agreement(AgreementFact::Schedule(fact)) => {
            (fact.version, fact.organisation.to_string())
        }
        ControlFact::Ground(fact) => (fact.version, fact.ground_id.clone()),
        ControlFact::Pin(fact) => (0, format!("{}/{}", fact.kind, fact.name)),
    };
    Receipt {
        offset,
        version,
        id,
        recorded_at,
        repeated: false,
    }
}

/// What a caller's key is remembered by; `None` for a call without one.
fn key(text: &str) -> Option<CallKey> {
    let hash: [u8; 32] = Sha256::digest(text).into();
    (!text.is_empty())
        .then(|| hash.first_chunk().copied())
        .flatten()
}

/// What a call said: a key is used again for the same change when everything but who held the keyboard is equal.
fn said(fact: &ControlFact) -> [u8; 8] {
    let fact = match fact {
        ControlFact::Ground(ground) => {
            let mut ground = ground.clone();
            ground.by.clear();
            // A retry cannot know the instant the first call took for "now".
            ground.stated_at = Instant(0);
            &ControlFact::Ground(ground)
        }
        other => other,
    };
    // A fact that cannot be written is refused before it matters that it equals another such.
    let body = walbrook_event::control::write(fact, Instant(0), "")
        .map(|encoded| [encoded.full_name.as_bytes(), &encoded.body].concat())
        .unwrap_or_default();
    let hash: [u8; 32] = Sha256::digest(body).into();
    hash.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
