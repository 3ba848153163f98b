//! Events about no person, and what decisions about all events share.

use super::control_view::{Target, Verdict};
use super::decide::{Work, trace_parent};
use super::error::Stop;
use super::incoming::Readable;
use super::outgoing::Release;
use super::page::Decided;
use walbrook_domain::Instant;
use walbrook_event::history::{Standing, Subject};
use walbrook_event::raw::SubjectKind;
use walbrook_policy::facts::{EventFacts, Precedence};
use walbrook_policy::outcome::Reason;

/// Decides about an event of an area or of nobody.
pub(super) fn decide_thing(
    work: &mut Work<'_>,
    accepted_at: Instant,
    event: &Readable,
    standing: Standing,
) -> Result<Vec<Decided>, Stop> {
    if let Some(reason) = not_first(standing) {
        return Ok(vec![without_agreement(reason)]);
    }
    let facts = event_facts(event, accepted_at);
    let (subject, key) = match (&event.raw.subject, event.raw.kind) {
        (Subject::Key(key), SubjectKind::Area) => (walbrook_policy::facts::Subject::Area, key),
        (Subject::Key(key), _) => (walbrook_policy::facts::Subject::Open, key),
        (Subject::Handle(_), _) => return Ok(vec![without_agreement(Reason::WrongSubject)]),
    };
    let mut decided = Vec::new();
    for verdict in work.writer.control.decide(&facts, subject, work.writer.now) {
        let mut written = None;
        if let (Some(grant), Some((agreement, version))) = (verdict.grant, &verdict.agreement)
            && let Some(Target::Open(dataset)) = work.writer.control.target(agreement, *version)
        {
            let release = Release {
                event,
                agreement,
                version: *version,
                grant,
            };
            let (trace, span) = work.trace_of(event);
            let trace = trace_parent(&trace, &span);
            let (record, made) = work.writer.open_release(&dataset, key, &release, trace)?;
            work.transaction.records.push(record);
            written = Some(made);
        }
        decided.push(Decided { verdict, written });
    }
    Ok(decided)
}

pub(super) fn event_facts(event: &Readable, accepted_at: Instant) -> EventFacts<'_> {
    let envelope = &event.raw.envelope;
    EventFacts {
        event_type: &envelope.event_type,
        organisation: &envelope.organisation,
        event_id: envelope.id,
        accepted_at,
        occurred_at: envelope.occurred_at,
        precision: envelope.precision,
        precedence: Precedence::First,
        fields: event,
    }
}

pub(super) fn not_first(standing: Standing) -> Option<Reason> {
    match standing {
        Standing::Counts => None,
        Standing::Duplicate => Some(Reason::Duplicate),
        Standing::Conflicting => Some(Reason::Conflicting),
        Standing::Superseded => Some(Reason::Superseded),
    }
}

pub(super) fn without_agreement(reason: Reason) -> Decided {
    Decided {
        verdict: Verdict {
            agreement: None,
            reason,
            grant: None,
        },
        written: None,
    }
}
