//! What may not be kept any more leaves the state. When that is, is said from outside: agreements are not known here.
//!
//! A correction outlives its values: as long as it is remembered that it corrects an event, that event does not come back in its place, in
//! whatever order the two are over or arrive.

use super::packed::Packed;
use super::{Change, Partition};
use crate::facts::{Contribution, ContributionKey};
use std::collections::BTreeMap;
use walbrook_domain::{Day, Instant, Precision, Pseudonym};

/// The time of a contribution of which nothing is kept but what it corrects: in the year 68, when nobody sent events.
const BARE: Instant = Instant(-60_000_000_000_000_000);

impl Contribution {
    /// Whether nothing of it is kept but what it corrects. It is nobody's event any more, and is never shown.
    pub fn is_bare(&self) -> bool {
        self.occurred_at == BARE
    }

    /// What is kept of it once it may not be kept; `None`: nothing.
    fn bare(&self) -> Option<Self> {
        self.supersedes.map(|_| Self {
            occurred_at: BARE,
            precision: Precision::Day,
            not_after: None,
            released_on: Day(0),
            fields: Vec::new(),
            ..self.clone()
        })
    }
}

impl Packed {
    /// Whether nothing of it is kept but what it corrects.
    pub(super) fn is_bare(&self) -> bool {
        self.occurred_at() == Some(BARE)
    }
}

/// Something that may not be kept any more: whose it is, its key, and the first day on which that is so.
pub type Past = (Pseudonym, ContributionKey, Day);

/// What left because it may not be kept any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The first day on which it may not be kept.
    pub past_on: Day,
    /// Contributions that left.
    pub contributions: u64,
    /// People of whom no contribution is left in this partition.
    pub people: u64,
}

impl Partition {
    /// What may not be kept on a day. `last` says the last day on which a contribution may be; `None`: it is not known yet.
    pub fn past(
        &self,
        last: &mut dyn FnMut(&Contribution) -> Option<Day>,
        today: Day,
    ) -> Vec<Past> {
        let mut past = Vec::new();
        for one in self.people().flat_map(|person| person.contributions()) {
            if one.is_bare() {
                continue;
            }
            if let Some(last) = last(&one).filter(|last| *last < today) {
                past.push((one.person, one.key, last.plus(1)));
            }
        }
        past
    }

    /// Takes it out; what it was is told by the first day on which it may not be kept, so that whoever takes out the same says the same.
    pub fn expire(&mut self, past: &[Past], changes: &mut Vec<Change>) -> Vec<Expired> {
        let mut expired: BTreeMap<Day, (u64, u64)> = BTreeMap::new();
        for (person, key, past_on) in past {
            let stood = self.people.get(person).and_then(|handles| {
                let held = &handles.get(&key.handle)?.contributions;
                held.get(&key.event, &key.agreement, &self.words)?
                    .unpack((*person, key.handle), &self.words)
            });
            let Some(stood) = stood.filter(|stood| !stood.is_bare()) else {
                continue;
            };
            self.close(&stood, changes);
            let (contributions, people) = expired.entry(*past_on).or_default();
            *contributions += 1;
            *people += u64::from(!self.has_contributions(*person));
        }
        let told = expired.into_iter();
        told.map(|(past_on, (contributions, people))| Expired {
            past_on,
            contributions,
            people,
        })
        .collect()
    }

    /// A release that may not be kept takes the place of what stood under its key, and is not kept.
    pub(super) fn refuse(&mut self, contribution: &Contribution, changes: &mut Vec<Change>) {
        self.close(contribution, changes);
    }

    /// Nothing stands under the key of this contribution but, where it corrects an event, that it does.
    fn close(&mut self, contribution: &Contribution, changes: &mut Vec<Change>) {
        if let Some(bare) = contribution.bare() {
            self.release(&bare, changes);
            return;
        }
        let key = &contribution.key;
        for home in self.homes.of(&key.handle).to_vec() {
            self.take(home, key, changes);
        }
    }
}
