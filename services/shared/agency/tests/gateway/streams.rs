//! A stream of frames: order, window, and how it ends.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use walbrook_agency::Limits;
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_proto::housing::v1::PublishFrame;

use crate::house::{DEADLINE, House, event, head, id, reason, subject, until};

fn frame(sequence: u64, people: u64) -> PublishFrame {
    let number = u128::from(sequence);
    let events = (0..3)
        .map(|at| event(number * 10 + at, &format!("P-{}", sequence % people)))
        .collect();
    PublishFrame { sequence, events }
}

#[tokio::test]
async fn frames_are_answered_and_appended_in_order() {
    let house = House::open().await;
    let frames = tokio_stream::iter((1..=40).map(|sequence| {
        let mut frame = frame(sequence, 40);
        head(&mut frame.events[1]).event_id = "broken".into();
        frame
    }));
    let mut answers = house
        .client()
        .publish_stream(frames)
        .await
        .expect("stream")
        .into_inner();
    let mut offsets = std::collections::BTreeMap::<String, Vec<i64>>::new();
    for sequence in 1..=40 {
        let answer = answers.message().await.expect("answer").expect("frame");
        assert_eq!(answer.sequence, sequence);
        let ids: Vec<_> = answer
            .outcomes
            .iter()
            .map(|outcome| outcome.event_id.clone())
            .collect();
        let number = u128::from(sequence) * 10;
        assert_eq!(ids, [id(number), "broken".to_owned(), id(number + 2)]);
        for outcome in answer.outcomes {
            match outcome.outcome.expect("outcome") {
                Outcome::Receipt(receipt) => {
                    let (partition, offset) = receipt.receipt_id.rsplit_once('/').expect("place");
                    offsets
                        .entry(partition.to_owned())
                        .or_default()
                        .push(offset.parse().expect("offset"));
                }
                Outcome::Refusal(refusal) => {
                    assert_eq!(refusal.violations[0].rule_id, "EVENT_ID_NOT_A_UUID")
                }
            }
        }
    }
    assert!(answers.message().await.expect("end").is_none());
    assert!(
        offsets.values().all(|offsets| offsets.is_sorted()),
        "appended in the order of the frames: {offsets:?}"
    );
    assert_eq!(offsets.values().map(Vec::len).sum::<usize>(), 80);
}

#[tokio::test]
async fn no_more_than_the_window_is_under_way_and_the_rest_waits() {
    let limits = Limits {
        frames_under_way: 3,
        ..Limits::default()
    };
    let house = House::with(limits, Arc::new(walbrook_event::Plain)).await;
    house.log.hold();
    let frames = tokio_stream::iter((1..=50).map(|sequence| frame(sequence, 5)));
    let mut answers = house
        .client()
        .publish_stream(frames)
        .await
        .expect("stream")
        .into_inner();
    until("the window fills", || house.log.handed() == 3).await;
    // Without an acknowledgement no answer comes, and nothing more is handed over however long one asks.
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.log.handed(), 3);
    assert!(
        house.count("walbrook_gateway_frames_open") <= 7,
        "two windows and the one between"
    );
    assert!(house.log.records().is_empty());

    house.log.release();
    for sequence in 1..=50 {
        let answer = tokio::time::timeout(DEADLINE, answers.message())
            .await
            .expect("in time");
        assert_eq!(answer.expect("answer").expect("frame").sequence, sequence);
    }
    assert_eq!(house.log.records().len(), 150);
    assert_eq!(house.count("walbrook_gateway_frames_open"), 0);
}

#[tokio::test]
async fn a_wrong_number_ends_the_stream_after_the_answers_before_it() {
    let house = House::open().await;
    let frames = tokio_stream::iter([frame(1, 1), frame(2, 1), frame(4, 1), frame(5, 1)]);
    let mut answers = house
        .client()
        .publish_stream(frames)
        .await
        .expect("stream")
        .into_inner();
    assert_eq!(
        answers
            .message()
            .await
            .expect("answer")
            .expect("frame")
            .sequence,
        1
    );
    assert_eq!(
        answers
            .message()
            .await
            .expect("answer")
            .expect("frame")
            .sequence,
        2
    );
    let refused = answers.message().await.expect_err("a gap");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "FRAME_OUT_OF_SEQUENCE")
    );
    assert_eq!(house.log.records().len(), 6);
}

