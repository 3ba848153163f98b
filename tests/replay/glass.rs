//! Break-glass: each read beyond scope rests on a reason, a case and a time that is not over, and somebody else judges it.

use walbrook_auditor::Checked;
use walbrook_domain::Instant;
use walbrook_proto::audit::v1::{BreakGlassReview, ReadRecord};
use walbrook_proto::avro::AvroRecord;
use walbrook_tests::records::{self, CAMDEN, ISLINGTON};
use walbrook_view::Row;
use walbrook_view::query::Query;

use crate::held::{Held, Spot};
use crate::reads::{
    ASKED_AT, READS, answer, asking, entitled, fold, framed, listed, read_run, spot, view,
};
use crate::world::PARTITIONS;

const HOUR_MICROS: i64 = 3_600_000_000;

/// Somebody beyond Islington's scope: everybody is Camden's here.
fn outsider(held: &Held) -> Row {
    let view = view();
    for number in 0..PARTITIONS {
        let fold = fold(held, &view, number);
        for person in fold.people() {
            let row = |glass| {
                asking(held, &view, (ISLINGTON, glass), |asked| {
                    asked.row(&person).expect("no disagreement")
                })
            };
            if let (None, Some(row)) = (row(false), row(true)) {
                return row;
            }
        }
    }
    panic!("nobody stands beyond the scope")
}

fn timestamp(at: Instant) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.micros() / 1_000_000,
        nanos: 0,
    }
}

/// A run in which the glass was broken, read under again an hour later, and judged another hour later.
fn glass_run() -> Held {
    let (mut held, review) = unjudged_run();
    let judged = ASKED_AT.micros() + 2 * HOUR_MICROS;
    held.append(READS, 0, framed(&review), judged / 1_000);
    held
}

/// The same before it is judged, and the judgement.
fn unjudged_run() -> (Held, BreakGlassReview) {
    let mut held = read_run();
    let record = &held.records[&(READS.to_owned(), 0)][0];
    let (_, body) = walbrook_event::framing::unframe(record.value.as_deref()).expect("framed");
    let list = ReadRecord::decode_exact(body).expect("a read");
    let row = outsider(&held);
    let id = records::event_id(7).to_string();
    let until = Instant(ASKED_AT.micros() + 4 * HOUR_MICROS);
    let begun = ReadRecord {
        read_id: id.clone(),
        organisation: ISLINGTON.to_owned(),
        agreements: asking(&held, &view(), (ISLINGTON, false), |asked| {
            entitled(asked.reading)
        }),
        operation: "GET".to_owned(),
        case_reference: Some("case-1".to_owned()),
        asked: vec![row.pseudonym.as_bytes().to_vec()],
        answered: vec![answer(&row)],
        query: Query {
            read_at: ASKED_AT,
            ..Query::one()
        }
        .to_string(),
        break_glass_reason: Some("RISK_TO_LIFE".to_owned()),
        break_glass_read_id: Some(id.clone()),
        break_glass_until: Some(timestamp(until)),
        ..list
    };
    let later = Instant(ASKED_AT.micros() + HOUR_MICROS);
    let again = ReadRecord {
        read_id: records::event_id(8).to_string(),
        case_reference: None,
        break_glass_reason: None,
        query: Query {
            read_at: later,
            ..Query::one()
        }
        .to_string(),
        ..begun.clone()
    };
    let review = BreakGlassReview {
        review_id: records::event_id(9).to_string(),
        read_id: id,
        reviewer: "supervisor-1".to_owned(),
        organisation: begun.organisation.clone(),
        role: "supervisor".to_owned(),
        purpose: begun.purpose.clone(),
        view: begun.view.clone(),
        outcome: "OBJECTED".to_owned(),
        reason: "NOT_NECESSARY".to_owned(),
        reviewed_at: Some(timestamp(Instant(later.micros() + HOUR_MICROS))),
    };
    held.append(READS, 0, framed(&begun), ASKED_AT.micros() / 1_000);
    held.append(READS, 0, framed(&again), later.micros() / 1_000);
    (held, review)
}

fn at(index: usize) -> Spot {
    Spot {
        index,
        ..spot(READS)
    }
}

#[test]
fn a_break_glass_is_audited_whole() {
    let report = glass_run().audit();
    assert!(report.is_clean(), "{}", listed(&report));
    assert_eq!(report.checked(Checked::BreakGlass), 2);
    assert_eq!(report.checked(Checked::BreakGlassReviews), 1);
    assert!(report.owed().is_empty());
}

