//! The reader half: what a viewer may see of a contribution, and about whom.
//!
//! A viewer's [`Entitlement`]s are computed once per read (or whenever the book changes); each then answers for subjects
//! ([`Entitlement::admits`]) and contributions ([`Entitlement::readable`]). No entitlement, no row.

mod delivery;
mod scope;

pub use delivery::{Delivered, OtherRole, delivered, other_role, recipients};
pub use scope::{Admission, HandleFacts, SubjectFacts, lies_in};

use crate::agreement::{Agreement, ConsentRule, Delivery, Mode, Reader};
use crate::class::Who;
use crate::state::{AgreementBook, Edition, History};
use std::collections::BTreeSet;
use std::sync::Arc;
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventType, Instant, Organisation, Precision, Purpose,
};

/// Who reads, for what.
#[derive(Debug, Clone, Copy)]
pub struct Viewer<'a> {
    /// The organisation of the token.
    pub organisation: &'a Organisation,
    /// The `sub` of the token.
    pub reader: &'a str,
    /// The role acted in: one of the token's.
    pub role: &'a str,
    /// The view's purpose.
    pub purpose: &'a Purpose,
    /// The view.
    pub view: &'a str,
    /// Case or cohort.
    pub mode: Mode,
}

/// What is known of a release that a view holds.
#[derive(Debug, Clone, Copy)]
pub struct ContributionFacts<'a> {
    /// The agreement it was released under (`wb_agreement`).
    pub agreement: &'a AgreementId,
    /// The version.
    pub version: AgreementVersion,
    /// The source organisation (`wb_org`).
    pub source: &'a Organisation,
    /// The event type.
    pub event_type: &'a EventType,
    /// The London day it happened on.
    pub occurred_on: Day,
    /// How finely its time was released.
    pub precision: Precision,
    /// Last day on which it holds (`wb_not_after`).
    pub not_after: Option<Day>,
    /// The housing authority that the person chose, as the subject record of the release's own handle says today.
    pub chosen_authority: Option<&'a Organisation>,
}

/// What may be shown of a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readable {
    /// Bit i: field i may be shown (a field that the release left out is null all the same).
    pub field_mask: u64,
    /// How finely its time may be shown.
    pub precision: Precision,
}

/// Why a contribution is hidden from a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Hidden {
    /// It was released under another agreement than the entitlement's.
    #[error("released under another agreement")]
    OtherAgreement,
    /// The version it was released under is not on record.
    #[error("released under a version that is not on record")]
    UnknownVersion,
    /// The agreement is not in force for its source.
    #[error("the agreement is not in force for the source")]
    SourceNotInForce,
    /// The current version has no such flow, or grants none of its fields.
    #[error("the agreement no longer grants it")]
    NotGranted,
    /// The current version puts other conditions; hidden until it is decided again.
    #[error("the agreement's conditions changed since it was released")]
    ConditionsChanged,
    /// The reader sees other event types only.
    #[error("the reader is not granted this event type")]
    NotForReader,
    /// It was referred to the authority that the person chose, and that is another.
    #[error("referred to another authority, which the person chose")]
    NotChosen,
    /// Older than the retention.
    #[error("kept longer than the agreement's retention")]
    PastRetention,
    /// Its last day has passed.
    #[error("past the last day on which it holds")]
    PastLastDay,
}

/// One agreement that names the viewer, in force for the viewer's organisation.
#[derive(Debug, Clone)]
pub struct Entitlement {
    edition: Arc<Edition>,
    reader: Reader,
    organisation: Organisation,
    today: Day,
    /// The way by which rows reach the viewer.
    by: Delivery,
}

/// How a source stands, as far as a viewer may know: it is computed from agreements only, so it says the same of every person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceLine {
    /// The source: an organisation, or every one of a class that has not signed.
    pub source: Who,
    /// The event type.
    pub event_type: EventType,
    /// Whether the agreement is in force for it.
    pub in_force: bool,
    /// Whom to ask.
    pub ask: String,
}

/// The viewer's entitlements on a day (the wall clock's, never the row's), in the order of agreement ids.
/// Empty: nothing may be shown, and there is nothing to look up.
pub fn entitlements(book: &AgreementBook, viewer: &Viewer<'_>, now: Instant) -> Vec<Entitlement> {
    entitlements_by(book, viewer, Delivery::Calls, now)
}

