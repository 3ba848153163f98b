//! When a record may be looked up for reading: only after an event about it was accepted and its hold is over, or when a second person allowed it.
//!
//! Whoever enrols a record with a neighbour's name must not see the neighbour's row a minute later.

use super::command::Answer;
use super::record::{PersonRecord, Token};
use super::step::Core;
use std::sync::Arc;
use walbrook_domain::{Day, Handle, Instant};

/// Approvals of one record at most; the oldest go first.
const APPROVALS: usize = 16;

/// A named reader may look the record up before its hold is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// `sub` of the reader.
    pub reader: String,
    /// `sub` of the second person.
    pub approved_by: String,
    /// From a closed list.
    pub reason: String,
    /// When.
    pub at: Instant,
    /// The last London day on which it holds.
    pub expires_on: Day,
}

impl PersonRecord {
    /// Whether this reader may look the record up at `now`, when events about it must have been accepted for `hold_micros`.
    pub fn may_be_read(&self, reader: &str, now: Instant, hold_micros: i64) -> bool {
        let held = self
            .accepted_at
            .is_some_and(|at| at.0.saturating_add(hold_micros) <= now.0);
        let today = now.london_day();
        let approved = self
            .approvals
            .iter()
            .any(|approval| approval.reader == reader && today <= approval.expires_on);
        // Without any accepted event there is nothing to read, whoever approves.
        held | (approved & self.accepted_at.is_some())
    }
}

impl Core {
    /// An event about each of these records was accepted.
    pub(super) fn accepted(&mut self, handles: &[Handle], now: Instant) -> Answer {
        let mut news = 0;
        for handle in handles {
            let told = self.index.record(*handle);
            if told.is_some_and(|record| record.accepted_at.is_none()) {
                self.change(*handle, |record| record.accepted_at = Some(now));
                news += 1;
            }
        }
        Answer::Accepted(news)
    }

    /// A second person allows a reader to look a record up before its hold is over.
    pub(super) fn approve(&mut self, tokens: &[Token], approval: Approval) -> Answer {
        let expires_on = approval.expires_on;
        let today = approval.at.london_day();
        let found = tokens.iter().find_map(|token| self.index.by_token(*token));
        if let Some(handle) = found.map(|record| record.handle) {
            self.change(handle, |record| {
                let other = |kept: &Approval| kept.reader != approval.reader;
                record
                    .approvals
                    .retain(|kept| today <= kept.expires_on && other(kept));
                if record.approvals.len() >= APPROVALS {
                    record.approvals.remove(0);
                }
                record.approvals.push(approval);
            });
        }
        Answer::Approved(expires_on)
    }

    /// The record of an item's token. One that stands under the token of the key before takes the new one: its handle stays.
    pub(super) fn known_by(
        &mut self,
        token: Token,
        previous: Option<Token>,
    ) -> Option<Arc<PersonRecord>> {
        if let Some(known) = self.index.by_token(token) {
            return Some(Arc::clone(known));
        }
        let previous = previous?;
        let handle = self.index.by_token(previous)?.handle;
        self.change(handle, |record| record.token = token);
        self.forget(previous);
        self.index.record(handle).cloned()
    }
}
