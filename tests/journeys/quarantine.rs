//! What no gateway would write, on a raw topic all the same: it is quarantined by its coordinates, the loop goes on, and its owner puts it right.

use crate::river;
use bytes::Bytes;
use tonic::Code;
use walbrook_event::framing::{frame, unframe};
use walbrook_event::headers;
use walbrook_eventlog::{NewRecord, Record, TopicPartition};
use walbrook_proto::audit::v1::Quarantined;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Receipt;
use walbrook_proto::quarantine::v1::quarantine_client::QuarantineClient;
use walbrook_proto::quarantine::v1::{
    GetQuarantinedRequest, ListQuarantinedRequest, QuarantinedEvent, ResubmittedRequest,
};
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_tests::acts::{CONTACT, contact};
use walbrook_tests::backbone::{Backbone, Connection, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, event_id};

/// A copy of a record as it came from a gateway, under another event id.
fn like(record: &Record) -> NewRecord {
    let mut copy = NewRecord {
        topic: "raw.housing".into(),
        partition: Some(record.at.partition),
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
        timestamp_ms: None,
    };
    copy.headers.set(headers::ID, event_id());
    copy
}

/// What the quarantine says of a record.
async fn rule(backbone: &Backbone, at: &(TopicPartition, i64)) -> Quarantined {
    backbone
        .until("the quarantine", || async {
            for record in backbone.records("quarantine.housing") {
                if record.headers.text(headers::TYPE) != Some(Quarantined::FULL_NAME) {
                    continue;
                }
                let (_, body) = unframe(record.value.as_deref()).expect("framed");
                let found = Quarantined::decode_exact(body).expect("a quarantine record");
                if (found.partition, found.offset) == (at.0.partition, at.1) {
                    return Ok(found);
                }
            }
            Err(format!("nothing about {}@{}", at.0, at.1))
        })
        .await
}

#[test]
fn an_unreadable_record_is_quarantined_with_its_rule_never_its_content_and_the_loop_goes_on() {
    journey(async {
        let backbone = river().await;
        let person = Person::number(601);
        let id = event_id();
        backbone
            .publish(CAMDEN, contact(&id, &person, 6))
            .await
            .expect("a receipt");
        backbone.await_contacts(CAMDEN, &person, 1).await;
        let records = backbone.records("raw.housing");
        let good = records
            .iter()
            .find(|record| record.headers.text(headers::ID) == Some(&id))
            .expect("on the log");
        let (schema, body) = unframe(good.value.as_deref()).expect("framed");

        let mut cases: Vec<(NewRecord, &str)> = Vec::new();
        let mut case = |change: &dyn Fn(&mut NewRecord), rule: &'static str| {
            let mut record = like(good);
            change(&mut record);
            cases.push((record, rule));
        };
        case(
            &|record| record.value = Some(Bytes::from_static(b"\x07not framed")),
            "bad-framing",
        );
        case(&|record| record.value = None, "bad-framing");
        case(
            &|record| record.value = Some(frame(1_999_999_999, body).into()),
            "unknown-schema",
        );
        case(
            &|record| record.value = Some(frame(schema, &body[..body.len() - 3]).into()),
            "truncated-avro",
        );
        case(
            &|record| record.headers.retain(|header| header.name != headers::TYPE),
            "missing-header",
        );
        case(
            &|record| record.headers.set(headers::ORGANISATION, "nobody"),
            "bad-header",
        );
        case(
            &|record| record.key = Some(Bytes::from_static(b"short")),
            "bad-key",
        );
        for (record, expected) in cases {
            let length = record.value.as_ref().map_or(0, Bytes::len);
            let at = backbone.append(record).await;
            let found = rule(&backbone, &at).await;
            assert_eq!(found.rule_id, expected, "{found:?}");
            assert_eq!(found.value_length, i64::try_from(length).expect("short"));
        }
        let said = format!("{:?}", backbone.records("quarantine.housing"));
        assert!(
            !said.contains("not framed"),
            "the quarantine repeats what it holds back"
        );

        backbone
            .publish(CAMDEN, contact(&event_id(), &person, 3))
            .await
            .expect("a receipt");
        backbone.await_contacts(CAMDEN, &person, 2).await;
        let report = backbone.assert_audit_is_clean();
        assert!(report.checked(walbrook_auditor::Checked::Quarantined) >= 7);
    });
}

/// The quarantine as an organisation's own system asks for it.
fn quarantine(backbone: &Backbone, organisation: &str) -> QuarantineClient<Connection> {
    let caller = TokenRequest::new(organisation, "housing-system", role::PRODUCER);
    QuarantineClient::new(backbone.connect("broker", caller))
}

