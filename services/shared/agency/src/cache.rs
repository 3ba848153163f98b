//! Subjects whose link record identity has acknowledged, bounded in number.

use std::collections::HashMap;

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
}

/// Two generations: a subject that is asked for moves to the young one; when that is full it becomes the old one, and
/// what was in the old one and never asked for is forgotten. Forgetting costs one question to identity, nothing else.
#[derive(Debug)]
pub(crate) struct Cache {
    young: HashMap<Token, Known>,
    old: HashMap<Token, Known>,
    generation: usize,
}

impl Cache {
    /// Holds at most `subjects`, and half of them for sure.
    pub(crate) fn new(subjects: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            generation: (subjects / 2).max(1),
        }
    }

    pub(crate) fn get(&mut self, token: &Token) -> Option<Known> {
        if let Some(known) = self.young.get(token) {
            return Some(*known);
        }
        let known = self.old.remove(token)?;
        self.put(*token, known);
        Some(known)
    }

    pub(crate) fn put(&mut self, token: Token, known: Known) {
        if self.young.len() >= self.generation && !self.young.contains_key(&token) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, known);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
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
        }
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_forgotten_within_the_bound() {
        let mut cache = Cache::new(8);
        for number in 0..100 {
            cache.put(token(number), known(number));
            assert_eq!(cache.get(&token(0)), Some(known(0)), "asked for each time");
            assert_eq!(cache.get(&token(number)), Some(known(number)));
            assert!(cache.len() <= 8);
        }
        assert_eq!(cache.get(&token(50)), None);
    }

    #[test]
    fn the_last_word_counts() {
        let mut cache = Cache::new(2);
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
