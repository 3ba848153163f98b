//! `enforce.vs_copy` and `enforce.vs_kafka_streams_cpu`: the real broker, one thread, four partitions, through backlogs of wide events about many
//! people in random order (see [`crate::wide`]): read, barrier, decide, project eight of twelve fields away, pseudonymise, write, and commit
//! with pages and positions.
//!
//! - against a bare transactional copy: the same records read, the broker's own output of the run written again, drained, with positions;
//! - against a Kafka Streams program that does nothing but the projection and the pseudonym: events for each CPU-second of the client process.
//!
//! The broker is warm: it has decided one event about each handle. It is stopped (SIGSTOP) while a backlog is written, so that all of it is there at
//! once; then each side goes through it by itself. Both rates are taken over whole cycles in full swing: the broker's from the first page's decision
//! time to the last page's (without the last transaction's events), the copy's from the end of its first transaction to the end of its last.

use crate::figure::{Better, Figure, Reference, load_average};
use crate::output::{self, Marks};
use crate::streams::Streams;
use crate::wide::{Event, Names, Wide};
use crate::{Args, NoFigure, RUNS, cpu, demand, streams, town, wide};
use walbrook_event::PurposeKey;
use walbrook_eventlog::{Record, topics};
use walbrook_eventlog_kafka::peer::{Pace, TransactionalCopy};
use walbrook_tests::backbone::{Backbone, Options};

/// Throughput beside the copy.
pub const VS_COPY: &str = "enforce.vs_copy";
/// Events for each CPU-second beside Kafka Streams.
pub const VS_STREAMS: &str = "enforce.vs_kafka_streams_cpu";
/// Handles, and events of a run: short form, stated size.
const SIZE: ((usize, usize), (usize, usize)) = ((100_000, 100_000), (1_000_000, 400_000));
/// Records that the copy takes into one transaction: between the sizes that our own batches have (4,000 to 40,000).
const COPY_BATCH: usize = 20_000;
/// Where the copy writes what the broker wrote to its two topics.
const COPIES: [&str; 2] = ["bench.copy.shared", "bench.copy.decisions"];

/// Everything a run needs.
pub struct Site {
    /// The backbone.
    pub place: Backbone,
    /// The workload.
    pub wide: Wide,
    /// How its records are named there.
    pub names: Names,
    key: PurposeKey,
    copies: [std::sync::Arc<str>; 2],
    streams: Option<Streams>,
}

/// The values of one run.
struct Run {
    ours: f64,
    copy: f64,
    ours_per_cpu_s: f64,
    streams_per_cpu_s: Option<f64>,
}

/// Runs it for the names wanted.
///
/// # Errors
/// Why there is no figure.
pub async fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let load = load_average();
    let (handles, events) = if args.full { SIZE.1 } else { SIZE.0 };
    let folder = tempfile::tempdir()?;
    let keys = &folder.path().join("keys");
    town::create_keys(keys)?;
    let mut site = prepare(handles, args.seed, keys, wanted.contains(&VS_STREAMS)).await?;
    let mut runs = Vec::new();
    // The first warms all sides up.
    for number in 0..=RUNS {
        let run = one(&mut site, u64::try_from(number)? + 1, events).await?;
        if number > 0 {
            runs.push(run);
        }
    }
    if let Some(streams) = site.streams.take() {
        streams.stop()?;
    }
    site.place.stop("broker");
    if !args.full {
        let began = std::time::Instant::now();
        town::audit(&site.place)?;
        eprintln!("enforce: audited in {:.0} s", began.elapsed().as_secs_f64());
    }
    let figure = |name, unit, values, peer, others: Vec<f64>| Figure {
        name,
        unit,
        better: Better::Higher,
        values,
        reference: Some(Reference {
            name: peer,
            values: others,
        }),
        workload_hash: site.wide.hash(),
        load_average: load,
    };
    let mut figures = vec![figure(
        VS_COPY,
        "events/s",
        runs.iter().map(|run| run.ours).collect(),
        "bare transactional copy of the same input and output",
        runs.iter().map(|run| run.copy).collect(),
    )];
    figures.push(figure(
        VS_STREAMS,
        "events/CPU-s",
        runs.iter().map(|run| run.ours_per_cpu_s).collect(),
        "Kafka Streams, exactly_once_v2, projection and pseudonym only",
        runs.iter()
            .filter_map(|run| run.streams_per_cpu_s)
            .collect(),
    ));
    figures.retain(|figure| wanted.contains(&figure.name));
    Ok(figures)
}

/// A warm broker and its workload.
///
/// # Errors
/// When it does not come to work.
pub async fn prepare(
    handles: usize,
    seed: u64,
    keys: &std::path::Path,
    with_streams: bool,
) -> Result<Site, NoFigure> {
    let place = Backbone::start(Options::only(&["broker"]).with_keys(keys)).await;
    let wide = Wide::new(handles, seed)?;
    let names = Names::of(&place).await?;
    for (document, parties) in wide::agreements() {
        place.agree(&document, &parties).await;
    }
    say_size(&wide, &names)?;
    town::append(&place.kafka, wide.links(&names).map(Ok)).await?;
    town::committed(&place, &town::partitions_of(&place, topics::LINKS)).await?;
    let first = wide
        .events_about(0, handles)
        .map(|event| wide.record(&event, &names));
    town::append(&place.kafka, first).await?;
    town::committed(&place, &town::raw_partitions(&place)).await?;
    let copies = [
        town::peer_topic(&place, COPIES[0]).await?.into(),
        town::peer_topic(&place, COPIES[1]).await?.into(),
    ];
    let streams = if with_streams {
        Some(Streams::start(&place, &names).await?)
    } else {
        None
    };
    let key = wide::purpose_key(&place)?;
    Ok(Site {
        place,
        wide,
        names,
        key,
        copies,
        streams,
    })
}

