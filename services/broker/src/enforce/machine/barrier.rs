//! P5: the ends are asked for only after the events were read, and everything below them is applied before anything is decided.

use super::batch::Stage;
use super::{Applied, Around, BARRIER_TRY, Effect, FIRST_PAUSE, Machine, Seat};
use crate::enforce::planted::{PlantedFault, planted};
use std::collections::BTreeMap;
use std::time::Duration;
use walbrook_eventlog::{LogError, Record, TopicPartition, topics};

/// How far the control topics have to be applied.
pub(super) struct Target {
    policy: i64,
    links: BTreeMap<i32, i64>,
    /// When it was asked for; said again once it has taken long.
    asked_at: Duration,
    told: bool,
}

const LONG: Duration = Duration::from_secs(5);

impl Machine {
    /// Asks for the ends, when events wait that no question covers; otherwise only looks at what arrived on the control topics.
    pub(super) fn barrier(&mut self, around: &Around<'_>, effects: &mut Vec<Effect>) {
        if self.target.is_none() {
            let numbers = self.cover();
            if !numbers.is_empty() {
                self.ask(numbers, effects);
                return;
            }
        }
        self.apply(around, effects);
    }

    /// Notes which records the question covers that is about to be sent; returns the numbers that have any.
    fn cover(&mut self) -> Vec<i32> {
        let mut numbers = Vec::new();
        for (number, seat) in &mut self.seats {
            if let Seat::Running(running) = seat {
                running.covered = running.pending.len();
                if running.covered > 0 {
                    numbers.push(*number);
                }
            }
        }
        numbers
    }

    fn ask(&mut self, numbers: Vec<i32>, effects: &mut Vec<Effect>) {
        let mut asked = vec![TopicPartition::new(
            self.setting.namespace.name(topics::POLICY),
            0,
        )];
        asked.extend(numbers.iter().map(|number| self.at_links(*number)));
        self.stage = Stage::Asking { numbers };
        effects.push(Effect::AskEnds(asked));
    }

    /// Planted: the ends are asked for before the records are.
    pub(super) fn ask_early(&mut self, effects: &mut Vec<Effect>) -> bool {
        if !planted(PlantedFault::BarrierBeforePoll) || self.target.is_some() {
            return false;
        }
        let numbers = self.numbers();
        if numbers.is_empty() {
            return false;
        }
        self.ask(numbers, effects);
        true
    }

    pub(super) fn ends(
        &mut self,
        ends: Result<Vec<i64>, LogError>,
        around: &Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Stage::Asking { numbers } = std::mem::replace(&mut self.stage, Stage::Polling) else {
            return self.poll(effects);
        };
        match ends {
            Ok(ends) => {
                self.target = Some(Target {
                    policy: ends.first().copied().unwrap_or(0),
                    links: numbers.into_iter().zip(ends.into_iter().skip(1)).collect(),
                    asked_at: around.elapsed,
                    told: false,
                });
                if planted(PlantedFault::BarrierBeforePoll) {
                    return self.poll(effects);
                }
                self.apply(around, effects);
            }
            Err(error) => {
                tracing::warn!(%error, "the ends of the control topics are not known; events wait");
                effects.push(Effect::Rest(FIRST_PAUSE));
                self.poll(effects);
            }
        }
    }

    fn apply(&mut self, around: &Around<'_>, effects: &mut Vec<Effect>) {
        self.stage = Stage::Applying {
            until: around.elapsed + BARRIER_TRY,
        };
        effects.push(self.apply_once(Duration::ZERO));
    }

    fn apply_once(&self, wait: Duration) -> Effect {
        Effect::Apply {
            policy: self.target.as_ref().map_or(0, |target| target.policy),
            wait,
        }
    }

    pub(super) fn applied(
        &mut self,
        applied: Applied,
        around: &mut Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Stage::Applying { until } = self.stage else {
            return self.poll(effects);
        };
        self.hand_out_links(applied.links, &applied.positions, around, effects);
        if let Some(error) = applied.failed {
            tracing::warn!(%error, "control.links is not readable now; events wait");
            effects.push(Effect::Rest(FIRST_PAUSE));
            return self.poll(effects);
        }
        if self.reached(applied.policy) {
            self.pass(effects);
        } else if around.elapsed < until {
            effects.push(self.apply_once(BARRIER_TRY / 20));
        } else {
            self.tell_of_delay(around);
            self.poll(effects);
        }
    }

    /// Everything below the ends is applied: what the question covered may be decided.
    fn pass(&mut self, effects: &mut Vec<Effect>) {
        if self.target.take().is_some()
            && (planted(PlantedFault::JoinedInFlight) || planted(PlantedFault::BarrierBeforePoll))
        {
            self.cover();
        }
        self.stage = Stage::Holding {
            left: self.numbers().into(),
        };
        effects.push(Effect::Hold);
    }

    fn reached(&self, policy: i64) -> bool {
        let Some(target) = &self.target else {
            return true;
        };
        policy >= target.policy
            && target.links.iter().all(|(number, end)| {
                self.lane(*number)
                    .is_none_or(|lane| lane.partition().links_next() >= *end)
            })
    }

    fn tell_of_delay(&mut self, around: &Around<'_>) {
        if let Some(target) = &mut self.target
            && !target.told
            && around.elapsed > target.asked_at + LONG
        {
            target.told = true;
            tracing::warn!(
                policy_end = target.policy,
                "the control topics are not applied up to their ends yet; events wait"
            );
        }
    }

    /// Gives each lane what was read for it, then the position read after that.
    fn hand_out_links(
        &mut self,
        records: Vec<Record>,
        positions: &[(i32, i64)],
        around: &Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let mut by_number: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        for record in records {
            by_number
                .entry(record.at.partition)
                .or_default()
                .push(record);
        }
        let mut failed = Vec::new();
        for (number, position) in positions {
            let popped = by_number.remove(number).unwrap_or_default();
            if let Some(running) = self.running_mut(*number)
                && let Err(error) = running.lane.apply_links(&popped, *position)
            {
                failed.push((*number, error));
            }
        }
        for (number, error) in failed {
            self.give_up(number, &error, around, effects);
        }
    }
}
