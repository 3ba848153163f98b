//! Disputes: each about an event behind a cell somebody was shown, answered by whom it is for, and the mark where it must be.

use walbrook_auditor::Checked;
use walbrook_domain::Instant;
use walbrook_proto::audit::v1::{AnsweredRow, Dispute, DisputeAnswer, ReadRecord};
use walbrook_proto::avro::AvroRecord;
use walbrook_tests::records::{self, CAMDEN};
use walbrook_view::Row;
use walbrook_view::dispute::Disputes;
use walbrook_view::explain::Evidence;
use walbrook_view::query::Query;
use walbrook_view::row::Asked;

use crate::held::{Held, Spot};
use crate::reads::{ASKED_AT, READS, answer, asking, fold, framed, listed, read_run, spot, view};
use crate::world::PARTITIONS;

fn timestamp(at: Instant) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: at.micros() / 1_000_000,
        nanos: 0,
    })
}

fn later(minutes: i64) -> Instant {
    Instant(ASKED_AT.micros() + minutes * 60_000_000)
}

/// The row of somebody, a column of it, and an event behind that.
fn shown(held: &Held, row: &AnsweredRow) -> (String, Evidence) {
    let view = view();
    for number in 0..PARTITIONS {
        let fold = fold(held, &view, number);
        let person = fold
            .people()
            .find(|person| person.pseudonym.as_bytes() == row.person_pseudonym.as_slice());
        let Some(person) = person else {
            continue;
        };
        let explained = asking(held, &view, (CAMDEN, false), |asked| {
            asked.explain(&person, &[]).expect("no disagreement")
        });
        let (_, explanation) = explained.expect("a row");
        let cell = explanation
            .cells
            .iter()
            .find(|cell| !cell.events.is_empty());
        let cell = cell.expect("a cell that rests on an event");
        let event = explanation.events[cell.events[0] as usize].clone();
        return (cell.name.clone(), event);
    }
    panic!("nobody has this row")
}

/// The same person's row with marks as of an offset.
fn marked(held: &Held, row: &AnsweredRow, disputes: &Disputes, as_of: i64) -> Row {
    let view = view();
    for number in 0..PARTITIONS {
        let fold = fold(held, &view, number);
        let person = fold
            .people()
            .find(|person| person.pseudonym.as_bytes() == row.person_pseudonym.as_slice());
        if let Some(person) = person {
            return asking(held, &view, (CAMDEN, false), |asked| {
                let asked = Asked {
                    view: asked.view,
                    reading: asked.reading,
                    evaluated_at: asked.evaluated_at,
                    case_named: false,
                    glass_broken: false,
                    disputes: Some(disputes.marks(as_of)),
                    calendar: asked.calendar,
                };
                let row = asked.row(&person).expect("no disagreement");
                row.expect("a row")
            });
        }
    }
    panic!("nobody has this row")
}

fn get(list: &ReadRecord, number: u8, row: &Row, (at, reads_next): (Instant, i64)) -> ReadRecord {
    ReadRecord {
        read_id: records::event_id(number.into()).to_string(),
        operation: "GET".to_owned(),
        asked: vec![row.pseudonym.as_bytes().to_vec()],
        answered: vec![answer(row)],
        reads_next,
        query: Query {
            read_at: at,
            ..Query::one()
        }
        .to_string(),
        ..list.clone()
    }
}

/// A run with a list, a dispute about its first row, a read that shows the mark, the answer, and a read that shows it no more.
fn disputed_run() -> Held {
    let mut held = read_run();
    let record = &held.records[&(READS.to_owned(), 0)][0];
    let (_, body) = walbrook_event::framing::unframe(record.value.as_deref()).expect("framed");
    let list = ReadRecord::decode_exact(body).expect("a read");
    let row = list.answered[0].clone();
    let (column, event) = shown(&held, &row);
    let dispute = Dispute {
        dispute_id: records::event_id(9).to_string(),
        read_id: list.read_id.clone(),
        officer: "officer-1".to_owned(),
        organisation: list.organisation.clone(),
        role: list.role.clone(),
        purpose: list.purpose.clone(),
        view: list.view.clone(),
        view_sha256: list.view_sha256.clone(),
        case_reference: None,
        person_pseudonym: row.person_pseudonym.clone(),
        kind: "WRONG_FACT".to_owned(),
        column,
        event_id: event.event.to_string(),
        handle_pseudonym: event.handle.as_bytes().to_vec(),
        event_type: event.event_type.to_string(),
        source_organisation: event.source.to_string(),
        applied: list.applied.clone(),
        agreements_next: list.agreements_next,
        disputed_at: timestamp(later(1)),
    };
    let reply = DisputeAnswer {
        answer_id: records::event_id(10).to_string(),
        dispute_id: dispute.dispute_id.clone(),
        organisation: dispute.source_organisation.clone(),
        answered_by: "data-steward".to_owned(),
        role: "control".to_owned(),
        purpose: dispute.purpose.clone(),
        view: dispute.view.clone(),
        answer: "STANDS".to_owned(),
        answered_at: timestamp(later(3)),
    };
    let mut disputes = Disputes::default();
    disputes.dispute(dispute.clone(), 1);
    disputes.answer(reply.clone(), 3);
    let with = marked(&held, &row, &disputes, 2);
    assert!(with.cells.iter().any(|cell| cell.disputed));
    let without = marked(&held, &row, &disputes, 4);
    let second = get(&list, 3, &with, (later(2), 2));
    let third = get(&list, 4, &without, (later(4), 4));
    let at = |minutes| later(minutes).micros() / 1_000;
    held.append(READS, 0, framed(&dispute), at(1));
    held.append(READS, 0, framed(&second), at(2));
    held.append(READS, 0, framed(&reply), at(3));
    held.append(READS, 0, framed(&third), at(4));
    held
}

