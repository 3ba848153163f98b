//! The local store of one purpose: applied offset and state of each partition, always of the same moment.
//!
//! A batch of changes and the offset behind it are written atomically, so a process killed at any point goes on from the offset that its state
//! stands at. Everything stands in one keyspace: whatever of the end of its files is lost, what is left is the state of one moment. A store of
//! another format, another topic or other views is emptied and filled from the log again; so is one that was deleted, or is damaged.

use crate::damage::is_damage;
use crate::notices::Causes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::path::{Path, PathBuf};
use walbrook_domain::Day;
use walbrook_view::canon::CanonError;
use walbrook_view::{Change, Partition};

/// Copied in one batch.
const COPIED_AT_ONCE_BYTES: usize = 4 << 20;

/// The store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the store on it.
    #[error("cannot {operation} the view store {path}: make room or mend the disk and start the process again; when it stays so, delete the folder: it is filled from the log again", path = path.display())]
    Disk {
        /// What was being done.
        operation: &'static str,
        /// The store.
        path: PathBuf,
        /// Why not.
        #[source]
        source: fjall::Error,
    },
    /// The folder cannot be emptied.
    #[error("cannot empty the view store {path}", path = path.display())]
    Folder {
        /// The store.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The folder is not the one that was opened.
    #[error("the view store {path} was taken away while it was in use; start the process again: it is filled from the log", path = path.display())]
    Gone {
        /// The store.
        path: PathBuf,
    },
    /// An item is damaged.
    #[error("the view store {path} is damaged", path = path.display())]
    Item {
        /// The store.
        path: PathBuf,
        /// What.
        #[source]
        source: CanonError,
    },
}

impl StoreError {
    /// Whether what stands in the folder cannot be used, whatever the disk has room for: it is to be filled from the log again.
    pub fn is_damage(&self) -> bool {
        match self {
            StoreError::Disk { source, .. } => is_damage(source),
            StoreError::Item { .. } => true,
            StoreError::Folder { .. } | StoreError::Gone { .. } => false,
        }
    }
}

/// A removal that is still to be written to the audit log, by key.
pub type Owed = (Vec<u8>, Vec<u8>);

/// The store.
pub struct Store {
    path: PathBuf,
    /// The folder as it was opened: another of the same name is another store.
    inode: u64,
    database: Database,
    items: Keyspace,
}

const FINGERPRINT: &[u8] = b"fingerprint";
/// The London day on which everything in the folder was last written anew.
const WRITTEN_ON: &[u8] = b"written-on";
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
        let database = Database::builder(path).open().map_err(disk)?;
        let items = database
            .keyspace("view", KeyspaceCreateOptions::default)
            .map_err(disk)?;
        let inode = inode(path).map_err(|source| disk(source.into()))?;
        Ok(Self {
            path: path.to_owned(),
            inode,
            database,
            items,
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
        let next = match self.get(&offset_key(partition))? {
            None => return Ok((Partition::default(), 0)),
            Some(bytes) => <[u8; 8]>::try_from(bytes.as_slice())
                .map(i64::from_be_bytes)
                .map_err(|_| self.damaged(CanonError { what: "offset" }))?,
        };
        let mut state = Partition::default();
        let prefix = item_key(partition, &[]);
        for guard in self.items.prefix(&prefix) {
            let item = guard.into_inner();
            let (key, value) = item.map_err(|source| self.disk("read", source))?;
            let key = key.get(prefix.len()..).unwrap_or_default();
            state
                .restore(key, &value)
                .map_err(|source| self.damaged(source))?;
        }
        Ok((state, next))
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
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        if changes
            .iter()
            .any(|change| matches!(change, Change::Drop(_)))
        {
            batch.insert(&self.items, LEFT, []);
        }
        for change in changes {
            match change {
                Change::Put(key, value) => {
                    batch.insert(&self.items, item_key(partition, &key), value)
                }
                Change::Drop(key) => batch.remove(&self.items, item_key(partition, &key)),
            }
        }
        for (key, value) in owed {
            batch.insert(&self.items, key, value);
        }
        let next = next_offset.to_be_bytes();
        batch.insert(&self.items, offset_key(partition), next.as_slice());
        batch.commit().map_err(|source| self.disk("write", source))
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
        let mut bytes = 0;
        for guard in self.items.iter() {
            let item = guard.into_inner();
            let (key, value) = item.map_err(|source| self.disk("read", source))?;
            if *key == *LEFT || *key == *WRITTEN_ON {
                continue;
            }
            bytes += key.len() + value.len();
            batch.insert(&anew.items, key, value);
            if bytes > COPIED_AT_ONCE_BYTES {
                let full = std::mem::replace(&mut batch, anew.database.batch());
                full.commit().map_err(|source| anew.disk("write", source))?;
                bytes = 0;
            }
        }
        batch.insert(&anew.items, WRITTEN_ON, today.0.to_be_bytes().as_slice());
        let written = batch.commit();
        let written = written.and_then(|()| anew.database.persist(PersistMode::SyncAll));
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
/// Before the key of every item: none of the other keys begins so.
const ITEM: u8 = 0;

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

fn offset_key(partition: i32) -> Vec<u8> {
    let mut key = b"offset/".to_vec();
    key.extend_from_slice(&partition.to_be_bytes());
    key
}

fn item_key(partition: i32, key: &[u8]) -> Vec<u8> {
    let mut full = vec![ITEM];
    full.extend_from_slice(&partition.to_be_bytes());
    full.extend_from_slice(key);
    full
}
