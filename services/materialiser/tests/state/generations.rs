//! The shared topic goes on in its next generation: who follows it holds what it held, who begins there finds what stands, and nobody answers from
//! a generation that the broker has left.

use crate::common::running::{Running, Start};
use crate::common::*;
use walbrook_event::framing;
use walbrook_eventlog::topics::{Cleanup, TimestampType, Topic};
use walbrook_eventlog::{Headers, NewRecord, chain, topics};
use walbrook_proto::audit::v1::Removal;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::GenerationEnded;
use walbrook_proto::view::v1::*;

const PURPOSE: &str = "rough-sleeping";

/// The topic of the second generation.
async fn second(place: &Place) {
    let plain = chain::topic(PURPOSE, 2);
    let topic = Topic {
        name: place.namespace.name(&plain),
        plain,
        partitions: PARTITIONS,
        cleanup: Cleanup::Delete,
        timestamps: TimestampType::CreateTime,
    };
    place
        .kafka
        .admin()
        .unwrap()
        .create(&[topic], 1, 1)
        .await
        .unwrap();
}

/// A record as it stands on the second generation; a copy names its source.
fn there(place: &Place, record: NewRecord, source: Option<i64>) -> NewRecord {
    let mut record = NewRecord {
        topic: place.namespace.name(&chain::topic(PURPOSE, 2)).into(),
        ..record
    };
    if let Some(source) = source {
        record.headers.push(chain::COPIED, source.to_string());
    }
    record
}

/// The last records of the first generation; below `first_live` only copies stand in the second.
fn ended(place: &Place, first_live_offset: i64) -> Vec<NewRecord> {
    let mark = GenerationEnded {
        purpose: PURPOSE.into(),
        next_generation: 2,
        first_live_offset,
    };
    let one = |partition| NewRecord {
        topic: place.namespace.name(&chain::topic(PURPOSE, 1)).into(),
        partition: Some(partition),
        key: Some(vec![0; 16].into()),
        value: Some(framing::frame(1, &mark.to_vec().unwrap()).into()),
        headers: Headers::new().with("ce_type", GenerationEnded::FULL_NAME),
        timestamp_ms: None,
    };
    (0..PARTITIONS).map(one).collect()
}

fn are(people_wanted: &'static [u8]) -> impl Fn(&ListRowsResponse) -> bool {
    move |answer| people(answer) == people_wanted
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_goes_on_with_what_it_holds_and_refuses_while_it_cannot() {
    let place = Place::new().await;
    second(&place).await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        city(place);
    })
    .await;
    let start = Start {
        bound_ms: 1_000,
        ..Start::default()
    };
    let running = place.start_so(start).await;
    running
        .list_until(CAMDEN, "the first generation", are(&[1, 2, 3]))
        .await;

    // Every p goes over; what they write there is not reached by whoever waits in the first generation.
    let (place, ()) = blocking(place, |place| {
        place.generations = [2, 2];
        // It has what is copied: somebody who stands on no first generation would be seen.
        let poison = [place.subject(5, CAMDEN), place.contact(5, 51, 30, CAMDEN)];
        let poison = poison.map(|one| there(place, one, Some(0)));
        let fell = there(place, place.retraction(3), None);
        place.commit(poison.into_iter().chain([fell]).collect());
    })
    .await;
    let deadline = std::time::Instant::now() + WAIT;
    while running.list(CAMDEN).await.is_ok() {
        assert!(std::time::Instant::now() < deadline, "it never refuses");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let (place, ()) = blocking(place, |place| place.commit(ended(place, 0))).await;
    running.list_until(CAMDEN, "it goes on", are(&[1, 2])).await;

    // The cause is named by where it stands in the history of the topic, also after a restart in the second generation.
    running.stop().await;
    let (place, removals) = blocking(place, |place| {
        let all = place.read::<Removal>(topics::REMOVALS);
        let fell = all.into_iter().filter(|one| one.reason == "WITHDRAWAL");
        fell.collect::<Vec<_>>()
    })
    .await;
    assert_eq!(removals.len(), 1, "{removals:?}");
    assert_eq!(removals[0].cause_topic, chain::topic(PURPOSE, 1));
    assert_eq!(chain::split(removals[0].cause_offset).0, 2);
    let running = place.start(30_000).await;
    let (place, ()) = blocking(place, |place| {
        let more = there(place, place.contact(1, 19, 20, CAMDEN), None);
        place.commit(vec![more]);
    })
    .await;
    running.list_until(CAMDEN, "it went on", are(&[1, 2])).await;
    running.stop().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_store_begins_where_every_p_writes() {
    let place = Place::new().await;
    second(&place).await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        city(place);
        place.generations = [2, 1];
        let mut copies = vec![place.subject(1, CAMDEN), place.contact(1, 11, 30, CAMDEN)];
        copies.extend(place.heartbeats(CAMDEN));
        let copies = copies.into_iter().map(|one| there(place, one, Some(0)));
        place.commit(copies.collect());
    })
    .await;
    // One p writes to the first generation still: who begins now begins there.
    let first = Start {
        data: "first",
        ..Start::default()
    };
    let early = place.start_so(first).await;
    // It is called ready before it has looked where to begin: what it has applied is of the first.
    let applied = |early: &Running| {
        let text = early.context.metrics.text();
        let mut of_topic = text.lines().filter_map(|line| {
            line.strip_prefix("walbrook_view_records_total{topic=\"shared.rough-sleeping\"} ")
        });
        of_topic.any(|count| count != "0")
    };
    let deadline = std::time::Instant::now() + WAIT;
    while !applied(&early) {
        assert!(std::time::Instant::now() < deadline, "it applies nothing");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let (place, ()) = blocking(place, |place| {
        place.generations = [2, 2];
        place.commit(ended(place, 0));
    })
    .await;
    early
        .list_until(CAMDEN, "all of the first", are(&[1, 2, 3]))
        .await;
    early.stop().await;
    let running = place.start(30_000).await;
    running
        .list_until(CAMDEN, "what was copied", are(&[1]))
        .await;
    running.stop().await;
    drop(place);
}
