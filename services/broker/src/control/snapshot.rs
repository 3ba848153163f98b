//! The control plane on this machine's disk, so that a start does not read ten million grounds again.
//!
//! One file: every record of `control.policy` that is no ground, as it stands there (there are few), and the grounds as their fold has them, both
//! below one offset, with a hash over all of it. It is only ever a copy of what the log says: one that is damaged, of another log, or of another
//! form is passed over with a line that says so, and the log is read instead.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use walbrook_event::headers;
use walbrook_eventlog::{Headers, Namespace, Record, TopicPartition, topics};
use walbrook_policy::state::{Grounds, STRETCH};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::GroundRecorded;

/// The form of the file. Another form has another number, and is not read.
const FORM: &[u8] = b"walbrook control.policy 1\n";
const NAME: &str = "policy.snapshot";
/// Longest text or record in the file: what is longer was not written by us.
const LONGEST: u64 = 64 << 20;

/// Where it lies, and of which log.
#[derive(Debug, Clone)]
pub struct Snapshot {
    path: PathBuf,
    namespace: Namespace,
}

/// What it held.
#[derive(Debug)]
pub struct Loaded {
    /// Every record below `next_offset` that is no ground, in order.
    pub records: Vec<Record>,
    /// The grounds of the others.
    pub grounds: Grounds,
    /// Next offset of `control.policy` that it does not hold.
    pub next_offset: i64,
}

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

/// Whether a record of `control.policy` is kept as it is.
pub fn is_kept(record: &Record) -> bool {
    record.headers.text(headers::TYPE) != Some(GroundRecorded::FULL_NAME)
}

impl Loaded {
    /// Whether this record of the log is the one the snapshot begins with: then it is of this log, and not of one that had its name before.
    pub fn begins_with(&self, record: &Record) -> bool {
        let id = |record: &Record| record.headers.text(headers::ID).map(str::to_owned);
        self.records
            .first()
            .is_some_and(|first| first.offset == record.offset && id(first) == id(record))
    }
}

impl Snapshot {
    /// The snapshot of a namespace in a process's data folder.
    pub fn new(data_dir: &Path, namespace: &Namespace) -> Self {
        Self {
            path: data_dir.join(NAME),
            namespace: namespace.clone(),
        }
    }

    fn disk(&self, source: io::Error) -> SnapshotError {
        SnapshotError::Disk {
            path: self.path.clone(),
            source,
        }
    }

    fn content(&self, problem: impl Into<String>) -> SnapshotError {
        SnapshotError::Content {
            path: self.path.clone(),
            problem: problem.into(),
        }
    }

    /// Writes it in the place of the one before; a reader finds either one whole. Returns its size in bytes.
    ///
    /// # Errors
    /// When the disk refuses; the one before stays.
    pub fn write(
        &self,
        records: &[Record],
        grounds: &Grounds,
        next_offset: i64,
    ) -> Result<u64, SnapshotError> {
        let temporary = self.path.with_extension("new");
        let written = self
            .write_to(&temporary, records, grounds, next_offset)
            .and_then(|size| {
                std::fs::rename(&temporary, &self.path)?;
                if let Some(folder) = self.path.parent() {
                    File::open(folder)?.sync_all()?;
                }
                Ok(size)
            });
        written.map_err(|error| {
            let _ = std::fs::remove_file(&temporary);
            self.disk(error)
        })
    }

    fn write_to(
        &self,
        path: &Path,
        records: &[Record],
        grounds: &Grounds,
        next_offset: i64,
    ) -> io::Result<u64> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut out = Hashed::new(BufWriter::with_capacity(1 << 20, File::create(path)?));
        out.write_all(FORM)?;
        text(&mut out, self.namespace.name(topics::POLICY).as_bytes())?;
        out.write_all(&next_offset.to_le_bytes())?;
        number(&mut out, records.len())?;
        for record in records {
            out.write_all(&record.offset.to_le_bytes())?;
            out.write_all(&record.timestamp_ms.to_le_bytes())?;
            for name in [headers::TYPE, headers::ID] {
                text(&mut out, record.headers.text(name).unwrap_or("").as_bytes())?;
            }
            text(&mut out, record.value.as_deref().unwrap_or_default())?;
        }
        text(&mut out, &grounds.stored_head())?;
        for piece in grounds.stored_body().filter(|piece| !piece.is_empty()) {
            text(&mut out, &piece)?;
        }
        // An empty piece ends the body.
        text(&mut out, &[])?;
        let (hash, size) = (out.hash.clone().finalize(), out.size);
        let mut file = out.inner;
        file.write_all(&hash)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(size)
    }

    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// Why it is passed over.
    pub fn load(&self) -> Result<Option<Loaded>, SnapshotError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.disk(error)),
        };
        let mut input = Hashed::new(BufReader::with_capacity(1 << 20, file));
        let short = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                self.content("ends too early, or is longer than it says: it is damaged")
            }
            _ => self.disk(error),
        };
        let mut form = [0; FORM.len()];
        input.read_exact(&mut form).map_err(short)?;
        if form != *FORM {
            return Err(self.content("is of another form than this build's"));
        }
        let topic = read_text(&mut input).map_err(short)?;
        if topic != self.namespace.name(topics::POLICY).as_bytes() {
            return Err(self.content("is of another namespace"));
        }
        let next_offset = read_number(&mut input).map_err(short)?.cast_signed();
        let at = TopicPartition::new(self.namespace.name(topics::POLICY), 0);
        let mut records = Vec::new();
        for _ in 0..read_number(&mut input).map_err(short)? {
            records.push(read_record(&mut input, &at).map_err(short)?);
        }
        let head = read_text(&mut input).map_err(short)?;
        let unsound = |error: walbrook_policy::state::StoredFault| self.content(error.to_string());
        let mut grounds = Grounds::from_stored_head(&head).map_err(unsound)?;
        loop {
            let piece = read_text(&mut input).map_err(short)?;
            if piece.is_empty() {
                break;
            }
            for stretch in piece.chunks(STRETCH) {
                grounds.restore(stretch).map_err(unsound)?;
            }
        }
        let hash = input.hash.clone().finalize();
        let mut said = [0; 32];
        let mut rest = input.inner;
        rest.read_exact(&mut said).map_err(short)?;
        if said != *hash || rest.read(&mut [0]).map_err(short)? != 0 {
            return Err(self.content("has another hash than it says: it is damaged"));
        }
        Ok(Some(Loaded {
            records,
            grounds,
            next_offset,
        }))
    }
}

fn read_record(input: &mut impl Read, at: &TopicPartition) -> io::Result<Record> {
    let offset = read_number(input)?.cast_signed();
    let timestamp_ms = read_number(input)?.cast_signed();
    let mut of_record = Headers::new();
    for name in [headers::TYPE, headers::ID] {
        of_record.push(name, read_text(input)?);
    }
    Ok(Record {
        at: at.clone(),
        offset,
        timestamp_ms,
        key: None,
        value: Some(read_text(input)?.into()),
        headers: of_record,
    })
}

fn number(out: &mut impl Write, number: usize) -> io::Result<()> {
    out.write_all(&(number as u64).to_le_bytes())
}

fn text(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    number(out, bytes.len())?;
    out.write_all(bytes)
}

fn read_number(input: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn read_text(input: &mut impl Read) -> io::Result<Vec<u8>> {
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

/// Hashes what passes.
struct Hashed<T> {
    inner: T,
    hash: Sha256,
    size: u64,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
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

#[cfg(test)]
mod tests;
