//! One event: what stands on the log for it, and why it may be refused.

use std::sync::Arc;

use proptest::prelude::*;
use walbrook_agency::Limits;
use walbrook_event::framing::unframe;
use walbrook_event::seal::{SealError, Sealed};
use walbrook_event::{RawEnvelope, Seal};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::common::v1::{Date, Organisation};
use walbrook_proto::housing::v1::RentArrearsChanged;

use crate::house::{
    CAMDEN, House, body, demographics, event, head, id, publish, subject, violations,
};

#[tokio::test]
async fn a_receipt_names_where_the_event_stands() {
    let house = House::open().await;
    let mut sent = event(1, "P-1");
    head(&mut sent).supersedes_event_id = Some(id(9));
    head(&mut sent).organisation = Some(Organisation {
        scheme: "GSS".into(),
        code: "E09000007".into(),
    });
    let receipt = publish(&mut house.client(), sent.clone())
        .await
        .expect("receipt");

    let records = house.log.records();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(receipt.event_id, id(1));
    assert_eq!(
        receipt.receipt_id,
        format!("raw.example/{}/{}", record.at.partition, record.offset)
    );
    assert!(receipt.accepted_at.is_some() && receipt.queries.is_empty());

    assert_eq!(
        record.key.as_deref(),
        Some([1; 16].as_slice()),
        "the handle, 16 raw bytes"
    );
    let envelope = RawEnvelope::read(|name| record.headers.get(name)).expect("headers");
    assert_eq!(envelope.organisation.to_string(), CAMDEN);
    assert_eq!(envelope.event_type.as_str(), "housing.RentArrearsChanged");
    assert_eq!(envelope.id.to_string(), id(1));
    assert_eq!(envelope.supersedes.expect("supersedes").to_string(), id(9));
    assert_eq!(
        envelope.occurred_at.rfc3339(),
        "2026-04-06T23:00:00.000000Z",
        "midnight in London"
    );
    assert_eq!(envelope.precision.as_str(), "day");
    assert_eq!(envelope.key_id, "plain");
    assert_eq!(
        envelope.data_schema,
        "t.raw.example-walbrook.housing.v1.RentArrearsChanged/42"
    );
    assert!(envelope.queries.is_empty());
    assert_eq!(envelope.trace_parent, None, "spans are not exported here");

    let (schema_id, avro) = unframe(record.value.as_deref()).expect("frame");
    assert_eq!(schema_id, 42);
    assert_eq!(
        &RentArrearsChanged::decode_exact(avro).expect("avro"),
        body(&mut sent)
    );
    assert_eq!(
        house.count(
            "walbrook_gateway_events_appended_total{event_type=\"housing.RentArrearsChanged\"}"
        ),
        1
    );
}

#[tokio::test]
async fn nothing_of_a_person_reaches_the_log_but_the_handle() {
    let house = House::open().await;
    publish(&mut house.client(), event(1, "LOCAL-77"))
        .await
        .expect("receipt");
    let records = format!("{:?}", house.log.records());
    let told = demographics();
    let known = [
        told.given_name,
        told.family_name,
        told.postcode,
        "9990000018".into(),
        "LOCAL-77".into(),
        "1987".into(),
    ];
    for text in known {
        let as_bytes = text
            .as_bytes()
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        assert!(
            !records.contains(&text) && !records.contains(&as_bytes),
            "{text} stands on the log"
        );
    }
}

