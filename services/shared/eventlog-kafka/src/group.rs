//! A member of a consumer group with range assignment.
//!
//! librdkafka tells a rebalance through its event queue and goes on only once the application has called assign or unassign. So the callback
//! only notes what happened, and [`KafkaGroupReader::poll`] settles it on the caller's own stack, where an open batch can be committed or aborted.

use crate::Kafka;
use crate::connection::{left, plain};
use crate::message::Topics;
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use walbrook_eventlog::{
    GroupEvent, GroupGeneration, GroupReader, LogError, Record, Severity, TopicPartition,
};

#[derive(Default)]
struct Noted {
    events: Mutex<Vec<GroupEvent>>,
    /// The member is being dropped: nobody will settle, so the callback gives the partitions up itself, or closing would wait for ever.
    closing: AtomicBool,
}

impl ClientContext for Noted {}

impl ConsumerContext for Noted {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        if self.closing.load(Ordering::Acquire) {
            if let Err(error) = consumer.unassign() {
                tracing::debug!(%error, "partitions could not be given up while closing");
            }
            return;
        }
        let partitions = partitions_of(list);
        let event = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                GroupEvent::Assigned(partitions)
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS if consumer.assignment_lost() => {
                GroupEvent::Lost(partitions)
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => GroupEvent::Revoked(partitions),
            _ => GroupEvent::Lost(partitions),
        };
        self.events.lock().push(event);
    }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let mut partitions: Vec<_> = list
        .elements()
        .iter()
        .map(|element| TopicPartition::new(element.topic(), element.partition()))
        .collect();
    partitions.sort();
    partitions
}

fn list_of(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for at in partitions {
        list.add_partition(&at.topic, at.partition);
    }
    list
}

/// The generation a batch was cut under.
struct Generation(ConsumerGroupMetadata);

impl GroupGeneration for Generation {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub(crate) fn metadata_of(generation: &dyn GroupGeneration) -> Option<&ConsumerGroupMetadata> {
    generation
        .as_any()
        .downcast_ref::<Generation>()
        .map(|found| &found.0)
}

/// A member of a consumer group.
pub struct KafkaGroupReader {
    consumer: BaseConsumer<Noted>,
    topics: Topics,
    group: String,
    assigned: Vec<TopicPartition>,
    started: bool,
}

impl KafkaGroupReader {
    pub(crate) fn new(
        kafka: &Kafka,
        group: &str,
        topics: &[&str],
        session_timeout: Duration,
    ) -> Result<Self, LogError> {
        let mut config = kafka.consumer_config("read_committed");
        config.set("group.id", group);
        config.set("partition.assignment.strategy", "range");
        config.set(
            "session.timeout.ms",
            session_timeout.as_millis().to_string(),
        );
        config.set(
            "heartbeat.interval.ms",
            (session_timeout.as_millis() / 3).max(1).to_string(),
        );
        config.set(
            "max.poll.interval.ms",
            session_timeout.as_millis().max(300_000).to_string(),
        );
        config.set("queued.max.messages.kbytes", "65536");
        let consumer: BaseConsumer<Noted> = config
            .create_with_context(Noted::default())
            .map_err(|error| plain("make a group member", group, &error))?;
        consumer
            .subscribe(topics)
            .map_err(|error| plain("subscribe", group, &error))?;
        Ok(Self {
            consumer,
            topics: Topics::default(),
            group: group.to_owned(),
            assigned: Vec::new(),
            started: false,
        })
    }

    fn resume(&self, partitions: &[TopicPartition]) -> Result<(), LogError> {
        if partitions.is_empty() {
            return Ok(());
        }
        self.consumer
            .resume(&list_of(partitions))
            .map_err(|error| plain("start reading", self.group.as_str(), &error))
    }