#[tokio::test]
async fn a_log_that_fails_in_mid_stream_keeps_what_it_acknowledged() {
    let house = House::open().await;
    let (sender, frames) = mpsc::channel(4);
    let mut answers = house
        .client()
        .publish_stream(ReceiverStream::new(frames))
        .await
        .expect("stream")
        .into_inner();
    sender.send(frame(1, 1)).await.expect("open");
    assert_eq!(
        answers
            .message()
            .await
            .expect("answer")
            .expect("frame")
            .sequence,
        1
    );
    house.log.set_down(true);
    sender.send(frame(2, 1)).await.expect("open");
    let failed = answers.message().await.expect_err("down");
    assert_eq!(
        (failed.code(), reason(&failed).as_str()),
        (Code::Unavailable, "LOG_UNAVAILABLE")
    );
    assert_eq!(house.log.records().len(), 3, "what has a receipt stands");
}

#[tokio::test]
async fn identity_that_fails_in_mid_stream_lets_nothing_after_it_through() {
    let house = House::open().await;
    let (sender, frames) = mpsc::channel(4);
    let mut answers = house
        .client()
        .publish_stream(ReceiverStream::new(frames))
        .await
        .expect("stream")
        .into_inner();
    sender.send(frame(1, 100)).await.expect("open");
    assert_eq!(
        answers
            .message()
            .await
            .expect("answer")
            .expect("frame")
            .sequence,
        1
    );
    house.people.set_down(true);
    // The second frame needs identity, the third does not: it must not overtake.
    sender.send(frame(2, 100)).await.expect("open");
    let mut known = frame(1, 100);
    known.sequence = 3;
    // The stream may be closed already; then the frame never arrives, which is as good.
    let _ = sender.send(known).await;
    let failed = answers.message().await.expect_err("down");
    assert_eq!(
        (failed.code(), reason(&failed).as_str()),
        (Code::Unavailable, "IDENTITY_UNAVAILABLE")
    );
    assert_eq!(house.log.records().len(), 3);
    assert_eq!(house.log.handed(), 1);
}

#[tokio::test]
async fn a_stopping_process_answers_what_it_has_taken() {
    let house = House::open().await;
    house.log.hold();
    let (sender, frames) = mpsc::channel(4);
    let mut answers = house
        .client()
        .publish_stream(ReceiverStream::new(frames))
        .await
        .expect("stream")
        .into_inner();
    sender.send(frame(1, 1)).await.expect("open");
    until("the frame is under way", || house.log.handed() == 1).await;
    house.shutdown.request();
    house.log.release();
    let answer = tokio::time::timeout(DEADLINE, answers.message())
        .await
        .expect("in time");
    assert_eq!(answer.expect("answer").expect("frame").sequence, 1);
    let stopped = tokio::time::timeout(DEADLINE, answers.message())
        .await
        .expect("in time")
        .expect_err("stopping");
    assert_eq!(
        (stopped.code(), reason(&stopped).as_str()),
        (Code::Unavailable, "STOPPING")
    );
    assert_eq!(house.log.records().len(), 3);
}

#[tokio::test]
async fn an_empty_frame_is_answered() {
    let house = House::open().await;
    let frames = tokio_stream::iter([PublishFrame {
        sequence: 1,
        events: Vec::new(),
    }]);
    let mut answers = house
        .client()
        .publish_stream(frames)
        .await
        .expect("stream")
        .into_inner();
    let answer = answers.message().await.expect("answer").expect("frame");
    assert_eq!((answer.sequence, answer.outcomes.len()), (1, 0));
    assert!(answers.message().await.expect("end").is_none());
}

#[tokio::test]
async fn a_frame_may_rest_on_a_subject_that_the_frame_before_it_introduced() {
    let house = House::open().await;
    // The first frame's question has eight subjects, the second's one: asked side by side, the second would be answered
    // first, by an identity that does not know its subject yet.
    house.people.set_slow();
    let introduced = PublishFrame {
        sequence: 1,
        events: (0..8).map(|at| event(at, &format!("P-{at}"))).collect(),
    };
    let mut known = event(100, "P-7");
    subject(&mut known).demographics = None;
    let resting = PublishFrame {
        sequence: 2,
        events: vec![known],
    };
    let mut answers = house
        .client()
        .publish_stream(tokio_stream::iter([introduced, resting]))
        .await
        .expect("stream")
        .into_inner();
    for (sequence, events) in [(1, 8), (2, 1)] {
        let answer = answers.message().await.expect("answer").expect("frame");
        assert_eq!((answer.sequence, answer.outcomes.len()), (sequence, events));
        for outcome in answer.outcomes {
            let outcome = outcome.outcome.expect("outcome");
            assert!(matches!(outcome, Outcome::Receipt(_)), "{outcome:?}");
        }
    }
    assert_eq!(house.log.records().len(), 9);
}