#[tokio::test]
async fn everything_wrong_is_told_at_once_and_nobody_is_asked() {
    let house = House::open().await;
    let mut sent = event(1, "P 1");
    head(&mut sent).event_id = "not-a-uuid".into();
    head(&mut sent).when = Some(When::OccurredOn(Date {
        year: 2026,
        month: 2,
        day: 30,
    }));
    subject(&mut sent).scheme = "PASSPORT".into();
    subject(&mut sent)
        .demographics
        .as_mut()
        .expect("told")
        .birth_date = Some(Date {
        year: 1987,
        month: 13,
        day: 1,
    });
    body(&mut sent).landlord_type = "KING".into();
    body(&mut sent).tenancy_ref = "the flat over the bakery".into();
    let refused = publish(&mut house.client(), sent)
        .await
        .expect_err("refused");

    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    let found = violations(&refused);
    for (field, rule) in [
        ("head.event_id", "EVENT_ID_NOT_A_UUID"),
        ("head.occurred_on", "OCCURRED_IMPOSSIBLE"),
        ("head.subject.scheme", "SUBJECT_SCHEME_UNKNOWN"),
        ("head.subject.local_id", "LOCAL_ID_FORM"),
        (
            "head.subject.demographics.birth_date",
            "BIRTH_DATE_IMPOSSIBLE",
        ),
        ("rent_arrears_changed.landlord_type", "CODE_NOT_IN_LIST"),
        ("rent_arrears_changed.tenancy_ref", "NOT_A_REFERENCE"),
    ] {
        assert!(
            found.contains(&(field.into(), rule.into())),
            "{field} {rule} in {found:?}"
        );
    }
    assert_eq!(found.len(), 7);
    let said = format!("{refused:?}");
    for value in ["bakery", "Quillfeather", "KING", "PASSPORT"] {
        assert!(!said.contains(value), "{value} is repeated");
    }
    assert!(
        house.journal.lock().is_empty(),
        "neither identity nor the log heard of it"
    );
    assert_eq!(
        house.count("walbrook_gateway_events_refused_total{rule=\"CODE_NOT_IN_LIST\"}"),
        1
    );
}

#[tokio::test]
async fn a_subject_a_body_and_a_time_are_needed() {
    let house = House::open().await;
    let mut client = house.client();
    let mut sent = event(1, "P-1");
    head(&mut sent).subject = None;
    head(&mut sent).when = None;
    let found = violations(&publish(&mut client, sent).await.expect_err("refused"));
    let expected = [
        ("head.occurred_at", "OCCURRED_MISSING"),
        ("head.subject", "SUBJECT_MISSING"),
    ];
    assert_eq!(
        found,
        expected.map(|(field, rule)| (field.to_owned(), rule.to_owned()))
    );

    let mut sent = event(1, "P-1");
    sent.body = None;
    let found = violations(&publish(&mut client, sent).await.expect_err("refused"));
    assert_eq!(found, [("body".to_owned(), "BODY_MISSING".to_owned())]);

    let empty = client
        .publish(walbrook_proto::housing::v1::PublishRequest { event: None })
        .await;
    assert_eq!(
        violations(&empty.expect_err("refused")),
        [("event".to_owned(), "BODY_MISSING".to_owned())]
    );
}

#[tokio::test]
async fn a_time_may_be_a_little_ahead_and_no_more() {
    let house = House::open().await;
    let mut client = house.client();
    let at = |ahead_s: i64| {
        let mut sent = event(1, "P-1");
        let now_s = crate::house::now().micros() / 1_000_000;
        head(&mut sent).when = Some(When::OccurredAt(prost_types::Timestamp {
            seconds: now_s + ahead_s,
            nanos: 123_456_789,
        }));
        sent
    };
    publish(&mut client, at(60))
        .await
        .expect("a clock may run a minute ahead");
    let found = violations(&publish(&mut client, at(3600)).await.expect_err("refused"));
    assert_eq!(found[0].1, "OCCURRED_IN_FUTURE");
    let mut odd = at(0);
    head(&mut odd).when = Some(When::OccurredAt(prost_types::Timestamp {
        seconds: 0,
        nanos: 2_000_000_000,
    }));
    assert_eq!(
        violations(&publish(&mut client, odd).await.expect_err("refused"))[0].1,
        "OCCURRED_IMPOSSIBLE"
    );
    let record = &house.log.records()[0];
    assert_eq!(record.headers.text("wb_precision"), Some("instant"));
    assert!(
        record
            .headers
            .text("ce_time")
            .expect("time")
            .ends_with(".123456Z"),
        "kept to the microsecond"
    );
}

