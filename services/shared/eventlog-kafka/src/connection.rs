//! Connection settings, and the clients made from them.

use crate::{
    Admin, KafkaAppender, KafkaEnds, KafkaGroupReader, KafkaMembers, KafkaPositions, KafkaReader,
    KafkaTransactor,
};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use walbrook_eventlog::{LogError, Severity};

/// Where Kafka is and how to talk to it.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// `host:port`, several separated by commas.
    bootstrap: String,
    /// librdkafka properties for every client, for example `security.protocol`.
    properties: BTreeMap<String, String>,
}

impl Kafka {
    /// Settings. `properties` are librdkafka's and go to every client; they cannot loosen what a client depends on.
    pub fn new(bootstrap: impl Into<String>, properties: BTreeMap<String, String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            properties,
        }
    }

    /// `host:port` list, for messages to people.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A committed reader (`read_committed`) over partitions assigned by hand.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn reader(&self) -> Result<KafkaReader, LogError> {
        KafkaReader::new(self)
    }

    /// A reader that also sees uncommitted records, over partitions assigned by hand. For raw topics, which are written without transactions.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn uncommitted_reader(&self) -> Result<KafkaReader, LogError> {
        KafkaReader::uncommitted(self)
    }

    /// A member of `group` (full name) over `topics` (full names), range assignment.
    ///
    /// # Errors
    /// When the settings are refused or the subscription fails.
    pub fn group_reader(
        &self,
        group: &str,
        topics: &[&str],
        session_timeout: Duration,
    ) -> Result<KafkaGroupReader, LogError> {
        KafkaGroupReader::new(self, group, topics, session_timeout)
    }

    /// A transactional id (full name). `timeout` is `transaction.timeout.ms`: how long a dead owner holds the stable offset at most.
    pub fn transactor(&self, id: &str, timeout: Duration) -> KafkaTransactor {
        KafkaTransactor::new(self.clone(), id, timeout)
    }

    /// An idempotent appender with acks=all. `linger` is how long a record may wait for company.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn appender(&self, linger: Duration) -> Result<KafkaAppender, LogError> {
        KafkaAppender::new(self, linger)
    }

    /// High watermarks, through a client of its own.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn ends(&self) -> Result<KafkaEnds, LogError> {
        KafkaEnds::new(self)
    }

    /// Committed positions of groups.
    pub fn positions(&self) -> KafkaPositions {
        KafkaPositions::new(self.clone())
    }

    /// Members of groups.
    pub fn members(&self) -> KafkaMembers {
        KafkaMembers::new(self.clone())
    }

    /// The same settings with another `client.id`: the name under which a group's coordinator lists a member.
    #[must_use]
    pub fn named(&self, client_id: &str) -> Self {
        let mut named = self.clone();
        named
            .properties
            .insert("client.id".to_owned(), client_id.to_owned());
        named
    }

    /// Topics and settings.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn admin(&self) -> Result<Admin, LogError> {
        Admin::new(self)
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "walbrook");
        // A cluster on loopback answers in milliseconds; a lost one is tried again soon, not after ten seconds.
        config.set("reconnect.backoff.max.ms", "1000");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    pub(crate) fn consumer_config(&self, isolation: &str) -> ClientConfig {
        let mut config = self.config();
        config.set("auto.offset.reset", "error");
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("isolation.level", isolation);
        // A fetch that found the queue full would otherwise be put off by a second.
        config.set("fetch.queue.backoff.ms", "2");
        config.set("fetch.wait.max.ms", "100");
        config.set("allow.auto.create.topics", "false");
        config
    }

    pub(crate) fn producer_config(&self) -> ClientConfig {
        let mut config = self.config();
        config.set("enable.idempotence", "true");
        config.set("acks", "all");
        // The same partition as a Java peer computes.
        config.set("partitioner", "murmur2_random");
        config.set("compression.type", "lz4");
        config.set("queue.buffering.max.messages", "1000000");
        config.set("queue.buffering.max.kbytes", "1048576");
        config
    }
}

/// What is left until a deadline, in whole milliseconds, rounded up. The client waits in whole milliseconds and cuts a rest off, so whatever is less
/// than one would not be waited but spun through: a millisecond of each wait, a tenth of a core for a member that waits ten at a time.
pub(crate) fn left(deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    Duration::from_millis(u64::try_from(left.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX))
}

/// An error of librdkafka that is not about a transaction.
pub(crate) fn plain(
    operation: &'static str,
    subject: impl Into<String>,
    error: &KafkaError,
) -> LogError {
    use rdkafka::types::RDKafkaErrorCode as Code;
    let severity = match error.rdkafka_error_code() {
        Some(
            Code::Fenced
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch
            | Code::FencedInstanceId,
        ) => Severity::Fenced,
        Some(
            Code::MessageSizeTooLarge
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::OffsetOutOfRange
            | Code::AutoOffsetReset
            | Code::Fatal
            | Code::InvalidConfig,
        ) => Severity::Fatal,
        _ => match error {
            KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => Severity::Fatal,
            _ => Severity::Transient,
        },
    };
    LogError::new(severity, operation, subject, error.to_string())
}
