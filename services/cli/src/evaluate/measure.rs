//! What a ranking finds with a capacity: shares of people who come next, with ties told as what chance among them would give.

use std::collections::BTreeMap;
use walbrook_domain::Day;

/// A row as far as it is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The person.
    pub person: u64,
    /// Points.
    pub points_hundredths: i64,
    /// The band.
    pub band: String,
}

/// The rows of both tools at the end of one index day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// The index day.
    pub day: Day,
    /// By the points in the view.
    pub score: Vec<Placed>,
    /// By the simple rules.
    pub simple: Vec<Placed>,
}

/// Where a capacity runs out: everybody with more points than `at` is seen to, and of those with just so many a share. Nobody without points is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    at: i64,
    share: f64,
}

impl Cut {
    /// Of these points of all who may be chosen.
    #[must_use]
    pub fn of(points: impl Iterator<Item = i64>, capacity: u32) -> Self {
        let mut people: BTreeMap<i64, u32> = BTreeMap::new();
        for points in points.filter(|points| *points > 0) {
            *people.entry(points).or_default() += 1;
        }
        let mut left = capacity;
        for (at, here) in people.into_iter().rev() {
            if here >= left {
                let share = f64::from(left) / f64::from(here);
                return Self { at, share };
            }
            left -= here;
        }
        Self { at: 0, share: 0.0 }
    }

    /// How likely somebody with so many points is seen to.
    #[must_use]
    pub fn seen_to(&self, points: i64) -> f64 {
        match points.cmp(&self.at) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => self.share,
            std::cmp::Ordering::Less => 0.0,
        }
    }
}

/// Somebody on one index day: how likely seen to, and whether met on the street next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Case {
    /// Chance of being seen to.
    pub seen_to: f64,
    /// Met bedded down within the days.
    pub next: bool,
}

/// Sums over cases.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Cases: a person on an index day.
    pub people: u64,
    /// Of these, met on the street next.
    pub next: u64,
    /// Seen to, expected.
    pub seen_to: f64,
    /// Seen to and met next, expected.
    pub found: f64,
}

impl Tally {
    /// Counts a case.
    pub fn add(&mut self, case: Case) {
        self.people += 1;
        self.seen_to += case.seen_to;
        if case.next {
            self.next += 1;
            self.found += case.seen_to;
        }
    }

    /// With another.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            people: self.people + other.people,
            next: self.next + other.next,
            seen_to: self.seen_to + other.seen_to,
            found: self.found + other.found,
        }
    }

    /// Of those seen to, met next.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        share(self.found, self.seen_to)
    }

    /// Of those met next, seen to.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.found, self.next as f64)
    }

    /// Of all, met next.
    #[must_use]
    pub fn base_rate(&self) -> Option<f64> {
        share(self.next as f64, self.people as f64)
    }

    /// How many times better than choosing by chance.
    #[must_use]
    pub fn lift(&self) -> Option<f64> {
        share(self.precision()?, self.base_rate()?)
    }

    /// Of those met next, not seen to.
    #[must_use]
    pub fn missed(&self) -> Option<f64> {
        Some(1.0 - self.recall()?)
    }

    /// Of those not met next, seen to.
    #[must_use]
    pub fn in_vain(&self) -> Option<f64> {
        share(
            self.seen_to - self.found,
            self.people.saturating_sub(self.next) as f64,
        )
    }
}

fn share(part: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| part / of)
}
