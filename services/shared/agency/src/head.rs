//! The part of an event that is the same for all agencies: who, when, which, and the rules for it.

use walbrook_domain::{Day, EventId, Instant, Precision, number};
use walbrook_proto::avro::SubjectOf;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Demographics, EventHead, Subject};
use walbrook_proto::identity::v1 as identity;

use crate::Findings;
use crate::facts::is_reference;

mod rules;

pub use rules::RULES;
use rules::{
    BIRTH_DATE_IMPOSSIBLE, DEMOGRAPHICS_TOO_LONG, EVENT_ID_NOT_A_UUID, HEAD_MISSING, LOCAL_ID_FORM,
    NHS_NUMBER_CHECK_DIGIT, OCCURRED_IMPOSSIBLE, OCCURRED_IN_FUTURE, OCCURRED_MISSING,
    OCCURRED_TOO_LONG_AGO, SUBJECT_MISSING, SUBJECT_NOT_EXPECTED, SUBJECT_SCHEME_UNKNOWN,
    SUPERSEDES_ITSELF, SUPERSEDES_NOT_A_UUID, UPN_CHECK_LETTER, UPRN_FORM,
};
pub(crate) use rules::{
    BODY_MISSING, BODY_NOT_WRITABLE, DEMOGRAPHICS_NEEDED, KEY_FORM, NOT_AN_EVENT_TYPE,
    RESTRICTED_LEFT_OUT,
};

/// Kinds of local ids.
const SCHEMES: [&str; 5] = ["LOCAL", "LA_CHILD_ID", "CHAIN_ID", "NHS_NUMBER", "UPN"];
/// How far a sender's clock may run ahead.
const AHEAD_US: i64 = 5 * 60 * 1_000_000;
/// Nobody living was born before, and nothing that is shared happened before.
const FIRST_DAY: Day = Day(-25_567); // 1900-01-01
const MOST_NAME_BYTES: usize = 200;
const MOST_POSTCODE_BYTES: usize = 16;
const MOST_NUMBER_BYTES: usize = 32;

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occurred {
    pub(crate) at: Instant,
    pub(crate) precision: Precision,
}

/// A head that was read. Absent parts were found wrong. It borrows from the event: reading allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Head<'a> {
    pub(crate) event_id: Option<EventId>,
    pub(crate) occurred: Option<Occurred>,
    pub(crate) supersedes: Option<EventId>,
    pub(crate) subject: Option<Stated<'a>>,
}

/// A person as the sender states them. Never printed.
pub(crate) struct Stated<'a> {
    scheme: &'static str,
    subject: &'a Subject,
}

impl Stated<'_> {
    /// The day the person was born, where the event says so.
    pub(crate) fn birth_day(&self) -> Option<Day> {
        let told = self.subject.demographics.as_ref()?;
        day(told.birth_date.as_ref()?)
    }
}

impl std::fmt::Debug for Stated<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Stated(…)")
    }
}

/// A person as the gateway asks for them. Never printed.
pub(crate) struct SubjectRef {
    pub(crate) scheme: &'static str,
    pub(crate) local_id: String,
    pub(crate) demographics: Option<identity::Demographics>,
}

impl std::fmt::Debug for SubjectRef {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SubjectRef(…)")
    }
}

impl From<Stated<'_>> for SubjectRef {
    fn from(stated: Stated<'_>) -> Self {
        let Stated { scheme, subject } = stated;
        let told = subject.demographics.as_ref();
        Self {
            scheme,
            local_id: subject.local_id.clone(),
            demographics: told.map(|told| demographics(told, scheme, &subject.local_id)),
        }
    }
}

/// Reads a head for an event about `kind`, naming everything that is wrong with it. Paths begin with `head`.
pub(crate) fn read<'a>(
    head: Option<&'a EventHead>,
    kind: SubjectOf,
    now: Instant,
    findings: &mut Findings,
) -> Head<'a> {
    findings.within("head");
    let read = match head {
        Some(head) => Head {
            event_id: event_id(&head.event_id, findings),
            occurred: occurred(head.when.as_ref(), now, findings),
            supersedes: supersedes(head, findings),
            subject: subject(head.subject.as_ref(), kind, now, findings),
        },
        None => {
            findings.add(&HEAD_MISSING, "");
            Head::default()
        }
    };
    findings.within("");
    read
}

