//! `walbrook schedule`: what organisations publish: check, publish, show.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use futures::StreamExt;
use walbrook_domain::Organisation;
use walbrook_domain::control::ScheduleEntry;
use walbrook_policy::agreement::Faults;
use walbrook_policy::schedule::{ScheduleFile, united};
use walbrook_proto::control::v1 as proto;

use crate::agreement::{again, control, key};
use crate::caller::{CallerArgs, refused};
use crate::table::table;
use crate::{Exit, Failure};

/// Calls that may be open at a time.
const AT_A_TIME: usize = 16;

/// What organisations publish.
#[derive(Debug, Args)]
pub struct ScheduleArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ScheduleCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// Check schedule files: every fault by file, line, field and reason
    Check(FilesArgs),
    /// Publish the schedules of files, each for its organisation; what is on record already stays as it is
    Publish(PublishArgs),
    /// The schedules in force
    Show(ShowArgs),
}

/// Which files.
#[derive(Debug, Args)]
pub struct FilesArgs {
    /// Schedule files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// What to publish, and as whom.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Schedule files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only this organisation's, published by itself (acts as it); all organisations' by the operator when left out
    #[arg(long, value_name = "ORGANISATION")]
    pub only: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// As whom
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Whose to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The organisation; all when left out
    // `organisation` itself is whose token it is.
    #[arg(value_name = "ORGANISATION")]
    pub whose: Option<String>,
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
pub async fn run(args: ScheduleArgs) -> Result<Exit, Failure> {
    match args.command {
        ScheduleCommand::Check(args) => check(&args),
        ScheduleCommand::Publish(args) => publish(args).await,
        ScheduleCommand::Show(args) => show(args).await,
    }
}

/// What each organisation of the files publishes.
///
/// # Errors
/// When a file cannot be read or is faulty (every fault is named), or two files stand for one organisation.
pub fn read(files: &[PathBuf]) -> Result<BTreeMap<Organisation, Vec<ScheduleEntry>>, Failure> {
    let catalogue = walbrook_view::file::catalogue();
    let (mut read, mut faults) = (Vec::new(), Vec::new());
    for path in crate::agreement::documents(files)? {
        let text = crate::agreement::read(&path)?;
        match ScheduleFile::read(&text, &catalogue) {
            Ok(file) => read.push(file),
            Err(Faults(found)) => faults.extend(found.iter().map(|fault| said(&path, fault))),
        }
    }
    if !faults.is_empty() {
        return Err(Failure::new(Exit::Input, faults.join("\n")));
    }
    united(&read).map_err(|organisation| {
        let problem = format!("two files stand for {organisation}: leave one");
        Failure::new(Exit::Input, problem)
    })
}

fn said(path: &Path, fault: &walbrook_policy::agreement::Fault) -> String {
    let (line, field, reason) = (fault.line, &fault.field, &fault.reason);
    format!("{}:{line}: {field}: {reason}", path.display())
}

fn check(args: &FilesArgs) -> Result<Exit, Failure> {
    for (organisation, entries) in read(&args.files)? {
        println!("{organisation}: sound ({} event types)", entries.len());
    }
    Ok(Exit::Done)
}

async fn publish(args: PublishArgs) -> Result<Exit, Failure> {
    let mut wanted = read(&args.files)?;
    let caller = match &args.only {
        None => args
            .caller
            .acting(&args.caller.organisation, "operator", &args.caller.subject),
        Some(only) => {
            wanted.retain(|organisation, _| organisation.to_string() == *only);
            args.caller.acting(only, "control", &args.caller.subject)
        }
    };
    if wanted.is_empty() {
        let problem = "the files hold no schedule of that organisation";
        return Err(Failure::new(Exit::Input, problem));
    }
    let mut client = control(&caller, "operator").await?;
    let known = in_force(&mut client, args.only.clone()).await?;
    let calls = wanted.into_iter().map(|(organisation, entries)| {
        let organisation = organisation.to_string();
        let before = known.iter().find(|one| one.organisation == organisation);
        let entries: Vec<_> = entries.into_iter().map(wire).collect();
        let same = before.is_some_and(|before| before.entries == entries);
        let version = before.map_or(0, |before| before.version);
        let client = client.clone();
        async move {
            if same {
                return Ok((organisation, version, entries.len(), None));
            }
            let request = proto::PublishScheduleRequest {
                organisation: organisation.clone(),
                entries,
                expected_version: version,
                idempotency_key: key(),
            };
            let count = request.entries.len();
            let answer =
                again(async || client.clone().publish_schedule(request.clone()).await).await;
            let receipt = answer
                .map_err(refused("publish the schedule"))?
                .into_inner();
            Ok::<_, Failure>((organisation, receipt.version, count, Some(receipt.offset)))
        }
    });
    let done: Vec<_> = futures::stream::iter(calls)
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let mut rows = table(["Organisation", "Version", "Event types", "control.policy"]);
    let mut answers = Vec::new();
    for outcome in done {
        let (organisation, version, count, offset) = outcome?;
        let at = offset.map_or_else(
            || "on record already".to_owned(),
            |offset| format!("offset {offset}"),
        );
        answers.push(serde_json::json!({ "organisation": organisation, "version": version, "event_types": count, "offset": offset }));
        rows.add_row([organisation, version.to_string(), count.to_string(), at]);
    }
    if args.json {
        println!("{}", serde_json::Value::Array(answers));
    } else {
        println!("{rows}");
    }
    Ok(Exit::Done)
}

async fn show(args: ShowArgs) -> Result<Exit, Failure> {
    let mut client = control(&args.caller, "operator").await?;
    let known = in_force(&mut client, args.whose.clone()).await?;
    if let (Some(organisation), true) = (&args.whose, known.is_empty()) {
        let problem = format!(
            "{organisation} has no publication schedule, so its gateways refuse all it sends; `walbrook schedule publish` publishes one"
        );
        return Err(Failure::new(Exit::Refused, problem));
    }
    if args.json {
        let shown = known.iter().map(json).collect();
        println!("{}", serde_json::Value::Array(shown));
        return Ok(Exit::Done);
    }
    let mut rows = table([
        "Organisation",
        "Version",
        "Publishes",
        "Controller",
        "Kept",
        "Reason",
    ]);
    for one in &known {
        for entry in &one.entries {
            rows.add_row([
                one.organisation.clone(),
                one.version.to_string(),
                entry.event_type.clone(),
                entry.controller.clone(),
                format!("{} days", entry.retention_days),
                entry.reason.clone(),
            ]);
        }
        if one.entries.is_empty() {
            rows.add_row([
                one.organisation.as_str(),
                &one.version.to_string(),
                "nothing any more",
            ]);
        }
    }
    println!("{rows}");
    Ok(Exit::Done)
}

async fn in_force(
    client: &mut proto::control_client::ControlClient<crate::caller::Connection>,
    organisation: Option<String>,
) -> Result<Vec<proto::ScheduleInForce>, Failure> {
    let request = proto::ListSchedulesRequest { organisation };
    let answer = again(async || client.clone().list_schedules(request.clone()).await).await;
    Ok(answer
        .map_err(refused("list the publication schedules"))?
        .into_inner()
        .schedules)
}

fn wire(entry: ScheduleEntry) -> proto::ScheduleEntry {
    proto::ScheduleEntry {
        event_type: entry.event_type.to_string(),
        controller: entry.controller.to_string(),
        reason: entry.reason,
        retention_days: entry.retention_days,
    }
}

fn json(one: &proto::ScheduleInForce) -> serde_json::Value {
    let entries: Vec<_> = one
        .entries
        .iter()
        .map(|entry| {
            serde_json::json!({
                "event_type": entry.event_type,
                "controller": entry.controller,
                "reason": entry.reason,
                "retention_days": entry.retention_days,
            })
        })
        .collect();
    serde_json::json!({ "organisation": one.organisation, "version": one.version, "entries": entries })
}
