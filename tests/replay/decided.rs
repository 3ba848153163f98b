//! What officers decided: each about a row that a read of the same organisation answered with.

use walbrook_auditor::Checked;
use walbrook_proto::audit::v1::{OfficerDecision, ReadRecord};
use walbrook_proto::avro::AvroRecord;
use walbrook_tests::records;

use crate::held::{Held, Spot};
use crate::reads::{READS, framed, listed, read_run, spot};

/// A run with one read, and a decision about its first row.
fn decided_run() -> Held {
    let mut held = read_run();
    let record = &held.records[&(READS.to_owned(), 0)][0];
    let (_, body) = walbrook_event::framing::unframe(record.value.as_deref()).expect("framed");
    let read = ReadRecord::decode_exact(body).expect("a read");
    let row = &read.answered[0];
    let decision = OfficerDecision {
        decision_id: records::event_id(9).to_string(),
        read_id: read.read_id.clone(),
        officer: "officer-2".to_owned(),
        organisation: read.organisation.clone(),
        role: read.role.clone(),
        purpose: read.purpose.clone(),
        view: read.view.clone(),
        person_pseudonym: row.person_pseudonym.clone(),
        row_sha256: row.row_sha256.clone(),
        decision: "CONTACT".to_owned(),
        reason: "AGREES_WITH_ROW".to_owned(),
        ..OfficerDecision::default()
    };
    held.append(READS, 0, framed(&decision), 1_791_000_001_000);
    held
}

#[test]
fn every_claim_of_a_decision() {
    type Change = (&'static str, fn(&mut OfficerDecision));
    let changes: [Change; 8] = [
        ("read", |one| one.read_id = records::event_id(8).to_string()),
        ("organisation", |one| {
            one.organisation = "GSS:E09000019".to_owned()
        }),
        ("view", |one| one.view = "children_in_care".to_owned()),
        ("purpose", |one| one.purpose = "children-in-care".to_owned()),
        ("person", |one| one.person_pseudonym[0] ^= 1),
        ("row", |one| one.row_sha256[0] ^= 1),
        ("word", |one| one.decision = "ARREST".to_owned()),
        ("officer", |one| one.officer = String::new()),
    ];
    let clean = decided_run();
    let report = clean.audit();
    assert!(report.is_clean(), "{}", listed(&report));
    assert_eq!(report.checked(Checked::OfficerDecisions), 1);
    let second = Spot {
        index: 1,
        ..spot(READS)
    };
    for (name, change) in changes {
        let mut held = clean.clone();
        held.edit::<OfficerDecision>(&second, change);
        assert!(!held.audit().is_clean(), "a changed {name} was not found");
    }
}

#[test]
fn a_decision_that_stands_before_its_read_rests_on_nothing() {
    let mut held = decided_run();
    let reads = held
        .records
        .get_mut(&(READS.to_owned(), 0))
        .expect("the reads");
    reads.swap(0, 1);
    for (record, offset) in reads.iter_mut().zip(0..) {
        record.offset = offset;
    }
    assert!(!held.audit().is_clean());
}

#[test]
fn an_explanation_with_another_hash_is_found() {
    let mut held = read_run();
    held.edit::<ReadRecord>(&spot(READS), |read| {
        read.operation = "EXPLAIN".to_owned();
        read.answered.truncate(1);
        read.answered[0].explanation_sha256 = Some(vec![7; 32]);
    });
    let report = held.audit();
    let found = report.differences().iter();
    let found: Vec<_> = found.filter(|one| one.check == "explanation").collect();
    assert_eq!(found.len(), 1, "{}", listed(&report));
}
