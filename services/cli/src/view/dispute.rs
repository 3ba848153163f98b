//! `walbrook view dispute`: an event behind a cell is of another person, or wrong; and what its organisation answers.

use clap::{Args, Subcommand};
use serde_json::json;
use walbrook_proto::view::v1::dispute_item::Occurred;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{
    AnswerDisputeRequest, DisputeCellRequest, DisputeItem, ListDisputesRequest, LocalRecord,
    ReadContext,
};
use walbrook_view::dispute::{ANSWERS, KINDS};

use super::rows::{pseudonym, wrong};
use super::{sheet, words};
use crate::caller::{CallerArgs, refused};
use crate::table::{print, table};
use crate::{Exit, Failure};

/// The role that answers.
const CONTROL: &str = "control";

/// Disputes.
#[derive(Debug, Args)]
pub struct DisputeArgs {
    /// What to do
    #[command(subcommand)]
    pub command: DisputeCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum DisputeCommand {
    /// Say that an event behind a cell of a row that was read is of another person, or wrong: the cell is marked until that is answered
    Cell(CellArgs),
    /// What is disputed of the organisation's own events, and what it disputes itself, newest first
    List(DisputeListArgs),
    /// Answer a disputed fact of the organisation's own: corrected, or it stands
    Answer(AnswerArgs),
}

/// A dispute.
#[derive(Debug, Args)]
pub struct CellArgs {
    /// The view, for example rough_sleeping_risk
    #[arg(value_name = "VIEW")]
    pub view: String,
    /// The read that showed the row, as `view get`, `list`, `why` or `watch` printed it
    #[arg(long, value_name = "READ_ID")]
    pub read: String,
    /// Whose row; may be left out where that read showed one alone
    #[arg(long, value_name = "HEX")]
    pub pseudonym: Option<String>,
    /// WRONG_PERSON goes to the review of links, WRONG_FACT to the organisation that the event is from
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(KINDS))]
    pub kind: String,
    /// The cell, by its column's name
    #[arg(long, value_name = "COLUMN")]
    pub column: String,
    /// The event behind it, by its id as `view why --json` says it
    #[arg(long, value_name = "EVENT_ID")]
    pub event: String,
    /// The case file; a reference, never a name
    #[arg(long, value_name = "REFERENCE", default_value = "")]
    pub case: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who disputes; `--role` is the role that the row was read in
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// A list.
#[derive(Debug, Args)]
pub struct DisputeListArgs {
    /// The view
    #[arg(value_name = "VIEW")]
    pub view: String,
    /// Only those that nobody has answered, and of which the event stands
    #[arg(long)]
    pub open: bool,
    /// Only those about this record of the organisation's own: its agency, for example housing
    #[arg(long, requires = "local_id")]
    pub agency: Option<String>,
    /// What kind of number the local id is
    #[arg(long, default_value = "LOCAL")]
    pub scheme: String,
    /// The organisation's own number
    #[arg(long, value_name = "ID", requires = "agency")]
    pub local_id: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who asks; the role is control
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// An answer.
#[derive(Debug, Args)]
pub struct AnswerArgs {
    /// The view
    #[arg(value_name = "VIEW")]
    pub view: String,
    /// The dispute, as the list says it
    #[arg(value_name = "DISPUTE_ID")]
    pub dispute: String,
    /// CORRECTED: a corrected event was sent, and the mark stays until it has come; STANDS: it was checked and is right
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(ANSWERS))]
    pub answer: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Who answers; the role is control
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Runs one of them.
///
/// # Errors
/// When the service refuses or does not answer.
pub async fn run(args: DisputeArgs) -> Result<Exit, Failure> {
    match args.command {
        DisputeCommand::Cell(args) => cell(args).await,
        DisputeCommand::List(args) => list(args).await,
        DisputeCommand::Answer(args) => answer(args).await,
    }
}

