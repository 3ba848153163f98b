//! The keys under which records that may be the same person are found. Each key is narrow enough to be looked through; where a key's bucket has grown
//! too long (a common name, a crowded postcode) it is left out and the others must find the pair.

use crate::features::{Features, mix};

/// A hash under which candidates are found. A collision only adds a candidate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockKey(pub u64);

/// Kinds of keys from this one on are broad: a date, a sound. They find what nothing else finds in a small register or under a rare value, and are soon
/// left out in a large one.
const FIRST_BROAD: u64 = 11;

impl BlockKey {
    /// How many records a bucket may hold before it is left out.
    pub const fn most(self) -> usize {
        if self.0 & 1 == 1 { 60 } else { 200 }
    }
}

/// The most keys one record has.
pub const MOST_BLOCKS: usize = 14;

/// The keys of a record, the narrowest kinds first. No heap.
#[derive(Debug, Clone, Copy)]
pub struct Blocks {
    keys: [BlockKey; MOST_BLOCKS],
    taken: usize,
}

impl Blocks {
    fn push(&mut self, kind: u64, parts: &[u64]) {
        // A key one of whose parts is missing would bring together what has nothing in common.
        if parts.contains(&0) {
            return;
        }
        if let Some(slot) = self.keys.get_mut(self.taken) {
            let hash = parts.iter().fold(mix(kind), |sum, part| mix(sum ^ *part));
            *slot = BlockKey(hash & !1 | u64::from(kind >= FIRST_BROAD));
            self.taken += 1;
        }
    }
}

impl std::ops::Deref for Blocks {
    type Target = [BlockKey];

    fn deref(&self) -> &[BlockKey] {
        self.keys.get(..self.taken).unwrap_or_default()
    }
}

/// The keys of a record.
pub fn blocks(of: &Features) -> Blocks {
    let mut out = Blocks {
        keys: [BlockKey::default(); MOST_BLOCKS],
        taken: 0,
    };
    let birth = of.birth_said();
    let (year, month, day) = (
        u64::from(birth >> 16),
        u64::from(birth >> 8 & 0xFF),
        u64::from(birth & 0xFF),
    );
    // The same for a date and for the one with day and month swapped.
    let month_day = month.min(day) << 8 | month.max(day);
    let date = if birth == 0 {
        0
    } else {
        year << 16 | month_day
    };
    // The same for two names and for the two swapped.
    let both = if of.given.known() && of.family.known() {
        of.given.hash.wrapping_add(of.family.hash).max(1)
    } else {
        0
    };
    let family = u64::from(of.family.letters.sound());
    let given = u64::from(of.given.letters.sound());
    let initial = u64::from(if of.initial != 0 {
        of.initial
    } else {
        of.given.letters.first()
    });
    out.push(1, &[of.email]);
    out.push(2, &[of.uprn]);
    out.push(3, &[date, family]);
    out.push(4, &[date, initial]);
    out.push(5, &[of.postcode, initial]);
    out.push(6, &[of.postcode, family]);
    out.push(7, &[both, year]);
    out.push(8, &[both, month_day]);
    out.push(9, &[family, given, year]);
    out.push(10, &[of.mailbox_hash]);
    out.push(11, &[both]);
    out.push(12, &[date]);
    out.push(13, &[given]);
    if family != given {
        out.push(13, &[family]);
    }
    out
}
