//! `enforce.vs_copy`: the real broker through a backlog of a city's raw events: read, barrier, decide, project, pseudonymise, write, and commit with
//! pages and positions; against a bare transactional copy of the same raw records.
//!
//! Both are timed over whole cycles between transactions that are in full swing: the broker from the first page's decision time to the last page's
//! (the last transaction's events are not counted), the copy from the end of its first transaction to the end of its last.

use crate::figure::{Better, Figure, Reference, load_average};
use crate::{Args, NoFigure, RUNS, demand, town};
use std::collections::BTreeMap;
use walbrook_event::headers;
use walbrook_eventlog::{Record, topics};
use walbrook_eventlog_kafka::peer::{Pace, TransactionalCopy};
use walbrook_policy::outcome::Outcome;
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{Heartbeat, Retraction, SubjectRecord};
use walbrook_tests::backbone::{Backbone, Options};

/// Its name.
pub const NAME: &str = "enforce.vs_copy";
/// People of the city: short form, stated size.
const PEOPLE: (usize, usize) = (30_000, 300_000);
/// As many records as the broker takes at once.
const BATCH: usize = 4_000;
const AGENCIES: [&str; 5] = ["police", "health", "housing", "tfl", "social-care"];

/// What one run of the broker left on the log.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Output {
    events: u64,
    pages: u64,
    permits: u64,
    releases: u64,
}

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(args: &Args) -> Result<Figure, NoFigure> {
    let load = load_average();
    let people = if args.full { PEOPLE.1 } else { PEOPLE.0 };
    let folder = tempfile::tempdir()?;
    let keys = &folder.path().join("keys");
    town::create_keys(keys)?;
    let source = source(people, args.seed, keys).await?;
    let control: Vec<Record> = [topics::POLICY, topics::AGREEMENTS, topics::LINKS]
        .iter()
        .flat_map(|topic| source.records(topic))
        .collect();
    let raw: Vec<Record> = topics::RAW
        .iter()
        .flat_map(|topic| source.records(topic))
        .collect();
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    let mut first: Option<Output> = None;
    for number in 1..=RUNS {
        let place = Backbone::prepare(&Options::only(&[]).with_keys(keys)).await;
        let (rate, output) = enforce(&source, &place, &control, &raw).await?;
        let pace = copy(&place, raw.len()).await?;
        let peer = rate_of(pace.timed, pace.took.as_secs_f64());
        eprintln!("{NAME} run {number}: {rate:.0} events/s beside {peer:.0} records/s; {output:?}");
        // The same records in the same order under the same control records: whatever the batches were, the releases are the same.
        let same = first.as_ref().is_none_or(|first| {
            (first.events, first.permits, first.releases)
                == (output.events, output.permits, output.releases)
        });
        demand(same, || {
            format!("run {number} differs from the first: {output:?}, {first:?}")
        })?;
        first.get_or_insert(output);
        if number == RUNS {
            town::audit(&place)?;
        }
        ours.push(rate);
        peers.push(peer);
    }
    Ok(Figure {
        name: NAME,
        unit: "events/s",
        better: Better::Higher,
        values: ours,
        reference: Some(Reference {
            name: "bare transactional copy",
            values: peers,
        }),
        workload_hash: town::hash(people, args.seed),
        load_average: load,
    })
}

/// A backbone through which the city went once; its processes are stopped, its log stays.
async fn source(people: usize, seed: u64, keys: &std::path::Path) -> Result<Backbone, NoFigure> {
    let mut services = vec!["identity", "broker"];
    services.extend(AGENCIES);
    let backbone = Backbone::start(Options::only(&services).with_keys(keys)).await;
    let city = town::city(people, seed);
    eprintln!(
        "{NAME}: {} events of {} people",
        city.events.len(),
        city.people.len()
    );
    town::agree(&backbone, &city).await?;
    town::send(
        &backbone,
        city.events.into_iter().map(|told| told.event).collect(),
    )
    .await?;
    town::stop(&backbone, &services);
    Ok(backbone)
}

/// The broker waits, joined and with every control record applied; then the backlog is there at once.
async fn enforce(
    source: &Backbone,
    place: &Backbone,
    control: &[Record],
    raw: &[Record],
) -> Result<(f64, Output), NoFigure> {
    town::pour(source, place, control).await?;
    place.launch("broker", "broker");
    place.await_ready("broker");
    town::committed(place, &town::partitions_of(place, topics::LINKS)).await?;
    place.freeze("broker");
    town::pour(source, place, raw).await?;
    place.thaw("broker");
    town::committed(place, &town::raw_partitions(place)).await?;
    place.stop("broker");
    let pages = pages(place)?;
    let output = verify(place, &pages, raw.len())?;
    Ok((pace(&pages)?, output))
}

