//! Topics and their settings on a real cluster.

use crate::Kafka;
use crate::connection::plain;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::time::Duration;
use walbrook_eventlog::topics::Topic;
use walbrook_eventlog::{LogError, Severity};

/// A difference between the table and the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Full topic name.
    pub topic: String,
    /// The setting, for example `retention.ms`, `partitions`, `replication`, or `exists`.
    pub setting: String,
    /// What the table demands.
    pub wanted: String,
    /// What the cluster has.
    pub found: String,
}

/// Topic administration.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    metadata: BaseConsumer,
    subject: String,
}

impl Admin {
    pub(crate) fn new(kafka: &Kafka) -> Result<Self, LogError> {
        let create = |error| plain("make an admin client", kafka.bootstrap(), &error);
        Ok(Self {
            client: kafka.config().create().map_err(create)?,
            metadata: kafka
                .consumer_config("read_uncommitted")
                .set("group.id", "walbrook-admin")
                .create()
                .map_err(create)?,
            subject: kafka.bootstrap().to_owned(),
        })
    }

    /// Whether the cluster answers: asks for its metadata.
    ///
    /// # Errors
    /// When it does not answer within `wait`.
    pub fn ping(&self, wait: Duration) -> Result<(), LogError> {
        self.partitions(wait).map(|_| ())
    }

    /// Every topic on the cluster with its partition count and the smallest replica count of its partitions.
    ///
    /// # Errors
    /// When the cluster does not answer within `wait`.
    pub fn partitions(&self, wait: Duration) -> Result<BTreeMap<String, (i32, i32)>, LogError> {
        let metadata = self
            .metadata
            .fetch_metadata(None, wait)
            .map_err(|error| plain("ask for metadata", self.subject.as_str(), &error))?;
        Ok(metadata
            .topics()
            .iter()
            .map(|topic| {
                let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
                let replicas = topic
                    .partitions()
                    .iter()
                    .map(|partition| partition.replicas().len())
                    .min()
                    .unwrap_or(0);
                (
                    topic.name().to_owned(),
                    (count, i32::try_from(replicas).unwrap_or(i32::MAX)),
                )
            })
            .collect())
    }

    /// Removes a consumer group with everything it has committed. Its members must have left.
    ///
    /// # Errors
    /// When the cluster refuses: the group still has members, or is not known.
    pub async fn forget_group(&self, group: &str) -> Result<(), LogError> {
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let results = self
            .client
            .delete_groups(&[group], &options)
            .await
            .map_err(|error| plain("remove a group", group, &error))?;
        for result in results {
            if let Err((name, code)) = result {
                let problem = code.to_string();
                return Err(LogError::new(
                    Severity::Transient,
                    "remove a group",
                    name,
                    problem,
                ));
            }
        }
        Ok(())
    }

    /// Creates those of the topics that do not exist yet; returns their names.
    ///
    /// # Errors
    /// When the cluster refuses one.
    pub async fn create(
        &self,
        topics: &[Topic],
        replication: i32,
        min_insync: i32,
    ) -> Result<Vec<String>, LogError> {
        let settings: Vec<_> = topics
            .iter()
            .map(|topic| topic.settings(min_insync))
            .collect();
        let wanted: Vec<NewTopic<'_>> = topics
            .iter()
            .zip(&settings)
            .map(|(topic, settings)| {
                let mut new = NewTopic::new(
                    &topic.name,
                    topic.partitions,
                    TopicReplication::Fixed(replication),
                );
                for (name, value) in settings {
                    new = new.set(name, value);
                }
                new
            })
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        let results = self
            .client
            .create_topics(&wanted, &options)
            .await
            .map_err(|error| plain("create topics", self.subject.as_str(), &error))?;
        let mut created = Vec::new();
        for result in results {
            match result {
                Ok(name) => created.push(name),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    return Err(LogError::new(
                        Severity::Fatal,
                        "create a topic",
                        name,
                        code.to_string(),
                    ));
                }
            }
        }
        Ok(created)
    }

    /// How the cluster differs from the table; empty when it is as it must be.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn differences(
        &self,
        topics: &[Topic],
        min_replication: i32,
        min_insync: i32,
    ) -> Result<Vec<Mismatch>, LogError> {
        let counts = self.partitions(Duration::from_secs(10))?;
        let mut found = Vec::new();
        let mut existing = Vec::new();
        for topic in topics {
            let mismatch = |setting: &str, wanted: String, have: String| Mismatch {
                topic: topic.name.clone(),
                setting: setting.to_owned(),
                wanted,
                found: have,
            };
            match counts.get(&topic.name) {
                None => found.push(mismatch("exists", "yes".into(), "no".into())),
                Some((partitions, replicas)) => {
                    if *partitions != topic.partitions {
                        found.push(mismatch(
                            "partitions",
                            topic.partitions.to_string(),
                            partitions.to_string(),
                        ));
                    }
                    if *replicas < min_replication {
                        found.push(mismatch(
                            "replication",
                            format!("at least {min_replication}"),
                            replicas.to_string(),
                        ));
                    }
                    existing.push(topic);
                }
            }
        }
        found.extend(self.setting_differences(&existing, min_insync).await?);
        Ok(found)
    }

    async fn setting_differences(
        &self,
        topics: &[&Topic],
        min_insync: i32,
    ) -> Result<Vec<Mismatch>, LogError> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let resources: Vec<_> = topics
            .iter()
            .map(|topic| ResourceSpecifier::Topic(&topic.name))
            .collect();
        let answers = self
            .client
            .describe_configs(&resources, &AdminOptions::new())
            .await
            .map_err(|error| plain("ask for topic settings", self.subject.as_str(), &error))?;
        let mut found = Vec::new();
        for (topic, answer) in topics.iter().zip(answers) {
            let resource = answer.map_err(|code| {
                LogError::new(
                    Severity::Transient,
                    "ask for topic settings",
                    topic.name.as_str(),
                    code.to_string(),
                )
            })?;
            let have: BTreeMap<_, _> = resource
                .entries
                .into_iter()
                .map(|entry| (entry.name, entry.value.unwrap_or_default()))
                .collect();
            for (name, wanted) in topic.settings(min_insync) {
                let value = have.get(name).cloned().unwrap_or_default();
                let fits = match (name, value.parse::<i32>()) {
                    // A stricter cluster is a better cluster.
                    ("min.insync.replicas", Ok(number)) => number >= min_insync,
                    _ => value == wanted,
                };
                if !fits {
                    found.push(Mismatch {
                        topic: topic.name.clone(),
                        setting: name.to_owned(),
                        wanted,
                        found: value,
                    });
                }
            }
        }
        Ok(found)
    }
}
