//! `city.events_per_s` and `city.peak_mib`: the command `walbrook city events`, from nothing to a file of all events in the order of their days, with the
//! truth beside it; and the most memory it took.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::figure::{Better, Figure, load_average};
use crate::import::largest_kib;
use crate::{Args, NoFigure, RUNS, demand};

/// Events a second, everything included.
pub const SPEED: &str = "city.events_per_s";
/// Largest memory of the process.
pub const PEAK: &str = "city.peak_mib";
/// People: short form, stated size.
const PEOPLE: (u64, u64) = (50_000, 1_000_000);
/// Runs at the stated size: each takes minutes, and all say the same.
const FULL_RUNS: usize = 1;
/// The days told: a year, always the same.
const DAYS: [&str; 4] = ["--from", "2025-10-01", "--to", "2026-09-30"];

/// Runs them.
///
/// # Errors
/// Why there are no figures.
pub fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let load = load_average();
    let (people, runs) = match args.full {
        true => (PEOPLE.1, FULL_RUNS),
        false => (PEOPLE.0, RUNS),
    };
    let folder = tempfile::tempdir()?;
    let (mut speed, mut peak) = (Vec::new(), Vec::new());
    let mut first: Option<String> = None;
    for number in 1..=runs {
        let made = make(folder.path(), people, args.seed)?;
        let events = made.events as f64;
        let per_s = events / made.took.as_secs_f64();
        let mib = made.peak_kib / 1_024.0;
        eprintln!(
            "{SPEED} run {number}: {events} events of {people} people, {per_s:.0}/s, at most {mib:.0} MiB"
        );
        let hash = verify(folder.path(), people, made.events)?;
        let same = first.get_or_insert_with(|| hash.clone()) == &hash;
        demand(same, || "two runs made two cities of one seed".to_owned())?;
        speed.push(per_s);
        peak.push(mib);
    }
    let of = |name, unit, better, values| Figure {
        name,
        unit,
        better,
        values,
        reference: None,
        workload_hash: first.clone().unwrap_or_default(),
        load_average: load,
    };
    let mut figures = vec![
        of(SPEED, "events/s", Better::Higher, speed),
        of(PEAK, "MiB", Better::Lower, peak),
    ];
    figures.retain(|figure| wanted.contains(&figure.name));
    Ok(figures)
}

struct Made {
    took: Duration,
    peak_kib: f64,
    events: u64,
}

fn make(folder: &Path, people: u64, seed: u64) -> Result<Made, NoFigure> {
    let program = std::env::current_exe()?.with_file_name("walbrook");
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(["city", "events", "--json", "--people", &people.to_string()])
        .args(["--seed", &seed.to_string()])
        .args(DAYS)
        .arg("--out")
        .arg(folder.join("events.jsonl"))
        .arg("--truth")
        .arg(folder.join("truth"))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut peak_kib = 0.0_f64;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak_kib = peak_kib.max(largest_kib(child.id()));
        std::thread::sleep(Duration::from_millis(5));
    };
    let took = started.elapsed();
    demand(status.success(), || {
        format!("the generator ended with {status}")
    })?;
    let said = child.stdout.take().map(std::io::read_to_string);
    let report: serde_json::Value = serde_json::from_str(&said.transpose()?.unwrap_or_default())?;
    let number = |name: &str| report.get(name).and_then(serde_json::Value::as_u64);
    demand(number("people") == Some(people), || {
        format!("another number of people was made: {report}")
    })?;
    Ok(Made {
        took,
        peak_kib,
        events: number("events").unwrap_or_default(),
    })
}

/// Every line is an event of some agency under an id of its own, nobody is missing in the truth; the SHA-256 of all of it.
fn verify(folder: &Path, people: u64, events: u64) -> Result<String, NoFigure> {
    let mut hash = Sha256::new();
    let mut ids: HashSet<u128> = HashSet::new();
    let mut line = String::new();
    let mut lines = BufReader::new(File::open(folder.join("events.jsonl"))?);
    while lines.read_line(&mut line)? > 0 {
        hash.update(line.as_bytes());
        let event: serde_json::Value = serde_json::from_str(&line)?;
        let text = |at: &str| event.pointer(at).and_then(serde_json::Value::as_str);
        let id: uuid::Uuid = text("/event/head/eventId").unwrap_or_default().parse()?;
        let whole = text("/agency").is_some() && text("/organisation").is_some();
        demand(whole && ids.insert(id.as_u128()), || {
            format!("line {} has no sender, or another's id", ids.len() + 1)
        })?;
        line.clear();
    }
    let found = u64::try_from(ids.len()).unwrap_or_default();
    demand(found == events && events > people, || {
        format!("{found} of {events} events are in the file")
    })?;
    let lives = BufReader::new(File::open(folder.join("truth/people.csv"))?).lines();
    let mut told = 0_u64;
    for life in lives {
        hash.update(life?.as_bytes());
        told += 1;
    }
    // The first line names the columns.
    demand(told == people + 1, || {
        format!("the truth tells of {} people", told.saturating_sub(1))
    })?;
    Ok(hex::encode(hash.finalize()))
}
