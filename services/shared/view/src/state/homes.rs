//! Under whom each handle's records stand.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use walbrook_domain::{HandlePseudonym, Pseudonym};

/// A handle stands under one person but for the moment of a change of links.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Home {
    One([Pseudonym; 1]),
    /// In order.
    Several(Box<[Pseudonym]>),
}

/// A handle pseudonym is an HMAC under a key that nobody outside has: its first bytes are as good as any hash of it.
#[derive(Debug, Clone, Copy, Default)]
struct First(u64);

impl Hasher for First {
    fn write(&mut self, bytes: &[u8]) {
        if let Some((first, _)) = bytes.split_first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {
        // How long it is: all are as long.
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The homes of all handles. Asked for one handle, never gone through: no order follows from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Homes(HashMap<HandlePseudonym, Home, BuildHasherDefault<First>>);

impl Homes {
    /// Under whom a handle stands, in order.
    pub(super) fn of(&self, handle: &HandlePseudonym) -> &[Pseudonym] {
        match self.0.get(handle) {
            None => &[],
            Some(Home::One(one)) => one,
            Some(Home::Several(all)) => all,
        }
    }

    /// Those but this one. Most often nobody, and nothing is allocated.
    pub(super) fn others(&self, handle: &HandlePseudonym, person: Pseudonym) -> Vec<Pseudonym> {
        let homes = self.of(handle).iter().copied();
        homes.filter(|home| *home != person).collect()
    }

    pub(super) fn add(&mut self, handle: HandlePseudonym, person: Pseudonym) {
        let known = self.of(&handle);
        if known.contains(&person) {
            return;
        }
        let mut all = known.to_vec();
        all.push(person);
        self.set(handle, all);
    }

    pub(super) fn remove(&mut self, handle: &HandlePseudonym, person: Pseudonym) {
        let left = self.others(handle, person);
        self.set(*handle, left);
    }

    fn set(&mut self, handle: HandlePseudonym, mut all: Vec<Pseudonym>) {
        all.sort_unstable();
        let home = match all.as_slice() {
            [] => {
                self.0.remove(&handle);
                return;
            }
            [one] => Home::One([*one]),
            _ => Home::Several(all.into()),
        };
        self.0.insert(handle, home);
    }
}
