//! `generation.copied_per_s` and `generation.enforce_beside`: the real broker copies everything that stands on a purpose's topic to its next
//! generation and switches to it, with nothing else to do, and while it goes through a backlog (see [`crate::enforce`] and [`crate::wide`]).
//!
//! Every release is of an event of its own, so nearly all of it stands: each record is looked at once and copied once. A copy is timed from the call that
//! begins it until the last partition number writes to the new generation; its output is read and held against its source, byte for byte.

use crate::enforce::{Site, prepare};
use crate::figure::{Better, Figure, Reference, load_average};
use crate::{Args, NoFigure, RUNS, cpu, demand, output, town, wide};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use walbrook_eventlog::{Record, chain, topics};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::{
    BeginGenerationRequest, GenerationCopy, GenerationStatus, ListGenerationsRequest,
};
use walbrook_proto::shared::v1::Heartbeat;

/// Records copied a second.
pub const NAME: &str = "generation.copied_per_s";
/// Events decided a second beside it.
pub const BESIDE: &str = "generation.enforce_beside";
/// Handles, and events of each backlog: short form, stated size.
const SIZE: ((usize, usize), (usize, usize)) = ((100_000, 100_000), (1_000_000, 200_000));
const PATIENCE: Duration = Duration::from_secs(600);
const TICK: Duration = Duration::from_millis(20);

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
    let site = prepare(handles, args.seed, keys, false).await?;
    let (mut copied, mut alone, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    let mut in_force = chain::FIRST;
    // The first warms everything up.
    for number in 0..=u64::try_from(RUNS)? {
        let of_copy = idle(&site, &mut in_force).await?;
        let of_alone = backlog(&site, 2 * number + 1, events, None).await?;
        let of_beside = backlog(&site, 2 * number + 2, events, Some(&mut in_force)).await?;
        eprintln!(
            "generation run {number}: {of_alone:.0} events/s alone, {of_beside:.0} beside a copy"
        );
        if number > 0 {
            copied.push(of_copy);
            alone.push(of_alone);
            beside.push(of_beside);
        }
    }
    let figure = |name, unit, values, reference| Figure {
        name,
        unit,
        better: Better::Higher,
        values,
        reference,
        workload_hash: site.wide.hash(),
        load_average: load,
    };
    let without = Reference {
        name: "the same while nothing is copied",
        values: alone,
    };
    let mut figures = vec![
        figure(NAME, "records/s", copied, None),
        figure(BESIDE, "events/s", beside, Some(without)),
    ];
    figures.retain(|figure| wanted.contains(&figure.name));
    Ok(figures)
}

/// A copy with nothing beside it: records a second.
async fn idle(site: &Site, in_force: &mut u32) -> Result<f64, NoFigure> {
    let pid = site.place.pid("broker");
    let (before, began) = (cpu::seconds(pid)?, Instant::now());
    begin(site, *in_force).await?;
    let standing = in_use(site, *in_force + 1).await?;
    let (took_s, cpu_s) = (began.elapsed().as_secs_f64(), cpu::seconds(pid)? - before);
    *in_force += 1;
    let records = verified(site, *in_force, Some(standing.live))?;
    let rate = per(records, took_s);
    eprintln!(
        "generation {in_force}: {records} records in {took_s:.2} s, {rate:.0} a second, {:.2} CPU-s a million; {} of {} offsets are live",
        1e6 / per(records, cpu_s),
        standing.live,
        standing.offsets
    );
    Ok(rate)
}