/// The same for one way of delivery: what may be asked for by a call need not be granted to a topic, and whoever agreed to the one has not agreed
/// to the other.
pub fn entitlements_by(
    book: &AgreementBook,
    viewer: &Viewer<'_>,
    by: Delivery,
    now: Instant,
) -> Vec<Entitlement> {
    if book.is_revoked(viewer.organisation, viewer.reader) {
        return Vec::new();
    }
    let today = now.london_day();
    let entitled = |history: &History| {
        let (edition, _) = history.in_force(viewer.organisation, today).ok()?;
        if edition.agreement.purpose != *viewer.purpose {
            return None;
        }
        let reader = edition.agreement.readers.iter().find(|reader| {
            reader.who.includes(viewer.organisation)
                && reader.role == viewer.role
                && reader.view == viewer.view
                && reader.mode == viewer.mode
                && by <= reader.delivery
        })?;
        Some(Entitlement {
            by,
            edition: Arc::clone(edition),
            reader: reader.clone(),
            organisation: viewer.organisation.clone(),
            today,
        })
    };
    book.agreements()
        .filter_map(|(_, history)| entitled(history))
        .collect()
}

impl Entitlement {
    /// The agreement.
    pub fn agreement(&self) -> &AgreementId {
        &self.edition.agreement.id
    }

    /// The version in force for the viewer's organisation.
    pub fn version(&self) -> AgreementVersion {
        self.edition.version()
    }

    /// The viewer's organisation.
    pub fn organisation(&self) -> &Organisation {
        &self.organisation
    }

    /// The agreement's line that names the viewer.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Whether rows about the subject may be shown. `in_area` says whether the person is in the reader's area, as what is released to the reader
    /// under this agreement says; it is asked only where that decides.
    pub fn admits(&self, subject: &SubjectFacts<'_>, in_area: &dyn Fn() -> bool) -> Admission {
        scope::admits(&self.reader, &self.organisation, subject, in_area)
    }

