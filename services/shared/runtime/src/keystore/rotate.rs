//! Rotation of an agency's key. Its lookup tokens change; handles never do.
//!
//! Gateways and identity are started again after each step. While the key before stands, a gateway shows both tokens of whom it asks about, and
//! identity lets the record take the new one. Local ids are kept nowhere, so only records that are asked for can take it.

use std::path::Path;

use super::create::{create_folder, replace_secret};
use super::file::{FileKeyStore, agency_before_path, agency_path};
use super::{KeyStore, KeyStoreError};

/// Makes a new key for an agency's tokens and keeps the current one as the one before.
///
/// # Errors
/// When a rotation is under way, the agency has no usable key, or a file cannot be written. The current key is never lost.
pub fn rotate_agency(folder: &Path, agency: &str) -> Result<(), KeyStoreError> {
    let store = FileKeyStore::open(folder)?;
    let key = store.agency(agency)?;
    let (current, before) = (
        agency_path(folder, agency)?,
        agency_before_path(folder, agency)?,
    );
    let failed = |path: &Path, cause| KeyStoreError::File {
        path: path.to_owned(),
        cause,
    };
    match store.agency_before(agency)? {
        // A rotation that was cut short right here: the new key was not made yet.
        Some(kept) if kept.as_bytes() == key.as_bytes() => return replace_secret(&current),
        Some(_) => return Err(KeyStoreError::UnderWay { path: before }),
        None => {}
    }
    if let Some(parent) = before.parent() {
        create_folder(parent)?;
    }
    std::fs::hard_link(&current, &before).map_err(|cause| failed(&before, cause))?;
    replace_secret(&current)
}

/// Destroys the key before an agency's current one. Records that never took a new token are new records when they are asked for again.
///
/// # Errors
/// When there is none, or the file cannot be removed.
pub fn retire_agency(folder: &Path, agency: &str) -> Result<(), KeyStoreError> {
    let before = agency_before_path(folder, agency)?;
    std::fs::remove_file(&before).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => KeyStoreError::Missing { path: before },
        _ => KeyStoreError::File {
            path: before,
            cause,
        },
    })
}
