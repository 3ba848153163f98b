//! What waits for a reviewer, and what reviewers decided. Both stand on the later record of a pair.

use super::demographics::Strategy;
use super::record::Found;
use std::sync::Arc;
use walbrook_domain::{Handle, Instant};

/// Candidates that a record keeps at most, best first.
pub const CANDIDATES: usize = 8;
/// Decisions that a record keeps at most; those in force are the last to go.
pub const ACTS: usize = 64;

/// An earlier record that may be the same person, while nobody has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The other record.
    pub other: Handle,
    /// What the search made of the pair: a match that is not sure enough, or what stood in the way.
    pub found: Found,
    /// Ten-thousandths.
    pub score: i32,
    /// The rule that scored it.
    pub strategy: Strategy,
    /// Name and version of the model, for a rule that has one.
    pub model: Option<Arc<str>>,
    /// When the pair began to wait.
    pub since: Instant,
}

/// What a reviewer said of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The same person.
    Same,
    /// Never the same: later evidence does not join them; only a merge by a person does.
    NeverSame,
    /// A merge by a person set a [`Decision::NeverSame`] aside.
    Lifted,
}

impl Decision {
    const ALL: [Decision; 3] = [Decision::Same, Decision::NeverSame, Decision::Lifted];

    /// The word on records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Decision::Same => "SAME",
            Decision::NeverSame => "NEVER_SAME",
            Decision::Lifted => "LIFTED",
        }
    }

    /// Reads the word.
    pub fn read(text: &str) -> Option<Self> {
        Decision::ALL
            .into_iter()
            .find(|decision| decision.as_str() == text)
    }
}

/// Somebody decided about a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewAct {
    /// The other record.
    pub other: Handle,
    /// What was decided.
    pub decision: Decision,
    /// From a closed list.
    pub reason: String,
    /// Organisation and subject of the reviewer.
    pub by: String,
    /// The pair was shown without its score.
    pub blind: bool,
    /// When.
    pub at: Instant,
}

/// The others that are never the same as the record whose acts these are: those of which the last word is [`Decision::NeverSame`].
pub fn never_same(acts: &[ReviewAct]) -> impl Iterator<Item = Handle> {
    acts.iter().enumerate().filter_map(move |(at, act)| {
        let later = acts.iter().skip(at + 1);
        let in_force = act.decision == Decision::NeverSame
            && later.into_iter().all(|other| other.other != act.other);
        in_force.then_some(act.other)
    })
}

/// Adds a decision and keeps the history bounded: what no longer holds leaves before what is in force, oldest first.
pub fn record_act(acts: &mut Vec<ReviewAct>, act: ReviewAct) {
    acts.push(act);
    while acts.len() > ACTS {
        let in_force: Vec<Handle> = never_same(acts).collect();
        let last =
            |at: usize, other: Handle| acts.iter().skip(at + 1).all(|later| later.other != other);
        let idle = acts.iter().enumerate().position(|(at, act)| {
            !(act.decision == Decision::NeverSame
                && in_force.contains(&act.other)
                && last(at, act.other))
        });
        acts.remove(idle.unwrap_or(0));
    }
}
