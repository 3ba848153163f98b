//! `walbrook agreement list|show`.

use clap::Args;
use walbrook_proto::control::v1::AgreementSummary;

use super::{control, on_record};
use crate::caller::CallerArgs;
use crate::table::table;
use crate::{Exit, Failure};

/// How to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Which one to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The agreement
    #[arg(value_name = "ID")]
    pub agreement: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks
    #[command(flatten)]
    pub caller: CallerArgs,
}

pub(super) async fn list(args: ListArgs) -> Result<Exit, Failure> {
    let mut client = control(&args.caller, "operator").await?;
    let known = on_record(&mut client).await?;
    if args.json {
        println!(
            "{}",
            serde_json::Value::Array(known.iter().map(json).collect())
        );
        return Ok(Exit::Done);
    }
    let mut rows = table(["Agreement", "Version", "Purpose", "In force for", "Title"]);
    for one in &known {
        let in_force = one
            .parties
            .iter()
            .filter(|party| party.standing == "IN_FORCE")
            .count();
        rows.add_row([
            one.agreement_id.clone(),
            one.version.to_string(),
            one.purpose.clone(),
            format!("{in_force} parties"),
            one.title.clone(),
        ]);
    }
    println!("{rows}");
    Ok(Exit::Done)
}

pub(super) async fn show(args: ShowArgs) -> Result<Exit, Failure> {
    let mut client = control(&args.caller, "operator").await?;
    let known = on_record(&mut client).await?;
    let one = known
        .iter()
        .find(|one| one.agreement_id == args.agreement)
        .ok_or_else(|| {
            Failure::new(
                Exit::Refused,
                format!("there is no agreement {} on record", args.agreement),
            )
        })?;
    if args.json {
        println!("{}", json(one));
        return Ok(Exit::Done);
    }
    println!(
        "{} version {}: {}\n",
        one.agreement_id, one.version, one.title
    );
    println!("{}", one.text);
    let mut rows = table(["Party", "Signed", "Standing"]);
    for party in &one.parties {
        rows.add_row([
            party.organisation.as_str(),
            if party.signed { "yes" } else { "no" },
            party.standing.as_str(),
        ]);
    }
    println!("{rows}");
    println!(
        "sha-256 of the text above, which is what a party signs: {}",
        one.text_sha256_hex
    );
    Ok(Exit::Done)
}

fn json(one: &AgreementSummary) -> serde_json::Value {
    let parties: Vec<_> = one
        .parties
        .iter()
        .map(|party| {
            serde_json::json!({
                "organisation": party.organisation,
                "signed": party.signed,
                "standing": party.standing,
            })
        })
        .collect();
    serde_json::json!({
        "agreement": one.agreement_id,
        "version": one.version,
        "title": one.title,
        "purpose": one.purpose,
        "text_sha256": one.text_sha256_hex,
        "parties": parties,
        "text": one.text,
    })
}
