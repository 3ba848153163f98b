//! Decision rules, version 1. Frozen: a change of behaviour is a new version beside this one.

use super::Decision;
use crate::agreement::{AgeBand, Agreement, ConsentRule, Flow, PersonConditions, RestrictedRule};
use crate::facts::{EventFacts, LinkFacts, Precedence, Subject};
use crate::outcome::Reason;
use crate::predicate::Verdict;
use crate::state::{Edition, History, PolicyState};
use std::sync::Arc;
use walbrook_domain::control::GroundKind;
use walbrook_domain::{Day, Instant, Precision};

/// What one version of an agreement grants of an event.
struct Grant {
    mask: u64,
    precision: Precision,
    not_after: Option<Day>,
}

/// One event to be decided.
pub(super) struct Case<'a> {
    pub event: &'a EventFacts<'a>,
    pub subject: &'a Subject<'a>,
    pub state: &'a PolicyState,
    pub today: Day,
}

pub(super) fn decide(
    event: &EventFacts<'_>,
    subject: &Subject<'_>,
    state: &PolicyState,
    now: Instant,
) -> Vec<Decision> {
    let case = Case {
        event,
        subject,
        state,
        today: now.london_day(),
    };
    let decisions: Vec<_> = state
        .book()
        .with_flow(event.event_type)
        .filter_map(|(_, history)| under(&case, history))
        .collect();
    if decisions.is_empty() {
        vec![Decision::denied(None, Reason::NoAgreement)]
    } else {
        decisions
    }
}

/// The decision under one agreement; `None` where it has no flow for the event's organisation.
pub(super) fn under(case: &Case<'_>, history: &History) -> Option<Decision> {
    let event = case.event;
    let (edition, since) = match history.in_force(event.organisation, case.today) {
        Ok(found) => found,
        Err(reason) => {
            // Not in force: the newest version that has the flow is named, so that it can be seen what would be needed.
            let edition = history
                .editions()
                .filter(|edition| edition.flow(event.organisation, event.event_type).is_some())
                .last()?;
            return Some(Decision::denied(Some(Arc::clone(edition)), reason));
        }
    };
    let (flow, mask) = edition.flow(event.organisation, event.event_type)?;
    let now = granted(case, edition, flow, mask);
    let granted = if event.accepted_at >= since || backfilled(edition, event) {
        now
    } else {
        now.and_then(|now| narrowed(case, history, now))
    };
    Some(match granted {
        Err(reason) => Decision::denied(Some(Arc::clone(edition)), reason),
        Ok(grant) => Decision {
            edition: Some(Arc::clone(edition)),
            reason: Reason::Permitted,
            field_mask: grant.mask,
            precision: grant.precision,
            not_after: grant.not_after,
        },
    })
}

/// Whether the parties signed that the version reaches back to the event: it happened and was accepted on the day they named, or later.
pub(super) fn backfilled(edition: &Edition, event: &EventFacts<'_>) -> bool {
    edition.agreement.period.backfill_from.is_some_and(|day| {
        event.accepted_at.london_day() >= day && event.occurred_at.london_day() >= day
    })
}

/// An event accepted before the present version was in force for its source: only what was granted then, too; where nothing was in force then
/// (not signed, suspended, left, outside its period) nothing. So no cause that comes later widens what could be disclosed when it was accepted.
fn narrowed(case: &Case<'_>, history: &History, now: Grant) -> Result<Grant, Reason> {
    let event = case.event;
    let then = history
        .in_force_at(event.organisation, event.accepted_at)
        .and_then(|edition| {
            let (flow, mask) = edition.flow(event.organisation, event.event_type)?;
            granted(case, edition, flow, mask).ok()
        })
        .ok_or(Reason::AcceptedBeforeInForce)?;
    let mask = now.mask & then.mask;
    if mask == 0 {
        return Err(Reason::AcceptedBeforeInForce);
    }
    Ok(Grant {
        mask,
        precision: now.precision.min(then.precision),
        not_after: sooner(now.not_after, then.not_after),
    })
}

