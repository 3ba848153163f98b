//! Rows to events to receipts: reading runs ahead on a thread of its own, as far as the window lets it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use walbrook_domain::Organisation;
use walbrook_proto::common::v1::FrameReceipt;

use super::account::{Account, Ticket};
use super::draft::outgoing;
use super::row::Content;
use super::{Drafts, FRAME, Import, Mapping, Row, WINDOW};
use crate::caller::{CallerArgs, Connection, refused};
use crate::publish::{self, Outgoing};
use crate::{Exit, Failure};

/// Rows without events that are settled together.
const ROWS: usize = 2_000;
/// How often a broken stream is opened again without any answer in between.
pub(super) const ATTEMPTS: u32 = 5;
/// The wait before the first of these; it doubles.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// Rows with their events, in the rows' order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) tickets: Vec<Ticket>,
    pub(super) events: Vec<Outgoing>,
}

/// Reads and maps on a thread of its own. The handle says why reading ended early.
pub(super) fn read_ahead<M: Mapping>(
    import: Import<M>,
) -> (mpsc::Receiver<Batch>, JoinHandle<Result<(), Failure>>) {
    let (sender, batches) = mpsc::channel(2);
    let reading = tokio::task::spawn_blocking(move || {
        let organisation = import.organisation.to_string();
        let (source, mut mapping) = (import.source, import.mapping);
        let mut batch = Batch::default();
        for row in import.rows {
            add(&mut batch, source, &organisation, &row?, &mut mapping);
            let full = batch.events.len() >= FRAME || batch.tickets.len() >= ROWS;
            // The other side is gone: it says why.
            if full && sender.blocking_send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
        }
        let _ = sender.blocking_send(batch);
        Ok(())
    });
    (batches, reading)
}

/// A row's events, and its ticket.
pub(super) fn add<M: Mapping>(
    batch: &mut Batch,
    source: &str,
    organisation: &str,
    row: &Row,
    mapping: &mut M,
) {
    let mut drafts = Drafts::of(row);
    match &row.content {
        Content::Unreadable { rule, sentence } => drafts.refuse("", rule, sentence.clone()),
        _ => mapping.map(row, &mut drafts),
    }
    let mut carries = Vec::with_capacity(drafts.drafts.len());
    for draft in drafts.drafts {
        let (event, carried) = outgoing(draft, source, organisation, row.table);
        batch.events.push(event);
        carries.push(carried);
    }
    batch.tickets.push(Ticket {
        table: row.table,
        row: row.number,
        findings: drafts.findings,
        not_mapped: drafts.not_mapped,
        carried: drafts.carried,
        events: carries,
    });
}

/// One stream to one agency for one organisation.
pub(super) struct Sender {
    caller: CallerArgs,
    agency: &'static str,
    organisation: String,
}

/// A frame handed to the stream: kept until it is answered, so that it can be sent again.
type UnderWay = VecDeque<Batch>;

/// How a stream ended.
enum Ended {
    /// All was answered.
    Done,
    /// It broke; what is under way is to be sent again.
    Broken(tonic::Status),
}

impl Sender {
    pub(super) fn new(
        caller: &CallerArgs,
        agency: &'static str,
        organisation: &Organisation,
    ) -> Self {
        let organisation = organisation.to_string();
        Self {
            caller: caller.acting(&organisation, "producer", &caller.subject),
            agency,
            organisation,
        }
    }

