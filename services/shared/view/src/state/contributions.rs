//! What one handle contributed, and small maps: most people have a record or two, and a record some events. A tree has nodes for eleven of each, and
//! that was most of the memory that a person took.

use super::packed::Packed;
use super::words::Words;
use walbrook_domain::{AgreementId, EventId};

/// Contributions of one handle, in the order of (event, agreement).
#[derive(Debug, Clone, Default)]
pub(crate) struct Contributions(Vec<Packed>);

impl Contributions {
    fn place(
        &self,
        event: &EventId,
        agreement: &AgreementId,
        words: &Words,
    ) -> Result<usize, usize> {
        self.0.binary_search_by(|one| {
            let by_event = one.event.cmp(event);
            by_event.then_with(|| one.agreement(words).cmp(&Some(agreement)))
        })
    }

    /// What stands under a key.
    pub(crate) fn get(
        &self,
        event: &EventId,
        agreement: &AgreementId,
        words: &Words,
    ) -> Option<&Packed> {
        let at = self.place(event, agreement, words).ok()?;
        self.0.get(at)
    }

    /// Puts a contribution where it belongs, in the place of what stood under its key; whether nothing did.
    pub(crate) fn insert(&mut self, one: Packed, agreement: &AgreementId, words: &Words) -> bool {
        let place = self.place(&one.event, agreement, words);
        match place {
            Ok(at) => {
                if let Some(stood) = self.0.get_mut(at) {
                    *stood = one;
                }
            }
            Err(at) => {
                // Room for one more and not for twice as many, while there are few: the room would outweigh what stands in it.
                if self.0.len() < FEW {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, one);
            }
        }
        place.is_err()
    }

    /// Takes out what stands under a key; whether anything did.
    pub(crate) fn remove(
        &mut self,
        event: &EventId,
        agreement: &AgreementId,
        words: &Words,
    ) -> bool {
        let place = self.place(event, agreement, words);
        place.map(|at| self.0.remove(at)).is_ok()
    }

    /// Keeps what `stays` says, in order.
    pub(crate) fn retain(&mut self, stays: impl FnMut(&Packed) -> bool) {
        self.0.retain(stays);
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Packed> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// So many grow one by one.
const FEW: usize = 16;

/// A map of few, in order of key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Few<K, V>(Vec<(K, V)>);

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Few<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(one, _)| one.cmp(key))
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let at = self.place(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.place(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Ok(at) = self.place(key) {
            self.0.remove(at);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Ord, V: Default> Few<K, V> {
    /// What stands under a key; something new when nothing does.
    #[expect(
        clippy::indexing_slicing,
        reason = "the place was found, or filled, one line before"
    )]
    pub(crate) fn or_default(&mut self, key: K) -> &mut V {
        let at = match self.place(&key) {
            Ok(at) => at,
            Err(at) => {
                if self.0.len() < FEW {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (key, V::default()));
                at
            }
        };
        &mut self.0[at].1
    }
}