fn granted(case: &Case<'_>, edition: &Edition, flow: &Flow, mask: u64) -> Result<Grant, Reason> {
    let event = case.event;
    match event.precedence {
        Precedence::First => {}
        Precedence::Duplicate => return Err(Reason::Duplicate),
        Precedence::Conflicting => return Err(Reason::Conflicting),
        Precedence::Superseded => return Err(Reason::Superseded),
    }
    let consent_end = match (case.subject, &flow.conditions.person) {
        (Subject::Person(link), Some(conditions)) => {
            person(case, link, conditions, &edition.agreement)?
        }
        (Subject::Area | Subject::Open, None) => None,
        (Subject::Person(_), None) | (Subject::Area | Subject::Open, Some(_)) => {
            return Err(Reason::WrongSubject);
        }
    };
    let last_day = flow.conditions.max_age_days.map(|days| {
        let days = i32::try_from(days).unwrap_or(i32::MAX);
        event.occurred_at.london_day().plus(days)
    });
    if last_day.is_some_and(|day| day < case.today) {
        return Err(Reason::TooOld);
    }
    if let Some(predicate) = &flow.conditions.predicate {
        match predicate.evaluate(event.fields) {
            Verdict::True => {}
            Verdict::False => return Err(Reason::PredicateFalse),
            Verdict::Failed => return Err(Reason::PredicateFailed),
        }
    }
    Ok(Grant {
        mask,
        precision: flow.precision.min(event.precision),
        not_after: sooner(consent_end, last_day),
    })
}

/// Conditions about the person; the last day of the consent where one is needed.
fn person(
    case: &Case<'_>,
    link: &LinkFacts<'_>,
    conditions: &PersonConditions,
    agreement: &Agreement,
) -> Result<Option<Day>, Reason> {
    let grounds = case.state.grounds();
    let under = grounds.under(&agreement.purpose, &agreement.id);
    let stands = |kind| grounds.stands(link.members, kind, under);
    if grounds.erased(&link.handle) {
        return Err(Reason::Erased);
    }
    if grounds.recalled(&link.handle, &case.event.event_id) {
        return Err(Reason::Recalled);
    }
    if stands(GroundKind::SafetyHold) {
        return Err(Reason::SafetyHold);
    }
    let restricted = !link.restrictions.is_empty() || stands(GroundKind::Restriction);
    if restricted && conditions.restricted == RestrictedRule::Withhold {
        return Err(Reason::Restricted);
    }
    if link.status < conditions.minimum_match {
        return Err(Reason::MatchNotConfident);
    }
    age(case, link, conditions.age)?;
    if conditions.opt_out_applies && stands(GroundKind::NationalDataOptOut) {
        return Err(Reason::OptOut);
    }
    if conditions.consent == ConsentRule::NotNeeded {
        return Ok(None);
    }
    if stands(GroundKind::Objection) {
        return Err(Reason::Objection);
    }
    consent(case, link, conditions.consent, agreement)
}

fn consent(
    case: &Case<'_>,
    link: &LinkFacts<'_>,
    rule: ConsentRule,
    agreement: &Agreement,
) -> Result<Option<Day>, Reason> {
    use crate::state::Consent;
    let grounds = case.state.grounds();
    let under = grounds.under(&agreement.purpose, &agreement.id);
    if rule == ConsentRule::Referral {
        return match grounds.referral(link.members, under, case.today) {
            Consent::Given(end) => Ok(end),
            Consent::Not(reason) => Err(reason),
        };
    }
    match grounds.consent(link.members, under, case.today) {
        Consent::Given(end) if rule == ConsentRule::Required => Ok(end),
        Consent::Given(_) => Ok(None),
        Consent::Not(reason @ (Reason::ConsentWithdrawn | Reason::ConsentRefused)) => Err(reason),
        Consent::Not(reason) if rule == ConsentRule::Required => Err(reason),
        Consent::Not(_) => Ok(None),
    }
}

fn age(case: &Case<'_>, link: &LinkFacts<'_>, band: AgeBand) -> Result<(), Reason> {
    if band == AgeBand::Any {
        return Ok(());
    }
    let adult = link
        .adult_from
        .is_some_and(|from| case.event.occurred_at.london_day() >= from);
    match (band, adult) {
        (AgeBand::Adult, false) => Err(Reason::AgeNotAdult),
        (AgeBand::Child, true) => Err(Reason::AgeNotChild),
        _ => Ok(()),
    }
}

pub(super) fn sooner(a: Option<Day>, b: Option<Day>) -> Option<Day> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}
