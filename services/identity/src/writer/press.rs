//! Writes batches in transactions, one after another, on a thread of its own: while one is on its way, the writer goes on linking.

use super::desk::Event;
use crate::error::JournalError;
use crate::journal::{self, Format, Sheet, Written};
use crate::linkage::Directory;
use crate::metrics::{Metrics, Transaction};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::time::Instant as Monotonic;
use walbrook_eventlog::{InputPosition, LogError, Severity, Transactor};

/// What became of a transaction.
pub(super) enum Outcome {
    /// It is on the log, and readers see it.
    Written(Written),
    /// It is not, and the next may be begun.
    Aborted(JournalError),
    /// Nobody knows.
    Unsure(JournalError),
    /// Another process has taken over.
    Fenced(JournalError),
}

struct Job {
    sheet: Arc<Sheet>,
    progress: Option<InputPosition>,
}

/// The thread, seen from the writer. It ends when this is dropped.
pub(super) struct Press {
    jobs: Sender<Job>,
    outcomes: Receiver<Outcome>,
}

/// What the thread works with.
pub(super) struct Parts {
    pub(super) transactor: Box<dyn Transactor>,
    pub(super) format: Format,
    pub(super) directory: Arc<Directory>,
    pub(super) metrics: Metrics,
    /// Where the writer is woken.
    pub(super) wake: SyncSender<Event>,
}

impl Press {
    /// Starts the thread. The transactional id must have been taken over.
    ///
    /// # Errors
    /// When the machine has no thread to give.
    pub(super) fn start(parts: Parts) -> Result<Self, JournalError> {
        let (jobs, work) = channel::<Job>();
        let (told, outcomes) = channel();
        let run = move || parts.run(&work, &told);
        let thread = std::thread::Builder::new().name("identity-press".to_owned());
        thread.spawn(run).map_err(|error| gone(error.to_string()))?;
        Ok(Self { jobs, outcomes })
    }

    /// Hands a batch over. The one before must have come out.
    ///
    /// # Errors
    /// When the thread is gone.
    pub(super) fn hand_over(
        &self,
        sheet: Arc<Sheet>,
        progress: Option<InputPosition>,
    ) -> Result<(), JournalError> {
        let job = Job { sheet, progress };
        self.jobs.send(job).map_err(|_| gone("it ended"))
    }

    /// What became of the batch, if that is known already.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        use std::sync::mpsc::TryRecvError;
        match self.outcomes.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Outcome::Unsure(gone("it ended"))),
        }
    }

    /// Waits for what becomes of the batch.
    pub(super) fn wait(&self) -> Outcome {
        let outcome = self.outcomes.recv();
        outcome.unwrap_or_else(|_| Outcome::Unsure(gone("it ended")))
    }
}

fn gone(problem: impl Into<String>) -> JournalError {
    LogError::new(
        Severity::OutcomeUnknown,
        "write a batch",
        "the thread that writes",
        problem.into(),
    )
    .into()
}

impl Parts {
    fn run(mut self, work: &Receiver<Job>, told: &Sender<Outcome>) {
        while let Ok(job) = work.recv() {
            let outcome = self.print(&job);
            drop(job);
            if told.send(outcome).is_err() {
                return;
            }
            // A writer whose queue is full is awake.
            let _ = self.wake.try_send(Event::Pressed);
        }
    }

    fn print(&mut self, job: &Job) -> Outcome {
        let began = Monotonic::now();
        let span = tracing::info_span!("identity.commit", records = job.sheet.len());
        let _entered = span.enter();
        let progress = job.progress.clone();
        let written = journal::write(self.transactor.as_mut(), &self.format, &job.sheet, progress);
        match written {
            Ok(written) => {
                self.publish(&job.sheet);
                self.metrics.transaction(Transaction::Committed);
                self.metrics.commit_time(began.elapsed());
                Outcome::Written(written)
            }
            Err(error) => self.failed(error),
        }
    }

    fn publish(&self, sheet: &Sheet) {
        self.metrics
            .found(sheet.changed().iter().map(|record| record.found));
        self.directory.publish(sheet.changed().iter().cloned());
        for token in sheet.forgotten() {
            self.directory.forget(*token);
        }
    }

    /// The batch is not on the log, or nobody knows.
    fn failed(&mut self, error: JournalError) -> Outcome {
        self.metrics.transaction(Transaction::Failed);
        match error.severity() {
            Severity::OutcomeUnknown => Outcome::Unsure(error),
            Severity::Fenced => Outcome::Fenced(error),
            _ => match self.transactor.abort() {
                Ok(()) => {
                    tracing::warn!(
                        error = walbrook_runtime::status::chain(&error),
                        "a transaction was aborted"
                    );
                    Outcome::Aborted(error)
                }
                // A fenced client learns it from whatever it does next: coming back would fence the one that took over.
                Err(abort) if abort.severity == Severity::Fenced => Outcome::Fenced(abort.into()),
                Err(abort) => {
                    tracing::warn!(
                        error = walbrook_runtime::status::chain(&error),
                        "a transaction failed and could not be aborted"
                    );
                    Outcome::Unsure(abort.into())
                }
            },
        }
    }
}
