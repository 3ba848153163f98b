//! The local store of one purpose: applied offset and state of each partition, always of the same moment.
//!
//! A batch of changes and the offset behind it are one page, so a process killed at any point goes on from the offset that its state stands at.
//! Everything stands in one keyspace: whatever of the end of its files is lost, what is left is the state of one moment. A store of
//! another format, another topic or other views is emptied and filled from the log again; so is one that was deleted, or is damaged.

mod error;
mod page;
mod rewrite;

pub use error::StoreError;

use crate::damage::no_folder_among_tables;
use crate::notices::Causes;
use fjall::compaction::Leveled;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use page::{Head, Page, Pages};
use parking_lot::Mutex;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use walbrook_domain::Day;
use walbrook_view::canon::{CanonError, Reader};
use walbrook_view::{Change, Partition};

/// What is on its way to tables stands in memory up to this size; pages are few and long, so little is gained by more.
const WRITE_BUFFER_BYTES: u64 = 8 << 20;
/// So many tables may stand before they are brought into one order: the more, the fewer times each page is written.
const L0_TABLES: u8 = 8;
/// Tables are read once, at a start.
const CACHE_BYTES: u64 = 2 << 20;

/// A removal that is still to be written to the audit log, by key.
pub type Owed = (Vec<u8>, Vec<u8>);

/// Reads a page and says its head.
type ReadPage<'r> = &'r mut dyn FnMut(&[u8]) -> Result<Head, CanonError>;

/// The store.
pub struct Store {
    path: PathBuf,
    /// The folder as it was opened: another of the same name is another store.
    inode: u64,
    database: Database,
    items: Keyspace,
    pages: Mutex<BTreeMap<i32, Pages>>,
    /// Whether it is noted that something was taken out.
    has_left: AtomicBool,
}

const FINGERPRINT: &[u8] = b"fingerprint";
/// The London day on which everything in the folder was last written anew.
const WRITTEN_ON: &[u8] = b"written-on";
/// The generation of the purpose's topic that the state was begun in.
const BEGAN_IN: &[u8] = b"began-in";
/// That something was taken out since: its bytes may still stand in a file.
const LEFT: &[u8] = b"left";

impl Store {
    /// Opens the store in a folder, or makes it. `fingerprint` stands for what the stored state means; with another one the store is emptied.
    ///
    /// # Errors
    /// When the disk fails, or another process has the store open.
    pub fn open(path: &Path, fingerprint: &[u8; 32]) -> Result<Self, StoreError> {
        let store = Self::at(path)?;
        if store.get(FINGERPRINT)?.as_deref() == Some(fingerprint.as_slice()) {
            return Ok(store);
        }
        store.emptied(fingerprint)
    }