/// A backlog, where `copying` is something while the next generation is filled and switched to: events a second.
async fn backlog(
    site: &Site,
    number: u64,
    events: usize,
    copying: Option<&mut u32>,
) -> Result<f64, NoFigure> {
    let decisions = [topics::DECISIONS.to_owned()];
    if let Some(in_force) = &copying {
        begin(site, **in_force).await?;
        let begun = |one: &GenerationStatus| one.copies.iter().all(|copy| copy.copied.is_some());
        until(site, "the copies to begin", begun).await?;
    }
    let before = output::marks(&site.place, &decisions)?;
    // All of it is there at once, and the copy stands still meanwhile, too.
    site.place.freeze("broker");
    let poured = site
        .wide
        .events(number, events)
        .map(|event| site.wide.record(&event, &site.names));
    town::append(&site.place.kafka, poured).await?;
    site.place.thaw("broker");
    let raw = town::partitions_of(&site.place, &topics::raw(wide::AGENCY));
    match copying {
        None => town::committed(&site.place, &raw).await?,
        Some(in_force) => {
            town::committed(&site.place, &raw).await?;
            let standing = until(site, "an answer", |_| true).await?;
            let left: i64 = standing.copies.iter().map(left).sum();
            eprintln!(
                "generation: it is {} when the backlog is decided, {left} offsets are left",
                standing.state
            );
            in_use(site, *in_force + 1).await?;
            *in_force += 1;
            verified(site, *in_force, None)?;
        }
    }
    let after = output::marks(&site.place, &decisions)?;
    let pages = output::between(&site.place, topics::DECISIONS, &before, &after)?;
    output::pace(&output::pages(&pages)?)
}

async fn begin(site: &Site, expected_generation: u32) -> Result<(), NoFigure> {
    let request = BeginGenerationRequest {
        purpose: wide::PURPOSE.to_owned(),
        expected_generation,
        idempotency_key: String::new(),
    };
    let mut operator = site.place.operator();
    Ok(operator.begin_generation(request).await.map(drop)?)
}

async fn in_use(site: &Site, generation: u32) -> Result<GenerationStatus, NoFigure> {
    let what = format!("generation {generation} to be in use");
    let is_in_use = |one: &GenerationStatus| one.generation == generation && one.state == "IN_USE";
    until(site, &what, is_in_use).await
}

fn left(copy: &GenerationCopy) -> i64 {
    copy.end.saturating_sub(copy.copied.unwrap_or_default())
}

/// How the purpose's topic stands once that is as wanted.
async fn until(
    site: &Site,
    what: &str,
    wanted: impl Fn(&GenerationStatus) -> bool,
) -> Result<GenerationStatus, NoFigure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut operator = site.place.operator();
        let listed = operator.list_generations(ListGenerationsRequest {}).await?;
        let mut purposes = listed.into_inner().purposes.into_iter();
        let standing = purposes.find(|one| one.purpose == wide::PURPOSE);
        let standing = standing.ok_or_else(|| NoFigure("no such purpose".to_owned()))?;
        if wanted(&standing) {
            return Ok(standing);
        }
        demand(Instant::now() < deadline, || {
            let log = site.place.log_of("broker", 20);
            format!("{what} does not come: {standing:?}\n{log}")
        })?;
        tokio::time::sleep(TICK).await;
    }
}

/// How many records a generation has from the one before: each as it stands there, once and in order. `live`: how many of them are no heartbeats,
/// where that is known.
fn verified(site: &Site, generation: u32, live: Option<i64>) -> Result<usize, NoFigure> {
    let all = |generation| -> Result<Vec<Record>, NoFigure> {
        let topic = chain::topic(wide::PURPOSE, generation);
        let ends = output::marks(&site.place, std::slice::from_ref(&topic))?;
        let first = ends.keys().map(|at| (at.clone(), 0)).collect();
        output::between(&site.place, &topic, &first, &ends)
    };
    let source: BTreeMap<(i32, i64), Record> = all(generation - 1)?
        .into_iter()
        .map(|record| ((record.at.partition, record.offset), record))
        .collect();
    let (mut count, mut beats, mut last) = (0, 0, BTreeMap::new());
    for copy in all(generation)? {
        let Some(from) = chain::copied_from(&copy) else {
            continue;
        };
        let original = source.get(&(copy.at.partition, from));
        let same = original.is_some_and(|one| (&one.key, &one.value) == (&copy.key, &copy.value));
        let before = last.insert(copy.at.partition, from);
        demand(same && before.is_none_or(|before| before < from), || {
            format!("{} offset {} is no copy", copy.at, copy.offset)
        })?;
        count += 1;
        let kind = copy.headers.text(walbrook_event::headers::TYPE);
        beats += usize::from(kind == Some(Heartbeat::FULL_NAME));
    }
    let expected = live.map_or(Ok(count - beats), usize::try_from)?;
    demand(count - beats == expected, || {
        format!("{} are copied of {expected} that stand", count - beats)
    })?;
    Ok(count)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn per(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}
