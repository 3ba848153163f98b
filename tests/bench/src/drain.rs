//! `view.vs_kafka_streams_cpu`: the real materialiser through backlogs of releases about many people, events for each CPU-second of the process, beside a
//! Kafka Streams program that keeps four of the same features (see [`crate::features`]).
//!
//! Each side is stopped (SIGSTOP) while a backlog is written, so that all of it is there at once; then each goes through it by itself, on the state that
//! the backlogs before have left. After each run rows drawn by chance, as their council reads them, and the peer's features of the same people are
//! compared with a fold of the events that is as plain as can be.

use crate::features::Features;
use crate::figure::{Better, Figure, Reference, load_average};
use crate::site::{Site, bytes_under};
use crate::{Args, NoFigure, RUNS, cpu};
use std::time::Instant;

/// Events for each CPU-second beside Kafka Streams.
pub const VS_STREAMS: &str = "view.vs_kafka_streams_cpu";
/// People, and events of a run: short form, stated size (3 million in all, the warm-up among them).
const SIZE: ((usize, usize), (usize, usize)) = ((40_000, 100_000), (200_000, 500_000));
const BOROUGHS: usize = 4;
/// Rows compared after each run.
const CHECKED: usize = 300;
/// The peer is stopped while others are measured; nothing may count it out meanwhile.
const SESSION_MS: u32 = 300_000;

/// Runs it.
///
/// # Errors
/// Why there is no figure.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub async fn run(args: &Args) -> Result<Figure, NoFigure> {
    let load = load_average();
    let (people, events) = if args.full { SIZE.1 } else { SIZE.0 };
    let mut site = Site::start(people, BOROUGHS, args.seed).await?;
    let mut streams = Features::start(&site, 1, SESSION_MS).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first warms both sides up.
    for number in 0..=RUNS {
        let (own, other) = one(&mut site, &mut streams, u64::try_from(number)? + 1, events).await?;
        if number > 0 {
            ours.push(own);
            theirs.push(other);
        }
    }
    let store = bytes_under(&site.store())?;
    eprintln!(
        "{VS_STREAMS}: {people} people; memory {:.0} MiB beside {:.0} MiB (heap and all), disk {:.0} MiB beside {:.0} MiB and a changelog on Kafka",
        mib(site.memory()?),
        mib(streams.memory()?),
        mib(store as f64),
        mib(streams.disk()? as f64),
    );
    streams.kill()?;
    Ok(Figure {
        name: VS_STREAMS,
        unit: "events/CPU-s",
        better: Better::Higher,
        values: ours,
        reference: Some(Reference {
            name: "Kafka Streams, exactly_once_v2, four features by person in RocksDB with a changelog",
            values: theirs,
        }),
        workload_hash: site.released.hash(),
        load_average: load,
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
async fn one(
    site: &mut Site,
    streams: &mut Features,
    number: u64,
    events: usize,
) -> Result<(f64, f64), NoFigure> {
    streams.running()?.freeze()?;
    let pid = site.place.pid("materialiser");
    site.place.freeze("materialiser");
    site.pour(number, events).await?;
    let before = cpu::seconds(pid)?;
    let began = Instant::now();
    site.place.thaw("materialiser");
    site.caught_up().await?;
    let (ours_s, ours_cpu) = (began.elapsed().as_secs_f64(), cpu::seconds(pid)? - before);
    let asked = site.check(number, CHECKED).await?;
    let (before, began) = (streams.cpu_s()?, Instant::now());
    streams.running()?.thaw()?;
    streams.passed(site).await?;
    let (theirs_s, theirs_cpu) = (began.elapsed().as_secs_f64(), streams.cpu_s()? - before);
    streams.check(site, &asked)?;
    let of = |seconds: f64| events as f64 / seconds;
    eprintln!(
        "{VS_STREAMS} run {number}: {:.0} events/s, {:.2} CPU-s a million; Kafka Streams {:.0} events/s, {:.2} CPU-s a million",
        of(ours_s),
        1e6 / of(ours_cpu),
        of(theirs_s),
        1e6 / of(theirs_cpu),
    );
    Ok((of(ours_cpu), of(theirs_cpu)))
}

fn mib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}
