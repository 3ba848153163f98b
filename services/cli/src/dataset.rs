//! `walbrook dataset`: open datasets whose Avro schemas others made, registered without code.

mod publish;

use clap::{Args, Subcommand};
use std::path::PathBuf;
use walbrook_event::dataset::{DatasetSchema, registered_text};
use walbrook_eventlog::topics::{Cleanup, TimestampType, Topic, open};
use walbrook_eventlog::{LogError, Namespace, Severity};
use walbrook_eventlog_kafka::Kafka;
use walbrook_proto::control::v1 as proto;

use crate::agreement::control;
use crate::caller::{CallerArgs, refused};
use crate::table::table;
use crate::{Exit, Failure};

/// Open datasets of others.
#[derive(Debug, Args)]
pub struct DatasetArgs {
    /// What to do
    #[command(subcommand)]
    pub command: DatasetCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum DatasetCommand {
    /// Register a schema, or its next version: makes the topic, asks the registry, puts it on record
    Register(RegisterArgs),
    /// The registered schemas
    List(ListArgs),
    /// Send records to the city's service, which checks each against its schema
    Publish(publish::PublishArgs),
}

/// What to register, and where.
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// The Avro schema, a record (JSON)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The dataset's name: its topic is open.NAME
    #[arg(long, value_name = "NAME")]
    pub dataset: String,
    /// A field at the top of the record that counts people: no published value of it is below ten (may be given again)
    #[arg(long = "people-count", value_name = "FIELD")]
    pub people_counts: Vec<String>,
    /// Kafka's host:port, when it is not the local backbone's
    #[arg(long, value_name = "ADDRESS", requires = "namespace")]
    pub kafka: Option<String>,
    /// Prefix of the topics, when it is not the local backbone's
    #[arg(long, value_name = "NAME", requires = "kafka")]
    pub namespace: Option<String>,
    /// Copies of the topic; a local backbone has one
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub replication: i32,
    /// Copies that must have a record before it is acknowledged
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub min_insync: i32,
    /// Who calls (an operator)
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// How to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: DatasetArgs) -> Result<Exit, Failure> {
    match args.command {
        DatasetCommand::Register(args) => register(args).await,
        DatasetCommand::List(args) => list(args).await,
        DatasetCommand::Publish(args) => publish::run(args).await,
    }
}

async fn register(args: RegisterArgs) -> Result<Exit, Failure> {
    let file = args.file.display();
    let schema = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::new(Exit::Input, format!("{file}: {error}")))?;
    // What is wrong with it is said before a topic is made.
    let text = registered_text(&args.dataset, &schema, &args.people_counts)
        .and_then(|text| DatasetSchema::read(&text))
        .map_err(|fault| Failure::new(Exit::Input, format!("{file}: {fault}")))?;
    let topic = create(&args).await?;
    let request = proto::RegisterDatasetRequest {
        dataset: args.dataset.clone(),
        schema,
        people_counts: args.people_counts.clone(),
        idempotency_key: String::new(),
    };
    let answer = control(&args.caller, "operator")
        .await?
        .register_dataset(request)
        .await;
    let receipt = answer
        .map_err(refused("register the dataset"))?
        .into_inner();
    let known = if receipt.repeated_call {
        " already"
    } else {
        ""
    };
    println!(
        "{} is registered{known} as {} at control.policy offset {}; its records reach {topic} under an open-data agreement with the flow city.OpenRecordPublished where dataset = \"{}\"",
        args.dataset,
        text.full_name(),
        receipt.offset,
        args.dataset
    );
    Ok(Exit::Done)
}

/// Makes the dataset's topic unless it is there.
async fn create(args: &RegisterArgs) -> Result<String, Failure> {
    let (kafka, namespace, replication, min_insync) = match (&args.kafka, &args.namespace) {
        (Some(kafka), Some(namespace)) => (
            kafka.clone(),
            namespace.clone(),
            args.replication,
            args.min_insync,
        ),
        _ => {
            let local = args.caller.local()?;
            (local.kafka().to_owned(), local.namespace().to_owned(), 1, 1)
        }
    };
    let plain = open(&args.dataset);
    let topic = Topic {
        name: Namespace::new(&namespace).name(&plain),
        plain,
        partitions: 1,
        cleanup: Cleanup::Delete,
        timestamps: TimestampType::CreateTime,
    };
    let failed = |error: LogError| {
        let exit = match error.severity {
            Severity::Transient => Exit::Unavailable,
            _ => Exit::Refused,
        };
        Failure::new(exit, error)
    };
    let name = topic.name.clone();
    let admin = Kafka::new(kafka, Default::default())
        .admin()
        .map_err(failed)?;
    admin
        .create(&[topic], replication, min_insync)
        .await
        .map_err(failed)?;
    Ok(name)
}

/// The registered schemas.
async fn registered(caller: &CallerArgs) -> Result<Vec<proto::RegisteredDataset>, Failure> {
    let mut client = control(caller, "operator").await?;
    let answer = client.list_datasets(proto::ListDatasetsRequest {}).await;
    Ok(answer
        .map_err(refused("list the datasets"))?
        .into_inner()
        .datasets)
}

async fn list(args: ListArgs) -> Result<Exit, Failure> {
    let datasets = registered(&args.caller).await?;
    if args.json {
        let rows: Vec<_> = datasets
            .iter()
            .map(|one| {
                serde_json::json!({
                    "dataset": one.dataset,
                    "schema": one.schema,
                    "schema_sha256": one.schema_sha256,
                    "schema_id": one.schema_id,
                    "newest": one.newest,
                })
            })
            .collect();
        println!("{}", serde_json::Value::Array(rows));
        return Ok(Exit::Done);
    }
    let mut out = table([
        "dataset",
        "record",
        "schema (SHA-256)",
        "registry id",
        "newest",
    ]);
    for one in datasets {
        let record = DatasetSchema::read(&one.schema);
        let record = record.map_or_else(|_| "-".to_owned(), |schema| schema.full_name().to_owned());
        let newest = if one.newest { "yes" } else { "" };
        out.add_row([
            one.dataset,
            record,
            one.schema_sha256,
            one.schema_id.to_string(),
            newest.to_owned(),
        ]);
    }
    println!("{out}");
    Ok(Exit::Done)
}
