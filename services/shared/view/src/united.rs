//! From contributions to events: what the viewer's agreements still grant, united field by field, once per event, in one order.

use crate::facts::Contribution;
use crate::reading::Reading;
use crate::state::Person;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use walbrook_domain::{
    AgreementId, Day, EventId, EventType, HandlePseudonym, Instant, Organisation, Precision,
};

/// Two agreements released different values of one event: the log, or a key, is wrong. Nothing is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "event {event} stands with different {what} under different agreements; no row is shown until the log is examined"
)]
pub struct IntegrityError {
    /// The purpose-local event id.
    pub event: EventId,
    /// What differs: `source`, `time`, or a field's number. Never a value.
    pub what: String,
}

/// One event as the viewer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, cut to `precision`.
    pub occurred_at: Instant,
    /// How finely it may be known.
    pub precision: Precision,
    /// The organisation it is from.
    pub source: Organisation,
    /// The handle it is from, under the purpose.
    pub handle: HandlePseudonym,
    /// The purpose-local event id.
    pub event: EventId,
    /// The type.
    pub event_type: EventType,
    /// Values by field number, ascending, each with how finely its time (if it is one) is known.
    pub fields: BTreeMap<u8, (Value, Precision)>,
    /// Bit i: field i is granted, with or without a value.
    pub granted: u64,
    /// The agreements it is seen under.
    pub agreements: BTreeSet<AgreementId>,
}

impl Event {
    /// The value of a field.
    pub fn field(&self, field: u8) -> Option<&Value> {
        self.fields.get(&field).map(|(value, _)| value)
    }

    /// The London day it happened.
    pub fn day(&self) -> Day {
        self.occurred_at.london_day()
    }
}

/// What was seen of one contribution before it is united with others.
struct Seen<'a> {
    contribution: &'a Contribution,
    fields: u64,
    precision: Precision,
}

/// The person's events that happened up to `until`, as this viewer may see them now under the agreements that admit the person, in
/// (occurred_at, source, event) order.
///
/// # Errors
/// When two agreements disagree about one event.
pub fn events(
    person: &Person<'_>,
    entitled: &BTreeSet<AgreementId>,
    reading: &dyn Reading,
    until: Instant,
) -> Result<Vec<Event>, IntegrityError> {
    // A later event of the same handle takes an earlier one's place whether or not this viewer may see it.
    let contributions: Vec<Contribution> = person.contributions().collect();
    let superseded: BTreeSet<(HandlePseudonym, EventId)> = contributions
        .iter()
        .filter_map(|one| Some((one.key.handle, one.supersedes?)))
        .collect();
    let mut events: BTreeMap<(HandlePseudonym, EventId), Event> = BTreeMap::new();
    for contribution in &contributions {
        let key = (contribution.key.handle, contribution.key.event);
        if superseded.contains(&key) {
            continue;
        }
        let Some(seen) = seen(person, contribution, entitled, reading) else {
            continue;
        };
        match events.get_mut(&key) {
            Some(event) => unite(event, &seen)?,
            None => {
                events.insert(key, first(&seen));
            }
        }
    }
    let last_day = until.london_day();
    let mut events: Vec<Event> = events
        .into_values()
        .filter(|event| match event.precision {
            Precision::Day => event.day() <= last_day,
            _ => event.occurred_at <= until,
        })
        .collect();
    events.sort_by(|a, b| {
        (a.occurred_at, &a.source, a.event, a.handle).cmp(&(
            b.occurred_at,
            &b.source,
            b.event,
            b.handle,
        ))
    });
    Ok(events)
}

fn seen<'a>(
    person: &Person<'_>,
    contribution: &'a Contribution,
    entitled: &BTreeSet<AgreementId>,
    reading: &dyn Reading,
) -> Option<Seen<'a>> {
    if contribution.is_bare() || !entitled.contains(&contribution.key.agreement) {
        return None;
    }
    let grant = reading.grant(person, contribution)?;
    Some(Seen {
        contribution,
        fields: grant.fields,
        precision: grant.precision.min(contribution.precision),
    })
}

fn granted_fields<'a>(seen: &'a Seen<'a>) -> impl Iterator<Item = (u8, Value)> + 'a {
    seen.contribution
        .fields
        .iter()
        .filter(|(field, _)| bit(seen.fields, *field))
        .map(|(field, value)| (*field, cut(value, seen.precision)))
}

/// Whether a mask has the bit of a field.
pub(crate) const fn bit(mask: u64, field: u8) -> bool {
    field < 64 && mask >> field & 1 == 1
}

fn cut(value: &Value, precision: Precision) -> Value {
    match value {
        Value::Instant(at) => Value::Instant(at.truncated(precision)),
        other => other.clone(),
    }
}

fn first(seen: &Seen<'_>) -> Event {
    let one = seen.contribution;
    Event {
        occurred_at: one.occurred_at.truncated(seen.precision),
        precision: seen.precision,
        source: one.source.clone(),
        handle: one.key.handle,
        event: one.key.event,
        event_type: one.event_type.clone(),
        fields: granted_fields(seen)
            .map(|(field, value)| (field, (value, seen.precision)))
            .collect(),
        granted: seen.fields,
        agreements: BTreeSet::from([one.key.agreement.clone()]),
    }
}

fn unite(event: &mut Event, seen: &Seen<'_>) -> Result<(), IntegrityError> {
    let one = seen.contribution;
    let id = event.event;
    let differs = |what: String| IntegrityError { event: id, what };
    if event.source != one.source || event.event_type != one.event_type {
        return Err(differs("source".to_owned()));
    }
    if !same(
        event.occurred_at,
        event.precision,
        one.occurred_at,
        seen.precision,
    ) {
        return Err(differs("time".to_owned()));
    }
    for (field, value) in granted_fields(seen) {
        let finer = match event.fields.get(&field) {
            None => true,
            Some((Value::Instant(known), precision)) => match &value {
                Value::Instant(at) if same(*known, *precision, *at, seen.precision) => {
                    seen.precision > *precision
                }
                _ => return Err(differs(format!("field {field}"))),
            },
            Some((known, _)) if *known == value => false,
            Some(_) => return Err(differs(format!("field {field}"))),
        };
        if finer {
            event.fields.insert(field, (value, seen.precision));
        }
    }
    if seen.precision > event.precision {
        event.occurred_at = one.occurred_at.truncated(seen.precision);
        event.precision = seen.precision;
    }
    event.granted |= seen.fields;
    event.agreements.insert(one.key.agreement.clone());
    Ok(())
}

/// Whether two times can be one: equal once both are cut to the coarser precision.
fn same(a: Instant, a_known: Precision, b: Instant, b_known: Precision) -> bool {
    let coarser = a_known.min(b_known);
    a.truncated(coarser) == b.truncated(coarser)
}
