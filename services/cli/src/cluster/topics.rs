//! `walbrook topics plan|apply`: the topic table against an existing Kafka.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use walbrook_eventlog::topics::{self, Topic};
use walbrook_eventlog::{LogError, Namespace, Severity};
use walbrook_eventlog_kafka::{Admin, Kafka, Mismatch};

use crate::{Exit, Failure};

/// Compare the topics of a Kafka with the topic table, and create what is missing.
#[derive(Debug, Args)]
pub struct TopicsArgs {
    /// What to do
    #[command(subcommand)]
    pub command: TopicsCommand,
}

/// What to do with the table.
#[derive(Debug, Subcommand)]
pub enum TopicsCommand {
    /// Show how the cluster differs from the table; changes nothing, exit code 1 when it differs
    Plan(Target),
    /// Create the topics that are missing; never changes one that exists, exit code 1 when one is not as it must be
    Apply(Target),
}

/// Which cluster, and what it must have.
#[derive(Debug, Args)]
pub struct Target {
    /// Kafka's host:port, several separated by commas
    #[arg(long, value_name = "ADDRESS", env = "WALBROOK_KAFKA")]
    pub kafka: String,
    /// Prefix of the topics
    #[arg(long, value_name = "NAME", env = "WALBROOK_NAMESPACE")]
    pub namespace: String,
    /// Data partitions; the same for all topics that go together, and never changed
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=1024))]
    pub partitions: i32,
    /// Copies of each partition; fewer than 3 only with --local
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=15))]
    pub replication: i32,
    /// Copies that must have a record before it is acknowledged; fewer than 2 only with --local
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(i32).range(1..=15))]
    pub min_insync: i32,
    /// One node on this machine: one copy of everything
    #[arg(long)]
    pub local: bool,
    /// librdkafka properties for the connection, one name=value a line (security, certificates)
    #[arg(long, value_name = "FILE")]
    pub properties: Option<PathBuf>,
}

/// Why the topics cannot be compared or created.
#[derive(Debug, thiserror::Error)]
enum TopicsError {
    #[error(
        "--replication {replication} --min-insync {min_insync}: outside --local at least 3 and 2, and fewer in sync than copies"
    )]
    TooFewCopies { replication: i32, min_insync: i32 },
    #[error("cannot read {}", path.display())]
    Properties {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{}, line {line}: not name=value", path.display())]
    Property { path: PathBuf, line: usize },
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<TopicsError> for Failure {
    fn from(error: TopicsError) -> Self {
        let exit = match &error {
            TopicsError::TooFewCopies { .. } => Exit::Usage,
            TopicsError::Properties { .. } | TopicsError::Property { .. } => Exit::Input,
            TopicsError::Log(error) if error.severity == Severity::Transient => Exit::Unavailable,
            TopicsError::Log(_) => Exit::Refused,
        };
        Self::new(exit, error)
    }
}

/// Plans or applies.
///
/// # Errors
/// When the cluster does not answer or refuses, or the arguments ask for too few copies.
pub async fn run(args: TopicsArgs) -> Result<Exit, Failure> {
    let (target, apply) = match args.command {
        TopicsCommand::Plan(target) => (target, false),
        TopicsCommand::Apply(target) => (target, true),
    };
    let (replication, min_insync) = copies(&target)?;
    let wanted = topics::table(&Namespace::new(&target.namespace), target.partitions);
    let admin = Kafka::new(&target.kafka, properties(&target)?)
        .admin()
        .map_err(TopicsError::Log)?;
    if apply {
        let created = admin
            .create(&wanted, replication, min_insync)
            .await
            .map_err(TopicsError::Log)?;
        println!(
            "{} of {} topics created in namespace {}",
            created.len(),
            wanted.len(),
            target.namespace
        );
    }
    let differences = compare(&admin, &wanted, replication, min_insync, apply).await?;
    if differences.is_empty() {
        println!("all {} topics are as the table says", wanted.len());
        return Ok(Exit::Done);
    }
    println!("{}", render(&differences));
    let missing = differences
        .iter()
        .filter(|difference| difference.setting == "exists")
        .count();
    println!(
        "{} differences, {missing} of them missing topics (`walbrook topics apply` creates these)",
        differences.len()
    );
    Ok(Exit::Difference)
}

fn copies(target: &Target) -> Result<(i32, i32), TopicsError> {
    if target.local {
        return Ok((1, 1));
    }
    let (replication, min_insync) = (target.replication, target.min_insync);
    if replication < 3 || min_insync < 2 || min_insync >= replication {
        return Err(TopicsError::TooFewCopies {
            replication,
            min_insync,
        });
    }
    Ok((replication, min_insync))
}

/// Topics just created reach the metadata a moment later: then asked again, for a bounded number of times.
async fn compare(
    admin: &Admin,
    wanted: &[Topic],
    replication: i32,
    min_insync: i32,
    created: bool,
) -> Result<Vec<Mismatch>, TopicsError> {
    const ATTEMPTS: usize = 50;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let differences = admin.differences(wanted, replication, min_insync).await?;
        let settled = !created
            || differences
                .iter()
                .all(|difference| difference.setting != "exists");
        if settled || attempt == ATTEMPTS {
            return Ok(differences);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

fn properties(target: &Target) -> Result<BTreeMap<String, String>, TopicsError> {
    let Some(path) = &target.properties else {
        return Ok(BTreeMap::new());
    };
    let text = std::fs::read_to_string(path).map_err(|source| TopicsError::Properties {
        path: path.clone(),
        source,
    })?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let parse = |(index, line): (usize, &str)| match line.split_once('=') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err(TopicsError::Property {
            path: path.clone(),
            line: index + 1,
        }),
    };
    lines.map(parse).collect()
}

fn render(differences: &[Mismatch]) -> String {
    let mut table = crate::table::table(["topic", "setting", "table", "cluster"]);
    for difference in differences {
        table.add_row([
            &difference.topic,
            &difference.setting,
            &difference.wanted,
            &difference.found,
        ]);
    }
    table.to_string()
}
