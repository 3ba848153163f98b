//! Rows that say who somebody is and nothing else: subjects, enrolled through an agency's service without an event.
//!
//! Calls follow one another, so that of two rows about one person the later one counts. A call that breaks off is made again: what identity knows already
//! changes nothing, and so a second run adds nothing either.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use walbrook_domain::Organisation;
use walbrook_proto::common::v1::enrol_outcome::Outcome as Enrolled;
use walbrook_proto::common::v1::enrolments_client::EnrolmentsClient;
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_proto::common::v1::{EnrolOutcome, EnrolRequest, EventOutcome, Receipt, Subject};

use super::account::{Account, Rejects, Ticket};
use super::row::Content;
use super::send::{ATTEMPTS, PAUSE, may_pass};
use super::{Drafts, ImportFlags, Meter, Row, Rows, report};
use crate::caller::{CallerArgs, Connection, refused};
use crate::{Exit, Failure};

/// Rows that are settled together; at most as many subjects are in a call.
const ROWS: usize = 500;

/// How the rows of one source become subjects.
pub trait Enrolling: Send + 'static {
    /// The subject that a row tells of, or why there is none. A row of which nothing is made and nothing said is counted as not mapped.
    fn subject(&mut self, row: &Row, notes: &mut Drafts) -> Option<Subject>;

    /// The column that a field of the contract (its path) was filled from.
    fn column(field: &str) -> String;
}

/// One enrolment: where rows come from, what becomes of them, who takes them.
pub struct Enrolment<M> {
    /// The source's name.
    pub source: &'static str,
    /// The agency whose service takes the subjects.
    pub agency: &'static str,
    /// The organisation whose records they are.
    pub organisation: Organisation,
    /// The rows.
    pub rows: Rows,
    /// What becomes of them.
    pub mapping: M,
    /// How far the files are read.
    pub meter: Meter,
}

/// Rows with their subjects, in the rows' order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) tickets: Vec<Ticket>,
    pub(super) subjects: Vec<Subject>,
}

/// Reads, enrols, reports. [`Exit::Difference`] when a row was refused.
///
/// # Errors
/// When a file cannot be read, the service does not answer or refuses the caller, or rows are not accounted for.
pub async fn enrol<M: Enrolling>(
    enrolment: Enrolment<M>,
    flags: &ImportFlags,
) -> Result<Exit, Failure> {
    let (source, meter) = (enrolment.source, enrolment.meter.clone());
    let mut account = Account::new(Rejects::create(&flags.rejects)?);
    let client = connect(&flags.caller, enrolment.agency, &enrolment.organisation).await?;
    let (batches, reading) = read_ahead(enrolment);
    let settled = send(client, batches, &mut account, |_, field| M::column(field)).await;
    meter.finish();
    let reading = reading
        .await
        .map_err(|error| Failure::new(Exit::Internal, error))?;
    // What the reader says comes first: the sender saw only that no more came.
    reading.and(settled)?;
    let summary = account.finish()?;
    report::print(source, &summary, flags);
    Ok(if summary.total().refused > 0 {
        Exit::Difference
    } else {
        Exit::Done
    })
}

async fn connect(
    caller: &CallerArgs,
    agency: &str,
    organisation: &Organisation,
) -> Result<EnrolmentsClient<Connection>, Failure> {
    let caller = caller.acting(&organisation.to_string(), "producer", &caller.subject);
    let own = format!("{}.*", agency.replace('-', "_"));
    let connection = caller.connect_producer(agency, &[&own]).await?;
    Ok(EnrolmentsClient::new(connection))
}

/// Reads and maps on a thread of its own. The handle says why reading ended early.
fn read_ahead<M: Enrolling>(
    enrolment: Enrolment<M>,
) -> (mpsc::Receiver<Batch>, JoinHandle<Result<(), Failure>>) {
    let (sender, batches) = mpsc::channel(2);
    let reading = tokio::task::spawn_blocking(move || {
        let mut mapping = enrolment.mapping;
        let mut batch = Batch::default();
        for row in enrolment.rows {
            add(&mut batch, &row?, &mut mapping);
            // The other side is gone: it says why.
            if batch.tickets.len() >= ROWS
                && sender.blocking_send(std::mem::take(&mut batch)).is_err()
            {
                return Ok(());
            }
        }
        let _ = sender.blocking_send(batch);
        Ok(())
    });
    (batches, reading)
}

/// A row's subject, and its ticket.
pub(super) fn add<M: Enrolling>(batch: &mut Batch, row: &Row, mapping: &mut M) {
    let mut notes = Drafts::of(row);
    let subject = match &row.content {
        Content::Unreadable { rule, sentence } => {
            notes.refuse("", rule, sentence.clone());
            None
        }
        _ => mapping.subject(row, &mut notes),
    };
    batch.tickets.push(Ticket {
        table: row.table,
        row: row.number,
        findings: notes.findings,
        not_mapped: notes.not_mapped,
        carried: false,
        events: subject.iter().map(|_| None).collect(),
    });
    batch.subjects.extend(subject);
}

async fn send(
    mut client: EnrolmentsClient<Connection>,
    mut batches: mpsc::Receiver<Batch>,
    account: &mut Account,
    column: fn(&str, &str) -> String,
) -> Result<(), Failure> {
    while let Some(batch) = batches.recv().await {
        account.expect(batch.tickets.len() as u64);
        let asked = batch.subjects.len();
        let outcomes = match asked {
            0 => Vec::new(),
            _ => call(&mut client, batch.subjects).await?,
        };
        if outcomes.len() != asked {
            let problem = "the service answered for another number of subjects than was sent: run the import again";
            return Err(Failure::new(Exit::Internal, problem));
        }
        let mut outcomes = outcomes.into_iter().map(as_of_an_event);
        for ticket in batch.tickets {
            let own: Vec<_> = outcomes.by_ref().take(ticket.events.len()).collect();
            account.settle(ticket, &own, column)?;
        }
    }
    Ok(())
}

/// One call, made again while it may pass.
async fn call(
    client: &mut EnrolmentsClient<Connection>,
    subjects: Vec<Subject>,
) -> Result<Vec<EnrolOutcome>, Failure> {
    let mut attempt = 1;
    loop {
        let request = EnrolRequest {
            subjects: subjects.clone(),
        };
        let mut request = tonic::Request::new(request);
        request.set_timeout(DEADLINE);
        match client.enrol(request).await {
            Ok(answer) => return Ok(answer.into_inner().outcomes),
            Err(status) if may_pass(&status) && attempt <= ATTEMPTS => {
                tokio::time::sleep(PAUSE * (1 << attempt)).await;
                attempt += 1;
            }
            Err(status) => {
                let failure = refused("enrol subjects")(status);
                let problem = format!(
                    "{}\n  What was acknowledged stays. Run the same command again: nothing is added twice.",
                    failure.text()
                );
                return Err(Failure::new(failure.exit(), problem));
            }
        }
    }
}

/// Identity makes each record durable before it answers.
const DEADLINE: Duration = Duration::from_secs(30);

/// The account's words for it.
fn as_of_an_event(outcome: EnrolOutcome) -> EventOutcome {
    let outcome = outcome.outcome.map(|outcome| match outcome {
        Enrolled::Enrolled(enrolled) => Outcome::Receipt(Receipt {
            queries: enrolled.queries,
            ..Receipt::default()
        }),
        Enrolled::Refusal(refusal) => Outcome::Refusal(refusal),
    });
    EventOutcome {
        event_id: String::new(),
        outcome,
    }
}
