//! How a purpose's topic stands, and what follows from it: whether the next generation is begun, whether it may be switched to, what that waits for.

use super::state::State;
use walbrook_domain::generation::Stage;
use walbrook_eventlog::chain;

/// So many offsets of a partition may be left to be copied when the switch is written: the pause of the partition numbers is that long.
const LAG: i64 = 1_000;

/// When a generation is begun without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// More than so many of a hundred offsets are superseded; 100: never.
    pub percent: u8,
    /// And there are at least so many offsets.
    pub least_offsets: i64,
}

impl Rule {
    /// Whether a topic of so many offsets, of which so many are live, is to be filled anew.
    pub fn asks(&self, look: &Look) -> bool {
        let superseded = look.offsets.saturating_sub(look.live);
        look.progress() == Progress::InUse
            && look.offsets >= self.least_offsets
            && superseded.saturating_mul(100) > look.offsets.saturating_mul(self.percent.into())
    }
}

/// Where a purpose's topic is in the course of its generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// No generation is under way.
    InUse,
    /// The next one is being filled.
    Filling,
    /// It is in force, and not everything has gone over.
    Switching,
}

impl Progress {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::InUse => "IN_USE",
            Self::Filling => "FILLING",
            Self::Switching => "SWITCHING",
        }
    }

    pub(super) const fn number(self) -> i64 {
        match self {
            Self::InUse => 0,
            Self::Filling => 1,
            Self::Switching => 2,
        }
    }
}

/// How one partition is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copy {
    /// What is committed; `None`: not begun.
    pub state: Option<State>,
    /// The end of its source.
    pub end: i64,
    /// Whether its partition number writes to the generation that is filled.
    pub switched: bool,
}

impl Copy {
    /// Offsets of the source that are not copied.
    pub fn left(&self) -> i64 {
        match self.state {
            Some(state) if state.ended => 0,
            Some(state) => self.end.saturating_sub(state.position),
            None => self.end,
        }
    }

    /// Whether the source has its last record.
    pub fn ended(&self) -> bool {
        self.state.is_some_and(|state| state.ended)
    }

    /// Whether so little is left that the switch may be written.
    fn is_near(&self) -> bool {
        let past = |state: State| state.position >= state.source_end;
        self.state.is_some_and(past) && self.left() <= LAG
    }
}

/// A purpose's topic as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What is pinned; `None`: the first generation.
    pub stage: Option<Stage>,
    /// Offsets of the generation in force.
    pub offsets: i64,
    /// What stands, in releases and subject records.
    pub live: i64,
    /// Partition numbers that have never committed how far they are.
    pub silent: Vec<i32>,
    /// Where a generation was begun, how each partition is copied.
    pub copies: Vec<Copy>,
}

impl Look {
    /// The generation in force.
    pub fn in_force(&self) -> u32 {
        self.stage.as_ref().map_or(chain::FIRST, Stage::in_force)
    }

    /// Where it is in the course of its generations.
    pub fn progress(&self) -> Progress {
        match &self.stage {
            Some(Stage::Filling(_)) => Progress::Filling,
            Some(Stage::InForce { .. }) if !self.copies.iter().all(Copy::ended) => {
                Progress::Switching
            }
            _ => Progress::InUse,
        }
    }

    /// Whether the generation that is being filled may be switched to: every partition is nearly copied, and every partition number is at work.
    pub fn is_near(&self) -> bool {
        self.silent.is_empty() && self.copies.iter().all(Copy::is_near)
    }

    /// What the next step waits for, in words; `None`: no generation is under way.
    pub fn waits_for(&self) -> Option<String> {
        let those = |which: &dyn Fn(&Copy) -> bool| -> Vec<i32> {
            let each = self.copies.iter().zip(0..);
            each.filter(|(copy, _)| which(copy))
                .map(|(_, number)| number)
                .collect()
        };
        match self.progress() {
            Progress::InUse => None,
            Progress::Filling => {
                let unbegun = those(&|copy| copy.state.is_none());
                let far = those(&|copy| copy.state.is_some() && !copy.is_near());
                let left: i64 = self.copies.iter().map(Copy::left).sum();
                Some(if !unbegun.is_empty() {
                    format!(
                        "the copies of partitions {unbegun:?} to be begun by whoever decides those partition numbers"
                    )
                } else if !far.is_empty() {
                    format!(
                        "partitions {far:?} to be copied but for {LAG} offsets each; {left} are left"
                    )
                } else if !self.silent.is_empty() {
                    format!(
                        "partition numbers {:?} to commit how far they are, for the first time",
                        self.silent
                    )
                } else {
                    "the switch to be written".to_owned()
                })
            }
            Progress::Switching => {
                let behind = those(&|copy| !copy.switched);
                let open = those(&|copy| !copy.ended());
                Some(if behind.is_empty() {
                    format!(
                        "partitions {open:?} of the generation before to be copied to their ends and ended"
                    )
                } else {
                    format!(
                        "partition numbers {behind:?} to write to generation {}: each first sees what it wrote copied",
                        self.in_force()
                    )
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
