//! `walbrook export ssda903`: the Department's tables of one collection year, for the children in the authority's own file.
//!
//! It reads as any reader: the view `ssda903_return`, row by row under the authority's own numbers, in a role that an agreement names; every read is on
//! record before it is answered. Only the authority's own events are written, a child's earlier authority makes its own return. Who the children are
//! comes from the local file and goes to the tables; it is not on the backbone.

mod local;
mod records;
mod tables;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use futures::StreamExt as _;
use prost_types::Timestamp;
use walbrook_domain::{Day, Organisation};
use walbrook_proto::view::v1::get_row_request::Subject;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{GetRowRequest, LocalRecord, ReadContext, Row};

use crate::caller::{CallerArgs, Connection, refused};
use crate::import::ssda903::of_return;
use crate::table::{numbers, table};
use crate::{Exit, Failure};
use local::Local;
use tables::Tables;

/// The view that is read.
const VIEW: &str = "ssda903_return";
/// The role that the council's own agreement names for it.
const ROLE: &str = "returns-officer";
/// Rows asked for at a time.
const AT_A_TIME: usize = 8;
/// How long to wait when no more may be asked for now, and how often for one row.
const PAUSE: Duration = Duration::from_millis(500);
const MOST_WAITS: u32 = 600;

/// Export an SSDA903 return
#[derive(Debug, Args)]
pub struct Ssda903Args {
    /// The authority's GSS code
    #[arg(long, value_name = "GSS")]
    pub authority: String,
    /// The collection year, as 2025/26
    #[arg(long)]
    pub year: String,
    /// The authority's own file: a CSV with CHILD, SEX, DOB, ETHNIC, UPN, MOTHER, MC_DOB, a row a child; a row with a DECOM too gives that episode's HOME_POST, PL_POST and URN
    #[arg(long, value_name = "FILE")]
    pub local: PathBuf,
    /// The folder for the tables; it is made, and must be new or empty
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// The case reference of the reads
    #[arg(long, value_name = "REFERENCE", default_value = "ssda903-return")]
    pub case: String,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
    /// Who reads; the organisation is the authority, the role returns-officer unless another is given
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Reads and writes. [`Exit::Difference`] when something of a child could not be told.
///
/// # Errors
/// When the local file cannot be read, the folder is not empty, or the service refuses or does not answer.
pub async fn run(args: Ssda903Args) -> Result<Exit, Failure> {
    let (authority, last_day) = of_return(&args.authority, &args.year)?;
    let local = Local::read(&args.local)?;
    let role = args.caller.role.clone().unwrap_or_else(|| ROLE.to_owned());
    let caller = args
        .caller
        .acting(&authority.to_string(), &role, &args.caller.subject);
    let connection = caller.connect("materialiser", &role).await?;
    let mut tables = Tables::create(&args.out, &authority, last_day)?;
    let question = Question {
        role,
        case: args.case.clone(),
        evaluate_at: stated_for(last_day),
    };
    let bar = crate::city::progress(local.children().len() as u64, "children read");
    let mut answers = futures::stream::iter(local.children())
        .map(|child| question.ask(connection.clone(), child))
        .buffered(AT_A_TIME);
    while let Some(answer) = answers.next().await {
        let (child, row) = answer?;
        bar.inc(1);
        tables.write(&local, child, row.as_ref())?;
    }
    bar.finish_and_clear();
    let written = tables.finish()?;
    report(&args, &authority, &written);
    Ok(if written.untold.is_empty() {
        Exit::Done
    } else {
        Exit::Difference
    })
}

/// How each row is asked for.
struct Question {
    role: String,
    case: String,
    evaluate_at: Option<Timestamp>,
}

impl Question {
    async fn ask<'c>(
        &self,
        connection: Connection,
        child: &'c str,
    ) -> Result<(&'c str, Option<Row>), Failure> {
        let request = GetRowRequest {
            view: VIEW.to_owned(),
            context: Some(ReadContext {
                role: self.role.clone(),
                case_reference: self.case.clone(),
                ..ReadContext::default()
            }),
            evaluate_at: self.evaluate_at,
            break_glass: String::new(),
            subject: Some(Subject::Local(LocalRecord {
                agency: "social-care".to_owned(),
                id_scheme: "LA_CHILD_ID".to_owned(),
                local_id: child.to_owned(),
            })),
        };
        let mut client = ViewsClient::new(connection);
        let mut waited = 0;
        loop {
            match client.get_row(request.clone()).await {
                Ok(answer) => return Ok((child, answer.into_inner().row)),
                // Look-ups by own number are rationed by the minute: a return takes its time.
                Err(status)
                    if status.code() == tonic::Code::ResourceExhausted && waited < MOST_WAITS =>
                {
                    waited += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(status) => return Err(refused("read a child's row")(status)),
            }
        }
    }
}

/// The last moment of the year; now, when the year is not over.
fn stated_for(last_day: Day) -> Option<Timestamp> {
    let end = last_day.plus(1).start().micros() - 1;
    (end < crate::city::now().micros()).then(|| Timestamp {
        seconds: end.div_euclid(1_000_000),
        nanos: i32::try_from(end.rem_euclid(1_000_000) * 1_000).unwrap_or(0),
    })
}

fn report(args: &Ssda903Args, authority: &Organisation, written: &tables::Written) {
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "authority": authority.to_string(),
                "year": args.year,
                "children": written.children,
                "without_rows": written.without_rows,
                "tables": written.rows,
                "untold": written.untold,
                "not_heard": written.not_heard,
                "out": args.out,
            })
        );
        return;
    }
    let mut rows = table(["table", "rows"]);
    for (name, count) in &written.rows {
        rows.add_row([(*name).to_owned(), count.to_string()]);
    }
    numbers(&mut rows, 1..2);
    println!("{rows}");
    for (name, count) in &written.not_heard {
        println!("{name}: no word from the source about {count} children");
    }
    for (name, count) in &written.untold {
        println!("{name}: withheld or not listed for {count} children: the table is not whole");
    }
    println!(
        "{} children of {authority} in {}, {} of the local file without anything to tell; tables in {}",
        written.children,
        args.year,
        written.without_rows,
        args.out.display()
    );
}
