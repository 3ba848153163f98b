//! Benchmarks of the real processes on a real Kafka, each beside its peer.
//!
//! Input is the city generator's. Every run's output is verified; a wrong output is no figure: it is printed, and the program ends with 1.
//! - [`enforce`]: the broker through backlogs of [`wide`] events, against a bare transactional copy and against Kafka Streams ([`streams`]).
//! - [`copied`]: what stands copied to the next generation of its topic, and a backlog beside it.
//! - [`decide`], [`project`]: one event by the compiled tables, one body by the flat program.
//! - [`e2e`], [`barrier`], [`withdrawal`]: latencies of a whole [`river`] under load.
//! - [`consents`]: memory and start of the broker with a consent of everybody.
//! - [`ingest`]: one agency's gateway over one stream, against an idempotent producer that sends the same bytes; by single calls ([`unary`]), against
//!   a bare echo; and how soon a receipt comes ([`receipt`]).
//! - [`import`]: a whole return through the command, and its memory.
//! - [`validate`]: every check of one event.
//! - [`city`]: the generator of whole cities.
//! - [`get`]: reads of single rows in an open loop, each on record before its answer.
//! - [`drain`], [`recovery`], [`held`], [`list`], [`watch`]: the materialiser at a [`site`] before [`released`] events, beside a Kafka Streams program
//!   that keeps four [`features`] ([`jvm`]).
//! - [`link_quality`]: how right linking is and how fast, against [`splink`] on the same records.
//! - [`link_speed`]: identity's first load over gRPC, and what it does with a million records held.
//! - [`town`]: a whole city as the workload. [`figure`]: what comes out.

pub mod barrier;
pub mod city;
pub mod consents;
pub mod copied;
pub mod cpu;
pub mod decide;
pub mod drain;
pub mod e2e;
pub mod enforce;
pub mod features;
pub mod figure;
pub mod get;
pub mod held;
pub mod import;
pub mod ingest;
pub mod jvm;
pub mod link_quality;
pub mod link_speed;
pub mod list;
pub mod output;
pub mod project;
pub mod receipt;
pub mod recovery;
pub mod released;
pub mod river;
pub mod site;
pub mod splink;
pub mod streams;
pub mod takeover;
pub mod town;
pub mod unary;
pub mod validate;
pub mod watch;
pub mod wide;
pub mod withdrawal;

use clap::Parser;
use figure::Figure;
use std::process::ExitCode;

/// Runs of each benchmark; the figures are their medians.
pub const RUNS: usize = 5;

/// Every figure, by what measures it: one preparation serves all figures of a line.
pub const SUITE: [&[&str]; 19] = [
    &[project::SPEED, project::VS_AVRO],
    &[decide::NAME],
    &[enforce::VS_COPY, enforce::VS_STREAMS],
    &[
        e2e::P50,
        e2e::P99,
        barrier::IDLE,
        barrier::BUSY,
        withdrawal::NAME,
    ],
    &[consents::MEMORY, consents::START],
    &[takeover::NAME],
    &[copied::NAME, copied::BESIDE],
    &[validate::NAME],
    &[city::SPEED, city::PEAK],
    &[ingest::NAME, unary::NAME, receipt::P50, receipt::P99],
    &[import::SECONDS, import::GROWTH],
    &[get::P50, get::NAME, get::MOST],
    &[list::NAME],
    &[watch::NAME],
    &[drain::VS_STREAMS],
    &[recovery::SECONDS, recovery::VS_STREAMS, recovery::REBUILD],
    &[held::NAME],
    &[
        link_speed::LOAD,
        link_speed::KNOWN,
        link_speed::STRONG,
        link_speed::START,
        link_speed::NEW,
    ],
    &[
        link_quality::F1,
        link_quality::PRECISION,
        link_quality::SPEED,
    ],
];

