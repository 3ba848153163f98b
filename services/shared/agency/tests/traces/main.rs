//! A caller's trace reaches the record, in unary calls and in frames of a stream. A program of its own: which spans are
//! wanted is remembered for a whole process, and tests beside it that want none would change the answer.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]
#![allow(
    dead_code,
    unused_imports,
    reason = "the house has rooms that this test does not enter"
)]

#[path = "../gateway/house.rs"]
mod house;
#[path = "../gateway/identity.rs"]
mod identity;
#[path = "../gateway/people.rs"]
mod people;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;
use walbrook_proto::housing::v1::PublishFrame;
use walbrook_runtime::telemetry::traceparent;

use crate::house::{House, event, publish};

/// The trace of a `traceparent`, which also names a span: `00-<trace>-<span>-<flags>`.
fn trace(traceparent: &str) -> String {
    traceparent.split('-').nth(1).expect("trace").to_owned()
}

#[tokio::test]
async fn a_record_carries_the_trace_of_the_call() {
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    // Client and server run on this one thread.
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let house = House::open().await;

    let (unary, stream) = (tracing::info_span!("unary"), tracing::info_span!("stream"));
    publish(&mut house.client(), event(1, "P-1"))
        .instrument(unary.clone())
        .await
        .expect("receipt");
    let frames = tokio_stream::iter([1, 2].map(|sequence| PublishFrame {
        sequence,
        events: vec![event(u128::from(sequence) + 1, "P-1")],
    }));
    async {
        let mut answers = house
            .client()
            .publish_stream(frames)
            .await
            .expect("stream")
            .into_inner();
        while answers.message().await.expect("answer").is_some() {}
    }
    .instrument(stream.clone())
    .await;

    let expected =
        [&unary, &stream, &stream].map(|span| trace(&traceparent(span).expect("exported")));
    let records = house.log.records();
    let carried: Vec<_> = records
        .iter()
        .map(|record| trace(record.headers.text("traceparent").expect("traceparent")))
        .collect();
    assert_eq!(carried, expected);
    assert_ne!(carried[0], carried[1]);
}
