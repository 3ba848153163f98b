//! Reads: rows that come out the same, readers who were entitled.

use std::collections::BTreeMap;

use walbrook_auditor::{Checked, Report};
use walbrook_domain::control::{AgreementFact, ControlFact, PinFact, PinKind, ReaderRevocation};
use walbrook_domain::{Day, Instant, WorkingCalendar};
use walbrook_event::framing::{frame, unframe};
use walbrook_event::headers;
use walbrook_eventlog::{Headers, NewRecord, Record};
use walbrook_policy::PolicyState;
use walbrook_policy::state::AgreementBook;
use walbrook_proto::audit::v1::{AnsweredRow, AppliedOffset, PageAgreement, ReadRecord, ToldToo};
use walbrook_proto::avro::AvroRecord;
use walbrook_tests::records::{self, CAMDEN};
use walbrook_view::order::Order;
use walbrook_view::query::Query;
use walbrook_view::reading::{BookReading, Viewer};
use walbrook_view::wire::{SharedRecord, SharedSchema, read as read_shared};
use walbrook_view::{Asked, Input, Partition, View, page};

use crate::held::{Held, Spot};
use crate::world::{PARTITIONS, World};

pub(crate) const SHARED: &str = "shared.rough-sleeping";
pub(crate) const READS: &str = "audit.reads";

/// The first clean run after which several people have rows, read once, as a list.
pub(crate) fn read_run() -> Held {
    let view = view();
    // The same run for every test: it takes seconds to make.
    static RUN: std::sync::OnceLock<Held> = std::sync::OnceLock::new();
    let made = || {
        let read = crate::clean_runs().find_map(|world| read_of(&world, &view));
        read.expect("a run with rows")
    };
    RUN.get_or_init(made).clone()
}

/// A run with one read; `None` when there is not more than one row to read.
pub(crate) fn read_of(world: &World, view: &View) -> Option<Held> {
    let mut held = Held::of(world);
    let pin = ControlFact::Pin(PinFact {
        kind: PinKind::ViewFile,
        name: view.name.clone(),
        schema_id: 0,
        sha256: view.sha256,
        content: view.text.clone(),
    });
    held.append(
        "control.policy",
        0,
        world.city.control(&pin),
        1_790_999_999_000,
    );
    copy_agreements(&mut held);
    let record = read_record(world, &held, view)?;
    held.append(READS, 0, read(&record), 1_791_000_000_000);
    Some(held)
}

/// The agreement half, as the control plane copies it.
fn copy_agreements(held: &mut Held) {
    let copied = [
        "AgreementProposed",
        "AgreementSigned",
        "AgreementStanding",
        "PartyKey",
    ];
    let policy = held.records[&("control.policy".to_owned(), 0)].clone();
    for record in policy {
        let kind = record
            .headers
            .text(headers::TYPE)
            .expect("a type")
            .rsplit('.')
            .next()
            .expect("a name");
        let view = kind == "PinSet" && record.offset + 1 == held.end_of("control.policy", 0);
        if copied.contains(&kind) || view {
            let copy = NewRecord {
                topic: "control.agreements".into(),
                partition: Some(0),
                key: record.key,
                value: record.value,
                headers: record.headers,
                timestamp_ms: None,
            };
            held.append("control.agreements", 0, copy, record.timestamp_ms);
        }
    }
}

/// When the runs' reads are asked.
pub(crate) const ASKED_AT: Instant = Instant(1_791_000_000_000_000);

/// The view that is read.
pub(crate) fn view() -> View {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../deploy/views/rough_sleeping_risk.toml"
    ));
    walbrook_view::file::read(
        "rough_sleeping_risk",
        &text.expect("the view file"),
        &records::catalogue(),
    )
    .expect("a view")
}

fn viewer(organisation: &str) -> Viewer {
    Viewer {
        organisation: organisation.parse().expect("an organisation"),
        role: "housing-options-officer".to_owned(),
        reader: "officer-1".to_owned(),
    }
}

/// Asks as an organisation's officer does, with or without a break-glass.
pub(crate) fn asking<T>(
    held: &Held,
    view: &View,
    (organisation, glass_broken): (&str, bool),
    work: impl FnOnce(&Asked<'_>) -> T,
) -> T {
    let calls: By = |book, viewer, view, at| BookReading::new(book, viewer, view, at);
    let by = (calls, glass_broken);
    asking_by(held, view, (&viewer(organisation), by), |asked, _| {
        work(asked)
    })
}

/// How agreements are asked.
pub(crate) type By = for<'b> fn(&'b AgreementBook, &Viewer, &View, Instant) -> BookReading<'b>;

