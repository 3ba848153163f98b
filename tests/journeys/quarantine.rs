//! What no gateway would write, on a raw topic all the same: it is quarantined by its coordinates, and the loop goes on.

use crate::river;
use bytes::Bytes;
use walbrook_event::framing::{frame, unframe};
use walbrook_event::headers;
use walbrook_eventlog::{Header, Headers, NewRecord, Record, TopicPartition};
use walbrook_proto::audit::v1::Quarantined;
use walbrook_proto::avro::AvroRecord;
use walbrook_tests::acts::contact;
use walbrook_tests::backbone::{Backbone, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};

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
    set(&mut copy.headers, headers::ID, &event_id());
    copy
}

fn set(of: &mut Headers, name: &str, value: &str) {
    of.0.retain(|header| &*header.name != name);
    of.0.push(Header {
        name: name.into(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    });
}

/// What the quarantine says of a record.
async fn rule(backbone: &Backbone, at: &(TopicPartition, i64)) -> Quarantined {
    backbone
        .until("the quarantine", || async {
            for record in backbone.records("quarantine.housing") {
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
            &|record| {
                record
                    .headers
                    .0
                    .retain(|header| &*header.name != headers::TYPE)
            },
            "missing-header",
        );
        case(
            &|record| set(&mut record.headers, headers::ORGANISATION, "nobody"),
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
