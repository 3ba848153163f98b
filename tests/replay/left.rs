//! Rows that left topics of organisations: each for the cause that its tombstone names, and none of them late.

use walbrook_domain::control::{AgreementFact, ControlFact, Standing, StandingChange};
use walbrook_domain::{HandlePseudonym, Instant, Pseudonym};
use walbrook_event::framing::frame;
use walbrook_event::{control, headers};
use walbrook_eventlog::{Headers, NewRecord};
use walbrook_proto::audit::v1::{AppliedOffset, ReadRecord};
use walbrook_proto::avro::AvroRecord as _;
use walbrook_proto::shared::v1::Retraction;
use walbrook_tests::records::{self, CAMDEN};
use walbrook_view::query::Query;
use walbrook_view::reading::{BookReading, Viewer};

use crate::delivered::{TOPIC, delivered_run, disclosure, on_topic, read_id, row};
use crate::held::{Held, Spot};
use crate::reads::{ASKED_AT, By, READS, SHARED, asking_by, fold, framed, listed, view};
use crate::world::PARTITIONS;

/// The differences about deliveries that expect something with these words.
fn expects(report: &walbrook_auditor::Report, words: &str) -> bool {
    let found = |one: &walbrook_auditor::Difference| {
        one.check == "delivery" && one.expected.contains(words)
    };
    report.differences().iter().any(found)
}

const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;

fn later(by: i64) -> Instant {
    Instant(ASKED_AT.micros() + by)
}

fn timestamp(at: Instant) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.micros() / 1_000_000,
        nanos: 0,
    }
}

/// Everything that rested on the person's handles falls.
fn fall(held: &mut Held, spot: &Spot, person: &[u8], at: Instant) {
    let state = fold(held, &view(), spot.partition);
    let person = Pseudonym::try_from(person).expect("a pseudonym");
    let one = state.person(&person).expect("somebody");
    let all = one.subjects().map(|(handle, _)| (handle, None));
    falls(held, (spot.partition, &person), all.collect(), at);
}

/// These fall: all of a handle, or one event of it.
fn falls(
    held: &mut Held,
    (partition, person): (i32, &Pseudonym),
    what: Vec<(HandlePseudonym, Option<String>)>,
    at: Instant,
) {
    let other = held.find(SHARED, |record| {
        record.headers.text(headers::TYPE) == Some(Retraction::FULL_NAME)
    });
    let other = held.at(&other).clone();
    for (handle, event_id) in what {
        let body = Retraction {
            handle_pseudonym: handle.as_bytes().to_vec(),
            event_id,
            reason: "WITHDRAWAL".to_owned(),
            ..Retraction::default()
        };
        let record = NewRecord {
            topic: SHARED.into(),
            key: Some(person.as_bytes().to_vec().into()),
            partition: Some(partition),
            headers: other.headers.clone(),
            ..framed(&body)
        };
        held.append(SHARED, partition, record, at.micros() / 1_000);
    }
}

/// A disclosure that somebody left, and its tombstone, an hour after the rows.
fn leave(held: &mut Held, spot: &Spot, person: &[u8], (why, at): (&str, Instant)) {
    let of = disclosure(held, 1);
    let id = read_id(700);
    let record = ReadRecord {
        read_id: id.clone(),
        outcome: "EMPTY".to_owned(),
        reason: "NOTHING_TO_SHOW".to_owned(),
        answered: Vec::new(),
        value_sha256: Vec::new(),
        left: vec![person.to_vec()],
        left_reasons: vec![why.to_owned()],
        applied: vec![AppliedOffset {
            next_offset: held.end_of(SHARED, spot.partition),
            ..of.applied[0].clone()
        }],
        agreements_next: held.end_of("control.agreements", 0),
        evaluated_at: Some(timestamp(at)),
        query: Query {
            read_at: at,
            ..Query::one()
        }
        .to_string(),
        ..of
    };
    let headers = Headers::new().with("wb_read", &id).with("wb_left", why);
    let ms = at.micros() / 1_000;
    held.append(TOPIC, spot.partition, on_topic(person, None, headers), ms);
    held.append(READS, 0, framed(&record), ms);
}

/// The first row, whose partition the first disclosure is of.
fn somebody(held: &mut Held) -> (Spot, Vec<u8>) {
    let spot = row(held);
    assert_eq!(disclosure(held, 1).topic_partition(), spot.partition);
    let person = held.at(&spot).key.clone().expect("a key").to_vec();
    (spot, person)
}

