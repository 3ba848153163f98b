//! `walbrook agreement propose`.

use std::path::PathBuf;

use clap::Args;
use tonic_types::StatusExt;
use walbrook_policy::Agreement;
use walbrook_policy::agreement::sha256;
use walbrook_proto::control::v1::ProposeRequest;

use super::check::{documents, read};
use super::{again, control, key, on_record, receipt_json};
use crate::caller::{CallerArgs, refused};
use crate::table::table;
use crate::{Exit, Failure};

/// What to propose.
#[derive(Debug, Args)]
pub struct ProposeArgs {
    /// Agreement files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who proposes
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Proposes them, one after the other. One that is on record already, word for word, is left as it is.
///
/// # Errors
/// When a document is faulty (every fault is named), or the control plane refuses.
pub(super) async fn run(args: ProposeArgs) -> Result<Exit, Failure> {
    let mut client = control(&args.caller, "operator").await?;
    let known = on_record(&mut client).await?;
    let mut rows = table(["Agreement", "Version", "control.policy", ""]);
    let mut answers = Vec::new();
    for path in documents(&args.files)? {
        let document = read(&path)?;
        let named = |faults| Failure::new(Exit::Input, format!("{}: {faults}", path.display()));
        let agreement = Agreement::read(&document).map_err(named)?;
        let hash = hex::encode(sha256(&agreement.canonical_text()));
        let id = agreement.id.to_string();
        let before = known.iter().find(|one| one.agreement_id == id);
        if before.is_some_and(|one| one.text_sha256_hex == hash) {
            rows.add_row([
                id,
                agreement.version.to_string(),
                String::new(),
                "on record already".to_owned(),
            ]);
            continue;
        }
        let request = ProposeRequest {
            document,
            expected_version: before.map_or(0, |one| one.version),
            idempotency_key: key(),
        };
        let answer = again(async || client.clone().propose(request.clone()).await).await;
        let receipt = answer
            .map_err(|status| faulty(&path.display().to_string(), status))?
            .into_inner();
        rows.add_row([
            receipt.id.clone(),
            receipt.version.to_string(),
            format!("offset {}", receipt.offset),
            "proposed".to_owned(),
        ]);
        answers.push(receipt_json(&receipt));
    }
    if args.json {
        println!("{}", serde_json::Value::Array(answers));
    } else {
        println!("{rows}");
    }
    Ok(Exit::Done)
}

/// A refused document with every fault on a line of its own.
fn faulty(file: &str, status: tonic::Status) -> Failure {
    let details = status.get_error_details();
    let Some(request) = details.bad_request() else {
        return refused("propose the agreement")(status);
    };
    let mut text = format!("{file} is no sound proposal:");
    for violation in &request.field_violations {
        // `document:<line>:<field>`
        let mut parts = violation.field.splitn(3, ':').skip(1);
        let (line, field) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        text.push_str(&format!(
            "\n  {file}:{line}: {field}: {}",
            violation.description
        ));
    }
    Failure::new(Exit::Input, text)
}
