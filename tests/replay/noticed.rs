//! Notices: derived again from what fell and who was shown it. Every lie is found, what is missing too.

use walbrook_auditor::Checked;
use walbrook_domain::{EventId, Instant, Pseudonym};
use walbrook_proto::audit::v1::{
    AppliedOffset, Notice, NoticeAcknowledgement, NoticeDelivery, NoticesComplete, ReadRecord,
};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_tests::records::{self, CAMDEN};
use walbrook_view::notice::{self, Cause, Fallen, To};
use walbrook_view::query::Query;
use walbrook_view::{Input, Partition, Row, View};

use crate::held::{Held, Spot};
use crate::reads::{
    ASKED_AT, READS, SHARED, answer, asking, entitled, framed, inputs, listed, read_of, spot, view,
};
use crate::world::PARTITIONS;

pub(crate) const NOTICES: &str = "audit.notices";
const SECOND: i64 = 1_000;
const AT_MS: i64 = 1_791_000_000_000;

/// Something that fell of a row: where, of whom, and the row as it was before.
struct Fell {
    partition: i32,
    offset: i64,
    person: Pseudonym,
    row: Row,
    reason: Box<str>,
    events: Vec<EventId>,
}

/// The first retraction that took for good what Camden's officer could have been shown.
fn fell(held: &Held, view: &View) -> Option<Fell> {
    let of_partition = |partition: i32| {
        let inputs = inputs(held, view, partition);
        let mut end = Partition::default();
        for (_, input) in inputs.iter().cloned() {
            end.apply(input, &mut Vec::new());
        }
        let mut state = Partition::default();
        inputs.into_iter().find_map(|(offset, input)| {
            let before = matches!(input, Input::Retraction(_)).then(|| state.clone());
            let removed = state.apply(input, &mut Vec::new())?;
            let before = before.expect("only a retraction takes");
            Fallen::of(&removed)
                .into_iter()
                .find_map(|(person, fallen)| {
                    let row = asking(held, view, (CAMDEN, false), |asked| {
                        asked
                            .row(&before.person(&person)?)
                            .expect("no disagreement")
                    })?;
                    let stood = end.person(&person);
                    let under = asking(held, view, (CAMDEN, false), |asked| {
                        let entitled = asked.reading.entitlements().into_iter();
                        entitled.map(|(agreement, _)| agreement).collect()
                    });
                    let gone = fallen.touched(&row.rests_on.bytes(), &under, |event, _| {
                        let mut all = stood.iter().flat_map(|person| person.contributions());
                        all.any(|one| one.key.event == event)
                    });
                    (!gone.is_empty()).then_some(Fell {
                        partition,
                        offset,
                        person,
                        row,
                        reason: fallen.reason,
                        events: gone,
                    })
                })
        })
    };
    (0..PARTITIONS).find_map(of_partition)
}

fn timestamp(at: Instant) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: at.micros() / 1_000_000,
        nanos: 0,
    })
}

/// The read that showed the row just before.
fn read(held: &Held, view: &View, fell: &Fell) -> ReadRecord {
    asking(held, view, (CAMDEN, false), |asked| ReadRecord {
        read_id: records::event_id(2).to_string(),
        reader: "officer-1".to_owned(),
        organisation: CAMDEN.to_owned(),
        role: "housing-options-officer".to_owned(),
        purpose: records::PURPOSE.to_owned(),
        view: view.name.clone(),
        operation: "GET".to_owned(),
        outcome: "ANSWERED".to_owned(),
        reason: "ENTITLED".to_owned(),
        asked: vec![fell.person.as_bytes().to_vec()],
        answered: vec![answer(&fell.row)],
        view_sha256: view.sha256.to_vec(),
        applied: vec![AppliedOffset {
            topic: SHARED.to_owned(),
            partition: fell.partition,
            next_offset: fell.offset,
        }],
        agreements_next: held.end_of("control.agreements", 0),
        evaluated_at: timestamp(ASKED_AT),
        grounds_applied_through: timestamp(ASKED_AT),
        query: Query {
            read_at: ASKED_AT,
            ..Query::one()
        }
        .to_string(),
        agreements: entitled(asked.reading),
        ..ReadRecord::default()
    })
}

