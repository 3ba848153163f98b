//! High watermarks, through a client of their own: one request per leader for all partitions.

use crate::Kafka;
use crate::connection::plain;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};
use walbrook_eventlog::{Ends, LogError, Severity, TopicPartition};

/// Asks for high watermarks. The high watermark, not the last stable offset: a commit is acknowledged before its markers are written, so the
/// stable offset can lag behind an acknowledged withdrawal.
///
/// After an error the client is dropped and made anew: one without topics of its own keeps the leader epochs it cached for a quarter of an hour,
/// and answers *fenced leader epoch* all that time once the leader has changed (seen when a stalled controller fenced the broker).
pub struct KafkaEnds {
    kafka: Kafka,
    consumer: Option<BaseConsumer>,
}

impl KafkaEnds {
    pub(crate) fn new(kafka: &Kafka) -> Result<Self, LogError> {
        Ok(Self {
            kafka: kafka.clone(),
            consumer: Some(client(kafka)?),
        })
    }
}

fn client(kafka: &Kafka) -> Result<BaseConsumer, LogError> {
    let mut config = kafka.consumer_config("read_uncommitted");
    config.set("group.id", "walbrook-ends");
    config
        .create()
        .map_err(|error| plain("make a watermark client", kafka.bootstrap(), &error))
}

/// How long one client is asked before another takes its place. A client that asked for a topic before it existed, or whose leader moved, may go on
/// waiting on what it cached; a new one sees what is there now.
const PATIENCE_WITH_ONE: Duration = Duration::from_secs(3);

/// Before the next client is made: an answer that failed at once would otherwise be asked for in a tight loop.
const PAUSE: Duration = Duration::from_millis(50);

impl Ends for KafkaEnds {
    fn high_watermarks(
        &mut self,
        partitions: &[TopicPartition],
        wait: Duration,
    ) -> Result<Vec<i64>, LogError> {
        let deadline = Instant::now() + wait;
        loop {
            let consumer = match self.consumer.take() {
                Some(consumer) => consumer,
                None => client(&self.kafka)?,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            match ask(&consumer, partitions, left.min(PATIENCE_WITH_ONE)) {
                Ok(ends) => {
                    self.consumer = Some(consumer);
                    return Ok(ends);
                }
                Err(error)
                    if error.severity == Severity::Transient && Instant::now() < deadline =>
                {
                    tracing::debug!(%error, "asked again through another client");
                    std::thread::park_timeout(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn ask(
    consumer: &BaseConsumer,
    partitions: &[TopicPartition],
    wait: Duration,
) -> Result<Vec<i64>, LogError> {
    // Serves the client's own events (log lines, throttling); it has no assignment, so no record can arrive.
    while consumer.poll(Duration::ZERO).is_some() {}
    let subject = || format!("{} partitions", partitions.len());
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for at in partitions {
        asked
            .add_partition_offset(&at.topic, at.partition, Offset::End)
            .map_err(|error| plain("ask for the ends", subject(), &error))?;
    }
    let answered = consumer
        .offsets_for_times(asked, wait)
        .map_err(|error| plain("ask for the ends", subject(), &error))?;
    partitions
        .iter()
        .map(|at| {
            let missing = || {
                LogError::new(
                    Severity::Transient,
                    "ask for the end",
                    at.to_string(),
                    "no answer for this partition",
                )
            };
            let element = answered
                .find_partition(&at.topic, at.partition)
                .ok_or_else(missing)?;
            element
                .error()
                .map_err(|error| plain("ask for the end", at.to_string(), &error))?;
            match element.offset() {
                Offset::Offset(end) => Ok(end),
                _ => Err(missing()),
            }
        })
        .collect()
}