fn at(index: usize) -> Spot {
    Spot {
        index,
        ..spot(READS)
    }
}

#[test]
fn a_dispute_is_audited_whole() {
    let report = disputed_run().audit();
    assert!(report.is_clean(), "{}", listed(&report));
    assert_eq!(report.checked(Checked::Disputes), 1);
    assert_eq!(report.checked(Checked::DisputeAnswers), 1);
    assert!(report.owed().is_empty());
}

#[test]
fn every_claim_of_a_dispute() {
    type Change = (&'static str, fn(&mut Dispute));
    let changes: [Change; 15] = [
        ("read", |one| one.read_id = records::event_id(8).to_string()),
        ("organisation", |one| {
            one.organisation = "GSS:E09000019".to_owned();
        }),
        ("view", |one| one.view = "children_in_care".to_owned()),
        ("purpose", |one| one.purpose = "children-in-care".to_owned()),
        ("view file", |one| one.view_sha256[0] ^= 1),
        ("person", |one| one.person_pseudonym[0] ^= 1),
        ("kind", |one| one.kind = "NOT_NICE".to_owned()),
        ("officer", |one| one.officer = String::new()),
        ("role", |one| one.role = "cleaner".to_owned()),
        ("column", |one| one.column = "band".to_owned()),
        ("event", |one| {
            one.event_id = records::event_id(8).to_string()
        }),
        ("record", |one| one.handle_pseudonym[0] ^= 1),
        ("event type", |one| {
            one.event_type = "housing.HostelStay".to_owned()
        }),
        ("source", |one| {
            one.source_organisation = "GSS:E09000001".to_owned();
        }),
        ("time", |one| one.disputed_at = None),
    ];
    let clean = disputed_run();
    for (name, change) in changes {
        let mut held = clean.clone();
        held.edit::<Dispute>(&at(1), change);
        assert!(!held.audit().is_clean(), "a changed {name} was not found");
    }
}

#[test]
fn every_claim_of_an_answer_and_every_mark_that_is_not_where_it_must_be() {
    type Change = (&'static str, fn(&mut DisputeAnswer));
    let changes: [Change; 6] = [
        ("dispute", |one| {
            one.dispute_id = records::event_id(8).to_string();
        }),
        ("organisation", |one| {
            one.organisation = "GSS:E09000001".to_owned();
        }),
        ("identity's", |one| {
            one.organisation = "WALBROOK:identity".to_owned();
        }),
        ("view", |one| one.view = "children_in_care".to_owned()),
        ("word", |one| one.answer = "PERHAPS".to_owned()),
        ("time", |one| one.answered_at = None),
    ];
    let clean = disputed_run();
    for (name, change) in changes {
        let mut held = clean.clone();
        held.edit::<DisputeAnswer>(&at(3), change);
        assert!(!held.audit().is_clean(), "a changed {name} was not found");
    }
    // A row is shown unmarked, or is marked longer than it was disputed.
    for (index, reads_next) in [(2, 1), (2, 0), (4, 2), (4, 3)] {
        let mut held = clean.clone();
        held.edit::<ReadRecord>(&at(index), |read| read.reads_next = reads_next);
        let report = held.audit();
        let found = report.differences().iter().any(|one| one.check == "row");
        assert!(
            found,
            "marks as of {reads_next} were not found: {}",
            listed(&report)
        );
    }
}

#[test]
fn a_materialiser_that_does_not_follow_disputes_is_found() {
    let mut held = disputed_run();
    let (first, third) = (0, 4);
    let record = held.at(&at(first)).clone();
    let (_, body) = walbrook_event::framing::unframe(record.value.as_deref()).expect("framed");
    let list = ReadRecord::decode_exact(body).expect("a read");
    // Rows as they were before anything was disputed, an hour after it was.
    let hour = later(60);
    held.edit::<ReadRecord>(&at(third), |read| {
        read.answered = vec![list.answered[0].clone()];
        read.reads_next = 0;
        read.query = Query {
            read_at: hour,
            ..Query::one()
        }
        .to_string();
    });
    held.at(&at(third)).timestamp_ms = hour.micros() / 1_000;
    let report = held.audit();
    let older = report
        .differences()
        .iter()
        .any(|one| one.found == "older marks");
    assert!(older, "{}", listed(&report));
}

#[test]
fn what_nobody_answered_is_owed() {
    let mut held = disputed_run();
    held.edit::<DisputeAnswer>(&at(3), |one| one.answer = "CORRECTED".to_owned());
    held.edit::<ReadRecord>(&at(4), |read| read.reads_next = 2);
    assert!(held.audit().owed().is_empty(), "said to be corrected");
    let report = {
        let mut held = disputed_run();
        held.edit::<DisputeAnswer>(&at(3), |one| {
            one.dispute_id = records::event_id(8).to_string();
        });
        held.audit()
    };
    let owed: Vec<_> = report
        .owed()
        .iter()
        .map(|owed| owed.about.as_str())
        .collect();
    assert_eq!(owed, [records::event_id(9).to_string()]);
}
