//! `walbrook consent`: what a person said of sharing, on record about the organisation's own record of them.

pub mod receipt;

use clap::{Args, Subcommand};
use prost_types::Timestamp;
use walbrook_domain::{Day, Instant};
use walbrook_proto::control::v1::RecordGroundRequest;

use crate::ground::record::{About, Limits, Recording, record};
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
    Refuse(SaidArgs),
    /// The person takes the consent back: all that rested on it leaves
    Withdraw(SaidArgs),
    /// What has become of one of these since: what left which view, and when
    Receipt(receipt::ReceiptArgs),
}

/// What the person said, and of what.
#[derive(Debug, Args)]
pub struct SaidArgs {
    /// When the person said so, as 2026-05-01T10:30:00Z; now when left out
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub stated_at: Option<Instant>,
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

/// A consent.
#[derive(Debug, Args)]
pub struct GiveArgs {
    /// Last day on which it holds
    #[arg(long, value_name = "DAY")]
    pub until: Option<Day>,
    /// The one housing authority that the person chose (duty to refer, Housing Act 1996 s213B); say --stated-at with it
    #[arg(long, value_name = "ORGANISATION", requires = "stated_at")]
    pub authority: Option<String>,
    /// What the person said
    #[command(flatten)]
    pub said: SaidArgs,
}

/// Reads an instant.
fn instant(text: &str) -> Result<Instant, String> {
    Instant::parse_rfc3339(text).map_err(|error| error.to_string())
}

impl SaidArgs {
    fn request(&self, state: &str) -> RecordGroundRequest {
        let stated_at = self.stated_at.map(|at| Timestamp {
            seconds: at.0.div_euclid(1_000_000),
            nanos: i32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
        });
        RecordGroundRequest {
            stated_at,
            ..self.limits.limit(self.about.request("CONSENT", state))
        }
    }
}

/// Runs one of them.
///
/// # Errors
/// When the control plane does not answer, or refuses.
pub async fn run(args: ConsentArgs) -> Result<Exit, Failure> {
    let (said, request) = match args.command {
        ConsentCommand::Receipt(args) => return receipt::run(args).await,
        ConsentCommand::Give(args) => {
            let request = RecordGroundRequest {
                not_after_day: args.until.map(|day| day.0),
                chosen_authority: args.authority,
                ..args.said.request("GIVEN")
            };
            (args.said, request)
        }
        ConsentCommand::Refuse(args) => {
            let request = args.request("REFUSED");
            (args, request)
        }
        ConsentCommand::Withdraw(args) => {
            let request = args.request("WITHDRAWN");
            (args, request)
        }
    };
    record(&said.recording, request).await
}
