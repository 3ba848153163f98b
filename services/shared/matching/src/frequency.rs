//! How often values occur among the records held: a rare name that agrees says more than a common one.

use crate::features::Features;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// Family names.
    Family,
    /// Given names.
    Given,
    /// Towns.
    Town,
    /// Full postcodes.
    Postcode,
    /// Property reference numbers.
    Uprn,
    /// E-mail addresses.
    Email,
}

/// How often a value occurs. Asked about pairs: of the two records one counts among the records held, the other, the newcomer, does not.
pub trait Frequencies {
    /// Records held.
    fn records(&self) -> u32;

    /// Of these, the ones with this value, as [`Features::values`] gives it.
    fn count(&self, what: Value, value: u64) -> u32;
}

impl Features {
    /// The values of the record that are counted.
    pub fn values(&self) -> impl Iterator<Item = (Value, u64)> + use<> {
        [
            (Value::Family, self.family.hash),
            (Value::Given, self.given.hash),
            (Value::Town, self.town_hash),
            (Value::Postcode, self.postcode),
            (Value::Uprn, self.uprn),
            (Value::Email, self.email),
        ]
        .into_iter()
        .filter(|(_, value)| *value != 0)
    }
}

/// The hash is in the value already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = crate::features::hash64(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = crate::features::mix(value);
    }
}

/// Counts of the values of many records.
#[derive(Default, Clone, PartialEq)]
pub struct Counts {
    records: u32,
    counts: [HashMap<u64, u32, BuildHasherDefault<Hashed>>; 6],
}

/// Never shows what it holds.
impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Counts(of {} records)", self.records)
    }
}

impl Counts {
    /// Counts a record.
    pub fn add(&mut self, record: &Features) {
        self.records = self.records.saturating_add(1);
        for (what, value) in record.values() {
            if let Some(counts) = self.counts.get_mut(what as usize) {
                *counts.entry(value).or_default() += 1;
            }
        }
    }

    /// Takes a record out that was counted.
    pub fn remove(&mut self, record: &Features) {
        self.records = self.records.saturating_sub(1);
        for (what, value) in record.values() {
            if let Some(counts) = self.counts.get_mut(what as usize)
                && let Some(count) = counts.get_mut(&value)
            {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    counts.remove(&value);
                }
            }
        }
    }

    /// Every count of one kind of value.
    pub(crate) fn all(&self, what: Value) -> impl Iterator<Item = u32> {
        self.counts
            .get(what as usize)
            .into_iter()
            .flat_map(|counts| counts.values().copied())
    }

    /// The same counts without one record that is counted: what a pair of it and another is compared under.
    pub fn besides<'a>(&'a self, newcomer: &'a Features) -> impl Frequencies + 'a {
        Besides {
            counts: self,
            newcomer,
        }
    }
}

impl Frequencies for Counts {
    fn records(&self) -> u32 {
        self.records
    }

    fn count(&self, what: Value, value: u64) -> u32 {
        self.counts
            .get(what as usize)
            .and_then(|counts| counts.get(&value))
            .copied()
            .unwrap_or(0)
    }
}

struct Besides<'a> {
    counts: &'a Counts,
    newcomer: &'a Features,
}

impl Frequencies for Besides<'_> {
    fn records(&self) -> u32 {
        self.counts.records().saturating_sub(1)
    }

    fn count(&self, what: Value, value: u64) -> u32 {
        let own = u32::from(self.newcomer.values().any(|held| held == (what, value)));
        self.counts.count(what, value).saturating_sub(own)
    }
}
