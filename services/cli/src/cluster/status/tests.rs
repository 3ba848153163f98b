//! How far enforcement has come, told from a log in memory.

use bytes::Bytes;
use walbrook_event::framing::frame;
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{
    Headers, InputPosition, Namespace, NewRecord, TopicPartition, Transactor as _, topics,
};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord as _;

use super::partitions::{Clients, Row, rows};
use super::{Bounds, behind, sheet};

const PARTITIONS: i32 = 2;
const NOW_MS: i64 = 1_780_000_100_000;

struct Log {
    log: MemoryLog,
    namespace: Namespace,
}

impl Log {
    fn new() -> Self {
        let namespace = Namespace::new("t");
        let table = topics::table(&namespace, PARTITIONS);
        let log = MemoryLog::new(
            table
                .iter()
                .map(|topic| (topic.name.as_str(), topic.partitions)),
        );
        Self { log, namespace }
    }

    fn at(&self, topic: &str, partition: i32) -> TopicPartition {
        TopicPartition::new(self.namespace.name(topic), partition)
    }

    /// Commits records and positions in one transaction, at a time of the log.
    fn commit(
        &self,
        at_ms: i64,
        records: &[(&str, i32, Vec<u8>)],
        positions: &[(&str, i32, i64, &str)],
    ) {
        self.log.set_now_ms(at_ms);
        let mut transactor = self.log.transactor("t");
        transactor.init().unwrap();
        transactor.begin().unwrap();
        for (topic, partition, value) in records {
            transactor
                .send(NewRecord {
                    topic: self.namespace.name(topic).into(),
                    partition: Some(*partition),
                    key: Some(Bytes::from_static(b"k")),
                    value: Some(value.clone().into()),
                    headers: Headers::new(),
                    timestamp_ms: None,
                })
                .unwrap();
        }
        transactor.drain().unwrap();
        let positions: Vec<InputPosition> = positions
            .iter()
            .map(|(topic, partition, next_offset, metadata)| InputPosition {
                at: self.at(topic, *partition),
                next_offset: *next_offset,
                metadata: (*metadata).to_owned(),
            })
            .collect();
        let group = self.namespace.name("broker");
        transactor.send_positions(&group, &positions, None).unwrap();
        transactor.commit().unwrap();
    }

    fn rows(&self) -> Vec<Row> {
        let mut clients = Clients {
            ends: self.log.clone(),
            positions: self.log.clone(),
            reader: self.log.reader(),
        };
        rows(&mut clients, &self.namespace, PARTITIONS, NOW_MS).unwrap()
    }
}

fn page(sequence: i64, decided_ms: i64) -> Vec<u8> {
    let page = DecisionPage {
        kind: "LIVE".to_owned(),
        raw_topic: "raw.housing".to_owned(),
        sequence,
        decided_at: Some(prost_types::Timestamp {
            seconds: decided_ms / 1_000,
            nanos: 0,
        }),
        cursor_before: "-".to_owned(),
        cursor_after: "-".to_owned(),
        ..DecisionPage::default()
    };
    frame(1, &page.to_vec().unwrap())
}

fn events(count: usize) -> Vec<(&'static str, i32, Vec<u8>)> {
    vec![("raw.housing", 1, vec![0; 5]); count]
}

#[test]
fn an_empty_log_is_not_behind() {
    let found = Log::new().rows();
    assert_eq!(found.len(), 2);
    for row in &found {
        assert_eq!((row.lag, row.policy_behind, row.links_behind), (0, 0, 0));
        assert_eq!((&row.oldest_undecided, &row.last_page), (&None, &None));
    }
}

