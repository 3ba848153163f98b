//! Files of a store that are damaged: what the store says of them, and where it panics instead.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Whether what stands in a store's folder cannot be used, whatever the disk has room for.
pub fn is_damage(error: &fjall::Error) -> bool {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
            is_damaged_file(error)
        }
        fjall::Error::Locked | fjall::Error::Poisoned | fjall::Error::KeyspaceDeleted => false,
        _ => true,
    }
}

/// A file that is missing, too short or says something impossible; not a disk that is full or may not be written.
fn is_damaged_file(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory};
    use std::io::ErrorKind::{InvalidData, InvalidInput, NotFound, Other, UnexpectedEof};
    let kinds = [
        InvalidData,
        InvalidInput,
        NotFound,
        Other,
        UnexpectedEof,
        AlreadyExists,
        IsADirectory,
        NotADirectory,
    ];
    kinds.contains(&error.kind())
}

/// That no folder stands where a table belongs: over one the store panics twice, and the process with it.
///
/// # Errors
/// When one does.
pub fn no_folder_among_tables(store: &Path) -> io::Result<()> {
    let inside = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    for keyspace in inside(&store.join("keyspaces")) {
        if inside(&keyspace.join("tables")).any(|table| table.is_dir()) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
    }
    Ok(())
}

/// What work on a store comes to; `None`: it panicked. The store panics over some files that it did not write.
pub fn unwound<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Nothing of the work is used after a panic but what it returned.
    catch_unwind(AssertUnwindSafe(work)).ok()
}
