//! What is outside an organisation's publication schedule goes nowhere: no link, no record, and a text that says what to do.

use tokio_stream::StreamExt;
use tonic::Code;
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_proto::housing::v1::PublishFrame;
use walbrook_runtime::callers::{TokenRequest, role};

use crate::house::{CAMDEN, EVENT, House, event, publish, reason, schedule, violations};

const ISLINGTON: &str = "GSS:E09000019";

#[tokio::test]
async fn without_a_schedule_nothing_is_taken() {
    let house = House::open().await;
    let caller = TokenRequest::new(ISLINGTON, "housing-system", role::PRODUCER).events(&["*"]);
    let mut client = house.client_with(caller);
    let refused = publish(&mut client, event(1, "P-1"))
        .await
        .expect_err("refused");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "NOT_IN_PUBLICATION_SCHEDULE")
    );
    assert_eq!(
        violations(&refused),
        [("body".to_owned(), "not-in-publication-schedule".to_owned())]
    );
    let said = refused.message();
    for part in [ISLINGTON, EVENT, "walbrook schedule publish"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(
        house.journal.lock().is_empty() && house.people.asked.lock().is_empty(),
        "no link and no record"
    );
    assert_eq!(
        house.count("walbrook_gateway_events_refused_total{rule=\"not-in-publication-schedule\"}"),
        1
    );

    assert!(house.schedules.take(&schedule(ISLINGTON, 1, &[EVENT])));
    publish(&mut client, event(1, "P-1"))
        .await
        .expect("taken now, without a restart");
}

#[tokio::test]
async fn a_narrower_version_closes_an_open_stream_to_what_it_no_longer_names() {
    let house = House::open().await;
    let (frames, taken) = tokio::sync::mpsc::channel(1);
    let taken = tokio_stream::wrappers::ReceiverStream::new(taken);
    let frame = |sequence: u64| PublishFrame {
        sequence,
        events: vec![event(u128::from(sequence), "P-1")],
    };
    frames.send(frame(1)).await.expect("open");
    let mut client = house.client();
    let mut answers = client
        .publish_stream(taken)
        .await
        .expect("a stream")
        .into_inner();
    let first = answers.next().await.expect("an answer").expect("answered");
    assert!(matches!(
        first.outcomes[0].outcome,
        Some(Outcome::Receipt(_))
    ));

    let other = ["housing.PossessionNotice"];
    assert!(house.schedules.take(&schedule(CAMDEN, 2, &other)));
    frames.send(frame(2)).await.expect("open");
    let second = answers.next().await.expect("an answer").expect("answered");
    let Some(Outcome::Refusal(refusal)) = &second.outcomes[0].outcome else {
        panic!("{second:?}");
    };
    let violation = &refusal.violations[0];
    assert_eq!(violation.rule_id, "not-in-publication-schedule");
    assert!(
        violation.description.starts_with("version 2 of"),
        "{}",
        violation.description
    );
    assert_eq!(house.log.records().len(), 1);
}

#[tokio::test]
async fn a_schedule_that_is_no_legal_change_counts_for_nothing() {
    let house = House::open().await;
    assert!(!house.schedules.take(&schedule(CAMDEN, 1, &[])));
    assert!(!house.schedules.take(&schedule(CAMDEN, 3, &[])));
    assert!(!house.schedules.take(&schedule(CAMDEN, 2, &[EVENT, EVENT])));
    let mut nameless = schedule(CAMDEN, 2, &[EVENT]);
    nameless.entries[0].reason = "  ".to_owned();
    assert!(!house.schedules.take(&nameless));
    publish(&mut house.client(), event(1, "P-1"))
        .await
        .expect("version 1 still holds");
    assert!(house.schedules.take(&schedule(CAMDEN, 2, &[])));
    let refused = publish(&mut house.client(), event(2, "P-1")).await;
    assert_eq!(
        refused.expect_err("it publishes nothing any more").code(),
        Code::FailedPrecondition
    );
}
