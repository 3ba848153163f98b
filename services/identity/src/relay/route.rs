//! Where the writer is, for a process that is not it.
//!
//! Each member of the group carries its process's address in its `client.id`. The group's coordinator says which member is assigned the partition of
//! `identity.records`: what makes a process the writer also says where it is, so there is nothing that could be out of date.

use crate::journal::{Format, TRANSACTIONAL_ID};
use http::Uri;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::transport::{Channel, Endpoint};
use walbrook_eventlog::{LogError, TopicPartition};
use walbrook_eventlog_kafka::{GroupMember, Kafka, KafkaMembers};

/// What stands before the address in a member's `client.id`.
const PREFIX: &str = "walbrook-identity+";
/// How long an answer of the coordinator is used. A call that fails meanwhile is told to come again, and the next one asks anew.
const GOOD_FOR: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Longer than the writer takes for any call.
const CALL_WITHIN: Duration = Duration::from_secs(30);

/// The `client.id` under which a process at this address joins the group.
pub fn client_id(address: &Uri) -> String {
    format!("{PREFIX}{address}")
}

/// The address of the member that is assigned the partition; `None`: nobody is, or it does not say where it is.
fn address_of(members: &[GroupMember], at: &TopicPartition) -> Option<Uri> {
    let owner = members.iter().find(|member| member.assigned.contains(at))?;
    owner.client_id.strip_prefix(PREFIX)?.parse().ok()
}

struct Known {
    address: Uri,
    channel: Channel,
    since: Instant,
}

/// The way to the writer. Clones share it.
#[derive(Clone)]
pub struct Route {
    group: String,
    identity: TopicPartition,
    own: Uri,
    members: Arc<Mutex<KafkaMembers>>,
    known: Arc<Mutex<Option<Known>>>,
}

impl Route {
    /// The way from the process at `own`.
    pub fn new(kafka: &Kafka, format: &Format, own: Uri) -> Self {
        Self {
            group: format.namespace.name(TRANSACTIONAL_ID),
            identity: format.identity_partition(),
            own,
            members: Arc::new(Mutex::new(kafka.members())),
            known: Arc::default(),
        }
    }

    /// A channel to the writer; `None`: there is no writer now, or it is this process.
    pub async fn channel(&self) -> Option<Channel> {
        if let Some(known) = &*self.known.lock()
            && known.since.elapsed() < GOOD_FOR
        {
            return Some(known.channel.clone());
        }
        let route = self.clone();
        let asked = tokio::task::spawn_blocking(move || route.ask()).await;
        let address = match asked {
            Ok(Ok(address)) => address?,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the identity process that writes cannot be found now");
                return None;
            }
            Err(_) => return None,
        };
        if address == self.own {
            return None;
        }
        let mut known = self.known.lock();
        let channel = match &*known {
            // The connection is kept as long as the writer stays where it is.
            Some(known) if known.address == address => known.channel.clone(),
            _ => Endpoint::from(address.clone())
                .connect_timeout(CONNECT_WITHIN)
                .timeout(CALL_WITHIN)
                .connect_lazy(),
        };
        *known = Some(Known {
            address,
            channel: channel.clone(),
            since: Instant::now(),
        });
        Some(channel)
    }

    /// Forgets what is known: the next call asks the coordinator.
    pub fn forget(&self) {
        *self.known.lock() = None;
    }

    fn ask(&self) -> Result<Option<Uri>, LogError> {
        let members = self.members.lock().of(&self.group, ANSWER_WITHIN)?;
        Ok(address_of(&members, &self.identity))
    }
}

#[cfg(test)]
mod tests {
    use super::{GroupMember, TopicPartition, address_of, client_id};

    fn member(client_id: &str, assigned: &[i32]) -> GroupMember {
        let at = |partition: &i32| TopicPartition::new("city.identity.records", *partition);
        GroupMember {
            client_id: client_id.to_owned(),
            assigned: assigned.iter().map(at).collect(),
        }
    }

    #[test]
    fn the_writer_is_the_member_that_is_assigned_the_partition() {
        let at = TopicPartition::new("city.identity.records", 0);
        let here = "http://127.0.0.1:7110".parse().unwrap();
        let idle = member("walbrook-identity+http://127.0.0.1:7111", &[]);
        let writer = member(&client_id(&here), &[0]);
        let found = address_of(&[idle.clone(), writer], &at);
        assert_eq!(found, Some(here));
        assert_eq!(address_of(&[idle], &at), None);
        assert_eq!(address_of(&[member("walbrook", &[0])], &at), None);
    }
}