    /// Sends until the batches end and everything is answered. A stream that breaks is opened again: what had no answer is sent again under the same ids.
    pub(super) async fn send(
        &self,
        mut batches: mpsc::Receiver<Batch>,
        mut account: Account,
        column: fn(&str, &str) -> String,
    ) -> Result<Account, Failure> {
        let mut under_way = UnderWay::new();
        let mut attempt = 0;
        loop {
            let connection = self.connect().await?;
            let mut stream = Stream {
                account: &mut account,
                under_way: &mut under_way,
                column,
                answered: 0,
            };
            let ended = stream.run(self.agency, connection, &mut batches).await?;
            attempt = if stream.answered > 0 { 1 } else { attempt + 1 };
            match ended {
                Ended::Done => return Ok(account),
                Ended::Broken(status) if attempt > ATTEMPTS => {
                    let failure = refused("send events")(status);
                    let problem = format!(
                        "{}\n  What was acknowledged stays. Run the same command again for {}: nothing is added twice.",
                        failure.text(),
                        self.organisation
                    );
                    return Err(Failure::new(failure.exit(), problem));
                }
                Ended::Broken(_) => tokio::time::sleep(PAUSE * (1 << attempt)).await,
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let own = format!("{}.*", self.agency.replace('-', "_"));
        self.caller
            .connect_producer(self.agency, &[&own, "common.*"])
            .await
    }
}

/// One stream while it is open.
struct Stream<'a> {
    account: &'a mut Account,
    under_way: &'a mut UnderWay,
    column: fn(&str, &str) -> String,
    /// Frames answered on it.
    answered: u64,
}

impl Stream<'_> {
    async fn run(
        &mut self,
        agency: &str,
        connection: Connection,
        batches: &mut mpsc::Receiver<Batch>,
    ) -> Result<Ended, Failure> {
        let (frames, receiver) = mpsc::channel(WINDOW);
        for batch in self.under_way.iter() {
            // There is room: no more than the window is ever under way.
            let _ = frames.try_send(batch.events.clone());
        }
        let opened = publish::open_frames(agency, connection, ReceiverStream::new(receiver)).await;
        let mut receipts = match opened {
            Ok(receipts) => receipts,
            Err(status) => return broken(status),
        };
        let mut frames = Some(frames);
        loop {
            if frames.is_none() && self.under_way.is_empty() {
                return Ok(Ended::Done);
            }
            let room = frames.is_some() && self.under_way.len() < WINDOW;
            tokio::select! {
                biased;
                receipt = receipts.message(), if !self.under_way.is_empty() => match receipt {
                    Ok(Some(receipt)) => self.settle(&receipt)?,
                    Ok(None) => return Ok(Ended::Broken(tonic::Status::unavailable("the service ended the stream"))),
                    Err(status) => return broken(status),
                },
                batch = batches.recv(), if room => match (batch, &frames) {
                    (Some(batch), _) if batch.events.is_empty() => {
                        self.account.expect(batch.tickets.len() as u64);
                        self.close(batch, &FrameReceipt::default())?;
                    }
                    (Some(batch), Some(frames)) => {
                        self.account.expect(batch.tickets.len() as u64);
                        let sent = frames.try_send(batch.events.clone()).is_ok();
                        self.under_way.push_back(batch);
                        if !sent {
                            return Ok(Ended::Broken(tonic::Status::unavailable("the connection is closed")));
                        }
                    }
                    _ => frames = None,
                },
            }
        }
    }

    fn settle(&mut self, receipt: &FrameReceipt) -> Result<(), Failure> {
        self.answered += 1;
        let batch = self.under_way.pop_front();
        let batch = batch.filter(|batch| batch.events.len() == receipt.outcomes.len());
        let Some(batch) = batch.filter(|_| receipt.sequence == self.answered) else {
            let problem = "the service answered another frame than was sent: run the import again";
            return Err(Failure::new(Exit::Internal, problem));
        };
        self.close(batch, receipt)
    }

    fn close(&mut self, batch: Batch, receipt: &FrameReceipt) -> Result<(), Failure> {
        let mut rest = receipt.outcomes.as_slice();
        for ticket in batch.tickets {
            let (own, after) = rest.split_at(ticket.events.len().min(rest.len()));
            rest = after;
            self.account.settle(ticket, own, self.column)?;
        }
        Ok(())
    }
}

/// Whether it is worth another try.
fn broken(status: tonic::Status) -> Result<Ended, Failure> {
    match may_pass(&status) {
        true => Ok(Ended::Broken(status)),
        false => Err(refused("send events")(status)),
    }
}

/// Whether the same call may succeed later.
pub(super) fn may_pass(status: &tonic::Status) -> bool {
    use tonic::Code::{Aborted, Cancelled, DeadlineExceeded, Unavailable, Unknown};
    matches!(
        status.code(),
        Aborted | Cancelled | DeadlineExceeded | Unavailable | Unknown
    )
}
