//! One batch: stepped, written in one transaction, and only then answered and shown to readers.

use super::desk::{Done, Request};
use super::{BATCH_COMMANDS, Ended, Reign, Writer};
use crate::error::{CallError, JournalError};
use crate::journal::{self, Written};
use crate::linkage::{Answer, Command, PersonRecord, Refused, Turn};
use crate::metrics::Transaction;
use std::sync::Arc;
use std::time::Instant as Monotonic;
use walbrook_domain::Instant;
use walbrook_eventlog::{Severity, topics};

/// A commit that did not come about.
pub(super) enum Failed {
    /// Rolled back; the same may work later.
    Passing,
    /// Rolled back; the same will never work.
    Refused,
    /// The reign is over.
    Ends(Ended),
}

impl Writer {
    /// Serves a request and all that wait with it, in one transaction.
    pub(super) fn serve(&mut self, reign: &mut Reign, first: Request) -> Result<(), Ended> {
        let mut commands = first.commands.len();
        let mut waiting = vec![first];
        while commands < BATCH_COMMANDS {
            let Ok(next) = self.queue.try_recv() else {
                break;
            };
            commands += next.commands.len();
            waiting.push(next);
        }
        let now = self.clock.now();
        let mut stepped = Vec::with_capacity(waiting.len());
        for request in waiting {
            let mut results = Vec::with_capacity(request.commands.len());
            for command in request.commands {
                results.push(self.step(reign, command, now).map_err(CallError::from));
            }
            stepped.push((results, request.reply));
        }
        self.metrics.batch(commands);
        let committed = self.commit(reign, now);
        let (positions, ended) = match committed {
            Ok(positions) => (Ok(positions), Ok(())),
            Err(Failed::Passing) => (Err(CallError::NotWritten), Ok(())),
            Err(Failed::Refused) => (Err(CallError::Unwritable), Ok(())),
            Err(Failed::Ends(ended)) => (Err(CallError::NotWritten), Err(ended)),
        };
        if ended.is_err() {
            // Before the answers: whoever comes back at once must not meet what is about to be read again.
            self.standing.serves_no_more();
        }
        for (results, reply) in stepped {
            // A caller that has gone needs no answer.
            let _ = reply.send(match &positions {
                Ok(positions) => Ok(Done {
                    results,
                    positions: positions.clone(),
                }),
                Err(CallError::Unwritable) => Err(CallError::Unwritable),
                Err(_) => Err(CallError::NotWritten),
            });
        }
        ended
    }

    pub(super) fn step(
        &mut self,
        reign: &mut Reign,
        command: Command,
        now: Instant,
    ) -> Result<Answer, Refused> {
        let turn = Turn {
            now,
            entropy: self.entropy.as_mut(),
            cover: self.cover.as_ref(),
        };
        reign.core.step(command, turn)
    }

    /// Writes what the batch changed. The index keeps it, and readers see it, only when the commit was acknowledged.
    pub(super) fn commit(
        &mut self,
        reign: &mut Reign,
        now: Instant,
    ) -> Result<Vec<(i32, i64)>, Failed> {
        if reign.core.changes().is_empty() {
            reign.core.committed();
            return Ok(Vec::new());
        }
        let start = Monotonic::now();
        let span = tracing::info_span!("identity.commit", records = tracing::field::Empty);
        let _entered = span.enter();
        let written = self
            .format
            .records(reign.core.index(), reign.core.changes(), now)
            .and_then(|records| {
                span.record("records", records.len());
                let links = self.format.namespace.name(topics::LINKS);
                Ok(journal::write(reign.transactor.as_mut(), records, &links)?)
            });
        match written {
            Ok(written) => {
                self.publish(reign, &written);
                self.metrics.transaction(Transaction::Committed);
                self.metrics.commit_time(start.elapsed());
                Ok(written.links)
            }
            Err(error) => Err(self.failed(reign, error)),
        }
    }

    fn publish(&mut self, reign: &mut Reign, written: &Written) {
        let changes = reign.core.committed();
        let index = reign.core.index();
        let changed = changes
            .identity
            .iter()
            .filter_map(|handle| index.record(*handle));
        let changed: Vec<Arc<PersonRecord>> = changed.cloned().collect();
        self.keeper.changed(changed.len());
        changed
            .iter()
            .for_each(|record| self.metrics.found(record.found));
        self.directory.publish(changed);
        for token in &changes.forgotten {
            self.directory.forget(*token);
        }
        self.metrics.sizes(index.len(), index.person_count());
        for (partition, next) in &written.links {
            let at = usize::try_from(*partition).unwrap_or(usize::MAX);
            if let Some(place) = reign.reached.links_next.get_mut(at) {
                *place = (*place).max(*next);
            }
        }
        if let Some(next) = written.identity {
            reign.reached.identity_next = reign.reached.identity_next.max(next);
            // The transaction's marker stands behind its last record, and nobody writes between the two.
            self.fresh.applied(next + 1);
        }
    }

    /// The batch is not on the log, or nobody knows.
    fn failed(&mut self, reign: &mut Reign, error: JournalError) -> Failed {
        self.metrics.transaction(Transaction::Failed);
        match error.severity() {
            Severity::OutcomeUnknown => Failed::Ends(Ended::Unsure(error)),
            Severity::Fenced => Failed::Ends(taken_over(reign, error)),
            severity => match reign.transactor.abort() {
                Ok(()) => {
                    reign.core.rolled_back();
                    self.aborted();
                    tracing::warn!(
                        error = walbrook_runtime::status::chain(&error),
                        "a transaction was aborted"
                    );
                    if severity == Severity::Fatal {
                        Failed::Refused
                    } else {
                        Failed::Passing
                    }
                }
                // A fenced client learns it from whatever it does next: coming back would fence the one that took over.
                Err(abort) if abort.severity == Severity::Fenced => {
                    Failed::Ends(taken_over(reign, abort.into()))
                }
                Err(abort) => {
                    tracing::warn!(
                        error = walbrook_runtime::status::chain(&error),
                        "a transaction failed and could not be aborted"
                    );
                    Failed::Ends(Ended::Unsure(abort.into()))
                }
            },
        }
    }

    /// What was aborted stands on the log and says nothing: readers need not wait for it. While the log does not say where it ends, they wait.
    fn aborted(&self) {
        let identity = [self.format.identity_partition()];
        let ends = self
            .clients
            .ends()
            .and_then(|mut ends| ends.high_watermarks(&identity, super::ANSWER));
        if let Ok(Some(end)) = ends.map(|ends| ends.first().copied()) {
            self.fresh.applied(end);
        }
    }
}

/// There is one writer, and this one is no longer it.
fn taken_over(reign: &Reign, error: JournalError) -> Ended {
    if reign.is_alone {
        tracing::error!("another identity process has taken over; this one stops");
        Ended::ForGood(error)
    } else {
        tracing::warn!("another identity process has taken over; this one follows it");
        Ended::Unsure(error)
    }
}
