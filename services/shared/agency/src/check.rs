//! All that can be said about an event without asking anybody.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use walbrook_domain::{EventId, EventType, Instant, Organisation};
use walbrook_proto::avro::SubjectOf;
use walbrook_proto::common::v1 as wire;
use walbrook_runtime::callers::{CallerError, Principal, role};

use crate::facts::is_reference;
use crate::head::{self, Head, Occurred, Stated, SubjectRef};
use crate::numbers::Numbers;
use crate::outcome::{Rejected, RejectedEvent};
use crate::schedule::{self, Scheduled};
use crate::{Agency, Body, Context, Findings};

/// What is kept of an event id that is none, so that its sender can find the event.
const MOST_ID_LETTERS: usize = 64;

/// Who sends.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    principal: Arc<Principal>,
    pub(crate) organisation: Organisation,
    /// The call's span: frames of a stream are worked on outside of it and must still belong to it.
    pub(crate) call: tracing::Span,
}

impl Sender {
    /// A caller that may publish.
    pub(crate) fn of(principal: Arc<Principal>) -> Result<Self, CallerError> {
        principal.require_role(role::PRODUCER)?;
        let organisation = principal
            .organisation
            .parse()
            .map_err(|_| CallerError::Malformed {
                problem: "its organisation (org) is of no known scheme".into(),
            })?;
        Ok(Self {
            principal,
            organisation,
            call: tracing::Span::current(),
        })
    }

    /// A stream may outlive its token; its frames may not.
    pub(crate) fn require_unexpired(&self, now: Instant) -> Result<(), CallerError> {
        let since_1970 = Duration::from_micros(u64::try_from(now.micros()).unwrap_or(0));
        self.principal
            .require_unexpired(SystemTime::UNIX_EPOCH + since_1970)
    }

    /// Demands that its token covers this event type.
    pub(crate) fn require_event(&self, event_type: &str) -> Result<(), CallerError> {
        self.principal.require_event(event_type)
    }

    /// Whether it may send events of this type, for the organisation that the head names.
    fn may_send(&self, head: Option<&wire::EventHead>, event_type: &str) -> Result<(), Rejected> {
        self.principal
            .require_event(event_type)
            .map_err(|error| Rejected::Caller(error, "body"))?;
        let named = head.and_then(|head| head.organisation.as_ref());
        // Its text is made only when it is another's.
        let own = self.principal.organisation.as_str();
        let other = named.filter(|named| {
            let code = own.strip_prefix(named.scheme.as_str());
            code.and_then(|rest| rest.strip_prefix(':')) != Some(&named.code)
        });
        let named = other.map(|named| format!("{}:{}", named.scheme, named.code));
        self.principal
            .require_organisation(named.as_deref())
            .map_err(|error| Rejected::Caller(error, "head.organisation"))
    }
}

/// An event that passed its checks.
#[derive(Debug)]
pub(crate) struct Valid {
    pub(crate) event_id: EventId,
    pub(crate) occurred: Occurred,
    pub(crate) supersedes: Option<EventId>,
    /// The type, as metrics and as headers say it.
    pub(crate) event_type: &'static str,
    pub(crate) typed: EventType,
    /// Full name and text of the schema.
    pub(crate) record: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) avro: Vec<u8>,
    /// The body without what says where the person is, when some of that is set: for a restricted record.
    pub(crate) without_whereabouts: Option<Vec<u8>>,
    pub(crate) keyed_by: KeyedBy,
    pub(crate) findings: Findings,
}

impl Valid {
    /// The person's record is restricted: where they are goes no further, and the sender is told.
    pub(crate) fn leave_whereabouts_out(&mut self) {
        if let Some(rest) = self.without_whereabouts.take() {
            self.avro = rest;
            self.findings.add(&head::RESTRICTED_LEFT_OUT, "body");
        }
    }
}

/// What keys the record.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every event has a subject: a box would cost each an allocation"
)]
pub(crate) enum KeyedBy {
    /// A person's handle, still to be asked for.
    Subject(SubjectRef),
    /// An area or a thing.
    Text(String),
}

/// Checks one event; refusals are counted.
pub(crate) fn check<A: Agency>(
    sender: &Sender,
    scheduled: Option<&Scheduled>,
    event: &A::Event,
    now: Instant,
    numbers: &Numbers,
) -> Result<Valid, RejectedEvent> {
    let (head, body) = (A::head(event), A::body(event));
    let checked = check_parts(sender, scheduled, head, body, now, numbers);
    checked.map_err(|rejected| refused(head, rejected, numbers))
}

