//! A reader to whom everything of the views' event types is granted, about everybody: what the score can tell at best. In use, agreements grant less.

use std::collections::BTreeSet;
use walbrook_domain::{AgreementId, AgreementVersion, EventType, Organisation, Precision};
use walbrook_policy::class::Who;
use walbrook_policy::read::Admission;
use walbrook_view::{Contribution, Grant, Person, Reading, Source, Standing};

/// Everything told so far, under one agreement of everybody.
#[derive(Debug)]
pub struct Open {
    agreement: AgreementId,
    role: String,
    sources: Vec<Source>,
}

impl Open {
    /// With the sources heard so far, to a reader in this role.
    pub fn new(
        agreement: AgreementId,
        role: &str,
        heard: impl Iterator<Item = (Organisation, EventType)>,
    ) -> Self {
        let heard: BTreeSet<(Organisation, EventType)> = heard.collect();
        let sources = heard.into_iter().map(|(organisation, event_type)| Source {
            event_type,
            who: Who::Organisation(organisation),
            standing: Standing::InForce,
            fields: u64::MAX,
        });
        let mut sources: Vec<Source> = sources.collect();
        sources.sort();
        Self {
            agreement,
            role: role.to_owned(),
            sources,
        }
    }
}

impl Reading for Open {
    fn role(&self) -> &str {
        &self.role
    }

    fn entitlements(&self) -> Vec<(AgreementId, AgreementVersion)> {
        vec![(self.agreement.clone(), AgreementVersion(1))]
    }

    fn admits(&self, _: &AgreementId, _: &Person<'_>, _: &dyn Fn() -> bool) -> Admission {
        Admission::Inside
    }

    fn grant(&self, _: &Person<'_>, _: &Contribution) -> Option<Grant> {
        Some(Grant {
            fields: u64::MAX,
            precision: Precision::Day,
        })
    }

    fn sources(&self) -> &[Source] {
        &self.sources
    }
}
