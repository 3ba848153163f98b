//! A reader over partitions assigned by hand.

use crate::Kafka;
use crate::connection::{left, plain};
use crate::message::Topics;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use walbrook_eventlog::{LogError, Reader, Record, TopicPartition};

/// Reads partitions from absolute offsets.
pub struct KafkaReader {
    consumer: BaseConsumer,
    topics: Topics,
    starts: BTreeMap<TopicPartition, i64>,
}

impl KafkaReader {
    pub(crate) fn new(kafka: &Kafka) -> Result<Self, LogError> {
        Self::with_isolation(kafka, "read_committed")
    }

    pub(crate) fn uncommitted(kafka: &Kafka) -> Result<Self, LogError> {
        Self::with_isolation(kafka, "read_uncommitted")
    }

    fn with_isolation(kafka: &Kafka, isolation: &str) -> Result<Self, LogError> {
        let mut config = kafka.consumer_config(isolation);
        // librdkafka wants a group even for assignment by hand; nothing is ever committed to it.
        config.set("group.id", "walbrook-reader");
        // What waits to be read stays small enough for the processor's caches, and the room of what was read is used again: with 32 MiB of records
        // ahead and a megabyte of each partition at a time, a tenth of a replay's time went into fresh pages of memory for records that were soon
        // let go again.
        config.set("fetch.message.max.bytes", "262144");
        config.set("queued.min.messages", "4000");
        config.set("queued.max.messages.kbytes", "8192");
        let consumer = config
            .create()
            .map_err(|error| plain("make a reader", kafka.bootstrap(), &error))?;
        Ok(Self {
            consumer,
            topics: Topics::default(),
            starts: BTreeMap::new(),
        })
    }
}

impl Reader for KafkaReader {
    fn assign(&mut self, starts: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        let mut list = TopicPartitionList::with_capacity(starts.len());
        for (at, start) in starts {
            list.add_partition_offset(&at.topic, at.partition, Offset::Offset(*start))
                .map_err(|error| plain("assign", at.to_string(), &error))?;
        }
        self.consumer
            .assign(&list)
            .map_err(|error| plain("assign", format!("{} partitions", starts.len()), &error))?;
        self.starts = starts.iter().cloned().collect();
        Ok(())
    }

    fn poll(&mut self, max: usize, wait: Duration, into: &mut Vec<Record>) -> Result<(), LogError> {
        let deadline = Instant::now() + wait;
        let mut taken = 0;
        while taken < max {
            let left = if taken == 0 {
                left(deadline)
            } else {
                Duration::ZERO
            };
            match self.consumer.poll(left) {
                None => return Ok(()),
                Some(Ok(message)) => {
                    into.push(self.topics.record(&message));
                    taken += 1;
                }
                Some(Err(error)) => {
                    let error = plain("read", "the assigned partitions", &error);
                    if error.severity == walbrook_eventlog::Severity::Transient {
                        // librdkafka goes on by itself (a broker away, a leader moving); the caller sees that nothing arrives.
                        tracing::debug!(%error, "reader waits");
                        continue;
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn position(&self, at: &TopicPartition) -> Option<i64> {
        self.positions(std::slice::from_ref(at)).pop().flatten()
    }

    fn positions(&self, all: &[TopicPartition]) -> Vec<Option<i64>> {
        // The client tells all at once; asked for one after the other it would tell all each time.
        let known = self.consumer.position().ok();
        let position = |at: &TopicPartition| {
            let start = *self.starts.get(at)?;
            let found = known.as_ref()?.find_partition(&at.topic, at.partition)?;
            // Invalid until something was passed: until then the start itself is the truth.
            Some(match found.offset() {
                Offset::Offset(next) => next.max(start),
                _ => start,
            })
        };
        all.iter().map(position).collect()
    }
}
