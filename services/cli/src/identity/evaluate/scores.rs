//! The score of every pair of a file that the model may look at: what thresholds are tried on, and how it is compared with other linkage tools.

use crate::identity::file::Row;
use std::collections::{HashMap, HashSet};
use walbrook_matching::{BlockKey, Counts, Features, Model, blocks};

/// The odds of 0.95 in bits: what holds a pair back keeps it below, where it is a PotentialMatch at most.
const MATCH: f64 = 4.247;
/// A score above any that the model gives: a number that one person has alone, and nothing that speaks against it.
const CERTAIN: f64 = 1_000.0;

/// Pairs of records, by their places in the file, with the logarithm of the odds in bits that they are one person's, as identity counts them:
/// candidates share a strong token, or a blocking key whose bucket is not too long; a pair that something holds back is never a Match; and records
/// that no person can have both are no pair.
#[must_use]
pub fn scored(rows: &[Row], model: &Model) -> Vec<(u32, u32, f64)> {
    let features: Vec<Features> = rows.iter().map(|row| row.stated.features()).collect();
    let mut counts = Counts::default();
    let mut buckets: HashMap<BlockKey, Vec<u32>> = HashMap::new();
    let mut tokens: HashMap<_, Vec<u32>> = HashMap::new();
    for ((number, record), row) in (0_u32..).zip(&features).zip(rows) {
        counts.add(record);
        for key in blocks(record).iter() {
            buckets.entry(*key).or_default().push(number);
        }
        for (_, key) in record.strong_keys(&row.organisation.to_string()) {
            tokens.entry(key).or_default().push(number);
        }
    }
    let mut seen: HashSet<(u32, u32)> = HashSet::new();
    let mut scored = Vec::new();
    let pairs = |of: &[u32]| -> Vec<(u32, u32)> {
        let each = of.iter().enumerate();
        each.flat_map(|(at, a)| of.iter().skip(at + 1).map(move |b| (*a, *b)))
            .collect()
    };
    let both = |a: u32, b: u32| {
        let at = |place: u32| features.get(usize::try_from(place).unwrap_or(usize::MAX));
        at(a).zip(at(b))
    };
    for (a, b) in tokens.values().flat_map(|of| pairs(of)) {
        let agree = both(a, b).is_some_and(|(one, other)| !one.contradicts(other));
        if agree && seen.insert((a, b)) {
            scored.push((a, b, CERTAIN));
        }
    }
    let buckets = buckets.iter().filter(|(key, of)| of.len() <= key.most());
    for (a, b) in buckets.flat_map(|(_, of)| pairs(of)) {
        let Some((one, other)) = both(a, b).filter(|_| seen.insert((a, b))) else {
            continue;
        };
        let compared = model.candidate(one, other, &counts.besides(one));
        if let Some(pair) = compared.filter(|_| one.far_apart(other).is_none()) {
            let bits = f64::from(pair.millibits) / 1_000.0;
            let held = pair.held.is_some();
            scored.push((a, b, if held { bits.min(MATCH) } else { bits }));
        }
    }
    scored
}
