//! How far p has come: the positions that commit with every transaction of p and stand on every page.

use walbrook_domain::Purpose;
use walbrook_eventlog::chain::Generations;
use walbrook_eventlog::position::{Cursor, Position, PositionError};

/// p's position in the control topics, its own pages, and what of re-decisions is queued.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Next unapplied offset of `control.policy`.
    pub policy_next: i64,
    /// Next unapplied offset of `control.links[p]`.
    pub links_next: i64,
    /// Sequence of the next page of p.
    pub next_page: i64,
    /// What is queued.
    pub cursor: Cursor,
    /// The generations that p writes to.
    pub generations: Generations,
}

/// A committed position: the offset for `control.links[p]` and what its metadata says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedStamp {
    /// Next unapplied offset of `control.links[p]`.
    pub links_next: i64,
    /// The rest.
    pub position: Position,
}

impl CommittedStamp {
    /// Reads what was committed.
    ///
    /// # Errors
    /// When the metadata is of another version or form.
    pub fn parse(links_next: i64, metadata: &str) -> Result<Self, PositionError> {
        Ok(Self {
            links_next,
            position: metadata.parse()?,
        })
    }
}

impl Stamp {
    /// What is committed beside `control.links[p]`, whose offset is [`links_next`](Self::links_next). Handles with a rest are only counted there: the
    /// last page names them, and p is built again from its pages.
    pub fn committed(&self) -> CommittedStamp {
        CommittedStamp {
            links_next: self.links_next,
            position: Position {
                policy_next: self.policy_next,
                next_page: self.next_page,
                cursor: self.cursor.brief(),
                generations: self.generations.clone(),
            },
        }
    }

    /// The metadata of the committed position, with what stands: releases and subject records by purpose.
    pub fn told<'a>(&self, live: impl Iterator<Item = (&'a Purpose, usize)>) -> String {
        let (mut metadata, mut mark) = (self.metadata(), " live=");
        for (purpose, count) in live.filter(|(_, count)| *count > 0) {
            metadata.push_str(&format!("{mark}{purpose}:{count}"));
            mark = ",";
        }
        metadata
    }

    /// The metadata of the committed position.
    pub fn metadata(&self) -> String {
        self.committed().position.to_string()
    }
}
