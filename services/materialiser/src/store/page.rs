//! Pages: what a batch changed, one after the other in one value. As a key for each item, the store's table in memory and its order cost more than
//! applying the items did: nothing is ever looked up here, it is only read again from the beginning.
//!
//! A page: the offset behind it and how many changes it has (8 and 4 bytes), then of each change a mark, the key's length (2 bytes) and the key, and for
//! what was put the value's length (4 bytes) and the value. Whole numbers are big-endian.

use std::collections::VecDeque;
use walbrook_view::canon::{CanonError, Reader};
use walbrook_view::{Change, Partition};

const PUT: u8 = 1;
const DROP: u8 = 0;
const HEAD: usize = 12;
/// A page is closed when it is as long as that.
const FULL: usize = 1 << 20;

/// A page that is being written.
pub(super) struct Page {
    bytes: Vec<u8>,
    changes: u32,
}

impl Page {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; HEAD],
            changes: 0,
        }
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) {
        self.key(PUT, key);
        // No record is as long as that.
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn add(&mut self, change: &Change) {
        match change {
            Change::Put(key, value) => self.put(key, value),
            Change::Drop(key) => self.key(DROP, key),
        }
    }

    fn key(&mut self, mark: u8, key: &[u8]) {
        self.changes += 1;
        let length = u16::try_from(key.len()).unwrap_or(u16::MAX);
        self.bytes.push(mark);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(key);
    }

    pub(super) const fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    pub(super) const fn changes(&self) -> u32 {
        self.changes
    }

    /// The page with the offset behind it.
    pub(super) fn closed(mut self, next_offset: i64) -> Vec<u8> {
        let head = next_offset.to_be_bytes();
        let head = head.into_iter().chain(self.changes.to_be_bytes());
        for (to, from) in self.bytes.iter_mut().zip(head) {
            *to = from;
        }
        self.bytes
    }
}

/// The head of a page: the offset behind it, and how many changes it has.
pub(super) type Head = (i64, u32);

/// Reads the head of a page.
pub(super) fn head(page: &mut Reader<'_>) -> Result<Head, CanonError> {
    Ok((page.int()?, u32::from_be_bytes(page.fixed()?)))
}

/// A change as a page has it.
pub(super) enum Read<'p> {
    Put(&'p [u8], &'p [u8]),
    Drop(&'p [u8]),
}

/// Goes through the changes of a page, and says its head.
pub(super) fn read(
    bytes: &[u8],
    change: &mut dyn FnMut(Read<'_>) -> Result<(), CanonError>,
) -> Result<Head, CanonError> {
    let mut page = Reader::new(bytes, "page");
    let head = head(&mut page)?;
    for _ in 0..head.1 {
        let mark = page.byte()?;
        let length = u16::from_be_bytes(page.fixed()?);
        let key = page.bytes(length.into())?;
        match mark {
            PUT => {
                let length = page.count()?;
                change(Read::Put(key, page.bytes(length)?))?;
            }
            DROP => change(Read::Drop(key))?,
            _ => return Err(page.fault()),
        }
    }
    page.end()?;
    Ok(head)
}

/// Applies a page to the state before it.
pub(super) fn restore(state: &mut Partition, bytes: &[u8]) -> Result<Head, CanonError> {
    read(bytes, &mut |change| match change {
        Read::Put(key, value) => state.restore(key, value),
        Read::Drop(key) => state.forget(key),
    })
}

/// The pages that a partition has.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// Their numbers, one after the other, and how many changes each has.
    held: VecDeque<(u64, u32)>,
    changes: u64,
    /// The offset behind the last one.
    pub(super) next_offset: i64,
    /// Since when they are being written anew, and the person up to whom they are.
    pub(super) anew: Option<super::rewrite::Anew>,
    next: u64,
}

impl Pages {
    /// The number of the next page.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Changes on all pages.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    /// How many pages there are.
    pub(super) fn count(&self) -> u64 {
        self.held.len() as u64
    }

    /// Takes a page in; not one that leaves a gap.
    pub(super) fn add(&mut self, number: u64, (next_offset, changes): Head) -> bool {
        if !self.held.is_empty() && number != self.next {
            return false;
        }
        self.held.push_back((number, changes));
        self.changes += u64::from(changes);
        self.next = number + 1;
        self.next_offset = next_offset;
        true
    }

    /// The pages with numbers below.
    pub(super) fn below(&self, number: u64) -> impl Iterator<Item = u64> {
        let all = self.held.iter().map(|(held, _)| *held);
        all.take_while(move |held| *held < number)
    }

    /// Those are gone.
    pub(super) fn drop_below(&mut self, number: u64) {
        while let Some((_, changes)) = self.held.pop_front_if(|(held, _)| *held < number) {
            self.changes -= u64::from(changes);
        }
    }
}
