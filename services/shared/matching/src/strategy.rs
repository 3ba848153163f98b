//! The rules by which records become one person, as words on records.

/// How two records came to be seen as the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Strategy {
    /// A person of its own.
    Own,
    /// The same verified NHS number.
    NhsNumber,
    /// The same permanent unique pupil number.
    Upn,
    /// The same child number within one authority.
    LaChildId,
    /// Given name, family name, date of birth and full postcode agree exactly, none of them a placeholder.
    ExactDemographics,
    /// A Fellegi–Sunter model reached its automatic threshold. Which model, and its version, stand beside the word on the record.
    FellegiSunter,
    /// An operator said so.
    Manual,
}

impl Strategy {
    const ALL: [Strategy; 7] = [
        Strategy::Own,
        Strategy::NhsNumber,
        Strategy::Upn,
        Strategy::LaChildId,
        Strategy::ExactDemographics,
        Strategy::FellegiSunter,
        Strategy::Manual,
    ];

    /// The word on records, with the version of the rule.
    pub const fn as_str(self) -> &'static str {
        match self {
            Strategy::Own => "own@1",
            Strategy::NhsNumber => "nhs-number@1",
            Strategy::Upn => "upn@1",
            Strategy::LaChildId => "la-child-id@1",
            Strategy::ExactDemographics => "exact-demographics@1",
            Strategy::FellegiSunter => "fellegi-sunter@1",
            Strategy::Manual => "manual@1",
        }
    }

    /// The name in matching agreements, without the version.
    pub fn name(self) -> &'static str {
        self.as_str().split('@').next().unwrap_or_default()
    }

    /// Reads the word.
    pub fn read(text: &str) -> Option<Self> {
        Strategy::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Score in ten-thousandths. All are above 0.95, the threshold of a Match (domain reference §7.2); exact agreement of demographics is a little
    /// less than a number that was traced. A model gives its own score; the value here is unused.
    pub const fn score(self) -> i32 {
        match self {
            Strategy::ExactDemographics => 9_900,
            _ => 10_000,
        }
    }
}
