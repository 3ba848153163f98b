//! What single calls must come to.

use std::time::Duration;

use tonic::{Code, Status};
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Organisation, Receipt};

use super::sample::{self, Sample, at};
use super::service::{Service, reason, rules};
use super::{Book, Found};
use crate::publish::Outgoing;

/// How far the two clocks may be apart before it is worth a look, in seconds.
const MOST_SKEW_S: i64 = 30;

pub(crate) async fn credentials(service: &Service, sample: &mut Sample, book: &mut Book) {
    let status = service.publish_bare(sample.agency()).await;
    book.note(
        "TOKEN_MISSING",
        "a call without a token is not taken",
        refused_as(&status, Code::Unauthenticated, "TOKEN_MISSING"),
    );
    let mut event = sample.event();
    event.head.organisation = Some(Organisation {
        scheme: "CHARITY".into(),
        code: "somebody-else".into(),
    });
    book.note(
        "ORGANISATION_NOT_ALLOWED",
        "nobody sends for another organisation",
        match service.publish(event).await {
            Ok(_) => Err("it was taken".into()),
            Err(status) => refused_as(&status, Code::PermissionDenied, "ORGANISATION_NOT_ALLOWED"),
        },
    );
}

pub(crate) async fn receipts(service: &Service, sample: &mut Sample, book: &mut Book) {
    let event = sample.event();
    let first = service.publish(event.clone()).await;
    book.note(
        "RECEIPT",
        "an event gets a receipt that says where it stands",
        receipt(&first, &event),
    );
    let again = service.publish(event.clone()).await;
    book.note(
        "RETRY",
        "the same event id again gets a receipt again; it counts once",
        receipt(&again, &event),
    );
    if sample.agency().is_about_people() {
        subjects(service, sample, book, event).await;
    }
    let hurried = sample.event();
    let cut = service
        .publish_within(hurried.clone(), Duration::from_millis(1))
        .await;
    let after = receipt(&service.publish(hurried.clone()).await, &hurried);
    let cut = cut.map_or_else(
        |status| format!("{:?}", status.code()),
        |_| "in time".into(),
    );
    book.note(
        "RETRY_AFTER_DEADLINE",
        "after a deadline of 1 ms the same event may be sent again",
        after.map(|found| format!("first: {cut}; then {found}")),
    );
}

/// What holds of who an event is about, beside the event itself.
async fn subjects(service: &Service, sample: &mut Sample, book: &mut Book, event: Outgoing) {
    let mut known = event;
    known.head.event_id = uuid::Uuid::new_v4().to_string();
    if let Some(subject) = &mut known.head.subject {
        subject.demographics = None;
    }
    book.note(
        "KNOWN_SUBJECT",
        "who somebody is need be said only once",
        receipt(&service.publish(known.clone()).await, &known),
    );
    let mut later = sample.event();
    let enrolled = match later.head.subject.clone() {
        Some(subject) => service.enrol(subject).await,
        None => Ok(false),
    };
    if let Some(subject) = &mut later.head.subject {
        subject.demographics = None;
    }
    let found = match enrolled {
        Ok(true) => receipt(&service.publish(later.clone()).await, &later),
        Ok(false) => Err("the subject was not taken".into()),
        Err(status) => Err(told(&status)),
    };
    book.note(
        "ENROLLED_SUBJECT",
        "who somebody is may be said before there is an event",
        found,
    );
    let mut odd = sample.event();
    if let Some(told) = demographics(&mut odd) {
        told.nhs_number = Some("9990000000".into());
    }
    book.note(
        "QUERY",
        "a number that fails its check is noted, and the event taken",
        match service.publish(odd).await {
            Ok(receipt) => {
                let ids: Vec<_> = receipt
                    .queries
                    .iter()
                    .map(|note| note.rule_id.as_str())
                    .collect();
                let noted = ids.contains(&"NHS_NUMBER_CHECK_DIGIT");
                if noted {
                    Ok(ids.join(", "))
                } else {
                    Err(format!("noted: {ids:?}"))
                }
            }
            Err(status) => Err(told(&status)),
        },
    );
}

pub(crate) async fn clocks(service: &Service, sample: &mut Sample, book: &mut Book) {
    let before_s = sample::now_s();
    let skew = match service.publish(sample.event()).await {
        Ok(receipt) => {
            let their_s = receipt.accepted_at.map_or(0, |at| at.seconds);
            // The receipt was written between the call and now.
            let ahead_s = (before_s - their_s).max(0) + (their_s - sample::now_s()).max(0);
            let found = format!("{ahead_s} s apart");
            if ahead_s <= MOST_SKEW_S {
                Ok(found)
            } else {
                Err(found)
            }
        }
        Err(status) => Err(told(&status)),
    };
    book.note(
        "CLOCK",
        "this machine's clock is within 30 s of the service's",
        skew,
    );
    let mut event = sample.event();
    event.head.when = Some(at(240));
    book.note(
        "CLOCK_AHEAD_A_LITTLE",
        "a sender's clock may run four minutes ahead",
        receipt(&service.publish(event.clone()).await, &event),
    );
    let mut event = sample.event();
    event.head.when = Some(at(600));
    refusal(service, book, "OCCURRED_IN_FUTURE", event).await;
}

