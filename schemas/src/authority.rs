//! London's local authorities by the codes that different bodies know them by.

use crate::{PlainDate, tables};

/// A London local authority by its public codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority {
    /// ONS code, e.g. E09000007.
    pub gss: &'static str,
    /// Name.
    pub name: &'static str,
    /// DfE number, e.g. 202.
    pub dfe: &'static str,
    /// Letters of the London pipeline, e.g. CAM.
    pub liia: &'static str,
    /// First day of the authority; `None`: before anything is on record.
    pub first_day: Option<PlainDate>,
    /// Last day of the authority; `None`: it stands.
    pub last_day: Option<PlainDate>,
    /// First day on which its ONS code was in use. It is used for the years before, too.
    pub gss_first_day: Option<PlainDate>,
    /// First day on which it was an education authority with a DfE number.
    pub dfe_first_day: Option<PlainDate>,
}

impl Authority {
    /// Whether the authority stands on a day.
    #[must_use]
    pub fn stands(&self, on: PlainDate) -> bool {
        self.first_day.is_none_or(|first| first <= on)
            && self.last_day.is_none_or(|last| on <= last)
    }
}

/// The 33 local authorities of London, by ONS code.
#[must_use]
pub fn authorities() -> &'static [Authority] {
    tables::AUTHORITIES
}

/// The authority that stands on a day, by any of its codes: `E09000007`, `202` or `CAM`.
#[must_use]
pub fn authority(code: &str, on: PlainDate) -> Option<&'static Authority> {
    let known =
        |authority: &&Authority| [authority.gss, authority.dfe, authority.liia].contains(&code);
    authorities()
        .iter()
        .filter(known)
        .find(|authority| authority.stands(on))
}
