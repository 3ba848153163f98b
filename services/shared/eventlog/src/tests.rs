use super::*;
use crate::memory::MemoryLog;
use std::time::Duration;

fn record(topic: &str, key: &str) -> NewRecord {
    NewRecord {
        topic: topic.into(),
        partition: None,
        key: Some(key.as_bytes().to_vec().into()),
        value: Some(key.as_bytes().to_vec().into()),
        headers: Headers::new(),
        timestamp_ms: None,
    }
}

#[test]
fn murmur2_is_the_one_of_the_java_client() {
    // Vectors of the Java client's own test.
    for (text, hash) in [
        ("21", -973_932_308_i32),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        (
            "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
        ),
        ("abc", 479_470_107),
    ] {
        let positive = hash & 0x7fff_ffff;
        for count in [1, 4, 7, 1000] {
            assert_eq!(
                murmur2_partition(text.as_bytes(), count),
                positive % count,
                "{text}"
            );
        }
    }
}

#[test]
fn the_table_keeps_partition_counts_equal_and_retains_for_ever() {
    let namespace = Namespace::new("t1");
    let table = topics::table(&namespace, 6);
    for topic in &table {
        assert_eq!(namespace.strip(&topic.name), Some(topic.plain.as_str()));
        assert!(
            topic
                .settings(2)
                .contains(&("retention.ms", "-1".to_owned()))
        );
        let partitioned = topic.plain.starts_with("raw.")
            || topic.plain.starts_with("shared.")
            || [topics::LINKS, topics::DECISIONS].contains(&topic.plain.as_str());
        assert_eq!(
            topic.partitions,
            if partitioned { 6 } else { 1 },
            "{}",
            topic.plain
        );
        let compacted = topic.cleanup == topics::Cleanup::Compact;
        assert_eq!(compacted, topic.plain == topics::IDENTITY);
    }
    assert_eq!(namespace.strip("t10.raw.police"), None);
}

#[test]
fn a_views_topic_is_compacted_soon_and_named_so_that_kafka_takes_it() {
    let plain = topics::view("rough_sleeping_risk", ("GSS", "E09000007")).unwrap();
    assert_eq!(plain, "view.rough_sleeping_risk.GSS-E09000007");
    let topic = topics::of_view(&Namespace::new("t1"), &plain, 6);
    assert_eq!(topic.name, "t1.view.rough_sleeping_risk.GSS-E09000007");
    assert_eq!(topic.partitions, 6);
    let settings = topic.settings(2);
    for (name, value) in [
        ("cleanup.policy", "compact"),
        ("retention.ms", "-1"),
        ("min.insync.replicas", "2"),
        ("delete.retention.ms", "2592000000"),
        ("max.compaction.lag.ms", "3600000"),
        ("min.cleanable.dirty.ratio", "0.1"),
        ("segment.ms", "3600000"),
    ] {
        assert!(settings.contains(&(name, value.to_owned())), "{name}");
    }
    // Two organisations never share one.
    let of = |scheme, code| topics::view("v", (scheme, code));
    assert_ne!(of("CHARITY", "a-b"), of("CHARITY", "a_b"));
    assert_ne!(of("POLICE_FORCE", "a"), of("POLICE", "FORCE-a"));
    for odd in ["", "a b", "a.b", "a/b", "\u{e9}"] {
        assert_eq!(topics::view(odd, ("GSS", "E1")), None, "{odd}");
        assert_eq!(topics::view("v", ("GSS", odd)), None, "{odd}");
    }
    let longest = topics::view("v", ("WALBROOK", &"x".repeat(40))).unwrap();
    assert!(longest.len() < topics::MOST_NAME);
}

