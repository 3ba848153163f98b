//! The life of a process: read the configuration, start telemetry, serve, drain. `main` is one call of [`run`].

use std::ffi::OsString;
use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Command, FromArgMatches};

use crate::callers::Verifier;
use crate::config::{self, Arguments, Common, Defaults, Settings};
use crate::metrics::{self, Metrics};
use crate::readiness::Readiness;
use crate::server;
use crate::shutdown::{Shutdown, end_with_parent};
use crate::task::{Kind, Tasks};
use crate::telemetry::Telemetry;

/// What a process is.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// Its name: `police`.
    pub name: &'static str,
    /// Its gRPC port on loopback unless configured otherwise; metrics stand 100 above it.
    pub grpc_port: u16,
}

/// What a process is given to run with.
#[derive(Debug, Clone)]
pub struct Context {
    /// Its name.
    pub name: &'static str,
    /// The settings every process has.
    pub common: Arc<Common>,
    /// When to stop.
    pub shutdown: Shutdown,
    /// What runs beside its main work.
    pub tasks: Tasks,
    /// Whether it serves. `grpc` counts as missing until [`server::Services::serve`] is reached.
    pub readiness: Readiness,
    /// Its numbers.
    pub metrics: Metrics,
}

impl Context {
    /// The check of callers from the configured key set, waiting for the file while the cluster is being set up.
    ///
    /// # Errors
    /// When the key set does not appear in time or cannot be read.
    pub async fn verifier(&self) -> Result<Arc<Verifier>, crate::wait::WaitError> {
        let callers = &self.common.callers;
        let what = format!("the key set {}", callers.key_set.display());
        let read = || async {
            let read = Verifier::from_file(&callers.key_set, &callers.issuer);
            read.map_err(|cause| crate::status::chain(&cause))
        };
        let verifier =
            crate::wait::until(&what, self.common.start_timeout, &self.shutdown, read).await?;
        Ok(Arc::new(verifier))
    }
}

/// Runs a process to its end. Exit codes: 0 after a drain, 64 for configuration, 1 for anything that failed.
///
/// `body` does the work and returns after a shutdown was requested; it is dropped when it takes longer than the drain
/// timeout to do so.
pub fn run<S, F, Fut, E>(process: Process, body: F) -> ExitCode
where
    S: Settings,
    F: FnOnce(S, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: std::error::Error,
{
    run_from(process, std::env::args_os(), body)
}

/// As [`run`], with a command line that is given: the program's name, then its arguments.
pub fn run_from<S, F, Fut, E>(
    process: Process,
    command_line: impl IntoIterator<Item = OsString>,
    body: F,
) -> ExitCode
where
    S: Settings,
    F: FnOnce(S, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: std::error::Error,
{
    let command = Arguments::augment_args(
        Command::new(process.name).bin_name(format!("walbrook-{}", process.name)),
    )
    .version(env!("CARGO_PKG_VERSION"))
    .about(format!("Walbrook: the {} process", process.name));
    let arguments = match command
        .try_get_matches_from(command_line)
        .and_then(|matches| Arguments::from_arg_matches(&matches))
    {
        Ok(arguments) => arguments,
        Err(asked) => {
            let code = if asked.use_stderr() {
                config::EXIT_CODE
            } else {
                0
            };
            let _ = asked.print();
            return ExitCode::from(code);
        }
    };
    let defaults = Defaults {
        name: process.name,
        grpc_port: process.grpc_port,
    };
    let (common, settings) = match config::load::<S>(&arguments, defaults) {
        Ok(loaded) => loaded,
        Err(faults) => return fail(process, &faults, config::EXIT_CODE),
    };
    if arguments.check {
        return ExitCode::SUCCESS;
    }
    if let Err(cause) = leave_no_core() {
        return fail(process, &cause, 1);
    }
    let environment = |name: &str| std::env::var(name).ok();
    if let Err(cause) = end_with_parent(&environment) {
        return fail(process, &cause, 1);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(cause) => return fail(process, &cause, 1),
    };
    let code = runtime.block_on(live(process, common, settings, body));
    // Blocking threads that did not end (a loop in a foreign library) must not hold the exit.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

/// Keys and demographics stand in memory: a crash must not write them anywhere, neither as a core file nor to a program that collects cores
/// (which the limit alone does not stop), and no other process of the same user may read them.
fn leave_no_core() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

async fn live<S, F, Fut, E>(process: Process, common: Common, settings: S, body: F) -> ExitCode
where
    F: FnOnce(S, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: std::error::Error,
{
    let environment = |name: &str| std::env::var(name).ok();
    let telemetry = match Telemetry::start(process.name, &environment) {
        Ok(telemetry) => telemetry,
        Err(cause) => return fail(process, &crate::status::chain(&cause), config::EXIT_CODE),
    };
    let ended = serve(process, common, settings, body).await;
    if let Err(cause) = &ended {
        tracing::error!(process = process.name, error = cause, "stopped");
    } else {
        tracing::info!(process = process.name, "stopped");
    }
    telemetry.finish();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn serve<S, F, Fut, E>(
    process: Process,
    common: Common,
    settings: S,
    body: F,
) -> Result<(), String>
where
    F: FnOnce(S, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: std::error::Error,
{
    let shutdown = Shutdown::on_signals().map_err(|cause| format!("signal handlers: {cause}"))?;
    let drain_timeout = common.drain_timeout;
    let context = Context {
        name: process.name,
        common: Arc::new(common),
        tasks: Tasks::new(shutdown.clone()),
        readiness: Readiness::new(),
        metrics: Metrics::new(),
        shutdown: shutdown.clone(),
    };
    context.readiness.not_ready(server::PART, "starting");
    let (tasks, address) = (context.tasks.clone(), context.common.metrics);
    let listener = server::bind(address)
        .await
        .map_err(|cause| crate::status::chain(&cause))?;
    let endpoint = metrics::serve(
        listener,
        context.metrics.clone(),
        context.readiness.clone(),
        context.shutdown.clone(),
    );
    tasks.spawn(Kind::optional("metrics-endpoint"), endpoint);
    tracing::info!(
        process = process.name,
        version = env!("CARGO_PKG_VERSION"),
        listen = %context.common.listen,
        metrics = %address,
        namespace = context.common.namespace,
        "starting"
    );

    let work = body(settings, context);
    let overdue = async {
        shutdown.requested().await;
        tokio::time::sleep(drain_timeout).await;
    };
    let ended = tokio::select! {
        ended = work => ended.map_err(|cause| crate::status::chain(&cause)),
        () = overdue => Err(format!("the drain took longer than {} s", drain_timeout.as_secs())),
    };
    shutdown.request();
    if !tasks.drain(drain_timeout).await {
        tracing::warn!("tasks were still running at the end of the drain");
    }
    match tasks.failure() {
        Some(failure) if ended.is_ok() => Err(failure),
        _ => ended,
    }
}

fn fail(process: Process, problem: &dyn Display, code: u8) -> ExitCode {
    eprintln!("walbrook-{}: {problem}", process.name);
    ExitCode::from(code)
}
