//! Which views are before readers. All views of a purpose are put there, and replaced, at once.

use crate::answer::Served;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use walbrook_domain::Purpose;

/// Views by name.
#[derive(Default)]
pub struct Board {
    views: RwLock<BTreeMap<String, Arc<Served>>>,
}

impl Board {
    /// A view by name, as it serves now.
    pub fn view(&self, name: &str) -> Option<Arc<Served>> {
        self.views.read().get(name).cloned()
    }

    /// Every view, by name.
    pub fn views(&self) -> Vec<Arc<Served>> {
        self.views.read().values().cloned().collect()
    }

    /// Whether this is the view that serves under its name.
    pub fn serves(&self, served: &Arc<Served>) -> bool {
        let views = self.views.read();
        let now = views.get(&served.view.name);
        now.is_some_and(|now| Arc::ptr_eq(now, served))
    }

    /// The views of a purpose from now on.
    pub fn put(&self, purpose: &Purpose, served: Vec<Arc<Served>>) {
        let mut views = self.views.write();
        views.retain(|_, one| one.view.purpose != *purpose);
        views.extend(served.into_iter().map(|one| (one.view.name.clone(), one)));
    }
}
