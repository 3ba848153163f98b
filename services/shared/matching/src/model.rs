//! A Fellegi–Sunter model: for each field and level how often records of one person agree so (m) and records of two people (u). The logarithm of their
//! ratio is the level's weight; the weights and the prior add up to the odds that two records are the same person.

mod file;
mod outcome;
mod score;

pub use file::ModelError;
pub use outcome::{Held, Outcome};
pub use score::Scored;

use crate::bits::{millibits_of, ratio_millibits};
use crate::level::{FIELDS, Field, MOST_LEVELS};

/// One in a billion: the unit of every probability of a model.
pub(crate) const BILLION: u64 = 1_000_000_000;

/// The scale of a Match (SUI Matcher), ten-thousandths.
pub const MATCH: i32 = 9_500;

/// The scale of a PotentialMatch (SUI Matcher), ten-thousandths.
pub const POTENTIAL: i32 = 8_500;

/// How a field's levels are distributed, in billionths, in the order of [`Field::levels`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldModel {
    /// Among pairs of records of the same person, where both have the field.
    pub m: Vec<u64>,
    /// Among pairs of records of two people, where both have the field.
    pub u: Vec<u64>,
    /// Among pairs of records of two people of one family or household, where both have the field.
    pub r: Vec<u64>,
}

/// Where a model comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trained {
    /// Which records, in words.
    pub on: String,
    /// How many.
    pub records: u32,
    /// ISO day on which.
    pub day: String,
}

/// Everything a model file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// Lower-case words with hyphens.
    pub name: String,
    /// Counts from 1; a file that was used is never changed.
    pub version: u32,
    /// Where it comes from.
    pub trained: Trained,
    /// How many other records of its person a record has on average, in millionths.
    pub others_millionths: u64,
    /// How many records of its person's family or household a record has on average, in millionths; 0 where the model does not tell relatives.
    pub relatives_millionths: u64,
    /// The odds before anything is compared are never better than among so many records: few records held make nobody easy to link.
    pub least_records: u32,
    /// The probability, in ten-thousandths, from which two records are linked without a person's look. At least [`MATCH`].
    pub automatic: i32,
    /// The precision estimated for links at that probability, in ten-thousandths.
    pub automatic_precision: i32,
    /// Below this probability, in ten-thousandths, a pair is not worth a look.
    pub floor: i32,
    /// How many records of average commonness are added to the counts of values, so that few records say little about how common a name is.
    pub pseudo_records: u32,
    /// No name counts as rarer than this, in billionths: rare given and family names come together (of one language), which the sum of their
    /// weights does not know.
    pub rarest_name: u64,
    /// A postcode that more records share says nothing.
    pub crowded_postcode: u32,
    /// A property that more records share says nothing.
    pub crowded_uprn: u32,
    /// An e-mail address that more records share says nothing.
    pub crowded_email: u32,
    /// In the order of [`Field::ALL`]; `None` for a field that is not compared.
    pub fields: [Option<FieldModel>; FIELDS],
}

/// A model ready to score with. Cheap to share, never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    parameters: Parameters,
    word: String,
    /// Thousandths of a bit by field and level.
    weights: [[i32; MOST_LEVELS]; FIELDS],
    /// The same against relatives instead of strangers.
    against_relatives: [[i32; MOST_LEVELS]; FIELDS],
    /// The odds of one person against relatives before anything is compared, thousandths of a bit.
    relatives_prior: i32,
    /// The weight that a probability takes: automatic, potential, floor.
    floor_millibits: i32,
}

/// The weight of a level lies between these, thousandths of a bit: no single field decides alone.
const WEIGHTS: std::ops::RangeInclusive<i32> = -15_000..=24_000;

/// The odds against relatives where the model knows none: so long that they never count.
const NO_RELATIVES: i32 = 1_000_000;

