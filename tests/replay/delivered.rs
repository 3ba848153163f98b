//! Rows on topics of organisations: what is lied about them is found.

use sha2::{Digest, Sha256};
use walbrook_auditor::Checked;
use walbrook_domain::Pseudonym;
use walbrook_event::framing::{frame, unframe};
use walbrook_event::headers;
use walbrook_eventlog::{Headers, NewRecord};
use walbrook_proto::audit::v1::{AppliedOffset, ReadRecord};
use walbrook_proto::avro::AvroRecord as _;
use walbrook_tests::records::{self, CAMDEN};
use walbrook_view::Reading as _;
use walbrook_view::delivered::{Shape, Stated};
use walbrook_view::query::Query;
use walbrook_view::reading::{BookReading, Viewer};

use crate::held::{Held, Spot};
use crate::reads::{
    ASKED_AT, By, READS, SHARED, answer, asking_by, entitled, fold, framed, listed, read_run, view,
};
use crate::world::PARTITIONS;

pub(crate) const TOPIC: &str = "view.rough_sleeping_risk.GSS-E09000007";
const ROLE: &str = "housing-options-officer";

pub(crate) fn read_id(number: u128) -> String {
    records::event_id(5_000 + number).to_string()
}

/// The record of a row or of a tombstone on the topic.
fn stands(person: &[u8], read: &str, row: Option<(&[u8], &[u8])>) -> NewRecord {
    let mut headers = Headers::new().with("wb_read", read);
    match row {
        Some((hash, _)) => headers.push("wb_row", hash),
        None => headers.push("wb_left", "GRANT_ENDED"),
    }
    on_topic(person, row.map(|(_, body)| body), headers)
}

pub(crate) fn on_topic(person: &[u8], body: Option<&[u8]>, headers: Headers) -> NewRecord {
    NewRecord {
        topic: TOPIC.into(),
        partition: None,
        key: Some(person.to_vec().into()),
        value: body.map(|body| frame(7, body).into()),
        headers,
        timestamp_ms: None,
    }
}

/// A run in which Camden's rows are delivered: one disclosure for each partition.
pub(crate) fn delivered_run() -> Held {
    let (mut held, view) = (read_run(), view());
    let viewer = Viewer {
        organisation: CAMDEN.parse().expect("an organisation"),
        role: ROLE.to_owned(),
        reader: TOPIC.to_owned(),
    };
    let shape = Shape::new(&view, ROLE, &records::catalogue()).expect("a form");
    let shared = {
        let listed: ReadRecord = disclosure(&held, 0);
        listed.applied[0].topic.clone()
    };
    for number in 0..PARTITIONS {
        held.open(TOPIC, number);
        let topic: By = |book, viewer, view, at| BookReading::delivered(book, viewer, view, at);
        let by = (topic, false);
        let state = fold(&held, &view, number);
        let id = read_id(u128::try_from(number).expect("a small number"));
        let agreements_next = held.end_of("control.agreements", 0);
        let next_offset = held.end_of(SHARED, number);
        let (record, records) = asking_by(&held, &view, (&viewer, by), |asked, reading| {
            let mut record = ReadRecord {
                read_id: id.clone(),
                reader: TOPIC.to_owned(),
                organisation: CAMDEN.to_owned(),
                role: ROLE.to_owned(),
                purpose: records::PURPOSE.to_owned(),
                view: view.name.clone(),
                operation: "DELIVER".to_owned(),
                outcome: "ANSWERED".to_owned(),
                reason: "ENTITLED".to_owned(),
                view_sha256: view.sha256.to_vec(),
                applied: vec![AppliedOffset {
                    topic: shared.clone(),
                    partition: number,
                    next_offset,
                }],
                agreements_next,
                evaluated_at: Some(at()),
                grounds_applied_through: Some(at()),
                query: Query {
                    read_at: ASKED_AT,
                    ..Query::one()
                }
                .to_string(),
                agreements: entitled(reading),
                topic: Some(TOPIC.to_owned()),
                topic_partition: Some(number),
                ..ReadRecord::default()
            };
            let mut records = Vec::new();
            for person in state.people() {
                let Some(row) = asked.row(&person).expect("no disagreement") else {
                    continue;
                };
                let keep_until = reading.keep_until(&person);
                let stated = Stated {
                    at: ASKED_AT,
                    through: ASKED_AT,
                    agreements: &reading.entitlements(),
                    read_id: &id,
                    keep_until,
                };
                let body = shape.body(&row, &stated);
                record.value_sha256.push(Sha256::digest(&body).to_vec());
                record.answered.push(answer(&row));
                let hash = row.sha256();
                let mut one = stands(row.pseudonym.as_bytes(), &id, Some((&hash, &body)));
                let day = keep_until.expect("a row is kept until a day").to_string();
                one.headers.push(headers::NOT_AFTER, day);
                records.push(one);
            }
            (record, records)
        });
        if records.is_empty() {
            continue;
        }
        for one in records {
            held.append(TOPIC, number, one, ASKED_AT.micros() / 1_000);
        }
        held.append(READS, 0, framed(&record), ASKED_AT.micros() / 1_000);
    }
    held
}

fn at() -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: ASKED_AT.micros() / 1_000_000,
        nanos: 0,
    }
}

pub(crate) fn disclosure(held: &Held, index: usize) -> ReadRecord {
    let record = &held.records[&(READS.to_owned(), 0)][index];
    let (_, body) = unframe(record.value.as_deref()).expect("the wire format");
    ReadRecord::decode_exact(body).expect("a read")
}

