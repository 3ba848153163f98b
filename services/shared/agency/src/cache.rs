//! Subjects whose link record identity has acknowledged, bounded in number.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use dashmap::DashMap;
use parking_lot::Mutex;
use walbrook_domain::Handle;

/// 32 bytes in place of a local id.
pub(crate) type Token = [u8; 32];
/// A keyed hash of demographics: enough to see that they changed, nothing to read them from.
pub(crate) type Digest = [u8; 32];

/// What is known of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its handle.
    pub(crate) handle: Handle,
    /// The demographics that identity was told last; `None` when it was told none since this process started.
    pub(crate) demographics: Option<Digest>,
    /// Identity knows that an event about it was accepted.
    pub(crate) told: bool,
    /// The organisation's own record of it is restricted.
    pub(crate) restricted: bool,
}

/// Streams ask side by side, so the map is a concurrent one. What was not asked for in this generation or the one before is
/// forgotten; a generation ends when half the bound was asked for. Forgetting costs one question to identity, nothing else.
#[derive(Debug)]
pub(crate) struct Cache {
    slots: DashMap<Token, Slot>,
    /// Subjects of a generation.
    size: usize,
    generation: AtomicU64,
    /// Subjects asked for in this generation.
    young: Mutex<usize>,
}

#[derive(Debug)]
struct Slot {
    known: Known,
    /// The generation in which it was asked for last.
    used: AtomicU64,
}

impl Cache {
    /// Holds at most `subjects` (and one more for each caller at work), and half of them for sure.
    pub(crate) fn new(subjects: usize) -> Self {
        Self {
            slots: DashMap::new(),
            size: (subjects / 2).max(1),
            generation: AtomicU64::new(0),
            young: Mutex::new(0),
        }
    }

    pub(crate) fn get(&self, token: &Token) -> Option<Known> {
        let slot = self.slots.get(token)?;
        let generation = self.generation.load(Relaxed);
        let known = slot.known;
        let was_old = slot.used.swap(generation, Relaxed) != generation;
        // Ending a generation locks the whole map: not while a place in it is held.
        drop(slot);
        if was_old {
            self.one_more();
        }
        Some(known)
    }

    pub(crate) fn put(&self, token: Token, known: Known) {
        let generation = self.generation.load(Relaxed);
        let used = AtomicU64::new(generation);
        let before = self.slots.insert(token, Slot { known, used });
        if before.is_none_or(|slot| slot.used.into_inner() != generation) {
            self.one_more();
        }
    }

    /// Identity knows now that an event about the subject was accepted.
    pub(crate) fn told(&self, token: &Token) {
        if let Some(mut slot) = self.slots.get_mut(token) {
            slot.known.told = true;
        }
    }

    /// Counts a subject of this generation, and ends it when it is full. Whoever brings another one meanwhile waits: that
    /// keeps the bound. Whoever asks for what is young does not.
    fn one_more(&self) {
        let mut young = self.young.lock();
        *young += 1;
        if *young >= self.size {
            *young = 0;
            let ended = self.generation.fetch_add(1, Relaxed);
            self.slots
                .retain(|_, slot| slot.used.load(Relaxed) >= ended);
        }
    }

    /// The map counts its parts one after another: nothing may be forgotten and brought again meanwhile.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let _no_generation_ends = self.young.lock();
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u8) -> Token {
        [number; 32]
    }

    fn known(number: u8) -> Known {
        Known {
            handle: Handle::new([number; 16]),
            demographics: None,
            told: false,
            restricted: false,
        }
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_forgotten_within_the_bound() {
        let cache = Cache::new(8);
        for number in 0..100 {
            cache.put(token(number), known(number));
            assert_eq!(cache.get(&token(0)), Some(known(0)), "asked for each time");
            assert_eq!(cache.get(&token(number)), Some(known(number)));
            assert!(cache.len() <= 8);
        }
        assert_eq!(cache.get(&token(50)), None);
    }

    #[test]
    fn callers_side_by_side_find_what_they_put_and_keep_the_bound() {
        let (cache, callers) = (Cache::new(64), 4_u8);
        std::thread::scope(|scope| {
            for caller in 0..callers {
                let cache = &cache;
                scope.spawn(move || {
                    for round in 0..20_000_u32 {
                        let mut own = token(caller);
                        own[..4].copy_from_slice(&(round % 100).to_be_bytes());
                        cache.put(own, known(caller));
                        // The others may have made two generations pass since.
                        assert!(cache.get(&own).is_none_or(|found| found == known(caller)));
                        assert!(cache.len() <= 64 + usize::from(callers));
                    }
                });
            }
        });
        cache.put(token(9), known(9));
        assert_eq!(cache.get(&token(9)), Some(known(9)));
    }

    #[test]
    fn the_last_word_counts() {
        let cache = Cache::new(2);
        cache.put(token(1), known(1));
        cache.put(token(2), known(2));
        let changed = Known {
            demographics: Some([7; 32]),
            ..known(1)
        };
        cache.put(token(1), changed);
        assert_eq!(cache.get(&token(1)), Some(changed));
    }
}
