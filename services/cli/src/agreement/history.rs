//! `walbrook agreement history`: what happened to an agreement, in the order of the log, and the text of any version.

use clap::Args;
use walbrook_proto::control::v1::{AgreementAct, AgreementDocument, GetAgreementRequest};

use super::{again, control};
use crate::caller::{CallerArgs, Connection, refused};
use crate::table::table;
use crate::{Exit, Failure};
use walbrook_domain::Instant;
use walbrook_proto::control::v1::control_client::ControlClient;

/// Whose history.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The agreement
    #[arg(value_name = "ID")]
    pub agreement: String,
    /// Print the canonical text of this version instead
    #[arg(long = "edition", value_name = "VERSION")]
    pub edition: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

pub(super) async fn run(args: HistoryArgs) -> Result<Exit, Failure> {
    let mut client = control(&args.caller, "operator").await?;
    let found = document(&mut client, &args.agreement, args.edition.unwrap_or(0)).await?;
    if args.json {
        let acts: Vec<_> = found.acts.iter().map(json).collect();
        println!(
            "{}",
            serde_json::json!({
                "agreement": found.agreement_id,
                "version": found.version,
                "text": found.text,
                "text_sha256": found.text_sha256_hex,
                "acts": acts,
            })
        );
        return Ok(Exit::Done);
    }
    if args.edition.is_some() {
        print!("{}", found.text);
        return Ok(Exit::Done);
    }
    let mut rows = table(["When", "What", "Version", "For whom"]);
    for act in &found.acts {
        rows.add_row([
            when(act),
            word(&act.act).to_owned(),
            act.version.to_string(),
            act.party.clone().unwrap_or_else(|| whom(act).to_owned()),
        ]);
    }
    println!("{rows}");
    Ok(Exit::Done)
}

/// One version of an agreement; 0: the newest.
pub(super) async fn document(
    client: &mut ControlClient<Connection>,
    agreement: &str,
    version: u32,
) -> Result<AgreementDocument, Failure> {
    let request = GetAgreementRequest {
        agreement_id: agreement.to_owned(),
        version,
    };
    let answer = again(async || client.clone().get_agreement(request.clone()).await).await;
    Ok(answer.map_err(refused("read the agreement"))?.into_inner())
}

fn when(act: &AgreementAct) -> String {
    let at = act.at.unwrap_or_default();
    Instant::from_seconds_nanos(at.seconds, at.nanos)
        .map(|at| at.rfc3339())
        .unwrap_or_default()
}

/// As people say it.
fn word(act: &str) -> &'static str {
    match act {
        "PROPOSED" => "proposed",
        "SIGNED" => "signed",
        "COMMENCED" => "took effect",
        "SUSPENDED" => "suspended",
        "TERMINATED" => "terminated",
        _ => "resumed",
    }
}

fn whom(act: &AgreementAct) -> &'static str {
    if act.act == "PROPOSED" {
        ""
    } else {
        "all parties"
    }
}

fn json(act: &AgreementAct) -> serde_json::Value {
    serde_json::json!({
        "at": when(act),
        "act": act.act,
        "version": act.version,
        "party": act.party,
    })
}
