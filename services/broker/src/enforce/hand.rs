//! What commits p's transactions.

use super::machine::SettleStep;
use walbrook_eventlog::{GroupGeneration, LogError, Reader, TopicPartition, Transactor};

/// What is written and read with for one p.
pub(super) struct Hand {
    pub(super) transactor: Box<dyn Transactor>,
    pub(super) past: Option<Box<dyn Reader>>,
    /// The generation under which the open transaction was cut.
    pub(super) generation: Option<Box<dyn GroupGeneration>>,
}

impl Hand {
    /// Commits; where the last page stands on `pages`, as the log acknowledged it.
    pub(super) fn settle(
        &mut self,
        steps: Vec<SettleStep>,
        group: &str,
        pages: &str,
    ) -> Result<Option<i64>, LogError> {
        let mut page = None;
        for step in steps {
            match step {
                SettleStep::Drain => page = last_page(&self.transactor.drain()?, pages),
                SettleStep::Positions(positions) => {
                    let generation = self.generation.take();
                    self.transactor
                        .send_positions(group, &positions, generation.as_deref())?;
                }
                SettleStep::Commit => self.transactor.commit()?,
            }
        }
        Ok(page)
    }
}

/// Where the last page of a transaction stands, among what was acknowledged of it.
pub fn last_page(acknowledged: &[(TopicPartition, i64)], pages: &str) -> Option<i64> {
    let pages = acknowledged.iter().filter(|(at, _)| *at.topic == *pages);
    pages.map(|(_, offset)| *offset).max()
}
