//! Sorting more than fits in memory: records go into runs on disk, each in order, and the runs are read side by side. What comes out depends on
//! the records alone, not on who brought them, how many runs there were or how large.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// What orders a record: when it is told (µs UTC), the person, the number among what is told of the person.
pub type Key = (i64, u64, u32);
/// Bytes of a record before its content: the key and the length.
const HEAD: usize = 24;
/// Bytes that a reader of one run holds.
const READ_AHEAD: usize = 1 << 16;
/// More than any record has: a length beyond is no length.
const LARGEST: u32 = 1 << 24;

/// A folder of runs, removed with what is in it when dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder beside `place`, for as long as it is held.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn beside(place: &Path) -> std::io::Result<Self> {
        let mut path = place.as_os_str().to_owned();
        path.push(format!(".runs-{}", std::process::id()));
        let path = PathBuf::from(path);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever clears the disk.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Records on their way into runs; one of these for each thread.
#[derive(Debug)]
pub struct Runs {
    folder: PathBuf,
    name: usize,
    most_bytes: usize,
    content: Vec<u8>,
    places: Vec<(Key, usize, usize)>,
    written: Vec<PathBuf>,
}

impl Runs {
    /// Runs of at most about so many bytes, under a name that no other thread has.
    #[must_use]
    pub fn new(folder: &Folder, name: usize, most_bytes: usize) -> Self {
        Self {
            folder: folder.0.clone(),
            name,
            most_bytes,
            content: Vec::new(),
            places: Vec::new(),
            written: Vec::new(),
        }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// When a full run cannot be written.
    pub fn push(&mut self, key: Key, write: impl FnOnce(&mut Vec<u8>)) -> std::io::Result<()> {
        let start = self.content.len();
        write(&mut self.content);
        self.places.push((key, start, self.content.len()));
        let held = self.content.len() + self.places.len() * size_of::<(Key, usize, usize)>();
        if held >= self.most_bytes {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> std::io::Result<()> {
        if self.places.is_empty() {
            return Ok(());
        }
        self.places.sort_unstable_by_key(|(key, ..)| *key);
        let path = self
            .folder
            .join(format!("{}-{}", self.name, self.written.len()));
        let mut file = BufWriter::with_capacity(READ_AHEAD, File::create(&path)?);
        for ((at, person, sequence), start, end) in &self.places {
            let content = self.content.get(*start..*end).unwrap_or_default();
            let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
            file.write_all(&at.to_le_bytes())?;
            file.write_all(&person.to_le_bytes())?;
            file.write_all(&sequence.to_le_bytes())?;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(content)?;
        }
        file.flush()?;
        self.written.push(path);
        self.content.clear();
        self.places.clear();
        Ok(())
    }

    /// The runs, all on disk.
    ///
    /// # Errors
    /// When the last cannot be written.
    pub fn finish(mut self) -> std::io::Result<Vec<PathBuf>> {
        self.write()?;
        Ok(self.written)
    }
}

/// Runs read side by side.
#[derive(Debug)]
pub struct Merge {
    readers: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<(Key, usize)>>,
    contents: Vec<Vec<u8>>,
}

impl Merge {
    /// Opens runs.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn open(runs: &[PathBuf]) -> std::io::Result<Self> {
        let mut merge = Self {
            readers: Vec::with_capacity(runs.len()),
            heads: BinaryHeap::with_capacity(runs.len()),
            contents: vec![Vec::new(); runs.len()],
        };
        for run in runs {
            let reader = BufReader::with_capacity(READ_AHEAD, File::open(run)?);
            merge.readers.push(reader);
        }
        for run in 0..runs.len() {
            merge.advance(run)?;
        }
        Ok(merge)
    }

    /// Reads the next record of a run, if it has one.
    fn advance(&mut self, run: usize) -> std::io::Result<()> {
        let (Some(reader), Some(content)) = (self.readers.get_mut(run), self.contents.get_mut(run))
        else {
            return Ok(());
        };
        let mut head = [0; HEAD];
        match reader.read_exact(&mut head) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let (at, person, sequence, length) = parts(&head);
        if length > LARGEST {
            return Err(ErrorKind::InvalidData.into());
        }
        content.resize(usize::try_from(length).unwrap_or(0), 0);
        reader.read_exact(content)?;
        self.heads.push(Reverse(((at, person, sequence), run)));
        Ok(())
    }

    /// The next record in order: its key, its content swapped into `content`. `None` at the end.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn next(&mut self, content: &mut Vec<u8>) -> std::io::Result<Option<Key>> {
        let Some(Reverse((key, run))) = self.heads.pop() else {
            return Ok(None);
        };
        if let Some(own) = self.contents.get_mut(run) {
            std::mem::swap(own, content);
        }
        self.advance(run)?;
        Ok(Some(key))
    }
}

fn parts(head: &[u8; HEAD]) -> (i64, u64, u32, u32) {
    let mut at = [0; 8];
    let mut person = [0; 8];
    let (mut sequence, mut length) = ([0; 4], [0; 4]);
    let (first, rest) = head.split_at(8);
    let (second, rest) = rest.split_at(8);
    let (third, fourth) = rest.split_at(4);
    at.copy_from_slice(first);
    person.copy_from_slice(second);
    sequence.copy_from_slice(third);
    length.copy_from_slice(fourth);
    (
        i64::from_le_bytes(at),
        u64::from_le_bytes(person),
        u32::from_le_bytes(sequence),
        u32::from_le_bytes(length),
    )
}
