//! How far the enforcement of each partition number has come, from Kafka itself: committed positions against ends, the oldest event that nobody has
//! decided, the last page.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use walbrook_event::framing::unframe;
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{
    Committed, Ends, LogError, Namespace, Positions, Reader, Record, TopicPartition, topics,
};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord as _;

/// How long Kafka may take to answer a question.
const ANSWER: Duration = Duration::from_secs(10);
/// How long records are waited for; what an open transaction holds back is not waited for longer.
const RECORDS: Duration = Duration::from_secs(3);
/// How far before the end the last page is looked for first: markers stand between pages.
const LOOK_BACK: i64 = 16;

/// One partition number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    /// The partition number, of every raw topic, of the links and of the pages.
    pub partition: i32,
    /// Raw records not decided, of all raw topics.
    pub lag: i64,
    /// The same by raw topic; those that have none are left out.
    pub lag_by_topic: BTreeMap<String, i64>,
    /// Records of `control.policy` not applied.
    pub policy_behind: i64,
    /// Records of `control.links` of this partition not applied.
    pub links_behind: i64,
    /// Past events that a queued re-decision has still to go through.
    pub to_decide_again: i64,
    /// The oldest raw record that nobody has decided.
    pub oldest_undecided: Option<Undecided>,
    /// The last page.
    pub last_page: Option<Page>,
}

/// A raw record that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Undecided {
    /// Where it stands: topic, partition, offset.
    pub record: String,
    /// When the log took it, ms since 1970.
    pub accepted_at_ms: i64,
    /// How long ago.
    pub age_ms: i64,
}

/// A decision page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Page {
    /// Its number within the partition, from 0.
    pub sequence: i64,
    /// LIVE, REDECISION or POSITION.
    pub kind: String,
    /// When it was decided, ms since 1970.
    pub decided_at_ms: i64,
}

/// Clients of the log.
pub(crate) struct Clients<E, P, R> {
    /// For ends.
    pub ends: E,
    /// For committed positions.
    pub positions: P,
    /// For single records.
    pub reader: R,
}

/// Asks about every partition number.
///
/// # Errors
/// When the log does not answer.
pub(crate) fn rows(
    clients: &mut Clients<impl Ends, impl Positions, impl Reader>,
    namespace: &Namespace,
    partitions: i32,
    now_ms: i64,
) -> Result<Vec<Row>, LogError> {
    let of = |topic: &str| -> Vec<TopicPartition> {
        let name = namespace.name(topic);
        (0..partitions)
            .map(|partition| TopicPartition::new(name.as_str(), partition))
            .collect()
    };
    let group = namespace.name("broker");
    // Positions before ends: what is decided meanwhile can only make the distance look longer, never shorter than none.
    let (links, raw) = (
        of(topics::LINKS),
        topics::RAW
            .iter()
            .flat_map(|topic| of(topic))
            .collect::<Vec<_>>(),
    );
    let at_links = clients.positions.committed(&group, &links, false, ANSWER)?;
    let at_raw = clients.positions.committed(&group, &raw, false, ANSWER)?;
    let link_ends = clients.ends.high_watermarks(&links, ANSWER)?;
    let policy = [TopicPartition::new(namespace.name(topics::POLICY), 0)];
    let policy_end = clients.ends.high_watermarks(&policy, ANSWER)?;
    let policy_end = policy_end.first().copied().unwrap_or(0);
    let raw_ends = clients.ends.high_watermarks(&raw, ANSWER)?;

    let mut rows: Vec<Row> = (0..partitions)
        .map(|partition| Row {
            partition,
            ..Row::default()
        })
        .collect();
    for (row, (committed, end)) in rows.iter_mut().zip(at_links.iter().zip(&link_ends)) {
        epoch(row, committed, *end, policy_end);
    }
    let mut waiting = Vec::new();
    for (committed, end) in at_raw.iter().zip(&raw_ends) {
        let next = committed.offset.unwrap_or(0);
        let lag = (end - next).max(0);
        let row = rows
            .iter_mut()
            .find(|row| row.partition == committed.at.partition);
        if let (Some(row), true) = (row, lag > 0) {
            row.lag += lag;
            let topic = namespace.strip(&committed.at.topic);
            let topic = topic.unwrap_or(&committed.at.topic).to_owned();
            row.lag_by_topic.insert(topic, lag);
            waiting.push((committed.at.clone(), next));
        }
    }
    oldest(&mut rows, &mut clients.reader, namespace, waiting, now_ms)?;
    let pages = of(topics::DECISIONS);
    let page_ends = clients.ends.high_watermarks(&pages, ANSWER)?;
    let ends = pages.into_iter().zip(page_ends).collect();
    last_pages(&mut rows, &mut clients.reader, ends)?;
    Ok(rows)
}