/// The first disclosure, behind the list of the run.
fn first() -> Spot {
    Spot {
        topic: READS.to_owned(),
        partition: 0,
        index: 1,
    }
}

#[test]
fn rows_that_were_delivered_come_out_the_same() {
    let report = delivered_run().audit();
    assert!(report.is_clean(), "{}", listed(&report));
    assert!(report.checked(Checked::Delivered) > 1);
    assert!(report.checked(Checked::Reads) > 1);
}

/// A lie about one disclosure.
type Lie = (&'static str, fn(&mut ReadRecord));

const LIES: [Lie; 13] = [
    ("another row", |read| read.answered[0].row_sha256[0] ^= 1),
    ("another value", |read| read.value_sha256[0][0] ^= 1),
    ("a value too few", |read| {
        read.value_sha256.pop();
    }),
    ("another role", |read| read.role = "outreach-worker".into()),
    ("another organisation", |read| {
        read.organisation = "GSS:E09000012".into()
    }),
    ("somebody who has no row", |read| {
        read.answered[0].person_pseudonym = vec![9; 16];
    }),
    ("without agreements", |read| read.agreements.clear()),
    ("another topic", |read| {
        read.topic = Some("view.rough_sleeping_risk.GSS-E09000012".into())
    }),
    ("another partition", |read| {
        read.topic_partition = Some((read.topic_partition() + 1) % PARTITIONS)
    }),
    ("from before anything was shared", |read| {
        read.applied[0].next_offset = 0
    }),
    ("before anything was agreed", |read| {
        read.agreements_next = 0
    }),
    ("a row forgotten", |read| {
        read.answered.pop();
        read.value_sha256.pop();
    }),
    ("another instant", |read| {
        read.grounds_applied_through = None;
    }),
];

#[test]
fn what_a_disclosure_lies_about_is_found() {
    let run = delivered_run();
    for (what, lie) in LIES {
        let mut held = run.clone();
        held.edit::<ReadRecord>(&first(), lie);
        assert!(!held.audit().is_clean(), "{what} was not found");
    }
}

/// What is planted where a row stands, and what it is.
type Planted = (&'static str, fn(&mut Held, &Spot));

/// Where the first row stands.
pub(crate) fn row(held: &Held) -> Spot {
    held.find(TOPIC, |record| record.value.is_some())
}

#[test]
fn what_stands_on_a_topic_against_its_disclosures_is_found() {
    let run = delivered_run();
    let spot = row(&run);
    let lies: [Planted; 8] = [
        ("another day until which it is kept", |held, spot| {
            let record = held.at(spot);
            let kept: Vec<_> = ["wb_read", "wb_row"]
                .into_iter()
                .map(|name| (name, record.headers.get(name).expect("a header").to_vec()))
                .collect();
            record.headers = Headers::new().with(headers::NOT_AFTER, "2099-12-31");
            for (name, value) in kept {
                record.headers.push(name, value);
            }
        }),
        ("a row without a disclosure", |held, spot| {
            let id = read_id(900);
            let one = stands(&[9; 16], &id, Some((&[1; 32], &[0])));
            held.append(TOPIC, spot.partition, one, 0);
        }),
        ("a changed value", |held, spot| {
            let record = held.at(spot);
            let mut value = record.value.clone().expect("a value").to_vec();
            *value.last_mut().expect("bytes") ^= 1;
            record.value = Some(value.into());
        }),
        ("a row taken away", |held, spot| {
            held.remove(spot);
        }),
        ("a tombstone that nobody wrote", |held, spot| {
            let person = held.at(spot).key.clone().expect("a key");
            let id = held
                .at(spot)
                .headers
                .text("wb_read")
                .expect("an id")
                .to_owned();
            held.append(TOPIC, spot.partition, stands(&person, &id, None), 0);
        }),
        ("a row twice", |held, spot| {
            let record = held.at(spot).clone();
            let again = NewRecord {
                topic: TOPIC.into(),
                partition: None,
                key: record.key,
                value: record.value,
                headers: record.headers,
                timestamp_ms: None,
            };
            held.append(TOPIC, spot.partition, again, 0);
        }),
        ("another person's row", |held, spot| {
            held.at(spot).key = Some(vec![9; 16].into());
        }),
        ("a disclosure taken away", |held, _| {
            held.remove(&first());
        }),
    ];
    for (what, lie) in lies {
        let mut held = run.clone();
        lie(&mut held, &spot);
        assert!(!held.audit().is_clean(), "{what} was not found");
    }
}

#[test]
fn a_tombstone_that_was_disclosed_and_is_missing_is_found() {
    let mut held = delivered_run();
    let spot = row(&held);
    let person = held.at(&spot).key.clone().expect("a key");
    let of = disclosure(&held, 1);
    assert_eq!(of.topic_partition(), spot.partition);
    let id = read_id(800);
    // It says that the row left although it stands: and on the topic nothing follows.
    let left = ReadRecord {
        read_id: id,
        outcome: "EMPTY".to_owned(),
        reason: "NOTHING_TO_SHOW".to_owned(),
        answered: Vec::new(),
        value_sha256: Vec::new(),
        left: vec![person.to_vec()],
        left_reasons: vec!["RETRACTED".to_owned()],
        ..of
    };
    held.append(READS, 0, framed(&left), ASKED_AT.micros() / 1_000);
    let report = held.audit();
    assert!(!report.is_clean());
    assert!(
        listed(&report).contains("disclosed last"),
        "{}",
        listed(&report)
    );
    assert!(Pseudonym::try_from(&*person).is_ok());
}
