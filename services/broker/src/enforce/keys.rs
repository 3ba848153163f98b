//! The purpose keys a broker holds. The auditor holds none.

use std::collections::BTreeMap;
use walbrook_domain::Purpose;
use walbrook_event::PurposeKey;

/// The purpose keys, one per purpose.
#[derive(Debug, Clone, Default)]
pub struct Keys(BTreeMap<Purpose, PurposeKey>);

impl Keys {
    /// These keys.
    pub fn new(keys: impl IntoIterator<Item = (Purpose, PurposeKey)>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// The key of a purpose, `None` when this process does not have it: nothing may be released under that purpose.
    pub fn get(&self, purpose: &Purpose) -> Option<&PurposeKey> {
        self.0.get(purpose)
    }
}
