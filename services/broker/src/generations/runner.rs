//! Copies what is being filled, for the partition numbers that this process works on. A thread of its own: it waits for the log most of the time.

use super::copier::{Copier, CopyError, Now, Step, Task};
use super::metrics::GenerationMetrics;
use super::state;
use crate::enforce::control_view::ControlView;
use crate::enforce::member::Shared;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::control::PinKind;
use walbrook_domain::generation::Stage;
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{LogError, Positions, TopicPartition, topics};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{GenerationBegun, GenerationEnded};

/// Where nothing is being filled, and where nothing is to be copied now.
const LOOKS_EVERY: Duration = Duration::from_millis(200);
const IDLE: Duration = Duration::from_millis(5);
/// Between two questions whether every partition number has gone over.
const ASKS_EVERY: Duration = Duration::from_millis(50);
/// How long a copy waits after it failed.
const PAUSE: Duration = Duration::from_millis(500);
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// Whether every partition number writes to a generation of a purpose, or a later one.
///
/// # Errors
/// When the log does not answer.
pub fn all_write_to(
    (purpose, generation): (&str, u32),
    (group, links): (&str, &[TopicPartition]),
    positions: &mut dyn Positions,
) -> Result<bool, LogError> {
    // An older position is a safe answer: they only grow.
    let committed = positions.committed(group, links, false, ASK_WITHIN)?;
    let writes = |metadata: &str| {
        let position: Option<Position> = metadata.parse().ok();
        position.is_some_and(|position| position.generations.of(purpose) >= generation)
    };
    let all = committed.len() == links.len();
    Ok(all && committed.iter().all(|one| writes(&one.metadata)))
}

/// The thread's own.
pub struct Runner {
    shared: Arc<Shared>,
    metrics: GenerationMetrics,
    copiers: BTreeMap<Task, Copier>,
    /// Those that need no copier any more.
    ended: BTreeSet<Task>,
    /// When those that failed are tried again.
    later: BTreeMap<Task, Monotonic>,
}

impl Runner {
    /// Over what the process's members share.
    pub const fn new(shared: Arc<Shared>, metrics: GenerationMetrics) -> Self {
        Self {
            shared,
            metrics,
            copiers: BTreeMap::new(),
            ended: BTreeSet::new(),
            later: BTreeMap::new(),
        }
    }

    /// Runs until stopped.
    pub fn run(mut self, stop: &dyn Fn() -> bool) {
        while !stop() {
            let (stages, now) = self.stages();
            let owned = self.shared.owned.numbers();
            let mut tasks = Vec::new();
            for (purpose, stage) in stages {
                for number in &owned {
                    let task = Task {
                        purpose: purpose.clone(),
                        generation: stage.filled(),
                        number: *number,
                    };
                    if !self.ended.contains(&task) {
                        tasks.push((task, stage.clone()));
                    }
                }
            }
            self.copiers
                .retain(|task, _| tasks.iter().any(|(one, _)| one == task));
            let pause = match tasks.is_empty() {
                true => LOOKS_EVERY,
                false => IDLE,
            };
            let mut worked = false;
            for (task, stage) in tasks {
                worked |= self.step(&task, &stage, now);
            }
            if !worked {
                std::thread::sleep(pause);
            }
        }
    }

    /// The purposes that have a generation beyond the first, and what copies are made with.
    fn stages(&self) -> (Vec<(String, Stage)>, Now) {
        let book = self.shared.feed.read();
        let pins = book.state().pins();
        let stages = pins.of(PinKind::Generation);
        let stages = stages.filter_map(|(purpose, pin)| {
            let stage = pin.content.parse().ok()?;
            Some((purpose.to_owned(), stage))
        });
        let id = |name| book.record_schema(name).unwrap_or(0);
        let now = Now {
            now: (self.shared.clock)(),
            schemas: (
                id(GenerationBegun::FULL_NAME),
                id(GenerationEnded::FULL_NAME),
            ),
            ends: None,
        };
        (stages.collect(), now)
    }

    /// Whether there was something to do.
    fn step(&mut self, task: &Task, stage: &Stage, now: Now) -> bool {
        if self
            .later
            .get(task)
            .is_some_and(|until| *until > Monotonic::now())
        {
            return false;
        }
        match self.try_step(task, stage, now) {
            Ok(Step::Worked) => true,
            Ok(Step::Idle) => false,
            Ok(Step::Ended) => {
                if self.copiers.remove(task).is_some() {
                    tracing::info!(
                        purpose = task.purpose,
                        generation = task.generation,
                        partition = task.number,
                        "everything is copied, and the generation before is ended"
                    );
                }
                self.ended.insert(task.clone());
                true
            }
            Err(error) => {
                tracing::warn!(
                    purpose = task.purpose,
                    generation = task.generation,
                    partition = task.number,
                    error = walbrook_runtime::status::chain(&error),
                    "a generation is not copied for now"
                );
                self.metrics.failed(&task.purpose);
                self.copiers.remove(task);
                self.later.insert(task.clone(), Monotonic::now() + PAUSE);
                false
            }
        }
    }

    fn try_step(&mut self, task: &Task, stage: &Stage, now: Now) -> Result<Step, CopyError> {
        let (clients, setting) = (self.shared.clients.as_ref(), &self.shared.setting);
        let copier = match self.copiers.get_mut(task) {
            Some(copier) => copier,
            None => {
                let state = state::committed(task, clients, setting)?;
                if state.is_some_and(|state| state.ended) {
                    return Ok(Step::Ended);
                }
                tracing::info!(
                    purpose = task.purpose,
                    generation = task.generation,
                    partition = task.number,
                    begun = state.is_some(),
                    "a generation is being filled"
                );
                let copier = Copier::adopt(task.clone(), clients, setting, now)?;
                self.copiers.entry(task.clone()).or_insert(copier)
            }
        };
        let step = copier.step(clients, now)?;
        let copied = copier.take_copied();
        if copied > 0 {
            self.metrics.copied(&task.purpose, copied);
        }
        let Stage::InForce { first_live, .. } = stage else {
            return Ok(step);
        };
        if step != Step::Idle {
            return Ok(step);
        }
        let links = setting.namespace.name(topics::LINKS);
        let links: Vec<_> = (0..setting.partitions)
            .map(|number| TopicPartition::new(links.as_str(), number))
            .collect();
        let group = setting.namespace.name("broker");
        let written = (task.purpose.as_str(), task.generation);
        let mut positions = clients.positions()?;
        if !all_write_to(written, (&group, &links), positions.as_mut())? {
            self.later
                .insert(task.clone(), Monotonic::now() + ASKS_EVERY);
            return Ok(Step::Idle);
        }
        let place = usize::try_from(task.number).unwrap_or(usize::MAX);
        let ends = Some(first_live.get(place).copied().unwrap_or(0));
        copier.step(clients, Now { ends, ..now })
    }
}
