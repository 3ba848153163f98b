//! Where inputs are kept.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// The folder of a target's corpus.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

/// The kept inputs of a target by name, in the order of their names.
#[must_use]
pub fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder(target)).into_iter().flatten();
    let mut inputs: Vec<(String, Vec<u8>)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name, std::fs::read(entry.path()).ok()?))
        })
        .collect();
    inputs.sort();
    inputs
}

/// Adds an input to the corpus; its file.
#[must_use]
pub fn keep(target: &str, input: &[u8]) -> PathBuf {
    let mut hash = DefaultHasher::new();
    input.hash(&mut hash);
    let file = folder(target).join(format!("found-{:016x}", hash.finish()));
    // Where it cannot be written, the test's own message still has its name.
    let _ = std::fs::create_dir_all(folder(target)).and_then(|()| std::fs::write(&file, input));
    file
}
