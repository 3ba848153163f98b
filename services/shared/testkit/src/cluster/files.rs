//! File operations that name the file when they fail.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::ClusterError;

pub(super) fn failed(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::File {
        operation,
        path,
        source,
    }
}

pub(super) fn create_folder(path: &Path) -> Result<(), ClusterError> {
    fs::create_dir_all(path).map_err(failed("create folder", path))
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), ClusterError> {
    fs::write(path, text).map_err(failed("write", path))
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), ClusterError> {
    fs::rename(from, to).map_err(failed("move into place", to))
}

/// Removes a folder and what is in it; one that is not there is fine.
pub(super) fn remove_folder(path: &Path) -> Result<(), ClusterError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Opens a file that exists only to be locked.
pub(super) fn open_lock(path: &Path) -> Result<File, ClusterError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(failed("open lock file", path))
}