    /// What may be shown of a contribution: what the current versions of source and reader both grant, no more than the
    /// version it was released under.
    ///
    /// # Errors
    /// Why it is hidden.
    pub fn readable(
        &self,
        book: &AgreementBook,
        contribution: &ContributionFacts<'_>,
    ) -> Result<Readable, Hidden> {
        if contribution.agreement != self.agreement() {
            return Err(Hidden::OtherAgreement);
        }
        if !self.reader.events.is_empty() && !self.reader.events.contains(contribution.event_type) {
            return Err(Hidden::NotForReader);
        }
        let history = book
            .agreement(contribution.agreement)
            .ok_or(Hidden::UnknownVersion)?;
        let released = history
            .edition(contribution.version)
            .ok_or(Hidden::UnknownVersion)?;
        let (current, _) = history
            .in_force(contribution.source, self.today)
            .map_err(|_| Hidden::SourceNotInForce)?;
        let flow_of = |edition: &'_ Arc<Edition>| {
            let (flow, mask) = edition.flow(contribution.source, contribution.event_type)?;
            Some((flow.conditions.clone(), flow.precision, mask))
        };
        let (then, then_precision, then_mask) = flow_of(released).ok_or(Hidden::NotGranted)?;
        let (now, now_precision, now_mask) = flow_of(current).ok_or(Hidden::NotGranted)?;
        let (_, own_precision, own_mask) = flow_of(&self.edition).ok_or(Hidden::NotGranted)?;
        if then != now {
            return Err(Hidden::ConditionsChanged);
        }
        let referred = then
            .person
            .is_some_and(|person| person.consent == ConsentRule::Referral);
        if referred && contribution.chosen_authority != Some(&self.organisation) {
            return Err(Hidden::NotChosen);
        }
        if !names(current, &self.reader, &self.organisation, self.by) {
            return Err(Hidden::NotForReader);
        }
        self.within_time(&[&released.agreement, &current.agreement], contribution)?;
        let field_mask = then_mask & now_mask & own_mask;
        if field_mask == 0 {
            return Err(Hidden::NotGranted);
        }
        let precision = contribution
            .precision
            .min(then_precision)
            .min(now_precision)
            .min(own_precision);
        Ok(Readable {
            field_mask,
            precision,
        })
    }

    /// The days on which what may be shown of a contribution may change although nobody changes an agreement: past its retention, past
    /// its last day, at the end of an agreement.
    pub fn turning_days(
        &self,
        book: &AgreementBook,
        contribution: &ContributionFacts<'_>,
    ) -> Vec<Day> {
        let mut editions = vec![Arc::clone(&self.edition)];
        if let Some(history) = book.agreement(contribution.agreement) {
            editions.extend(history.edition(contribution.version).cloned());
            if let Ok((current, _)) = history.in_force(contribution.source, self.today) {
                editions.push(Arc::clone(current));
            }
        }
        let mut days: Vec<Day> = contribution.not_after.into_iter().collect();
        for edition in editions {
            let agreement = &edition.agreement;
            days.push(kept_until(agreement, contribution.occurred_on));
            days.push(agreement.period.expiry);
        }
        days.sort();
        days.dedup();
        let next = days.clone().into_iter().map(|day| day.plus(1));
        next.chain(days).filter(|day| *day > self.today).collect()
    }

    /// The shortest retention counts: what was released when less was allowed is not kept longer because more is allowed now.
    fn within_time(
        &self,
        editions: &[&Agreement],
        contribution: &ContributionFacts<'_>,
    ) -> Result<(), Hidden> {
        let mut last = kept_until(&self.edition.agreement, contribution.occurred_on);
        for agreement in editions {
            last = last.min(kept_until(agreement, contribution.occurred_on));
        }
        if self.today > last {
            return Err(Hidden::PastRetention);
        }
        if contribution.not_after.is_some_and(|day| day < self.today) {
            return Err(Hidden::PastLastDay);
        }
        Ok(())
    }

    /// Every source the agreement speaks of, in force or not, ordered: for freshness and for "withheld: ask X".
    /// Organisations of a class appear once they have signed; those that have not are one line.
    pub fn sources(&self, book: &AgreementBook) -> Vec<SourceLine> {
        let agreement = &self.edition.agreement;
        let Some(history) = book.agreement(&agreement.id) else {
            return Vec::new();
        };
        let mut lines = BTreeSet::new();
        for flow in &agreement.flows {
            if !self.reader.events.is_empty() && !self.reader.events.contains(&flow.event_type) {
                continue;
            }
            let named = match &flow.source {
                Who::Organisation(one) => vec![one.clone()],
                Who::Class(class) => history
                    .signatories()
                    .filter(|one| class.includes(one))
                    .cloned()
                    .collect(),
            };
            for source in named {
                let ask = agreement
                    .party(&source)
                    .map_or_else(String::new, |party| party.contact.clone());
                lines.insert(SourceLine {
                    in_force: history.in_force(&source, self.today).is_ok(),
                    source: Who::Organisation(source),
                    event_type: flow.event_type.clone(),
                    ask,
                });
            }
            if let Who::Class(class) = &flow.source {
                let party = agreement
                    .parties
                    .iter()
                    .find(|party| party.who.covers(&flow.source));
                lines.insert(SourceLine {
                    source: Who::Class(*class),
                    event_type: flow.event_type.clone(),
                    in_force: false,
                    ask: party.map_or_else(String::new, |party| party.contact.clone()),
                });
            }
        }
        lines.into_iter().collect()
    }
}

/// The last London day on which a version lets an event of some day be kept.
pub fn kept_until(agreement: &Agreement, occurred_on: Day) -> Day {
    let days = i32::try_from(agreement.retention_days).unwrap_or(i32::MAX);
    occurred_on.plus(days)
}

/// Whether a version names the same reader with the same reach: a source on an older or newer version than the reader's
/// must have agreed to that reader too.
fn names(edition: &Edition, reader: &Reader, organisation: &Organisation, by: Delivery) -> bool {
    edition.agreement.readers.iter().any(|other| {
        other.who.includes(organisation)
            && other.role == reader.role
            && other.view == reader.view
            && other.mode == reader.mode
            && by <= other.delivery
            && reader
                .scopes
                .iter()
                .all(|scope| other.scopes.contains(scope))
            && reader.beyond_scope <= other.beyond_scope
            && (other.events.is_empty()
                || !reader.events.is_empty()
                    && reader
                        .events
                        .iter()
                        .all(|event| other.events.contains(event)))
    })
}

#[cfg(test)]
mod tests;