    fn at(path: &Path) -> Result<Self, StoreError> {
        let disk = |source| StoreError::Disk {
            operation: "open",
            path: path.to_owned(),
            source,
        };
        no_folder_among_tables(path).map_err(|source| disk(source.into()))?;
        // What the journal holds is written once more as a table and then gone: to press it together costs more than it saves.
        let database = Database::builder(path)
            .journal_compression(CompressionType::None)
            .cache_size(CACHE_BYTES)
            .open()
            .map_err(disk)?;
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(WRITE_BUFFER_BYTES)
                .compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(L0_TABLES)))
        };
        let items = database.keyspace("view", options).map_err(disk)?;
        let has_left = items.get(LEFT).map_err(disk)?.is_some();
        let inode = inode(path).map_err(|source| disk(source.into()))?;
        Ok(Self {
            path: path.to_owned(),
            inode,
            database,
            items,
            pages: Mutex::default(),
            has_left: AtomicBool::new(has_left),
        })
    }

    /// The same store with nothing in it but what its state will mean.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn emptied(self, fingerprint: &[u8; 32]) -> Result<Self, StoreError> {
        let emptied = self.items.clear();
        let emptied = emptied.and_then(|()| self.items.insert(FINGERPRINT, fingerprint.as_slice()));
        emptied.map_err(|source| self.disk("empty", source))?;
        self.pages.lock().clear();
        self.has_left.store(false, Ordering::Relaxed);
        Ok(self)
    }

    fn disk(&self, operation: &'static str, source: fjall::Error) -> StoreError {
        StoreError::Disk {
            operation,
            path: self.path.clone(),
            source,
        }
    }

    fn damaged(&self, source: CanonError) -> StoreError {
        StoreError::Item {
            path: self.path.clone(),
            source,
        }
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.items.get(key);
        let found = found.map_err(|source| self.disk("read", source))?;
        Ok(found.map(|value| value.to_vec()))
    }

    /// The state of a partition and the next offset to apply to it; empty and 0 for one never seen.
    ///
    /// # Errors
    /// When the disk fails or an item is damaged.
    pub fn restore(&self, partition: i32) -> Result<(Partition, i64), StoreError> {
        let mut state = Partition::default();
        let words = word_key(partition, &[]);
        for guard in self.items.prefix(&words) {
            let item = guard.into_inner();
            let (key, value) = item.map_err(|source| self.disk("read", source))?;
            let key = key.get(words.len()..).unwrap_or_default();
            let put = state.restore(key, &value);
            put.map_err(|source| self.damaged(source))?;
        }
        let pages = self.read_pages(partition, &mut |page| page::restore(&mut state, page))?;
        let next_offset = pages.next_offset;
        self.pages.lock().entry(partition).or_insert(pages);
        Ok((state, next_offset))
    }

    /// Goes through the pages of a partition in order.
    fn read_pages(&self, partition: i32, read: ReadPage<'_>) -> Result<Pages, StoreError> {
        let mut pages = Pages::default();
        let prefix = page_prefix(partition);
        for guard in self.items.prefix(prefix) {
            let item = guard.into_inner();
            let (key, page) = item.map_err(|source| self.disk("read", source))?;
            let number = key.get(prefix.len()..).unwrap_or_default();
            let number = <[u8; 8]>::try_from(number).map(u64::from_be_bytes);
            let head = read(&page).map_err(|source| self.damaged(source))?;
            // One that is not there would be missed by nobody else.
            if !number.is_ok_and(|number| pages.add(number, head)) {
                return Err(self.damaged(CanonError { what: "pages" }));
            }
        }
        Ok(pages)
    }

    /// The pages of a partition, looked up when they are not known.
    fn known<'p>(
        &self,
        all: &'p mut BTreeMap<i32, Pages>,
        partition: i32,
    ) -> Result<&'p mut Pages, StoreError> {
        match all.entry(partition) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let head = &mut |page: &[u8]| page::head(&mut Reader::new(page, "page"));
                Ok(new.insert(self.read_pages(partition, head)?))
            }
        }
    }

    /// Writes what a batch changed, the offset behind it and what is owed to the audit log, all or nothing.
    ///
    /// # Errors
    /// When the disk fails; nothing of the batch stands then.
    pub fn commit(
        &self,
        partition: i32,
        next_offset: i64,
        changes: Vec<Change>,
        owed: Vec<Owed>,
    ) -> Result<(), StoreError> {
        let mut all = self.pages.lock();
        let pages = self.known(&mut all, partition)?;
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        let dropped = changes
            .iter()
            .any(|change| matches!(change, Change::Drop(_)));
        if dropped && !self.has_left.load(Ordering::Relaxed) {
            batch.insert(&self.items, LEFT, []);
        }
        let mut page = Page::new();
        let mut full = Vec::new();
        for change in changes {
            if change.is_word() {
                if let Change::Put(key, value) = change {
                    batch.insert(&self.items, word_key(partition, &key), value);
                }
                continue;
            }
            page.add(&change);
            if page.is_full() {
                full.push(std::mem::replace(&mut page, Page::new()));
            }
        }
        full.push(page);
        let mut heads = Vec::new();
        for (page, number) in full.into_iter().zip(pages.next()..) {
            heads.push((number, (next_offset, page.changes())));
            let bytes = page.closed(next_offset);
            batch.insert(&self.items, page_key(partition, number), bytes);
        }
        for (key, value) in owed {
            batch.insert(&self.items, key, value);
        }
        let written = batch.commit();
        written.map_err(|source| self.disk("write", source))?;
        self.has_left.fetch_or(dropped, Ordering::Relaxed);
        for (number, head) in heads {
            pages.add(number, head);
        }
        Ok(())
    }

    /// Writes what stands in memory alone into tables; for tests of what is on disk.
    #[doc(hidden)]
    pub fn flushed(&self) {
        // A test that needs tables looks for them.
        let _ = self.items.rotate_memtable_and_wait();
    }

    /// What fell, as it is kept here.
    pub fn causes(&self) -> Causes {
        Causes::new(self.items.clone())
    }

    /// Where everything of it stands.
    pub fn keyspace(&self) -> Keyspace {
        self.items.clone()
    }

    /// That the folder is still the one that was opened.
    ///
    /// # Errors
    /// When it is not.
    pub fn stands(&self) -> Result<(), StoreError> {
        match inode(&self.path) {
            Ok(found) if found == self.inode => Ok(()),
            _ => Err(StoreError::Gone {
                path: self.path.clone(),
            }),
        }
    }

    /// Notes the day on which a store was begun, once.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn begun(&self, today: Day) -> Result<(), StoreError> {
        if self.get(WRITTEN_ON)?.is_some() {
            return Ok(());
        }
        let noted = self
            .items
            .insert(WRITTEN_ON, today.0.to_be_bytes().as_slice());
        noted.map_err(|source| self.disk("write", source))
    }

    /// The generation of the purpose's topic that the state was begun in; noted the first time, as `now`.
    ///
    /// # Errors
    /// When the disk fails, or what was noted is damaged.
    pub fn began_in(&self, now: u32) -> Result<u32, StoreError> {
        if let Some(noted) = self.get(BEGAN_IN)? {
            let noted = <[u8; 4]>::try_from(noted.as_slice()).map(u32::from_be_bytes);
            return noted.map_err(|_| self.damaged(CanonError { what: "generation" }));
        }
        let noted = self.items.insert(BEGAN_IN, now.to_be_bytes().as_slice());
        noted.map_err(|source| self.disk("write", source))?;
        Ok(now)
    }

    /// Whether something was taken out since everything in the folder was written anew, on another day than this. What is taken out of a
    /// store stands in its files until they are written anew.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn holds_what_left(&self, today: Day) -> Result<bool, StoreError> {
        let written_on = self.get(WRITTEN_ON)?;
        let today = today.0.to_be_bytes();
        Ok(self.get(LEFT)?.is_some() && written_on.as_deref() != Some(today.as_slice()))
    }

    /// Everything that stands here, and nothing that does not, in a new store in another folder.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn written_anew(&self, path: &Path, today: Day) -> Result<Self, StoreError> {
        let anew = Self::at(path)?;
        let mut batch = anew.database.batch();
        let mut partitions = BTreeSet::new();
        for guard in self.items.iter() {
            let item = guard.into_inner();
            let (key, value) = item.map_err(|source| self.disk("read", source))?;
            if let Some(partition) = page_of(&key) {
                partitions.insert(partition);
            } else if *key != *LEFT && *key != *WRITTEN_ON {
                batch.insert(&anew.items, key, value);
            }
        }
        let written = batch.commit();
        written.map_err(|source| anew.disk("write", source))?;
        for partition in partitions {
            // What is on pages and stands no more is known by what does.
            let (state, next_offset) = self.restore(partition)?;
            anew.write(partition, next_offset, &state)?;
        }
        let noted = anew
            .items
            .insert(WRITTEN_ON, today.0.to_be_bytes().as_slice());
        let written = noted.and_then(|()| anew.database.persist(PersistMode::SyncAll));
        written.map_err(|source| anew.disk("write", source))?;
        Ok(anew)
    }

    /// What is still owed to the audit log.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn owed(&self) -> Result<Vec<Owed>, StoreError> {
        let mut owed = Vec::new();
        for guard in self.items.prefix(OWED) {
            let item = guard.into_inner();
            let (key, value) = item.map_err(|source| self.disk("read", source))?;
            owed.push((key.to_vec(), value.to_vec()));
        }
        Ok(owed)
    }

    /// Forgets what was written to the audit log.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn settle(&self, keys: Vec<Vec<u8>>) -> Result<(), StoreError> {
        let mut batch = self.database.batch();
        for key in keys {
            batch.remove(&self.items, key);
        }
        batch.commit().map_err(|source| self.disk("write", source))
    }
}

