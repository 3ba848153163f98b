//! What one run of enforcement left on the log, and whether it is exactly what had to be there.

use crate::wide::{self, Event, Wide};
use crate::{NoFigure, demand};
use std::collections::BTreeMap;
use walbrook_event::framing::unframe;
use walbrook_event::{PurposeKey, headers};
use walbrook_eventlog::{Record, TopicPartition, topics};
use walbrook_policy::outcome::{Outcome, Reason};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::social_care::v1::CareEpisode;
use walbrook_tests::backbone::Backbone;

/// Ends of topics, named without their namespace.
pub type Marks = BTreeMap<(String, i32), i64>;

/// The ends of these topics now.
///
/// # Errors
/// When Kafka does not answer.
pub fn marks(place: &Backbone, plain: &[String]) -> Result<Marks, NoFigure> {
    let mut found = Marks::new();
    for topic in plain {
        let partitions = crate::town::partitions_of(place, topic);
        let ends = crate::town::ends(&place.kafka, &partitions)?;
        let numbers = partitions.iter().map(|at| (topic.clone(), at.partition));
        found.extend(numbers.zip(ends));
    }
    Ok(found)
}

/// The committed records of a topic between two marks.
///
/// # Errors
/// When the log cannot be read.
pub fn between(
    place: &Backbone,
    topic: &str,
    from: &Marks,
    to: &Marks,
) -> Result<Vec<Record>, NoFigure> {
    let mut source = place.source();
    let mut found = Vec::new();
    for partition in 0..place.partitions() {
        let at = (topic.to_owned(), partition);
        let (Some(from), Some(to)) = (from.get(&at), to.get(&at)) else {
            return Err(NoFigure(format!("{topic} has no mark")));
        };
        source.read(topic, partition, *from, *to, &mut |record| {
            found.push(record);
        })?;
    }
    Ok(found)
}

/// The inputs of a topic between two marks, by full name.
#[must_use]
pub fn inputs(
    place: &Backbone,
    topic: &str,
    from: &Marks,
    to: &Marks,
) -> Vec<(TopicPartition, i64, i64)> {
    let of = |marks: &Marks, at: &TopicPartition| {
        marks
            .get(&(topic.to_owned(), at.partition))
            .copied()
            .unwrap_or(0)
    };
    crate::town::partitions_of(place, topic)
        .into_iter()
        .map(|at| {
            let (from, to) = (of(from, &at), of(to, &at));
            (at, from, to)
        })
        .collect()
}

/// Reads the pages among records.
///
/// # Errors
/// When one cannot be read.
pub fn pages(records: &[Record]) -> Result<Vec<DecisionPage>, NoFigure> {
    let mut pages = Vec::new();
    for record in records {
        let (_, body) = unframe(record.value.as_deref())
            .map_err(|error| NoFigure(format!("a page: {error:?}")))?;
        pages.push(DecisionPage::decode_exact(body)?);
    }
    Ok(pages)
}

fn micros(page: &DecisionPage) -> i64 {
    page.decided_at
        .as_ref()
        .map_or(0, |at| at.seconds * 1_000_000 + i64::from(at.nanos) / 1_000)
}

fn events_of(page: &DecisionPage) -> u64 {
    u64::try_from(page.last_offset - page.first_offset + 1).unwrap_or(0)
}

/// Events a second over whole cycles in full swing: from the first transaction's decision time to the last one's, without the last one's events.
///
/// # Errors
/// When there are too few transactions to time.
pub fn pace(pages: &[DecisionPage]) -> Result<f64, NoFigure> {
    let mut transactions: BTreeMap<(i64, i32), u64> = BTreeMap::new();
    for page in pages.iter().filter(|page| page.kind == "LIVE") {
        *transactions
            .entry((micros(page), page.partition))
            .or_default() += events_of(page);
    }
    let (Some((first, _)), Some((last, in_last))) = (
        transactions.first_key_value(),
        transactions.last_key_value(),
    ) else {
        return Err(NoFigure("no live page".to_owned()));
    };
    demand(transactions.len() >= 8, || {
        format!(
            "{} transactions are too few to time: use more events",
            transactions.len()
        )
    })?;
    let counted: u64 = transactions.values().sum::<u64>() - in_last;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let rate = counted as f64 * 1e6 / (last.0 - first.0) as f64;
    Ok(rate)
}

