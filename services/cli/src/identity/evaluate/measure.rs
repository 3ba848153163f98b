//! How right a linking is: against whose each record truly is.
//!
//! - *Pairs*: of the pairs of records that were linked, those of one person (precision); of the pairs of one person, those that were linked (recall).
//! - *Persons* (B-cubed; Bagga and Baldwin 1998): for each record, of those it was put together with, itself included, those of its person
//!   (precision), and of its person's records those it was put together with (recall); then the mean over records. A person with many records
//!   weighs less here than among pairs.
//!
//! For a group of records: the pairs with at least one of them, and the mean over them.

use std::collections::HashMap;

/// Counts and sums from which the measures follow.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quality {
    /// Records measured.
    pub records: u64,
    /// Pairs of records of one person.
    pub true_pairs: u64,
    /// Pairs that were linked.
    pub linked_pairs: u64,
    /// Pairs of one person that were linked.
    pub right_pairs: u64,
    purity: f64,
    completeness: f64,
}

/// Precision, recall and their harmonic mean. `None` where there is nothing to divide by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// Of what was linked, what is right.
    pub precision: Option<f64>,
    /// Of what is right, what was linked.
    pub recall: Option<f64>,
    /// Their harmonic mean.
    pub f1: Option<f64>,
}

/// Counts of a cluster or of a cell: all records, and those of the group.
#[derive(Default, Clone, Copy)]
struct Count {
    all: u64,
    of_group: u64,
}

impl Count {
    /// Pairs with at least one record of the group.
    fn pairs(self) -> u64 {
        let others = self.all - self.of_group;
        pairs(self.all) - pairs(others)
    }
}

/// Pairs among so many.
fn pairs(of: u64) -> u64 {
    of * of.saturating_sub(1) / 2
}

impl Quality {
    /// Of a linking: for each record whose it is, whose it was said to be, and whether it counts.
    pub fn of(records: impl Iterator<Item = (u64, u64, bool)> + Clone) -> Self {
        let mut persons: HashMap<u64, Count> = HashMap::new();
        let mut found: HashMap<u64, Count> = HashMap::new();
        let mut cells: HashMap<(u64, u64), Count> = HashMap::new();
        for (person, cluster, counts) in records {
            let add = |count: &mut Count| {
                count.all += 1;
                count.of_group += u64::from(counts);
            };
            add(persons.entry(person).or_default());
            add(found.entry(cluster).or_default());
            add(cells.entry((person, cluster)).or_default());
        }
        let mut quality = Self {
            true_pairs: persons.values().map(|count| count.pairs()).sum(),
            linked_pairs: found.values().map(|count| count.pairs()).sum(),
            right_pairs: cells.values().map(|count| count.pairs()).sum(),
            ..Self::default()
        };
        // In the order of the persons: sums of fractions are the same on every machine.
        let mut cells: Vec<_> = cells.into_iter().collect();
        cells.sort_unstable_by_key(|(names, _)| *names);
        for ((person, cluster), cell) in cells {
            let size = |count: Option<&Count>| count.map_or(1, |count| count.all) as f64;
            let share = cell.of_group as f64 * cell.all as f64;
            quality.records += cell.of_group;
            quality.purity += share / size(found.get(&cluster));
            quality.completeness += share / size(persons.get(&person));
        }
        quality
    }

    /// By pairs.
    #[must_use]
    pub fn by_pairs(&self) -> Measures {
        Measures {
            precision: ratio(self.right_pairs, self.linked_pairs),
            recall: ratio(self.right_pairs, self.true_pairs),
            f1: ratio(2 * self.right_pairs, self.linked_pairs + self.true_pairs),
        }
    }

    /// By persons (B-cubed).
    #[must_use]
    pub fn by_persons(&self) -> Measures {
        let records = self.records as f64;
        let mean = |sum: f64| (self.records > 0).then(|| sum / records);
        let (precision, recall) = (mean(self.purity), mean(self.completeness));
        Measures {
            precision,
            recall,
            f1: precision.zip(recall).map(|(p, r)| 2.0 * p * r / (p + r)),
        }
    }
}

fn ratio(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// What a threshold gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtThreshold {
    /// Pairs of at least this score are linked.
    pub score: f64,
    /// How right that is.
    pub quality: Quality,
}