const OWED: &[u8] = b"owed/";
/// Before the words that a partition's items are said with. They are not on pages: those go, and what is behind them needs the words.
const WORD: &[u8] = b"word/";
/// Before the key of every page: none of the other keys begins so.
const PAGE: u8 = 0;

fn inode(path: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(path)?.ino())
}

/// Where the key of a removal says that its cause stands.
pub fn owed_for(key: &[u8]) -> Option<(i32, i64)> {
    let (partition, rest) = key.strip_prefix(OWED)?.split_first_chunk()?;
    let (offset, _) = rest.split_first_chunk()?;
    Some((i32::from_be_bytes(*partition), i64::from_be_bytes(*offset)))
}

/// The key of a removal that is owed: by partition, offset and view.
pub fn owed_key(partition: i32, offset: i64, view: &str) -> Vec<u8> {
    let mut key = OWED.to_vec();
    key.extend_from_slice(&partition.to_be_bytes());
    key.extend_from_slice(&offset.to_be_bytes());
    key.extend_from_slice(view.as_bytes());
    key
}

fn page_prefix(partition: i32) -> [u8; 5] {
    let [a, b, c, d] = partition.to_be_bytes();
    [PAGE, a, b, c, d]
}

fn page_key(partition: i32, number: u64) -> Vec<u8> {
    let mut key = page_prefix(partition).to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The partition of a page's key; `None`: it is another key.
fn page_of(key: &[u8]) -> Option<i32> {
    let (partition, _) = key.strip_prefix(&[PAGE])?.split_first_chunk()?;
    Some(i32::from_be_bytes(*partition))
}

fn word_key(partition: i32, key: &[u8]) -> Vec<u8> {
    [WORD, &partition.to_be_bytes(), key].concat()
}