async fn listed(backbone: &Backbone, organisation: &str) -> Vec<QuarantinedEvent> {
    let request = ListQuarantinedRequest {
        agency: Some("housing".into()),
        page_size: 1_000,
        ..ListQuarantinedRequest::default()
    };
    let listed = quarantine(backbone, organisation).list(request).await;
    listed.expect("a list").into_inner().events
}

/// Waits until the owner's list has the record at these coordinates.
async fn await_listed(backbone: &Backbone, at: &(TopicPartition, i64)) -> QuarantinedEvent {
    let id = format!("raw.housing/{}/{}", at.0.partition, at.1);
    backbone
        .until("the owner's list", || async {
            let found = listed(backbone, CAMDEN).await;
            let found = found.into_iter().find(|one| one.id == id);
            found.ok_or_else(|| format!("{id} is not on it"))
        })
        .await
}

fn said(id: &str, receipt: &Receipt) -> ResubmittedRequest {
    ResubmittedRequest {
        id: id.into(),
        receipt_id: receipt.receipt_id.clone(),
        event_id: receipt.event_id.clone(),
    }
}

#[test]
fn its_owner_sees_a_quarantined_record_and_sends_it_again_under_its_id_and_nobody_else_does() {
    journey(async {
        let backbone = river().await;
        let person = Person::number(605);
        let first = event_id();
        let sent = backbone.publish(CAMDEN, contact(&first, &person, 9)).await;
        let earlier = sent.expect("a receipt");
        backbone.await_contacts(CAMDEN, &person, 1).await;
        let records = backbone.records("raw.housing");
        let good = records
            .iter()
            .find(|record| record.headers.text(headers::ID) == Some(&first))
            .expect("on the log");
        // One whose frame is garbage, and one that reads up to its body: only the latter could ever have been taken for an event.
        let (_, body) = unframe(good.value.as_deref()).expect("framed");
        let mut garbage = like(good);
        garbage.value = Some(Bytes::from_static(b"\x07not framed"));
        let mut cut = like(good);
        let (schema, _) = unframe(good.value.as_deref()).expect("framed");
        cut.value = Some(frame(schema, &body[..body.len() - 3]).into());
        for (record, contacts) in [(garbage, 2), (cut, 3)] {
            let id = record.headers.text(headers::ID).expect("an id").to_owned();
            let at = backbone.append(record).await;
            let found = await_listed(&backbone, &at).await;
            assert_eq!(found.event_id.as_deref(), Some(id.as_str()));
            assert_eq!(found.event_type.as_deref(), Some(CONTACT));
            assert!(!found.sentence.is_empty() && !found.fix.is_empty() && !found.ask.is_empty());
            assert_eq!(found.corrected, None);

            // Nobody else sees it, by list or by name.
            assert!(
                listed(&backbone, ISLINGTON)
                    .await
                    .iter()
                    .all(|one| one.id != found.id)
            );
            let request = GetQuarantinedRequest {
                id: found.id.clone(),
            };
            let asked = quarantine(&backbone, ISLINGTON).get(request).await;
            assert_eq!(asked.expect_err("not theirs").code(), Code::NotFound);

            // Only the same event, later on the log, is a correction of it.
            let mut owner = quarantine(&backbone, CAMDEN);
            let other = owner.resubmitted(said(&found.id, &earlier)).await;
            assert_eq!(
                other.expect_err("another event").code(),
                Code::FailedPrecondition
            );

            let sent = backbone
                .publish(CAMDEN, contact(&id, &person, contacts))
                .await;
            let receipt = sent.expect("a receipt");
            let stolen = quarantine(&backbone, ISLINGTON)
                .resubmitted(said(&found.id, &receipt))
                .await;
            assert_eq!(stolen.expect_err("not theirs").code(), Code::NotFound);
            let answer = owner.resubmitted(said(&found.id, &receipt)).await;
            let corrected = answer
                .expect("believed")
                .into_inner()
                .corrected
                .expect("corrected");
            assert_eq!(
                (corrected.id, corrected.event_id),
                (receipt.receipt_id.clone(), id)
            );
            assert_eq!(corrected.by, "housing-system");
            let again = owner.resubmitted(said(&found.id, &receipt)).await;
            assert!(
                again
                    .expect("said twice is said once")
                    .into_inner()
                    .corrected
                    .is_some()
            );

            // It is released, and listed as sent again.
            backbone
                .await_contacts(CAMDEN, &person, i64::from(contacts))
                .await;
            let now = await_listed(&backbone, &at).await;
            assert!(now.corrected.is_some());
        }
        let report = backbone.assert_audit_is_clean();
        assert!(report.checked(walbrook_auditor::Checked::Resubmissions) >= 2);
    });
}
