//! The records of a namespace as the checks use them: by topic and partition, internal records decoded.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use walbrook_event::seal::{Plain, Seal};
use walbrook_event::{framing, headers};
use walbrook_eventlog::{Namespace, Record, TopicPartition, chain, topics};
use walbrook_proto::avro::AvroRecord;

use crate::error::AuditError;
use crate::gather::{Span, gather};
use crate::generations;
use crate::report::Report;
use crate::source::LogSource;

/// All records that were read, in memory: the audit looks backwards and forwards in them.
#[derive(Debug, Default)]
pub struct Log {
    namespace: Option<Namespace>,
    records: BTreeMap<String, Vec<Vec<Record>>>,
    spans: BTreeMap<(String, i32), Span>,
    /// Copies and marks of each generation of a purpose's topic, by partition, as they stand there.
    copies: BTreeMap<(String, u32), Vec<Vec<Record>>>,
    seam: Seam,
}

/// The seam that personal values were written through.
struct Seam(Arc<dyn Seal>);

impl Default for Seam {
    fn default() -> Self {
        Self(Arc::new(Plain))
    }
}

impl fmt::Debug for Seam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seam")
    }
}

/// Where a record stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    topic: String,
    partition: i32,
    offset: i64,
}

impl Place {
    /// A place on the log.
    pub fn new(topic: &str, partition: i32, offset: i64) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            offset,
        }
    }

    /// Its topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Of a record.
    pub fn of(record: &Record) -> Self {
        Self::new(&record.at.topic, record.at.partition, record.offset)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((purpose, chain::FIRST)) = chain::parse(&self.topic) {
            let (generation, offset) = chain::split(self.offset);
            let topic = chain::topic(purpose, generation);
            return write!(f, "{topic}[{}]@{offset}", self.partition);
        }
        write!(f, "{}[{}]@{}", self.topic, self.partition, self.offset)
    }
}

impl Log {
    /// Reads everything. `progress` is told of each record.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read(
        source: &mut dyn LogSource,
        progress: &mut dyn FnMut(&Record),
    ) -> Result<Self, AuditError> {
        let mut records: BTreeMap<String, Vec<Vec<Record>>> = BTreeMap::new();
        let mut copies: BTreeMap<(String, u32), Vec<Vec<Record>>> = BTreeMap::new();
        let spans = gather(source, &mut |mut record| {
            progress(&record);
            let topic = record.at.topic.to_string();
            if let Some((purpose, generation)) = chain::parse(&topic) {
                if generations::is_beside(&record, generation) {
                    let of = copies.entry((purpose.to_owned(), generation)).or_default();
                    return put(of, record);
                }
                // One history under the name of the first generation.
                record.offset = chain::position(generation, record.offset);
                record.at = TopicPartition::new(topics::shared(purpose), record.at.partition);
            }
            put(
                records.entry(record.at.topic.to_string()).or_default(),
                record,
            );
        })?;
        for (topic, partitions) in &mut records {
            if chain::parse(topic).is_some() {
                // Generations one after another, each as it was read: an order that is wrong on the log stays so.
                let generation = |one: &Record| chain::split(one.offset).0;
                partitions
                    .iter_mut()
                    .for_each(|all| all.sort_by_key(generation));
            }
        }
        let spans = spans
            .into_iter()
            .map(|span| ((span.topic.clone(), span.partition), span))
            .collect();
        Ok(Self {
            namespace: Some(source.namespace().clone()),
            records,
            spans,
            copies,
            seam: Seam::default(),
        })
    }

    /// Says that personal values on this log were sealed by something else than the identity function.
    #[must_use]
    pub fn sealed_by(mut self, seal: Arc<dyn Seal>) -> Self {
        self.seam = Seam(seal);
        self
    }

    /// The seam that personal values were written through.
    pub fn seal(&self) -> &dyn Seal {
        self.seam.0.as_ref()
    }

    /// The schema id and the opened body of a record of `shared.<purpose>`, whose subject is the handle pseudonym it names.
    ///
    /// # Errors
    /// In words, when the value is not in the wire format or does not open under the key it names.
    pub fn open(&self, record: &Record) -> Result<(i32, Vec<u8>), String> {
        let (schema_id, sealed) =
            framing::unframe(record.value.as_deref()).map_err(|error| error.to_string())?;
        let handle = hex::decode(header_text(record, headers::HANDLE)).unwrap_or_default();
        let key_id = header_text(record, headers::KEY);
        let opened = self.seal().open(&handle, key_id, sealed);
        Ok((schema_id, opened.map_err(|error| error.to_string())?))
    }

    /// The full name of a topic on the log itself.
    pub fn full_name(&self, topic: &str) -> String {
        self.namespace
            .as_ref()
            .map_or_else(|| topic.to_owned(), |namespace| namespace.name(topic))
    }

    /// The records of a partition, by offset.
    pub fn records(&self, topic: &str, partition: i32) -> &[Record] {
        let at = usize::try_from(partition).unwrap_or(usize::MAX);
        self.records
            .get(topic)
            .and_then(|partitions| partitions.get(at))
            .map_or(&[], Vec::as_slice)
    }

    /// The topics read whose name begins with `prefix`.
    pub fn topics(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .spans
            .keys()
            .map(|(topic, _)| topic.clone())
            .filter(|topic| topic.starts_with(prefix))
            .filter(|topic| chain::parse(topic).is_none_or(|(_, number)| number == chain::FIRST))
            .collect();
        names.dedup();
        names
    }

    /// How many partitions of a topic there are.
    pub fn partitions(&self, topic: &str) -> i32 {
        i32::try_from(self.spans.keys().filter(|(name, _)| name == topic).count())
            .unwrap_or(i32::MAX)
    }

    /// Data partitions: those of `audit.decisions`.
    pub fn data_partitions(&self) -> i32 {
        self.partitions(topics::DECISIONS)
    }

    /// The next offset of a partition when it was last read.
    pub fn end(&self, topic: &str, partition: i32) -> i64 {
        self.spans
            .get(&(topic.to_owned(), partition))
            .map_or(0, |span| span.end)
    }

    /// Whether a position was read up to: of a purpose's topic the end of its generation.
    pub fn reaches(&self, topic: &str, partition: i32, position: i64) -> bool {
        let Some((purpose, chain::FIRST)) = chain::parse(topic) else {
            return position <= self.end(topic, partition);
        };
        let (generation, offset) = chain::split(position);
        let of = chain::topic(purpose, generation);
        self.spans.contains_key(&(of.clone(), partition)) && offset <= self.end(&of, partition)
    }

    /// Whether a topic was there to be read.
    pub fn partition_is_known(&self, topic: &str) -> bool {
        self.spans.contains_key(&(topic.to_owned(), 0))
    }

    /// Copies and marks of a partition of a generation, by offset.
    pub fn copies(&self, purpose: &str, generation: u32, partition: i32) -> &[Record] {
        let at = usize::try_from(partition).unwrap_or(usize::MAX);
        let of = self.copies.get(&(purpose.to_owned(), generation));
        of.and_then(|of| of.get(at)).map_or(&[], Vec::as_slice)
    }

    /// The newest timestamp of any record, ms.
    pub fn newest_ms(&self) -> i64 {
        let partitions = self.records.values().flatten();
        let last = partitions.filter_map(|partition| partition.last());
        last.map(|record| record.timestamp_ms).max().unwrap_or(0)
    }

    /// Whether everything that demands a record was read, too.
    pub fn is_settled(&self, record: &Record) -> bool {
        let (topic, partition) = (&record.at.topic, record.at.partition);
        match chain::parse(topic) {
            None => record.offset < self.settled(topic, partition),
            Some((purpose, _)) => {
                let (generation, offset) = chain::split(record.offset);
                offset < self.settled(&chain::topic(purpose, generation), partition)
            }
        }
    }

    /// Below this offset everything must be accounted for.
    pub fn settled(&self, topic: &str, partition: i32) -> i64 {
        self.spans
            .get(&(topic.to_owned(), partition))
            .map_or(0, |span| span.settled)
    }
}