fn event_id(text: &str, findings: &mut Findings) -> Option<EventId> {
    let id = uuid(text);
    findings.check(id.is_some(), &EVENT_ID_NOT_A_UUID, "event_id");
    id
}

/// Only the form with hyphens, so that one event has one text everywhere.
fn uuid(text: &str) -> Option<EventId> {
    let id: EventId = text.parse().ok()?;
    (text.len() == 36 && id.as_bytes() != &[0; 16]).then_some(id)
}

fn supersedes(head: &EventHead, findings: &mut Findings) -> Option<EventId> {
    let text = head.supersedes_event_id.as_deref()?;
    let id = uuid(text);
    findings.check(id.is_some(), &SUPERSEDES_NOT_A_UUID, "supersedes_event_id");
    let itself = id.is_some() && id == uuid(&head.event_id);
    findings.check(!itself, &SUPERSEDES_ITSELF, "supersedes_event_id");
    id
}

fn occurred(when: Option<&When>, now: Instant, findings: &mut Findings) -> Option<Occurred> {
    let (field, read) = match when {
        None => {
            findings.add(&OCCURRED_MISSING, "occurred_at");
            return None;
        }
        Some(When::OccurredAt(at)) => {
            let nanos = (0..1_000_000_000).contains(&at.nanos).then_some(at.nanos);
            let at = nanos.and_then(|nanos| Instant::from_seconds_nanos(at.seconds, nanos));
            (
                "occurred_at",
                at.map(|at| Occurred {
                    at,
                    precision: Precision::Instant,
                }),
            )
        }
        Some(When::OccurredOn(date)) => {
            let day = day(date);
            (
                "occurred_on",
                day.map(|day| Occurred {
                    at: day.start(),
                    precision: Precision::Day,
                }),
            )
        }
    };
    let Some(occurred) = read else {
        findings.add(&OCCURRED_IMPOSSIBLE, field);
        return None;
    };
    let latest = now.micros().saturating_add(AHEAD_US);
    let sane = findings.check(occurred.at.micros() <= latest, &OCCURRED_IN_FUTURE, field)
        & findings.check(
            occurred.at >= FIRST_DAY.start(),
            &OCCURRED_TOO_LONG_AGO,
            field,
        );
    sane.then_some(occurred)
}

fn day(date: &Date) -> Option<Day> {
    date.days().map(Day)
}

fn subject<'a>(
    subject: Option<&'a Subject>,
    kind: SubjectOf,
    now: Instant,
    findings: &mut Findings,
) -> Option<Stated<'a>> {
    let subject = match (subject, kind) {
        (Some(subject), SubjectOf::Person) => subject,
        (None, SubjectOf::Person) => {
            findings.add(&SUBJECT_MISSING, "subject");
            return None;
        }
        (Some(_), _) => {
            findings.add(&SUBJECT_NOT_EXPECTED, "subject");
            return None;
        }
        (None, _) => return None,
    };
    let scheme = SCHEMES.into_iter().find(|known| *known == subject.scheme);
    findings.check(scheme.is_some(), &SUBJECT_SCHEME_UNKNOWN, "subject.scheme");
    findings.check(
        is_reference(&subject.local_id),
        &LOCAL_ID_FORM,
        "subject.local_id",
    );
    match scheme {
        Some("NHS_NUMBER") => {
            let holds = number::is_nhs_number(&subject.local_id);
            findings.check(holds, &NHS_NUMBER_CHECK_DIGIT, "subject.local_id");
        }
        Some("UPN") => {
            let holds = number::is_upn(&subject.local_id);
            findings.check(holds, &UPN_CHECK_LETTER, "subject.local_id");
        }
        _ => {}
    }
    if let Some(told) = &subject.demographics {
        check_demographics(told, now, findings);
    }
    Some(Stated {
        scheme: scheme?,
        subject,
    })
}

/// Reads a subject that is enrolled without an event: the same rules, and it must say who it is.
pub(crate) fn enrolled<'a>(
    stated: &'a Subject,
    now: Instant,
    findings: &mut Findings,
) -> Option<Stated<'a>> {
    let told = stated.demographics.is_some();
    findings.check(told, &DEMOGRAPHICS_NEEDED, "subject.demographics");
    subject(Some(stated), SubjectOf::Person, now, findings)
}

