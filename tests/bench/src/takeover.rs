//! `takeover.s`: how long it takes to take all of p over, after a broker with a history was killed with kill -9 behind a short tail.
//!
//! One event about each of many people is decided and kept on disk; then some more are, and the broker is killed. Each run kills and starts it again
//! twice on the same log: with what it kept, and without. Seconds are from the first question about a p to p being built, of the four p's the longest:
//! they are built side by side. What was built is checked by what it decides next, and in the short form by an audit of everything.

use crate::figure::{Better, Figure, Reference, load_average};
use crate::wide::{self, Names, Wide};
use crate::{Args, NoFigure, RUNS, consents, demand, town};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use walbrook_eventlog::topics;
use walbrook_tests::backbone::{Backbone, Options};

/// The figure.
pub const NAME: &str = "takeover.s";
/// Raw events of the history, one about each handle: short form, stated size.
const HISTORY: (usize, usize) = (100_000, 1_000_000);
/// Events behind what is kept.
const TAIL: usize = 4_000;
const PATIENCE: Duration = Duration::from_secs(600);
const BUILT: &str = "p is built from the log";

/// One takeover.
struct Takeover {
    seconds: f64,
    records_read: f64,
    from_snapshot: bool,
}

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(args: &Args) -> Result<Figure, NoFigure> {
    let load = load_average();
    let history = if args.full { HISTORY.1 } else { HISTORY.0 };
    let folder = tempfile::tempdir()?;
    let keys = &folder.path().join("keys");
    town::create_keys(keys)?;
    let place = Backbone::start(Options::only(&["broker"]).with_keys(keys)).await;
    let wide = Wide::new(history, args.seed)?;
    let names = Names::of(&place).await?;
    for (document, parties) in wide::agreements() {
        place.agree(&document, &parties).await;
    }
    let empty = consents::resident(place.pid("broker"))?;
    town::append(&place.kafka, wide.links(&names).map(Ok)).await?;
    town::committed(&place, &town::partitions_of(&place, topics::LINKS)).await?;
    decide(&place, &wide, &names, 1, history).await?;
    // It writes what it has when it is asked to stop.
    place.stop("broker");
    place.restart("broker");
    decide(&place, &wide, &names, 2, TAIL).await?;

    let kept = place.folder().join("data/broker/p");
    let aside = kept.with_extension("aside");
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for run in 1..=RUNS {
        let own = again(&place)?;
        demand(own.from_snapshot, || {
            format!("a snapshot was passed over\n{}", place.log_of("broker", 20))
        })?;
        let memory = consents::resident(place.pid("broker"))? - empty;
        std::fs::rename(&kept, &aside)?;
        let whole = again(&place)?;
        remove(&kept)?;
        std::fs::rename(&aside, &kept)?;
        demand(!whole.from_snapshot, || "there was a snapshot".to_owned())?;
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let each = memory / history as f64;
        eprintln!(
            "takeover run {run}: {:.2} s reading {} records, {:.2} s reading {}; {each:.0} bytes of memory for each person with one event",
            own.seconds, own.records_read, whole.seconds, whole.records_read
        );
        with.push(own.seconds);
        without.push(whole.seconds);
    }
    again(&place)?;
    decide(&place, &wide, &names, 3, TAIL).await?;
    place.stop("broker");
    if !args.full {
        town::audit(&place)?;
    }
    Ok(Figure {
        name: NAME,
        unit: "s",
        better: Better::Lower,
        values: with,
        reference: Some(Reference {
            name: "reading the whole history",
            values: without,
        }),
        workload_hash: wide.hash(),
        load_average: load,
    })
}

fn remove(folder: &PathBuf) -> Result<(), NoFigure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// Events, decided.
async fn decide(
    place: &Backbone,
    wide: &Wide,
    names: &Names,
    run: u64,
    count: usize,
) -> Result<(), NoFigure> {
    let events = wide.events_about(run, count);
    let records = events.map(|event| wide.record(&event, names));
    town::append(&place.kafka, records).await?;
    town::committed(place, &town::raw_partitions(place)).await
}

/// Kills the broker and starts it again; what it says of building each p.
fn again(place: &Backbone) -> Result<Takeover, NoFigure> {
    place.kill_9("broker");
    let known = said(place).len();
    place.relaunch("broker");
    let partitions = usize::try_from(place.partitions())?;
    let deadline = Instant::now() + PATIENCE;
    let built = loop {
        let lines = said(place).split_off(known);
        if lines.len() >= partitions {
            break lines;
        }
        demand(Instant::now() < deadline, || {
            format!("p is not taken over\n{}", place.log_of("broker", 20))
        })?;
        std::thread::sleep(Duration::from_millis(50));
    };
    let number = |line: &String, name: &str| -> f64 {
        let rest = line.split_once(name).map_or("", |(_, rest)| rest);
        let digits: String = rest
            .chars()
            .skip_while(|letter| !letter.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap_or(f64::NAN)
    };
    let longest = |name| {
        built
            .iter()
            .map(|line| number(line, name))
            .fold(0.0, f64::max)
    };
    let sum = |name| built.iter().map(|line| number(line, name)).sum();
    let from_snapshot = |line: &String| {
        let rest = line
            .split_once("from_snapshot")
            .map_or("", |(_, rest)| rest);
        rest.trim_start_matches(|letter: char| !letter.is_ascii_alphabetic())
            .starts_with("true")
    };
    let (mut all, mut any) = (true, false);
    for line in &built {
        all &= from_snapshot(line);
        any |= from_snapshot(line);
    }
    demand(all == any, || {
        "some p had a snapshot, some had none".to_owned()
    })?;
    Ok(Takeover {
        seconds: longest("took_ms") / 1e3,
        records_read: sum("records_read"),
        from_snapshot: all,
    })
}

/// The lines that say that p was built.
fn said(place: &Backbone) -> Vec<String> {
    let log = place.whole_log_of("broker");
    let lines = log.lines().filter(|line| line.contains(BUILT));
    lines.map(str::to_owned).collect()
}
