//! `walbrook view break-glass`: what was seen beyond scope, and what a second person says of it.

use clap::{Args, Subcommand};
use serde_json::json;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{
    BreakGlass, BreakGlassRead, ListBreakGlassRequest, ReviewBreakGlassRequest,
};
use walbrook_view::glass::VERDICTS;

use super::rows::wrong;
use super::{sheet, words};
use crate::caller::{CallerArgs, refused};
use crate::table::{print, table};
use crate::{Exit, Failure};

/// The role that reviews.
const SUPERVISOR: &str = "supervisor";

/// Break-glass as a second person sees it.
#[derive(Debug, Args)]
pub struct GlassArgs {
    /// What to do
    #[command(subcommand)]
    pub command: GlassCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum GlassCommand {
    /// Whom the organisation's readers saw beyond scope, why, for which case; what waits for a review first
    List(GlassListArgs),
    /// Accept a break-glass, or object: then it holds no longer. Never one's own
    Review(GlassReviewArgs),
}

/// A list.
#[derive(Debug, Args)]
pub struct GlassListArgs {
    /// The view, for example rough_sleeping_risk
    #[arg(value_name = "VIEW")]
    pub view: String,
    /// Only those that nobody has reviewed
    #[arg(long)]
    pub waiting: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks; the role is supervisor
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// A review.
#[derive(Debug, Args)]
pub struct GlassReviewArgs {
    /// The view
    #[arg(value_name = "VIEW")]
    pub view: String,
    /// The read it was begun with, as the list says it
    #[arg(value_name = "READ_ID")]
    pub read: String,
    /// What is to be said of it: NECESSARY and NECESSARY_RECORD_INCOMPLETE accept, the others object
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(VERDICTS.map(|(_, reason)| reason)))]
    pub verdict: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who reviews; the role is supervisor
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Runs one of them.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn run(args: GlassArgs) -> Result<Exit, Failure> {
    match args.command {
        GlassCommand::List(args) => list(args).await,
        GlassCommand::Review(args) => review(args).await,
    }
}

/// What a reader is told of the break-glass that a row was read under.
pub(super) fn held(glass: &BreakGlass) -> String {
    format!(
        "Read under break-glass ({}), begun with {}: it holds until {}, and a second person reviews it.",
        glass.reason,
        glass.read_id,
        words::instant(glass.expires_at.as_ref())
    )
}

async fn list(args: GlassListArgs) -> Result<Exit, Failure> {
    let connection = args.caller.connect("materialiser", SUPERVISOR).await?;
    let request = ListBreakGlassRequest {
        view: args.view,
        waiting_only: args.waiting,
    };
    let response = ViewsClient::new(connection).list_break_glass(request).await;
    let answer = response.map_err(refused("break-glass list"))?.into_inner();
    if args.json {
        let said = json!({
            "waiting": answer.waiting,
            "overdue": answer.overdue,
            "reads": answer.reads.iter().map(read_json).collect::<Vec<_>>(),
        });
        println!("{said:#}");
        return Ok(Exit::Done);
    }
    if !answer.reads.is_empty() {
        let heads = [
            "Read", "Reader", "Role", "Why", "Case", "Begun", "Until", "Reads", "State",
        ];
        let mut shown = table(heads);
        for read in &answer.reads {
            shown.add_row([
                read.read_id.clone(),
                read.reader.clone(),
                read.role.clone(),
                read.reason.clone(),
                read.case_reference.clone(),
                words::instant(read.begun_at.as_ref()),
                words::instant(read.expires_at.as_ref()),
                read.reads.to_string(),
                state(read),
            ]);
        }
        print(&format!("{shown}\n"));
    }
    println!(
        "{} wait for a review, {} of them overdue.",
        answer.waiting, answer.overdue
    );
    Ok(Exit::Done)
}

/// How it stands, in words.
fn state(read: &BreakGlassRead) -> String {
    let found = if read.empty { ", nothing shown" } else { "" };
    match read.state.as_str() {
        "WAITING" => format!(
            "waits, due {}{found}",
            words::instant(read.review_due_at.as_ref())
        ),
        judged => format!("{} by {}{found}", judged.to_lowercase(), read.reviewed_by),
    }
}

fn read_json(read: &BreakGlassRead) -> serde_json::Value {
    json!({
        "read_id": read.read_id,
        "reader": read.reader,
        "role": read.role,
        "reason": read.reason,
        "case": read.case_reference,
        "begun_at": sheet::instant_json(read.begun_at.as_ref()),
        "expires_at": sheet::instant_json(read.expires_at.as_ref()),
        "review_due_at": sheet::instant_json(read.review_due_at.as_ref()),
        "state": read.state,
        "reviewed_by": read.reviewed_by,
        "reviewed_at": sheet::instant_json(read.reviewed_at.as_ref()),
        "reads": read.reads,
        "empty": read.empty,
    })
}

async fn review(args: GlassReviewArgs) -> Result<Exit, Failure> {
    let verdict = VERDICTS.iter().find(|(_, reason)| *reason == args.verdict);
    let (outcome, reason) = verdict.ok_or_else(|| wrong("there is no such verdict"))?;
    let connection = args.caller.connect("materialiser", SUPERVISOR).await?;
    let request = ReviewBreakGlassRequest {
        view: args.view,
        read_id: args.read.clone(),
        outcome: (*outcome).to_owned(),
        reason: (*reason).to_owned(),
    };
    let response = ViewsClient::new(connection)
        .review_break_glass(request)
        .await;
    let answer = response
        .map_err(refused("break-glass review"))?
        .into_inner();
    let reviewed_at = answer.reviewed_at.as_ref();
    if args.json {
        let said = json!({
            "read_id": args.read,
            "outcome": outcome,
            "reason": reason,
            "reviewed_at": sheet::instant_json(reviewed_at),
        });
        println!("{said:#}");
    } else {
        let (outcome, at) = (outcome.to_lowercase(), words::instant(reviewed_at));
        println!("{} is {outcome} since {at}: {reason}.", args.read);
    }
    Ok(Exit::Done)
}
