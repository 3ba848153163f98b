//! About whom a reader may read, from subject records alone.

use crate::agreement::{BeyondScope, Reader, Scope};
use walbrook_domain::{Organisation, Scheme};

/// What a subject record says of one handle of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandleFacts {
    /// The organisation that holds the record.
    pub organisation: Organisation,
    /// The authority responsible for the child.
    pub responsible_authority: Option<Organisation>,
    /// The authority the person chose, while the choice holds.
    pub chosen_authority: Option<Organisation>,
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
    /// Beyond it: Get of this one person under break-glass.
    WithBreakGlass,
    /// Not at all. The answer is the same as for somebody who does not exist.
    Outside,
}

/// The Greater London Authority, by its region's code: its area is all of London.
const LONDON: &str = "E12000007";
/// Areas of London that are no authority's: buses, the Underground and the airport are reported apart.
const APART: [&str; 3] = ["BUS", "UNDERGROUND", "HEATHROW"];

/// Whether a place, as a code of the list `outreach_area`, lies in an organisation's own area: an authority's is its own code, City Hall's all
/// of London, and nobody else has one.
pub fn lies_in(organisation: &Organisation, place: &str) -> bool {
    if organisation.is_london_authority() {
        return organisation.code() == place;
    }
    let authority = || {
        let named: Result<Organisation, _> = format!("GSS:{place}").parse();
        named.is_ok_and(|one| one.is_london_authority())
    };
    organisation.scheme() == Scheme::Gss
        && organisation.code() == LONDON
        && (APART.contains(&place) || authority())
}

/// `in_area`: whether the person is in the reader's area, as what is released to the reader says; asked when nothing else lets them in.
pub(super) fn admits(
    reader: &Reader,
    organisation: &Organisation,
    subject: &SubjectFacts<'_>,
    in_area: &dyn Fn() -> bool,
) -> Admission {
    let handles = subject.0;
    let responsible = handles
        .iter()
        .any(|handle| handle.responsible_authority.as_ref() == Some(organisation));
    // Restricted records are invisible outside the responsible authority; without one, to everybody.
    if handles.iter().any(|handle| handle.restricted) && !responsible {
        return Admission::Outside;
    }
    let held = |scope: &Scope| match scope {
        Scope::OwnSubjects => handles
            .iter()
            .any(|handle| handle.organisation == *organisation),
        Scope::ResponsibleAuthority => responsible,
        Scope::ChosenAuthority => handles
            .iter()
            .any(|handle| handle.chosen_authority.as_ref() == Some(organisation)),
        Scope::Area => false,
    };
    let scopes = &reader.scopes;
    let inside = scopes.iter().any(held) || scopes.contains(&Scope::Area) && in_area();
    match (inside, reader.beyond_scope) {
        (true, _) => Admission::Inside,
        (false, BeyondScope::CaseReference) => Admission::WithCaseReference,
        (false, BeyondScope::BreakGlass) => Admission::WithBreakGlass,
        (false, BeyondScope::Never) => Admission::Outside,
    }
}
