//! What the rest of the system relies on in librdkafka and Kafka, shown on a real broker.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test and its helpers fail by panicking"
)]

use std::sync::mpsc;
use std::time::{Duration, Instant};
use walbrook_eventlog::topics::{Cleanup, TimestampType, Topic};
use walbrook_eventlog::{
    Appender, Ends, GroupEvent, GroupReader, Headers, InputPosition, Namespace, NewRecord,
    Positions, Reader, Record, Severity, TopicPartition, Transactor,
};
use walbrook_eventlog_kafka::{Kafka, Registry};

const WAIT: Duration = Duration::from_secs(30);

struct Place {
    kafka: Kafka,
    registry: Registry,
    namespace: Namespace,
}

impl Place {
    fn new() -> Self {
        let cluster = walbrook_testkit::cluster::shared();
        Self {
            kafka: Kafka::new(&cluster.kafka, Default::default()),
            registry: Registry::new(&format!("{}/apis/ccompat/v7", cluster.registry)),
            namespace: Namespace::new(&walbrook_testkit::cluster::namespace()),
        }
    }

    fn topic(&self, plain: &str, partitions: i32) -> Topic {
        Topic {
            name: self.namespace.name(plain),
            plain: plain.to_owned(),
            partitions,
            cleanup: Cleanup::Delete,
            timestamps: TimestampType::CreateTime,
        }
    }

