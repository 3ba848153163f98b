//! One raw record decided again: what must stand on the page, and what must stand on the shared topic because of it.

use sha2::{Digest, Sha256};
use walbrook_domain::{AgreementId, AgreementVersion, Instant};
use walbrook_event::FieldValue;
use walbrook_event::history::Standing;
use walbrook_event::raw::{RawEvent, Rule};
use walbrook_policy::facts::{self, EventFacts, LinkFacts, Precedence, Subject};
use walbrook_policy::outcome::{Outcome, Reason};
use walbrook_proto::audit::v1::{DecisionEntry, PageAgreement};

use crate::control::{Control, PinnedEvent, Verdict};
use crate::demanded::Release;
use crate::links::Links;
use crate::log::Place;
use crate::raw::{Raw, Slot, entry};

/// What follows for one raw record.
#[derive(Debug)]
pub enum Derived {
    /// Decisions, in the order of agreements.
    Decided(Vec<Verdict>),
    /// It goes to quarantine.
    Unreadable(Rule),
    /// It is about a handle without a link: an integrity stop, nothing may have been decided (P3).
    NoLink,
    /// No rules are pinned, or this build lacks them.
    NoRules,
}

/// An event's fields by name, for predicates.
pub(crate) struct Fields<'a> {
    pub(crate) names: &'a [String],
    pub(crate) values: &'a [FieldValue],
}

impl facts::Fields for Fields<'_> {
    fn value(&self, name: &str) -> facts::FieldValue<'_> {
        let at = self.names.iter().position(|field| field == name);
        at.and_then(|at| self.values.get(at))
            .map_or(facts::FieldValue::Missing, condition_value)
    }
}

fn condition_value(value: &FieldValue) -> facts::FieldValue<'_> {
    match value {
        FieldValue::Null => facts::FieldValue::Absent,
        FieldValue::Bool(flag) => facts::FieldValue::Bool(*flag),
        FieldValue::Int(number) => facts::FieldValue::Integer(*number),
        FieldValue::Text(text) => facts::FieldValue::Text(text),
        FieldValue::Date(day) => facts::FieldValue::Day(*day),
        FieldValue::Instant(at) => facts::FieldValue::Instant(*at),
        FieldValue::List(items) => {
            let texts: Option<Vec<&str>> = items
                .iter()
                .map(|item| match item {
                    FieldValue::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            texts.map_or(facts::FieldValue::Missing, facts::FieldValue::TextList)
        }
        FieldValue::Bytes(_) | FieldValue::Record(_) => facts::FieldValue::Missing,
    }
}

/// Decides a raw record again. `below`: only records of the same topic and partition below this offset count as earlier.
pub fn derive(
    control: &mut Control,
    links: &Links,
    raw: &Raw,
    slot: &Slot,
    below: i64,
    now: Instant,
) -> Derived {
    let event = match &slot.event {
        Ok(event) => event,
        Err(rule) => return Derived::Unreadable(*rule),
    };
    let Some(schema) = control
        .event_schema(event.schema_id)
        .filter(|schema| schema.event_type == event.envelope.event_type)
    else {
        return Derived::Unreadable(Rule::UnknownSchema);
    };
    let Ok(values) = schema.projection.read(&event.body) else {
        return Derived::Unreadable(Rule::TruncatedAvro);
    };
    let fields = Fields {
        names: &schema.fields,
        values: &values,
    };
    let facts = EventFacts {
        event_type: &event.envelope.event_type,
        organisation: &event.envelope.organisation,
        event_id: event.envelope.id,
        accepted_at: slot.accepted_at,
        occurred_at: event.envelope.occurred_at,
        precision: event.envelope.precision,
        precedence: precedence(raw.history.standing(&entry(event, slot), below)),
        fields: &fields,
    };
    match subject(event, links) {
        None => Derived::NoLink,
        Some(subject) => control
            .decide(&facts, &subject, now)
            .map_or(Derived::NoRules, Derived::Decided),
    }
}

const fn precedence(standing: Standing) -> Precedence {
    match standing {
        Standing::Counts => Precedence::First,
        Standing::Duplicate => Precedence::Duplicate,
        Standing::Conflicting => Precedence::Conflicting,
        Standing::Superseded => Precedence::Superseded,
    }
}

/// Whom an event is about; `None` where a person has no link.
pub(crate) fn subject<'a>(event: &RawEvent, links: &'a Links) -> Option<Subject<'a>> {
    use walbrook_event::history::Subject as Of;
    use walbrook_event::raw::SubjectKind;
    match (&event.subject, event.kind) {
        (Of::Handle(handle), _) => {
            let link = links.get(*handle)?;
            Some(Subject::Person(LinkFacts {
                handle: *handle,
                person: link.person,
                status: link.status,
                restrictions: &link.restrictions,
                adult_from: link.adult_from,
                members: &link.members,
            }))
        }
        (Of::Key(_), SubjectKind::Area) => Some(Subject::Area),
        (Of::Key(_), _) => Some(Subject::Open),
    }
}

