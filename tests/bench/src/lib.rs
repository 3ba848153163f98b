//! Benchmarks of the real processes on a real Kafka, each beside its peer.
//!
//! Input is the city generator's. Every run's output is verified; a wrong output is no figure: it is printed, and the program ends with 1.
//! - [`enforce`]: the broker through a backlog, against a bare transactional copy of the same records.
//! - [`ingest`]: one agency's gateway over one stream, against an idempotent producer that sends the same bytes.
//! - [`get`]: reads of single rows in an open loop, each on record before its answer.
//! - [`town`]: the workload. [`figure`]: what comes out.

pub mod enforce;
pub mod figure;
pub mod get;
pub mod ingest;
pub mod town;

use clap::Parser;
use figure::Figure;
use std::process::ExitCode;

/// Runs of each benchmark; the figures are their medians.
pub const RUNS: usize = 5;

/// Benchmarks on a real Kafka
#[derive(Debug, Clone, Parser)]
#[command(name = "walbrook-bench", version)]
pub struct Args {
    /// Only this one: enforce.vs_copy, ingest.vs_producer or get.p99_ms
    #[arg(long, value_name = "NAME", value_parser = [enforce::NAME, ingest::NAME, get::NAME])]
    pub only: Option<String>,
    /// The stated size instead of the short form
    #[arg(long)]
    pub full: bool,
    /// Another seed gives another city
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Why there is no figure.
#[derive(Debug)]
pub struct NoFigure(pub String);

impl<E: std::error::Error> From<E> for NoFigure {
    fn from(error: E) -> Self {
        Self(walbrook_runtime::status::chain(&error))
    }
}

/// Demands something of an output.
///
/// # Errors
/// When it does not hold, with what was said of it.
pub fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), NoFigure> {
    if holds {
        Ok(())
    } else {
        Err(NoFigure(otherwise()))
    }
}

/// Runs what is asked for and says how it ended.
pub fn run(args: &Args) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut code = ExitCode::SUCCESS;
    for name in [enforce::NAME, ingest::NAME, get::NAME] {
        if args.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        figure::forget(name);
        let (size, named) = (args.clone(), name.to_owned());
        let done = runtime.block_on(async {
            // On a task of its own: where the harness gives up by a panic, the other benchmarks still run.
            let figure = tokio::spawn(async move { one(&named, &size).await }).await??;
            figure.publish(args)
        });
        if let Err(NoFigure(problem)) = done {
            println!("{name}: no figure: {problem}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

async fn one(name: &str, args: &Args) -> Result<Figure, NoFigure> {
    match name {
        enforce::NAME => enforce::run(args).await,
        ingest::NAME => ingest::run(args).await,
        _ => get::run(args).await,
    }
}
