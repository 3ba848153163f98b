//! `walbrook audit`: what the auditor proves from the log.
//!
//! It reads the topics, or a copy of them in a folder, and nothing else: no process of the backbone has to run.

mod pseudonyms;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use walbrook_auditor::{AuditError, Checked, Copy, LiveSource, Log, LogSource, Options, Report};
use walbrook_eventlog::Namespace;
use walbrook_eventlog_kafka::Kafka;
use walbrook_runtime::keystore::{FileKeyStore, KeyStore as _};

use crate::cluster::LocalBackbone;
use crate::table::table;
use crate::{Exit, Failure};

/// How long a cluster may take to say which topics it has.
const METADATA_WAIT: Duration = Duration::from_secs(15);

/// Verify the log and ask it questions.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// What to do
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Derive every decision, released body, answered row and notice again, and hold signed tree heads against them; exit 1 on a difference, 2 when it could not run
    Verify(VerifyArgs),
    /// Copy the topics into a folder, for `verify --from`
    Copy(CopyArgs),
}

/// Where the log is.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// The folder of the local backbone
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = ".walbrook",
        env = "WALBROOK_DIR"
    )]
    pub dir: PathBuf,
    /// Kafka, when it is not the local one (host:port)
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "WALBROOK_KAFKA",
        requires = "namespace"
    )]
    pub kafka: Option<String>,
    /// What stands before every topic, with `--kafka`
    #[arg(long, value_name = "NAME", env = "WALBROOK_NAMESPACE")]
    pub namespace: Option<String>,
}

/// What to verify.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Verify a copy in this folder instead of the log
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["kafka"])]
    pub from: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// The auditor's public key, 32 bytes in hex: checkpoints must be signed with it; the local auditor's when left out
    #[arg(long, value_name = "HEX")]
    pub checkpoint_key: Option<String>,
    /// Ask identity whether pseudonyms belong to whom the log says: a sample
    #[arg(long)]
    pub identity: bool,
    /// Ask identity about every pseudonym
    #[arg(long)]
    pub full: bool,
    /// The token to ask identity with, instead of a local one (role auditor)
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Identity's address, when it is not on the local backbone (http://host:port)
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Where the log is
    #[command(flatten)]
    pub log: LogArgs,
}

/// What to copy.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// A folder that does not exist yet, or is empty
    pub folder: PathBuf,
    /// Where the log is
    #[command(flatten)]
    pub log: LogArgs,
}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: AuditArgs) -> Result<Exit, Failure> {
    match args.command {
        AuditCommand::Verify(args) => verify(args).await,
        AuditCommand::Copy(args) => blocking(move || copy(&args)).await,
    }
}

/// Runs what blocks on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::new(Exit::Internal, error))?
}

/// The audit could not run: neither proved nor disproved.
fn not_run(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::new(Exit::NotRunning, error)
}

/// The log of a place, read committed.
pub(crate) fn source(args: &LogArgs) -> Result<Box<dyn LogSource>, Failure> {
    let (address, namespace) = match (&args.kafka, &args.namespace) {
        (Some(kafka), namespace) => (kafka.clone(), namespace.clone().unwrap_or_default()),
        (None, given) => {
            let backbone = LocalBackbone::running(&args.dir).map_err(not_run)?;
            let namespace = given
                .clone()
                .unwrap_or_else(|| backbone.namespace().to_owned());
            (backbone.kafka().to_owned(), namespace)
        }
    };
    let kafka = Kafka::new(address, BTreeMap::new());
    let topics = kafka
        .admin()
        .and_then(|admin| admin.partitions(METADATA_WAIT))
        .map_err(not_run)?;
    let namespace = Namespace::new(&namespace);
    let decisions = namespace.name(walbrook_eventlog::topics::DECISIONS);
    if !topics.contains_key(&decisions) {
        return Err(not_run(format!(
            "there is no topic {decisions} on this Kafka: is the namespace {namespace} right?"
        )));
    }
    let reader = kafka.reader().map_err(not_run)?;
    let ends = kafka.ends().map_err(not_run)?;
    let counts = move |topic: &str| topics.get(topic).map(|(partitions, _)| *partitions);
    Ok(Box::new(LiveSource::new(namespace, reader, ends, counts)))
}

fn progress() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos:>10} records  {per_sec:>14}  {msg}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

async fn verify(args: VerifyArgs) -> Result<Exit, Failure> {
    let given = args.checkpoint_key.as_deref().map(public_key);
    let options = Options {
        checkpoint_key: given.transpose()?.or_else(|| local_key(&args.log.dir)),
        // A copy is of the time at which it was taken.
        now: args.from.is_none().then(crate::city::now),
    };
    let (from, place) = (args.from.clone(), args.log.clone());
    let mut found = blocking(move || {
        let mut source: Box<dyn LogSource> = match &from {
            Some(folder) => Box::new(Copy::open(folder).map_err(not_run)?),
            None => source(&place)?,
        };
        Ok(walbrook_auditor::verify(&read(source.as_mut())?, &options))
    })
    .await?;
    if args.identity || args.full {
        pseudonyms::confirm(&args, &mut found).await?;
    }
    print(&found.report, args.json);
    Ok(if found.report.is_clean() {
        Exit::Done
    } else {
        Exit::Difference
    })
}

fn read(source: &mut dyn LogSource) -> Result<Log, Failure> {
    let bar = progress();
    let log = Log::read(source, &mut |record| {
        bar.inc(1);
        if record.offset % 1_000 == 0 {
            bar.set_message(record.at.topic.to_string());
        }
    });
    bar.finish_and_clear();
    log.map_err(not_run)
}

/// The key of the local backbone's auditor, where there is one.
fn local_key(folder: &std::path::Path) -> Option<walbrook_auditor::VerifyingKey> {
    let keys = FileKeyStore::open(&folder.join("keys")).ok()?;
    Some(keys.auditor().ok()?.verifying_key())
}

fn public_key(hex: &str) -> Result<walbrook_auditor::VerifyingKey, Failure> {
    walbrook_auditor::public_key(hex).map_err(|error: AuditError| Failure::new(Exit::Usage, error))
}

fn print(report: &Report, json: bool) {
    if json {
        println!("{:#}", report.json());
        return;
    }
    for difference in report.differences() {
        println!("{difference}");
    }
    let unlisted = report.difference_count() - report.differences().len() as u64;
    if unlisted > 0 {
        println!("… and {unlisted} more");
    }
    let mut counts = table(["checked", "count"]);
    for (what, count) in report.counts() {
        if what == Checked::Undecided && count == 0 {
            continue;
        }
        counts.add_row([what.label().to_owned(), count.to_string()]);
    }
    println!("{counts}");
    for owed in report.owed() {
        let (what, by, about, age) = (owed.what, &owed.by, &owed.about, owed.age_hours);
        let overdue = if owed.overdue { ", overdue" } else { "" };
        println!("{by} owes: {what} ({about}), {age} hours old{overdue}");
    }
    println!("{} differences", report.difference_count());
}

fn copy(args: &CopyArgs) -> Result<Exit, Failure> {
    let mut source = source(&args.log)?;
    let bar = progress();
    let copied = walbrook_auditor::copy::write(source.as_mut(), &args.folder, &mut |_| bar.inc(1));
    bar.finish_and_clear();
    println!(
        "{} records copied to {}",
        copied.map_err(not_run)?,
        args.folder.display()
    );
    Ok(Exit::Done)
}