fn put(partitions: &mut Vec<Vec<Record>>, record: Record) {
    let at = usize::try_from(record.at.partition).unwrap_or(0);
    if partitions.len() <= at {
        partitions.resize_with(at + 1, Vec::new);
    }
    if let Some(partition) = partitions.get_mut(at) {
        partition.push(record);
    }
}

/// A header of a record by name.
pub fn header<'a>(record: &'a Record, name: &str) -> Option<&'a [u8]> {
    record.headers.get(name)
}

/// The text of a header; empty when it is missing or no text.
pub fn header_text<'a>(record: &'a Record, name: &str) -> &'a str {
    record.headers.text(name).unwrap_or("")
}

/// Decodes an internal record; a record that cannot be read is a difference, and `None`.
pub fn decode<R: AvroRecord>(
    record: &Record,
    check: &'static str,
    report: &mut Report,
) -> Option<R> {
    let kind = header_text(record, headers::TYPE);
    if kind != R::FULL_NAME {
        report.differ(
            check,
            Place::of(record),
            format!("a {}", R::FULL_NAME),
            format!("ce_type `{}`", printable(kind)),
        );
        return None;
    }
    match framing::unframe(record.value.as_deref()) {
        Ok((_, body)) => decode_body(record, body, check, report),
        Err(error) => {
            report.differ(
                check,
                Place::of(record),
                "a value in the wire format",
                error,
            );
            None
        }
    }
}

/// Decodes the opened body of a record; one that cannot be read is a difference, and `None`.
pub fn decode_body<R: AvroRecord>(
    record: &Record,
    body: &[u8],
    check: &'static str,
    report: &mut Report,
) -> Option<R> {
    match R::decode_exact(body) {
        Ok(decoded) => Some(decoded),
        Err(error) => {
            report.differ(
                check,
                Place::of(record),
                format!("the body of a {}", R::FULL_NAME),
                error,
            );
            None
        }
    }
}

/// A word from the log that may be shown: what is no plain word may be anything.
pub fn printable(word: &str) -> &str {
    let plain = word.len() <= 80 && word.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if plain { word } else { "something unreadable" }
}
