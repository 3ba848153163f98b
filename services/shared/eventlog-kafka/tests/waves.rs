//! Appends go to Kafka in waves: none is lost, none overtakes another, and an outcome may append again.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test and its helpers fail by panicking"
)]

use std::sync::{Arc, mpsc};
use std::time::Duration;
use walbrook_eventlog::topics::{Cleanup, TimestampType, Topic};
use walbrook_eventlog::{
    Appender, Ends, Headers, Namespace, NewRecord, Reader, TopicPartition, Transactor,
};
use walbrook_eventlog_kafka::{Kafka, KafkaAppender};

const WAIT: Duration = Duration::from_secs(30);
const CALLS: i64 = 400;
const EACH: i64 = 3;

fn topic() -> (Kafka, Topic) {
    let cluster = walbrook_testkit::cluster::shared();
    let kafka = Kafka::new(&cluster.kafka, Default::default());
    let topic = Topic {
        name: Namespace::new(&walbrook_testkit::cluster::namespace()).name("waves"),
        plain: "waves".to_owned(),
        partitions: 2,
        cleanup: Cleanup::Delete,
        timestamps: TimestampType::CreateTime,
    };
    let admin = kafka.admin().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let made = std::slice::from_ref(&topic);
    runtime.block_on(admin.create(made, 1, 1)).unwrap();
    (kafka, topic)
}

fn record(at: &TopicPartition) -> NewRecord {
    NewRecord {
        topic: at.topic.clone(),
        partition: Some(at.partition),
        key: None,
        value: Some(b"x".to_vec().into()),
        headers: Headers::new(),
        timestamp_ms: None,
    }
}

#[test]
fn appends_stand_in_the_order_of_the_calls_and_a_flush_waits_for_all_of_them() {
    let (kafka, topic) = topic();
    let appender = kafka.appender(Duration::from_millis(1)).unwrap();
    let places = [0, 1].map(|partition| TopicPartition::new(topic.name.as_str(), partition));
    let (tell, told) = mpsc::channel();
    for call in 0..CALLS {
        let records = places
            .iter()
            .flat_map(|at| (0..EACH).map(|_| record(at)))
            .collect();
        let tell = tell.clone();
        appender.append(
            records,
            Box::new(move |result| tell.send((call, result.unwrap())).unwrap()),
        );
        // Large waves and small ones take turns.
        if call % 90 > 80 {
            appender.flush(WAIT).unwrap();
        }
    }
    appender.flush(WAIT).unwrap();
    // Everything is acknowledged by now.
    let mut seen = 0;
    for (call, offsets) in told.try_iter() {
        let wanted: Vec<_> = places
            .iter()
            .flat_map(|at| (0..EACH).map(|one| (at.clone(), call * EACH + one)))
            .collect();
        assert_eq!(offsets, wanted);
        seen += 1;
    }
    assert_eq!(seen, CALLS);
}

#[test]
fn who_is_told_may_append_again_and_a_closed_appender_tells_everybody() {
    let (kafka, topic) = topic();
    let appender = Arc::new(kafka.appender(Duration::from_millis(1)).unwrap());
    let at = TopicPartition::new(topic.name.as_str(), 0);
    let (tell, told) = mpsc::channel();
    let again = Arc::downgrade(&appender);
    let (next, second) = (record(&at), tell.clone());
    appender.append(
        vec![record(&at)],
        Box::new(move |first| {
            tell.send(first.is_ok()).unwrap();
            let appender: Arc<KafkaAppender> = again.upgrade().unwrap();
            appender.append(
                vec![next],
                Box::new(move |result| second.send(result.is_ok()).unwrap()),
            );
        }),
    );
    assert!(told.recv_timeout(WAIT).unwrap());
    assert!(told.recv_timeout(WAIT).unwrap());
    let (tell, told) = mpsc::channel();
    for _ in 0..100 {
        let tell = tell.clone();
        appender.append(
            vec![record(&at)],
            Box::new(move |result| tell.send(result.is_ok()).unwrap()),
        );
    }
    drop(appender);
    // Written or not: each call has its answer.
    for _ in 0..100 {
        told.recv_timeout(WAIT).unwrap();
    }
}

/// Records of a transaction that goes in waves.
const MANY: usize = 3_210;

#[test]
fn a_transaction_in_waves_stands_whole_and_in_order_and_one_given_up_leaves_nothing_behind() {
    let (kafka, topic) = topic();
    let at = TopicPartition::new(topic.name.as_str(), 1);
    let numbered = |kind: &str, number: usize| NewRecord {
        value: Some(format!("{kind} {number}").into_bytes().into()),
        ..record(&at)
    };
    let id = format!("{}-writer", topic.name);
    let mut writer = kafka.transactor(&id, WAIT).in_waves();
    writer.init().unwrap();
    // Some of it was handed over, some is held back.
    writer.begin().unwrap();
    for number in 0..MANY / 2 {
        writer.send(numbered("given up", number)).unwrap();
    }
    writer.abort().unwrap();
    for round in ["first", "second"] {
        writer.begin().unwrap();
        for number in 0..MANY {
            writer.send(numbered(round, number)).unwrap();
        }
        let delivered = writer.drain().unwrap();
        assert_eq!(delivered.len(), MANY);
        assert!(delivered.windows(2).all(|two| two[0].1 < two[1].1));
        writer.commit().unwrap();
    }
    let mut ends = kafka.ends().unwrap();
    let end = ends
        .high_watermarks(std::slice::from_ref(&at), WAIT)
        .unwrap()[0];
    let mut reader = kafka.reader().unwrap();
    reader.assign(&[(at.clone(), 0)]).unwrap();
    let (mut records, began) = (Vec::new(), std::time::Instant::now());
    while reader.position(&at).unwrap() < end {
        assert!(began.elapsed() < WAIT, "the reader does not reach the end");
        reader
            .poll(1_000, Duration::from_millis(50), &mut records)
            .unwrap();
    }
    let wanted = ["first", "second"].into_iter();
    let wanted = wanted.flat_map(|round| (0..MANY).map(move |number| format!("{round} {number}")));
    let found = records.iter().map(|record| {
        let value = record.value.as_deref().unwrap();
        String::from_utf8(value.to_vec()).unwrap()
    });
    assert!(wanted.eq(found));
}
