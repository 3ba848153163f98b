//! How long anything may be kept: as long as the version of the agreement that it was released under allows.
//!
//! That version's text never changes, so the last day is known once for all: every process takes the same out on the same day, and a store
//! filled anew holds the same as one that was kept.

use crate::book::{Book, Known as Agreements};
use std::sync::Arc;
use walbrook_domain::{Day, Instant};
use walbrook_policy::read::kept_until;
use walbrook_view::{Contribution, Input};

/// A wall clock.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// The agreements, the clock, and what was looked through.
pub struct Keeping {
    book: Arc<Book>,
    clock: Clock,
    /// The day up to which everything held was looked through, and the agreements known then.
    swept: Option<(Day, i64)>,
    /// Something is held whose agreement was not known.
    unknown: bool,
}

impl Keeping {
    /// By these agreements and this clock.
    pub const fn new(book: Arc<Book>, clock: Clock) -> Self {
        Self {
            book,
            clock,
            swept: None,
            unknown: false,
        }
    }

    /// The agreements as they are.
    pub fn agreements(&self) -> Arc<Agreements> {
        self.book.now()
    }

    /// The London day.
    pub fn today(&self) -> Day {
        (self.clock)().london_day()
    }

    /// A record as it may be kept today.
    pub fn admit(&mut self, input: Input, agreements: &Agreements, today: Day) -> Input {
        let Input::Release(one) = input else {
            return input;
        };
        match last_day(agreements, &one) {
            Some(last) if last < today => Input::Past(one),
            Some(_) => Input::Release(one),
            None => {
                self.unknown = true;
                Input::Release(one)
            }
        }
    }

    /// Whether everything held is to be looked through: on another day, and when agreements are known that were not.
    pub fn is_due(&self, today: Day, agreements: &Agreements) -> bool {
        match self.swept {
            None => true,
            Some((day, next)) => day != today || (self.unknown && next != agreements.next_offset),
        }
    }

    /// Everything is being looked through.
    pub fn sweeps(&mut self, today: Day, agreements: &Agreements) {
        self.swept = Some((today, agreements.next_offset));
        self.unknown = false;
    }

    /// The last day of something held.
    pub fn last_day_of(&mut self, agreements: &Agreements, one: &Contribution) -> Option<Day> {
        let last = last_day(agreements, one);
        self.unknown |= last.is_none();
        last
    }
}

/// The last day on which a release may be kept; `None`: its agreement is not known yet.
fn last_day(agreements: &Agreements, one: &Contribution) -> Option<Day> {
    let edition = agreements.book.edition(&one.key.agreement, one.version)?;
    Some(kept_until(&edition.agreement, one.occurred_at.london_day()))
}
