//! Registry ids of the schemas that this agency writes. Looked up, never registered here, and never changing once
//! known: so the registry may be down while events flow.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use parking_lot::RwLock;
use walbrook_eventlog_kafka::{Registry, RegistryError};

/// An id that is not known.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The registry could not be asked.
    #[error("the registry could not be asked")]
    Registry(#[source] RegistryError),
    /// The registry does not have it (yet).
    #[error(
        "the registry has no such schema under {subject}; the broker's control writer registers it when it starts"
    )]
    NotRegistered {
        /// The subject.
        subject: String,
    },
}

/// Where ids are looked up.
pub trait Schemas: Send + Sync {
    /// The id of a schema text under a subject; `None` when it is not there yet.
    fn id<'a>(
        &'a self,
        subject: &'a str,
        schema: &'static str,
    ) -> BoxFuture<'a, Result<Option<i32>, RegistryError>>;
}

/// The registry itself.
#[derive(Debug, Clone)]
pub struct RegistrySchemas(pub Registry);

impl Schemas for RegistrySchemas {
    fn id<'a>(
        &'a self,
        subject: &'a str,
        schema: &'static str,
    ) -> BoxFuture<'a, Result<Option<i32>, RegistryError>> {
        Box::pin(self.0.lookup(subject, schema))
    }
}

/// A schema as records name it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) id: i32,
    /// `<subject>/<id>`, the header `ce_dataschema`.
    pub(crate) data_schema: Arc<str>,
}

/// Ids found so far, by full name of the record.
pub(crate) struct KnownSchemas {
    /// Full topic name: what stands before the record's name in a subject.
    topic: Arc<str>,
    registry: Arc<dyn Schemas>,
    known: RwLock<HashMap<&'static str, Named>>,
}

impl KnownSchemas {
    pub(crate) fn new(topic: Arc<str>, registry: Arc<dyn Schemas>) -> Self {
        Self {
            topic,
            registry,
            known: RwLock::default(),
        }
    }

    pub(crate) async fn named(
        &self,
        record: &'static str,
        schema: &'static str,
    ) -> Result<Named, SchemaError> {
        if let Some(named) = self.known.read().get(record) {
            return Ok(named.clone());
        }
        let subject = format!("{}-{record}", self.topic);
        let found = self
            .registry
            .id(&subject, schema)
            .await
            .map_err(SchemaError::Registry)?;
        let Some(id) = found else {
            return Err(SchemaError::NotRegistered { subject });
        };
        let named = Named {
            id,
            data_schema: format!("{subject}/{id}").into(),
        };
        self.known.write().insert(record, named.clone());
        Ok(named)
    }
}
