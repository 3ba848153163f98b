//! The sans-IO core: commands change an [`Index`], time and randomness are arguments, effects are the records to write.

mod command;
mod directory;
mod index;
mod joining;
pub mod record;
mod step;
pub mod wire;

pub use command::{
    Answer, Changes, Command, Entropy, LinkItem, MatchingCover, Refused, Rules, Turn, Who,
};
pub use directory::{Directory, Entry};
pub use index::Index;
pub use record::{Found, PersonRecord, Token};
pub use step::Core;
pub use walbrook_matching::{demographics, name};

#[cfg(test)]
mod tests;
