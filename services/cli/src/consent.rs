//! `walbrook consent`: what a person said, on record about the organisation's own record of them.

pub mod receipt;

use clap::{Args, Subcommand};
use tonic_types::StatusExt;
use walbrook_domain::Day;
use walbrook_proto::control::v1::{ControlReceipt, RecordGroundRequest};

use crate::agreement::{again, control, key, receipt_json};
use crate::caller::{CallerArgs, refused};
use crate::{Exit, Failure};

/// Record what a person said.
#[derive(Debug, Args)]
pub struct ConsentArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ConsentCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// The person agrees
    Give(GiveArgs),
    /// The person does not agree
    Refuse(GroundArgs),
    /// The person takes the consent back: all that rested on it leaves
    Withdraw(GroundArgs),
    /// The person objects: processing stops until it is decided
    Object(GroundArgs),
    /// The objection stands
    Uphold(GroundArgs),
    /// The objection was rejected, with reasons given to the person
    Reject(GroundArgs),
    /// The person set, or takes back (`--off`), the national data opt-out
    OptOut(SwitchArgs),
    /// Nothing about the person is released while the hold is on
    Hold(SwitchArgs),
    /// One event must not be used
    Recall(RecallArgs),
}

/// About whom, and how far.
#[derive(Debug, Clone, Args)]
pub struct GroundArgs {
    /// The agency whose service holds the record, for example housing
    #[arg(long)]
    pub agency: String,
    /// What kind of number the local id is
    #[arg(long, default_value = "LOCAL")]
    pub scheme: String,
    /// The organisation's own number for the person
    #[arg(long, value_name = "ID")]
    pub local_id: String,
    /// Only for this purpose; every purpose when left out
    #[arg(long)]
    pub purpose: Option<String>,
    /// Only for this agreement; every agreement of the purpose when left out
    #[arg(long, value_name = "ID")]
    pub agreement: Option<String>,
    /// Wait until every view has said that it reached them, and show what left
    #[arg(long)]
    pub wait: bool,
    /// Give up waiting after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub within_s: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who records it, for their own organisation
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// A consent.
#[derive(Debug, Args)]
pub struct GiveArgs {
    /// Last day on which it holds
    #[arg(long, value_name = "DAY")]
    pub until: Option<Day>,
    /// About whom
    #[command(flatten)]
    pub ground: GroundArgs,
}

/// Something that is on or off.
#[derive(Debug, Args)]
pub struct SwitchArgs {
    /// Take it off again
    #[arg(long)]
    pub off: bool,
    /// About whom
    #[command(flatten)]
    pub ground: GroundArgs,
}

/// One event.
#[derive(Debug, Args)]
pub struct RecallArgs {
    /// The event's id, as its sender gave it
    #[arg(long, value_name = "UUID")]
    pub event: String,
    /// Take the recall back
    #[arg(long)]
    pub off: bool,
    /// About whom
    #[command(flatten)]
    pub ground: GroundArgs,
}

/// Runs one of them.
///
/// # Errors
/// When the control plane does not answer, or refuses.
pub async fn run(args: ConsentArgs) -> Result<Exit, Failure> {
    let (ground, kind, state) = match args.command {
        ConsentCommand::Give(args) => {
            let not_after_day = args.until.map(|day| day.0);
            let request = RecordGroundRequest {
                not_after_day,
                ..request(&args.ground, "CONSENT", "GIVEN")
            };
            return record(&args.ground, request).await;
        }
        ConsentCommand::Recall(args) => {
            let request = RecordGroundRequest {
                event_id: Some(args.event),
                ..request(&args.ground, "RECALL", switch(args.off))
            };
            return record(&args.ground, request).await;
        }
        ConsentCommand::Refuse(args) => (args, "CONSENT", "REFUSED"),
        ConsentCommand::Withdraw(args) => (args, "CONSENT", "WITHDRAWN"),
        ConsentCommand::Object(args) => (args, "OBJECTION", "RAISED"),
        ConsentCommand::Uphold(args) => (args, "OBJECTION", "UPHELD"),
        ConsentCommand::Reject(args) => (args, "OBJECTION", "REJECTED"),
        ConsentCommand::OptOut(args) => (args.ground, "NATIONAL_DATA_OPT_OUT", switch(args.off)),
        ConsentCommand::Hold(args) => (args.ground, "SAFETY_HOLD", switch(args.off)),
    };
    let request = request(&ground, kind, state);
    record(&ground, request).await
}

const fn switch(off: bool) -> &'static str {
    if off { "OFF" } else { "ON" }
}

fn request(ground: &GroundArgs, kind: &str, state: &str) -> RecordGroundRequest {
    RecordGroundRequest {
        agency: ground.agency.clone(),
        id_scheme: ground.scheme.clone(),
        local_id: ground.local_id.clone(),
        kind: kind.to_owned(),
        state: state.to_owned(),
        purpose: ground.purpose.clone(),
        agreement_id: ground.agreement.clone(),
        event_id: None,
        not_after_day: None,
        stated_at: None,
        expected_version: 0,
        idempotency_key: key(),
    }
}

async fn record(ground: &GroundArgs, request: RecordGroundRequest) -> Result<Exit, Failure> {
    let said = format!("{} {}", request.kind, request.state);
    let receipt = submit(ground, request).await?;
    if !ground.json {
        println!(
            "{said} is on record: control.policy offset {}, version {}",
            receipt.offset, receipt.version
        );
    }
    if !ground.wait {
        if ground.json {
            println!("{}", receipt_json(&receipt));
        } else {
            println!("what becomes of it: walbrook receipt {}", receipt.offset);
        }
        return Ok(Exit::Done);
    }
    let status = receipt::complete(&ground.caller, receipt.offset, ground.within_s).await?;
    receipt::print(&status, ground.json);
    Ok(Exit::Done)
}

/// Records it on top of what is on record now: somebody typing here means the newest state, so a stale version is looked up once.
async fn submit(
    ground: &GroundArgs,
    mut request: RecordGroundRequest,
) -> Result<ControlReceipt, Failure> {
    let client = control(&ground.caller, "control").await?;
    for _ in 0..3 {
        let answer = again(async || client.clone().record_ground(request.clone()).await).await;
        let status = match answer {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => status,
        };
        match current_version(&status) {
            Some(current) => {
                request.expected_version = current;
                request.idempotency_key = key();
            }
            None => return Err(refused("record it")(status)),
        }
    }
    Err(Failure::new(
        Exit::Refused,
        "somebody else keeps changing this ground: try again",
    ))
}

fn current_version(status: &tonic::Status) -> Option<u32> {
    let details = status.get_error_details();
    let info = details.error_info()?;
    if info.reason != "VERSION_STALE" {
        return None;
    }
    info.metadata.get("current_version")?.parse().ok()
}
