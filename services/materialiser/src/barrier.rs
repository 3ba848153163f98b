//! Waves: what every read needs before its answer, got for all of them at once. A wave takes whoever waits, hands their records to the log together,
//! asks once where `control.agreements` ends, and answers when both are known.
//!
//! One wave is under way at a time, so waves grow with the load, and the log has two requests of each, however many reads there are: a request for
//! each was most of what Kafka did under reads. Nobody joins a wave that is under way: its question was asked before they began.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::oneshot;
use walbrook_eventlog::{Appender, Done, Ends, LogError, NewRecord, Severity, TopicPartition};
use walbrook_runtime::shutdown::Shutdown;

const POLL: Duration = Duration::from_millis(50);
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Why a read may not be answered.
#[derive(Debug, thiserror::Error)]
pub enum BarrierError {
    /// Its record is not known to be durable.
    #[error("the audit log did not take the record")]
    Record(#[source] LogError),
    /// It is not known where the agreements end.
    #[error("the log does not say where the agreements end")]
    End(#[source] LogError),
}

/// Who waits, and for which record too.
struct Ask {
    record: Option<NewRecord>,
    told: oneshot::Sender<Result<i64, BarrierError>>,
}

/// The near end. Shared by all reads.
pub struct Barrier {
    asks: Sender<Ask>,
}

impl Barrier {
    /// A barrier, and its far end.
    pub fn new() -> (Self, BarrierQueue) {
        let (asks, queue) = mpsc::channel();
        (Self { asks }, BarrierQueue(queue))
    }

    /// The end of the agreements, asked for after this call began and known once the record, if there is one, is durable.
    ///
    /// # Errors
    /// When the record is not known to be durable, or the log does not answer.
    pub async fn end(&self, record: Option<NewRecord>) -> Result<i64, BarrierError> {
        let gone = || BarrierError::End(stopping());
        let (told, end) = oneshot::channel();
        self.asks.send(Ask { record, told }).map_err(|_| gone())?;
        end.await.map_err(|_| gone())?
    }
}

fn stopping() -> LogError {
    LogError::new(
        Severity::Transient,
        "ask for the end",
        "control.agreements",
        "the process is stopping",
    )
}

/// The far end.
pub struct BarrierQueue(Receiver<Ask>);

impl BarrierQueue {
    /// Runs wave after wave until shutdown. Blocks; for a thread.
    pub fn serve(
        self,
        mut ends: Box<dyn Ends>,
        at: &TopicPartition,
        appender: &dyn Appender,
        stop: &Shutdown,
    ) {
        while !stop.is_requested() {
            let Ok(first) = self.0.recv_timeout(POLL) else {
                continue;
            };
            let asks: Vec<Ask> = std::iter::once(first).chain(self.0.try_iter()).collect();
            wave(asks, ends.as_mut(), at, appender);
        }
    }
}

fn wave(asks: Vec<Ask>, ends: &mut dyn Ends, at: &TopicPartition, appender: &dyn Appender) {
    let (mut records, mut told) = (Vec::new(), Vec::with_capacity(asks.len()));
    for ask in asks {
        let place = ask.record.map(|record| {
            records.push(record);
            records.len() - 1
        });
        told.push((ask.told, place));
    }
    // The records are on their way while the end is asked for.
    let written = write(records, appender);
    let end = ends.high_watermarks(std::slice::from_ref(at), ENDS_WITHIN);
    let end = end.map(|ends| ends.first().copied().unwrap_or(i64::MAX));
    let written = written.wait();
    for (told, place) in told {
        let recorded = place.map_or(Ok(()), |place| written.of(place));
        let answer = match (recorded, &end) {
            (Err(error), _) => Err(BarrierError::Record(error)),
            (Ok(()), Err(error)) => Err(BarrierError::End(copy(error))),
            (Ok(()), Ok(end)) => Ok(*end),
        };
        // A reader that has gone needs no answer.
        let _ = told.send(answer);
    }
}

/// What became of each record of a wave.
struct Written {
    each: Vec<OnceLock<Result<(), LogError>>>,
    left: AtomicUsize,
}

impl Written {
    fn of(&self, place: usize) -> Result<(), LogError> {
        match self.each.get(place).and_then(OnceLock::get) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(copy(error)),
            None => Err(stopping()),
        }
    }
}

/// A wave's records on their way.
struct Writing {
    written: Arc<Written>,
    all: Receiver<()>,
}

impl Writing {
    fn wait(self) -> Arc<Written> {
        // It ends when every record is told of, or nobody is left who could tell: then what is not known failed.
        let _ = self.all.recv();
        self.written
    }
}

/// Hands records to the log together; each succeeds or fails by itself: one that is too large takes no other with it.
fn write(records: Vec<NewRecord>, appender: &dyn Appender) -> Writing {
    let written = Arc::new(Written {
        each: records.iter().map(|_| OnceLock::new()).collect(),
        left: AtomicUsize::new(records.len()),
    });
    let (last, all) = mpsc::channel();
    let each = records.into_iter().enumerate().map(|(place, record)| {
        let (written, last) = (Arc::clone(&written), last.clone());
        let done: Done = Box::new(move |result| {
            if let Some(slot) = written.each.get(place) {
                let _ = slot.set(result.map(|_| ()));
            }
            if written.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                let _ = last.send(());
            }
        });
        (record, done)
    });
    appender.append_each(each.collect());
    Writing { written, all }
}

/// One answer of the log is told to many.
fn copy(error: &LogError) -> LogError {
    LogError::new(
        error.severity,
        error.operation,
        error.subject.clone(),
        error.message.clone(),
    )
}

#[cfg(test)]
mod tests;