/// The thresholds that matter of a list of scored pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Thresholds {
    /// That of the greatest F1 of pairs.
    pub best: Option<AtThreshold>,
    /// The lowest down to which precision is never under 0.99 for good: that of the greatest recall with precision of at least 0.99.
    pub precise: Option<AtThreshold>,
}

impl Thresholds {
    fn try_at(&mut self, score: f64, right: u64, linked: u64, true_pairs: u64) {
        let quality = Quality {
            true_pairs,
            linked_pairs: linked,
            right_pairs: right,
            ..Quality::default()
        };
        let at = AtThreshold { score, quality };
        let f1 = |at: &AtThreshold| at.quality.by_pairs().f1.unwrap_or(0.0);
        if self.best.as_ref().is_none_or(|best| f1(&at) > f1(best)) {
            self.best = Some(at);
        }
        if linked > 0 && right * 100 >= linked * 99 {
            self.precise = Some(at);
        }
    }
}

/// The best thresholds over scored pairs of records (numbers below `persons.len()`), each pair judged by itself as linkage tools are compared,
/// and as persons: whoever hangs together by pairs of at least the threshold is one, and all pairs within are linked.
#[must_use]
pub fn sweep(persons: &[u64], scored: &[(u32, u32, f64)]) -> (Thresholds, Thresholds) {
    let true_pairs = Quality::of(persons.iter().map(|person| (*person, *person, true))).true_pairs;
    let mut order: Vec<&(u32, u32, f64)> = scored.iter().collect();
    order.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    let (mut alone, mut together) = (Thresholds::default(), Thresholds::default());
    let (mut right, mut linked) = (0, 0);
    let mut joined = Joined::new(persons);
    for (at, (a, b, score)) in order.iter().enumerate() {
        let person = |record: u32| persons.get(usize::try_from(record).unwrap_or(usize::MAX));
        linked += 1;
        right += u64::from(person(*a).is_some() && person(*a) == person(*b));
        joined.join(*a, *b);
        // Pairs of one score stand or fall together.
        if order.get(at + 1).is_none_or(|next| next.2 < *score) {
            alone.try_at(*score, right, linked, true_pairs);
            together.try_at(*score, joined.right, joined.linked, true_pairs);
        }
    }
    (alone, together)
}

/// Records that hang together, and how many pairs that makes.
struct Joined {
    parent: Vec<u32>,
    /// Of a root: records by person.
    members: HashMap<u32, HashMap<u64, u64>>,
    linked: u64,
    right: u64,
}

impl Joined {
    fn new(persons: &[u64]) -> Self {
        let numbered = (0_u32..).zip(persons);
        Self {
            parent: numbered.clone().map(|(number, _)| number).collect(),
            members: numbered
                .map(|(number, person)| (number, HashMap::from([(*person, 1)])))
                .collect(),
            linked: 0,
            right: 0,
        }
    }

    fn root(&mut self, of: u32) -> u32 {
        let mut at = of;
        loop {
            let up = self.parent(at);
            if up == at {
                return at;
            }
            let over = self.parent(up);
            if let Some(place) = self
                .parent
                .get_mut(usize::try_from(at).unwrap_or(usize::MAX))
            {
                *place = over;
            }
            at = over;
        }
    }

    fn parent(&self, of: u32) -> u32 {
        self.parent
            .get(usize::try_from(of).unwrap_or(usize::MAX))
            .copied()
            .unwrap_or(of)
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        let few = |members: &HashMap<u64, u64>| members.values().sum::<u64>();
        let (one, two) = (
            self.members.remove(&a).unwrap_or_default(),
            self.members.remove(&b).unwrap_or_default(),
        );
        self.linked += few(&one) * few(&two);
        let (mut larger, smaller) = if one.len() >= two.len() {
            (one, two)
        } else {
            (two, one)
        };
        for (person, count) in smaller {
            let with = larger.entry(person).or_default();
            self.right += *with * count;
            *with += count;
        }
        if let Some(place) = self
            .parent
            .get_mut(usize::try_from(b).unwrap_or(usize::MAX))
        {
            *place = a;
        }
        self.members.insert(a, larger);
    }
}

#[cfg(test)]
mod tests;