/// What is wrong with an event.
type Break = fn(&mut Outgoing);

/// Heads that are wrong, whomever the event is about.
const HEADS: [(&str, Break); 4] = [
    ("EVENT_ID_NOT_A_UUID", |event| {
        event.head.event_id = "17".into()
    }),
    ("OCCURRED_MISSING", |event| event.head.when = None),
    ("OCCURRED_IMPOSSIBLE", |event| {
        let (year, month, day) = (2025, 2, 29);
        event.head.when = Some(When::OccurredOn(Date { year, month, day }));
    }),
    ("SUPERSEDES_ITSELF", |event| {
        event.head.supersedes_event_id = Some(event.head.event_id.clone());
    }),
];

/// Subjects that are wrong.
const SUBJECTS: [(&str, Break); 5] = [
    ("SUBJECT_MISSING", |event| event.head.subject = None),
    ("SUBJECT_SCHEME_UNKNOWN", |event| {
        if let Some(subject) = &mut event.head.subject {
            subject.scheme = "PASSPORT".into();
        }
    }),
    ("LOCAL_ID_FORM", |event| {
        if let Some(subject) = &mut event.head.subject {
            subject.local_id = "a sentence".into();
        }
    }),
    ("DEMOGRAPHICS_NEEDED", |event| {
        if let Some(subject) = &mut event.head.subject {
            subject.demographics = None;
        }
    }),
    ("BIRTH_DATE_IMPOSSIBLE", |event| {
        let (year, month, day) = (1987, 13, 1);
        if let Some(told) = demographics(event) {
            told.birth_date = Some(Date { year, month, day });
        }
    }),
];

pub(crate) async fn refusals(service: &Service, sample: &mut Sample, book: &mut Book) {
    let people = sample.agency().is_about_people();
    let subjects: &[_] = if people { &SUBJECTS } else { &[] };
    for (rule, apply) in HEADS.iter().chain(subjects) {
        let mut event = sample.event();
        apply(&mut event);
        refusal(service, book, rule, event).await;
    }
    if !people {
        let mut event = sample.event();
        event.head.subject = Some(sample.subject());
        refusal(service, book, "SUBJECT_NOT_EXPECTED", event).await;
        // Other rules may say what shape this thing's name has: the key's own is among them.
        let event = sample::with_bad_key(sample.event());
        let found = match service.publish(event).await {
            Ok(_) => Err("it was taken".into()),
            Err(status) if rules(&status).iter().any(|rule| rule == "KEY_FORM") => {
                Ok(rules(&status).join(", "))
            }
            Err(status) => Err(told(&status)),
        };
        let demands = "such an event is refused, and the rule named";
        book.note("KEY_FORM", demands, found);
    }
    let event = sample::with_unknown_code(sample.event());
    refusal(service, book, "CODE_NOT_IN_LIST", event).await;
    let event = sample::with_missing_field(sample.event());
    refusal(service, book, "FIELD_MISSING", event).await;
    let mut event = sample::with_unknown_code(sample.event());
    event.head.when = None;
    book.note(
        "ALL_AT_ONCE",
        "everything that is wrong is said at once",
        match service.publish(event).await {
            Ok(_) => Err("it was taken".into()),
            Err(status) => {
                let found = rules(&status);
                let wanted = ["OCCURRED_MISSING", "CODE_NOT_IN_LIST"];
                let all = wanted
                    .iter()
                    .all(|rule| found.iter().any(|one| one == rule));
                if all {
                    Ok(found.join(", "))
                } else {
                    Err(told(&status))
                }
            }
        },
    );
}

async fn refusal(service: &Service, book: &mut Book, rule: &'static str, event: Outgoing) {
    let found = match service.publish(event).await {
        Ok(_) => Err("it was taken".to_owned()),
        Err(status) => {
            let named = rules(&status);
            if status.code() == Code::InvalidArgument && named == [rule] {
                Ok("refused with this rule alone".to_owned())
            } else {
                Err(told(&status))
            }
        }
    };
    book.note(rule, "such an event is refused, and the rule named", found);
}

fn demographics(event: &mut Outgoing) -> Option<&mut walbrook_proto::common::v1::Demographics> {
    event.head.subject.as_mut()?.demographics.as_mut()
}

fn receipt(answer: &Result<Receipt, Status>, event: &Outgoing) -> Found {
    match answer {
        Ok(receipt) if receipt.event_id != event.head.event_id => {
            Err("it names another event".into())
        }
        Ok(receipt) if receipt.receipt_id.is_empty() || receipt.accepted_at.is_none() => {
            Err("it does not say where or when".into())
        }
        Ok(receipt) => Ok(receipt.receipt_id.clone()),
        Err(status) => Err(told(status)),
    }
}

fn refused_as(status: &Status, code: Code, why: &str) -> Found {
    if status.code() == code && reason(status) == why {
        Ok(format!("{code:?}"))
    } else {
        Err(told(status))
    }
}

/// What a service said, for people.
pub(crate) fn told(status: &Status) -> String {
    let rules = rules(status);
    if rules.is_empty() {
        format!("{:?}: {}", status.code(), status.message())
    } else {
        format!("{:?}: {}", status.code(), rules.join(", "))
    }
}
