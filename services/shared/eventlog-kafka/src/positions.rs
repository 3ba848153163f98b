//! Committed positions of groups.

use crate::Kafka;
use crate::connection::plain;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::time::Duration;
use walbrook_eventlog::{Committed, LogError, Positions, TopicPartition};

/// Asks for committed positions; one client per group and isolation, made on first use.
pub struct KafkaPositions {
    kafka: Kafka,
    clients: HashMap<(String, bool), BaseConsumer>,
}

impl KafkaPositions {
    pub(crate) fn new(kafka: Kafka) -> Self {
        Self {
            kafka,
            clients: HashMap::new(),
        }
    }

    fn client(&mut self, group: &str, stable: bool) -> Result<&BaseConsumer, LogError> {
        let key = (group.to_owned(), stable);
        if !self.clients.contains_key(&key) {
            let isolation = if stable {
                "read_committed"
            } else {
                "read_uncommitted"
            };
            let mut config = self.kafka.consumer_config(isolation);
            config.set("group.id", group);
            let client = config
                .create()
                .map_err(|error| plain("make a position client", group, &error))?;
            self.clients.insert(key.clone(), client);
        }
        self.clients.get(&key).ok_or_else(|| {
            LogError::new(
                walbrook_eventlog::Severity::Fatal,
                "ask for positions",
                group,
                "the client is missing",
            )
        })
    }
}

impl Positions for KafkaPositions {
    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        stable: bool,
        wait: Duration,
    ) -> Result<Vec<Committed>, LogError> {
        let answer = ask(self.client(group, stable)?, group, partitions, wait);
        if answer.is_err() {
            // A client without topics of its own keeps a stale coordinator or leader for long: the next call makes another.
            self.clients.remove(&(group.to_owned(), stable));
        }
        answer
    }
}

fn ask(
    client: &BaseConsumer,
    group: &str,
    partitions: &[TopicPartition],
    wait: Duration,
) -> Result<Vec<Committed>, LogError> {
    while client.poll(Duration::ZERO).is_some() {}
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    for at in partitions {
        asked.add_partition(&at.topic, at.partition);
    }
    let answered = client
        .committed_offsets(asked, wait)
        .map_err(|error| plain("ask for positions", group, &error))?;
    partitions
        .iter()
        .map(|at| {
            let element = answered.find_partition(&at.topic, at.partition);
            if let Some(element) = &element {
                element
                    .error()
                    .map_err(|error| plain("ask for positions", at.to_string(), &error))?;
            }
            let offset = element.as_ref().and_then(|element| match element.offset() {
                Offset::Offset(next) => Some(next),
                _ => None,
            });
            Ok(Committed {
                at: at.clone(),
                offset,
                metadata: element
                    .map(|element| element.metadata().to_owned())
                    .unwrap_or_default(),
            })
        })
        .collect()
}
