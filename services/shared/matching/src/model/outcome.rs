//! What follows from a score.

use super::{MATCH, Model, POTENTIAL, Scored};

/// The outcome for a record and those it was compared with, in SUI Matcher's words (domain reference §7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Nobody reaches the floor.
    NoMatch,
    /// Below 0.85.
    LowConfidenceMatch,
    /// From 0.85, or surer but held back or below the automatic threshold.
    PotentialMatch,
    /// Several persons that cannot be one reach the automatic threshold. Never the outcome of one pair.
    ManyMatch,
    /// From the automatic threshold, which is never below 0.95.
    Match,
}

impl Outcome {
    /// The word on records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::NoMatch => "NO_MATCH",
            Outcome::LowConfidenceMatch => "LOW_CONFIDENCE_MATCH",
            Outcome::PotentialMatch => "POTENTIAL_MATCH",
            Outcome::ManyMatch => "MANY_MATCH",
            Outcome::Match => "MATCH",
        }
    }
}

/// Why a pair is not linked without a person's look, whatever its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Held {
    /// Nothing but names (and town) speaks for it: people who share a language share names.
    NamesAlone,
    /// The given names have no more than an initial in common: twins, brothers and sisters share everything else.
    GivenNamesDiffer,
    /// The dates of birth are more than twelve years apart, or years apart while given names are only alike and e-mail says nothing: fathers and sons,
    /// brothers and sisters share everything else.
    BirthsDiffer,
}

impl Held {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Held::NamesAlone => "nothing but names speaks for it",
            Held::GivenNamesDiffer => "the given names have at most an initial in common",
            Held::BirthsDiffer => "the dates of birth are years apart",
        }
    }
}

impl Model {
    /// The outcome of one pair.
    pub fn outcome(&self, scored: &Scored) -> Outcome {
        let probability = scored.probability_ten_thousandths;
        if probability >= self.automatic().max(MATCH) && scored.held.is_none() {
            Outcome::Match
        } else if probability >= POTENTIAL {
            Outcome::PotentialMatch
        } else if probability >= self.floor() {
            Outcome::LowConfidenceMatch
        } else {
            Outcome::NoMatch
        }
    }
}
