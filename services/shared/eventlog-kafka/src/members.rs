//! Who is in a consumer group, and what each member was assigned, as the group's coordinator says.

use crate::Kafka;
use crate::connection::plain;
use http::Uri;
use parking_lot::Mutex;
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

/// Between the name and the address in a member's `client.id`.
const AT: char = '+';

/// The `client.id` under which a process at this address joins a group: it says to whoever asks where the member is.
pub fn client_id(name: &str, address: &Uri) -> String {
    format!("walbrook-{name}{AT}{address}")
}

/// Finds where the member of a group is that is assigned a partition.
///
/// Each member carries its process's address in its `client.id` (see [`client_id`]), and the group's coordinator says which one is assigned the
/// partition: what makes a process the owner also says where it is, so the answer follows a failover by itself and nothing can be out of date.
/// (Whoever may join the group may claim any address, as it may claim the partition: the group is protected by the log's own access rules.)
pub struct OwnerAddress {
    group: String,
    at: TopicPartition,
    members: Mutex<KafkaMembers>,
}

impl OwnerAddress {
    /// Of the member of this group (full name) that is assigned this partition.
    pub fn new(kafka: &Kafka, group: String, at: TopicPartition) -> Self {
        Self {
            group,
            at,
            members: Mutex::new(kafka.members()),
        }
    }

    /// Its address; `None`: nobody is assigned the partition now, or it does not say where it is. Blocks.
    ///
    /// # Errors
    /// When the coordinator did not answer within `wait`.
    pub fn ask(&self, wait: Duration) -> Result<Option<Uri>, LogError> {
        let members = self.members.lock().of(&self.group, wait)?;
        Ok(address_of(&members, &self.at))
    }
}

fn address_of(members: &[GroupMember], at: &TopicPartition) -> Option<Uri> {
    let owner = members.iter().find(|member| member.assigned.contains(at))?;
    let (_, address) = owner.client_id.split_once(AT)?;
    address.parse().ok()
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
    use super::{GroupMember, TopicPartition, address_of, assignment, client_id};

    fn member(client_id: &str, assigned: &[i32]) -> GroupMember {
        let at = |partition: &i32| TopicPartition::new("city.control.policy", *partition);
        GroupMember {
            client_id: client_id.to_owned(),
            assigned: assigned.iter().map(at).collect(),
        }
    }

    #[test]
    fn the_owner_is_the_member_that_is_assigned_the_partition() {
        let at = TopicPartition::new("city.control.policy", 0);
        let here = "http://127.0.0.1:7120".parse().unwrap();
        let idle = member("walbrook-control+http://127.0.0.1:7121", &[]);
        let owner = member(&client_id("control", &here), &[0]);
        assert_eq!(address_of(&[idle.clone(), owner], &at), Some(here));
        // While the group settles nobody is; a member that says no address is no way to anywhere.
        assert_eq!(address_of(&[idle], &at), None);
        assert_eq!(address_of(&[member("walbrook", &[0])], &at), None);
        assert_eq!(address_of(&[], &at), None);
    }

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
