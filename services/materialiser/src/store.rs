//! The local store of one purpose: applied offset and state of each partition, always of the same moment.
//!
//! A batch of changes and the offset behind it are written atomically, so a process killed at any point goes on from the offset that its state
//! stands at. A store of another format, another topic or other views is emptied and filled from the log again; so is one that was deleted.

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::path::{Path, PathBuf};
use walbrook_view::canon::CanonError;
use walbrook_view::{Change, Partition};

/// The store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the store on it.
    #[error("cannot {operation} the view store {path}; when it stays so, delete the folder: it is filled from the log again", path = path.display())]
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

/// A removal that is still to be written to the audit log, by key.
pub type Owed = (Vec<u8>, Vec<u8>);

/// The store.
pub struct Store {
    path: PathBuf,
    database: Database,
    items: Keyspace,
    meta: Keyspace,
}

const FINGERPRINT: &[u8] = b"fingerprint";

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
            .keyspace("items", KeyspaceCreateOptions::default)
            .map_err(disk)?;
        let meta = database
            .keyspace("meta", KeyspaceCreateOptions::default)
            .map_err(disk)?;
        Ok(Self {
            path: path.to_owned(),
            database,
            items,
            meta,
        })
    }

    /// The same store with nothing in it but what its state will mean.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn emptied(self, fingerprint: &[u8; 32]) -> Result<Self, StoreError> {
        // The offsets go first: a kill in between leaves items that are overwritten, never an offset without its items.
        let emptied = self
            .meta
            .clear()
            .and_then(|()| self.items.clear())
            .and_then(|()| self.meta.insert(FINGERPRINT, fingerprint.as_slice()));
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
        let found = self.meta.get(key);
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
        let prefix = partition.to_be_bytes();
        for guard in self.items.prefix(prefix) {
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
        for change in changes {
            match change {
                Change::Put(key, value) => {
                    batch.insert(&self.items, item_key(partition, &key), value)
                }
                Change::Drop(key) => batch.remove(&self.items, item_key(partition, &key)),
            }
        }
        for (key, value) in owed {
            batch.insert(&self.meta, key, value);
        }
        let next = next_offset.to_be_bytes();
        batch.insert(&self.meta, offset_key(partition), next.as_slice());
        batch.commit().map_err(|source| self.disk("write", source))
    }

    /// What is still owed to the audit log.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn owed(&self) -> Result<Vec<Owed>, StoreError> {
        let mut owed = Vec::new();
        for guard in self.meta.prefix(OWED) {
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
            batch.remove(&self.meta, key);
        }
        batch.commit().map_err(|source| self.disk("write", source))
    }
}

const OWED: &[u8] = b"owed/";

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
    let mut full = partition.to_be_bytes().to_vec();
    full.extend_from_slice(key);
    full
}
