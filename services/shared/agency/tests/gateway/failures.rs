//! What does not answer: the caller is told so, and nothing acknowledged is lost.

use std::sync::atomic::Ordering;

use tonic::Code;
use tonic_types::StatusExt;
use walbrook_proto::housing::v1::PublishFrame;

use crate::house::{House, body, event, publish, reason};

#[tokio::test]
async fn identity_that_is_down_lets_no_new_subject_in() {
    let house = House::open().await;
    let mut client = house.client();
    publish(&mut client, event(1, "P-1"))
        .await
        .expect("receipt");
    house.people.set_down(true);
    let failed = publish(&mut client, event(2, "P-2"))
        .await
        .expect_err("not linked");
    assert_eq!(
        (failed.code(), reason(&failed).as_str()),
        (Code::Unavailable, "IDENTITY_UNAVAILABLE")
    );
    assert!(
        failed
            .message()
            .contains("send it again, with the same event ids"),
        "{}",
        failed.message()
    );
    assert!(failed.get_error_details().retry_info().is_some());
    assert_eq!(house.log.records().len(), 1, "nothing without a link");
    publish(&mut client, event(3, "P-1"))
        .await
        .expect("known subjects go on");

    house.people.set_down(false);
    publish(&mut client, event(2, "P-2"))
        .await
        .expect("the same event, sent again");
    assert_eq!(house.log.records().len(), 3);
}

#[tokio::test]
async fn a_log_that_is_down_gives_no_receipt() {
    let house = House::open().await;
    let mut client = house.client();
    house.log.set_down(true);
    let failed = publish(&mut client, event(1, "P-1"))
        .await
        .expect_err("not appended");
    assert_eq!(
        (failed.code(), reason(&failed).as_str()),
        (Code::Unavailable, "LOG_UNAVAILABLE")
    );
    assert_eq!(
        house.count("walbrook_gateway_calls_failed_total{reason=\"LOG_UNAVAILABLE\"}"),
        1
    );
    house.log.set_down(false);
    publish(&mut client, event(1, "P-1"))
        .await
        .expect("sent again");
    assert_eq!(house.log.records().len(), 1);
}

#[tokio::test]
async fn a_registry_that_is_down_stops_only_types_whose_schema_is_not_known_yet() {
    let house = House::open().await;
    let mut client = house.client();
    house.ids.down.store(true, Ordering::SeqCst);
    let failed = publish(&mut client, event(1, "P-1"))
        .await
        .expect_err("no schema id");
    assert_eq!(
        (failed.code(), reason(&failed).as_str()),
        (Code::Unavailable, "SCHEMA_UNAVAILABLE")
    );
    house.ids.down.store(false, Ordering::SeqCst);
    house.ids.empty.store(true, Ordering::SeqCst);
    let failed = publish(&mut client, event(1, "P-1"))
        .await
        .expect_err("not registered yet");
    assert_eq!(reason(&failed), "SCHEMA_UNAVAILABLE");
    house.ids.empty.store(false, Ordering::SeqCst);
    publish(&mut client, event(1, "P-1"))
        .await
        .expect("registered");
    house.ids.down.store(true, Ordering::SeqCst);
    publish(&mut client, event(2, "P-1"))
        .await
        .expect("an id, once known, never changes");
    assert_eq!(house.log.records().len(), 2);
}

#[tokio::test]
async fn a_message_over_four_mebibytes_is_refused() {
    let house = House::open().await;
    let mut large = event(1, "P-1");
    body(&mut large).tenancy_ref = "T".repeat(4 * 1024 * 1024 + 1);
    let refused = publish(&mut house.client(), large)
        .await
        .expect_err("too large");
    assert!(
        matches!(refused.code(), Code::OutOfRange | Code::ResourceExhausted),
        "{refused}"
    );
    publish(&mut house.client(), event(2, "P-1"))
        .await
        .expect("the connection goes on");
}

#[tokio::test]
async fn a_frame_of_too_many_events_is_refused_whole() {
    let house = House::open().await;
    let events: Vec<_> = (0..1001).map(|number| event(number, "P-1")).collect();
    let frames = tokio_stream::iter([PublishFrame {
        sequence: 1,
        events,
    }]);
    let mut answers = house
        .client()
        .publish_stream(frames)
        .await
        .expect("stream")
        .into_inner();
    let refused = answers.message().await.expect_err("too many");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "FRAME_TOO_LARGE")
    );
    assert!(house.journal.lock().is_empty());
}
