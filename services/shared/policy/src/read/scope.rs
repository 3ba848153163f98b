//! About whom a reader may read, from subject records alone.

use crate::agreement::{BeyondScope, Reader, Scope};
use walbrook_domain::Organisation;

/// What a subject record says of one handle of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandleFacts {
    /// The organisation that holds the record.
    pub organisation: Organisation,
    /// The authority responsible for the child.
    pub responsible_authority: Option<Organisation>,
    /// The authority the person chose, while the choice holds.
    pub chosen_authority: Option<Organisation>,
    /// GSS code of the person's area.
    pub area_gss: Option<String>,
    /// Whether any restriction stands, a word nobody knows included.
    pub restricted: bool,
}

/// Every handle of one person under one purpose.
#[derive(Debug, Clone, Copy)]
pub struct SubjectFacts<'a>(pub &'a [HandleFacts]);

/// Whether a person is within a reader's reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Admission {
    /// Within scope: rows, lists, ranks, counts.
    Inside,
    /// Beyond it: Get of this one person, with a case reference on record.
    WithCaseReference,
    /// Not at all. The answer is the same as for somebody who does not exist.
    Outside,
}

pub(super) fn admits(
    reader: &Reader,
    organisation: &Organisation,
    subject: &SubjectFacts<'_>,
) -> Admission {
    let handles = subject.0;
    let responsible = handles
        .iter()
        .any(|handle| handle.responsible_authority.as_ref() == Some(organisation));
    // Restricted records are invisible outside the responsible authority; without one, to everybody.
    if handles.iter().any(|handle| handle.restricted) && !responsible {
        return Admission::Outside;
    }
    let inside = reader.scopes.iter().any(|scope| match scope {
        Scope::OwnSubjects => handles
            .iter()
            .any(|handle| handle.organisation == *organisation),
        Scope::ResponsibleAuthority => responsible,
        Scope::ChosenAuthority => handles
            .iter()
            .any(|handle| handle.chosen_authority.as_ref() == Some(organisation)),
        Scope::Area => handles
            .iter()
            .any(|handle| handle.area_gss.as_deref() == Some(organisation.code())),
    });
    match (inside, reader.beyond_scope) {
        (true, _) => Admission::Inside,
        (false, BeyondScope::CaseReference) => Admission::WithCaseReference,
        (false, BeyondScope::Never) => Admission::Outside,
    }
}