#[test]
fn every_lie_about_a_break_glass_is_found() {
    type Change = (&'static str, usize, fn(&mut ReadRecord));
    let changes: [Change; 14] = [
        ("no reason at all", 1, |one| {
            one.break_glass_reason = None;
            one.break_glass_read_id = None;
            one.break_glass_until = None;
        }),
        ("a word of its own", 1, |one| {
            one.break_glass_reason = Some("CURIOSITY".to_owned());
        }),
        ("no case", 1, |one| one.case_reference = None),
        ("another read", 1, |one| {
            one.break_glass_read_id = Some(records::event_id(3).to_string());
        }),
        ("two days", 1, |one| {
            one.break_glass_until = Some(timestamp(Instant(ASKED_AT.micros() + 48 * HOUR_MICROS)));
        }),
        ("over before it began", 1, |one| {
            one.break_glass_until = Some(timestamp(Instant(ASKED_AT.micros() - HOUR_MICROS)));
        }),
        ("a list", 1, |one| one.operation = "LIST".to_owned()),
        ("refused and begun", 1, |one| {
            one.outcome = "REFUSED".to_owned();
            one.answered.clear();
        }),
        ("read under by another reader", 2, |one| {
            one.reader = "officer-2".to_owned();
        }),
        ("read under about another person", 2, |one| {
            one.asked[0][0] ^= 1;
        }),
        ("held longer than said", 2, |one| {
            one.break_glass_until = Some(timestamp(Instant(ASKED_AT.micros() + 5 * HOUR_MICROS)));
        }),
        ("read under after it was over", 2, |one| {
            let read_at = Instant(ASKED_AT.micros() + 5 * HOUR_MICROS);
            one.query = Query {
                read_at,
                ..Query::one()
            }
            .to_string();
        }),
        ("rests on nothing that stands", 2, |one| {
            one.break_glass_read_id = Some(records::event_id(3).to_string());
        }),
        ("rests on nothing", 2, |one| {
            one.break_glass_read_id = None;
            one.break_glass_until = None;
        }),
    ];
    let clean = glass_run();
    for (name, index, change) in changes {
        let mut held = clean.clone();
        held.edit::<ReadRecord>(&at(index), change);
        assert!(!held.audit().is_clean(), "{name}: not found");
    }
}

#[test]
fn every_lie_about_a_review_is_found() {
    type Change = (&'static str, fn(&mut BreakGlassReview));
    let changes: [Change; 8] = [
        ("their own", |one| one.reviewer = "officer-1".to_owned()),
        ("nobody", |one| one.reviewer = String::new()),
        ("another organisation", |one| {
            one.organisation = CAMDEN.to_owned();
        }),
        ("another view", |one| {
            one.view = "children_in_care".to_owned()
        }),
        ("no such read", |one| {
            one.read_id = records::event_id(3).to_string()
        }),
        ("words that do not belong together", |one| {
            one.outcome = "ACCEPTED".to_owned();
        }),
        ("another role", |one| {
            one.role = "housing-options-officer".to_owned()
        }),
        ("no time", |one| one.reviewed_at = None),
    ];
    let clean = glass_run();
    for (name, change) in changes {
        let mut held = clean.clone();
        held.edit::<BreakGlassReview>(&at(3), change);
        assert!(!held.audit().is_clean(), "{name}: not found");
    }
}

#[test]
fn nobody_reads_under_it_once_a_second_person_has_objected() {
    let mut held = glass_run();
    // The second read comes after the objection now.
    let reads = held
        .records
        .get_mut(&(READS.to_owned(), 0))
        .expect("the reads");
    reads.swap(2, 3);
    for (record, offset) in reads.iter_mut().zip(0..) {
        record.offset = offset;
    }
    held.edit::<BreakGlassReview>(&at(2), |review| {
        review.reviewed_at = Some(timestamp(Instant(ASKED_AT.micros() + HOUR_MICROS / 2)));
    });
    assert!(!held.audit().is_clean());
}

#[test]
fn what_nobody_reviewed_is_owed_with_its_age() {
    let (held, _) = unjudged_run();
    let report = held.audit();
    assert!(report.is_clean(), "{}", listed(&report));
    assert_eq!(report.checked(Checked::BreakGlassWaiting), 1);
    let [owed] = report.owed() else {
        panic!("one is owed: {:?}", report.owed());
    };
    assert_eq!((owed.age_hours, owed.overdue), (1, false));
    // Three days and an hour after it was begun.
    let mut late = held.clone();
    late.at(&at(2)).timestamp_ms += 3 * 24 * 3_600_000;
    let report = late.audit();
    let [owed] = report.owed() else {
        panic!("one is owed: {:?}", report.owed());
    };
    assert_eq!((owed.age_hours, owed.overdue), (73, true));
}
