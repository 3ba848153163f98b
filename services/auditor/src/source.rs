//! Where the records come from: a log, or a copy of one in a folder.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use walbrook_eventlog::{Ends, Namespace, Reader, Record, TopicPartition};

use crate::error::AuditError;

/// A log to be audited. Topics are named without the namespace; records carry plain topic names too.
pub trait LogSource {
    /// The namespace that stands before every topic of the log itself.
    fn namespace(&self) -> &Namespace;

    /// The partitions of a topic; 0 when it does not exist.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn partitions(&mut self, topic: &str) -> Result<i32, AuditError>;

    /// The next offset of a partition when a first pass over it began. Only a copy knows a past one.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn settled(&mut self, topic: &str, partition: i32) -> Result<i64, AuditError> {
        self.end(topic, partition)
    }

    /// The next offset of a partition now.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn end(&mut self, topic: &str, partition: i32) -> Result<i64, AuditError>;

    /// Visits every committed record of the range, in order.
    ///
    /// # Errors
    /// When the log cannot be read through to `end`.
    fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        end: i64,
        visit: &mut dyn FnMut(Record),
    ) -> Result<(), AuditError>;

    /// The same for several ranges, each in order; how they are mixed is not said.
    ///
    /// # Errors
    /// When the log cannot be read through to every end.
    fn read_all(
        &mut self,
        stretches: &[Stretch],
        visit: &mut dyn FnMut(Record),
    ) -> Result<(), AuditError> {
        for one in stretches {
            self.read(&one.topic, one.partition, one.from, one.end, visit)?;
        }
        Ok(())
    }
}

/// A range of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Topic without the namespace.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// First offset.
    pub from: i64,
    /// The offset after the last one.
    pub end: i64,
}

/// How long a log may give nothing before its named end. Longer than any transaction timeout of ours.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one poll waits for its first record.
const POLL_WAIT: Duration = Duration::from_millis(20);
/// Counts a finished partition as more progress than any offset.
const FINISHED: i64 = 1 << 40;
/// How many records are taken at once.
const BATCH_RECORDS: usize = 4_096;

/// Gives the partition count of a full topic name; `None` when there is no such topic.
type Counts = Box<dyn Fn(&str) -> Option<i32> + Send>;

/// A log behind the event-log traits: Kafka, read committed.
pub struct LiveSource<R, E> {
    namespace: Namespace,
    reader: R,
    ends: E,
    partitions: Counts,
}

impl<R: Reader, E: Ends> LiveSource<R, E> {
    /// A source over a committed reader and a client for ends. `partitions` gives the partition count of a full topic name.
    pub fn new(
        namespace: Namespace,
        reader: R,
        ends: E,
        partitions: impl Fn(&str) -> Option<i32> + Send + 'static,
    ) -> Self {
        Self {
            namespace,
            reader,
            ends,
            partitions: Box::new(partitions),
        }
    }
}

impl<R: Reader, E: Ends> LogSource for LiveSource<R, E> {
    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn partitions(&mut self, topic: &str) -> Result<i32, AuditError> {
        Ok((self.partitions)(&self.namespace.name(topic)).unwrap_or(0))
    }

    fn end(&mut self, topic: &str, partition: i32) -> Result<i64, AuditError> {
        let at = TopicPartition::new(self.namespace.name(topic), partition);
        let ends = self.ends.high_watermarks(&[at], PATIENCE)?;
        Ok(ends.first().copied().unwrap_or(0))
    }

    fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        end: i64,
        visit: &mut dyn FnMut(Record),
    ) -> Result<(), AuditError> {
        let topic = topic.to_owned();
        let stretch = Stretch {
            topic,
            partition,
            from,
            end,
        };
        self.read_all(&[stretch], visit)
    }

    /// All at once: a fetch that finds nothing new waits, and waits for many partitions cost as much as for one.
    fn read_all(
        &mut self,
        stretches: &[Stretch],
        visit: &mut dyn FnMut(Record),
    ) -> Result<(), AuditError> {
        let mut open: BTreeMap<TopicPartition, &Stretch> = stretches
            .iter()
            .filter(|one| one.from < one.end)
            .map(|one| {
                let at = TopicPartition::new(self.namespace.name(&one.topic), one.partition);
                (at, one)
            })
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let starts: Vec<_> = open
            .iter()
            .map(|(at, one)| (at.clone(), one.from))
            .collect();
        self.reader.assign(&starts)?;
        let known: BTreeMap<TopicPartition, (TopicPartition, i64)> = open
            .iter()
            .map(|(at, one)| {
                let plain = TopicPartition::new(one.topic.as_str(), one.partition);
                (at.clone(), (plain, one.end))
            })
            .collect();
        let mut batch = Vec::new();
        let (mut heard, mut progress) = (Instant::now(), i64::MIN);
        while let Some((at, one)) = open.iter().next() {
            let position = self.reader.position(at).unwrap_or(one.from);
            if heard.elapsed() > PATIENCE {
                return Err(AuditError::Stalled {
                    topic: one.topic.clone(),
                    partition: one.partition,
                    offset: position,
                    end: one.end,
                    waited_s: PATIENCE.as_secs(),
                });
            }
            self.reader.poll(BATCH_RECORDS, POLL_WAIT, &mut batch)?;
            for mut record in batch.drain(..) {
                if let Some((plain, end)) = known.get(&record.at)
                    && record.offset < *end
                {
                    record.at = plain.clone();
                    visit(record);
                }
            }
            // Markers and aborted records move a position without giving anything.
            let reader = &self.reader;
            open.retain(|at, one| reader.position(at).unwrap_or(one.from) < one.end);
            let positions = open
                .iter()
                .map(|(at, one)| reader.position(at).unwrap_or(one.from));
            let now = positions.sum::<i64>() - i64::try_from(open.len()).unwrap_or(0) * FINISHED;
            if now > progress {
                (heard, progress) = (Instant::now(), now);
            }
        }
        Ok(())
    }
}
