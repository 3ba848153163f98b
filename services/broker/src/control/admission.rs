//! The registry and the log before a dataset of others is put on record.

use crate::control::journal::subject;
use crate::error::ControlError;
use crate::grpc::datasets::Admission;
use std::time::Duration;
use walbrook_eventlog::{Namespace, topics};
use walbrook_eventlog_kafka::{Kafka, Registry, RegistryError};
use walbrook_runtime::status::Violation;

const METADATA_WITHIN: Duration = Duration::from_secs(5);

/// The clients.
pub struct Places {
    /// The namespace.
    pub namespace: Namespace,
    /// The registry.
    pub registry: Registry,
    /// The log.
    pub kafka: Kafka,
}

impl Places {
    async fn has_topic(&self, name: String) -> Result<bool, ControlError> {
        let kafka = self.kafka.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let topics = kafka.admin()?.partitions(METADATA_WITHIN)?;
            Ok::<_, walbrook_eventlog::LogError>(topics.contains_key(&name))
        });
        match asked.await {
            Ok(Ok(there)) => Ok(there),
            _ => Err(ControlError::NotWritten),
        }
    }
}

#[tonic::async_trait]
impl Admission for Places {
    async fn admit(&self, dataset: &str, full_name: &str, text: &str) -> Result<i32, ControlError> {
        let plain = topics::open(dataset);
        let topic = self.namespace.name(&plain);
        if !self.has_topic(topic.clone()).await? {
            let description = format!(
                "the topic {topic} does not exist: create it first (`walbrook dataset register` does)"
            );
            return Err(invalid("dataset", "NO_TOPIC", description));
        }
        let subject = subject(&self.namespace, &plain, full_name);
        match self.registry.register(&subject, text).await {
            Ok(id) => Ok(id),
            Err(RegistryError::Refused { status, .. }) => {
                let description = format!(
                    "the schema registry refuses the schema ({status}): a new version must read, and be read by, every version before it"
                );
                Err(invalid("schema", "REGISTRY", description))
            }
            Err(error) => {
                tracing::warn!(%error, "a dataset cannot be registered for now");
                Err(ControlError::NotWritten)
            }
        }
    }
}

fn invalid(field: &str, rule_id: &str, description: String) -> ControlError {
    ControlError::Invalid(vec![Violation {
        field: field.to_owned(),
        rule_id: rule_id.to_owned(),
        description,
    }])
}
