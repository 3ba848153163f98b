//! One p's batch from its records to its commit.

use super::{Around, Effect, MARKERS_EVERY, Machine, Seat};
use crate::enforce::lane::{LaneError, Past};
use crate::enforce::partition::Transaction;
use crate::enforce::planted::{PlantedFault, planted};
use crate::enforce::trace;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tracing::Span;
use walbrook_eventlog::{InputPosition, LogError, Severity, TopicPartition};

/// Where a round is: which answer is waited for.
pub(super) enum Stage {
    /// Between rounds.
    Polling,
    /// How far these are copied was asked.
    Comparing(Vec<TopicPartition>),
    /// The ends were asked for.
    Asking {
        /// p's with events.
        numbers: Vec<i32>,
    },
    /// The control topics are being applied.
    Applying {
        /// When the group is to be polled again.
        until: Duration,
    },
    /// The control plane is to be held still, for these to be decided.
    Holding { left: VecDeque<i32> },
    /// Past events are being read, with the control plane held still.
    Reading(Deciding),
    /// Planted: the control plane moves before the batch is decided.
    Loose(Deciding, Past),
    /// The records of a transaction are being written.
    Writing(Deciding, Box<Transaction>),
    /// The transactions of the round are being committed.
    Settling,
}

/// The batch under way.
pub(super) struct Deciding {
    number: i32,
    left: VecDeque<i32>,
    span: Span,
}

/// A transaction whose records are on their way.
pub(super) struct Written {
    number: i32,
    transaction: Box<Transaction>,
    span: Span,
    /// From the last record to the commit.
    within: Span,
}

/// What commits one p's transaction, in order.
pub struct Settlement {
    /// p.
    pub number: i32,
    /// Each is taken only when the one before it went well.
    pub steps: Vec<SettleStep>,
}

/// A step of it.
pub enum SettleStep {
    /// Every record is acknowledged.
    Drain,
    /// The positions are added, under the generation of the cut.
    Positions(Vec<InputPosition>),
    /// It is committed.
    Commit,
}

