//! What can go wrong with a store.

use crate::damage::is_damage;
use std::path::PathBuf;
use walbrook_view::canon::CanonError;

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
