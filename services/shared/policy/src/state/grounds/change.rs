//! What a ground's record changed, and what falls with it: asked by the loop that retracts and by the auditor that holds it to it.

use crate::state::AgreementBook;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_domain::{AgreementId, EventId, Handle, Organisation, Purpose, Restriction};

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
    /// Whether it names another authority than before, or one for the first time, or none any more.
    pub choice_moved: bool,
}

impl GroundChange {
    /// Whether it can change anything of a handle of the person.
    pub fn is_about(&self, handle: Handle) -> bool {
        !self.kind.is_of_record() || handle == self.handle
    }

    /// Whether what rested on it falls.
    pub fn falls(&self) -> bool {
        self.after.stands_against() || self.choice_moved
    }

    /// Whether a release falls with it: everything that could rest on the ground. What may still be shared is released again in the same
    /// transaction. A choice that moved takes what rests on the choice.
    pub fn takes(
        &self,
        book: &AgreementBook,
        handle: Handle,
        release: (&Purpose, &AgreementId, &EventId),
    ) -> bool {
        let (purpose, agreement, event) = release;
        let limited = self.purpose.as_ref().is_none_or(|one| one == purpose)
            && self.event.as_ref().is_none_or(|one| one == event);
        if !limited || !self.is_about(handle) {
            return false;
        }
        // One choice of the person for a purpose: a consent to one agreement moves it for the others.
        if self.choice_moved && book.rests_on_choice(agreement) {
            return true;
        }
        self.after.stands_against() && self.agreement.as_ref().is_none_or(|one| one == agreement)
    }

    /// Whether the handle's subject records go too, and no new ones are written.
    pub fn takes_subject(&self, handle: Handle) -> bool {
        self.kind == GroundKind::Erasure && self.is_about(handle)
    }

    /// The word on retractions, of their closed list.
    pub const fn retraction(&self) -> &'static str {
        match self.kind {
            GroundKind::Consent if self.after.stands_against() => "WITHDRAWAL",
            GroundKind::Consent => "CHOSEN_AUTHORITY",
            GroundKind::Objection => "OBJECTION",
            GroundKind::NationalDataOptOut => "OPT_OUT",
            GroundKind::SafetyHold => "SAFETY_HOLD",
            GroundKind::Restriction => "RESTRICTED",
            GroundKind::Recall => "RECALL",
            GroundKind::Erasure => "ERASURE",
        }
    }
}

/// The housing authority a person chose, for one purpose (Housing Act 1996 s213B).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The authority.
    pub authority: Organisation,
    /// Last day on which the choice holds; `None`: no end.
    pub until: Option<walbrook_domain::Day>,
}

/// What grounds add to the subject records of a person's handles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectGrounds {
    /// A restriction is on.
    pub restricted: bool,
    /// The authority the person chose.
    pub choice: Option<Choice>,
}

impl SubjectGrounds {
    /// The restrictions a subject record carries: those of the link, and the ground's, each once and in the order of their list.
    pub fn restrictions(&self, of_link: &[Restriction]) -> impl Iterator<Item = Restriction> {
        Restriction::ALL.into_iter().filter(move |one| {
            of_link.contains(one) || (self.restricted && *one == Restriction::Restricted)
        })
    }
}