fn epoch(row: &mut Row, committed: &Committed, end: i64, policy_end: i64) {
    let position = committed.metadata.parse::<Position>().unwrap_or_default();
    row.links_behind = (end - committed.offset.unwrap_or(0)).max(0);
    row.policy_behind = (policy_end - position.policy_next).max(0);
    row.to_decide_again = position.cursor.as_ref().map_or(0, |cursor| {
        let scan = cursor.scan.as_ref();
        scan.map_or(0, |scan| {
            scan.left().into_iter().map(|(_, from, to)| to - from).sum()
        })
    });
}

/// Reads until every partition has given a record, or is read to its end, or time is up.
fn first_of_each(
    reader: &mut impl Reader,
    starts: &[(TopicPartition, i64)],
    mut enough: impl FnMut(&TopicPartition, &[Record], i64) -> bool,
) -> Result<Vec<Record>, LogError> {
    if starts.is_empty() {
        return Ok(Vec::new());
    }
    reader.assign(starts)?;
    let deadline = Instant::now() + RECORDS;
    let mut records = Vec::new();
    loop {
        reader.poll(1_000, Duration::from_millis(50), &mut records)?;
        let done = starts.iter().all(|(at, start)| {
            let position = reader.position(at).unwrap_or(*start);
            enough(at, &records, position)
        });
        if done || Instant::now() > deadline {
            return Ok(records);
        }
    }
}

fn oldest(
    rows: &mut [Row],
    reader: &mut impl Reader,
    namespace: &Namespace,
    waiting: Vec<(TopicPartition, i64)>,
    now_ms: i64,
) -> Result<(), LogError> {
    let records = first_of_each(reader, &waiting, |at, records, _| {
        records.iter().any(|record| record.at == *at)
    })?;
    for record in records {
        let Some(row) = rows
            .iter_mut()
            .find(|row| row.partition == record.at.partition)
        else {
            continue;
        };
        let older = row
            .oldest_undecided
            .as_ref()
            .is_none_or(|oldest| record.timestamp_ms < oldest.accepted_at_ms);
        if older {
            let topic = namespace
                .strip(&record.at.topic)
                .unwrap_or(&record.at.topic);
            row.oldest_undecided = Some(Undecided {
                record: format!("{topic}/{}/{}", record.at.partition, record.offset),
                accepted_at_ms: record.timestamp_ms,
                age_ms: (now_ms - record.timestamp_ms).max(0),
            });
        }
    }
    Ok(())
}

fn last_pages(
    rows: &mut [Row],
    reader: &mut impl Reader,
    ends: BTreeMap<TopicPartition, i64>,
) -> Result<(), LogError> {
    let mut back = LOOK_BACK;
    let mut open: BTreeMap<TopicPartition, i64> = ends;
    open.retain(|_, end| *end > 0);
    while !open.is_empty() {
        let starts: Vec<_> = open
            .iter()
            .map(|(at, end)| (at.clone(), (end - back).max(0)))
            .collect();
        let records = first_of_each(reader, &starts, |at, _, position| {
            open.get(at).is_none_or(|end| position >= *end)
        })?;
        for record in &records {
            let Some(page) = page(record) else { continue };
            if let Some(row) = rows
                .iter_mut()
                .find(|row| row.partition == record.at.partition)
                && row
                    .last_page
                    .as_ref()
                    .is_none_or(|last| last.sequence < page.sequence)
            {
                row.last_page = Some(page);
            }
        }
        open.retain(|at, end| {
            let found = rows
                .iter()
                .any(|row| row.partition == at.partition && row.last_page.is_some());
            !found && *end > back
        });
        back = back.saturating_mul(8);
    }
    Ok(())
}

fn page(record: &Record) -> Option<Page> {
    let (_, body) = unframe(record.value.as_deref()).ok()?;
    let page = DecisionPage::decode_exact(body).ok()?;
    let at = page.decided_at?;
    let at = walbrook_domain::Instant::from_seconds_nanos(at.seconds, at.nanos)?;
    Some(Page {
        sequence: page.sequence,
        kind: page.kind,
        decided_at_ms: at.micros() / 1_000,
    })
}