fn notice_of(view: &View, fell: &Fell, read: &ReadRecord) -> Notice {
    let to = To {
        view: view.name.clone(),
        organisation: CAMDEN.to_owned(),
        role: read.role.clone(),
    };
    let at = (SHARED, fell.partition, fell.offset);
    let due = notice::due_on(ASKED_AT, view.acknowledge_within_days);
    Notice {
        notice_id: notice::id(at, &to, &fell.person).to_string(),
        organisation: to.organisation,
        role: to.role,
        purpose: records::PURPOSE.to_owned(),
        view: to.view,
        view_sha256: view.sha256.to_vec(),
        person_pseudonym: fell.person.as_bytes().to_vec(),
        cause: Cause::of(&fell.reason).word().to_owned(),
        cause_topic: SHARED.to_owned(),
        cause_partition: fell.partition,
        cause_offset: fell.offset,
        event_ids: fell.events.iter().map(ToString::to_string).collect(),
        read_ids: vec![read.read_id.clone()],
        noticed_at: timestamp(ASKED_AT),
        due_on: Date::from_days(due.0),
    }
}

fn shelve<R: AvroRecord>(held: &mut Held, record: &R, number: i64) {
    held.append(NOTICES, 0, framed(record), AT_MS + number * SECOND);
}

/// A run in which something was shown, fell, and was told, with everything on record: the notice, its statement, its telling and what was done.
pub(crate) fn noticed_run() -> Held {
    static RUN: std::sync::OnceLock<Held> = std::sync::OnceLock::new();
    let made = || {
        let view = view();
        let mut runs = crate::clean_runs().filter_map(|world| read_of(&world, &view));
        let found = runs.find_map(|held| fell(&held, &view).map(|fell| (held, fell)));
        let (mut held, fell) = found.expect("a run in which something fell");
        let read = read(&held, &view, &fell);
        held.append(READS, 0, framed(&read), AT_MS + SECOND);
        let notice = notice_of(&view, &fell, &read);
        shelve(&mut held, &notice, 2);
        let applied = (0..PARTITIONS).map(|partition| AppliedOffset {
            topic: SHARED.to_owned(),
            partition,
            next_offset: held.end_of(SHARED, partition),
        });
        let complete = NoticesComplete {
            purpose: records::PURPOSE.to_owned(),
            applied: applied.collect(),
            reads_next: held.end_of(READS, 0),
            recorded_at: timestamp(ASKED_AT),
        };
        shelve(&mut held, &complete, 3);
        let delivery = NoticeDelivery {
            delivery_id: records::event_id(3).to_string(),
            reader: "officer-1".to_owned(),
            organisation: CAMDEN.to_owned(),
            role: notice.role.clone(),
            operation: "LIST".to_owned(),
            notice_ids: vec![notice.notice_id.clone()],
            notices_next: 2,
            delivered_at: timestamp(ASKED_AT),
        };
        shelve(&mut held, &delivery, 4);
        let said = NoticeAcknowledgement {
            notice_id: notice.notice_id,
            officer: "officer-2".to_owned(),
            organisation: CAMDEN.to_owned(),
            role: notice.role,
            action: "RECORD_CORRECTED".to_owned(),
            case_reference: None,
            acknowledged_at: timestamp(ASKED_AT),
        };
        shelve(&mut held, &said, 5);
        held
    };
    RUN.get_or_init(made).clone()
}

fn at(index: usize) -> Spot {
    Spot {
        index,
        ..spot(NOTICES)
    }
}

fn finds(name: &str, held: &Held) {
    assert!(!held.audit().is_clean(), "not found: {name}");
}