fn say_size(wide: &Wide, names: &Names) -> Result<(), NoFigure> {
    let mut bytes = Vec::new();
    let mut values = Vec::new();
    for event in wide.events(1, 1_000) {
        let record = wide.record(&event, names)?;
        bytes.push(wide::bytes_of(&record));
        values.push(wide::values_of(&record));
    }
    eprintln!(
        "enforce: {} handles; an event has about {} bytes of key, value and header values, {} with header names",
        wide.handles(),
        values.iter().sum::<usize>() / values.len().max(1),
        bytes.iter().sum::<usize>() / bytes.len().max(1)
    );
    Ok(())
}

async fn one(site: &mut Site, number: u64, events: usize) -> Result<Run, NoFigure> {
    let raw = topics::raw(wide::AGENCY);
    let mut all = output::written_topics().to_vec();
    all.extend([raw.clone(), COPIES[0].into(), COPIES[1].into()]);
    if let Some(streams) = &mut site.streams {
        streams.freeze()?;
        all.push(streams::written());
    }
    let before = output::marks(&site.place, &all)?;
    let pid = site.place.pid("broker");
    site.place.freeze("broker");
    let poured = site
        .wide
        .events(number, events)
        .map(|event| site.wide.record(&event, &site.names));
    town::append(&site.place.kafka, poured).await?;
    let cpu_before = cpu::seconds(pid)?;
    site.place.thaw("broker");
    town::committed(&site.place, &town::partitions_of(&site.place, &raw)).await?;
    let cpu_s = cpu::seconds(pid)? - cpu_before;
    let after = output::marks(&site.place, &all)?;
    let (ours, written) = check(site, &before, &after, || site.wide.events(number, events))?;
    let (pace, copy_cpu_s) = copy(site, &before, &after, written).await?;
    let (ours_per_cpu_s, copy) = (rate(events, cpu_s), pace_of(pace));
    eprintln!(
        "enforce run {number}: {ours:.0} events/s ({:.2} CPU-s a million) beside the copy's {copy:.0} ({:.2}), {events} events",
        1e6 / ours_per_cpu_s,
        1e6 / rate(events, copy_cpu_s)
    );
    let mut streams_per_cpu_s = None;
    if let Some(streams) = &mut site.streams {
        let run = streams.run(&site.place).await?;
        let after = output::marks(&site.place, &all)?;
        let wanted = site.wide.events(number, events);
        streams::verify(&site.place, &site.wide, wanted, &before, &after)?;
        eprintln!(
            "enforce run {number}: Kafka Streams {:.0} events/s, {:.2} CPU-s a million",
            rate(events, run.took_s),
            1e6 / rate(events, run.cpu_s)
        );
        streams_per_cpu_s = Some(rate(events, run.cpu_s));
    }
    Ok(Run {
        ours,
        copy,
        ours_per_cpu_s,
        streams_per_cpu_s,
    })
}

/// Whether everything is as it must be; the rate, and the records written.
fn check<I: Iterator<Item = Event>>(
    site: &Site,
    before: &Marks,
    after: &Marks,
    events: impl Fn() -> I,
) -> Result<(f64, Vec<Record>), NoFigure> {
    let [shared, decisions] = output::written_topics();
    let mut written = output::between(&site.place, &shared, before, after)?;
    output::verify_releases(&written, &site.wide, events(), &site.key)?;
    let pages = output::between(&site.place, &decisions, before, after)?;
    let read = output::pages(&pages)?;
    let raw = topics::raw(wide::AGENCY);
    let inputs = output::inputs(&site.place, &raw, before, after);
    output::verify_pages(&read, &inputs)?;
    written.extend(pages);
    Ok((output::pace(&read)?, written))
}

async fn copy(
    site: &Site,
    before: &Marks,
    after: &Marks,
    written: Vec<Record>,
) -> Result<(Pace, f64), NoFigure> {
    let shared = site.place.namespace.name(&topics::shared(wide::PURPOSE));
    let [to_shared, to_decisions] = &site.copies;
    let expected = written.len();
    let outputs = output::interleaved(written, |record| {
        let of_shared = *record.at.topic == *shared;
        std::sync::Arc::clone(if of_shared { to_shared } else { to_decisions })
    });
    let raw = topics::raw(wide::AGENCY);
    let inputs = output::inputs(&site.place, &raw, before, after);
    let (kafka, id) = (
        site.place.kafka.clone(),
        site.place.namespace.name("bench.copy"),
    );
    let (pace, cpu_s) = tokio::task::spawn_blocking(move || {
        let copy = TransactionalCopy::new(&kafka, &id, &inputs, outputs, COPY_BATCH)?;
        let before = cpu::seconds(std::process::id())?;
        let pace = copy.run()?;
        Ok::<_, NoFigure>((pace, cpu::seconds(std::process::id())? - before))
    })
    .await??;
    let ends = output::marks(&site.place, &COPIES.map(str::to_owned))?;
    let mut found = 0;
    for topic in COPIES {
        found += output::between(&site.place, topic, before, &ends)?.len();
    }
    demand(found == expected, || {
        format!("the copy wrote {found} of {expected} records")
    })?;
    Ok((pace, cpu_s))
}

fn pace_of(pace: Pace) -> f64 {
    rate(
        usize::try_from(pace.timed).unwrap_or(0),
        pace.took.as_secs_f64(),
    )
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn rate(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}
