//! The control plane on this machine's disk, so that a start does not read ten million grounds again.
//!
//! One file: every record of `control.policy` that is no ground, as it stands there (there are few), and the grounds as their fold has them, both
//! below one offset, with a hash over all of it. It is only ever a copy of what the log says: one that is damaged, of another log, or of another
//! form is passed over with a line that says so, and the log is read instead.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use walbrook_event::headers;
use walbrook_eventlog::{Headers, Namespace, Record, TopicPartition, topics};
use walbrook_policy::state::{Grounds, STRETCH};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::GroundRecorded;
use walbrook_runtime::kept_file::{
    self, Hashed, SnapshotError, number, read_number, read_text, text,
};

/// The form of the file. Another form has another number, and is not read.
const FORM: &[u8] = b"walbrook control.policy 1\n";
const NAME: &str = "policy.snapshot";

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
        kept_file::replace(&self.path, |out| {
            self.write_to(out, records, grounds, next_offset)
        })
    }

    fn write_to(
        &self,
        out: &mut impl Write,
        records: &[Record],
        grounds: &Grounds,
        next_offset: i64,
    ) -> io::Result<()> {
        out.write_all(FORM)?;
        text(out, self.namespace.name(topics::POLICY).as_bytes())?;
        out.write_all(&next_offset.to_le_bytes())?;
        number(out, records.len())?;
        for record in records {
            out.write_all(&record.offset.to_le_bytes())?;
            out.write_all(&record.timestamp_ms.to_le_bytes())?;
            for name in [headers::TYPE, headers::ID] {
                text(out, record.headers.text(name).unwrap_or("").as_bytes())?;
            }
            text(out, record.value.as_deref().unwrap_or_default())?;
        }
        text(out, &grounds.stored_head())?;
        for piece in grounds.stored_body().filter(|piece| !piece.is_empty()) {
            text(out, &piece)?;
        }
        // An empty piece ends the body.
        text(out, &[])
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
        if !input.ends().map_err(short)? {
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

#[cfg(test)]
mod tests;
