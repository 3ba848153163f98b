//! `walbrook view watch`: rows as they change, one line for each person whose row came, changed or left.

use clap::Args;
use serde_json::json;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{ReadContext, Row, WatchRowsRequest, WatchRowsResponse};

use super::rows::wrong;
use super::sheet;
use crate::caller::{CallerArgs, refused};
use crate::table::print;
use crate::{Exit, Failure};

/// What to watch.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The view, for example rough_sleeping_risk
    #[arg(value_name = "VIEW")]
    pub view: String,
    /// The case this is about, where the agreement demands one; a reference, never a name
    #[arg(long, value_name = "REFERENCE", default_value = "")]
    pub case: String,
    /// Go on where an earlier watch ended, with the token it printed
    #[arg(long, value_name = "TOKEN", default_value = "")]
    pub resume: String,
    /// End after so many answers; 0: when the service ends it, or Ctrl-C
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub answers: u64,
    /// Print each answer as JSON, on a line
    #[arg(long)]
    pub json: bool,
    /// Who watches; `--role` is one of the reader roles of an agreement
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Prints what changes until it ends.
///
/// # Errors
/// When the service refuses, ends the watch or does not answer.
pub async fn run(args: WatchArgs) -> Result<Exit, Failure> {
    let role = args.caller.role.clone();
    let role = role.ok_or_else(|| {
        wrong("name the role to read in with --role, for example housing-options-officer")
    })?;
    let connection = args.caller.connect("materialiser", &role).await?;
    let request = WatchRowsRequest {
        view: args.view.clone(),
        context: Some(ReadContext {
            role,
            case_reference: args.case.clone(),
            ..ReadContext::default()
        }),
        resume_token: args.resume.clone(),
    };
    let mut client = ViewsClient::new(connection).max_decoding_message_size(MOST_BYTES);
    let response = client.watch_rows(request).await;
    let mut answers = response.map_err(refused("watch"))?.into_inner();
    let (mut token, mut told) = (args.resume.clone(), 0);
    let ended = loop {
        let next = tokio::select! {
            next = answers.message() => next,
            _ = tokio::signal::ctrl_c() => break None,
        };
        match next {
            Ok(Some(answer)) => {
                token.clone_from(&answer.resume_token);
                tell(&args, &answer);
            }
            Ok(None) => break None,
            Err(status) => break Some(status),
        }
        told += 1;
        if told == args.answers {
            break None;
        }
    };
    if !token.is_empty() {
        eprintln!("Go on with --resume {token}");
    }
    match ended {
        None => Ok(Exit::Done),
        Some(status) => Err(refused("watch")(status)),
    }
}

/// An answer has 500 rows at most.
const MOST_BYTES: usize = 16 << 20;

fn tell(args: &WatchArgs, answer: &WatchRowsResponse) {
    let facts = answer.facts.clone().unwrap_or_default();
    if args.json {
        let left: Vec<String> = answer.left.iter().map(hex::encode).collect();
        let said = json!({
            "whole": answer.whole,
            "more": answer.more,
            "rows": answer.rows.iter().map(sheet::row_json).collect::<Vec<_>>(),
            "left": left,
            "read_id": facts.read_id,
            "evaluated_at": sheet::instant_json(facts.evaluated_at.as_ref()),
            "grounds_applied_through": sheet::instant_json(facts.grounds_applied_through.as_ref()),
            "withheld": facts.withheld,
            "resume_token": answer.resume_token,
        });
        print(&format!("{said}\n"));
        return;
    }
    let mut lines = Vec::new();
    if answer.whole {
        let more = if answer.more { " so far" } else { "" };
        lines.push(format!("= {} people{more}", answer.rows.len()));
        lines.extend(facts.withheld.iter().map(|line| format!("  {line}")));
    }
    lines.extend(answer.rows.iter().map(line));
    let left = answer.left.iter();
    lines.extend(left.map(|person| format!("- {} left", hex::encode(person))));
    lines.push(format!("  on record as {}\n", facts.read_id));
    print(&lines.join("\n"));
}

fn line(row: &Row) -> String {
    let mut line = format!("~ {}", hex::encode(&row.pseudonym));
    if !row.band.is_empty() {
        let points = sheet::points(row.points_hundredths);
        line.push_str(&format!(" {points} {}", row.band));
    }
    let sentences: Vec<&str> = row
        .reasons
        .iter()
        .map(|one| one.sentence.as_str())
        .collect();
    if !sentences.is_empty() {
        line.push_str(&format!(": {}", sentences.join("; ")));
    }
    line
}
