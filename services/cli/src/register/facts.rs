//! What the registers are drawn from: agreements in force, their parties, the law they name, and what was done under them.

use std::collections::BTreeMap;
use std::sync::Arc;

use walbrook_auditor::observed::{Observed, Use};
use walbrook_domain::{AgreementId, Day, EventType, Organisation};
use walbrook_policy::agreement::Agreement;
use walbrook_policy::law::Law;
use walbrook_policy::state::{AgreementBook, Edition};

use crate::{Exit, Failure};

/// An agreement on record.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The newest version that is in force for anybody; where none is, the newest proposed.
    pub edition: Arc<Edition>,
    /// For whom it is in force today, ordered.
    pub in_force: Vec<Organisation>,
    /// What was done under it.
    pub used: Use,
}

impl Entry {
    /// The agreement.
    pub fn agreement(&self) -> &Agreement {
        &self.edition.agreement
    }

    /// Whether it is in force for anybody.
    pub fn is_in_force(&self) -> bool {
        !self.in_force.is_empty()
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Facts {
    /// By agreement.
    pub entries: Vec<Entry>,
    /// The law as this build knows it.
    pub law: Law,
    /// The day of the printout.
    pub today: Day,
    /// What events are called by the views that read them.
    pub labels: BTreeMap<EventType, String>,
    /// How many days ahead an end is near.
    pub soon_days: i32,
}

impl Facts {
    /// Draws it together.
    pub fn new(observed: Observed, law: Law, today: Day, soon_days: i32) -> Self {
        let Observed {
            state,
            mut uses,
            labels,
        } = observed;
        Self {
            entries: entries(state.book(), &mut uses, today),
            law,
            today,
            labels,
            soon_days,
        }
    }

    /// The agreements in force, in the order of ids.
    pub fn current(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.is_in_force())
    }

    /// How many are on record and in force for nobody, in a sentence for a preface; empty when none are.
    pub fn left_out(&self) -> String {
        match self
            .entries
            .iter()
            .filter(|entry| !entry.is_in_force())
            .count()
        {
            0 => String::new(),
            1 => {
                " One agreement on record is in force for nobody today and is left out.".to_owned()
            }
            some => format!(
                " {some} agreements on record are in force for nobody today and are left out."
            ),
        }
    }

    /// A gateway as the law cites it.
    pub fn gateway(&self, id: &str) -> String {
        self.law
            .gateway(id)
            .map_or_else(|| id.to_owned(), ToString::to_string)
    }

    /// An Article 6 basis with its name.
    pub fn basis(&self, id: &str) -> String {
        titled(
            "Article ",
            id,
            self.law.basis(id).map(|basis| basis.title.as_str()),
        )
    }

    /// An Article 9 condition with its name.
    pub fn condition(&self, id: &str) -> String {
        titled(
            "Article ",
            id,
            self.law.condition(id).map(|one| one.title.as_str()),
        )
    }

    /// A paragraph of Schedule 1 with its name.
    pub fn paragraph(&self, id: &str) -> String {
        titled(
            "DPA 2018 Schedule 1 paragraph ",
            id,
            self.law.paragraph(id).map(|one| one.title.as_str()),
        )
    }

    /// An organisation's name, as registers know it.
    pub fn name(&self, organisation: &Organisation) -> String {
        match self.law.organisation(organisation) {
            Some(registered) if organisation.is_london_authority() => {
                format!("{} council", registered.name)
            }
            Some(registered) => registered.name.clone(),
            None => crate::view::words::organisation(&organisation.to_string()),
        }
    }
}

fn titled(before: &str, id: &str, title: Option<&str>) -> String {
    title.map_or_else(
        || format!("{before}{id}"),
        |title| format!("{before}{id} ({title})"),
    )
}

fn entries(book: &AgreementBook, uses: &mut BTreeMap<AgreementId, Use>, today: Day) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (id, history) in book.agreements() {
        let mut in_force: Vec<Organisation> = Vec::new();
        let mut edition = None;
        for party in history.signatories() {
            if let Ok((of_party, _)) = history.in_force(party, today) {
                in_force.push(party.clone());
                let newer = edition
                    .as_ref()
                    .is_none_or(|found: &Arc<Edition>| found.version() < of_party.version());
                if newer {
                    edition = Some(Arc::clone(of_party));
                }
            }
        }
        in_force.sort();
        let Some(edition) = edition.or_else(|| history.latest().cloned()) else {
            continue;
        };
        entries.push(Entry {
            edition,
            in_force,
            used: uses.remove(id).unwrap_or_default(),
        });
    }
    entries
}

/// The law of this build.
///
/// # Errors
/// When its files cannot be read.
pub(super) fn law() -> Result<Law, Failure> {
    Law::read(&walbrook_schemas::law::FILES).map_err(|error| Failure::new(Exit::Internal, error))
}
