//! The sans-IO core: commands change an [`Index`], time and randomness are arguments, effects are the records to write.

mod command;
mod directory;
mod doubting;
mod holds;
mod index;
mod joining;
mod likely;
mod queue;
pub mod record;
mod review;
mod reviewing;
mod said;
mod search;
mod step;
mod table;
mod waiting;
pub mod wire;

pub use command::{
    Answer, Changes, Command, Entropy, LinkItem, MatchingCover, Refused, Rules, Turn, Who,
};
pub use directory::Directory;
pub use doubting::{Doubt, Doubted};
pub use holds::Approval;
pub use index::{Filling, Index};
pub use record::{Found, PersonRecord, Token};
pub use review::{Candidate, Decision, ReviewAct};
pub use reviewing::{Explained, Item, Page, Pair, Reviewer, Verdict, Wanted};
pub use said::Said;
pub use step::Core;
pub use waiting::{Place, Waiting};
pub use walbrook_matching::{demographics, name};

#[cfg(test)]
mod tests;
