//! `walbrook up`.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;
use walbrook_testkit::process::{Launch, Running};

use super::folder::{Folder, State, failed};
use super::ports::{Ports, SERVICES, Service};
use super::supervisor::Supervisor;
use super::{LocalError, keys, status};
use crate::{Exit, Failure};

/// A process that has not said that it serves by then will not. It waits for Kafka, the registry and its peers itself.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(90);
/// How often the children are looked at.
const WATCH: Duration = Duration::from_millis(200);
/// How long a detached supervisor may take, the first download of the jars included.
const DETACHED_WITHIN: Duration = Duration::from_secs(900);

/// Start Kafka, the schema registry and every process on this machine.
#[derive(Debug, Clone, Args)]
pub struct UpArgs {
    /// Only Kafka and the registry
    #[arg(long)]
    pub cluster_only: bool,
    /// Only these of the processes, beside Kafka and the registry
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "cluster_only",
        value_parser = PossibleValuesParser::new(SERVICES.map(|service| service.name)))]
    pub only: Vec<String>,
    /// Leave one supervisor in the background, the parent of everything, and return when all is ready
    #[arg(long)]
    pub detach: bool,
    /// First remove all data, keys and logs of this folder
    #[arg(long)]
    pub fresh: bool,
    /// Where data, keys and logs are
    #[arg(
        long,
        value_name = "DIR",
        default_value = ".walbrook",
        env = "WALBROOK_DIR"
    )]
    pub dir: PathBuf,
    /// Where the processes' configuration files are (SERVICE.toml; a missing one means defaults)
    #[arg(long, value_name = "DIR", default_value = "deploy/config")]
    pub config: PathBuf,
    /// Prefix of every topic, group and transactional id
    #[arg(long, value_name = "NAME", default_value = "city")]
    pub namespace: String,
    /// Data partitions of the topics; changes only with another namespace
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=1024))]
    pub partitions: i32,
    /// The ports; 0 chooses a free one for Kafka and the registry
    #[command(flatten)]
    pub ports: Ports,
}

impl UpArgs {
    /// The processes to start, on the ports of this run.
    pub(super) fn services(&self, ports: Ports) -> Vec<Service> {
        let all = if self.cluster_only {
            Vec::new()
        } else {
            ports.services()
        };
        let wanted = |service: &Service| {
            self.only.is_empty() || self.only.iter().any(|name| name == service.name)
        };
        all.into_iter().filter(wanted).collect()
    }
}

/// Runs the supervisor here, or leaves one in the background.
///
/// # Errors
/// A busy port or folder, a missing program, or a child that did not start, with the end of its log.
pub async fn run(args: UpArgs) -> Result<Exit, Failure> {
    let folder = Folder::open(&args.dir)?;
    if args.detach {
        return Ok(detach(&folder, &args)?);
    }
    // Held until this process ends, however it ends.
    let lock = folder.take()?;
    if args.fresh {
        folder.clear()?;
    }
    let exit = supervise(folder.clone(), args).await;
    folder.forget();
    drop(lock);
    Ok(exit?)
}

async fn supervise(folder: Folder, args: UpArgs) -> Result<Exit, LocalError> {
    let mut stop = Stop::listen()?;
    let starting = tokio::task::spawn_blocking(move || {
        keys::prepare(&folder.keys())?;
        Supervisor::start(folder, &args, &|line| println!("{line}"))
    });
    let mut supervisor = tokio::select! {
        started = starting => started.map_err(joined)??,
        // Nothing has been acknowledged to anybody yet: the kernel kills what was started.
        () = stop.requested() => std::process::exit(i32::from(Exit::Unavailable as u8)),
    };
    println!("{}", status::render(&status::rows(supervisor.state())));
    println!("ready; Ctrl-C stops everything");
    let ended = watch(&mut supervisor, &mut stop).await;
    let stopping = tokio::task::spawn_blocking(move || supervisor.stop(&|line| println!("{line}")));
    tokio::select! {
        stopped = stopping => stopped.map_err(joined)??,
        () = stop.requested() => std::process::exit(i32::from(Exit::Unavailable as u8)),
    }
    ended.map(|()| Exit::Done)
}

/// Returns when it is time to stop: at a signal, or when nothing can go on.
async fn watch(supervisor: &mut Supervisor, stop: &mut Stop) -> Result<(), LocalError> {
    let mut tick = tokio::time::interval(WATCH);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.requested() => return Ok(()),
            _ = tick.tick() => {
                for ended in supervisor.check()? {
                    eprintln!("walbrook: {ended}");
                }
            }
        }
    }
}

/// Ctrl-C, SIGTERM and a terminal that went away.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> Result<Self, LocalError> {
        let listen = |kind| {
            signal(kind).map_err(|source| LocalError::System {
                operation: "listen for signals",
                source,
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// Starts this program again as the supervisor and waits until it says that everything is ready.
fn detach(folder: &Folder, args: &UpArgs) -> Result<Exit, LocalError> {
    // Found here as well, so that the error stands on this terminal.
    drop(folder.take()?);
    let own = std::env::current_exe().map_err(|source| LocalError::System {
        operation: "find this program",
        source,
    })?;
    let log = folder.root().join("supervisor.log");
    fs::write(&log, "").map_err(failed("write", &log))?;
    folder.forget();
    let mut launch = Launch::new("supervisor", own, &log).arg("up");
    launch.args.extend(as_arguments(folder.root(), args));
    let mut supervisor = launch.start_detached()?;
    let printed = Cell::new(0);
    supervisor.wait_until(DETACHED_WITHIN, || {
        print_from(&log, &printed);
        folder.read_state().is_some_and(|state| state.ready)
    })?;
    let state: Option<State> = folder.read_state();
    Running::leave(supervisor);
    if let Some(state) = state {
        println!(
            "running in the background as process {}; `walbrook down` stops it",
            state.pid
        );
    }
    Ok(Exit::Done)
}

/// Prints the whole lines that a log has gained.
fn print_from(log: &Path, printed: &Cell<usize>) {
    let text = fs::read_to_string(log).unwrap_or_default();
    let news = text.get(printed.get()..).unwrap_or_default();
    let whole = news.rfind('\n').map_or(0, |end| end + 1);
    print!("{}", news.get(..whole).unwrap_or_default());
    printed.set(printed.get() + whole);
}

fn as_arguments(root: &Path, args: &UpArgs) -> Vec<String> {
    let ports = args.ports;
    let mut arguments: Vec<String> = [
        ("--dir", root.display().to_string()),
        ("--config", args.config.display().to_string()),
        ("--namespace", args.namespace.clone()),
        ("--partitions", args.partitions.to_string()),
        ("--kafka-port", ports.kafka_port.to_string()),
        ("--controller-port", ports.controller_port.to_string()),
        ("--registry-port", ports.registry_port.to_string()),
        (
            "--service-port-offset",
            ports.service_port_offset.to_string(),
        ),
    ]
    .into_iter()
    .flat_map(|(name, value)| [name.to_owned(), value])
    .collect();
    let switches = [
        (args.cluster_only, "--cluster-only"),
        (args.fresh, "--fresh"),
    ];
    arguments.extend(
        switches
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, name)| name.to_owned()),
    );
    arguments.extend(args.only.iter().map(|name| format!("--only={name}")));
    arguments
}

/// A task that was to run to its end did not.
fn joined(error: tokio::task::JoinError) -> LocalError {
    LocalError::System {
        operation: "run a task to its end",
        source: error.into(),
    }
}
