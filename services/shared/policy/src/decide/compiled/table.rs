//! The tables, made from the agreement book.

use crate::agreement::{AgeBand, ConsentRule, Flow, RestrictedRule};
use crate::catalogue::EventShape;
use crate::predicate::Resolved;
use crate::state::{Edition, History, PolicyState, StandingNow, Under};
use std::collections::BTreeSet;
use std::sync::Arc;
use walbrook_domain::{AgreementId, Day, EventType, Instant, LinkStatus, Organisation, Precision};

/// Rows of one table: bits of a mask. An organisation and event type with more agreements than that is decided by the specification.
pub(super) const MOST_ROWS: usize = 64;

/// The agreements with a flow of one event type from one organisation.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// In the order of agreement ids.
    pub rows: Vec<Row>,
    /// Rows whose source has signed a version that has the flow, and that stands.
    pub signed: u64,
    /// Rows about a person.
    pub about_person: u64,
    /// Rows that rest on the person's choice of an authority.
    pub referral: u64,
    pub withholds_restricted: u64,
    pub adult: u64,
    pub child: u64,
    pub opt_out: u64,
    pub consent_required: u64,
    pub not_objected: u64,
    /// Rows that an event can be too old for.
    pub ages: u64,
    /// Rows with a predicate.
    pub asks_fields: u64,
    /// Rows by the least sure link that will do, where anything less than every link will.
    pub least_match: Vec<(LinkStatus, u64)>,
    /// On these days every signed row is within its period.
    pub all_from: Day,
    pub all_to: Day,
    /// From then on every signed row was in force.
    pub all_since: Instant,
}

/// One agreement.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub agreement: AgreementId,
    /// The version its source signed, where that has the flow and stands.
    pub edition: Option<Arc<Edition>>,
    pub effective: Day,
    pub expiry: Day,
    pub since: Instant,
    pub mask: u64,
    pub precision: Precision,
    pub max_age_days: Option<i32>,
    pub predicate: Option<Resolved>,
    pub needs_consent: bool,
    pub under: Under,
}

/// Every table of a state.
pub(super) fn tables(state: &PolicyState) -> Vec<(EventType, Vec<(Organisation, Table)>)> {
    let book = state.book();
    let types: BTreeSet<&EventType> = book
        .agreements()
        .flat_map(|(_, history)| history.editions())
        .flat_map(|edition| edition.agreement.flows.iter().map(|flow| &flow.event_type))
        .collect();
    // Only these have anything in force. Whoever signed nothing is told so by the specification.
    let organisations: BTreeSet<&Organisation> = book
        .agreements()
        .flat_map(|(_, history)| history.signatories())
        .collect();
    types
        .into_iter()
        .filter_map(|event_type| {
            let shape = book.catalogue().event(event_type)?;
            let tables = organisations
                .iter()
                .filter_map(|organisation| {
                    let table = table(state, organisation, shape)?;
                    Some(((*organisation).clone(), table))
                })
                .collect();
            Some((event_type.clone(), tables))
        })
        .collect()
}

fn table(state: &PolicyState, organisation: &Organisation, shape: &EventShape) -> Option<Table> {
    let mut table = Table {
        rows: Vec::new(),
        signed: 0,
        about_person: 0,
        referral: 0,
        withholds_restricted: 0,
        adult: 0,
        child: 0,
        opt_out: 0,
        consent_required: 0,
        not_objected: 0,
        ages: 0,
        asks_fields: 0,
        least_match: Vec::new(),
        all_from: Day(i32::MIN),
        all_to: Day(i32::MAX),
        all_since: Instant(i64::MIN),
    };
    for (id, history) in state.book().with_flow(&shape.event_type) {
        let has_flow =
            |edition: &Arc<Edition>| edition.flow(organisation, &shape.event_type).is_some();
        if !history.editions().any(has_flow) {
            continue;
        }
        let bit = 1_u64.checked_shl(u32::try_from(table.rows.len()).ok()?)?;
        let under = |edition: &Edition| state.grounds().under(&edition.agreement.purpose, id);
        let signed = signed(history, organisation).and_then(|(edition, since)| {
            let (flow, mask) = edition.flow(organisation, &shape.event_type)?;
            Some((edition, since, flow, mask))
        });
        match signed {
            Some((edition, since, flow, mask)) => {
                let row = Row {
                    agreement: id.clone(),
                    edition: Some(Arc::clone(edition)),
                    effective: edition.agreement.period.effective,
                    expiry: edition.agreement.period.expiry,
                    since,
                    mask,
                    precision: flow.precision,
                    max_age_days: flow
                        .conditions
                        .max_age_days
                        .map(|days| i32::try_from(days).unwrap_or(i32::MAX)),
                    predicate: flow
                        .conditions
                        .predicate
                        .as_ref()
                        .map(|predicate| predicate.resolve(shape)),
                    needs_consent: flow
                        .conditions
                        .person
                        .is_some_and(|person| person.consent == ConsentRule::Required),
                    under: under(edition),
                };
                table.sign(bit, &row, flow);
                table.rows.push(row);
            }
            None => table.rows.push(Row {
                agreement: id.clone(),
                edition: None,
                effective: Day(i32::MAX),
                expiry: Day(i32::MIN),
                since: Instant(i64::MAX),
                mask: 0,
                precision: Precision::Day,
                max_age_days: None,
                predicate: None,
                needs_consent: false,
                under: history.latest().map(|edition| under(edition))?,
            }),
        }
    }
    Some(table)
}

/// The version that stands for the organisation, with the instant since which it does.
fn signed<'a>(
    history: &'a History,
    organisation: &Organisation,
) -> Option<(&'a Arc<Edition>, Instant)> {
    let StandingNow::Signed(version) = history.standing(organisation) else {
        return None;
    };
    let effective = history.edition(version)?.agreement.period.effective;
    history.in_force(organisation, effective).ok()
}

impl Table {
    fn sign(&mut self, bit: u64, row: &Row, flow: &Flow) {
        self.signed |= bit;
        self.all_from = self.all_from.max(row.effective);
        self.all_to = self.all_to.min(row.expiry);
        self.all_since = self.all_since.max(row.since);
        let set = |mask: &mut u64, holds: bool| {
            if holds {
                *mask |= bit;
            }
        };
        set(&mut self.ages, row.max_age_days.is_some());
        set(&mut self.asks_fields, row.predicate.is_some());
        let Some(person) = flow.conditions.person else {
            return;
        };
        set(&mut self.about_person, true);
        set(&mut self.referral, person.consent == ConsentRule::Referral);
        set(
            &mut self.consent_required,
            person.consent == ConsentRule::Required,
        );
        set(
            &mut self.not_objected,
            person.consent == ConsentRule::NotObjected,
        );
        set(
            &mut self.withholds_restricted,
            person.restricted == RestrictedRule::Withhold,
        );
        set(&mut self.adult, person.age == AgeBand::Adult);
        set(&mut self.child, person.age == AgeBand::Child);
        set(&mut self.opt_out, person.opt_out_applies);
        let least = person.minimum_match;
        match self.least_match.iter_mut().find(|(one, _)| *one == least) {
            Some((_, rows)) => *rows |= bit,
            None => self.least_match.push((least, bit)),
        }
    }
}