/// Benchmarks on a real Kafka
#[derive(Debug, Clone, Parser)]
#[command(name = "walbrook-bench", version)]
pub struct Args {
    /// Only this figure
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(SUITE.concat()))]
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
    let began = std::time::Instant::now();
    let mut code = ExitCode::SUCCESS;
    let is_wanted = |name: &&&'static str| args.only.as_deref().is_none_or(|only| only == **name);
    let groups: Vec<Vec<&'static str>> = SUITE
        .iter()
        .map(|group| group.iter().filter(is_wanted).copied().collect())
        .filter(|group: &Vec<_>| !group.is_empty())
        .collect();
    for (number, wanted) in (1..).zip(&groups) {
        let names = wanted.join(", ");
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        eprintln!("[{number}/{}, {minutes:.1} min] {names}", groups.len());
        wanted.iter().for_each(|name| figure::forget(name));
        let (size, wanted) = (args.clone(), wanted.clone());
        let done = runtime.block_on(async {
            // On a task of its own: where the harness gives up by a panic, the other benchmarks still run.
            let figures = tokio::spawn(async move { group(&wanted, &size).await }).await??;
            figures.iter().try_for_each(|figure| figure.publish(args))
        });
        if let Err(NoFigure(problem)) = done {
            println!("{names}: no figure: {problem}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

async fn group(wanted: &[&'static str], args: &Args) -> Result<Vec<Figure>, NoFigure> {
    let first = wanted.first().copied().unwrap_or_default();
    match first {
        enforce::VS_COPY | enforce::VS_STREAMS => enforce::run(args, wanted).await,
        consents::MEMORY | consents::START => consents::run(args, wanted).await,
        project::SPEED | project::VS_AVRO => project::run(args, wanted),
        decide::NAME => Ok(vec![decide::run(args)?]),
        copied::NAME | copied::BESIDE => copied::run(args, wanted).await,
        takeover::NAME => Ok(vec![takeover::run(args).await?]),
        validate::NAME => Ok(vec![validate::run(args)?]),
        ingest::NAME | unary::NAME | receipt::P50 | receipt::P99 => ingest::run(args, wanted).await,
        city::SPEED | city::PEAK => city::run(args, wanted),
        import::SECONDS | import::GROWTH => import::run(args, wanted).await,
        list::NAME => Ok(vec![list::run(args).await?]),
        watch::NAME => Ok(vec![watch::run(args).await?]),
        recovery::SECONDS | recovery::VS_STREAMS | recovery::REBUILD => {
            recovery::run(args, wanted).await
        }
        held::NAME => Ok(vec![held::run(args).await?]),
        drain::VS_STREAMS => Ok(vec![drain::run(args).await?]),
        get::P50 | get::NAME | get::MOST => get::run(args, wanted).await,
        link_speed::LOAD
        | link_speed::KNOWN
        | link_speed::STRONG
        | link_speed::START
        | link_speed::NEW => link_speed::run(args, wanted).await,
        e2e::P50 | e2e::P99 | barrier::IDLE | barrier::BUSY | withdrawal::NAME => {
            latencies(args, wanted).await
        }
        link_quality::F1 | link_quality::PRECISION | link_quality::SPEED => {
            link_quality::run(args, wanted).await
        }
        other => Err(NoFigure(format!("nothing measures {other}"))),
    }
}

async fn latencies(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let load = figure::load_average();
    let wants = |names: &[&str]| names.iter().any(|name| wanted.contains(name));
    let river = river::River::start(args).await?;
    let mut figures = Vec::new();
    if wants(&[e2e::P50, e2e::P99]) {
        figures.extend(e2e::run(&river, args, load, wanted).await?);
    }
    if wants(&[barrier::IDLE, barrier::BUSY]) {
        figures.extend(barrier::run(&river, args, load, wanted).await?);
    }
    if wants(&[withdrawal::NAME]) {
        figures.extend(withdrawal::run(&river, args, load).await?);
    }
    if !args.full {
        let began = std::time::Instant::now();
        town::audit(&river.backbone)?;
        eprintln!("river: audited in {:.0} s", began.elapsed().as_secs_f64());
    }
    Ok(figures)
}
