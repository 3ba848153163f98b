//! Identity's records on this machine's disk, so that a start does not read all of them and all links from the log again.
//!
//! One file: each record as it stands on `identity.records` (the body goes through the same seal), the offsets below which it holds everything, and a hash
//! over all of it. It is only ever a copy of what the log says: one that is damaged, of another log or namespace, of another form, or newer than the log is
//! passed over with a line that says so, and the log is read instead.

use crate::follow::Held;
use crate::journal::{Clients, Format};
use crate::linkage::{Filling, Index, PersonRecord, wire};
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant as Monotonic};
use walbrook_event::{Seal, headers};
use walbrook_eventlog::{LogError, TopicPartition};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::identity::v1::IdentityRecord;
use walbrook_runtime::kept_file::{
    self, Hashed, SnapshotError, number, read_number, read_text, text,
};

/// The form of the file. Another form has another number, and is not read.
const FORM: &[u8] = b"walbrook identity 1\n";
const NAME: &str = "identity.snapshot";
/// Records that are handed on together while a file is read.
const CHUNK: usize = 4_096;
/// Chunks that may wait for the next step.
const AHEAD: usize = 4;
const ANSWER: Duration = Duration::from_secs(30);
/// A record takes more bytes than this: a damaged count makes no room for what is not there.
const LEAST_RECORD: u64 = 64;

/// Where it lies, and how bodies are sealed in it.
#[derive(Clone)]
pub struct Snapshot {
    path: PathBuf,
    seal: Arc<dyn Seal>,
}

/// What a snapshot is made of: taken between batches in no time, written beside them.
pub struct Copy {
    /// Every record that is committed.
    pub records: Vec<Arc<PersonRecord>>,
    /// See [`Held::identity_next`].
    pub identity_next: i64,
    /// See [`Held::links_next`].
    pub links_next: Vec<i64>,
}

/// A body with the id of its key, and the handle it is sealed under.
type Body = ([u8; 16], String, Vec<u8>);

impl Snapshot {
    /// The snapshot in a process's data folder.
    pub fn new(data_dir: &Path, seal: Arc<dyn Seal>) -> Self {
        Self {
            path: data_dir.join(NAME),
            seal,
        }
    }

    fn content(&self, problem: impl Into<String>) -> SnapshotError {
        SnapshotError::Content {
            path: self.path.clone(),
            problem: problem.into(),
        }
    }

    fn disk(&self, source: io::Error) -> SnapshotError {
        SnapshotError::Disk {
            path: self.path.clone(),
            source,
        }
    }

    /// Writes it in the place of the one before; a reader finds either one whole. Returns its size in bytes. Without any link there is nothing to tell the
    /// log by, and nothing worth keeping: then nothing is written.
    ///
    /// # Errors
    /// When the disk refuses; the one before stays.
    pub fn write(
        &self,
        clients: &dyn Clients,
        format: &Format,
        copy: &Copy,
    ) -> Result<u64, SnapshotError> {
        let mut first = None;
        for (number, at) in format.links_partitions().iter().enumerate() {
            let id = first_link(clients, at).map_err(|error| self.disk(of_log(error)))?;
            first = id.map(|id| (number, id));
            if first.is_some() {
                break;
            }
        }
        let Some((partition, id)) = first else {
            return Ok(0);
        };
        kept_file::replace(&self.path, |out| {
            out.write_all(FORM)?;
            text(out, format.identity_partition().topic.as_bytes())?;
            number(out, partition)?;
            text(out, id.as_bytes())?;
            out.write_all(&copy.identity_next.to_le_bytes())?;
            number(out, copy.links_next.len())?;
            for next in &copy.links_next {
                out.write_all(&next.to_le_bytes())?;
            }
            number(out, copy.records.len())?;
            let mut body = Vec::new();
            for record in &copy.records {
                body.clear();
                let message = wire::identity_record(record);
                message.encode(&mut body).map_err(io::Error::other)?;
                let handle = record.handle.as_bytes();
                let sealed = self.seal.seal(handle, std::mem::take(&mut body));
                let sealed = sealed.map_err(io::Error::other)?;
                out.write_all(handle)?;
                text(out, sealed.key_id.as_bytes())?;
                text(out, &sealed.body)?;
                body = sealed.body;
            }
            Ok(())
        })
    }

