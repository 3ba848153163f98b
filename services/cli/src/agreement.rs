//! `walbrook agreement`: agreements from their files: check, propose, sign, suspend, resume, terminate, list, show.

mod check;
mod dry_run;
mod history;
mod paper;
mod propose;
mod show;
mod sign;
mod standing;

use clap::{Args, Subcommand};
use tonic::Status;
use walbrook_proto::control::v1::control_client::ControlClient;
use walbrook_proto::control::v1::{AgreementSummary, ControlReceipt, ListAgreementsRequest};

use crate::caller::{CallerArgs, Connection, refused};
use crate::{Exit, Failure};

pub use check::CheckArgs;
pub(crate) use check::{documents, place, read};
pub use dry_run::DryRunArgs;
pub use history::HistoryArgs;
pub use propose::ProposeArgs;
pub use show::{ListArgs, ShowArgs};
pub use sign::SignArgs;
pub use standing::StandingArgs;

/// Check, propose, sign and end agreements.
#[derive(Debug, Args)]
pub struct AgreementArgs {
    /// What to do
    #[command(subcommand)]
    pub command: AgreementCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum AgreementCommand {
    /// Check agreement files: every fault by file, line, field and reason
    Check(CheckArgs),
    /// Replay the log under an agreement and say what it would change; writes nothing
    DryRun(DryRunArgs),
    /// Propose agreements, or their next versions, from files or a folder of files
    Propose(ProposeArgs),
    /// Sign a version as a party, with the party's own key
    Sign(SignArgs),
    /// Suspend an agreement, for one party or (operators) for all
    Suspend(StandingArgs),
    /// Resume a suspended agreement
    Resume(StandingArgs),
    /// End an agreement, for one party or (operators) for all; a party comes back by signing again
    Terminate(StandingArgs),
    /// What happened to an agreement, in the order of the log, or the text of any of its versions
    History(HistoryArgs),
    /// The agreements on record and how they stand
    List(ListArgs),
    /// One agreement as a paper for people: what is shared, why, with whom, and who has signed
    Show(ShowArgs),
}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub async fn run(args: AgreementArgs) -> Result<Exit, Failure> {
    match args.command {
        AgreementCommand::Check(args) => check::run(&args),
        AgreementCommand::DryRun(args) => dry_run::run(args).await,
        AgreementCommand::Propose(args) => propose::run(args).await,
        AgreementCommand::Sign(args) => sign::run(args).await,
        AgreementCommand::Suspend(args) => standing::run(args, "SUSPENDED").await,
        AgreementCommand::Resume(args) => standing::run(args, "IN_FORCE").await,
        AgreementCommand::Terminate(args) => standing::run(args, "TERMINATED").await,
        AgreementCommand::History(args) => history::run(args).await,
        AgreementCommand::List(args) => show::list(args).await,
        AgreementCommand::Show(args) => show::show(args).await,
    }
}

/// The control plane, as the caller in a role.
pub(crate) async fn control(
    caller: &CallerArgs,
    role: &str,
) -> Result<ControlClient<Connection>, Failure> {
    Ok(ControlClient::new(caller.connect("broker", role).await?))
}

/// What is on record.
async fn on_record(
    client: &mut ControlClient<Connection>,
) -> Result<Vec<AgreementSummary>, Failure> {
    let answer = again(async || {
        client
            .clone()
            .list_agreements(ListAgreementsRequest {})
            .await
    })
    .await;
    Ok(answer
        .map_err(refused("list the agreements"))?
        .into_inner()
        .agreements)
}

/// Asks again for a while where the control plane has no writer yet, or its log did not confirm: each call carries its key.
pub(crate) async fn again<T, F>(call: F) -> Result<T, Status>
where
    F: AsyncFn() -> Result<T, Status>,
{
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        match call().await {
            Err(status)
                if status.code() == tonic::Code::Unavailable
                    && tokio::time::Instant::now() < deadline =>
            {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            other => return other,
        }
    }
}

/// A fresh idempotency key: one per command typed.
pub(crate) fn key() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A receipt as JSON.
pub(crate) fn receipt_json(receipt: &ControlReceipt) -> serde_json::Value {
    serde_json::json!({
        "offset": receipt.offset,
        "version": receipt.version,
        "id": receipt.id,
        "repeated": receipt.repeated_call,
    })
}