async fn cell(args: CellArgs) -> Result<Exit, Failure> {
    let role = args.caller.role.clone();
    let role = role.ok_or_else(|| wrong("name the role that the row was read in with --role"))?;
    let person = args.pseudonym.as_deref().map(pseudonym).transpose()?;
    let connection = args.caller.connect("materialiser", &role).await?;
    let request = DisputeCellRequest {
        view: args.view,
        context: Some(ReadContext {
            role,
            case_reference: args.case,
            ..ReadContext::default()
        }),
        read_id: args.read,
        pseudonym: person.unwrap_or_default(),
        kind: args.kind.clone(),
        column: args.column.clone(),
        event_id: args.event,
    };
    let response = ViewsClient::new(connection).dispute_cell(request).await;
    let said = response.map_err(refused("dispute"))?.into_inner();
    let disputed_at = said.disputed_at.as_ref();
    if args.json {
        let said = json!({
            "dispute_id": said.dispute_id,
            "disputed_at": sheet::instant_json(disputed_at),
        });
        println!("{said:#}");
    } else {
        println!(
            "{} is disputed ({}) as {} since {}.",
            args.column,
            args.kind,
            said.dispute_id,
            words::instant(disputed_at)
        );
    }
    Ok(Exit::Done)
}

async fn list(args: DisputeListArgs) -> Result<Exit, Failure> {
    let connection = args.caller.connect("materialiser", CONTROL).await?;
    let local = args
        .agency
        .zip(args.local_id)
        .map(|(agency, local_id)| LocalRecord {
            agency,
            id_scheme: args.scheme,
            local_id,
        });
    let request = ListDisputesRequest {
        view: args.view,
        open_only: args.open,
        local,
    };
    let response = ViewsClient::new(connection).list_disputes(request).await;
    let said = response.map_err(refused("dispute list"))?.into_inner();
    if args.json {
        let said = json!({
            "waiting": said.waiting,
            "disputes": said.disputes.iter().map(item_json).collect::<Vec<_>>(),
        });
        println!("{said:#}");
        return Ok(Exit::Done);
    }
    if !said.disputes.is_empty() {
        let heads = [
            "Dispute",
            "What",
            "Cell",
            "Event",
            "When",
            "From",
            "Disputed by",
            "State",
        ];
        let mut shown = table(heads);
        for item in &said.disputes {
            shown.add_row([
                item.dispute_id.clone(),
                item.kind.clone(),
                item.column.clone(),
                item.event_type.clone(),
                occurred(item),
                words::organisation(&item.source_organisation),
                words::organisation(&item.disputed_by),
                item.state.clone(),
            ]);
        }
        print(&format!("{shown}\n"));
    }
    println!("{} wait for this organisation's answer.", said.waiting);
    Ok(Exit::Done)
}

/// When the event happened, where it is told.
fn occurred(item: &DisputeItem) -> String {
    match &item.occurred {
        Some(Occurred::On(day)) => words::date(day),
        Some(Occurred::At(at)) => words::instant(Some(at)),
        None => String::new(),
    }
}

fn item_json(item: &DisputeItem) -> serde_json::Value {
    json!({
        "dispute_id": item.dispute_id,
        "kind": item.kind,
        "column": item.column,
        "event_id": item.event_id,
        "event_type": item.event_type,
        "occurred": occurred(item),
        "source_organisation": item.source_organisation,
        "disputed_by": item.disputed_by,
        "disputed_at": sheet::instant_json(item.disputed_at.as_ref()),
        "state": item.state,
        "answered_by": item.answered_by,
        "answered_at": sheet::instant_json(item.answered_at.as_ref()),
    })
}

async fn answer(args: AnswerArgs) -> Result<Exit, Failure> {
    let connection = args.caller.connect("materialiser", CONTROL).await?;
    let request = AnswerDisputeRequest {
        view: args.view,
        dispute_id: args.dispute.clone(),
        answer: args.answer.clone(),
    };
    let response = ViewsClient::new(connection).answer_dispute(request).await;
    let said = response.map_err(refused("dispute answer"))?.into_inner();
    let answered_at = said.answered_at.as_ref();
    if args.json {
        let said = json!({
            "dispute_id": args.dispute,
            "answer": args.answer,
            "answered_at": sheet::instant_json(answered_at),
        });
        println!("{said:#}");
    } else {
        let at = words::instant(answered_at);
        println!("{} is answered since {at}: {}.", args.dispute, args.answer);
    }
    Ok(Exit::Done)
}
