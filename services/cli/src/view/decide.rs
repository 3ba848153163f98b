//! `walbrook view decide`: what an officer decided about somebody whose row was read.

use clap::Args;
use serde_json::json;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{ReadContext, RecordDecisionRequest};
use walbrook_view::decision::{DECISIONS, REASONS};

use super::rows::{pseudonym, wrong};
use super::{sheet, words};
use crate::caller::{CallerArgs, refused};
use crate::{Exit, Failure};

/// A decision.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// The view, for example rough_sleeping_risk
    #[arg(value_name = "VIEW")]
    pub view: String,
    /// The read that showed the row, as `view get`, `list`, `why` or `watch` printed it
    #[arg(long, value_name = "READ_ID")]
    pub read: String,
    /// Whose row; may be left out where that read showed one alone
    #[arg(long, value_name = "HEX")]
    pub pseudonym: Option<String>,
    /// What was decided
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(DECISIONS))]
    pub decision: String,
    /// Why; what there is to say beyond it belongs into the case file
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(REASONS))]
    pub reason: String,
    /// Columns and rules that were weighed, by name
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub weighed: Vec<String>,
    /// The decision departs from what the row suggests
    #[arg(long)]
    pub departs: bool,
    /// The case file; a reference, never a name
    #[arg(long, value_name = "REFERENCE", default_value = "")]
    pub case: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who decided; `--role` is the role that the row was read in
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Puts it on record.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn run(args: DecideArgs) -> Result<Exit, Failure> {
    let role = args.caller.role.clone();
    let role = role.ok_or_else(|| wrong("name the role that the row was read in with --role"))?;
    let person = args.pseudonym.as_deref().map(pseudonym).transpose()?;
    let connection = args.caller.connect("materialiser", &role).await?;
    let request = RecordDecisionRequest {
        view: args.view,
        context: Some(ReadContext {
            role,
            case_reference: args.case,
            ..ReadContext::default()
        }),
        read_id: args.read.clone(),
        pseudonym: person.unwrap_or_default(),
        decision: args.decision.clone(),
        reason: args.reason.clone(),
        weighed: args.weighed,
        departs: args.departs,
    };
    let response = ViewsClient::new(connection).record_decision(request).await;
    let answer = response.map_err(refused("decide"))?.into_inner();
    let decided_at = answer.decided_at.as_ref();
    if args.json {
        let said = json!({
            "decision_id": answer.decision_id,
            "decided_at": sheet::instant_json(decided_at),
        });
        println!("{said:#}");
    } else {
        println!(
            "{} because of {}: on record as {} since {}, with the read {}.",
            args.decision,
            args.reason,
            answer.decision_id,
            words::instant(decided_at),
            args.read
        );
    }
    Ok(Exit::Done)
}
