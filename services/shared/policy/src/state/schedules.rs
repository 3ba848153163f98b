//! What organisations publish: the newest schedule of each, and since when.

use super::Illegal;
use std::collections::BTreeMap;
use std::sync::Arc;
use walbrook_domain::control::PublicationSchedule;
use walbrook_domain::{Instant, Organisation};

/// A publication schedule in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What it says.
    pub schedule: PublicationSchedule,
    /// The log's append time of its record.
    pub since: Instant,
}

/// The newest schedule of each organisation.
#[derive(Debug, Clone, Default)]
pub struct Schedules {
    of: BTreeMap<Organisation, Arc<Published>>,
}

impl Schedules {
    /// An organisation's schedule; `None`: it publishes nothing.
    pub fn of(&self, organisation: &Organisation) -> Option<&Published> {
        self.of.get(organisation).map(Arc::as_ref)
    }

    /// Every schedule, in the order of organisations.
    pub fn all(&self) -> impl Iterator<Item = &Published> {
        self.of.values().map(Arc::as_ref)
    }

    /// Whether a record would be legal.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, fact: &PublicationSchedule) -> Result<(), Illegal> {
        let organisation = fact.organisation.clone();
        let current = self
            .of(&organisation)
            .map_or(0, |published| published.schedule.version);
        if !fact.follows(current) {
            return Err(Illegal::ScheduleVersion {
                organisation,
                current,
                named: fact.version,
            });
        }
        match fact.fault() {
            Some(problem) => Err(Illegal::Schedule {
                organisation,
                problem,
            }),
            None => Ok(()),
        }
    }

    /// Takes a checked record that the log appended at `at`.
    pub(super) fn take(&mut self, at: Instant, fact: &PublicationSchedule) {
        let published = Published {
            schedule: fact.clone(),
            since: at,
        };
        self.of
            .insert(fact.organisation.clone(), Arc::new(published));
    }
}