fn check_demographics(stated: &Demographics, now: Instant, findings: &mut Findings) {
    lengths(stated, findings);
    let birth_date = stated.birth_date.as_ref();
    let exists = birth_date.is_none_or(|date| {
        day(date).is_some_and(|day| FIRST_DAY <= day && day <= now.london_day())
    });
    findings.check(
        exists,
        &BIRTH_DATE_IMPOSSIBLE,
        "subject.demographics.birth_date",
    );
    let given = stated.nhs_number.as_deref().filter(|text| !text.is_empty());
    findings.check(
        given.is_none_or(number::is_nhs_number),
        &NHS_NUMBER_CHECK_DIGIT,
        "subject.demographics.nhs_number",
    );
    let given = stated.upn.as_deref().filter(|text| !text.is_empty());
    findings.check(
        given.is_none_or(number::is_upn),
        &UPN_CHECK_LETTER,
        "subject.demographics.upn",
    );
    let given = stated.uprn.as_deref().filter(|text| !text.is_empty());
    findings.check(
        given.is_none_or(number::is_uprn),
        &UPRN_FORM,
        "subject.demographics.uprn",
    );
    let locates = [&stated.email, &stated.town, &stated.uprn];
    let locates = locates
        .into_iter()
        .flatten()
        .chain(std::iter::once(&stated.postcode));
    findings.check(
        !stated.restricted || locates.into_iter().all(String::is_empty),
        &RESTRICTED_LEFT_OUT,
        "subject.demographics",
    );
}

/// What goes to identity. A number that fails its own check is noted and left out: it must neither link nor hide
/// anybody. An NHS number that nobody verified is left out too: it is no ground to link by. Of a restricted record neither address nor contact goes
/// further, not even there.
fn demographics(
    stated: &Demographics,
    scheme: &'static str,
    local_id: &str,
) -> identity::Demographics {
    let nhs_number = stated.nhs_number.as_deref().and_then(number::nhs_number);
    let upn = stated.upn.as_deref().and_then(number::upn);
    let own = |wanted: &str| (scheme == wanted).then(|| local_id.to_owned());
    let open = |text: Option<&String>| {
        let text = text.filter(|_| !stated.restricted);
        text.cloned().unwrap_or_default()
    };
    identity::Demographics {
        given_name: stated.given_name.clone(),
        family_name: stated.family_name.clone(),
        birth_date: stated.birth_date,
        postcode: open(Some(&stated.postcode)),
        nhs_number: nhs_number
            .filter(|_| stated.nhs_number_verified)
            .unwrap_or_default(),
        upn: upn
            .or_else(|| own("UPN").and_then(|text| number::upn(&text)))
            .unwrap_or_default(),
        restricted: stated.restricted,
        la_child_id: stated
            .la_child_id
            .clone()
            .or_else(|| own("LA_CHILD_ID"))
            .unwrap_or_default(),
        email: open(stated.email.as_ref()),
        town: open(stated.town.as_ref()),
        uprn: number::uprn(&open(stated.uprn.as_ref())).unwrap_or_default(),
    }
}

fn lengths(stated: &Demographics, findings: &mut Findings) {
    let texts = [
        (
            "subject.demographics.given_name",
            stated.given_name.as_str(),
            MOST_NAME_BYTES,
        ),
        (
            "subject.demographics.family_name",
            stated.family_name.as_str(),
            MOST_NAME_BYTES,
        ),
        (
            "subject.demographics.postcode",
            stated.postcode.as_str(),
            MOST_POSTCODE_BYTES,
        ),
        (
            "subject.demographics.nhs_number",
            stated.nhs_number.as_deref().unwrap_or_default(),
            MOST_NUMBER_BYTES,
        ),
        (
            "subject.demographics.upn",
            stated.upn.as_deref().unwrap_or_default(),
            MOST_NUMBER_BYTES,
        ),
        (
            "subject.demographics.la_child_id",
            stated.la_child_id.as_deref().unwrap_or_default(),
            MOST_NUMBER_BYTES,
        ),
        (
            "subject.demographics.email",
            stated.email.as_deref().unwrap_or_default(),
            MOST_NAME_BYTES,
        ),
        (
            "subject.demographics.town",
            stated.town.as_deref().unwrap_or_default(),
            MOST_NAME_BYTES,
        ),
        (
            "subject.demographics.uprn",
            stated.uprn.as_deref().unwrap_or_default(),
            MOST_NUMBER_BYTES,
        ),
    ];
    for (field, text, most) in texts {
        let fits = text.len() <= most && !text.chars().any(char::is_control);
        findings.check(fits, &DEMOGRAPHICS_TOO_LONG, field);
    }
}