    fn create(&self, topics: &[Topic]) {
        let admin = self.kafka.admin().unwrap();
        runtime().block_on(admin.create(topics, 1, 1)).unwrap();
        until("the topics exist", || {
            let known = admin.partitions(WAIT).unwrap();
            topics
                .iter()
                .all(|topic| known.contains_key(&topic.name))
                .then_some(())
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WAIT;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited too long until {what}");
    }
}

fn record(at: &TopicPartition, value: &str) -> NewRecord {
    NewRecord {
        topic: at.topic.clone(),
        partition: Some(at.partition),
        key: Some(b"k".to_vec().into()),
        value: Some(value.as_bytes().to_vec().into()),
        headers: Headers::new().with("ce_id", value.as_bytes()),
        timestamp_ms: Some(1_000),
    }
}

fn values(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap())
        .collect()
}

/// Reads until the position has passed the high watermark taken before.
fn read_to(reader: &mut impl Reader, at: &TopicPartition, end: i64) -> Vec<Record> {
    let mut records = Vec::new();
    until("the reader has passed the end", || {
        reader
            .poll(100, Duration::from_millis(50), &mut records)
            .unwrap();
        (reader.position(at).unwrap() >= end).then_some(())
    });
    records
}

#[test]
fn the_position_passes_commit_markers_and_aborted_records() {
    let place = Place::new();
    let topic = place.topic("markers", 1);
    place.create(std::slice::from_ref(&topic));
    let at = TopicPartition::new(topic.name.as_str(), 0);
    let mut writer = place
        .kafka
        .transactor(&place.namespace.name("w"), Duration::from_secs(5));
    writer.init().unwrap();
    for (value, commit) in [
        ("aborted first", false),
        ("kept", true),
        ("aborted last", false),
    ] {
        writer.begin().unwrap();
        writer.send(record(&at, value)).unwrap();
        assert_eq!(writer.drain().unwrap().len(), 1);
        if commit {
            writer.commit().unwrap();
        } else {
            writer.abort().unwrap();
        }
    }
    let end = place
        .kafka
        .ends()
        .unwrap()
        .high_watermarks(std::slice::from_ref(&at), WAIT)
        .unwrap()[0];
    assert!(end >= 5, "records and markers take offsets: {end}");
    let mut reader = place.kafka.reader().unwrap();
    reader.assign(&[(at.clone(), 0)]).unwrap();
    assert_eq!(reader.position(&at), Some(0));
    assert_eq!(values(&read_to(&mut reader, &at, end)), ["kept"]);
}

#[test]
fn a_partition_of_nothing_but_aborted_records_is_passed_too() {
    let place = Place::new();
    let topic = place.topic("aborted", 1);
    place.create(std::slice::from_ref(&topic));
    let at = TopicPartition::new(topic.name.as_str(), 0);
    let mut writer = place
        .kafka
        .transactor(&place.namespace.name("w"), Duration::from_secs(5));
    writer.init().unwrap();
    writer.begin().unwrap();
    writer.send(record(&at, "aborted")).unwrap();
    writer.drain().unwrap();
    writer.abort().unwrap();
    let end = place
        .kafka
        .ends()
        .unwrap()
        .high_watermarks(std::slice::from_ref(&at), WAIT)
        .unwrap()[0];
    let mut reader = place.kafka.reader().unwrap();
    reader.assign(&[(at.clone(), 0)]).unwrap();
    assert!(read_to(&mut reader, &at, end).is_empty());
}

#[test]
fn positions_and_metadata_commit_with_the_transaction_or_not_at_all() {
    let place = Place::new();
    let topic = place.topic("input", 1);
    place.create(std::slice::from_ref(&topic));
    let at = TopicPartition::new(topic.name.as_str(), 0);
    let group = place.namespace.name("g");
    let mut writer = place
        .kafka
        .transactor(&place.namespace.name("w"), Duration::from_secs(5));
    let mut positions = place.kafka.positions();
    writer.init().unwrap();
    let position = |next_offset| InputPosition {
        at: at.clone(),
        next_offset,
        metadata: format!("v1 policy={next_offset}"),
    };
    writer.begin().unwrap();
    writer.send(record(&at, "one")).unwrap();
    writer.drain().unwrap();
    writer.send_positions(&group, &[position(7)], None).unwrap();
    writer.abort().unwrap();
    let asked = [at.clone()];
    assert_eq!(
        positions.committed(&group, &asked, true, WAIT).unwrap()[0].offset,
        None
    );
    writer.begin().unwrap();
    writer.send(record(&at, "two")).unwrap();
    writer.drain().unwrap();
    writer.send_positions(&group, &[position(9)], None).unwrap();
    writer.commit().unwrap();
    let committed = positions.committed(&group, &asked, true, WAIT).unwrap();
    assert_eq!(
        (committed[0].offset, committed[0].metadata.as_str()),
        (Some(9), "v1 policy=9")
    );
}

#[test]
fn a_second_owner_fences_the_first() {
    let place = Place::new();
    let topic = place.topic("fenced", 1);
    place.create(std::slice::from_ref(&topic));
    let at = TopicPartition::new(topic.name.as_str(), 0);
    let id = place.namespace.name("owner");
    let mut first = place.kafka.transactor(&id, Duration::from_secs(5));
    first.init().unwrap();
    first.begin().unwrap();
    first.send(record(&at, "dead")).unwrap();
    first.drain().unwrap();
    let mut second = place.kafka.transactor(&id, Duration::from_secs(5));
    second.init().unwrap();
    assert_eq!(first.commit().unwrap_err().severity, Severity::Fenced);
    second.begin().unwrap();
    second.send(record(&at, "alive")).unwrap();
    second.drain().unwrap();
    second.commit().unwrap();
    let end = place
        .kafka
        .ends()
        .unwrap()
        .high_watermarks(std::slice::from_ref(&at), WAIT)
        .unwrap()[0];
    let mut reader = place.kafka.reader().unwrap();
    reader.assign(&[(at.clone(), 0)]).unwrap();
    assert_eq!(values(&read_to(&mut reader, &at, end)), ["alive"]);
}

#[test]
fn two_members_share_partitions_and_a_thrown_out_generation_is_fenced() {
    let place = Place::new();
    let topics = [place.topic("a", 2), place.topic("b", 2)];
    place.create(&topics);
    let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
    let group = place.namespace.name("members");
    let session = Duration::from_secs(6);
    let mut first = place.kafka.group_reader(&group, &names, session).unwrap();
    let assigned = assignment(&mut first);
    assert_eq!(assigned.len(), 4);
    first
        .start(
            &assigned
                .iter()
                .map(|at| (at.clone(), 0))
                .collect::<Vec<_>>(),
        )
        .unwrap();
    let old = first.generation().unwrap();
    let mut second = place.kafka.group_reader(&group, &names, session).unwrap();
    let (mut mine, mut theirs) = (None, None);
    until("both have a share", || {
        poll_once(&mut first, &mut mine);
        poll_once(&mut second, &mut theirs);
        (mine.as_ref().is_some_and(|share: &Vec<_>| share.len() == 2)
            && theirs.as_ref().is_some_and(|share| share.len() == 2))
        .then_some(())
    });
    let (mine, theirs) = (mine.unwrap(), theirs.unwrap());
    for share in [&mine, &theirs] {
        assert_eq!(
            share[0].partition, share[1].partition,
            "range gives the same p of every topic: {share:?}"
        );
    }
    // Transactions under the generation from before the rebalance are refused.
    let mut writer = place
        .kafka
        .transactor(&place.namespace.name("w"), Duration::from_secs(5));
    writer.init().unwrap();
    writer.begin().unwrap();
    writer.send(record(&mine[0], "x")).unwrap();
    writer.drain().unwrap();
    let position = InputPosition {
        at: mine[0].clone(),
        next_offset: 1,
        metadata: String::new(),
    };
    let refused = writer
        .send_positions(&group, std::slice::from_ref(&position), Some(old.as_ref()))
        .unwrap_err();
    assert!(
        matches!(refused.severity, Severity::Fenced | Severity::Abort),
        "{refused}"
    );
    writer.abort().unwrap();
    first
        .start(&mine.iter().map(|at| (at.clone(), 0)).collect::<Vec<_>>())
        .unwrap();
    writer.begin().unwrap();
    writer.send(record(&mine[0], "y")).unwrap();
    writer.drain().unwrap();
    let now = first.generation().unwrap();
    writer
        .send_positions(&group, &[position], Some(now.as_ref()))
        .unwrap();
    writer.commit().unwrap();
    // Started at 0, the member reads what is committed.
    let mut seen = Vec::new();
    until("the member reads", || {
        first
            .poll(10, Duration::from_millis(100), &mut seen, &mut |_| {})
            .unwrap();
        (!seen.is_empty()).then_some(())
    });
    assert_eq!(values(&seen), ["y"]);
}

#[test]
fn a_partition_paused_before_a_rebalance_is_read_again_after_it() {
    let place = Place::new();
    let topic = place.topic("a", 2);
    place.create(std::slice::from_ref(&topic));
    let names = [topic.name.as_str()];
    let group = place.namespace.name("members");
    let session = Duration::from_secs(6);
    let mut first = place.kafka.group_reader(&group, &names, session).unwrap();
    let assigned = assignment(&mut first);
    let starts: Vec<_> = assigned.iter().map(|at| (at.clone(), 0)).collect();
    first.start(&starts).unwrap();
    first.pause(&assigned).unwrap();
    let mut second = place.kafka.group_reader(&group, &names, session).unwrap();
    let (mut mine, mut theirs) = (None, None);
    until("both have a share", || {
        poll_once(&mut first, &mut mine);
        poll_once(&mut second, &mut theirs);
        (mine.as_ref().is_some_and(|share: &Vec<_>| share.len() == 1)
            && theirs.as_ref().is_some_and(|share| share.len() == 1))
        .then_some(())
    });
    let mine = mine.unwrap();
    let mut writer = place
        .kafka
        .transactor(&place.namespace.name("w"), Duration::from_secs(5));
    writer.init().unwrap();
    writer.begin().unwrap();
    writer.send(record(&mine[0], "after")).unwrap();
    writer.drain().unwrap();
    writer.commit().unwrap();
    let mut seen = Vec::new();
    until("the member reads what it had paused", || {
        first
            .poll(10, Duration::from_millis(100), &mut seen, &mut |_| {})
            .unwrap();
        (!seen.is_empty()).then_some(())
    });
    assert_eq!(values(&seen), ["after"]);
}

fn poll_once(member: &mut impl GroupReader, share: &mut Option<Vec<TopicPartition>>) {
    let mut records = Vec::new();
    let mut news = None;
    let mut on_event = |event| match event {
        GroupEvent::Assigned(partitions) => {
            *share = Some(partitions.clone());
            news = Some(partitions);
        }
        GroupEvent::Revoked(_) | GroupEvent::Lost(_) => *share = None,
    };
    member
        .poll(10, Duration::from_millis(50), &mut records, &mut on_event)
        .unwrap();
    if let Some(partitions) = news {
        // Accepted, so that the group is stable.
        let starts: Vec<_> = partitions.into_iter().map(|at| (at, 0)).collect();
        member.start(&starts).unwrap();
    }
}

fn assignment(member: &mut impl GroupReader) -> Vec<TopicPartition> {
    let mut share = None;
    until("the member has a share", || {
        let mut records = Vec::new();
        let mut on_event = |event| {
            if let GroupEvent::Assigned(partitions) = event {
                share = Some(partitions);
            }
        };
        member
            .poll(10, Duration::from_millis(50), &mut records, &mut on_event)
            .unwrap();
        share.clone()
    })
}

#[test]
fn an_append_is_acknowledged_with_its_offset_and_an_unknown_topic_is_told() {
    let place = Place::new();
    let topic = place.topic("appended", 3);
    place.create(std::slice::from_ref(&topic));
    let appender = place.kafka.appender(Duration::from_millis(1)).unwrap();
    let at = TopicPartition::new(topic.name.as_str(), 2);
    let (tell, told) = mpsc::channel();
    let records = vec![record(&at, "a"), record(&at, "b")];
    appender.append(records, Box::new(move |result| tell.send(result).unwrap()));
    assert_eq!(
        told.recv_timeout(WAIT).unwrap().unwrap(),
        [(at.clone(), 0), (at.clone(), 1)]
    );
    let nowhere = TopicPartition::new(place.namespace.name("nowhere"), 0);
    let (tell, told) = mpsc::channel();
    appender.append(
        vec![record(&nowhere, "c")],
        Box::new(move |result| tell.send(result).unwrap()),
    );
    let failed = told.recv_timeout(WAIT).unwrap().unwrap_err();
    assert!(failed.subject.contains("nowhere"), "{failed}");
    // A key without a partition goes where the Java client would put it.
    let (tell, told) = mpsc::channel();
    let keyed = NewRecord {
        partition: None,
        key: Some(b"foobar".to_vec().into()),
        ..record(&at, "keyed")
    };
    appender.append(
        vec![keyed],
        Box::new(move |result| tell.send(result).unwrap()),
    );
    let placed = told.recv_timeout(WAIT).unwrap().unwrap();
    assert_eq!(
        placed[0].0.partition,
        walbrook_eventlog::murmur2_partition(b"foobar", 3)
    );
}

#[test]
fn the_end_of_a_topic_made_after_it_was_first_asked_for_is_told_soon() {
    let place = Place::new();
    let topic = place.topic("later", 2);
    let asked = [
        TopicPartition::new(topic.name.as_str(), 0),
        TopicPartition::new(topic.name.as_str(), 1),
    ];
    let mut ends = place.kafka.ends().unwrap();
    assert!(
        ends.high_watermarks(&asked, Duration::from_secs(1))
            .is_err()
    );
    place.create(std::slice::from_ref(&topic));
    let start = Instant::now();
    assert_eq!(ends.high_watermarks(&asked, WAIT).unwrap(), [0, 0]);
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_position_that_is_not_on_the_log_stops_the_reader() {
    let place = Place::new();
    let topic = place.topic("short", 1);
    place.create(std::slice::from_ref(&topic));
    let at = TopicPartition::new(topic.name.as_str(), 0);
    let mut reader = place.kafka.reader().unwrap();
    reader.assign(&[(at, 1_000)]).unwrap();
    let failed = until("the reader fails", || {
        reader
            .poll(1, Duration::from_millis(50), &mut Vec::new())
            .err()
    });
    assert_eq!(failed.severity, Severity::Fatal, "{failed}");
}

#[test]
fn the_registry_gives_one_id_to_one_schema_and_refuses_an_incompatible_one() {
    let place = Place::new();
    let subject = |name: &str| format!("{}-{name}", place.namespace.name("raw.test"));
    let first =
        r#"{"type":"record","name":"A","namespace":"t","fields":[{"name":"a","type":"string"}]}"#;
    let other = r#"{"type":"record","name":"A","namespace":"t","fields":[{"name":"a","type":"string"},{"name":"b","type":"int"}]}"#;
    runtime().block_on(async {
        let (one, two) = (subject("t.A"), subject("t.B"));
        assert_eq!(place.registry.lookup(&one, first).await.unwrap(), None);
        let id = place.registry.register(&one, first).await.unwrap();
        assert_eq!(place.registry.register(&one, first).await.unwrap(), id);
        assert_eq!(place.registry.register(&two, first).await.unwrap(), id);
        assert_eq!(place.registry.lookup(&one, first).await.unwrap(), Some(id));
        let text = place.registry.schema(id).await.unwrap().unwrap();
        assert!(text.contains("\"A\""), "{text}");
        let refused = place.registry.register(&one, other).await.unwrap_err();
        assert!(refused.to_string().contains("409"), "{refused}");
        assert_eq!(place.registry.schema(2_000_000_000).await.unwrap(), None);
    });
    let nowhere = Registry::new("http://127.0.0.1:9/apis/ccompat/v7");
    let failed = runtime().block_on(nowhere.subjects()).unwrap_err();
    assert!(failed.to_string().contains("does not answer"), "{failed}");
}
