//! Where the records come from: a log, or a copy of one in a folder.

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
}

/// How long a log may give nothing before its named end. Longer than any transaction timeout of ours.
const PATIENCE: Duration = Duration::from_secs(60);
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
        if from >= end {
            return Ok(());
        }
        let at = TopicPartition::new(self.namespace.name(topic), partition);
        let plain = TopicPartition::new(topic, partition);
        self.reader.assign(&[(at.clone(), from)])?;
        let mut batch = Vec::new();
        let mut heard = Instant::now();
        let mut position = from;
        while position < end {
            self.reader
                .poll(BATCH_RECORDS, Duration::from_millis(200), &mut batch)?;
            for mut record in batch.drain(..) {
                if record.offset < end {
                    record.at = plain.clone();
                    visit(record);
                }
            }
            // Markers and aborted records move the position without giving anything.
            let now = self.reader.position(&at).unwrap_or(from);
            if now > position {
                (position, heard) = (now, Instant::now());
            } else if heard.elapsed() > PATIENCE {
                return Err(AuditError::Stalled {
                    topic: topic.to_owned(),
                    partition,
                    offset: position,
                    end,
                    waited_s: PATIENCE.as_secs(),
                });
            }
        }
        Ok(())
    }
}
