//! What officers decide about people whose rows they read: closed words, and the fold of what is on record.

use std::collections::BTreeMap;
use std::sync::Arc;
use walbrook_proto::audit::v1::OfficerDecision;

/// What can be decided.
pub const DECISIONS: [&str; 7] = [
    "OFFER_SUPPORT",
    "CONTACT",
    "REFER",
    "ESCALATE",
    "SEEK_INFORMATION",
    "KEEP_UNDER_REVIEW",
    "NO_ACTION",
];

/// Why. What there is to say beyond it stands in the case file: no text about people is taken.
pub const REASONS: [&str; 8] = [
    "AGREES_WITH_ROW",
    "OWN_ASSESSMENT",
    "ALREADY_SUPPORTED",
    "PERSON_DECLINED",
    "ROW_OUT_OF_DATE",
    "ROW_IN_DOUBT",
    "NOT_ELIGIBLE",
    "OTHER_DUTY",
];

/// Decisions shown with one explanation at most: the newest.
pub const MOST_SHOWN: usize = 100;

/// Whose decisions: view, organisation and person.
type Whose = (String, String, Vec<u8>);

/// Every decision on record, by view, organisation and person.
#[derive(Debug, Clone, Default)]
pub struct Decisions {
    by: BTreeMap<Whose, Vec<Arc<OfficerDecision>>>,
}

impl Decisions {
    /// Adds a decision that stands behind all added before.
    pub fn add(&mut self, decision: OfficerDecision) {
        let whose = (
            decision.view.clone(),
            decision.organisation.clone(),
            decision.person_pseudonym.clone(),
        );
        self.by.entry(whose).or_default().push(Arc::new(decision));
    }

    /// What an organisation decided about a person in a view: the newest first, [`MOST_SHOWN`] at most.
    pub fn of(&self, view: &str, organisation: &str, person: &[u8]) -> Vec<Arc<OfficerDecision>> {
        let whose = (view.to_owned(), organisation.to_owned(), person.to_vec());
        let all = self.by.get(&whose).map_or(&[][..], Vec::as_slice);
        all.iter().rev().take(MOST_SHOWN).cloned().collect()
    }
}
