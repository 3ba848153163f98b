//! How a score came about: the prior and what each field added, as rows and as a drawing.

mod svg;

use crate::features::Features;
use crate::frequency::Frequencies;
use crate::level::{Field, MISSING};
use crate::model::{Held, MATCH, Model, Outcome, POTENTIAL};

/// What one field added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The field.
    pub field: Field,
    /// The word of the level; `None` when nothing could be said: a value is missing, a placeholder or shared by a crowd.
    pub level: Option<&'static str>,
    /// What the level added, thousandths of a bit.
    pub millibits: i32,
    /// What the rarity (or commonness) of the value added beyond that, thousandths of a bit.
    pub rarity_millibits: i32,
}

/// How the score of a pair came about. Names no value of either record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waterfall {
    /// The model, as `name@version`.
    pub model: String,
    /// The odds before anything was compared, thousandths of a bit.
    pub prior: i32,
    /// One for each field of the model, and one for [`Field::Relatives`].
    pub steps: Vec<Step>,
    /// Prior and steps together, thousandths of a bit.
    pub total: i32,
    /// In ten-thousandths.
    pub probability: i32,
    /// What follows.
    pub outcome: Outcome,
    /// What holds it back.
    pub held: Option<Held>,
}

/// Explains the score of a pair: the same score that [`Model::compare`] gives under the same counts.
pub fn explain<F: Frequencies + ?Sized>(
    model: &Model,
    a: &Features,
    b: &Features,
    held: &F,
) -> Waterfall {
    let scored = model.compare(a, b, held);
    let compared = |field: &Field| model.weight(*field, 0).is_some();
    let mut steps: Vec<Step> = Field::ALL
        .into_iter()
        .filter(compared)
        .map(|field| {
            let (millibits, rarity_millibits) = model.weights_of(field, scored.levels, a, b, held);
            let said = scored.levels.at(field) != MISSING;
            Step {
                field,
                level: if said {
                    scored.levels.word(field)
                } else {
                    None
                },
                millibits,
                rarity_millibits,
            }
        })
        .collect();
    steps.push(Step {
        field: Field::Relatives,
        level: None,
        millibits: scored.millibits - model.odds(scored.levels, a, b, held).strangers,
        rarity_millibits: 0,
    });
    Waterfall {
        model: model.word().to_owned(),
        prior: model.prior(held.records()),
        steps,
        total: scored.millibits,
        probability: scored.probability_ten_thousandths,
        outcome: model.outcome(&scored),
        held: scored.held,
    }
}

impl Waterfall {
    /// Puts one together from its parts, as another process received them: prior and steps give the rest.
    pub fn of(model: &str, prior: i32, steps: Vec<Step>) -> Self {
        let added = |step: &Step| step.millibits + step.rarity_millibits;
        let total = prior + steps.iter().map(added).sum::<i32>();
        let probability = crate::bits::probability_ten_thousandths(total);
        let outcome = match probability {
            MATCH.. => Outcome::Match,
            POTENTIAL.. => Outcome::PotentialMatch,
            _ => Outcome::LowConfidenceMatch,
        };
        Self {
            model: model.to_owned(),
            prior,
            steps,
            total,
            probability,
            outcome,
            held: None,
        }
    }

    /// Rows of a table: what, how alike, bits added, bits so far.
    pub fn rows(&self) -> Vec<[String; 4]> {
        let mut so_far = self.prior;
        let mut rows = vec![[
            "before comparing".to_owned(),
            String::new(),
            bits(self.prior),
            bits(so_far),
        ]];
        for step in &self.steps {
            so_far += step.millibits + step.rarity_millibits;
            let unknown = if step.field == Field::Relatives {
                ""
            } else {
                "not known"
            };
            let level = step.level.unwrap_or(unknown).replace('_', " ");
            let level = match step.rarity_millibits {
                0 => level,
                rarer if rarer > 0 => format!("{level}, rarer than most ({})", bits(rarer)),
                commoner => format!("{level}, commoner than most ({})", bits(commoner)),
            };
            rows.push([
                step.field.title().to_owned(),
                level,
                bits(step.millibits + step.rarity_millibits),
                bits(so_far),
            ]);
        }
        let outcome = self.held.map_or_else(
            || self.outcome.as_str().to_owned(),
            |held| format!("{}: {}", self.outcome.as_str(), held.as_str()),
        );
        rows.push([
            format!("probability {}", probability(self.probability)),
            outcome,
            String::new(),
            bits(self.total),
        ]);
        rows
    }
}

/// `+12.3`.
pub(crate) fn bits(millibits: i32) -> String {
    let tenths = (millibits.abs() + 50) / 100;
    format!(
        "{}{}.{}",
        if millibits < 0 { '−' } else { '+' },
        tenths / 10,
        tenths % 10
    )
}

/// `0.9987`.
pub(crate) fn probability(ten_thousandths: i32) -> String {
    format!(
        "{}.{:04}",
        ten_thousandths / 10_000,
        ten_thousandths % 10_000
    )
}

#[cfg(test)]
mod tests;
