//! Which partition numbers a member has, and how it gets, keeps and gives them up.

use super::lane::{Lane, LaneError, raw_topics};
use super::member::{BARRIER_PATIENCE, FIRST_PAUSE, Member, REQUEST_PATIENCE, Running, Seat};
use super::stamp::Stamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_eventlog::{GroupEvent, LogError, Severity, TopicPartition, topics};

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Member {
    pub(super) fn rebalance(&mut self, events: Vec<GroupEvent>) -> Result<(), LogError> {
        for event in events {
            match event {
                GroupEvent::Assigned(partitions) => self.assigned(&partitions)?,
                GroupEvent::Revoked(partitions) | GroupEvent::Lost(partitions) => {
                    tracing::info!(partitions = partitions.len(), "partitions were taken away");
                    for (number, seat) in std::mem::take(&mut self.seats) {
                        self.shared.metrics.stopped(number, false);
                        if let Seat::Running(running) = seat {
                            self.set_aside.insert(number, running.lane);
                        }
                    }
                    self.misassigned = None;
                }
            }
        }
        Ok(())
    }

    /// Takes over the partition numbers assigned, provided that they are the same for every raw topic.
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Result<(), LogError> {
        let numbers: BTreeSet<i32> = partitions.iter().map(|at| at.partition).collect();
        let whole = raw_topics(&self.shared.setting)
            .into_iter()
            .all(|(_, full)| {
                let of_topic: BTreeSet<i32> = partitions
                    .iter()
                    .filter(|at| at.topic == full)
                    .map(|at| at.partition)
                    .collect();
                of_topic == numbers
            });
        self.seats.clear();
        if !whole {
            let problem = "this member was not assigned the same partitions of every raw topic; it decides nothing. \
                           Do all members run the same build, and have all raw topics the same partition count?";
            tracing::error!("{problem}");
            self.misassigned = Some(problem.to_owned());
            return self.group.start(&[]);
        }
        self.misassigned = None;
        tracing::info!(partitions = ?numbers, "taking over");
        for number in numbers {
            self.adopt(number, FIRST_PAUSE);
        }
        self.set_aside.clear();
        self.assign_links()?;
        let starts: Vec<_> = self
            .numbers(|_| true)
            .into_iter()
            .flat_map(|number| self.starts(number))
            .collect();
        self.group.start(&starts)
    }

    pub(super) fn starts(&self, number: i32) -> Vec<(TopicPartition, i64)> {
        let Some(Seat::Running(running)) = self.seats.get(&number) else {
            return Vec::new();
        };
        running
            .lane
            .partition()
            .positions()
            .map(|(topic, position)| (TopicPartition::new(Arc::clone(topic), number), position))
            .collect()
    }

    fn assign_links(&mut self) -> Result<(), LogError> {
        let mut starts = Vec::new();
        for number in self.numbers(|_| true) {
            if let Some(Seat::Running(running)) = self.seats.get(&number) {
                starts.push((self.at_links(number), running.lane.partition().links_next()));
            }
        }
        self.links.assign(&starts)
    }

    fn adopt(&mut self, number: i32, pause: Duration) {
        let started = Monotonic::now();
        match self.lane(number) {
            Ok(lane) => {
                tracing::info!(
                    partition = number,
                    releases = lane.partition().standing().releases(),
                    milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    "p is taken over"
                );
                self.shared.metrics.stopped(number, false);
                let running = Running {
                    lane,
                    pending: Vec::new(),
                    committed_at: Monotonic::now(),
                };
                self.seats.insert(number, Seat::Running(Box::new(running)));
            }
            Err(error) if error.may_pass() => {
                tracing::warn!(
                    partition = number,
                    error = walbrook_runtime::status::chain(&error),
                    "p cannot be taken over now"
                );
                let until = Monotonic::now() + pause;
                let pause = (pause * 2).min(LONGEST_PAUSE);
                self.seats.insert(number, Seat::Waiting { until, pause });
            }
            Err(error) => {
                let problem = walbrook_runtime::status::chain(&error);
                tracing::error!(partition = number, error = problem, "p is stopped");
                self.shared.metrics.stopped(number, true);
                self.seats.insert(number, Seat::Stopped(problem));
            }
        }
    }

    /// p's lane: the one set aside, when nobody has worked on p since, or a new one.
    fn lane(&mut self, number: i32) -> Result<Lane, LaneError> {
        let shared = Arc::clone(&self.shared);
        if let Some(lane) = self.set_aside.remove(&number) {
            let group = shared.setting.namespace.name("broker");
            let at = self.at_links(number);
            let found =
                shared
                    .clients
                    .positions()?
                    .committed(&group, &[at], true, REQUEST_PATIENCE)?;
            let stamp = found
                .first()
                .and_then(|entry| Stamp::parse(entry.offset?, &entry.metadata).ok());
            if stamp.is_some_and(|stamp| lane.is_at(&stamp)) {
                return Ok(lane);
            }
        }
        // What p has decided rests on agreements up to its stamp, so the control plane must have come as far.
        let policy = TopicPartition::new(shared.setting.namespace.name(topics::POLICY), 0);
        let ends = self
            .ends
            .high_watermarks(std::slice::from_ref(&policy), REQUEST_PATIENCE)?;
        let end = ends.first().copied().unwrap_or(0);
        if !shared.feed.wait_until(end, BARRIER_PATIENCE) {
            let problem = format!(
                "applied up to {}, its end is {end}",
                shared.feed.applied_through()
            );
            return Err(LogError::new(
                Severity::Transient,
                "take p over",
                policy.to_string(),
                problem,
            )
            .into());
        }
        let book = shared.feed.read();
        Lane::adopt(number, shared.clients.as_ref(), &*book, &shared.setting)
    }

    /// Builds again what was given up, when its pause is over.
    pub(super) fn revive(&mut self) -> Result<(), LogError> {
        let now = Monotonic::now();
        let due: Vec<(i32, Duration)> = self
            .seats
            .iter()
            .filter_map(|(number, seat)| match seat {
                Seat::Waiting { until, pause } if *until <= now => Some((*number, *pause)),
                _ => None,
            })
            .collect();
        for (number, pause) in &due {
            self.adopt(*number, *pause);
        }
        if due.is_empty() {
            return Ok(());
        }
        self.assign_links()?;
        let starts: Vec<_> = due
            .iter()
            .flat_map(|(number, _)| self.starts(*number))
            .collect();
        if starts.is_empty() {
            Ok(())
        } else {
            self.group.start(&starts)
        }
    }
}
