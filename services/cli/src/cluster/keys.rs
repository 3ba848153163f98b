//! The keys of a local backbone, made on the first `up`.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::LocalError;
use super::folder::failed;

/// Makes the key folder, readable for its owner only. What belongs in it is made here, before any process starts.
pub(super) fn prepare(folder: &Path) -> Result<(), LocalError> {
    if fs::exists(folder).map_err(failed("look for", folder))? {
        return Ok(());
    }
    DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .map_err(failed("create", folder))
}