/// The same for one way of delivery.
pub(crate) fn asking_by<T>(
    held: &Held,
    view: &View,
    (viewer, (by, glass_broken)): (&Viewer, (By, bool)),
    work: impl FnOnce(&Asked<'_>, &BookReading<'_>) -> T,
) -> T {
    let mut state = PolicyState::new(records::catalogue());
    for record in &held.records[&("control.agreements".to_owned(), 0)] {
        let (_, body) = unframe(record.value.as_deref()).expect("the wire format");
        let kind = record.headers.text(headers::TYPE).expect("a type");
        let read = walbrook_event::control::read(
            kind,
            body,
            record.offset,
            Instant(record.timestamp_ms * 1_000),
        )
        .expect("a record");
        state.apply(&read).expect("a legal change");
    }
    let holidays = walbrook_schemas::bank_holidays().iter();
    let holidays = holidays.filter_map(|holiday| {
        Day::from_ymd(
            holiday.day.year,
            holiday.day.month.into(),
            holiday.day.day.into(),
        )
    });
    let calendar = WorkingCalendar::new(holidays);
    let reading = by(state.book(), viewer, view, ASKED_AT);
    let asked = Asked {
        view,
        reading: &reading,
        evaluated_at: ASKED_AT,
        case_named: false,
        glass_broken,
        disputes: None,
        calendar: &calendar,
    };
    work(&asked, &reading)
}

/// What a materialiser answers and writes, from the parts both use.
fn read_record(world: &World, held: &Held, view: &View) -> Option<ReadRecord> {
    asking(held, view, (CAMDEN, false), |asked| {
        read_of_all(world, held, asked)
    })
}

fn read_of_all(world: &World, held: &Held, asked: &Asked<'_>) -> Option<ReadRecord> {
    let (viewer, view, reading) = (viewer(CAMDEN), asked.view, asked.reading);
    let asked_at = ASKED_AT;
    let (mut rows, mut applied) = (Vec::new(), Vec::new());
    for number in 0..PARTITIONS {
        let fold = fold(held, view, number);
        for person in fold.people() {
            if let Some(row) = asked.row(&person).expect("no disagreement") {
                rows.push(row);
            }
        }
        applied.push(AppliedOffset {
            topic: world.city.topic(SHARED),
            partition: number,
            next_offset: held.end_of(SHARED, number),
        });
    }
    let page = page::cut(rows, &Order::default(), None, 500);
    let answered: Vec<AnsweredRow> = page.rows.iter().map(answer).collect();
    (answered.len() > 1).then(|| ReadRecord {
        read_id: records::event_id(1).to_string(),
        reader: viewer.reader.clone(),
        organisation: CAMDEN.to_owned(),
        role: viewer.role.clone(),
        purpose: records::PURPOSE.to_owned(),
        view: view.name.clone(),
        operation: "LIST".to_owned(),
        outcome: "ANSWERED".to_owned(),
        reason: "ENTITLED".to_owned(),
        answered,
        view_sha256: view.sha256.to_vec(),
        applied,
        agreements_next: held.end_of("control.agreements", 0),
        evaluated_at: Some(prost_types::Timestamp {
            seconds: 1_791_000_000,
            nanos: 0,
        }),
        grounds_applied_through: Some(prost_types::Timestamp {
            seconds: 1_791_000_000,
            nanos: 0,
        }),
        query: Query {
            read_at: asked_at,
            limit: 500,
            ..Query::one()
        }
        .to_string(),
        agreements: entitled(reading),
        ..ReadRecord::default()
    })
}

/// The agreements that entitle a reader, as its reads say them.
pub(crate) fn entitled(reading: &dyn walbrook_view::Reading) -> Vec<PageAgreement> {
    let entitled = reading.entitlements().into_iter();
    let said = entitled.map(|(id, version)| PageAgreement {
        agreement_id: id.to_string(),
        version: version.0,
    });
    said.collect()
}

pub(crate) fn answer(row: &walbrook_view::Row) -> AnsweredRow {
    AnsweredRow {
        person_pseudonym: row.pseudonym.as_bytes().to_vec(),
        row_sha256: row.sha256().to_vec(),
        explanation_sha256: None,
        events: row.rests_on.bytes(),
    }
}

pub(crate) fn fold(held: &Held, view: &View, number: i32) -> Partition {
    let mut state = Partition::default();
    for (_, input) in inputs(held, view, number) {
        state.apply(input, &mut Vec::new());
    }
    state
}

/// What the records of a shared partition say, by offset.
pub(crate) fn inputs(held: &Held, view: &View, number: i32) -> Vec<(i64, Input)> {
    let texts = walbrook_proto::records()
        .iter()
        .filter_map(|info| info.event);
    let schemas: BTreeMap<i32, SharedSchema> = texts
        .map(|event| {
            (
                records::schema_id(event.shared_name),
                SharedSchema::parse(event.shared_schema).expect("a shared schema"),
            )
        })
        .collect();
    let needs = view.needs().into_iter().collect();
    let records = held.records.get(&(SHARED.to_owned(), number));
    let read = |record: &Record| {
        let (id, body) = unframe(record.value.as_deref()).expect("the wire format");
        let shared = SharedRecord {
            key: record.key.as_deref().expect("a key"),
            header: &|name| record.headers.get(name),
            timestamp_ms: record.timestamp_ms,
            body,
            schema: schemas.get(&id),
        };
        let input = read_shared(&shared, &needs).expect("a shared record");
        (record.offset, input)
    };
    records.into_iter().flatten().map(read).collect()
}

