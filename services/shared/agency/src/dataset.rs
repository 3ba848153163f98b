//! Open datasets whose schemas others made, as they are registered on the control plane: what a record of one must be.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use walbrook_event::dataset::{DatasetSchema, RecordFault, digest};

/// A record that is not to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DatasetFault {
    /// No such schema is registered for the dataset.
    #[error("no such schema is registered for the dataset")]
    NotRegistered,
    /// The record is wrong.
    #[error(transparent)]
    Record(#[from] RecordFault),
}

/// Every version of every registered schema, by the SHA-256 of its text. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Datasets(Arc<RwLock<HashMap<[u8; 32], Arc<DatasetSchema>>>>);

impl Datasets {
    /// Takes a registered text; false when it is none.
    pub fn take(&self, text: &str) -> bool {
        let Ok(schema) = DatasetSchema::read(text) else {
            return false;
        };
        let digest = Sha256::digest(text).into();
        self.0.write().insert(digest, Arc::new(schema));
        true
    }

    /// Checks a record of a dataset, written with the schema whose text has this hash (hexadecimal).
    ///
    /// # Errors
    /// Why it is not to be published.
    pub fn check(
        &self,
        dataset: &str,
        schema_sha256: &str,
        record: &[u8],
    ) -> Result<(), DatasetFault> {
        let schema = digest(schema_sha256).and_then(|digest| self.0.read().get(&digest).cloned());
        match schema.filter(|schema| schema.dataset() == dataset) {
            Some(schema) => Ok(schema.check(record)?),
            None => Err(DatasetFault::NotRegistered),
        }
    }
}