impl Machine {
    /// The control plane is held still: decides the next p that has anything to do.
    pub(super) fn held(&mut self, around: &mut Around<'_>, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.stage, Stage::Polling) {
            Stage::Holding { left } => self.next(left, around, effects),
            Stage::Loose(deciding, past) => self.decide(deciding, &past, around, effects),
            _ => {
                effects.push(Effect::Release);
                self.poll(effects);
            }
        }
    }

    fn next(
        &mut self,
        mut left: VecDeque<i32>,
        around: &mut Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        while let Some(number) = left.pop_front() {
            match self.begin(number, around) {
                Ok(None) => {}
                Ok(Some((wanted, span))) => {
                    let deciding = Deciding { number, left, span };
                    if !wanted.is_empty() {
                        self.stage = Stage::Reading(deciding);
                        effects.push(Effect::ReadPast { number, wanted });
                    } else if planted(PlantedFault::DecidedOutsideGuard) {
                        self.loosen(deciding, Past::new(), effects);
                    } else {
                        self.decide(deciding, &Past::new(), around, effects);
                    }
                    return;
                }
                Err(error) => self.give_up(number, &error, around, effects),
            }
        }
        effects.push(Effect::Release);
        self.settle(effects);
    }

    /// Begins p's batch, when there is anything to do: the past events it wants.
    #[expect(
        clippy::type_complexity,
        reason = "offsets and the span of one batch; a name would only hide it"
    )]
    fn begin(
        &mut self,
        number: i32,
        around: &Around<'_>,
    ) -> Result<Option<(Vec<(usize, i64)>, Span)>, LaneError> {
        let setting = Arc::clone(&self.setting);
        let process = self.process_position();
        let (Some(running), Some(control)) = (self.running_mut(number), around.control) else {
            return Ok(None);
        };
        if planted(PlantedFault::PositionPerProcess) {
            let stamp = &mut running.lane.partition_mut().stamp;
            stamp.policy_next = stamp.policy_next.max(process);
        }
        let due = running.lane.behind(control)
            && (running.lane.is_urgent(control)
                || around.elapsed >= running.committed_at + MARKERS_EVERY);
        if (running.covered == 0 && !due) || !running.may_write(control, &setting) {
            return Ok(None);
        }
        let rest = running
            .pending
            .split_off(running.covered.min(running.pending.len()));
        let records = std::mem::replace(&mut running.pending, rest);
        running.covered = 0;
        let span = trace::batch(number, &records);
        let wanted = running.lane.begin(records, control, &setting, around.now)?;
        Ok(Some((wanted, span)))
    }

    fn process_position(&self) -> i64 {
        self.running()
            .map(|running| running.lane.partition().stamp().policy_next)
            .max()
            .unwrap_or(0)
    }

    fn loosen(&mut self, deciding: Deciding, past: Past, effects: &mut Vec<Effect>) {
        self.stage = Stage::Loose(deciding, past);
        effects.extend([Effect::Release, Effect::Hold]);
    }

    /// The past events were read.
    pub(super) fn past(
        &mut self,
        past: Result<Past, LaneError>,
        around: &mut Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Stage::Reading(deciding) = std::mem::replace(&mut self.stage, Stage::Polling) else {
            effects.push(Effect::Release);
            return self.poll(effects);
        };
        match past {
            Ok(past) if planted(PlantedFault::DecidedOutsideGuard) => {
                self.loosen(deciding, past, effects);
            }
            Ok(past) => self.decide(deciding, &past, around, effects),
            Err(error) => {
                self.give_up(deciding.number, &error, around, effects);
                self.next(deciding.left, around, effects);
            }
        }
    }

    fn decide(
        &mut self,
        deciding: Deciding,
        past: &Past,
        around: &mut Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let setting = Arc::clone(&self.setting);
        let (Some(Seat::Running(running)), Some(control)) =
            (self.seats.get_mut(&deciding.number), around.control)
        else {
            return self.next(deciding.left, around, effects);
        };
        let within = tracing::info_span!(parent: &deciding.span, "decide").entered();
        let decided = running
            .lane
            .finish(past, control, &setting, around.now, around.entropy);
        drop(within);
        match decided {
            Ok(mut transaction) => {
                if planted(PlantedFault::PositionBeforeRetractions) {
                    running.lane.hold_back(&mut transaction);
                }
                let records = std::mem::take(&mut transaction.records);
                effects.extend([Effect::Release, Effect::Write(deciding.number, records)]);
                self.stage = Stage::Writing(deciding, Box::new(transaction));
            }
            Err(error) => {
                self.give_up(deciding.number, &error, around, effects);
                self.next(deciding.left, around, effects);
            }
        }
    }

    /// The records of a transaction are on their way.
    pub(super) fn wrote(
        &mut self,
        result: Result<(), LogError>,
        around: &Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Stage::Writing(deciding, transaction) =
            std::mem::replace(&mut self.stage, Stage::Polling)
        else {
            return self.poll(effects);
        };
        let Deciding { number, left, span } = deciding;
        match result {
            Ok(()) => {
                if planted(PlantedFault::SnapshotBeforeCommit) {
                    let stamp = transaction.stamp.clone();
                    let lane = self.lane(number).map(|lane| lane.partition());
                    let snapshot = lane.and_then(|p| p.snapshot_at(stamp)).map(Box::new);
                    effects.extend(snapshot.map(Effect::Snapshot));
                }
                let within = tracing::info_span!(parent: &span, "commit");
                self.written.push(Written {
                    number,
                    transaction,
                    span,
                    within,
                });
            }
            Err(error) => self.drop_transaction(number, error, around, effects),
        }
        if left.is_empty() {
            return self.settle(effects);
        }
        self.stage = Stage::Holding { left };
        effects.push(Effect::Hold);
    }

    /// Every p of the round is decided: what was written is committed.
    fn settle(&mut self, effects: &mut Vec<Effect>) {
        if self.written.is_empty() {
            return self.poll(effects);
        }
        let settlements = self
            .written
            .iter_mut()
            .map(|written| {
                let positions = std::mem::take(&mut written.transaction.positions);
                let mut steps = vec![SettleStep::Positions(positions), SettleStep::Commit];
                if !planted(PlantedFault::CommitBeforeDrain) {
                    steps.insert(0, SettleStep::Drain);
                }
                Settlement {
                    number: written.number,
                    steps,
                }
            })
            .collect();
        self.stage = Stage::Settling;
        effects.push(Effect::Settle(settlements));
    }

    /// The transactions of the round were committed, or not.
    pub(super) fn settled(
        &mut self,
        results: Vec<(i32, Result<Option<i64>, LogError>)>,
        around: &Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let mut results: BTreeMap<_, _> = results.into_iter().collect();
        for written in std::mem::take(&mut self.written) {
            let Written {
                number,
                mut transaction,
                span,
                within,
            } = written;
            drop(within);
            let taken_for_done = |error: &LogError| {
                planted(PlantedFault::UnknownTakenForDone)
                    && error.severity == Severity::OutcomeUnknown
            };
            match results.remove(&number) {
                Some(Err(error)) if !taken_for_done(&error) => {
                    self.drop_transaction(number, error, around, effects);
                }
                Some(settled) => {
                    transaction.page_offset = settled.ok().flatten();
                    let every = self.offer_every;
                    if let Some(running) = self.running_mut(number) {
                        running.committed_at = around.elapsed;
                        running.lane.committed(&transaction);
                        if around.elapsed >= running.offered_at + every {
                            running.offered_at = around.elapsed;
                            let snapshot = running.lane.partition().snapshot().map(Box::new);
                            effects.extend(snapshot.map(Effect::Snapshot));
                        }
                    }
                    trace::releases(&span, &transaction.traces);
                    effects.push(Effect::Committed(number, transaction));
                }
                None => {
                    let error = LogError::new(
                        Severity::OutcomeUnknown,
                        "commit",
                        format!("p={number}"),
                        "nobody said what became of it",
                    );
                    self.drop_transaction(number, error, around, effects);
                }
            }
        }
        self.poll(effects);
    }

    fn drop_transaction(
        &mut self,
        number: i32,
        error: LogError,
        around: &Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if error.severity == Severity::Abort {
            // Spares readers the wait for the timeout; the init of p's next owner would abort it too.
            effects.push(Effect::Abort(number));
        }
        self.give_up(number, &error.into(), around, effects);
    }
}