/// A decision as a page states it, in comparable form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// The agreement, where the page names one.
    pub agreement: Option<(String, u32)>,
    /// Outcome and reason as codes.
    pub outcome: i32,
    /// See `outcome`.
    pub reason: i32,
    /// The mask granted.
    pub mask: u64,
    /// Last day it holds.
    pub not_after: Option<i32>,
}

impl Stated {
    /// What a page's entry states; `None` when it names an agreement that is not on the page.
    pub fn of_entry(entry: &DecisionEntry, agreements: &[PageAgreement]) -> Option<Self> {
        let agreement = match entry.agreement_index {
            -1 => None,
            index => {
                let named = agreements.get(usize::try_from(index).ok()?)?;
                Some((named.agreement_id.clone(), named.version))
            }
        };
        Some(Self {
            agreement,
            outcome: entry.outcome,
            reason: entry.reason,
            mask: entry.field_mask.cast_unsigned(),
            not_after: entry.not_after_day,
        })
    }

    /// What follows from a verdict.
    pub fn of_verdict(verdict: &Verdict) -> Self {
        Self {
            agreement: verdict
                .agreement
                .as_ref()
                .map(|(id, version)| (id.to_string(), version.0)),
            outcome: verdict.reason.outcome().code(),
            reason: verdict.reason.code(),
            mask: verdict.grant.map_or(0, |grant| grant.mask),
            not_after: verdict
                .grant
                .and_then(|grant| grant.not_after)
                .map(|day| day.0),
        }
    }

    /// What a page must say of an unreadable record.
    pub fn unreadable() -> Self {
        let reason = Reason::Unreadable;
        Self {
            agreement: None,
            outcome: reason.outcome().code(),
            reason: reason.code(),
            mask: 0,
            not_after: None,
        }
    }

    /// In words, without personal data.
    pub fn words(&self) -> String {
        let reason = Reason::from_code(self.reason).map_or_else(
            || format!("reason {}", self.reason),
            |reason| reason.to_string(),
        );
        let outcome = Outcome::from_code(self.outcome).map_or_else(
            || format!("outcome {}", self.outcome),
            |outcome| outcome.to_string(),
        );
        let mut words = format!("{outcome} ({reason})");
        if let Some((id, version)) = &self.agreement {
            words.push_str(&format!(" under {id}@{version}"));
        }
        if self.mask != 0 {
            words.push_str(&format!(" mask {:#x}", self.mask));
        }
        if let Some(day) = self.not_after {
            words.push_str(&format!(" not after {}", walbrook_domain::Day(day)));
        }
        words
    }
}

/// The release that a permit demands; `None` where the verdict grants nothing or the body cannot be projected.
pub fn release(
    event: &RawEvent,
    schema: &PinnedEvent,
    verdict: &Verdict,
    links: &Links,
    raw: Place,
) -> Option<Release> {
    use walbrook_event::history::Subject as Of;
    let (agreement, version): &(AgreementId, AgreementVersion) = verdict.agreement.as_ref()?;
    let grant = verdict.grant?;
    let body = schema
        .projection
        .project(&event.body, grant.mask, grant.precision)
        .ok()?;
    let envelope = &event.envelope;
    let precision = grant.precision.min(envelope.precision);
    let (handle, open_key) = match &event.subject {
        Of::Handle(handle) => (Some(*handle), None),
        Of::Key(key) => (
            None,
            Some(
                key.split_once(':')
                    .map_or(&**key, |(_, natural)| natural)
                    .as_bytes()
                    .to_vec(),
            ),
        ),
    };
    Some(Release {
        raw,
        handle,
        person: handle
            .and_then(|handle| links.get(handle))
            .map(|link| link.person),
        event: envelope.id,
        supersedes: envelope.supersedes,
        organisation: envelope.organisation.clone(),
        event_type: envelope.event_type.clone(),
        agreement: agreement.clone(),
        version: *version,
        occurred_at: envelope.occurred_at.truncated(precision),
        precision,
        not_after: grant.not_after,
        shared_name: schema.shared_name.clone(),
        body_sha256: Sha256::digest(&body).into(),
        open_key,
    })
}