fn read(record: &ReadRecord) -> NewRecord {
    framed(record)
}

/// A record of `audit.reads`.
pub(crate) fn framed<R: AvroRecord>(record: &R) -> NewRecord {
    let mut all = Headers::new();
    for (name, value) in headers::internal(R::FULL_NAME, "materialiser", Some(Instant(0)), None) {
        all.push(name, value);
    }
    let body = record.to_vec().expect("a body");
    NewRecord {
        topic: READS.into(),
        partition: Some(0),
        key: Some(CAMDEN.into()),
        value: Some(frame(records::schema_id(R::FULL_NAME), &body).into()),
        headers: all,
        timestamp_ms: None,
    }
}

pub(crate) fn listed(report: &Report) -> String {
    report
        .differences()
        .iter()
        .take(10)
        .map(|difference| format!("{difference}\n"))
        .collect()
}

pub(crate) fn spot(topic: &str) -> Spot {
    Spot {
        topic: topic.to_owned(),
        partition: 0,
        index: 0,
    }
}

#[test]
fn reads_come_out_the_same() {
    let report = read_run().audit();
    assert!(report.is_clean(), "{}", listed(&report));
    assert_eq!(report.checked(Checked::Reads), 1);
    assert!(report.checked(Checked::Rows) > 1);
}

fn told_too() -> ToldToo {
    ToldToo {
        read_id: records::event_id(2).to_string(),
        reader: "officer-2".to_owned(),
        case_reference: None,
    }
}

#[test]
fn every_reader_of_a_watch_that_tells_several() {
    let view = view();
    let found = crate::clean_runs().find_map(|world| Some((read_of(&world, &view)?, world)));
    let (mut held, world) = found.expect("a run with rows");
    held.edit::<ReadRecord>(&spot(READS), |read| {
        read.operation = "WATCH".to_owned();
        read.told_too.push(told_too());
    });
    let report = held.clone().audit();
    assert!(report.is_clean(), "{}", listed(&report));
    // The second of them had no access any more.
    let revoked = ControlFact::Agreement(AgreementFact::Reader(ReaderRevocation {
        organisation: CAMDEN.parse().expect("an organisation"),
        reader: "officer-2".to_owned(),
        revoked: true,
        by: "dpo".to_owned(),
    }));
    for topic in ["control.policy", "control.agreements"] {
        held.append(topic, 0, world.city.control(&revoked), 1_790_999_999_500);
    }
    held.edit::<ReadRecord>(&spot(READS), |read| read.agreements_next += 1);
    let report = held.audit();
    let named = |one: &walbrook_auditor::Difference| {
        one.check == "read" && one.expected.contains("names the reader's organisation")
    };
    assert!(
        report.differences().iter().any(named),
        "{}",
        listed(&report)
    );
}

#[test]
fn every_claim_of_a_read_record() {
    type Change = (&'static str, fn(&mut ReadRecord));
    let changes: [Change; 20] = [
        ("organisation without agreement", |read| {
            read.organisation = "ODS:RRV".to_owned()
        }),
        ("another borough", |read| {
            read.organisation = "GSS:E09000019".to_owned()
        }),
        ("role", |read| read.role = "outreach-worker".to_owned()),
        ("purpose", |read| {
            read.purpose = "children-in-care".to_owned()
        }),
        ("view", |read| read.view = "children_in_care".to_owned()),
        ("view file", |read| read.view_sha256[0] ^= 1),
        ("row", |read| read.answered[0].row_sha256[31] ^= 1),
        ("person", |read| read.answered[0].person_pseudonym[0] ^= 1),
        ("outcome", |read| read.outcome = "REFUSED".to_owned()),
        ("instant", |read| {
            read.evaluated_at = Some(prost_types::Timestamp {
                seconds: 1_600_000_000,
                nanos: 0,
            })
        }),
        ("applied", |read| {
            read.applied
                .iter_mut()
                .for_each(|applied| applied.next_offset = 0)
        }),
        ("agreements", |read| read.agreements_next = 0),
        ("entitled by", |read| read.agreements[0].version += 1),
        ("row left out", |read| {
            read.answered.pop();
        }),
        ("order of rows", |read| read.answered.reverse()),
        ("limit", |read| {
            read.query = read.query.replace("limit=500", "limit=1")
        }),
        ("condition", |read| {
            read.query = read.query.replace("where=-", "where=band%20%3D%20%22NO%22")
        }),
        ("time of the question", |read| {
            read.query = read.query.replace("read_at=20", "read_at=19")
        }),
        ("operation", |read| read.operation = "BROWSE".to_owned()),
        ("number of readers", |read| read.told_too.push(told_too())),
    ];
    let clean = read_run();
    for (name, change) in changes {
        let mut held = clean.clone();
        held.edit::<ReadRecord>(&spot(READS), change);
        assert!(!held.audit().is_clean(), "a changed {name} was not found");
    }
}