    /// What it holds, where it can be used; says in the process's log why not.
    pub fn usable(&self, clients: &dyn Clients, format: &Format) -> Option<Held> {
        let began = Monotonic::now();
        match self.load(clients, format) {
            Ok(Some(held)) => {
                tracing::info!(
                    records = held.index.len(),
                    next_offset = held.identity_next,
                    milliseconds = began.elapsed().as_millis(),
                    "starting from the snapshot of identity"
                );
                Some(held)
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(
                    error = walbrook_runtime::status::chain(&error),
                    "the snapshot of identity is passed over; the log is read instead"
                );
                None
            }
        }
    }

    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// Why it is passed over.
    pub fn load(
        &self,
        clients: &dyn Clients,
        format: &Format,
    ) -> Result<Option<Held>, SnapshotError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.disk(error)),
        };
        let most = file.metadata().map_or(0, |file| file.len()) / LEAST_RECORD;
        let mut input = Hashed::new(BufReader::with_capacity(1 << 20, file));
        let mut held = self.head(&mut input, clients, format)?;
        let count = read_number(&mut input).map_err(|error| self.short(error))?;
        let room = usize::try_from(count.min(most)).unwrap_or(0);
        held.index = self.records(input, count, room)?;
        Ok(Some(held))
    }

    fn short(&self, error: io::Error) -> SnapshotError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                self.content("ends too early, or is longer than it says: it is damaged")
            }
            _ => self.disk(error),
        }
    }

    /// Everything before the records, and whether the log is the one it was made of.
    fn head(
        &self,
        input: &mut impl Read,
        clients: &dyn Clients,
        format: &Format,
    ) -> Result<Held, SnapshotError> {
        let short = |error| self.short(error);
        let mut form = [0; FORM.len()];
        input.read_exact(&mut form).map_err(short)?;
        if form != *FORM {
            return Err(self.content("is of another form than this build's"));
        }
        let identity = format.identity_partition();
        if read_text(input).map_err(short)? != identity.topic.as_bytes() {
            return Err(self.content("is of another namespace"));
        }
        let partition = read_number(input).map_err(short)?;
        let id = read_text(input).map_err(short)?;
        let identity_next = read_number(input).map_err(short)?.cast_signed();
        let links = format.links_partitions();
        if read_number(input).map_err(short)? != links.len() as u64 {
            return Err(self.content("is of another number of partitions"));
        }
        let mut links_next = Vec::with_capacity(links.len());
        for _ in &links {
            links_next.push(read_number(input).map_err(short)?.cast_signed());
        }
        let of_log = |error: LogError| self.disk(of_log(error));
        let at = usize::try_from(partition)
            .ok()
            .and_then(|at| links.get(at))
            .ok_or_else(|| self.content("is of another number of partitions"))?;
        let first = first_link(clients, at).map_err(of_log)?;
        if first.is_none_or(|found| found.as_bytes() != id) {
            return Err(self.content("is of another log that had this name"));
        }
        let mut partitions = vec![identity];
        partitions.extend(links);
        let ends = clients
            .ends()
            .and_then(|mut ends| ends.high_watermarks(&partitions, ANSWER))
            .map_err(of_log)?;
        let held = std::iter::once(&identity_next).chain(&links_next);
        if held.zip(&ends).any(|(next, end)| next > end) {
            return Err(self.content("is newer than the log: the log was cut, or is another one"));
        }
        Ok(Held {
            index: Index::default(),
            identity_next,
            links_next,
        })
    }

    /// The records: one thread reads, one decodes, one enters their block keys, this one everything else.
    fn records(
        &self,
        mut input: Hashed<impl Read + Send>,
        count: u64,
        room: usize,
    ) -> Result<Index, SnapshotError> {
        let mut index = Index::with_capacity(room);
        std::thread::scope(|scope| {
            let (raw, bodies) = sync_channel::<Vec<Body>>(AHEAD);
            let (decoded, records) = sync_channel::<Result<Vec<PersonRecord>, String>>(AHEAD);
            let reading = scope.spawn(move || -> io::Result<bool> {
                let mut left = count;
                while left > 0 {
                    let chunk = left.min(CHUNK as u64);
                    let bodies = (0..chunk).map(|_| read_body(&mut input));
                    if raw.send(bodies.collect::<io::Result<_>>()?).is_err() {
                        break;
                    }
                    left -= chunk;
                }
                input.ends()
            });
            scope.spawn(move || {
                for chunk in bodies {
                    let chunk = chunk.into_iter().map(|body| self.record(&body)).collect();
                    if decoded.send(chunk).is_err() {
                        return;
                    }
                }
            });
            let (blocked, entering) = sync_channel::<Result<Vec<PersonRecord>, String>>(AHEAD);
            let filling = scope.spawn(move || {
                let mut filling = Filling::with_capacity(room);
                for chunk in records {
                    for record in chunk.iter().flatten() {
                        filling.add(record);
                    }
                    if blocked.send(chunk).is_err() {
                        break;
                    }
                }
                filling
            });
            for chunk in entering {
                for mut record in chunk.map_err(|problem| self.content(problem))? {
                    index.intern(&mut record);
                    if !index.fill(Arc::new(record)) {
                        return Err(self.content("holds a record twice: it is damaged"));
                    }
                }
            }
            let filling = filling.join();
            index.filled(filling.map_err(|_| self.content("could not be read: a reader ended"))?);
            match reading.join() {
                Ok(Ok(true)) if index.len() as u64 == count => Ok(index),
                Ok(Ok(_)) => Err(self.content("has another hash than it says: it is damaged")),
                Ok(Err(error)) => Err(self.short(error)),
                Err(_) => Err(self.content("could not be read: the reader ended")),
            }
        })
    }

    fn record(&self, (handle, key_id, sealed): &Body) -> Result<PersonRecord, String> {
        let body = self.seal.open(handle, key_id, sealed);
        let body =
            body.map_err(|error| format!("holds a record that cannot be opened: {error}"))?;
        let message = IdentityRecord::decode_exact(&body)
            .map_err(|error| format!("holds a record that cannot be read: {error}"))?;
        wire::person_record(message).map_err(|error| format!("holds a record of which {error}"))
    }
}

fn read_body(input: &mut impl Read) -> io::Result<Body> {
    let mut handle = [0; 16];
    input.read_exact(&mut handle)?;
    let key_id = String::from_utf8(read_text(input)?);
    let key_id = key_id.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok((handle, key_id, read_text(input)?))
}

fn of_log(error: LogError) -> io::Error {
    io::Error::other(error)
}

/// The id of the first link record of a partition: links are never compacted, so it tells one log from another of the same name.
fn first_link(clients: &dyn Clients, at: &TopicPartition) -> Result<Option<String>, LogError> {
    let ends = clients
        .ends()?
        .high_watermarks(std::slice::from_ref(at), ANSWER)?;
    let end = ends.first().copied().unwrap_or(0);
    let mut reader = clients.reader()?;
    reader.assign(&[(at.clone(), 0)])?;
    let (began, mut records) = (Monotonic::now(), Vec::new());
    while records.is_empty() && reader.position(at).unwrap_or(0) < end && began.elapsed() < ANSWER {
        reader.poll(1, Duration::from_millis(100), &mut records)?;
    }
    Ok(records.first().map(|record| {
        let id = record.headers.text(headers::ID);
        id.unwrap_or_default().to_owned()
    }))
}