#[test]
fn a_tombstone_says_the_cause_that_took_the_row() {
    let run = delivered_run();
    let hour = later(HOUR_MICROS);
    // Long after every day until which anything may be kept.
    let years = later(DAY_MICROS * 365 * 12);
    for (what, fell, at, right) in [
        ("a withdrawal", true, hour, Some("RETRACTED")),
        ("nothing", false, hour, None),
        ("time", false, years, Some("PAST_RETENTION")),
    ] {
        for why in [
            "RETRACTED",
            "PAST_RETENTION",
            "OUTSIDE_SCOPE",
            "GRANT_ENDED",
            "AGREEMENTS_DISAGREE",
            "VIEW_REMOVED",
            "BECAUSE",
        ] {
            let mut held = run.clone();
            let (spot, person) = somebody(&mut held);
            if fell {
                fall(&mut held, &spot, &person, later(-2 * DAY_MICROS));
            }
            leave(&mut held, &spot, &person, (why, at));
            let report = held.audit();
            // Others' rows may be overdue by then.
            let found = report.differences().iter().any(|one| {
                let of_row = one.check == "row" && one.expected == "people whose row left";
                let of_topic = one.check == "delivery" && !one.expected.contains("eleven minutes");
                of_row || of_topic
            });
            let wanted = match (why, right) {
                (why, Some(right)) => why != right,
                (_, None) => true,
            };
            assert_eq!(found, wanted, "{why} after {what}: {}", listed(&report));
            if let Some(right) = right.filter(|right| *right != why) {
                let said = expects(&report, &format!("a row that left for {right}"));
                let skipped = ["VIEW_REMOVED", "BECAUSE"].contains(&why);
                assert!(said || skipped, "{why} after {what}: {}", listed(&report));
            }
        }
    }
}

#[test]
fn a_row_that_stands_long_after_its_cause_is_found() {
    let run = delivered_run();
    let hour = later(HOUR_MICROS);
    let overdue = "eleven minutes ago or more";
    let clean = run.audit_at(hour);
    assert!(clean.is_clean(), "{}", listed(&clean));

    // It fell two days before, and what was written then everybody has applied.
    let mut held = run.clone();
    let (spot, person) = somebody(&mut held);
    fall(&mut held, &spot, &person, later(-2 * DAY_MICROS));
    assert!(expects(&held.audit_at(hour), "left for RETRACTED, eleven"));
    assert!(
        !expects(&held.audit_at(later(60_000_000)), overdue),
        "there is time yet"
    );

    // It fell the same day: no read says that it was applied, then one does.
    let mut held = run.clone();
    fall(&mut held, &spot, &person, later(1_000_000));
    assert!(!expects(&held.audit_at(hour), overdue));
    let at = later(60_000_000);
    let read = ReadRecord {
        read_id: read_id(600),
        operation: "GET".to_owned(),
        outcome: "EMPTY".to_owned(),
        applied: vec![AppliedOffset {
            next_offset: held.end_of(SHARED, spot.partition),
            ..disclosure(&held, 1).applied[0].clone()
        }],
        answered: Vec::new(),
        ..disclosure(&held, 0)
    };
    held.append(READS, 0, framed(&read), at.micros() / 1_000);
    assert!(expects(&held.audit_at(hour), "left for RETRACTED, eleven"));
    assert!(
        !expects(&held.audit_at(later(120_000_000)), overdue),
        "there is time yet"
    );
    // Once its tombstone stands, nothing is overdue.
    leave(&mut held, &spot, &person, ("RETRACTED", later(90_000_000)));
    assert!(!expects(&held.audit_at(hour), overdue));

    // Nothing may be kept for so long.
    let years = later(DAY_MICROS * 365 * 12);
    let report = run.audit_at(years);
    let left = [
        "left for PAST_RETENTION, eleven",
        "left for GRANT_ENDED, eleven",
    ];
    assert!(
        left.iter().any(|one| expects(&report, one)),
        "{}",
        listed(&report)
    );
}

/// The hash of somebody's row on the topic, of what stands now.
fn hash(held: &Held, number: i32, person: &Pseudonym) -> Option<[u8; 32]> {
    let (view, state) = (view(), fold(held, &view(), number));
    let viewer = Viewer {
        organisation: CAMDEN.parse().expect("an organisation"),
        role: "housing-options-officer".to_owned(),
        reader: TOPIC.to_owned(),
    };
    let topic: By = |book, viewer, view, at| BookReading::delivered(book, viewer, view, at);
    asking_by(held, &view, (&viewer, (topic, false)), |asked, _| {
        let row = asked.row(&state.person(person)?).expect("no disagreement");
        row.map(|row| row.sha256())
    })
}