impl Model {
    /// Makes a model of its parameters.
    pub fn new(parameters: Parameters) -> Self {
        let mut weights = [[0; MOST_LEVELS]; FIELDS];
        let mut against_relatives = weights;
        let rows = weights.iter_mut().zip(&mut against_relatives);
        for (field, (row, relatives)) in parameters.fields.iter().zip(rows) {
            let Some(field) = field else { continue };
            for ((m, r), weight) in field.m.iter().zip(&field.r).zip(relatives) {
                *weight = ratio_millibits((*m).max(1), (*r).max(1));
            }
            for ((m, u), weight) in field.m.iter().zip(&field.u).zip(row) {
                *weight = ratio_millibits((*m).max(1), (*u).max(1))
                    .clamp(*WEIGHTS.start(), *WEIGHTS.end());
            }
        }
        // Less alike never says more, also where rates are too small to be rounded well.
        for (field, row) in Field::ALL.into_iter().zip(&mut weights) {
            let mut before = i32::MAX;
            for weight in row.iter_mut().take(field.ordered()) {
                *weight = before.min(*weight);
                before = *weight;
            }
        }
        Self {
            word: format!("{}@{}", parameters.name, parameters.version),
            floor_millibits: millibits_of(parameters.floor),
            weights,
            against_relatives,
            relatives_prior: match parameters.relatives_millionths {
                0 => NO_RELATIVES,
                relatives => ratio_millibits(parameters.others_millionths.max(1), relatives),
            },
            parameters,
        }
    }

    /// The model in this repository's `deploy/matching/uk-demographics.v1.toml`.
    ///
    /// # Errors
    /// Never, which a test shows: the file is part of the program.
    pub fn shipped() -> Result<Self, ModelError> {
        Self::read(include_str!(
            "../../../../deploy/matching/uk-demographics.v1.toml"
        ))
    }

    /// What the model file says.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Name and version, for example `uk-demographics@1`.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// The probability, in ten-thousandths, from which two records are linked without a person's look.
    pub fn automatic(&self) -> i32 {
        self.parameters.automatic
    }

    /// The probability, in ten-thousandths, of a PotentialMatch.
    pub fn potential(&self) -> i32 {
        POTENTIAL
    }

    /// The probability, in ten-thousandths, below which a pair is no candidate.
    pub fn floor(&self) -> i32 {
        self.parameters.floor
    }

    /// The weight of a level, in thousandths of a bit, without what its rarity adds. `None` where the field is not compared or has no such level.
    pub fn weight(&self, field: Field, level: usize) -> Option<i32> {
        self.parameters.fields.get(field.index())?.as_ref()?;
        (level < field.levels().len())
            .then(|| self.weights.get(field.index())?.get(level).copied())?
    }

    /// The most a field can add, whatever its values are.
    pub(crate) fn most(&self, field: Field) -> i32 {
        let row = self.weights.get(field.index());
        let level = row.into_iter().flatten().copied().max().unwrap_or(0).max(0);
        level + self.most_rarity(field)
    }

    fn most_rarity(&self, field: Field) -> i32 {
        if !matches!(field, Field::Family | Field::Given | Field::Town) {
            return 0;
        }
        let common = self.u(field, 0);
        if common == 0 {
            0
        } else {
            ratio_millibits(common, self.parameters.rarest_name.max(1)).max(0) + 2
        }
    }

    /// `u` of a level in billionths; 0 where the field is not compared.
    fn u(&self, field: Field, level: usize) -> u64 {
        let field = self
            .parameters
            .fields
            .get(field.index())
            .and_then(Option::as_ref);
        field
            .and_then(|field| field.u.get(level))
            .copied()
            .unwrap_or(0)
    }

    fn m(&self, field: Field, level: usize) -> u64 {
        let field = self
            .parameters
            .fields
            .get(field.index())
            .and_then(Option::as_ref);
        field
            .and_then(|field| field.m.get(level))
            .copied()
            .unwrap_or(0)
    }
}
