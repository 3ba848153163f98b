//! `walbrook agreement suspend|resume|terminate`.

use clap::Args;
use walbrook_proto::control::v1::SetStandingRequest;

use super::{again, control, key, on_record, receipt_json};
use crate::caller::{CallerArgs, refused};
use crate::{Exit, Failure};

/// Whose standing, and why.
#[derive(Debug, Args)]
pub struct StandingArgs {
    /// The agreement
    #[arg(value_name = "ID")]
    pub agreement: String,
    /// The party it is said of; all parties when left out (operators only)
    #[arg(long, value_name = "ORGANISATION")]
    pub party: Option<String>,
    /// Why
    #[arg(long, default_value = "under-review", value_parser = walbrook_policy::state::STANDING_REASONS)]
    pub reason: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// As whom: the party itself, or an operator
    #[command(flatten)]
    pub caller: CallerArgs,
}

pub(super) async fn run(args: StandingArgs, standing: &str) -> Result<Exit, Failure> {
    // A party acts for itself; without one it is an operator's act.
    let own = args.party.as_deref() == Some(args.caller.organisation.as_str());
    let mut client = control(&args.caller, if own { "control" } else { "operator" }).await?;
    let version = on_record(&mut client)
        .await?
        .into_iter()
        .find(|one| one.agreement_id == args.agreement)
        .map(|one| one.version)
        .ok_or_else(|| {
            Failure::new(
                Exit::Refused,
                format!("there is no agreement {} on record", args.agreement),
            )
        })?;
    let request = SetStandingRequest {
        agreement_id: args.agreement.clone(),
        version,
        party: args.party.clone(),
        standing: standing.to_owned(),
        reason: args.reason.clone(),
        idempotency_key: key(),
    };
    let answer = again(async || client.clone().set_standing(request.clone()).await).await;
    let receipt = answer.map_err(refused("change the standing"))?.into_inner();
    if args.json {
        println!("{}", receipt_json(&receipt));
    } else {
        let whom = args.party.as_deref().unwrap_or("all parties");
        println!(
            "{} is {standing} for {whom}, control.policy offset {}",
            args.agreement, receipt.offset
        );
    }
    Ok(Exit::Done)
}
