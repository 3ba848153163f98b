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
mod schedules;

pub use book::{AgreementBook, PartyState};
pub(crate) use grounds::Consent;
pub use grounds::{
    Choice, Ground, GroundChange, Grounds, HandleHasher, NameId, STRETCH, StoredFault,
    SubjectGrounds, Under, ground_id,
};
pub use history::{Difference, Edition, History, PastAct, StandingNow};
pub use illegal::{Illegal, STANDING_REASONS};
pub use pins::{Pin, Pins};
pub use schedules::{Published, Schedules};

use crate::catalogue::Catalogue;
use std::sync::Arc;
use walbrook_domain::control::{AgreementFact, ControlFact, ControlRecord, PinKind};
use walbrook_domain::{AgreementId, AgreementVersion, Organisation};

/// What a record changed: the cause of what enforcement does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An agreement: a version was proposed, or parties stand differently.
    Agreement(AgreementChange),
    /// A ground.
    Ground(GroundChange),
    /// A party's key.
    Key(Organisation),
    /// A reader's access.
    Reader(Organisation, String),
    /// A pin.
    Pin(PinKind, String),
    /// What an organisation publishes.
    Schedule(Organisation),
}

/// An agreement before and after. A proposal alone puts nothing in force, and changes how nobody stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementChange {
    /// The agreement.
    pub agreement: AgreementId,
    /// The version that was proposed.
    pub proposed: Option<AgreementVersion>,
    /// The parties that stand differently, or under another version, in the order of organisations. What another version
    /// means for a party's own events says [`History::difference`].
    pub parties: Vec<PartyChange>,
}

/// How a party stood before, and stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyChange {
    /// The party.
    pub organisation: Organisation,
    /// Before.
    pub before: StandingNow,
    /// Now.
    pub after: StandingNow,
}

/// The whole state.
#[derive(Debug, Clone)]
pub struct PolicyState {
    book: AgreementBook,
    grounds: Grounds,
    pins: Pins,
    next_offset: i64,
    /// Agreement records applied.
    agreement_records: u64,
}

impl PolicyState {
    /// Nothing on record: everything is denied.
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            book: AgreementBook::new(catalogue),
            grounds: Grounds::default(),
            pins: Pins::default(),
            next_offset: 0,
            agreement_records: 0,
        }
    }

    /// Applies the next record. Records below [`PolicyState::next_offset`] must not come again; gaps (transaction markers) may be.
    ///
    /// # Errors
    /// When the record is no legal change. The position moves on all the same, and nothing else does.
    pub fn apply(&mut self, record: &ControlRecord) -> Result<Change, Illegal> {
        self.next_offset = record.offset + 1;
        // Each part checks what it applies.
        match &record.fact {
            ControlFact::Agreement(fact) => {
                let parties = self.book.apply_telling(record.appended_at, fact)?;
                self.agreement_records += 1;
                Ok(change_of(fact, parties))
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

    /// Changes whenever anything that [`crate::Compiled`] is made from does, within one state's life.
    pub fn revision(&self) -> (u64, usize) {
        (self.agreement_records, self.grounds.names())
    }

    /// Puts stored grounds into a state that has none of its own, and says that everything below `next_offset` is applied.
    pub fn restore_grounds(&mut self, grounds: Grounds, next_offset: i64) {
        self.grounds = grounds;
        self.next_offset = self.next_offset.max(next_offset);
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

fn change_of(fact: &AgreementFact, parties: Vec<PartyChange>) -> Change {
    let agreement = |id: &AgreementId, proposed| {
        Change::Agreement(AgreementChange {
            agreement: id.clone(),
            proposed,
            parties,
        })
    };
    match fact {
        AgreementFact::Proposed(fact) => agreement(&fact.agreement, Some(fact.version)),
        AgreementFact::Signed(fact) => agreement(&fact.agreement, None),
        AgreementFact::Standing(fact) => agreement(&fact.agreement, None),
        AgreementFact::Commenced(fact) => agreement(&fact.agreement, None),
        AgreementFact::PartyKey(fact) => Change::Key(fact.organisation.clone()),
        AgreementFact::Reader(fact) => {
            Change::Reader(fact.organisation.clone(), fact.reader.clone())
        }
        AgreementFact::Schedule(fact) => Change::Schedule(fact.organisation.clone()),
    }
}

#[cfg(test)]
mod tests;
