//! Generations of `shared.<purpose>`: several topics, one after another, that are one history.
//!
//! The first generation is `shared.<purpose>`, a later one `shared.<purpose>.g<n>`. A position in a partition is the pair of generation and offset,
//! ordered so; in one number, [`position`], it is compared, stored and put on record like any offset, and in the first generation it is one.

use crate::Record;
use crate::topics::shared;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The first generation.
pub const FIRST: u32 = 1;
/// Header of a copy: the offset of its source, in the same partition of the generation before.
pub const COPIED: &str = "wb_copied";

/// Bits of a position that are the offset.
const OFFSET_BITS: u32 = 48;

/// The topic of a generation, for example `shared.rough-sleeping.g2`.
pub fn topic(purpose: &str, generation: u32) -> String {
    let first = shared(purpose);
    if generation <= FIRST {
        first
    } else {
        format!("{first}.g{generation}")
    }
}

/// The purpose and the generation of a topic (without the namespace); `None` when it is no topic of a purpose.
pub fn parse(topic: &str) -> Option<(&str, u32)> {
    let rest = topic.strip_prefix("shared.")?;
    let later = rest.rsplit_once(".g").and_then(|(purpose, number)| {
        let generation: u32 = number.parse().ok().filter(|number| *number > FIRST)?;
        (generation.to_string() == number).then_some((purpose, generation))
    });
    Some(later.unwrap_or((rest, FIRST)))
}

/// A position in one number: the offset itself in the first generation, and beyond everything of it in the next.
pub const fn position(generation: u32, offset: i64) -> i64 {
    ((generation.saturating_sub(FIRST) as i64) << OFFSET_BITS) + offset
}

/// The generation and the offset of a position.
pub fn split(position: i64) -> (u32, i64) {
    let generation = u32::try_from(position >> OFFSET_BITS).unwrap_or(0);
    (
        generation.saturating_add(FIRST),
        position & ((1 << OFFSET_BITS) - 1),
    )
}

/// The source's offset, when a record is a copy.
pub fn copied_from(record: &Record) -> Option<i64> {
    record.headers.text(COPIED)?.parse().ok()
}

/// The generation of each purpose's topic; the first where nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Generations(BTreeMap<String, u32>);

impl Generations {
    /// Of a purpose.
    pub fn of(&self, purpose: &str) -> u32 {
        self.0.get(purpose).copied().unwrap_or(FIRST)
    }

    /// Says which one it is of a purpose.
    pub fn set(&mut self, purpose: &str, generation: u32) {
        if generation > FIRST {
            self.0.insert(purpose.to_owned(), generation);
        } else {
            self.0.remove(purpose);
        }
    }

    /// Those that are not the first, in the order of purposes.
    pub fn later(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0
            .iter()
            .map(|(purpose, generation)| (purpose.as_str(), *generation))
    }

    /// Whether every purpose's is the first.
    pub fn are_first(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (purpose, generation) in &self.0 {
            write!(f, "{comma}{purpose}:{generation}")?;
            comma = ",";
        }
        Ok(())
    }
}

/// What is committed of generations cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the generation of a shared topic cannot be read: it was written by a newer build or by another tool"
)]
pub struct ChainError;

impl FromStr for Generations {
    type Err = ChainError;

    fn from_str(text: &str) -> Result<Self, ChainError> {
        let mut generations = Self::default();
        for one in text.split(',').filter(|one| !one.is_empty()) {
            let (purpose, number) = one.split_once(':').ok_or(ChainError)?;
            let number = number.parse().ok().filter(|number| *number > FIRST);
            generations
                .0
                .insert(purpose.to_owned(), number.ok_or(ChainError)?);
        }
        Ok(generations)
    }
}

#[cfg(test)]
mod tests;
