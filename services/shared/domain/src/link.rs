//! Words of record linkage. Status names and thresholds are those of the DfE's SUI Matcher (domain reference §7.2).

use crate::WordError;
use std::fmt;
use std::str::FromStr;

/// How sure the link of a handle to its person is. Only [`LinkStatus::Match`] may be used without a person's review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkStatus {
    /// Nothing to compare with, or no candidate: a person of its own.
    NoMatch,
    /// Score below 0.85.
    LowConfidenceMatch,
    /// Several candidates match equally.
    ManyMatch,
    /// Score from 0.85 to below 0.95.
    PotentialMatch,
    /// Score of 0.95 or more, or a strong token.
    Match,
}

impl LinkStatus {
    /// Every status, least sure first.
    pub const ALL: [LinkStatus; 5] = [
        LinkStatus::NoMatch,
        LinkStatus::LowConfidenceMatch,
        LinkStatus::ManyMatch,
        LinkStatus::PotentialMatch,
        LinkStatus::Match,
    ];

    /// The word on records, for example `POTENTIAL_MATCH`.
    pub const fn as_str(self) -> &'static str {
        match self {
            LinkStatus::NoMatch => "NO_MATCH",
            LinkStatus::LowConfidenceMatch => "LOW_CONFIDENCE_MATCH",
            LinkStatus::ManyMatch => "MANY_MATCH",
            LinkStatus::PotentialMatch => "POTENTIAL_MATCH",
            LinkStatus::Match => "MATCH",
        }
    }
}

impl FromStr for LinkStatus {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        LinkStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| {
                WordError::new(
                    "link status",
                    "expected MATCH, POTENTIAL_MATCH, LOW_CONFIDENCE_MATCH, MANY_MATCH or NO_MATCH",
                )
            })
    }
}

impl fmt::Display for LinkStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a person's records may be seen by few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Restriction {
    /// Marked restricted at the source (PDS `security=R`): victims, witnesses.
    Restricted,
    /// Adopted, or placed for adoption.
    Adoption,
}

impl Restriction {
    /// Every restriction.
    pub const ALL: [Restriction; 2] = [Restriction::Restricted, Restriction::Adoption];

    /// The word on records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Restriction::Restricted => "RESTRICTED",
            Restriction::Adoption => "ADOPTION",
        }
    }
}

impl FromStr for Restriction {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        Restriction::ALL
            .into_iter()
            .find(|restriction| restriction.as_str() == text)
            .ok_or_else(|| WordError::new("restriction", "expected RESTRICTED or ADOPTION"))
    }
}

impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