#[test]
fn a_row_that_still_says_what_fell_is_found() {
    let run = delivered_run();
    let mut found = 0;
    for number in 0..PARTITIONS {
        let state = fold(&run, &view(), number);
        for one in state.people() {
            let before = hash(&run, number, &one.pseudonym);
            let events: Vec<_> = one.contributions().map(|one| one.key.clone()).collect();
            for event in events {
                let mut held = run.clone();
                let event = (event.handle, Some(event.event.to_string()));
                let of = (number, &one.pseudonym);
                falls(&mut held, of, vec![event], later(-2 * DAY_MICROS));
                let after = hash(&held, number, &one.pseudonym);
                // There is a row without it, and it is another one.
                if before.is_none() || after.is_none() || after == before || found > 2 {
                    continue;
                }
                found += 1;
                let report = held.audit_at(later(HOUR_MICROS));
                let said = expects(&report, "rests on nothing that fell");
                assert!(said, "{}", listed(&report));
                let soon = held.audit_at(later(60_000_000));
                assert!(!expects(&soon, "eleven"), "there is time yet");
            }
        }
    }
    assert!(found > 0, "nobody's row says less without an event");
}

#[test]
fn a_row_that_stands_long_after_its_grant_is_found() {
    let mut held = delivered_run();
    for agreement in disclosure(&held, 1).agreements {
        let ended = ControlFact::Agreement(AgreementFact::Standing(StandingChange {
            agreement: agreement.agreement_id.parse().expect("an id"),
            version: walbrook_domain::AgreementVersion(agreement.version),
            party: Some(CAMDEN.parse().expect("an organisation")),
            standing: Standing::Suspended,
            reason: walbrook_policy::state::STANDING_REASONS[0].to_owned(),
            by_organisation: CAMDEN.parse().expect("an organisation"),
            by: "dpo".to_owned(),
        }));
        let encoded = control::write(&ended, Instant(0), "").expect("a control record");
        let pairs = headers::internal(encoded.full_name, "test", Some(Instant(0)), None);
        for topic in ["control.policy", "control.agreements"] {
            let record = NewRecord {
                topic: topic.into(),
                partition: Some(0),
                key: Some(encoded.key.clone().into_bytes().into()),
                value: Some(frame(records::schema_id(encoded.full_name), &encoded.body).into()),
                headers: pairs.clone().into_iter().collect(),
                timestamp_ms: None,
            };
            held.append(topic, 0, record, later(1_000_000).micros() / 1_000);
        }
    }
    let gone = "left for GRANT_ENDED, eleven minutes ago";
    assert!(!expects(&held.audit_at(later(60_000_000)), gone));
    let report = held.audit_at(later(HOUR_MICROS));
    assert!(expects(&report, gone), "{}", listed(&report));
}

/// The record of a view that has no file any more.
fn without_a_file(read: &mut ReadRecord) {
    (read.outcome, read.reason) = ("REFUSED".to_owned(), "VIEW_REMOVED".to_owned());
    read.role.clear();
    read.agreements.clear();
    read.grounds_applied_through = None;
}

#[test]
fn of_a_view_without_a_file_rows_leave_and_none_is_written() {
    let mut held = delivered_run();
    let (spot, person) = somebody(&mut held);
    let hour = later(HOUR_MICROS);
    leave(&mut held, &spot, &person, ("VIEW_REMOVED", hour));
    let last = Spot {
        topic: READS.to_owned(),
        partition: 0,
        index: held.records[&(READS.to_owned(), 0)].len() - 1,
    };
    held.edit::<ReadRecord>(&last, without_a_file);
    let report = held.audit();
    assert!(report.is_clean(), "{}", listed(&report));
    type Lie = (&'static str, fn(&mut ReadRecord));
    let lies: [Lie; 4] = [
        ("a role", |read| {
            read.role = "housing-options-officer".into()
        }),
        ("another reason", |read| {
            read.left_reasons[0] = "RETRACTED".into()
        }),
        ("another word", |read| read.reason = "NO_AGREEMENT".into()),
        ("a row", |read| {
            read.answered.push(walbrook_proto::audit::v1::AnsweredRow {
                person_pseudonym: vec![9; 16],
                ..Default::default()
            });
            read.value_sha256.push(vec![0; 32]);
        }),
    ];
    for (what, lie) in lies {
        let mut held = held.clone();
        held.edit::<ReadRecord>(&last, lie);
        assert!(!held.audit().is_clean(), "{what} was not found");
    }
}
