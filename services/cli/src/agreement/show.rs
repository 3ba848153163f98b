//! `walbrook agreement list|show`.

use std::path::Path;

use clap::Args;
use walbrook_domain::Day;
use walbrook_policy::agreement::{Faults, sha256};
use walbrook_policy::{Agreement, Law};
use walbrook_proto::control::v1::{AgreementSummary, PartySummary};

use super::check::{law, place, read};
use super::paper::paper;
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
    /// The agreement's id, or a file of it (`….toml`), which needs no backbone
    #[arg(value_name = "ID|FILE")]
    pub agreement: String,
    /// Print the text that a party signs, instead of the paper
    #[arg(long)]
    pub text: bool,
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
    let mut rows = table([
        "Agreement",
        "Version",
        "Purpose",
        "In force for",
        "Review",
        "Title",
    ]);
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
            in_force_for(one, in_force),
            review(one),
            one.title.clone(),
        ]);
    }
    println!("{rows}");
    Ok(Exit::Done)
}

/// How many parties it is in force for, and how many of these have not signed the newest version.
fn in_force_for(one: &AgreementSummary, in_force: usize) -> String {
    let behind = one
        .parties
        .iter()
        .filter(|party| (1..one.version).contains(&party.version_in_force))
        .count();
    match behind {
        0 if in_force == 1 => "1 party".to_owned(),
        0 => format!("{in_force} parties"),
        behind => format!("{in_force} parties, {behind} by an older version"),
    }
}

/// When the review is due, or that the agreement has lapsed by itself.
fn review(one: &AgreementSummary) -> String {
    match one.review.as_str() {
        "EXPIRED" => format!("lapsed after {}", Day(one.expiry_day)),
        "DUE" => format!("due by {}", Day(one.review_day)),
        _ => format!("by {}", Day(one.review_day)),
    }
}

pub(super) async fn show(args: ShowArgs) -> Result<Exit, Failure> {
    if args.agreement.ends_with(".toml") {
        return show_file(&args);
    }
    let mut client = control(&args.caller, "operator").await?;
    let known = on_record(&mut client).await?;
    let one = known
        .iter()
        .find(|one| one.agreement_id == args.agreement)
        .ok_or_else(|| {
            Failure::new(
                Exit::Refused,
                format!(
                    "there is no agreement {} on record; `walbrook agreement list` shows them",
                    args.agreement
                ),
            )
        })?;
    if args.json {
        println!("{}", json(one));
        return Ok(Exit::Done);
    }
    if args.text {
        print!("{}", one.text);
        return Ok(Exit::Done);
    }
    let agreement =
        Agreement::read(&one.text).map_err(|faults| Failure::new(Exit::Internal, faults))?;
    let law = law()?;
    print!("{}", paper(&agreement, &law));
    println!("\n7. Who has signed");
    let mut rows = table(["Party", "Signed", "Standing"]);
    for party in &one.parties {
        rows.add_row([
            named(&law, &party.organisation),
            signed(party),
            stands(party),
        ]);
    }
    println!("{rows}");
    println!(
        "What a party signs is the SHA-256 of the canonical text (`--text` prints it): {}",
        one.text_sha256_hex
    );
    Ok(Exit::Done)
}

/// An organisation by name and code, where the registers know it.
fn named(law: &Law, organisation: &str) -> String {
    organisation
        .parse()
        .map_or_else(|_| organisation.to_owned(), |one| law.name(&one))
}

fn stands(party: &PartySummary) -> String {
    let word = party.standing.to_lowercase().replace('_', " ");
    match party.version_in_force {
        before if (1..party.signed_version).contains(&before) => format!(
            "{word} by version {before}, until version {} takes effect",
            party.signed_version
        ),
        _ => word,
    }
}

fn signed(party: &PartySummary) -> String {
    if !party.signed {
        return "no".to_owned();
    }
    match party.signed_version {
        0 => "yes".to_owned(),
        version => format!("version {version}"),
    }
}

/// A document that need not be on record.
fn show_file(args: &ShowArgs) -> Result<Exit, Failure> {
    let document = read(Path::new(&args.agreement))?;
    let agreement = Agreement::read(&document).map_err(|Faults(faults)| {
        let lines: Vec<_> = faults
            .iter()
            .map(|fault| place(&args.agreement, fault))
            .collect();
        Failure::new(Exit::Input, lines.join("\n"))
    })?;
    let text = agreement.canonical_text();
    let hash = hex::encode(sha256(&text));
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "agreement": agreement.id.as_str(),
                "version": agreement.version.0,
                "title": agreement.title,
                "purpose": agreement.purpose.as_str(),
                "text_sha256": hash,
                "text": text,
            })
        );
    } else if args.text {
        print!("{text}");
    } else {
        print!("{}", paper(&agreement, &law()?));
        println!(
            "\nWhat a party signs is the SHA-256 of the canonical text (`--text` prints it): {hash}"
        );
    }
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
                "signed_version": party.signed_version,
                "version_in_force": party.version_in_force,
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
        "effective": Day(one.effective_day).to_string(),
        "review_by": Day(one.review_day).to_string(),
        "expiry": Day(one.expiry_day).to_string(),
        "review": one.review,
        "text": one.text,
    })
}
