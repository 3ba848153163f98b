//! A copy of a log in a folder: what `walbrook audit copy` writes and `walbrook audit verify --from` reads.
//!
//! `copy.toml` says what was copied; `<topic>.<partition>.records` holds a partition's committed records, each as a 4-byte big-endian length and
//! then: offset and timestamp (8 bytes each), key, value (4-byte length, −1 for null), number of headers, and per header a name and a value
//! (4-byte lengths). Nothing in a copy says what the bytes should be: only the audit does.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use walbrook_eventlog::{Headers, Namespace, Record, TopicPartition};

use crate::error::AuditError;
use crate::gather::{Span, gather};
use crate::source::LogSource;

const MANIFEST: &str = "copy.toml";
/// No record of ours comes near: Kafka's own limit here is 1 MiB and a little.
const LARGEST_RECORD_BYTES: usize = 64 << 20;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Manifest {
    format: u32,
    namespace: String,
    partitions: Vec<Partition>,
}

/// A partition's part of a copy: its ends when it was first read and when it was last read.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Partition {
    topic: String,
    partition: i32,
    settled: i64,
    end: i64,
}

impl Partition {
    fn file(&self, folder: &Path) -> PathBuf {
        path_of(folder, &self.topic, self.partition)
    }
}

fn at(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> AuditError {
    let path = path.to_owned();
    move |source| AuditError::File {
        operation,
        path,
        source,
    }
}

fn create(path: &Path) -> Result<File, AuditError> {
    // Pseudonyms and event bodies are personal data: for the owner of the copy only.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(at("creating", path))
}

/// Copies a log into a folder, which must be empty or absent. Returns the number of records; `progress` is told of each one.
///
/// # Errors
/// When the log cannot be read or a file cannot be written.
pub fn write(
    source: &mut dyn LogSource,
    folder: &Path,
    progress: &mut dyn FnMut(&Record),
) -> Result<u64, AuditError> {
    fs::create_dir_all(folder).map_err(at("creating", folder))?;
    let mut files: BTreeMap<TopicPartition, BufWriter<File>> = BTreeMap::new();
    let mut records = 0;
    let mut failed = None;
    let spans = gather(source, &mut |record| {
        progress(&record);
        records += 1;
        if failed.is_none() {
            failed = append(folder, &mut files, &record).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    for (place, mut file) in files {
        file.flush().map_err(at(
            "writing",
            &path_of(folder, &place.topic, place.partition),
        ))?;
    }
    let partitions = spans.into_iter().map(Partition::from).collect::<Vec<_>>();
    // A partition without records has its file too: a missing file is never an empty partition.
    for part in &partitions {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(part.file(folder))
            .map_err(at("creating", &part.file(folder)))?;
    }
    let path = folder.join(MANIFEST);
    let text = toml::to_string(&Manifest {
        format: 1,
        namespace: source.namespace().as_str().to_owned(),
        partitions,
    })
    .map_err(|error| AuditError::Copy {
        path: path.clone(),
        problem: error.to_string(),
    })?;
    create(&path)?
        .write_all(text.as_bytes())
        .map_err(at("writing", &path))?;
    Ok(records)
}

impl From<Span> for Partition {
    fn from(span: Span) -> Self {
        Self {
            topic: span.topic,
            partition: span.partition,
            settled: span.settled,
            end: span.end,
        }
    }
}

fn append(
    folder: &Path,
    files: &mut BTreeMap<TopicPartition, BufWriter<File>>,
    record: &Record,
) -> Result<(), AuditError> {
    let path = path_of(folder, &record.at.topic, record.at.partition);
    let file = match files.entry(record.at.clone()) {
        Entry::Occupied(file) => file.into_mut(),
        Entry::Vacant(empty) => empty.insert(BufWriter::new(create(&path)?)),
    };
    file.write_all(&encode(record))
        .map_err(at("writing", &path))
}

fn path_of(folder: &Path, topic: &str, partition: i32) -> PathBuf {
    folder.join(format!("{topic}.{partition}.records"))
}

/// A record as a copy holds it, length included.
pub fn encode(record: &Record) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.extend(record.offset.to_be_bytes());
    out.extend(record.timestamp_ms.to_be_bytes());
    for part in [&record.key, &record.value] {
        match part {
            Some(bytes) => put(&mut out, bytes),
            None => out.extend((-1_i32).to_be_bytes()),
        }
    }
    out.extend(
        u32::try_from(record.headers.iter().count())
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    for header in record.headers.iter() {
        put(&mut out, header.name.as_bytes());
        put(&mut out, header.value);
    }
    let length = u32::try_from(out.len() - 4).unwrap_or(u32::MAX);
    if let Some(head) = out.get_mut(..4) {
        head.copy_from_slice(&length.to_be_bytes());
    }
    out
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
    out.extend(bytes);
}

/// Takes parts from the front of a record's bytes; `None` when they end too soon.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn int(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    /// `Some(None)` is a null.
    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        match self.int()? {
            -1 => Some(None),
            length => self.take(usize::try_from(length).ok()?).map(Some),
        }
    }
}

fn decode(at: &TopicPartition, bytes: &[u8]) -> Option<Record> {
    let mut parts = Parts(bytes);
    let (offset, timestamp_ms) = (parts.long()?, parts.long()?);
    let key = parts.bytes()?.map(Bytes::copy_from_slice);
    let value = parts.bytes()?.map(Bytes::copy_from_slice);
    let mut headers = Headers::new();
    for _ in 0..parts.int()? {
        let name = std::str::from_utf8(parts.bytes()??).ok()?;
        headers.push(name, parts.bytes()??);
    }
    parts.0.is_empty().then(|| Record {
        at: at.clone(),
        offset,
        timestamp_ms,
        key,
        value,
        headers,
    })
}

/// A log read from a copy.
#[derive(Debug)]
pub struct Copy {
    folder: PathBuf,
    namespace: Namespace,
    partitions: BTreeMap<(String, i32), Partition>,
}

impl Copy {
    /// Opens a copy.
    ///
    /// # Errors
    /// When the folder holds no copy.
    pub fn open(folder: &Path) -> Result<Self, AuditError> {
        let path = folder.join(MANIFEST);
        let text = fs::read_to_string(&path).map_err(at("reading", &path))?;
        let manifest: Manifest = toml::from_str(&text).map_err(|error| AuditError::Copy {
            path: path.clone(),
            problem: error.to_string(),
        })?;
        if manifest.format != 1 {
            return Err(AuditError::Copy {
                path,
                problem: format!("format {} is not known", manifest.format),
            });
        }
        let partitions = manifest
            .partitions
            .into_iter()
            .map(|part| ((part.topic.clone(), part.partition), part))
            .collect();
        Ok(Self {
            folder: folder.to_owned(),
            namespace: Namespace::new(&manifest.namespace),
            partitions,
        })
    }
}

impl LogSource for Copy {
    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn partitions(&mut self, topic: &str) -> Result<i32, AuditError> {
        let count = self
            .partitions
            .keys()
            .filter(|(name, _)| name == topic)
            .count();
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }

    fn settled(&mut self, topic: &str, partition: i32) -> Result<i64, AuditError> {
        Ok(self
            .partitions
            .get(&(topic.to_owned(), partition))
            .map_or(0, |part| part.settled))
    }

    fn end(&mut self, topic: &str, partition: i32) -> Result<i64, AuditError> {
        Ok(self
            .partitions
            .get(&(topic.to_owned(), partition))
            .map_or(0, |part| part.end))
    }

    fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        end: i64,
        visit: &mut dyn FnMut(Record),
    ) -> Result<(), AuditError> {
        let Some(part) = self.partitions.get(&(topic.to_owned(), partition)) else {
            return Ok(());
        };
        let path = part.file(&self.folder);
        let broken = |problem: String| AuditError::Copy {
            path: path.clone(),
            problem,
        };
        let place = TopicPartition::new(topic, partition);
        let mut file = BufReader::new(File::open(&path).map_err(at("opening", &path))?);
        let mut read_bytes = 0_u64;
        loop {
            let mut head = [0; 4];
            // The end of the file is clean only between records.
            match file.read(&mut head).map_err(at("reading", &path))? {
                0 => return Ok(()),
                first => file
                    .read_exact(head.get_mut(first..).unwrap_or_default())
                    .map_err(at("reading", &path))?,
            }
            let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
            if length > LARGEST_RECORD_BYTES {
                return Err(broken(format!(
                    "the record at byte {read_bytes} claims {length} bytes"
                )));
            }
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes).map_err(at("reading", &path))?;
            let record = decode(&place, &bytes)
                .ok_or_else(|| broken(format!("the record at byte {read_bytes} cannot be read")))?;
            read_bytes += 4 + bytes.len() as u64;
            if (from..end).contains(&record.offset) {
                visit(record);
            }
        }
    }
}
