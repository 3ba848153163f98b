//! `walbrook status`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use walbrook_testkit::cluster::{http_ok, kafka_answers, registry_answers};

use super::folder::{Folder, Process, State};
use crate::{Exit, Failure};

/// Show what runs and where it listens.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The folder that `up` was given
    #[arg(
        long,
        value_name = "DIR",
        default_value = ".walbrook",
        env = "WALBROOK_DIR"
    )]
    pub dir: PathBuf,
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

#[derive(Serialize)]
struct Report<'a> {
    supervisor: u32,
    namespace: &'a str,
    kafka: &'a str,
    registry: &'a str,
    ready: bool,
    processes: &'a [Row],
}

/// Asks every process whether it serves.
///
/// # Errors
/// When nothing runs there.
pub fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    let folder = Folder::existing(&args.dir)?;
    let state = folder.running_state()?;
    let rows = rows(&state);
    let ready = state.ready && rows.iter().all(|row| row.state == "ready");
    if args.json {
        let report = Report {
            supervisor: state.pid,
            namespace: &state.namespace,
            kafka: &state.kafka,
            registry: &state.registry,
            ready,
            processes: &rows,
        };
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        println!("{text}");
    } else {
        println!("{}", render(&rows));
        println!("supervisor {}, namespace {}", state.pid, state.namespace);
    }
    Ok(if ready { Exit::Done } else { Exit::Difference })
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

/// The rows as a table.
pub(super) fn render(rows: &[Row]) -> String {
    let mut table = crate::table::table([
        "process",
        "state",
        "pid",
        "serves",
        "metrics and health",
        "log",
    ]);
    for row in rows {
        table.add_row([
            row.name.clone(),
            row.state.to_owned(),
            row.pid.to_string(),
            row.serves.clone(),
            row.metrics.clone().unwrap_or_default(),
            row.log.display().to_string(),
        ]);
    }
    table.to_string()
}
