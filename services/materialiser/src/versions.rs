//! Where the versions of a purpose's views stand on disk, and which of them serves.
//!
//! ```text
//! views/<purpose>/serving     g3
//! views/<purpose>/g3/files    the view files it serves
//! views/<purpose>/g3/store    their state
//! views/<purpose>/g4/...      filled beside it, until it has caught up
//! ```
//! `serving` is replaced whole, so a process killed at any point finds one version or the other. What it does not name and is not newer is left
//! over from a switch, and is deleted. All of it can be filled from the log again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use walbrook_view::canon::{Reader, Writer};

const SERVING: &str = "serving";
const FILES: &str = "files";
const STORE: &str = "store";

/// The folder of a purpose cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {path}: make room or mend the disk and start the process again", path = path.display())]
pub struct VersionsError {
    /// What was being done.
    pub operation: &'static str,
    /// To what.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VersionsError {
    let path = path.to_owned();
    move |source| VersionsError {
        operation,
        path,
        source,
    }
}

/// Texts of view files by file name.
pub type Files = BTreeMap<String, String>;

/// The versions of one purpose.
#[derive(Debug, Clone)]
pub struct Versions {
    folder: PathBuf,
}

/// One version: a state and the view files it serves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    number: u64,
    folder: PathBuf,
}

impl Versions {
    /// The versions in a folder, which is made when it is not there.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn open(folder: &Path) -> Result<Self, VersionsError> {
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn version(&self, number: u64) -> Version {
        Version {
            number,
            folder: self.folder.join(format!("g{number}")),
        }
    }

    /// Every version there is, oldest first.
    fn all(&self) -> Result<Vec<Version>, VersionsError> {
        let unreadable = |source| failed("read", &self.folder)(source);
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix('g')?.parse().ok());
            all.extend(number.map(|number| self.version(number)));
        }
        all.sort();
        Ok(all)
    }

    /// The version that serves; `None`: none does yet, or what says so is damaged.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn serving(&self) -> Result<Option<Version>, VersionsError> {
        let path = self.folder.join(SERVING);
        let said = match fs::read(&path) {
            Ok(said) => String::from_utf8_lossy(&said).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let number = said
            .trim()
            .strip_prefix('g')
            .and_then(|number| number.parse().ok());
        let version = number.map(|number| self.version(number));
        let version = version.filter(|version| version.folder.is_dir());
        if version.is_none() {
            tracing::warn!(file = %path.display(), "it names no version that is there: the views are filled from the log");
        }
        Ok(version)
    }

    /// A new version, empty, newer than all others.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn begin(&self) -> Result<Version, VersionsError> {
        let last = self.all()?.last().map_or(0, |version| version.number);
        let version = self.version(last + 1);
        fs::create_dir(&version.folder).map_err(failed("make", &version.folder))?;
        Ok(version)
    }

    /// The newest version beside the one that serves: it was being filled.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn beside(&self, serving: &Version) -> Result<Option<Version>, VersionsError> {
        let newest = self.all()?.pop();
        Ok(newest.filter(|version| version > serving))
    }

    /// From now on this version serves, also after a kill.
    ///
    /// # Errors
    /// When the disk fails: then the one before serves.
    pub fn switch(&self, to: &Version) -> Result<(), VersionsError> {
        let text = format!("g{}\n", to.number);
        replace(&self.folder, SERVING, text.as_bytes())
    }

    /// Deletes every version but these.
    pub fn tidy(&self, keep: &[&Version]) {
        let all = self.all().unwrap_or_default();
        for version in all.iter().filter(|version| !keep.contains(version)) {
            // What cannot be deleted now is found again at the next switch or start.
            if let Err(error) = fs::remove_dir_all(&version.folder) {
                tracing::warn!(%error, folder = %version.folder.display(), "what no longer serves cannot be deleted");
            }
        }
    }
}

impl Version {
    /// The folder of its state.
    pub fn store(&self) -> PathBuf {
        self.folder.join(STORE)
    }

    /// Its name.
    pub fn name(&self) -> String {
        format!("g{}", self.number)
    }

    /// Deletes its state.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn delete_store(&self) -> Result<(), VersionsError> {
        let store = self.store();
        let deleted = match fs::symlink_metadata(&store) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&store),
            Ok(_) => fs::remove_file(&store),
            Err(_) => Ok(()),
        };
        deleted.map_err(failed("delete", &store))
    }

    /// Keeps the files that it serves.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn keep(&self, files: &Files) -> Result<(), VersionsError> {
        if self.files().as_ref() == Some(files) {
            return Ok(());
        }
        let mut out = Writer::new();
        out.count(files.len());
        for (name, text) in files {
            out.text(name).text(text);
        }
        replace(&self.folder, FILES, &out.finish())
    }

    /// The files that it serves; `None`: they are not there, or damaged.
    pub fn files(&self) -> Option<Files> {
        let bytes = fs::read(self.folder.join(FILES)).ok()?;
        let mut input = Reader::new(&bytes, "view files");
        let mut files = Files::new();
        for _ in 0..input.count().ok()? {
            let name = input.text().ok()?.to_owned();
            files.insert(name, input.text().ok()?.to_owned());
        }
        input.end().ok()?;
        Some(files)
    }
}

/// Writes a file beside its place, to the disk, and puts it there: it is the old one or the new one, whole.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), VersionsError> {
    let (path, beside) = (folder.join(name), folder.join(format!("{name}.new")));
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(failed("write", &path))
}

#[cfg(test)]
mod tests;
