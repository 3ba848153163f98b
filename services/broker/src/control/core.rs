//! What the writer knows and how a change becomes a record: no log, no clock.

use crate::error::ControlError;
use std::collections::HashMap;
use std::sync::Arc;
use walbrook_domain::control::{AgreementFact, ControlFact, ControlRecord};
use walbrook_domain::{AgreementId, Instant};
use walbrook_policy::catalogue::Catalogue;
use walbrook_policy::state::{Illegal, PolicyState};

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

/// The fold and the memory of calls.
#[derive(Debug)]
pub struct Core {
    state: PolicyState,
    calls: HashMap<String, (Receipt, ControlFact)>,
}

impl Core {
    /// Nothing on record.
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            state: PolicyState::new(catalogue),
            calls: HashMap::new(),
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

    /// Checks a draft and applies it, as if it stood on the log already. The caller must write it, or throw this core away.
    ///
    /// # Errors
    /// When it is no legal change, or its key was used for another one.
    pub fn step(&mut self, draft: &Draft, now: Instant) -> Result<Step, ControlError> {
        if let Some((receipt, fact)) = self.calls.get(&draft.idempotency_key) {
            if !same_call(fact, &draft.fact) {
                return Err(ControlError::KeyReused);
            }
            return Ok(Step::Repeated(Receipt {
                repeated: true,
                ..receipt.clone()
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
                if let Some((kept, _)) = self.calls.get_mut(&draft.idempotency_key) {
                    kept.clone_from(&receipt);
                }
                receipt
            })
            .collect()
    }

    fn remember(&mut self, record: &ControlRecord, now: Instant) {
        if !record.idempotency_key.is_empty() {
            let receipt = receipt_of(&record.fact, record.offset, now);
            self.calls.insert(
                record.idempotency_key.clone(),
                (receipt, record.fact.clone()),
            );
        }
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
        ControlFact::Agreement(AgreementFact::PartyKey(fact)) => {
            (0, format!("{}/{}", fact.organisation, fact.key_id))
        }
        ControlFact::Agreement(AgreementFact::Reader(fact)) => {
            (0, format!("{}/{}", fact.organisation, fact.reader))
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

/// Whether a key is used for the same change again: everything but who held the keyboard must be equal.
fn same_call(before: &ControlFact, now: &ControlFact) -> bool {
    match (before, now) {
        (ControlFact::Ground(a), ControlFact::Ground(b)) => {
            let mut b = b.clone();
            b.by.clone_from(&a.by);
            // A retry cannot know the instant the first call took for "now".
            b.stated_at = a.stated_at;
            *a == b
        }
        _ => before == now,
    }
}
