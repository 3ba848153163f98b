//! `walbrook status`: which processes serve, and how far enforcement has come.

pub(crate) mod partitions;
mod sheet;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use walbrook_eventlog::{Namespace, topics};
use walbrook_eventlog_kafka::Kafka;
use walbrook_testkit::cluster::{http_ok, kafka_answers, registry_answers};

use super::folder::{Folder, Process, State};
use crate::audit::{LogArgs, blocking};
use crate::city::now;
use crate::{Exit, Failure};
use partitions::Clients;

pub(super) use sheet::processes as render;

/// Show what runs and where it listens, and how far enforcement has come. Ends with 1 when a process is not ready or something is behind its bound.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Where the log is; with `--kafka` no processes are shown
    #[command(flatten)]
    pub log: LogArgs,
    /// A partition with more undecided events is behind
    #[arg(long, value_name = "EVENTS", default_value_t = 10_000)]
    pub most_lag: i64,
    /// A partition that has not applied more records of control.policy and control.links is behind
    #[arg(long, value_name = "RECORDS", default_value_t = 1_000)]
    pub most_epoch: i64,
    /// An event that waits for longer is behind
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub most_age: i64,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// How one process is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    name: String,
    /// `ready`, `not ready` or `ended`.
    state: &'static str,
    pid: u32,
    serves: String,
    metrics: Option<String>,
    log: PathBuf,
}

/// Beyond which something is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Bounds {
    lag: i64,
    epoch: i64,
    age_ms: i64,
}

#[derive(Serialize)]
struct Report<'a> {
    supervisor: Option<u32>,
    namespace: &'a str,
    kafka: &'a str,
    registry: Option<&'a str>,
    ready: bool,
    processes: &'a [Row],
    partitions: &'a [partitions::Row],
    bounds: Bounds,
    /// What is wrong, in sentences; empty: nothing.
    behind: &'a [String],
}

/// Where things are.
struct Place {
    state: Option<State>,
    kafka: String,
    namespace: String,
}

/// Asks every process whether it serves, and Kafka how far enforcement has come.
///
/// # Errors
/// When nothing runs there.
pub async fn run(args: StatusArgs) -> Result<Exit, Failure> {
    blocking(move || status(&args)).await
}

fn place(args: &LogArgs) -> Result<Place, Failure> {
    if let Some(kafka) = &args.kafka {
        return Ok(Place {
            state: None,
            kafka: kafka.clone(),
            namespace: args.namespace.clone().unwrap_or_default(),
        });
    }
    let state = Folder::existing(&args.dir)?.running_state()?;
    Ok(Place {
        kafka: state.kafka.clone(),
        namespace: args
            .namespace
            .clone()
            .unwrap_or_else(|| state.namespace.clone()),
        state: Some(state),
    })
}

fn status(args: &StatusArgs) -> Result<Exit, Failure> {
    let place = place(&args.log)?;
    let bounds = Bounds {
        lag: args.most_lag,
        epoch: args.most_epoch,
        age_ms: args.most_age.saturating_mul(1_000),
    };
    let processes = place.state.as_ref().map(rows).unwrap_or_default();
    let (partitions, mut behind) = match asked(&place) {
        Ok(partitions) => {
            let behind = behind(&partitions, bounds);
            (partitions, behind)
        }
        Err(error) => (
            Vec::new(),
            vec![format!(
                "Kafka does not say how far enforcement has come: {error}"
            )],
        ),
    };
    for process in processes.iter().filter(|process| process.state != "ready") {
        behind.push(format!("{} is {}", process.name, process.state));
    }
    if place.state.as_ref().is_some_and(|state| !state.ready) {
        behind.push("not everything was started yet".to_owned());
    }
    let exit = if behind.is_empty() {
        Exit::Done
    } else {
        Exit::Difference
    };
    if args.json {
        let report = Report {
            supervisor: place.state.as_ref().map(|state| state.pid),
            namespace: &place.namespace,
            kafka: &place.kafka,
            registry: place.state.as_ref().map(|state| state.registry.as_str()),
            ready: exit == Exit::Done,
            processes: &processes,
            partitions: &partitions,
            bounds,
            behind: &behind,
        };
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        println!("{text}");
        return Ok(exit);
    }
    if let Some(state) = &place.state {
        println!("{}", render(&processes));
        println!("supervisor {}, namespace {}\n", state.pid, place.namespace);
    }
    if !partitions.is_empty() {
        println!("{}", sheet::partitions(&partitions, now().micros() / 1_000));
    }
    for sentence in &behind {
        println!("{sentence}");
    }
    if behind.is_empty() && !partitions.is_empty() {
        println!(
            "nothing is behind (bounds: {} undecided events, {} control records, {} s)",
            bounds.lag,
            bounds.epoch,
            bounds.age_ms / 1_000
        );
    }
    Ok(exit)
}

/// Asks Kafka. A namespace without topics has no partitions.
fn asked(place: &Place) -> Result<Vec<partitions::Row>, walbrook_eventlog::LogError> {
    let kafka = Kafka::new(place.kafka.clone(), Default::default());
    let namespace = Namespace::new(&place.namespace);
    let counts = kafka.admin()?.partitions(Duration::from_secs(10))?;
    let Some((partitions, _)) = counts.get(&namespace.name(topics::LINKS)) else {
        return Ok(Vec::new());
    };
    let mut clients = Clients {
        ends: kafka.ends()?,
        positions: kafka.positions(),
        reader: kafka.reader()?,
    };
    partitions::rows(
        &mut clients,
        &namespace,
        *partitions,
        now().micros() / 1_000,
    )
}

/// What is beyond its bound, a sentence each.
fn behind(rows: &[partitions::Row], bounds: Bounds) -> Vec<String> {
    let mut behind = Vec::new();
    for row in rows {
        let number = row.partition;
        if row.lag > bounds.lag {
            behind.push(format!(
                "partition {number} is behind: {} events are not decided (bound {})",
                row.lag, bounds.lag
            ));
        }
        let epoch = row.policy_behind.max(row.links_behind);
        if epoch > bounds.epoch {
            behind.push(format!(
                "partition {number} is behind: {epoch} control records are not applied (bound {})",
                bounds.epoch
            ));
        }
        if let Some(oldest) = row
            .oldest_undecided
            .as_ref()
            .filter(|oldest| oldest.age_ms > bounds.age_ms)
        {
            behind.push(format!(
                "partition {number} is behind: {} waits for {} (bound {})",
                oldest.record,
                sheet::span(oldest.age_ms),
                sheet::span(bounds.age_ms)
            ));
        }
    }
    behind
}

/// Every process, asked now.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let ask = |process: &Process| match (process.name.as_str(), &process.metrics) {
        ("kafka", _) => kafka_answers(&process.serves),
        ("registry", _) => registry_answers(&process.serves),
        (_, Some(metrics)) => http_ok(&format!("{metrics}/healthz")),
        (_, None) => false,
    };
    let row = |process: &Process| Row {
        name: process.name.clone(),
        state: match (ask(process), lives(process.pid)) {
            (true, _) => "ready",
            (false, true) => "not ready",
            (false, false) => "ended",
        },
        pid: process.pid,
        serves: process.serves.clone(),
        metrics: process.metrics.clone(),
        log: process.log.clone(),
    };
    state.processes.iter().map(row).collect()
}

fn lives(pid: u32) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}
