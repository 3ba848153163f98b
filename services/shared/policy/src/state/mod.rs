//! The state of the control plane: the fold of its records in offset order.
//!
//! [`AgreementBook`] is the agreement half, which is all the materialiser folds (from `control.agreements`);
//! [`PolicyState`] adds grounds and belongs to broker and auditor. A record that is no legal change is refused and changes
//! nothing: the writer asks [`PolicyState::check`] first, so on an honest log none is ever found.

mod book;
mod grounds;
mod history;
mod illegal;
mod pins;

pub use book::{AgreementBook, PartyState};
pub(crate) use grounds::Consent;
pub use grounds::{Ground, Grounds, ground_id};
pub use history::{Edition, History, StandingNow};
pub use illegal::{Illegal, STANDING_REASONS};
pub use pins::{Pin, Pins};

use crate::catalogue::Catalogue;
use std::sync::Arc;
use walbrook_domain::control::{
    AgreementFact, ControlFact, ControlRecord, GroundKind, GroundState, PinKind,
};
use walbrook_domain::{AgreementId, EventId, Handle, Organisation, Purpose};

/// What a record changed: the cause of what enforcement does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Versions, signatures or standings of an agreement.
    Agreement(AgreementId),
    /// A ground.
    Ground(GroundChange),
    /// A party's key.
    Key(Organisation),
    /// A reader's access.
    Reader(Organisation, String),
    /// A pin.
    Pin(PinKind, String),
}

/// A ground before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroundChange {
    /// The handle it was recorded on.
    pub handle: Handle,
    /// What kind it is.
    pub kind: GroundKind,
    /// The purpose it is limited to.
    pub purpose: Option<Purpose>,
    /// The agreement it is limited to.
    pub agreement: Option<AgreementId>,
    /// The event it is about.
    pub event: Option<EventId>,
    /// Its state before; `None`: it was not on record.
    pub before: Option<GroundState>,
    /// Its state now.
    pub after: GroundState,
    /// Whether its last day moved.
    pub end_moved: bool,
}

/// The whole state.
#[derive(Debug, Clone)]
pub struct PolicyState {
    book: AgreementBook,
    grounds: Grounds,
    pins: Pins,
    next_offset: i64,
}

impl PolicyState {
    /// Nothing on record: everything is denied.
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            book: AgreementBook::new(catalogue),
            grounds: Grounds::default(),
            pins: Pins::default(),
            next_offset: 0,
        }
    }

    /// Applies the next record. Records below [`PolicyState::next_offset`] must not come again; gaps (transaction markers) may be.
    ///
    /// # Errors
    /// When the record is no legal change. The position moves on all the same, and nothing else does.
    pub fn apply(&mut self, record: &ControlRecord) -> Result<Change, Illegal> {
        self.next_offset = record.offset + 1;
        self.check(&record.fact)?;
        match &record.fact {
            ControlFact::Agreement(fact) => {
                self.book.apply(record.appended_at, fact)?;
                Ok(change_of(fact))
            }
            ControlFact::Ground(fact) => Ok(Change::Ground(self.grounds.apply(fact)?)),
            ControlFact::Pin(fact) => {
                self.pins.apply(record.offset, fact)?;
                Ok(Change::Pin(fact.kind, fact.name.clone()))
            }
        }
    }

    /// Whether a record would be a legal change now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, fact: &ControlFact) -> Result<(), Illegal> {
        match fact {
            ControlFact::Agreement(fact) => self.book.check(fact),
            ControlFact::Ground(fact) => self.grounds.check(fact),
            ControlFact::Pin(fact) => self.pins.check(fact),
        }
    }

    /// The agreement half.
    pub fn book(&self) -> &AgreementBook {
        &self.book
    }

    /// The grounds.
    pub fn grounds(&self) -> &Grounds {
        &self.grounds
    }

    /// The pins.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// The next unapplied offset of `control.policy`, as far as records were seen.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Says that the log holds everything below `next_offset`, for the one process that applies records before it writes them:
    /// it learns afterwards at which offsets they came to stand, transaction markers between them.
    pub fn stands_through(&mut self, next_offset: i64) {
        self.next_offset = self.next_offset.max(next_offset);
    }
}

fn change_of(fact: &AgreementFact) -> Change {
    match fact {
        AgreementFact::Proposed(fact) => Change::Agreement(fact.agreement.clone()),
        AgreementFact::Signed(fact) => Change::Agreement(fact.agreement.clone()),
        AgreementFact::Standing(fact) => Change::Agreement(fact.agreement.clone()),
        AgreementFact::PartyKey(fact) => Change::Key(fact.organisation.clone()),
        AgreementFact::Reader(fact) => {
            Change::Reader(fact.organisation.clone(), fact.reader.clone())
        }
    }
}

#[cfg(test)]
mod tests;
