//! Which partition numbers a member has, and how it gets, keeps and gives them up.

use super::generations::Switching;
use super::{Around, Built, Effect, FIRST_PAUSE, LONGEST_PAUSE, Machine, Polled};
use crate::enforce::lane::{Lane, LaneError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use walbrook_eventlog::{GroupEvent, Record, TopicPartition, topics};

const MISASSIGNED: &str = "this member was not assigned the same partitions of every raw topic; it decides nothing. \
    Do all members run the same build, and have all raw topics the same partition count?";

/// What a member has of one partition number.
pub(super) enum Seat {
    /// Its lane is at work.
    Running(Box<Running>),
    /// It is being built.
    Building {
        /// The answer that is waited for.
        attempt: u64,
        /// How long to wait when it fails.
        pause: Duration,
        /// The lane of before, when it may still stand.
        kept: Option<Box<Lane>>,
    },
    /// Given up for now.
    Waiting { until: Duration, pause: Duration },
    /// It needs a person; why.
    Stopped(String),
}

/// A lane at work.
pub(super) struct Running {
    pub(super) lane: Lane,
    /// Taken from the group, not decided yet.
    pub(super) pending: Vec<Record>,
    /// So many of them were read before the barrier's question was sent.
    pub(super) covered: usize,
    pub(super) committed_at: Duration,
    /// When it was last offered to be kept.
    pub(super) offered_at: Duration,
    /// Where it is on its way to.
    pub(super) switching: Option<Switching>,
}

impl Machine {
    pub(super) fn running(&self) -> impl Iterator<Item = &Running> {
        self.seats.values().filter_map(|seat| match seat {
            Seat::Running(running) => Some(&**running),
            _ => None,
        })
    }

    pub(super) fn running_mut(&mut self, number: i32) -> Option<&mut Running> {
        match self.seats.get_mut(&number) {
            Some(Seat::Running(running)) => Some(running),
            _ => None,
        }
    }

    pub(super) fn at_links(&self, number: i32) -> TopicPartition {
        TopicPartition::new(self.setting.namespace.name(topics::LINKS), number)
    }

    fn raw_of(&self, number: i32) -> Vec<TopicPartition> {
        self.raw
            .iter()
            .map(|(_, full)| TopicPartition::new(Arc::clone(full), number))
            .collect()
    }

    pub(super) fn polled(
        &mut self,
        polled: Polled,
        around: &Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if !polled.events.is_empty() {
            // What was polled with a rebalance belongs to an assignment that is over; the new one starts from what is committed.
            for event in polled.events {
                self.rebalance(event, effects);
            }
            self.built(polled.built, around, effects);
            self.target = None;
            return self.poll(effects);
        }
        self.adapt(polled.records.len());
        self.take(polled.records);
        self.built(polled.built, around, effects);
        self.revive(around, effects);
        if let Some(error) = polled.failed {
            tracing::warn!(%error, "enforcement waits for the log");
            effects.push(Effect::Rest(FIRST_PAUSE));
            return self.poll(effects);
        }
        self.compare(around, effects);
    }

    /// Keeps the records until they are decided; those of a p that is not at work will be read again.
    fn take(&mut self, records: Vec<Record>) {
        let mut records = records.into_iter().peekable();
        while let Some(record) = records.next() {
            // Records come in runs of one partition.
            let number = record.at.partition;
            let mut run = std::iter::once(record).chain(std::iter::from_fn(|| {
                records.next_if(|next| next.at.partition == number)
            }));
            match self.running_mut(number) {
                Some(running) => running.pending.extend(run),
                None => while run.next().is_some() {},
            }
        }
    }

    fn rebalance(&mut self, event: GroupEvent, effects: &mut Vec<Effect>) {
        match event {
            GroupEvent::Assigned(partitions) => self.assigned(&partitions, effects),
            GroupEvent::Revoked(partitions) | GroupEvent::Lost(partitions) => {
                tracing::info!(partitions = partitions.len(), "partitions were taken away");
                for (number, seat) in std::mem::take(&mut self.seats) {
                    effects.push(Effect::Stopped(number, false));
                    if let Seat::Running(running) = seat {
                        self.set_aside.insert(number, running.lane);
                    }
                }
                self.misassigned = None;
            }
        }
    }

    /// Takes over the partition numbers assigned, provided that they are the same for every raw topic.
    fn assigned(&mut self, partitions: &[TopicPartition], effects: &mut Vec<Effect>) {
        let numbers: BTreeSet<i32> = partitions.iter().map(|at| at.partition).collect();
        let whole = self.raw.iter().all(|(_, full)| {
            let of_topic: BTreeSet<i32> = partitions
                .iter()
                .filter(|at| at.topic == *full)
                .map(|at| at.partition)
                .collect();
            of_topic == numbers
        });
        self.seats.clear();
        // librdkafka waits to be told; what is built later is started later.
        effects.push(Effect::Start(Vec::new()));
        if !whole {
            tracing::error!("{MISASSIGNED}");
            self.misassigned = Some(MISASSIGNED.to_owned());
            return;
        }
        self.misassigned = None;
        tracing::info!(partitions = ?numbers, "taking over");
        for number in numbers {
            let kept = self.set_aside.remove(&number).map(Box::new);
            self.build(number, FIRST_PAUSE, kept, effects);
        }
        self.set_aside.clear();
        self.read_links(effects);
    }

    fn build(
        &mut self,
        number: i32,
        pause: Duration,
        kept: Option<Box<Lane>>,
        effects: &mut Vec<Effect>,
    ) {
        self.attempts += 1;
        effects.push(Effect::Build {
            number,
            attempt: self.attempts,
            kept: kept
                .as_ref()
                .map(|lane| lane.partition().stamp().committed()),
        });
        self.seats.insert(
            number,
            Seat::Building {
                attempt: self.attempts,
                pause,
                kept,
            },
        );
    }

    /// Puts to work what was built since, where it still answers what was asked.
    fn built(
        &mut self,
        built: Vec<(i32, u64, Result<Built, LaneError>)>,
        around: &Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let mut ready = Vec::new();
        for (number, attempt, result) in built {
            let Some(Seat::Building {
                attempt: expected,
                pause,
                kept,
            }) = self.seats.get_mut(&number)
            else {
                continue;
            };
            if *expected != attempt {
                continue;
            }
            let lane = match result {
                Ok(Built::Anew { partition, .. }) => Lane::new(*partition),
                Ok(Built::Unchanged) => match kept.take() {
                    Some(lane) => *lane,
                    None => continue,
                },
                Err(error) => {
                    let pause = *pause;
                    self.not_built(number, pause, &error, around, effects);
                    continue;
                }
            };
            tracing::info!(
                partition = number,
                releases = lane.partition().standing().releases(),
                "p is taken over"
            );
            effects.push(Effect::Stopped(number, false));
            let running = Running {
                lane,
                pending: Vec::new(),
                covered: 0,
                committed_at: around.elapsed,
                offered_at: around.elapsed,
                switching: None,
            };
            self.seats.insert(number, Seat::Running(Box::new(running)));
            ready.push(number);
        }
        if ready.is_empty() {
            return;
        }
        self.read_links(effects);
        let starts = ready
            .into_iter()
            .flat_map(|number| self.starts(number))
            .collect();
        effects.push(Effect::Start(starts));
    }

    fn not_built(
        &mut self,
        number: i32,
        pause: Duration,
        error: &LaneError,
        around: &Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let problem = walbrook_runtime::status::chain(error);
        if error.may_pass() {
            tracing::warn!(
                partition = number,
                error = problem,
                "p cannot be taken over now"
            );
            let until = around.elapsed + pause;
            let pause = (pause * 2).min(LONGEST_PAUSE);
            self.seats.insert(number, Seat::Waiting { until, pause });
        } else {
            tracing::error!(partition = number, error = problem, "p is stopped");
            effects.push(Effect::Stopped(number, true));
            self.seats.insert(number, Seat::Stopped(problem));
        }
    }

    fn read_links(&self, effects: &mut Vec<Effect>) {
        let starts = self
            .running()
            .map(|running| {
                let partition = running.lane.partition();
                (self.at_links(partition.number()), partition.links_next())
            })
            .collect();
        effects.push(Effect::ReadLinks(starts));
    }

    /// Builds again what was given up, when its pause is over.
    fn revive(&mut self, around: &Around<'_>, effects: &mut Vec<Effect>) {
        let due: Vec<(i32, Duration)> = self
            .seats
            .iter()
            .filter_map(|(number, seat)| match seat {
                Seat::Waiting { until, pause } if *until <= around.elapsed => {
                    Some((*number, *pause))
                }
                _ => None,
            })
            .collect();
        for (number, pause) in due {
            self.build(number, pause, None, effects);
        }
    }

    /// Drops p's lane: what stands is what is committed.
    pub(super) fn give_up(
        &mut self,
        number: i32,
        error: &LaneError,
        around: &Around<'_>,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::GiveUp(number, self.raw_of(number)));
        let problem = walbrook_runtime::status::chain(error);
        if error.may_pass() {
            tracing::warn!(
                partition = number,
                error = problem,
                "the batch is given up; p starts again from what is committed"
            );
            let until = around.elapsed + FIRST_PAUSE;
            self.seats.insert(
                number,
                Seat::Waiting {
                    until,
                    pause: FIRST_PAUSE,
                },
            );
        } else {
            tracing::error!(partition = number, error = problem, "p is stopped");
            effects.push(Effect::Stopped(number, true));
            self.seats.insert(number, Seat::Stopped(problem));
        }
    }
}
