//! Events from their runs to the agencies' services: one stream for each agency and organisation, in order, at most [`WINDOW`] frames without an
//! answer on each.

use super::packed;
use super::sorted::Merge;
use crate::caller::{CallerArgs, refused};
use crate::publish::{self, Outgoing};
use crate::{Exit, Failure};
use indicatif::ProgressBar;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use walbrook_proto::common::v1::FrameReceipt;
use walbrook_proto::common::v1::event_outcome::Outcome;

/// Events a frame.
const FRAME: usize = 200;
/// Frames under way on one stream.
const WINDOW: usize = 8;
/// Days after which a frame goes out though it is not full, so that no organisation falls far behind the others.
const WAIT_DAYS: i64 = 7;

/// What became of the events.
#[derive(Debug, Default)]
pub struct Counts {
    /// Accepted without a word.
    pub accepted: u64,
    /// Accepted, with queries.
    pub queried: u64,
    /// Queries and refusals, by severity, agency and rule.
    pub rules: BTreeMap<String, u64>,
    refused: u64,
}

impl Counts {
    /// Events refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn add(&mut self, other: Counts) {
        self.accepted += other.accepted;
        self.queried += other.queried;
        self.refused += other.refused;
        for (rule, count) in other.rules {
            *self.rules.entry(rule).or_default() += count;
        }
    }

    fn settle(&mut self, agency: &str, receipt: FrameReceipt) {
        for outcome in receipt.outcomes {
            match outcome.outcome {
                Some(Outcome::Receipt(receipt)) if receipt.queries.is_empty() => self.accepted += 1,
                Some(Outcome::Receipt(receipt)) => {
                    self.queried += 1;
                    for query in receipt.queries {
                        *self
                            .rules
                            .entry(format!("queried {agency} {}", query.rule_id))
                            .or_default() += 1;
                    }
                }
                Some(Outcome::Refusal(refusal)) => {
                    self.refused += 1;
                    for violation in refusal.violations {
                        let rule =
                            format!("refused {agency} {} {}", violation.rule_id, violation.field);
                        *self.rules.entry(rule).or_default() += 1;
                    }
                }
                None => self.refused += 1,
            }
        }
    }
}

type Stream = (&'static str, String);

/// Sends all of them.
///
/// # Errors
/// When a run cannot be read, or a service does not answer or breaks off: what was acknowledged stays, and the same command sends the same events.
pub async fn send(
    caller: &CallerArgs,
    runs: &[PathBuf],
    bar: &ProgressBar,
) -> Result<Counts, Failure> {
    let (sender, mut frames) = mpsc::channel::<(Stream, Vec<Outgoing>)>(4);
    let runs = runs.to_vec();
    let reading = tokio::task::spawn_blocking(move || read(&runs, &sender));
    let mut streams: HashMap<Stream, mpsc::Sender<Vec<Outgoing>>> = HashMap::new();
    let mut senders = JoinSet::new();
    while let Some((key, frame)) = frames.recv().await {
        let to = streams.entry(key.clone()).or_insert_with(|| {
            let (to, of_one) = mpsc::channel(2);
            senders.spawn(stream(caller.clone(), key, of_one, bar.clone()));
            to
        });
        // The other side is gone only when its stream failed, which it says itself.
        if to.send(frame).await.is_err() {
            break;
        }
    }
    drop((streams, frames));
    let mut counts = Counts::default();
    while let Some(sent) = senders.join_next().await {
        counts.add(sent.map_err(|error| Failure::new(Exit::Internal, error))??);
    }
    reading
        .await
        .map_err(|error| Failure::new(Exit::Internal, error))??;
    Ok(counts)
}

/// Reads the runs side by side and puts frames together.
fn read(runs: &[PathBuf], to: &mpsc::Sender<(Stream, Vec<Outgoing>)>) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Input, format!("a run cannot be read: {error}"));
    let mut merge = Merge::open(runs).map_err(failed)?;
    let mut open: BTreeMap<Stream, Vec<Outgoing>> = BTreeMap::new();
    let (mut content, mut emptied) = (Vec::new(), i64::MIN);
    while let Some((at, ..)) = merge.next(&mut content).map_err(failed)? {
        let event = packed::unpack(&content)
            .ok_or_else(|| Failure::new(Exit::Internal, "a run holds what is no event"))?;
        let day = at.div_euclid(86_400_000_000);
        if day >= emptied.saturating_add(WAIT_DAYS) {
            emptied = day;
            for (key, frame) in std::mem::take(&mut open) {
                if to.blocking_send((key, frame)).is_err() {
                    return Ok(());
                }
            }
        }
        let key = (event.body.agency(), event.organisation.clone());
        let frame = open.entry(key.clone()).or_default();
        frame.push(event);
        if frame.len() == FRAME {
            let frame = std::mem::take(frame);
            if to.blocking_send((key, frame)).is_err() {
                return Ok(());
            }
        }
    }
    for (key, frame) in open {
        if !frame.is_empty() && to.blocking_send((key, frame)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// One stream: frames go out while fewer than the window are without an answer.
async fn stream(
    caller: CallerArgs,
    (agency, organisation): Stream,
    mut frames: mpsc::Receiver<Vec<Outgoing>>,
    bar: ProgressBar,
) -> Result<Counts, Failure> {
    let pattern = format!("{}.*", agency.replace('-', "_"));
    let connection = caller
        .acting(&organisation, "producer", "walbrook-cli")
        .connect_producer(agency, &[&pattern])
        .await?;
    let window = Arc::new(Semaphore::new(WINDOW));
    let (to, batches) = mpsc::channel(1);
    let room = window.clone();
    let feeding = tokio::spawn(async move {
        let mut sent = 0_u64;
        while let Some(frame) = frames.recv().await {
            let Ok(permit) = room.acquire().await else {
                break;
            };
            permit.forget();
            if to.send(frame).await.is_err() {
                break;
            }
            sent += 1;
        }
        sent
    });
    let mut receipts = publish::open_frames(agency, connection, ReceiverStream::new(batches))
        .await
        .map_err(refused("send events"))?;
    let (mut counts, mut answered) = (Counts::default(), 0);
    while let Some(receipt) = receipts.message().await.map_err(refused("send events"))? {
        window.add_permits(1);
        answered += 1;
        bar.inc(receipt.outcomes.len() as u64);
        counts.settle(agency, receipt);
    }
    window.close();
    let sent = feeding
        .await
        .map_err(|error| Failure::new(Exit::Internal, error))?;
    if sent != answered {
        let problem = format!(
            "{agency} ended the stream of {organisation} with frames unanswered: run the same command again, nothing is added twice"
        );
        return Err(Failure::new(Exit::Unavailable, problem));
    }
    Ok(counts)
}
