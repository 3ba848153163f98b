//! Who is in a consumer group, and what each member was assigned, as the group's coordinator says.

use crate::Kafka;
use crate::connection::plain;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::time::Duration;
use walbrook_eventlog::{LogError, TopicPartition};

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Its `client.id`.
    pub client_id: String,
    /// What it was assigned; nothing while the group is being rebalanced.
    pub assigned: Vec<TopicPartition>,
}

/// Asks for the members of groups.
pub struct KafkaMembers {
    kafka: Kafka,
    consumer: Option<BaseConsumer>,
}

impl KafkaMembers {
    pub(crate) fn new(kafka: Kafka) -> Self {
        Self {
            kafka,
            consumer: None,
        }
    }

    /// The members of a group (full name), asked for after this call began. Blocks.
    ///
    /// # Errors
    /// When the coordinator did not answer within `wait`.
    pub fn of(&mut self, group: &str, wait: Duration) -> Result<Vec<GroupMember>, LogError> {
        let failed = |error| plain("ask for the members of the group", group, &error);
        let consumer = match self.consumer.take() {
            Some(consumer) => consumer,
            None => {
                let mut config = self.kafka.consumer_config("read_committed");
                config.set("group.id", "walbrook-members");
                config.create().map_err(failed)?
            }
        };
        let consumer: BaseConsumer = consumer;
        let listed = consumer
            .fetch_group_list(Some(group), wait)
            .map_err(failed)?;
        let mut found = Vec::new();
        for described in listed.groups() {
            if described.name() != group {
                continue;
            }
            for member in described.members() {
                found.push(GroupMember {
                    client_id: member.client_id().to_owned(),
                    assigned: member.assignment().and_then(assignment).unwrap_or_default(),
                });
            }
        }
        // After an error it is dropped and made anew, as the other clients are.
        self.consumer = Some(consumer);
        Ok(found)
    }
}

/// Reads an assignment of the consumer protocol: version, then each topic with its partitions.
fn assignment(bytes: &[u8]) -> Option<Vec<TopicPartition>> {
    let mut rest = bytes;
    let _version = i16::from_be_bytes(take(&mut rest)?);
    let topics = i32::from_be_bytes(take(&mut rest)?);
    let mut found = Vec::new();
    for _ in 0..topics {
        let length = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).ok()?;
        let (name, after) = rest.split_at_checked(length)?;
        rest = after;
        let topic = std::str::from_utf8(name).ok()?;
        let partitions = i32::from_be_bytes(take(&mut rest)?);
        for _ in 0..partitions {
            let partition = i32::from_be_bytes(take(&mut rest)?);
            found.push(TopicPartition::new(topic, partition));
        }
    }
    Some(found)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::{TopicPartition, assignment};

    #[test]
    fn an_assignment_is_read_whole_or_not_at_all() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2, 0, 1];
        bytes.extend(b"a");
        bytes.extend([0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 2]);
        bytes.extend(b"bc");
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 7]);
        let user_data = [0xff; 4];
        bytes.extend(user_data);
        let expected = vec![
            TopicPartition::new("a", 0),
            TopicPartition::new("a", 3),
            TopicPartition::new("bc", 7),
        ];
        assert_eq!(assignment(&bytes), Some(expected));
        for cut in 0..bytes.len() - user_data.len() {
            assert_eq!(assignment(&bytes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(assignment(&[0, 1, 0, 0, 0, 0]), Some(Vec::new()));
    }
}
