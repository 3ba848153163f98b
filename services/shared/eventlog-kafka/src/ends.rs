//! High watermarks, through a client of their own: one request per leader for all partitions.

use crate::Kafka;
use crate::connection::plain;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;
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

impl Ends for KafkaEnds {
    fn high_watermarks(
        &mut self,
        partitions: &[TopicPartition],
        wait: Duration,
    ) -> Result<Vec<i64>, LogError> {
        let consumer = match self.consumer.take() {
            Some(consumer) => consumer,
            None => client(&self.kafka)?,
        };
        let ends = ask(&consumer, partitions, wait)?;
        self.consumer = Some(consumer);
        Ok(ends)
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
