//! `walbrook identity`: who is the same person, and who decides where the rules cannot.

mod approve;
pub mod evaluate;
pub mod file;
mod record;
mod review;
pub mod train;

use clap::{Args, Subcommand};
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::{LinkPosition, MergeRequest, UnmergeRequest};

use crate::caller::{CallerArgs, refused};
use crate::table::{print, table};
use crate::{Exit, Failure};
use record::RecordName;

/// Who is the same person.
#[derive(Debug, Args)]
pub struct IdentityArgs {
    /// What to do
    #[command(subcommand)]
    pub command: IdentityCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Say that two records are the same person; the first one's person keeps its id
    Merge(MergeArgs),
    /// As a second person, let a named reader look a record of your organisation up before its hold is over
    Approve(approve::ApproveArgs),
    /// Undo the latest join that names a record; both persons are as before it
    Unmerge(UnmergeArgs),
    /// Link a file of records in memory as identity does, and hold it against the truth
    Evaluate(evaluate::EvaluateArgs),
    /// Train a matching model on records without labels, and write it as a file
    Train(train::TrainArgs),
    /// Pairs of records that the rules could not decide: list, explain, accept, reject
    Review(review::ReviewArgs),
}

/// A record is named by its handle (32 hex characters) or as `agency/organisation/scheme/local id`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The record whose person keeps its id: a handle, or agency/organisation/scheme/id as housing/GSS:E09000007/LOCAL/H-1
    #[arg(value_name = "RECORD")]
    pub survivor: RecordName,
    /// The other record
    #[arg(value_name = "OTHER")]
    pub other: RecordName,
    /// Why
    #[arg(long, default_value = "reviewed-same-person", value_parser = ["reviewed-same-person", "confirmed-by-organisation", "confirmed-by-person"])]
    pub reason: String,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// What to take out of its person.
#[derive(Debug, Args)]
pub struct UnmergeArgs {
    /// The record: a handle, or agency/organisation/scheme/id
    #[arg(value_name = "RECORD")]
    pub record: RecordName,
    /// Why
    #[arg(long, default_value = "reviewed-different-people", value_parser = ["reviewed-different-people", "confirmed-by-organisation", "confirmed-by-person"])]
    pub reason: String,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Runs one of them.
///
/// # Errors
/// When identity does not answer, or refuses.
pub async fn run(args: IdentityArgs) -> Result<Exit, Failure> {
    match args.command {
        IdentityCommand::Merge(args) => merge(args).await,
        IdentityCommand::Review(args) => review::run(args).await,
        IdentityCommand::Approve(args) => approve::run(args).await,
        IdentityCommand::Unmerge(args) => unmerge(args).await,
        IdentityCommand::Evaluate(args) => evaluate::run(&args),
        IdentityCommand::Train(args) => train::run(&args),
    }
}

async fn merge(args: MergeArgs) -> Result<Exit, Failure> {
    let connection = args.caller.connect("identity", "operator").await?;
    let request = MergeRequest {
        survivor: Some(args.survivor.into()),
        other: Some(args.other.into()),
        reason: args.reason,
    };
    let answer = IdentityClient::new(connection).merge(request).await;
    let answer = answer.map_err(refused("merge the records"))?.into_inner();
    show("merged", &answer.positions);
    Ok(Exit::Done)
}

async fn unmerge(args: UnmergeArgs) -> Result<Exit, Failure> {
    let connection = args.caller.connect("identity", "operator").await?;
    let request = UnmergeRequest {
        record: Some(args.record.into()),
        reason: args.reason,
    };
    let answer = IdentityClient::new(connection).unmerge(request).await;
    let answer = answer.map_err(refused("un-merge the record"))?.into_inner();
    show("un-merged", &answer.positions);
    Ok(Exit::Done)
}

/// Where the change stands. The person's id is identity's own and of no use to anybody here.
fn show(done: &str, positions: &[LinkPosition]) {
    print(&shown(done, positions));
}

fn shown(done: &str, positions: &[LinkPosition]) -> String {
    if positions.is_empty() {
        return format!("{done}; on record, and no link had to change\n");
    }
    let mut rows = table(["control.links", "governs from offset"]);
    for position in positions {
        rows.add_row([
            format!("partition {}", position.partition),
            position.next_offset.to_string(),
        ]);
    }
    format!("{done}; every member's link record is on the log\n{rows}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_links_changed_it_says_from_where_on_they_govern() {
        let at = |partition, next_offset| LinkPosition {
            partition,
            next_offset,
        };
        let text = shown("merged", &[at(2, 10), at(3, 14)]);
        assert!(text.starts_with("merged; every member's link record is on the log"));
        assert!(text.contains("partition 3") && text.contains("14"));
        assert_eq!(
            shown("never the same", &[]),
            "never the same; on record, and no link had to change\n"
        );
    }
}