/// Pages join, cover every raw record once, and say of each exactly what has to be said: one permit with the granted fields, one denial for want of
/// consent, one for a false predicate.
///
/// # Errors
/// With the first difference.
pub fn verify_pages(
    pages: &[DecisionPage],
    inputs: &[(TopicPartition, i64, i64)],
) -> Result<(), NoFigure> {
    let mask = CareEpisode::FIELDS
        .iter()
        .enumerate()
        .filter(|(_, field)| wide::GRANTED.contains(field))
        .fold(0_i64, |mask, (bit, _)| mask | 1 << bit);
    let wanted = [
        (Reason::Permitted.code(), Outcome::Permit.code(), mask),
        (Reason::ConsentMissing.code(), Outcome::Deny.code(), 0),
        (Reason::PredicateFalse.code(), Outcome::Deny.code(), 0),
    ];
    let mut next: BTreeMap<i32, i64> = inputs
        .iter()
        .map(|(at, from, _)| (at.partition, *from))
        .collect();
    for page in pages.iter().filter(|page| page.kind == "LIVE") {
        let expected = next.entry(page.partition).or_default();
        demand(*expected == page.first_offset, || {
            format!(
                "{}[{}]: a page begins at {} instead of {expected}",
                page.raw_topic, page.partition, page.first_offset
            )
        })?;
        *expected = page.last_offset + 1;
        let mut said: BTreeMap<i64, Vec<(i32, i32, i64)>> = BTreeMap::new();
        for entry in &page.entries {
            let words = (entry.reason, entry.outcome, entry.field_mask);
            said.entry(entry.first_offset).or_default().push(words);
        }
        for offset in page.first_offset..=page.last_offset {
            let mut found = said.remove(&offset).unwrap_or_default();
            found.sort_unstable();
            let mut wanted = wanted;
            wanted.sort_unstable();
            demand(found == wanted, || {
                format!(
                    "{}[{}] offset {offset}: {found:?} was decided, not {wanted:?} (reason, outcome, fields)",
                    page.raw_topic, page.partition
                )
            })?;
        }
    }
    for (at, _, to) in inputs {
        demand(next.get(&at.partition) == Some(to), || {
            format!("the pages of {at} do not come to {to}")
        })?;
    }
    Ok(())
}

/// Exactly one release of each event, with the right key and the right body, and nothing else of that type.
///
/// # Errors
/// With the difference.
pub fn verify_releases(
    records: &[Record],
    wide: &Wide,
    events: impl Iterator<Item = Event>,
    key: &PurposeKey,
) -> Result<(), NoFigure> {
    let event_type = walbrook_proto::record(CareEpisode::FULL_NAME)
        .and_then(|record| record.event)
        .map_or("", |event| event.event_type);
    let released = records
        .iter()
        .filter(|record| record.headers.text(headers::TYPE) == Some(event_type));
    let wanted = events.map(|event| (wide.pseudonym(&event, key), event.shared()));
    same("releases", released, wanted)
}

/// The keys and bodies of records are those wanted, in any order.
///
/// # Errors
/// With the difference.
pub fn same<'a>(
    what: &str,
    records: impl Iterator<Item = &'a Record>,
    wanted: impl Iterator<Item = (Vec<u8>, Vec<u8>)>,
) -> Result<(), NoFigure> {
    let mut found = Vec::new();
    for record in records {
        let (_, body) = unframe(record.value.as_deref())
            .map_err(|error| NoFigure(format!("{what}: {error:?}")))?;
        let key = record.key.as_deref().unwrap_or_default().to_vec();
        found.push((key, body.to_vec()));
    }
    let mut wanted: Vec<_> = wanted.collect();
    found.sort_unstable();
    wanted.sort_unstable();
    demand(found.len() == wanted.len(), || {
        format!(
            "{what}: {} are on the log, {} have to be",
            found.len(),
            wanted.len()
        )
    })?;
    let differing = found.iter().zip(&wanted).filter(|(a, b)| a != b).count();
    demand(differing == 0, || {
        format!("{what}: {differing} of {} differ", wanted.len())
    })
}

/// The records of a run's output as a peer writes them: spread evenly over its course, into topics of the peer's own.
#[must_use]
pub fn interleaved(
    mut records: Vec<Record>,
    topic_of: impl Fn(&Record) -> std::sync::Arc<str>,
) -> Vec<Record> {
    let mut counts: BTreeMap<TopicPartition, (u32, u32)> = BTreeMap::new();
    for record in &records {
        counts.entry(record.at.clone()).or_default().0 += 1;
    }
    let mut placed: Vec<(f64, Record)> = Vec::with_capacity(records.len());
    for mut record in records.drain(..) {
        let place = counts.entry(record.at.clone()).or_insert((1, 0));
        let at = f64::from(place.1) / f64::from(place.0);
        place.1 += 1;
        record.at.topic = topic_of(&record);
        placed.push((at, record));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    placed.into_iter().map(|(_, record)| record).collect()
}

/// The topics that a run of enforcement writes to.
#[must_use]
pub fn written_topics() -> [String; 2] {
    [topics::shared(wide::PURPOSE), topics::DECISIONS.to_owned()]
}
