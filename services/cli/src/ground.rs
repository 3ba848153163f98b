//! `walbrook ground`: what stands in the way of sharing, whatever the person agreed to; and readers whose access is taken away.

mod reader;
pub mod record;

use clap::{Args, Subcommand};
use walbrook_proto::control::v1::RecordGroundRequest;

use crate::consent::receipt;
use crate::{Exit, Failure};
use record::{About, Limits, Recording, record};

/// Record what stands in the way of sharing.
#[derive(Debug, Args)]
pub struct GroundArgs {
    /// What to do
    #[command(subcommand)]
    pub command: GroundCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum GroundCommand {
    /// The person objects: processing stops until it is decided
    Object(LimitedArgs),
    /// The objection stands
    Uphold(LimitedArgs),
    /// The objection was rejected, with reasons given to the person
    Reject(LimitedArgs),
    /// The person set, or takes back (`--off`), the national data opt-out
    OptOut(SwitchArgs),
    /// Nothing about the person is released while the hold is on
    Hold(SwitchArgs),
    /// The person's records are restricted: withheld, or seen by the responsible authority alone
    Restrict(SwitchArgs),
    /// One event must not be used
    Recall(RecallArgs),
    /// The record is to be erased: all of it leaves, nothing of it is released again, and there is no way back
    Erase(EraseArgs),
    /// A reader's access is taken away, or given back (`--off`), whatever the token says
    Reader(reader::ReaderArgs),
    /// What has become of one of these since: what left which view, and when
    Receipt(receipt::ReceiptArgs),
}

/// About whom, and how far.
#[derive(Debug, Args)]
pub struct LimitedArgs {
    /// About whom
    #[command(flatten)]
    pub about: About,
    /// How far it reaches
    #[command(flatten)]
    pub limits: Limits,
    /// How it is recorded
    #[command(flatten)]
    pub recording: Recording,
}

/// Something that is on or off.
#[derive(Debug, Args)]
pub struct SwitchArgs {
    /// Take it off again
    #[arg(long)]
    pub off: bool,
    /// About whom, and how far
    #[command(flatten)]
    pub limited: LimitedArgs,
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
    pub about: About,
    /// How it is recorded
    #[command(flatten)]
    pub recording: Recording,
}

/// An erasure order.
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// Yes, for ever
    #[arg(long, required = true)]
    pub for_ever: bool,
    /// About whom
    #[command(flatten)]
    pub about: About,
    /// How it is recorded
    #[command(flatten)]
    pub recording: Recording,
}

/// Runs one of them.
///
/// # Errors
/// When the control plane does not answer, or refuses.
pub async fn run(args: GroundArgs) -> Result<Exit, Failure> {
    match args.command {
        GroundCommand::Object(args) => limited(&args, "OBJECTION", "RAISED").await,
        GroundCommand::Uphold(args) => limited(&args, "OBJECTION", "UPHELD").await,
        GroundCommand::Reject(args) => limited(&args, "OBJECTION", "REJECTED").await,
        GroundCommand::OptOut(args) => switched(&args, "NATIONAL_DATA_OPT_OUT").await,
        GroundCommand::Hold(args) => switched(&args, "SAFETY_HOLD").await,
        GroundCommand::Restrict(args) => switched(&args, "RESTRICTION").await,
        GroundCommand::Recall(args) => {
            let request = RecordGroundRequest {
                event_id: Some(args.event),
                ..args.about.request("RECALL", on_or_off(args.off))
            };
            record(&args.recording, request).await
        }
        GroundCommand::Erase(args) => {
            record(&args.recording, args.about.request("ERASURE", "ON")).await
        }
        GroundCommand::Reader(args) => reader::run(args).await,
        GroundCommand::Receipt(args) => receipt::run(args).await,
    }
}

async fn limited(args: &LimitedArgs, kind: &str, state: &str) -> Result<Exit, Failure> {
    let request = args.limits.limit(args.about.request(kind, state));
    record(&args.recording, request).await
}

async fn switched(args: &SwitchArgs, kind: &str) -> Result<Exit, Failure> {
    limited(&args.limited, kind, on_or_off(args.off)).await
}

const fn on_or_off(off: bool) -> &'static str {
    if off { "OFF" } else { "ON" }
}
