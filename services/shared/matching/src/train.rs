//! A model from records without labels.
//!
//! Expectation and maximisation over pairs that share a blocking key: all other pairs are taken for pairs of two people. How often the levels are seen
//! between two people (u) comes from pairs drawn by chance (of few records: from all pairs, each as far as it is not of one person) and is held during
//! each round; how often they are seen between records of one person (m), and how many other records of their person records have, are what the rounds
//! find. Each round scores with the very scorer that links, commonness of values included. Integers only: the same records, plan and seed give the same
//! file on every machine.

mod pairs;
mod rounds;
mod start;

use crate::features::Features;
use crate::model::{Model, Trained};

/// What to train.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Name of the model: lower-case words with hyphens.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// Which records, in words, for the file.
    pub on: String,
    /// ISO day, for the file.
    pub day: String,
    /// How many records the model's users hold at least: with fewer held, odds are taken as among so many. 0: as many as it is trained on.
    pub least_records: u32,
    /// Chooses the pairs drawn by chance.
    pub seed: u64,
    /// Rounds at most.
    pub rounds: u32,
}

/// Records that no model can be trained on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// Too few.
    #[error("{0} records are too few to train on: at least 100 are needed")]
    TooFew(usize),
    /// More than four billion.
    #[error("{0} records are too many to train on: leave some out")]
    TooMany(usize),
    /// Nothing to compare.
    #[error(
        "no two records share a blocking key: check that names, dates of birth and addresses were read"
    )]
    NoPairs,
}

/// A model that nobody trained: what is usual in every field. For tests, and to begin with where there are no records yet.
pub fn untrained(name: &str) -> Model {
    let trained = Trained {
        on: "nothing: usual distributions".to_owned(),
        records: 1_000_000,
        day: "2026-11-23".to_owned(),
    };
    Model::new(start::parameters(name, 1, trained, |_| true))
}

/// Trains a model.
///
/// # Errors
/// When the records are too few, or have nothing in common.
pub fn train(records: &[Features], plan: &Plan) -> Result<Model, TrainError> {
    if records.len() < 100 {
        return Err(TrainError::TooFew(records.len()));
    }
    let count = u32::try_from(records.len()).map_err(|_| TrainError::TooMany(records.len()))?;
    let trained = Trained {
        on: plan.on.clone(),
        records: count,
        day: plan.day.clone(),
    };
    let pairs = pairs::Pairs::of(records, plan.seed);
    if pairs.candidates.is_empty() {
        return Err(TrainError::NoPairs);
    }
    let start = start::parameters(&plan.name, plan.version, trained, |field| {
        pairs.known(field) >= start::FEWEST_PAIRS
    });
    let model = rounds::run(&pairs, start, plan.rounds);
    let mut parameters = model.parameters().clone();
    parameters.least_records = if plan.least_records == 0 {
        count
    } else {
        plan.least_records
    };
    Ok(Model::new(parameters))
}

#[cfg(test)]
mod tests;
