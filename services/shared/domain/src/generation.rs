//! What a pin says of the generations of a purpose's topic.

use std::fmt;
use std::str::FromStr;

/// What is pinned of a generation cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the pin of a generation cannot be read: it was written by a newer build or by another tool"
)]
pub struct StageError;

/// What a pin says of a purpose's generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// This generation, which follows the one in force, is being filled.
    Filling(u32),
    /// This generation is in force: at an epoch past the pin nothing is written to the one before.
    InForce {
        /// The generation.
        generation: u32,
        /// Of each of its partitions an offset below which only copies stand.
        first_live: Vec<i64>,
    },
}

impl Stage {
    /// The generation in force.
    pub const fn in_force(&self) -> u32 {
        match self {
            Stage::Filling(next) => next.saturating_sub(1),
            Stage::InForce { generation, .. } => *generation,
        }
    }

    /// The generation that is being filled, or was last.
    pub const fn filled(&self) -> u32 {
        match self {
            Stage::Filling(generation) | Stage::InForce { generation, .. } => *generation,
        }
    }

    /// Whether this may follow what was pinned before.
    pub fn follows(&self, before: Option<&Stage>) -> bool {
        match (before, self) {
            (None, Stage::Filling(next)) => *next == 1 + 1,
            (Some(Stage::InForce { generation, .. }), Stage::Filling(next)) => {
                *next == generation + 1
            }
            (Some(Stage::Filling(filled)), Stage::InForce { generation, .. }) => {
                generation == filled
            }
            _ => false,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Filling(generation) => write!(f, "filling {generation}"),
            Stage::InForce {
                generation,
                first_live,
            } => {
                write!(f, "in force {generation} from ")?;
                let mut comma = "";
                for offset in first_live {
                    write!(f, "{comma}{offset}")?;
                    comma = ",";
                }
                Ok(())
            }
        }
    }
}

impl FromStr for Stage {
    type Err = StageError;

    fn from_str(text: &str) -> Result<Self, StageError> {
        let later = |text: &str| {
            let generation = text.parse().ok().filter(|number: &u32| *number > 1);
            generation.ok_or(StageError)
        };
        if let Some(generation) = text.strip_prefix("filling ") {
            return Ok(Stage::Filling(later(generation)?));
        }
        let rest = text.strip_prefix("in force ").ok_or(StageError)?;
        let (generation, offsets) = rest.split_once(" from ").ok_or(StageError)?;
        let offsets = offsets
            .split(',')
            .map(|offset| offset.parse().ok().filter(|offset: &i64| *offset >= 0));
        Ok(Stage::InForce {
            generation: later(generation)?,
            first_live: offsets.collect::<Option<_>>().ok_or(StageError)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pinned_reads_back_and_follows_in_its_order() {
        let filling = Stage::Filling(2);
        let in_force = Stage::InForce {
            generation: 2,
            first_live: vec![3, 0, 12],
        };
        for stage in [&filling, &in_force] {
            assert_eq!(stage.to_string().parse().as_ref(), Ok(stage));
        }
        assert_eq!((filling.in_force(), in_force.in_force()), (1, 2));
        assert!(filling.follows(None));
        assert!(in_force.follows(Some(&filling)));
        assert!(Stage::Filling(3).follows(Some(&in_force)));
        for (before, after) in [
            (None, &in_force),
            (None, &Stage::Filling(3)),
            (Some(&filling), &filling),
            (Some(&filling), &Stage::Filling(3)),
            (Some(&in_force), &filling),
            (Some(&in_force), &in_force),
        ] {
            assert!(!after.follows(before), "{after} after {before:?}");
        }
        for odd in [
            "",
            "filling",
            "filling 1",
            "in force 2",
            "in force 2 from -1",
            "filling 2 ",
        ] {
            assert!(odd.parse::<Stage>().is_err(), "{odd}");
        }
    }
}
