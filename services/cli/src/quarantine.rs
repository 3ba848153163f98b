//! `walbrook quarantine`: what stands in quarantine, for the organisation whose records they are, and how it is put right.

mod event;
mod sheet;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use walbrook_proto::quarantine::v1::quarantine_client::QuarantineClient;
use walbrook_proto::quarantine::v1::{
    GetQuarantinedRequest, ListQuarantinedRequest, QuarantinedEvent, ResubmittedRequest,
};

use crate::agreement::again;
use crate::caller::{CallerArgs, Connection, refused};
use crate::table::print;
use crate::{Exit, Failure};

/// List, show, explain and send again.
#[derive(Debug, Args)]
pub struct QuarantineArgs {
    /// What to do
    #[command(subcommand)]
    pub command: QuarantineCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Your organisation's quarantined records, newest first (`--as SCHEME:code`)
    List(ListArgs),
    /// One of them: coordinates, length, hash, rule; never what it holds
    Show(ShowArgs),
    /// What is wrong with it and how to put it right, in plain words
    Explain(ShowArgs),
    /// Send the corrected event through the agency's gateway, under the same event id
    Resubmit(ResubmitArgs),
}

/// What to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only this agency's (city, housing, health, police, social-care, tfl)
    #[arg(long, value_name = "AGENCY")]
    pub agency: Option<String>,
    /// Those sent again too
    #[arg(long)]
    pub all: bool,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub limit: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Which one.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its coordinates as `list` prints them, for example raw.housing/2/17
    #[arg(value_name = "ID")]
    pub id: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Which one, and the corrected event.
#[derive(Debug, Args)]
pub struct ResubmitArgs {
    /// Its coordinates as `list` prints them
    #[arg(value_name = "ID")]
    pub id: String,
    /// The corrected event as JSON: the agency's Event message (proto/AGENCY/v1), in protobuf's JSON form; - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The broker's address, when it is not on the local backbone; `--endpoint` is then the agency's gateway
    #[arg(long, value_name = "URL")]
    pub broker: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who sends
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: QuarantineArgs) -> Result<Exit, Failure> {
    match args.command {
        QuarantineCommand::List(args) => list(args).await,
        QuarantineCommand::Show(args) => show(args, sheet::show).await,
        QuarantineCommand::Explain(args) => show(args, sheet::explain).await,
        QuarantineCommand::Resubmit(args) => resubmit(args).await,
    }
}

async fn client(caller: &CallerArgs) -> Result<QuarantineClient<Connection>, Failure> {
    // Nobody's records are the operator's to look at; an organisation's are its own.
    let role = if caller.organisation == "WALBROOK:local" {
        "operator"
    } else {
        "control"
    };
    Ok(QuarantineClient::new(caller.connect("broker", role).await?))
}

async fn list(args: ListArgs) -> Result<Exit, Failure> {
    let client = client(&args.caller).await?;
    let mut events: Vec<QuarantinedEvent> = Vec::new();
    let mut token = String::new();
    let (open, total, left_off) = loop {
        let wanted = (args.limit - events.len()).clamp(1, 1_000);
        let request = ListQuarantinedRequest {
            agency: args.agency.clone(),
            open_only: !args.all,
            page_size: i32::try_from(wanted).unwrap_or(1_000),
            page_token: std::mem::take(&mut token),
        };
        let answer = again(async || client.clone().list(request.clone()).await)
            .await
            .map_err(refused("list the quarantine"))?
            .into_inner();
        events.extend(answer.events);
        token = answer.next_page_token;
        if token.is_empty() || events.len() >= args.limit {
            break (answer.open, answer.total, answer.left_off);
        }
    };
    if args.json {
        let events: Vec<_> = events.iter().map(sheet::json).collect();
        println!(
            "{:#}",
            serde_json::json!({"open": open, "total": total, "left_off": left_off, "events": events})
        );
    } else {
        let counts = (open, total, left_off);
        print(&sheet::list(&events, &args.caller.organisation, counts));
    }
    Ok(Exit::Done)
}

async fn get(caller: &CallerArgs, id: &str) -> Result<QuarantinedEvent, Failure> {
    let client = client(caller).await?;
    let request = GetQuarantinedRequest { id: id.to_owned() };
    let answer = again(async || client.clone().get(request.clone()).await).await;
    Ok(answer
        .map_err(refused("show the quarantined record"))?
        .into_inner())
}

async fn show(args: ShowArgs, text: fn(&QuarantinedEvent) -> String) -> Result<Exit, Failure> {
    let event = get(&args.caller, &args.id).await?;
    if args.json {
        println!("{:#}", sheet::json(&event));
    } else {
        print(&text(&event));
    }
    Ok(Exit::Done)
}

async fn resubmit(args: ResubmitArgs) -> Result<Exit, Failure> {
    let at_broker = CallerArgs {
        endpoint: args.broker.clone(),
        ..args.caller.clone()
    };
    let quarantined = get(&at_broker, &args.id).await?;
    if let Some(corrected) = &quarantined.corrected {
        return Err(Failure::new(
            Exit::Refused,
            format!(
                "{} was sent again already: the corrected event {} stands at {}",
                quarantined.id, corrected.event_id, corrected.id
            ),
        ));
    }
    let corrected = event::read(&args.file, &quarantined)?;
    let receipt = event::send(&args.caller, corrected).await?;
    let client = client(&at_broker).await?;
    let request = ResubmittedRequest {
        id: quarantined.id.clone(),
        receipt_id: receipt.receipt_id.clone(),
        event_id: receipt.event_id.clone(),
    };
    let answer = again(async || client.clone().resubmitted(request.clone()).await)
        .await
        .map_err(refused("say that it was sent again"))?
        .into_inner();
    if args.json {
        println!("{:#}", sheet::json(&answer));
    } else {
        print(&sheet::resubmitted(&answer, &receipt));
    }
    Ok(Exit::Done)
}