#[test]
fn a_committed_reader_waits_behind_an_open_transaction_and_passes_markers() {
    let log = MemoryLog::new([("a", 1)]);
    let mut writer = log.transactor("w");
    let at = TopicPartition::new("a", 0);
    writer.init().unwrap();
    writer.begin().unwrap();
    writer.send(record("a", "k1")).unwrap();
    writer.drain().unwrap();
    let mut reader = log.reader();
    reader.assign(&[(at.clone(), 0)]).unwrap();
    let mut seen = Vec::new();
    reader.poll(10, Duration::ZERO, &mut seen).unwrap();
    assert!(seen.is_empty());
    assert_eq!(reader.position(&at), Some(0));
    assert_eq!(
        log.clone()
            .high_watermarks(std::slice::from_ref(&at), Duration::ZERO)
            .unwrap(),
        [1]
    );
    let position = InputPosition {
        at: at.clone(),
        next_offset: 7,
        metadata: "m".into(),
    };
    writer.send_positions("g", &[position], None).unwrap();
    let asked = std::slice::from_ref(&at);
    assert_eq!(
        log.clone()
            .committed("g", asked, true, Duration::ZERO)
            .unwrap()[0]
            .offset,
        None
    );
    writer.commit().unwrap();
    assert_eq!(
        log.clone()
            .committed("g", asked, true, Duration::ZERO)
            .unwrap()[0]
            .offset,
        Some(7)
    );
    reader.poll(10, Duration::ZERO, &mut seen).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(reader.position(&at), Some(2));
}

#[test]
fn a_new_owner_aborts_the_dead_ones_transaction_and_fences_it() {
    let log = MemoryLog::new([("a", 1)]);
    let mut dead = log.transactor("w");
    dead.init().unwrap();
    dead.begin().unwrap();
    dead.send(record("a", "k1")).unwrap();
    let mut next = log.transactor("w");
    next.init().unwrap();
    assert_eq!(dead.commit().unwrap_err().severity, Severity::Fenced);
    assert!(log.committed_records("a").is_empty());
    next.begin().unwrap();
    next.send(record("a", "k2")).unwrap();
    next.commit().unwrap();
    assert_eq!(log.committed_records("a").len(), 1);
}

#[test]
fn a_commit_may_be_acknowledged_before_its_markers_are_written() {
    let log = MemoryLog::new([("a", 2)]);
    log.do_all_late();
    let mut writer = log.transactor("w");
    let (first, second) = (TopicPartition::new("a", 0), TopicPartition::new("a", 1));
    writer.init().unwrap();
    writer.begin().unwrap();
    for partition in [0, 1] {
        writer
            .send(NewRecord {
                partition: Some(partition),
                ..record("a", "k")
            })
            .unwrap();
    }
    writer.drain().unwrap();
    let position = InputPosition {
        at: first.clone(),
        next_offset: 7,
        metadata: String::new(),
    };
    writer.send_positions("g", &[position], None).unwrap();
    writer.commit().unwrap();
    let both = [first.clone(), second.clone()];
    assert_eq!(
        log.clone().high_watermarks(&both, Duration::ZERO).unwrap(),
        [1, 1]
    );
    assert_eq!(log.stable_ends(&both), [0, 0], "acknowledged, not readable");
    let asked = |stable| {
        log.clone()
            .committed("g", std::slice::from_ref(&first), stable, Duration::ZERO)
    };
    assert_eq!(asked(true).unwrap_err().severity, Severity::Transient);
    assert_eq!(asked(false).unwrap()[0].offset, None);
    assert_eq!(log.unwritten_markers(), 3);
    log.write_marker(1);
    assert_eq!(log.stable_ends(&both), [0, 2]);
    log.write_marker(1);
    assert_eq!(asked(true).unwrap()[0].offset, Some(7));
    // The next transaction of the id waits for what is left of the one before.
    writer.begin().unwrap();
    assert_eq!(log.stable_ends(&both), [2, 2]);
    // What was not drained is not on the log.
    writer.send(record("a", "lost")).unwrap();
    writer.commit().unwrap();
    assert_eq!(log.committed_records("a").len(), 2);
}
