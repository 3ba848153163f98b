//! Decisions, compiled: for each (event type, organisation) a table of the agreements that have a flow for it, with conditions as bits of masks,
//! so that an event is decided under all of them at once.
//!
//! Rules version 1 ([`super::decide`]) is the specification. Whatever is not the plain case (an event accepted before its agreement was in force,
//! a referral, an organisation that signed nothing, a state that has moved on) is decided by it; and it never differs: property tests hold the
//! two against each other. Nothing is allocated on the way to a permit.

mod conditions;
mod table;

use super::{Decision, UnknownRules, v1};
use crate::facts::{EventFacts, LinkFacts, Precedence, Subject};
use crate::outcome::{Outcome, Reason};
use crate::predicate::Verdict;
use crate::state::{Edition, Ground, PolicyState};
use conditions::Person;
use std::sync::Arc;
use table::{MOST_ROWS, Row, Table};
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventType, Instant, Organisation, Precision,
};

/// Most member handles whose grounds are gathered at once; a person with more is decided by the specification.
const MOST_MEMBERS: usize = 8;

/// One decision, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling<'a> {
    /// The version of the agreement it was decided under; `None` where no agreement has a flow for the event.
    pub edition: Option<&'a Arc<Edition>>,
    /// Why, and so what.
    pub reason: Reason,
    /// Bit i: field i of the event type is released. 0 on a denial.
    pub field_mask: u64,
    /// How finely times are released. [`Precision::Day`] on a denial.
    pub precision: Precision,
    /// Last London day on which the release holds.
    pub not_after: Option<Day>,
}

impl<'a> Ruling<'a> {
    const fn denied(edition: Option<&'a Arc<Edition>>, reason: Reason) -> Self {
        Self {
            edition,
            reason,
            field_mask: 0,
            precision: Precision::Day,
            not_after: None,
        }
    }

    /// What was decided.
    pub const fn outcome(&self) -> Outcome {
        self.reason.outcome()
    }

    /// The agreement and its version.
    pub fn agreement(&self) -> Option<(&'a AgreementId, AgreementVersion)> {
        let edition = self.edition?;
        Some((&edition.agreement.id, edition.version()))
    }
}

impl<'a> From<&'a Decision> for Ruling<'a> {
    fn from(decision: &'a Decision) -> Self {
        Self {
            edition: decision.edition.as_ref(),
            reason: decision.reason,
            field_mask: decision.field_mask,
            precision: decision.precision,
            not_after: decision.not_after,
        }
    }
}

/// The agreements of one state, compiled.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// By event type, then by organisation, each in order.
    tables: Vec<(EventType, Vec<(Organisation, Table)>)>,
    /// Of which state; see [`PolicyState::revision`].
    revision: Option<(u64, usize)>,
}

impl Compiled {
    /// Compiles the agreements as they stand.
    pub fn new(state: &PolicyState) -> Self {
        Self {
            tables: table::tables(state),
            revision: Some(state.revision()),
        }
    }

    /// Whether agreements have changed since it was compiled. A stale one still decides rightly: by the specification.
    pub fn is_stale(&self, state: &PolicyState) -> bool {
        self.revision != Some(state.revision())
    }

    /// Decides an event under `state`, the one this was compiled from or a later one of the same log: `each` is called with each decision, in the
    /// order of agreement ids, or once with one that names none.
    ///
    /// # Errors
    /// When this build lacks the rules.
    pub fn decide(
        &self,
        event: &EventFacts<'_>,
        subject: &Subject<'_>,
        state: &PolicyState,
        now: Instant,
        rules_version: u32,
        mut each: impl FnMut(Ruling<'_>),
    ) -> Result<(), UnknownRules> {
        let table = (rules_version == 1 && !self.is_stale(state))
            .then(|| self.table(event))
            .flatten();
        match table {
            Some(table) if gathers(subject) => {
                let case = v1::Case {
                    event,
                    subject,
                    state,
                    today: now.london_day(),
                };
                table.decide(&case, &mut each);
            }
            _ => {
                for decision in &super::decide(event, subject, state, now, rules_version)? {
                    each(decision.into());
                }
            }
        }
        Ok(())
    }

    fn table(&self, event: &EventFacts<'_>) -> Option<&Table> {
        let of_type = self
            .tables
            .binary_search_by(|(event_type, _)| event_type.cmp(event.event_type))
            .ok()?;
        let (_, tables) = self.tables.get(of_type)?;
        let of_organisation = tables
            .binary_search_by(|(organisation, _)| organisation.cmp(event.organisation))
            .ok()?;
        tables.get(of_organisation).map(|(_, table)| table)
    }
}

fn gathers(subject: &Subject<'_>) -> bool {
    match subject {
        Subject::Person(link) => link.members.len() <= MOST_MEMBERS,
        Subject::Area | Subject::Open => true,
    }
}

/// The bits of a mask, lowest first.
fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros())?;
        mask &= mask - 1;
        usize::try_from(bit).ok()
    })
}

/// Rows still open, and the reason of each that is closed.
struct Verdicts {
    open: u64,
    reasons: [Reason; MOST_ROWS],
}

impl Verdicts {
    /// Closes the rows of the mask that are open.
    fn close(&mut self, rows: u64, reason: Reason) {
        let closing = self.open & rows;
        self.open &= !closing;
        for row in bits(closing) {
            if let Some(place) = self.reasons.get_mut(row) {
                *place = reason;
            }
        }
    }
}