/// Checks word that there is nothing to report of an event type of the agency: whoever may send events of the type may say it.
pub(crate) fn check_heartbeat(
    sender: &Sender,
    scheduled: Option<&Scheduled>,
    agency: &'static str,
    said: &wire::HeartbeatRequest,
    now: Instant,
    numbers: &Numbers,
) -> Result<Valid, RejectedEvent> {
    let head = said.head.as_ref();
    let message = said.nothing_to_report.as_ref();
    let of = message.and_then(|message| walbrook_proto::event(&message.event_type)?.event);
    let of = of.filter(|of| of.agency == agency);
    let checked = match (message, of) {
        (Some(_), None) => {
            let mut findings = Findings::new();
            findings.add(&head::NOT_AN_EVENT_TYPE, "nothing_to_report.event_type");
            Err(Rejected::Rules(findings))
        }
        (message, of) => {
            let body = message.map(|message| {
                let mut body = Body::of("nothing_to_report", message, |_, _, _| {});
                body.sent_as = of.map_or(body.sent_as, |of| of.event_type);
                body
            });
            check_parts(sender, scheduled, head, body, now, numbers)
        }
    };
    checked.map_err(|rejected| refused(head, rejected, numbers))
}

fn refused(head: Option<&wire::EventHead>, rejected: Rejected, numbers: &Numbers) -> RejectedEvent {
    for rule in rejected.rules() {
        numbers.refused(rule);
    }
    let event_id = head.map(|head| head.event_id.chars().take(MOST_ID_LETTERS).collect());
    (event_id.unwrap_or_default(), rejected)
}

fn check_parts(
    sender: &Sender,
    scheduled: Option<&Scheduled>,
    head: Option<&wire::EventHead>,
    body: Option<Body<'_>>,
    now: Instant,
    numbers: &Numbers,
) -> Result<Valid, Rejected> {
    let mut findings = Findings::new();
    let Some(body) = body else {
        findings.add(&head::BODY_MISSING, "body");
        return Err(Rejected::Rules(findings));
    };
    numbers.received(body.event_type);
    let head = validate(sender, scheduled, head, &body, now, &mut findings)?;
    if findings.refuses() {
        return Err(Rejected::Rules(findings));
    }
    valid(&body, head, findings)
}

/// Everything that is checked of one event. Allocates nothing unless something is found.
///
/// # Errors
/// When the sender may not send it, or its organisation does not publish it; what breaks rules is in `findings`.
pub(crate) fn validate<'a>(
    sender: &Sender,
    scheduled: Option<&Scheduled>,
    head: Option<&'a wire::EventHead>,
    body: &Body<'_>,
    now: Instant,
    findings: &mut Findings,
) -> Result<Head<'a>, Rejected> {
    sender.may_send(head, body.sent_as)?;
    // Before anything is read of a person: what is not published here goes no further.
    schedule::require(scheduled, &sender.organisation, body.sent_as)?;
    let head = head::read(head, body.subject, now, findings);
    let context = Context {
        organisation: &sender.organisation,
        occurred: head.occurred.map(|occurred| occurred.at),
        occurred_day: head.occurred.map(|occurred| occurred.at.london_day()),
        birth_day: head.subject.as_ref().and_then(Stated::birth_day),
        datasets: scheduled.map(Scheduled::datasets),
        today: now.london_day(),
        now,
    };
    body.check(&context, findings);
    if !matches!(body.subject, SubjectOf::Person) {
        let key = body.key().unwrap_or_default();
        findings.check(is_reference(key), &head::KEY_FORM, body.field);
    }
    Ok(head)
}

/// The text that keys an event about no person.
fn text_key(body: &Body<'_>) -> Option<String> {
    let kind = match body.subject {
        SubjectOf::Person => return None,
        SubjectOf::Area => "area",
        SubjectOf::Open => "open",
    };
    Some(format!("{kind}:{}", body.key().unwrap_or_default()))
}

/// The parts of an event in which nothing was found wrong. A part that is missing all the same, or a body that cannot
/// be written, is refused rather than guessed.
fn valid(body: &Body<'_>, head: Head<'_>, mut findings: Findings) -> Result<Valid, Rejected> {
    let keyed_by = head
        .subject
        .map(|stated| KeyedBy::Subject(stated.into()))
        .or(text_key(body).map(KeyedBy::Text));
    let typed = EventType::new(body.event_type).ok();
    let written = body.avro().and_then(|avro| {
        let open = body.without_whereabouts();
        Ok((avro, open.transpose()?))
    });
    let written = written.map_err(|cause| {
        tracing::debug!(event_type = body.event_type, %cause, "a body that passed its rules cannot be written");
    });
    match (head.event_id, head.occurred, keyed_by, typed, written) {
        (
            Some(event_id),
            Some(occurred),
            Some(keyed_by),
            Some(typed),
            Ok((avro, without_whereabouts)),
        ) => Ok(Valid {
            event_id,
            occurred,
            supersedes: head.supersedes,
            event_type: body.event_type,
            typed,
            record: body.record,
            schema: body.schema,
            avro,
            without_whereabouts,
            keyed_by,
            findings,
        }),
        _ => {
            findings.add(&head::BODY_NOT_WRITABLE, body.field);
            Err(Rejected::Rules(findings))
        }
    }
}