    /// Settles what the callback noted: the caller first, then librdkafka.
    fn settle(&mut self, on_event: &mut dyn FnMut(GroupEvent)) -> Result<(), LogError> {
        let events = std::mem::take(&mut *self.consumer.context().events.lock());
        for event in events {
            let gone = match &event {
                GroupEvent::Assigned(partitions) => {
                    self.assigned.clone_from(partitions);
                    self.started = false;
                    false
                }
                GroupEvent::Revoked(_) | GroupEvent::Lost(_) => true,
            };
            on_event(event);
            if gone {
                self.assigned.clear();
                self.started = false;
                self.consumer
                    .unassign()
                    .map_err(|error| plain("give up partitions", self.group.as_str(), &error))?;
            }
        }
        Ok(())
    }
}

impl Drop for KafkaGroupReader {
    fn drop(&mut self) {
        self.consumer
            .context()
            .closing
            .store(true, Ordering::Release);
        // A rebalance that was noted but not settled would also be waited for.
        if let Err(error) = self.consumer.unassign() {
            tracing::debug!(%error, "partitions could not be given up while closing");
        }
    }
}

impl GroupReader for KafkaGroupReader {
    fn poll(
        &mut self,
        max: usize,
        wait: Duration,
        into: &mut Vec<Record>,
        on_event: &mut dyn FnMut(GroupEvent),
    ) -> Result<(), LogError> {
        let deadline = Instant::now() + wait;
        let mut taken = 0;
        while taken < max {
            let left = if taken == 0 {
                left(deadline)
            } else {
                Duration::ZERO
            };
            match self.consumer.poll(left) {
                Some(Ok(message)) => {
                    into.push(self.topics.record(&message));
                    taken += 1;
                }
                Some(Err(error)) => {
                    let error = plain("read as a group member", self.group.as_str(), &error);
                    if error.severity != Severity::Transient {
                        return Err(error);
                    }
                    tracing::debug!(%error, "group member waits");
                }
                None => {
                    if self.consumer.context().events.lock().is_empty() {
                        return Ok(());
                    }
                    // The caller settles its batch first: return to it with what was read before.
                    return self.settle(on_event);
                }
            }
        }
        Ok(())
    }

    fn generation(&self) -> Result<Box<dyn GroupGeneration>, LogError> {
        self.consumer
            .group_metadata()
            .map(|metadata| Box::new(Generation(metadata)) as Box<dyn GroupGeneration>)
            .ok_or_else(|| {
                LogError::new(
                    Severity::Fenced,
                    "take the generation",
                    self.group.as_str(),
                    "not a member of the group now",
                )
            })
    }

    fn start(&mut self, starts: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        if !self.started {
            // librdkafka waits for the whole assignment; what has no start yet is assigned and paused.
            let mut list = TopicPartitionList::with_capacity(self.assigned.len());
            let (mut paused, mut reading) = (Vec::new(), Vec::new());
            for at in &self.assigned {
                let start = starts
                    .iter()
                    .find(|(other, _)| other == at)
                    .map(|(_, start)| *start);
                match start {
                    Some(_) => reading.push(at.clone()),
                    None => paused.push(at.clone()),
                }
                list.add_partition_offset(
                    &at.topic,
                    at.partition,
                    Offset::Offset(start.unwrap_or(0)),
                )
                .map_err(|error| plain("start reading", at.to_string(), &error))?;
            }
            self.consumer
                .assign(&list)
                .map_err(|error| plain("start reading", self.group.as_str(), &error))?;
            self.started = true;
            // A partition that was paused before it was taken away is still paused when it comes back.
            self.resume(&reading)?;
            return self.pause(&paused);
        }
        for (at, start) in starts {
            self.consumer
                .seek(
                    &at.topic,
                    at.partition,
                    Offset::Offset(*start),
                    Duration::from_secs(10),
                )
                .map_err(|error| plain("start reading", at.to_string(), &error))?;
        }
        let partitions: Vec<_> = starts.iter().map(|(at, _)| at.clone()).collect();
        self.resume(&partitions)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), LogError> {
        if partitions.is_empty() {
            return Ok(());
        }
        self.consumer
            .pause(&list_of(partitions))
            .map_err(|error| plain("pause", self.group.as_str(), &error))
    }
}
