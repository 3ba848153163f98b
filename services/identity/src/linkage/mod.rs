//! The sans-IO core: commands change an [`Index`], time and randomness are arguments, effects are the records to write.

pub mod demographics;
mod directory;
mod index;
mod joining;
pub mod name;
pub mod record;
mod step;
pub mod wire;

pub use directory::{Directory, Entry};
pub use index::Index;
pub use record::{Found, PersonRecord, Token};
pub use step::{
    Answer, Changes, Command, Core, Entropy, LinkItem, MatchingCover, Refused, Rules, Turn, Who,
};

#[cfg(test)]
mod tests;
