//! The pairs that are looked at: those that share a key, and some drawn by chance.

use crate::block::blocks;
use crate::compare;
use crate::features::{Features, mix};
use crate::frequency::{Counts, Value};
use crate::level::{FIELDS, Field, Level, Levels, MISSING, MOST_LEVELS};

/// Up to so many records all pairs are looked at.
const ALL_PAIRS: usize = 1_500;

/// A key that more records share finds nothing worth its time.
const LONGEST_BUCKET: usize = 60;

/// The most pairs kept: with more, only some records ask.
const MOST_PAIRS: u64 = 3_000_000;

/// Pairs drawn by chance, at most; 500 for each record.
const DRAWN: u64 = 3_000_000;

/// How often each level was seen, by field.
pub(super) type Seen = [[u64; MOST_LEVELS]; FIELDS];

/// Two records that may be the same person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) levels: Levels,
}

/// What the rounds look at.
pub(super) struct Pairs {
    pub(super) candidates: Vec<Pair>,
    /// Each candidate stands for so many.
    pub(super) each: u64,
    /// Whether the candidates are all pairs there are.
    pub(super) all: bool,
    /// Levels of pairs drawn by chance; of all pairs when they are all candidates.
    pub(super) drawn: Seen,
    pub(super) counts: Counts,
}

impl Pairs {
    /// Chooses them.
    pub(super) fn of(records: &[Features], seed: u64) -> Self {
        let mut counts = Counts::default();
        for record in records {
            counts.add(record);
        }
        let mut out = Self {
            candidates: Vec::new(),
            each: 1,
            all: records.len() <= ALL_PAIRS,
            drawn: Seen::default(),
            counts,
        };
        if out.all {
            for (j, b) in (0u32..).zip(records) {
                for (i, a) in (0..j).zip(records) {
                    out.candidates.push(Pair {
                        a: i,
                        b: j,
                        levels: compare::levels(a, b),
                    });
                }
            }
            for pair in &out.candidates {
                see(&mut out.drawn, pair.levels, 1);
            }
        } else {
            out.draw(records, seed);
            out.find(records, seed);
        }
        out
    }

    fn draw(&mut self, records: &[Features], seed: u64) {
        let count = records.len() as u64;
        for turn in 0..DRAWN.min(count * 500) {
            let random = mix(seed ^ mix(turn));
            let pick = |half: u64| records.get(((half * count) >> 32) as usize);
            if let (Some(a), Some(b)) = (pick(random >> 32), pick(random & 0xFFFF_FFFF))
                && !std::ptr::eq(a, b)
            {
                see(&mut self.drawn, compare::levels(a, b), 1);
            }
        }
    }

    fn find(&mut self, records: &[Features], seed: u64) {
        let mut keyed: Vec<(u64, u32)> = Vec::with_capacity(records.len() * 8);
        for (index, record) in (0u32..).zip(records) {
            keyed.extend(blocks(record).iter().map(|key| (key.0, index)));
        }
        keyed.sort_unstable();
        let buckets = || {
            keyed
                .chunk_by(|a, b| a.0 == b.0)
                .filter(|bucket| (2..=LONGEST_BUCKET).contains(&bucket.len()))
        };
        let total: u64 = buckets()
            .map(|bucket| bucket.len() as u64 * (bucket.len() as u64 - 1) / 2)
            .sum();
        self.each = total.div_ceil(MOST_PAIRS).max(1);
        for bucket in buckets() {
            for (place, (key, j)) in bucket.iter().enumerate() {
                if !mix(seed ^ u64::from(*j)).is_multiple_of(self.each) {
                    continue;
                }
                for (_, i) in bucket.iter().take(place) {
                    let (Some(a), Some(b)) = (records.get(*i as usize), records.get(*j as usize))
                    else {
                        continue;
                    };
                    // A pair counts once: under the first key that both have and that is no crowd's.
                    if self.first_shared(a, b, &keyed) == Some(*key) {
                        self.candidates.push(Pair {
                            a: *i,
                            b: *j,
                            levels: compare::levels(a, b),
                        });
                    }
                }
            }
        }
    }

    fn first_shared(&self, a: &Features, b: &Features, keyed: &[(u64, u32)]) -> Option<u64> {
        let of_b = blocks(b);
        let crowd = |key: u64| {
            let from = keyed.partition_point(|(other, _)| *other < key);
            keyed
                .get(from + LONGEST_BUCKET)
                .is_some_and(|(other, _)| *other == key)
        };
        blocks(a)
            .iter()
            .filter(|key| of_b.contains(key))
            .map(|key| key.0)
            .find(|key| !crowd(*key))
    }

    /// Candidates in which both records have the field.
    pub(super) fn known(&self, field: Field) -> u64 {
        self.candidates
            .iter()
            .filter(|pair| pair.levels.at(field) != MISSING)
            .count() as u64
    }

    /// Pairs of records, of all there are, in which a value of this kind is the same; and those in which both have one.
    pub(super) fn same(&self, what: Value) -> (u64, u64) {
        let pairs = |count: u64| count * count.saturating_sub(1) / 2;
        let total: u64 = self.counts.all(what).map(u64::from).sum();
        (
            self.counts
                .all(what)
                .map(|count| pairs(u64::from(count)))
                .sum(),
            pairs(total),
        )
    }
}

/// Adds to what was seen.
pub(super) fn see(seen: &mut Seen, levels: Levels, weight: u64) {
    for (row, level) in seen.iter_mut().zip(levels.0) {
        add(row, level, weight);
    }
}

fn add(row: &mut [u64; MOST_LEVELS], level: Level, weight: u64) {
    if let Some(slot) = row.get_mut(usize::from(level)) {
        *slot += weight;
    }
}