#[test]
fn undecided_events_their_age_the_epoch_and_the_last_page_are_told() {
    let log = Log::new();
    log.commit(NOW_MS - 90_000, &events(2), &[]);
    log.commit(NOW_MS - 70_000, &events(1), &[]);
    log.commit(
        NOW_MS - 60_000,
        &[
            ("control.policy", 0, vec![0; 5]),
            ("control.links", 1, vec![0; 5]),
        ],
        &[],
    );
    // One of three events is decided, before either control record was applied; markers of transactions stand between.
    log.commit(
        NOW_MS - 50_000,
        &[
            ("audit.decisions", 1, page(7, NOW_MS - 51_000)),
            ("audit.decisions", 1, page(8, NOW_MS - 50_000)),
        ],
        &[
            ("raw.housing", 1, 1, ""),
            ("control.links", 1, 0, "v1 policy=0 page=9 cursor=-"),
        ],
    );
    let found = log.rows();
    let row = &found[1];
    assert_eq!(found[0].lag, 0);
    // Two events and the markers after them: a raw topic of a running backbone has no markers.
    assert_eq!(row.lag_by_topic.get("raw.housing"), Some(&row.lag));
    assert!(row.lag >= 2, "{row:?}");
    let oldest = row.oldest_undecided.as_ref().unwrap();
    assert_eq!(
        (oldest.record.as_str(), oldest.age_ms),
        ("raw.housing/1/1", 90_000)
    );
    assert!(row.policy_behind >= 1 && row.links_behind >= 1, "{row:?}");
    let page = row.last_page.as_ref().unwrap();
    assert_eq!((page.sequence, page.decided_at_ms), (8, NOW_MS - 50_000));

    let bounds = Bounds {
        lag: 1,
        epoch: 0,
        age_ms: 60_000,
    };
    let said = behind(&found, bounds);
    // Partition 0 has nothing to decide, and has not applied the control records either.
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(
        said[0].contains("partition 0 is behind") && said[0].contains("control records"),
        "{said:?}"
    );
    assert!(
        said[3].contains("raw.housing/1/1 waits for 90 s (bound 60 s)"),
        "{said:?}"
    );
    let generous = Bounds {
        lag: 1_000,
        epoch: 1_000,
        age_ms: 3_600_000,
    };
    assert!(behind(&found, generous).is_empty());
}

#[test]
fn a_page_far_before_the_end_is_found() {
    let log = Log::new();
    log.commit(NOW_MS, &[("audit.decisions", 0, page(0, NOW_MS))], &[]);
    for _ in 0..40 {
        // Markers alone: transactions of other partitions' topics leave none here, an aborted one does.
        let mut transactor = log.log.transactor("aborted");
        transactor.init().unwrap();
        transactor.begin().unwrap();
        transactor
            .send(NewRecord {
                topic: log.namespace.name("audit.decisions").into(),
                partition: Some(0),
                key: None,
                value: None,
                headers: Headers::new(),
                timestamp_ms: None,
            })
            .unwrap();
        transactor.drain().unwrap();
        transactor.abort().unwrap();
    }
    let found = log.rows();
    assert_eq!(
        found[0].last_page.as_ref().map(|page| page.sequence),
        Some(0)
    );
}

#[test]
fn the_table_lines_up() {
    let rows = [
        Row {
            partition: 0,
            lag: 12_000,
            ..Row::default()
        },
        Row {
            partition: 1,
            ..Row::default()
        },
    ];
    let text = sheet::partitions(&rows, NOW_MS);
    let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
    assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    let end = |needle: &str| {
        let line = text.lines().find(|line| line.contains(needle)).unwrap();
        line.find(needle).unwrap() + needle.len()
    };
    assert_eq!(end("12000"), end("undecided"), "{text}");
}

#[test]
fn spans_are_said_in_the_unit_that_says_enough() {
    for (ms, words) in [
        (5, "5 ms"),
        (1_000, "1 s"),
        (119_000, "119 s"),
        (120_000, "2 min"),
        (7_200_000, "2 h"),
        (200_000_000, "2 days"),
    ] {
        assert_eq!(sheet::span(ms), words);
    }
}
