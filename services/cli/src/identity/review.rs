//! `walbrook identity review`: pairs of records that the rules could not decide, for people who can.

mod sheet;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use walbrook_domain::Handle;
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::{
    DecideReviewRequest, ExplainReviewRequest, ListReviewsRequest, ReviewPair,
};

use crate::caller::{CallerArgs, Connection, refused};
use crate::table::print;
use crate::{Exit, Failure};

/// Page size of one request.
const PAGE: usize = 200;

/// List, explain, accept and reject.
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ReviewCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum ReviewCommand {
    /// Pairs that may be the same person, those that wait longest first
    List(ListArgs),
    /// The evidence for and against one pair; every look is on record
    Explain(ExplainArgs),
    /// Say that a pair is the same person: one person from now on, until somebody un-merges it
    Accept(DecideArgs),
    /// Say that a pair is never the same: later evidence does not join the two, only a merge by an operator does
    Reject(RejectArgs),
}

/// What to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only these outcomes (may be repeated)
    #[arg(long = "status", value_name = "STATUS", conflicts_with = "blind",
          value_parser = ["POTENTIAL_MATCH", "LOW_CONFIDENCE_MATCH", "MANY_MATCH", "CONTRADICTED", "TWO_NHS_NUMBERS", "BIRTHS_FAR", "FULL", "DISPUTED"])]
    pub statuses: Vec<String>,
    /// Only pairs of which this organisation holds a record
    #[arg(
        long = "organisation",
        value_name = "ORGANISATION",
        default_value = "",
        hide_default_value = true
    )]
    pub holder: String,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = limit)]
    pub limit: usize,
    /// Leave scores, outcomes and their order out, so that they do not sway whoever decides
    #[arg(long)]
    pub blind: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

fn limit(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "expected a number from 1".to_owned())
}

/// A pair as `list` prints it.
#[derive(Debug, Clone, Args)]
pub struct PairArgs {
    /// The record: its handle, 32 hex characters
    #[arg(value_name = "RECORD")]
    pub record: Handle,
    /// The one that may be the same
    #[arg(value_name = "CANDIDATE")]
    pub candidate: Handle,
}

impl From<&PairArgs> for ReviewPair {
    fn from(pair: &PairArgs) -> Self {
        Self {
            record: pair.record.as_bytes().to_vec(),
            candidate: pair.candidate.as_bytes().to_vec(),
        }
    }
}

/// Which pair to explain, and how.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The pair
    #[command(flatten)]
    pub pair: PairArgs,
    /// Leave weights and the score out
    #[arg(long)]
    pub blind: bool,
    /// Draw the weights as a waterfall into this file
    #[arg(long, value_name = "FILE", conflicts_with = "blind")]
    pub svg: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Which pair is the same person, and why.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// The pair
    #[command(flatten)]
    pub pair: PairArgs,
    /// Why
    #[arg(long, default_value = "reviewed-same-person", value_parser = ["reviewed-same-person", "confirmed-by-organisation", "confirmed-by-person"])]
    pub reason: String,
    /// The pair was looked at without its score
    #[arg(long)]
    pub blind: bool,
    /// Who decides
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Which pair is never the same, and why.
#[derive(Debug, Args)]
pub struct RejectArgs {
    /// The pair
    #[command(flatten)]
    pub pair: PairArgs,
    /// Why
    #[arg(long, default_value = "reviewed-different-people", value_parser = ["reviewed-different-people", "confirmed-by-organisation", "confirmed-by-person"])]
    pub reason: String,
    /// The pair was looked at without its score
    #[arg(long)]
    pub blind: bool,
    /// Who decides
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Runs one of them.
///
/// # Errors
/// When identity does not answer, or refuses, or the drawing cannot be written.
pub async fn run(args: ReviewArgs) -> Result<Exit, Failure> {
    match args.command {
        ReviewCommand::List(args) => list(args).await,
        ReviewCommand::Explain(args) => explain(args).await,
        ReviewCommand::Accept(args) => {
            decide(&args.caller, &args.pair, "SAME", args.reason, args.blind).await
        }
        ReviewCommand::Reject(args) => {
            decide(
                &args.caller,
                &args.pair,
                "NEVER_SAME",
                args.reason,
                args.blind,
            )
            .await
        }
    }
}

async fn client(caller: &CallerArgs) -> Result<IdentityClient<Connection>, Failure> {
    Ok(IdentityClient::new(
        caller.connect("identity", "reviewer").await?,
    ))
}

async fn list(args: ListArgs) -> Result<Exit, Failure> {
    let mut client = client(&args.caller).await?;
    let mut items = Vec::new();
    let mut page_token = String::new();
    let waiting = loop {
        let wanted = args.limit.saturating_sub(items.len()).clamp(1, PAGE);
        let request = ListReviewsRequest {
            page_size: i32::try_from(wanted).unwrap_or(1),
            page_token: std::mem::take(&mut page_token),
            statuses: args.statuses.clone(),
            organisation: args.holder.clone(),
            blind: args.blind,
        };
        let answer = client.list_reviews(request).await;
        let answer = answer.map_err(refused("list what waits"))?.into_inner();
        items.extend(answer.items);
        page_token = answer.next_page_token;
        if page_token.is_empty() || items.len() >= args.limit {
            break answer.waiting;
        }
    };
    items.truncate(args.limit);
    if args.json {
        print(&format!("{:#}\n", sheet::list_json(&items, waiting)));
    } else {
        print(&sheet::list(&items, waiting, args.blind));
    }
    Ok(Exit::Done)
}

async fn explain(args: ExplainArgs) -> Result<Exit, Failure> {
    let request = ExplainReviewRequest {
        pair: Some((&args.pair).into()),
        blind: args.blind,
    };
    let answer = client(&args.caller).await?.explain_review(request).await;
    let answer = answer.map_err(refused("explain the pair"))?.into_inner();
    if let Some(file) = &args.svg {
        std::fs::write(file, sheet::svg(&answer)).map_err(|error| {
            Failure::new(
                Exit::Input,
                format!(
                    "the drawing cannot be written to {}: {error}",
                    file.display()
                ),
            )
        })?;
    }
    if args.json {
        print(&format!("{:#}\n", sheet::explained_json(&answer)));
    } else {
        print(&sheet::explained(&answer, args.blind));
    }
    Ok(Exit::Done)
}

async fn decide(
    caller: &CallerArgs,
    pair: &PairArgs,
    decision: &str,
    reason: String,
    blind: bool,
) -> Result<Exit, Failure> {
    let request = DecideReviewRequest {
        pair: Some(pair.into()),
        decision: decision.to_owned(),
        reason,
        blind,
    };
    let answer = client(caller).await?.decide_review(request).await;
    let answer = answer
        .map_err(refused("decide about the pair"))?
        .into_inner();
    let done = if decision == "SAME" {
        "one person"
    } else {
        "never the same"
    };
    super::show(done, &answer.positions);
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_argument_has_a_name_of_its_own() {
        crate::Cli::command().debug_assert();
    }
}
