//! Files that are only ever copies of what the log says: there whole or not at all, with a hash over all of it, and for this user alone.

use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Longest text in a file: what is longer was not written by us.
const LONGEST: u64 = 64 << 20;

/// Why a snapshot is passed over, or was not written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk.
    #[error("{path} cannot be read or written", path = path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What it holds.
    #[error("{path} {problem}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// Writes a file in the place of the one before; a reader finds either one whole. `write` gives everything but the hash. Returns its size in bytes.
///
/// # Errors
/// When the disk refuses; the one before stays.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut Hashed<BufWriter<File>>) -> io::Result<()>,
) -> Result<u64, SnapshotError> {
    let temporary = path.with_extension("new");
    let written = write_whole(&temporary, write).and_then(|size| {
        std::fs::rename(&temporary, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(size)
    });
    written.map_err(|source| {
        let _ = std::fs::remove_file(&temporary);
        SnapshotError::Disk {
            path: path.to_owned(),
            source,
        }
    })
}

fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut Hashed<BufWriter<File>>) -> io::Result<()>,
) -> io::Result<u64> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // One that a killed process left may be open to others.
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let mut out = Hashed::new(BufWriter::with_capacity(1 << 20, file));
    write(&mut out)?;
    let size = out.size;
    let file = out.close()?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(size)
}

/// Hashes what passes.
pub struct Hashed<T> {
    inner: T,
    hash: Sha256,
    size: u64,
}

impl<T> Hashed<T> {
    /// Around a file at its beginning.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            size: 0,
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }
}

impl<T: Write> Hashed<T> {
    /// Ends it with the hash of everything before.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn close(mut self) -> io::Result<T> {
        self.inner.write_all(&self.hash.finalize())?;
        Ok(self.inner)
    }
}

impl<T: Read> Hashed<T> {
    /// Whether what follows is the hash of everything before, and then nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn ends(mut self) -> io::Result<bool> {
        let mut said = [0; 32];
        self.inner.read_exact(&mut said)?;
        Ok(said == *self.hash.finalize() && self.inner.read(&mut [0])? == 0)
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.pass(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.pass(bytes.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// Writes a number.
///
/// # Errors
/// When the disk refuses.
pub fn number(out: &mut impl Write, number: usize) -> io::Result<()> {
    out.write_all(&(number as u64).to_le_bytes())
}

/// Writes a text with its length.
///
/// # Errors
/// When the disk refuses.
pub fn text(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    number(out, bytes.len())?;
    out.write_all(bytes)
}

/// Reads a number.
///
/// # Errors
/// When it cannot be read.
pub fn read_number(input: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Reads a text.
///
/// # Errors
/// When it cannot be read, or is not as long as it says.
pub fn read_text(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = read_number(input)?;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}