#[test]
fn what_fell_was_told_and_every_claim_of_it_is_checked() {
    let clean = noticed_run();
    let report = clean.audit();
    assert!(report.is_clean(), "{}", listed(&report));
    assert_eq!(report.checked(Checked::Notices), 4);
    type Change = (&'static str, fn(&mut Notice));
    let changes: [Change; 11] = [
        ("id", |one| one.notice_id = records::event_id(8).to_string()),
        ("organisation", |one| {
            one.organisation = "GSS:E09000019".to_owned()
        }),
        ("role", |one| one.role = "supervisor".to_owned()),
        ("view", |one| one.view = "children_in_care".to_owned()),
        ("purpose", |one| one.purpose = "children-in-care".to_owned()),
        ("person", |one| one.person_pseudonym[0] ^= 1),
        ("cause", |one| one.cause = "ERASED_ALL".to_owned()),
        ("place of the cause", |one| one.cause_offset += 1),
        ("events", |one| {
            one.event_ids = vec![records::event_id(8).to_string()]
        }),
        ("reads", |one| {
            // The list was made from everything: what fell had gone by then.
            one.read_ids = vec![records::event_id(1).to_string()]
        }),
        ("day", |one| one.due_on = Date::new(2099, 1, 1)),
    ];
    for (name, change) in changes {
        let mut held = clean.clone();
        held.edit::<Notice>(&at(0), change);
        finds(name, &held);
    }
}

#[test]
fn a_notice_that_is_missing_is_found_once_it_is_stated_that_none_is() {
    let mut held = noticed_run();
    for _ in 0..4 {
        held.remove(&at(0));
    }
    let report = held.audit();
    assert!(report.is_clean(), "{}", listed(&report));
    assert_eq!(
        report.checked(Checked::NoticesOwed),
        1,
        "it is not late yet"
    );
    let mut held = noticed_run();
    held.remove(&at(3));
    held.remove(&at(2));
    held.remove(&at(0));
    let report = held.audit();
    let found: Vec<_> = report.differences().iter().collect();
    assert_eq!(found.len(), 1, "{}", listed(&report));
    assert!(
        found[0].expected.starts_with("a notice to whom"),
        "{}",
        found[0]
    );
}

#[test]
fn lies_about_what_was_shown_told_stated_or_done_are_found() {
    let clean = noticed_run();
    let mut held = clean.clone();
    let second = Spot {
        index: 1,
        ..spot(READS)
    };
    held.edit::<ReadRecord>(&second, |read| read.answered[0].events.truncate(0));
    finds("a read that leaves out what its row rested on", &held);
    let mut held = clean.clone();
    held.edit::<NoticesComplete>(&at(1), |said| said.applied[0].next_offset += 1_000);
    finds("a statement about what does not exist", &held);
    type Told = (&'static str, fn(&mut NoticeDelivery));
    let told: [Told; 3] = [
        ("a telling to others", |one| {
            one.organisation = "GSS:E09000019".to_owned()
        }),
        ("a telling in another role", |one| {
            one.role = "supervisor".to_owned()
        }),
        ("a telling of what is not", |one| {
            one.notice_ids.push(records::event_id(8).to_string())
        }),
    ];
    for (name, change) in told {
        let mut held = clean.clone();
        held.edit::<NoticeDelivery>(&at(2), change);
        finds(name, &held);
    }
    type Said = (&'static str, fn(&mut NoticeAcknowledgement));
    let said: [Said; 4] = [
        ("another's acknowledgement", |one| {
            one.organisation = "GSS:E09000019".to_owned()
        }),
        ("an unknown word", |one| one.action = "SHRUGGED".to_owned()),
        ("nobody's acknowledgement", |one| {
            one.officer = String::new()
        }),
        ("an acknowledgement of nothing", |one| {
            one.notice_id = records::event_id(8).to_string()
        }),
    ];
    for (name, change) in said {
        let mut held = clean.clone();
        held.edit::<NoticeAcknowledgement>(&at(3), change);
        finds(name, &held);
    }
}
