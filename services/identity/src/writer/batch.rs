//! One batch: stepped, written in one transaction, and only then answered. While one is on its way the next is stepped on top of it; where the first does
//! not come about, neither does what rests on it.

use super::desk::{Done, Event, Request};
use super::press::Outcome;
use super::sweeps::{self, Progress};
use super::{BATCH_COMMANDS, Ended, Reign, Writer};
use crate::error::{CallError, JournalError};
use crate::journal::{Sheet, Written};
use crate::linkage::{Answer, Command, Refused, Turn};
use std::sync::Arc;
use tokio::sync::oneshot;
use walbrook_domain::Instant;
use walbrook_eventlog::Severity;

type Stepped = (
    Vec<Result<Answer, CallError>>,
    oneshot::Sender<Result<Done, CallError>>,
);

/// The batch in work: requests that were stepped.
#[derive(Default)]
pub(super) struct Open {
    stepped: Vec<Stepped>,
    commands: usize,
}

impl Open {
    pub(super) fn is_empty(&self) -> bool {
        self.stepped.is_empty()
    }

    /// Whether more requests wait for the next one.
    pub(super) fn is_full(&self) -> bool {
        self.commands >= BATCH_COMMANDS
    }
}

/// A batch that is being written.
pub(super) struct Flight {
    stepped: Vec<Stepped>,
    changed: usize,
    progress: Option<Progress>,
}

impl Writer {
    /// Steps a request and all that wait with it, into the batch in work.
    pub(super) fn take(&mut self, reign: &mut Reign, first: Request) {
        let now = self.clock.now();
        let mut next = Some(first);
        while let Some(request) = next {
            let mut results = Vec::with_capacity(request.commands.len());
            reign.open.commands += request.commands.len();
            for command in request.commands {
                results.push(self.step(reign, command, now).map_err(CallError::from));
            }
            reign.open.stepped.push((results, request.reply));
            // What is through goes first: the next batch then leaves at once.
            let goes_on = !reign.open.is_full() && !self.is_through(reign);
            next = match goes_on.then(|| self.queue.try_recv()) {
                Some(Ok(Event::Request(request))) => Some(request),
                _ => None,
            };
        }
    }

    fn is_through(&self, reign: &mut Reign) -> bool {
        if reign.flight.is_some() && reign.landed.is_none() {
            reign.landed = reign.press.outcome();
        }
        reign.landed.is_some()
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

    /// Hands the batch in work over to be written. What changed nothing is answered at once: all that it rests on is committed, none may be on its way.
    pub(super) fn press(&mut self, reign: &mut Reign) -> Result<(), Ended> {
        let open = std::mem::take(&mut reign.open);
        let nothing = reign.core.changes().is_empty();
        let progress = self.sweeps.news(nothing);
        if nothing && progress.is_none() {
            reign.core.committed();
            self.standing.compared(self.sweeps.is_done());
            answer(open.stepped, &Ok(Vec::new()));
            return Ok(());
        }
        if open.commands > 0 {
            self.metrics.batch(open.commands);
        }
        let changes = reign.core.seal();
        let sheet = Arc::new(Sheet::new(reign.core.index(), &changes, self.clock.now()));
        reign.flight = Some(Flight {
            stepped: open.stepped,
            changed: sheet.changed().len(),
            progress: progress.clone(),
        });
        let next = reign.reached.identity_next;
        let position = progress.map(|progress| sweeps::position(&progress, &self.format, next));
        let handed = reign.press.hand_over(sheet, position);
        handed.map_err(|error| {
            self.standing.serves_no_more();
            Ended::Unsure(error)
        })
    }

    /// Takes up what became of the batch on its way, if that is known.
    pub(super) fn land(&mut self, reign: &mut Reign) -> Result<(), Ended> {
        if !self.is_through(reign) {
            return Ok(());
        }
        match (reign.landed.take(), reign.flight.take()) {
            (Some(outcome), Some(flight)) => self.landed(reign, flight, outcome),
            _ => Ok(()),
        }
    }

    /// Waits for the batch on its way.
    pub(super) fn wait(&mut self, reign: &mut Reign) -> Result<(), Ended> {
        if reign.flight.is_some() && reign.landed.is_none() {
            reign.landed = Some(reign.press.wait());
        }
        self.land(reign)
    }

    fn landed(&mut self, reign: &mut Reign, flight: Flight, outcome: Outcome) -> Result<(), Ended> {
        let (positions, ended) = match outcome {
            Outcome::Written(written) => {
                self.written(reign, &written);
                self.keeper.changed(flight.changed);
                if let Some(progress) = flight.progress {
                    self.sweeps.written(progress);
                }
                self.standing.compared(self.sweeps.is_done());
                (Ok(written.links), Ok(()))
            }
            Outcome::Aborted(error) => {
                self.roll_back(reign);
                self.aborted();
                let refused = match error.severity() {
                    Severity::Fatal => CallError::Unwritable,
                    _ => CallError::NotWritten,
                };
                (Err(refused), Ok(()))
            }
            Outcome::Unsure(error) => (Err(CallError::NotWritten), Err(Ended::Unsure(error))),
            Outcome::Fenced(error) => (Err(CallError::NotWritten), Err(taken_over(reign, error))),
        };
        if ended.is_err() {
            // Before the answers: whoever comes back at once must not meet what is about to be read again.
            self.standing.serves_no_more();
        }
        answer(flight.stepped, &positions);
        ended
    }

    fn written(&mut self, reign: &mut Reign, written: &Written) {
        reign.core.settled();
        let index = reign.core.index();
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

    /// Nothing that was not written was done. Who waits for the batch in work may come again.
    pub(super) fn roll_back(&mut self, reign: &mut Reign) {
        reign.core.rolled_back();
        self.sweeps.rolled_back();
        let open = std::mem::take(&mut reign.open);
        answer(open.stepped, &Err(CallError::NotWritten));
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

fn answer(stepped: Vec<Stepped>, positions: &Result<Vec<(i32, i64)>, CallError>) {
    for (results, reply) in stepped {
        // A caller that has gone needs no answer.
        let _ = reply.send(match positions {
            Ok(positions) => Ok(Done {
                results,
                positions: positions.clone(),
            }),
            Err(CallError::Unwritable) => Err(CallError::Unwritable),
            Err(_) => Err(CallError::NotWritten),
        });
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
