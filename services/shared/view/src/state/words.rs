//! Words that thousands of contributions repeat, each held once: organisations, event types, agreements. All are of registers, so they are few.

use crate::facts::{Contribution, SubjectFacts};
use std::collections::BTreeSet;
use walbrook_domain::{AgreementId, EventType, Organisation};

/// The words seen in one partition. No part of what stands: two states are equal whatever words they have seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    organisations: BTreeSet<Organisation>,
    event_types: BTreeSet<EventType>,
    agreements: BTreeSet<AgreementId>,
}

fn share<T: Ord + Clone>(seen: &mut BTreeSet<T>, word: &mut T) {
    if let Some(known) = seen.get(word) {
        word.clone_from(known);
    } else {
        seen.insert(word.clone());
    }
}

impl Words {
    /// Has a contribution share its words with those before.
    pub(crate) fn of_contribution(&mut self, one: &mut Contribution) {
        share(&mut self.organisations, &mut one.source);
        share(&mut self.event_types, &mut one.event_type);
        share(&mut self.agreements, &mut one.key.agreement);
        one.fields.shrink_to_fit();
    }

    /// Has the facts of a subject do so.
    pub(crate) fn of_subject(&mut self, facts: &mut SubjectFacts) {
        share(&mut self.organisations, &mut facts.organisation);
        let others = [
            &mut facts.responsible_authority,
            &mut facts.chosen_authority,
        ];
        for other in others.into_iter().flatten() {
            share(&mut self.organisations, other);
        }
        facts.restrictions.shrink_to_fit();
    }
}

impl PartialEq for Words {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Words {}