#[tokio::test]
async fn a_query_rule_is_kept_with_the_event() {
    let house = House::open().await;
    let mut sent = event(1, "P-1");
    subject(&mut sent)
        .demographics
        .as_mut()
        .expect("told")
        .nhs_number = Some("999 000 0019".into());
    body(&mut sent).owed_weeks = Some(501);
    let receipt = publish(&mut house.client(), sent)
        .await
        .expect("accepted all the same");

    let told: Vec<_> = receipt
        .queries
        .iter()
        .map(|note| (note.rule_id.as_str(), note.field.as_str()))
        .collect();
    let expected = [
        (
            "NHS_NUMBER_CHECK_DIGIT",
            "head.subject.demographics.nhs_number",
        ),
        ("TOO_MANY_WEEKS", "rent_arrears_changed.owed_weeks"),
    ];
    assert_eq!(told, expected);
    let record = &house.log.records()[0];
    assert_eq!(
        record.headers.text("wb_queries"),
        Some("NHS_NUMBER_CHECK_DIGIT,TOO_MANY_WEEKS")
    );
    let asked = house.people.asked.lock();
    assert_eq!(
        asked[0].demographics.as_ref().expect("told").nhs_number,
        "",
        "a bad number links nobody"
    );
}

/// Trap 16 of the domain reference, at the door: identity gets one text, or none.
#[tokio::test]
async fn trap_16_a_uprn_goes_to_identity_without_zeros_and_a_cut_one_not_at_all() {
    let house = House::open().await;
    let cases = [
        ("000100023336956.0", "100023336956", false),
        ("1.00023E+11", "", true),
    ];
    for (number, (given, kept, queried)) in (1..).zip(cases) {
        let mut sent = event(number, &format!("P-{number}"));
        let told = subject(&mut sent).demographics.as_mut().expect("told");
        told.uprn = Some(given.into());
        let receipt = publish(&mut house.client(), sent).await.expect("accepted");
        let rules: Vec<_> = receipt
            .queries
            .iter()
            .map(|note| note.rule_id.as_str())
            .collect();
        assert_eq!(rules == ["UPRN_FORM"], queried, "{rules:?}");
        let asked = house.people.asked.lock();
        let last = asked.last().expect("asked").demographics.as_ref();
        assert_eq!(last.expect("told").uprn, kept);
    }
}

/// Turns every byte of the body and names its key after the subject: no cipher, but what it does can be seen.
struct Turned;

impl Seal for Turned {
    fn seal(&self, subject: &[u8], body: Vec<u8>) -> Result<Sealed, SealError> {
        let key_id = format!("turned-{}", subject.len());
        Ok(Sealed {
            body: body.into_iter().map(|byte| !byte).collect(),
            key_id,
        })
    }

    fn open(&self, _: &[u8], _: &str, body: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(body.iter().map(|byte| !byte).collect())
    }
}

#[tokio::test]
async fn bodies_go_through_the_seal_with_their_handle() {
    let house = House::with(Limits::default(), Arc::new(Turned)).await;
    let mut sent = event(1, "P-1");
    publish(&mut house.client(), sent.clone())
        .await
        .expect("receipt");
    let record = &house.log.records()[0];
    assert_eq!(record.headers.text("wb_key"), Some("turned-16"));
    let (_, sealed) = unframe(record.value.as_deref()).expect("frame");
    let opened = Turned.open(&[], "", sealed).expect("opened");
    assert_eq!(
        &RentArrearsChanged::decode_exact(&opened).expect("avro"),
        body(&mut sent)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever a head says, it is answered: with a receipt or with reasons, never by a fault of ours.
    #[test]
    fn any_text_in_a_head_is_answered(
        event_id in ".{0,40}", scheme in ".{0,12}", local_id in ".{0,70}", name in ".{0,30}",
        year in -10_i32..3000, month in -1_i32..14, day in -1_i32..33, nhs in "[0-9 ]{0,12}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let house = House::open().await;
            let mut sent = event(1, &local_id);
            head(&mut sent).event_id = event_id;
            head(&mut sent).when = Some(When::OccurredOn(Date { year, month, day }));
            subject(&mut sent).scheme = scheme;
            let told = subject(&mut sent).demographics.as_mut().expect("told");
            told.given_name = name;
            told.nhs_number = Some(nhs);
            if let Err(refused) = publish(&mut house.client(), sent).await {
                prop_assert_eq!(refused.code(), tonic::Code::InvalidArgument);
                prop_assert!(!violations(&refused).is_empty());
                prop_assert!(house.journal.lock().is_empty());
            }
            Ok(())
        })?;
    }
}