fn pages(place: &Backbone) -> Result<Vec<DecisionPage>, NoFigure> {
    let mut pages = Vec::new();
    for record in place.records(topics::DECISIONS) {
        let value = record.value.as_deref();
        let (_, body) = walbrook_event::framing::unframe(value)
            .map_err(|error| NoFigure(format!("{error:?}")))?;
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
    if page.kind == "LIVE" {
        u64::try_from(page.last_offset - page.first_offset + 1).unwrap_or(0)
    } else {
        0
    }
}

/// Events a second from the first transaction to the last, without the last one's.
fn pace(pages: &[DecisionPage]) -> Result<f64, NoFigure> {
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
    demand(transactions.len() >= 5, || {
        format!(
            "{} transactions are too few to time: use a larger city",
            transactions.len()
        )
    })?;
    let counted: u64 = transactions.values().sum::<u64>() - in_last;
    #[expect(clippy::cast_precision_loss, reason = "microseconds of minutes")]
    let seconds = (last.0 - first.0) as f64 / 1e6;
    Ok(rate_of(counted, seconds))
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn rate_of(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// Pages join and cover every raw record once; permits on pages and releases on topics are as many.
fn verify(place: &Backbone, pages: &[DecisionPage], raw: usize) -> Result<Output, NoFigure> {
    let mut next: BTreeMap<(&str, i32), i64> = BTreeMap::new();
    let mut output = Output {
        events: 0,
        pages: 0,
        permits: 0,
        releases: 0,
    };
    for page in pages.iter().filter(|page| page.kind == "LIVE") {
        let expected = next.entry((&page.raw_topic, page.partition)).or_default();
        demand(*expected == page.first_offset, || {
            format!(
                "{}[{}]: a page begins at {} instead of {expected}",
                page.raw_topic, page.partition, page.first_offset
            )
        })?;
        *expected = page.last_offset + 1;
        output.pages += 1;
        output.events += events_of(page);
    }
    let entries = |page: &DecisionPage| {
        let redecided: Vec<_> = page
            .redecided
            .iter()
            .flat_map(|event| event.entries.clone())
            .collect();
        let all = page.entries.iter().cloned().chain(redecided);
        all.filter(|entry| entry.outcome == Outcome::Permit.code() && entry.field_mask != 0)
            .count()
    };
    output.permits = pages
        .iter()
        .map(|page| u64::try_from(entries(page)).unwrap_or(0))
        .sum();
    let released = |record: &Record| {
        let kind = record.headers.text(headers::TYPE).unwrap_or_default();
        ![
            Retraction::FULL_NAME,
            SubjectRecord::FULL_NAME,
            Heartbeat::FULL_NAME,
        ]
        .contains(&kind)
    };
    let shared = topics::PURPOSES
        .iter()
        .map(|purpose| topics::shared(purpose));
    for topic in shared.chain(topics::DATASETS.iter().map(|dataset| topics::open(dataset))) {
        let count = place
            .records(&topic)
            .iter()
            .filter(|record| released(record))
            .count();
        output.releases += u64::try_from(count).unwrap_or(0);
    }
    demand(output.events == u64::try_from(raw).unwrap_or(0), || {
        format!("{raw} raw records, but {output:?}")
    })?;
    demand(
        output.permits == output.releases && output.releases > 0,
        || format!("permits are no releases: {output:?}"),
    )?;
    Ok(output)
}

async fn copy(place: &Backbone, raw: usize) -> Result<Pace, NoFigure> {
    let output = town::peer_topic(place, "bench.copy").await?;
    let inputs = town::raw_partitions(place);
    let ends = town::ends(&place.kafka, &inputs)?;
    let inputs: Vec<_> = inputs.into_iter().zip(ends).collect();
    let (kafka, id) = (place.kafka.clone(), place.namespace.name("bench.copy"));
    let pace = tokio::task::spawn_blocking(move || {
        TransactionalCopy::new(&kafka, &id, &inputs, &output, BATCH)?.run()
    })
    .await??;
    let copied = place.records("bench.copy").len();
    demand(
        copied == raw && pace.records == u64::try_from(raw).unwrap_or(0),
        || format!("the copy has {copied} of {raw} records"),
    )?;
    Ok(pace)
}
