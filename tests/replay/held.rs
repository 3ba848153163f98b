//! A log in memory that can be tampered with.

use std::collections::BTreeMap;

use walbrook_auditor::{AuditError, Log, LogSource, Options, Report, gather::gather, verify};
use walbrook_domain::Instant;
use walbrook_event::framing::{frame, unframe};
use walbrook_eventlog::{NewRecord, Record, TopicPartition};
use walbrook_proto::avro::AvroRecord;

use crate::world::World;

/// All records of a run, by topic (without the namespace) and partition.
#[derive(Clone)]
pub struct Held {
    pub records: BTreeMap<(String, i32), Vec<Record>>,
    ends: BTreeMap<(String, i32), i64>,
    namespace: walbrook_eventlog::Namespace,
}

impl Held {
    /// The records of a run.
    pub fn of(world: &World) -> Self {
        let mut records: BTreeMap<(String, i32), Vec<Record>> = BTreeMap::new();
        let spans = gather(&mut crate::source(world), &mut |record| {
            records
                .entry((record.at.topic.to_string(), record.at.partition))
                .or_default()
                .push(record);
        })
        .expect("the log can be read");
        let ends = spans
            .into_iter()
            .map(|span| ((span.topic, span.partition), span.end))
            .collect();
        Self {
            records,
            ends,
            namespace: world.city.namespace.clone(),
        }
    }

    pub fn audit(&self) -> Report {
        crate::audit(&mut self.clone()).report
    }

    /// The audit of some later time.
    pub fn audit_at(&self, now: Instant) -> Report {
        let log = Log::read(&mut self.clone(), &mut |_| {}).expect("the log can be read");
        let options = Options {
            now: Some(now),
            ..Options::default()
        };
        verify(&log, &options).report
    }

    /// Whether some record of a topic is as wished.
    pub fn has(&self, topic: &str, wanted: impl Fn(&Record) -> bool) -> bool {
        let mut partitions = self.records.iter().filter(|((name, _), _)| name == topic);
        partitions.any(|(_, records)| records.iter().any(&wanted))
    }

    /// Where some record of a topic is as wished: the first such.
    pub fn find(&self, topic: &str, wanted: impl Fn(&Record) -> bool) -> Spot {
        let found = self
            .records
            .iter()
            .filter(|((name, _), _)| name == topic)
            .find_map(|(at, records)| {
                let index = records.iter().position(&wanted)?;
                Some(Spot {
                    topic: at.0.clone(),
                    partition: at.1,
                    index,
                })
            });
        found.unwrap_or_else(|| panic!("no such record on {topic}"))
    }

    pub fn at(&mut self, spot: &Spot) -> &mut Record {
        &mut self
            .records
            .get_mut(&(spot.topic.clone(), spot.partition))
            .expect("a partition")[spot.index]
    }

    pub fn remove(&mut self, spot: &Spot) -> Record {
        self.records
            .get_mut(&(spot.topic.clone(), spot.partition))
            .expect("a partition")
            .remove(spot.index)
    }

    pub fn end_of(&self, topic: &str, partition: i32) -> i64 {
        self.ends[&(topic.to_owned(), partition)]
    }

    /// A partition without records, where there is none.
    pub fn open(&mut self, topic: &str, partition: i32) {
        self.ends.entry((topic.to_owned(), partition)).or_insert(0);
    }

    /// Appends a record at the end of a partition.
    pub fn append(&mut self, topic: &str, partition: i32, record: NewRecord, timestamp_ms: i64) {
        let at = (topic.to_owned(), partition);
        let end = self.ends.get_mut(&at).expect("a partition");
        self.records.entry(at).or_default().push(Record {
            at: TopicPartition::new(topic, partition),
            offset: *end,
            timestamp_ms,
            key: record.key,
            value: record.value,
            headers: record.headers,
        });
        *end += 1;
    }

    /// Changes a decoded record and encodes it again under the same schema id.
    pub fn edit<R: AvroRecord>(&mut self, spot: &Spot, change: impl FnOnce(&mut R)) {
        let record = self.at(spot);
        let (id, body) = unframe(record.value.as_deref()).expect("the wire format");
        let mut decoded = R::decode_exact(body).expect("a record");
        change(&mut decoded);
        record.value = Some(frame(id, &decoded.to_vec().expect("a body")).into());
    }
}

/// A record's place in a [`Held`].
#[derive(Debug, Clone)]
pub struct Spot {
    pub topic: String,
    pub partition: i32,
    pub index: usize,
}

impl LogSource for Held {
    fn namespace(&self) -> &walbrook_eventlog::Namespace {
        &self.namespace
    }

    fn partitions(&mut self, topic: &str) -> Result<i32, AuditError> {
        Ok(self.ends.keys().filter(|(name, _)| name == topic).count() as i32)
    }

    fn end(&mut self, topic: &str, partition: i32) -> Result<i64, AuditError> {
        Ok(self.ends[&(topic.to_owned(), partition)])
    }

    fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        end: i64,
        visit: &mut dyn FnMut(Record),
    ) -> Result<(), AuditError> {
        let records = self
            .records
            .get(&(topic.to_owned(), partition))
            .into_iter()
            .flatten();
        records
            .filter(|record| (from..end).contains(&record.offset))
            .for_each(|record| visit(record.clone()));
        Ok(())
    }
}
