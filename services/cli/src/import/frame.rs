//! What all importers share: a source yields [`Row`]s one by one, a [`Mapping`] makes events of each, and [`run`] sends them through the agency's own
//! service and accounts for every row.
//!
//! - **Constant memory**: a source is an iterator over a file that is read in pieces; at most [`WINDOW`] frames wait for their receipts.
//! - **Nothing twice**: an event's id is made from source, organisation, table, subject, time and body ([`draft::event_id`]). A second run, and a run
//!   after one that broke off, sends the same ids and so adds nothing.
//! - **Every row is accounted for**: accepted + queried + refused + not mapped = read, for each table, and the run fails if not.
//! - **No value in a report**: findings name table, row, column, rule and a sentence.

mod account;
pub mod csv;
pub mod draft;
mod enrol;
pub mod index;
pub mod json;
mod read;
mod report;
pub mod row;
mod send;
#[cfg(test)]
pub mod testing;
pub mod text;
pub mod xml;

#[cfg(test)]
mod tests;

pub use account::{Account, Counts, Finding, Severity};
pub use draft::{Draft, Drafts};
pub use enrol::{Enrolling, Enrolment, enrol};
pub use read::{LARGEST_ROW, Meter};
pub use row::{Content, Row, Rows};

use clap::Args;
use std::path::PathBuf;
use walbrook_domain::Organisation;

use crate::caller::CallerArgs;
use crate::{Exit, Failure};

/// Events a frame, unless one row makes more.
pub const FRAME: usize = 200;
/// Frames under way without an answer.
pub const WINDOW: usize = 8;

/// What every import takes, beside its own arguments.
#[derive(Debug, Clone, Args)]
pub struct ImportFlags {
    /// Where refused and queried rows are listed (table, row, column, rule, severity, sentence; never a value)
    #[arg(long, value_name = "FILE", default_value = "rejects.csv")]
    pub rejects: PathBuf,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
    /// Who calls
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// How the rows of one source become events.
pub trait Mapping: Send + 'static {
    /// Makes events of a row, or says why not. A row of which nothing is made and nothing said is counted as not mapped.
    fn map(&mut self, row: &Row, drafts: &mut Drafts);

    /// The column that a field of the contract (its path) was filled from.
    fn column(_table: &str, field: &str) -> String {
        field.rsplit('.').next().unwrap_or(field).to_owned()
    }
}

/// One import: where rows come from, what becomes of them, who takes them.
pub struct Import<M> {
    /// The source's name, part of every event id.
    pub source: &'static str,
    /// The agency whose service takes the events.
    pub agency: &'static str,
    /// The organisation that sends them.
    pub organisation: Organisation,
    /// The rows.
    pub rows: Rows,
    /// What becomes of them.
    pub mapping: M,
    /// How far the files are read.
    pub meter: Meter,
}

/// Reads, maps, sends, reports. [`Exit::Difference`] when a row was refused.
///
/// # Errors
/// When a file cannot be read, the service does not answer or refuses the caller, or rows are not accounted for.
pub async fn run<M: Mapping>(import: Import<M>, flags: &ImportFlags) -> Result<Exit, Failure> {
    let source = import.source;
    let rejects = account::Rejects::create(&flags.rejects)?;
    let account = deliver(import, &flags.caller, Account::new(rejects)).await?;
    let summary = account.finish()?;
    report::print(source, &summary, flags);
    Ok(if summary.total().refused > 0 {
        Exit::Difference
    } else {
        Exit::Done
    })
}

/// What would be sent of a source's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Rows read.
    pub rows: usize,
    /// Ids of the events, or local ids of the subjects, in the rows' order.
    pub made: Vec<String>,
    /// What reading and mapping said of the rows.
    pub findings: Vec<Finding>,
}

/// Reads and maps every row and sends nothing.
///
/// # Errors
/// When the source cannot be read to its end.
pub fn tried<M: Mapping>(import: Import<M>) -> Result<Trial, Failure> {
    let (organisation, mut mapping) = (import.organisation.to_string(), import.mapping);
    let mut batch = send::Batch::default();
    for row in import.rows {
        send::add(
            &mut batch,
            import.source,
            &organisation,
            &row?,
            &mut mapping,
        );
    }
    let ids = batch.events.into_iter().map(|event| event.head.event_id);
    Ok(account::trial(batch.tickets, ids.collect()))
}

/// Reads and maps every row and enrols nobody.
///
/// # Errors
/// When the source cannot be read to its end.
pub fn tried_enrolment<M: Enrolling>(enrolment: Enrolment<M>) -> Result<Trial, Failure> {
    let mut mapping = enrolment.mapping;
    let mut batch = enrol::Batch::default();
    for row in enrolment.rows {
        enrol::add(&mut batch, &row?, &mut mapping);
    }
    let ids = batch.subjects.into_iter().map(|subject| subject.local_id);
    Ok(account::trial(batch.tickets, ids.collect()))
}

/// Reads, maps and sends, and gives back the account: what [`run`] does between opening the rejects file and the report.
///
/// # Errors
/// As [`run`].
pub async fn deliver<M: Mapping>(
    import: Import<M>,
    caller: &CallerArgs,
    account: Account,
) -> Result<Account, Failure> {
    let meter = import.meter.clone();
    let sender = send::Sender::new(caller, import.agency, &import.organisation);
    let (batches, reading) = send::read_ahead(import);
    let settled = sender.send(batches, account, M::column).await;
    meter.finish();
    let reading = reading
        .await
        .map_err(|error| Failure::new(Exit::Internal, error))?;
    // What the reader says comes first: the sender saw only that no more came.
    reading.and(settled)
}
