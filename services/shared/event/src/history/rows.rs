//! Lists that only grow, in blocks that a copy shares: whoever keeps one on disk copies it at a moment and writes it while the list goes on.

use std::sync::Arc;

/// Entries in a block.
const BLOCK: usize = 4_096;

/// Readable records in the order of offsets, 72 bytes each. The texts among them are numbers: of one event a person's index keeps nothing else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) offset: i64,
    pub(super) accepted_at_micros: i64,
    pub(super) event: [u8; 16],
    pub(super) content_hash: [u8; 16],
    /// A handle; or the number of another key.
    pub(super) subject: [u8; 16],
    /// Twice the organisation's number, plus one for a subject that is no handle.
    pub(super) source: u32,
    /// The subject's row before this one, plus one; 0: this is its first.
    pub(super) before: u32,
}

const _: () = assert!(size_of::<Row>() == 72);

/// A list that only grows.
#[derive(Debug)]
pub(super) struct Grown<T> {
    full: Vec<Arc<[T]>>,
    open: Vec<T>,
}

impl<T> Default for Grown<T> {
    fn default() -> Self {
        Self {
            full: Vec::new(),
            open: Vec::new(),
        }
    }
}

/// Full blocks are shared.
impl<T: Copy> Clone for Grown<T> {
    fn clone(&self) -> Self {
        Self {
            full: self.full.clone(),
            open: self.open.clone(),
        }
    }
}

impl<T: Copy> Grown<T> {
    pub(super) fn push(&mut self, entry: T) {
        self.open.push(entry);
        if self.open.len() == BLOCK {
            self.full.push(self.open.as_slice().into());
            self.open.clear();
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.full.len() * BLOCK + self.open.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        match self.full.get(at / BLOCK) {
            Some(block) => block.get(at % BLOCK),
            None => self.open.get(at - self.full.len() * BLOCK),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.full
            .iter()
            .flat_map(|block| block.iter())
            .chain(&self.open)
    }

    /// The first place whose entry is not `before`; everything that is stands in front of everything that is not.
    pub(super) fn partition_point(&self, before: impl Fn(&T) -> bool) -> usize {
        let whole = |block: &Arc<[T]>| block.last().is_some_and(&before);
        let blocks = self.full.partition_point(whole);
        let block = self.full.get(blocks).map_or(&*self.open, |block| &**block);
        blocks * BLOCK + block.partition_point(&before)
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Grown};

    #[test]
    fn a_copy_stays_as_it_was_and_places_are_found_over_blocks() {
        let mut list = Grown::default();
        let most = 2 * BLOCK + 10;
        let mut copies = Vec::new();
        for number in 0..most {
            if number % 1_000 == 0 {
                copies.push((number, list.clone()));
            }
            list.push(number * 2);
        }
        assert_eq!(list.len(), most);
        assert!(list.iter().copied().eq((0..most).map(|number| number * 2)));
        for (length, copy) in copies {
            assert!(
                copy.iter()
                    .copied()
                    .eq((0..length).map(|number| number * 2))
            );
        }
        for place in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, most - 1] {
            assert_eq!(list.get(place), Some(&(place * 2)));
            assert_eq!(list.partition_point(|entry| *entry < place * 2), place);
            assert_eq!(list.partition_point(|entry| *entry <= place * 2), place + 1);
        }
        assert_eq!(list.get(most), None);
        assert_eq!(list.partition_point(|_| true), most);
    }
}