impl Table {
    fn decide(&self, case: &v1::Case<'_>, each: &mut impl FnMut(Ruling<'_>)) {
        let (in_force, plain) = self.in_force(case);
        let mut verdicts = Verdicts {
            open: in_force & plain,
            reasons: [Reason::Permitted; MOST_ROWS],
        };
        let mut gathered: [&[Ground]; MOST_MEMBERS] = [&[]; MOST_MEMBERS];
        let person = Person::gather(case, &mut gathered);
        self.judge(case, person.as_ref(), &mut verdicts);
        let mut told = false;
        for (at, row) in self.rows.iter().enumerate() {
            let bit = 1 << at;
            if in_force & plain & bit != 0 {
                told = true;
                if verdicts.open & bit != 0 {
                    each(row.permitted(case, person.as_ref()));
                } else if let Some(reason) = verdicts.reasons.get(at) {
                    each(Ruling::denied(row.edition.as_ref(), *reason));
                }
            } else if let Some(history) = case.state.book().agreement(&row.agreement)
                && let Some(decision) = v1::under(case, history)
            {
                told = true;
                each((&decision).into());
            }
        }
        if !told {
            each(Ruling::denied(None, Reason::NoAgreement));
        }
    }

    /// Rows in force today, and rows that are the plain case for this event. What is not both is left to the specification.
    fn in_force(&self, case: &v1::Case<'_>) -> (u64, u64) {
        let event = case.event;
        let mut in_force = self.signed;
        let mut plain = !self.referral;
        if case.today < self.all_from || case.today > self.all_to {
            for (at, row) in self.rows.iter().enumerate() {
                if case.today < row.effective || case.today > row.expiry {
                    in_force &= !(1 << at);
                }
            }
        }
        if event.accepted_at < self.all_since {
            for (at, row) in self.rows.iter().enumerate() {
                if event.accepted_at < row.since {
                    plain &= !(1 << at);
                }
            }
        }
        (in_force, plain)
    }

    /// Closes every row that a condition closes, in the order in which the specification asks.
    fn judge(&self, case: &v1::Case<'_>, person: Option<&Person<'_>>, verdicts: &mut Verdicts) {
        let event = case.event;
        match event.precedence {
            Precedence::First => {}
            Precedence::Duplicate => return verdicts.close(u64::MAX, Reason::Duplicate),
            Precedence::Conflicting => return verdicts.close(u64::MAX, Reason::Conflicting),
            Precedence::Superseded => return verdicts.close(u64::MAX, Reason::Superseded),
        }
        match person {
            Some(person) => {
                verdicts.close(!self.about_person, Reason::WrongSubject);
                self.judge_person(person, verdicts);
            }
            None => verdicts.close(self.about_person, Reason::WrongSubject),
        }
        for at in bits(verdicts.open & self.ages) {
            let last_day = self.rows.get(at).and_then(|row| row.last_day(event));
            if last_day.is_some_and(|day| day < case.today) {
                verdicts.close(1 << at, Reason::TooOld);
            }
        }
        for at in bits(verdicts.open & self.asks_fields) {
            let predicate = self.rows.get(at).and_then(|row| row.predicate.as_ref());
            match predicate.map(|predicate| predicate.evaluate(event.fields)) {
                Some(Verdict::True) | None => {}
                Some(Verdict::False) => verdicts.close(1 << at, Reason::PredicateFalse),
                Some(Verdict::Failed) => verdicts.close(1 << at, Reason::PredicateFailed),
            }
        }
    }

    fn judge_person(&self, person: &Person<'_>, verdicts: &mut Verdicts) {
        let link: &LinkFacts<'_> = person.link;
        if person.erased {
            return verdicts.close(u64::MAX, Reason::Erased);
        }
        if person.recalled {
            return verdicts.close(u64::MAX, Reason::Recalled);
        }
        let said = person.said(self);
        verdicts.close(said.safety_hold, Reason::SafetyHold);
        let restricted = if link.restrictions.is_empty() {
            said.restriction
        } else {
            u64::MAX
        };
        verdicts.close(restricted & self.withholds_restricted, Reason::Restricted);
        for (least, rows) in &self.least_match {
            if link.status < *least {
                verdicts.close(*rows, Reason::MatchNotConfident);
            }
        }
        if person.adult {
            verdicts.close(self.child, Reason::AgeNotChild);
        } else {
            verdicts.close(self.adult, Reason::AgeNotAdult);
        }
        verdicts.close(said.opt_out & self.opt_out, Reason::OptOut);
        let consent = self.consent_required | self.not_objected;
        verdicts.close(said.objection & consent, Reason::Objection);
        verdicts.close(said.withdrawn & consent, Reason::ConsentWithdrawn);
        verdicts.close(said.refused & consent, Reason::ConsentRefused);
        let lacking = self.consent_required & !said.given;
        verdicts.close(lacking & said.ended, Reason::ConsentExpired);
        verdicts.close(lacking, Reason::ConsentMissing);
    }
}

impl Row {
    fn last_day(&self, event: &EventFacts<'_>) -> Option<Day> {
        self.max_age_days
            .map(|days| event.occurred_at.london_day().plus(days))
    }

    fn permitted<'a>(&'a self, case: &v1::Case<'_>, person: Option<&Person<'_>>) -> Ruling<'a> {
        let consent_end = person
            .filter(|_| self.needs_consent)
            .and_then(|person| person.consent_end(self.under, case.today));
        Ruling {
            edition: self.edition.as_ref(),
            reason: Reason::Permitted,
            field_mask: self.mask,
            precision: self.precision.min(case.event.precision),
            not_after: v1::sooner(consent_end, self.last_day(case.event)),
        }
    }
}

#[cfg(test)]
mod tests;
