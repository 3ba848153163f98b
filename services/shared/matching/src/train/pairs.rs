//! The pairs that are looked at: those that share a key, and some drawn by chance.

use crate::block::blocks;
use crate::compare;
use crate::features::{Features, mix};
use crate::frequency::{Counts, Frequencies, Value};
use crate::level::{FIELDS, Field, Level, Levels, MISSING, MOST_LEVELS, email, name, place, town};

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

/// Pairs of records that may be the same person, all that look the same to a model: it is asked about them once a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alike {
    pub(super) levels: Levels,
    /// How common the values are that agree, by kind: how many records but the first have it; of two that are close, the commoner one.
    common: [u32; 6],
    /// How many pairs.
    pub(super) times: u64,
}

impl Alike {
    /// One pair, as a model asks about it.
    fn of(a: &Features, b: &Features, counts: &Counts) -> Self {
        let levels = compare::levels(a, b);
        let mut common = [0; 6];
        let besides = counts.besides(a);
        let mut note = |what: Value, x: u64, y: u64| {
            if let Some(slot) = common.get_mut(what as usize) {
                *slot = besides.count(what, x).max(besides.count(what, y));
            }
        };
        match levels.at(Field::Place) {
            place::UPRN => note(Value::Uprn, a.uprn, b.uprn),
            place::POSTCODE => note(Value::Postcode, a.postcode, b.postcode),
            _ => {}
        }
        if levels.at(Field::Email) == email::EXACT {
            note(Value::Email, a.email, b.email);
        }
        if levels.at(Field::Town) <= town::CLOSE {
            note(Value::Town, a.town_hash, b.town_hash);
        }
        if levels.at(Field::Family) <= name::NEAR {
            note(Value::Family, a.family.hash, b.family.hash);
        }
        if levels.at(Field::Given) <= name::NEAR {
            note(Value::Given, a.given.hash, b.given.hash);
        }
        Self {
            levels,
            common,
            times: 1,
        }
    }
}

/// The counts of [`Alike`], whatever value is asked for.
pub(super) struct Common<'a> {
    records: u32,
    of: &'a Alike,
}

impl Frequencies for Common<'_> {
    fn records(&self) -> u32 {
        self.records
    }

    fn count(&self, what: Value, _: u64) -> u32 {
        self.of.common.get(what as usize).copied().unwrap_or(0)
    }
}

/// What the rounds look at.
pub(super) struct Pairs {
    pub(super) candidates: Vec<Alike>,
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
            for (j, b) in records.iter().enumerate() {
                for a in records.iter().take(j) {
                    out.candidates.push(Alike::of(a, b, &out.counts));
                }
            }
            for pair in &out.candidates {
                see(&mut out.drawn, pair.levels, 1);
            }
        } else {
            out.draw(records, seed);
            out.find(records, seed);
        }
        out.gather();
        out
    }

    /// Puts together what looks the same.
    fn gather(&mut self) {
        self.candidates.sort_unstable();
        self.candidates.dedup_by(|next, kept| {
            let same = (next.levels, next.common) == (kept.levels, kept.common);
            if same {
                kept.times += next.times;
            }
            same
        });
        self.candidates.shrink_to_fit();
    }

    /// How common the values of a pair are.
    pub(super) fn common<'a>(&self, of: &'a Alike) -> Common<'a> {
        Common {
            records: self.counts.records().saturating_sub(1),
            of,
        }
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
        // The keys that each record shares with few others, in order.
        let mut shared: Vec<Vec<u64>> = vec![Vec::new(); records.len()];
        for (key, index) in buckets().flatten() {
            if let Some(keys) = shared.get_mut(*index as usize) {
                keys.push(*key);
            }
        }
        let of = |index: u32| {
            let index = index as usize;
            Some((records.get(index)?, shared.get(index)?))
        };
        for bucket in buckets() {
            for (place, (key, j)) in bucket.iter().enumerate() {
                if !mix(seed ^ u64::from(*j)).is_multiple_of(self.each) {
                    continue;
                }
                for (_, i) in bucket.iter().take(place) {
                    let (Some((a, of_a)), Some((b, of_b))) = (of(*i), of(*j)) else {
                        continue;
                    };
                    // A pair counts once: under the first key that both have.
                    if first_of_both(of_a, of_b) == Some(*key) {
                        self.candidates.push(Alike::of(a, b, &self.counts));
                    }
                }
            }
        }
    }

    /// Candidates in which both records have the field.
    pub(super) fn known(&self, field: Field) -> u64 {
        self.candidates
            .iter()
            .filter(|alike| alike.levels.at(field) != MISSING)
            .map(|alike| alike.times)
            .sum()
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

/// The first that stands in both of two ordered lists.
fn first_of_both(a: &[u64], b: &[u64]) -> Option<u64> {
    let mut rest = b.iter().copied().peekable();
    a.iter().copied().find(|key| {
        while rest.next_if(|other| other < key).is_some() {}
        rest.peek() == Some(key)
    })
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
