//! Generations of the shared topic in the simulation: the control plane begins and switches at any moment, and each process copies what is its own to
//! copy, one small step at a time.

use crate::memory::fault;
use crate::process::Process;
use crate::world::{Broken, PARTITIONS, World};
use rand::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use walbrook_broker::enforce::clients::Clients;
use walbrook_broker::enforce::control_view::{ControlView, Setting};
use walbrook_broker::generations::copier::{Copier, CopyError, Now, Step, Task};
use walbrook_broker::generations::runner::all_write_to;
use walbrook_broker::generations::state::{self, State};
use walbrook_domain::Instant;
use walbrook_domain::control::PinKind;
use walbrook_domain::generation::Stage;
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{
    Ends, LogError, Positions, Reader, Severity, TopicPartition, Transactor, chain, topics,
};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::shared::v1::{GenerationBegun, GenerationEnded};
use walbrook_tests::records::{self, PURPOSE};

/// The last generation a simulation comes to.
pub const LAST: u32 = 3;

/// Every partition of a generation.
pub fn partitions(world: &World, generation: u32) -> Vec<TopicPartition> {
    let topic = world.city.topic(&chain::topic(PURPOSE, generation));
    let each = 0..PARTITIONS;
    each.map(|number| TopicPartition::new(topic.as_str(), number))
        .collect()
}

/// Clients that wait for nothing.
struct Patient(MemoryLog);

impl Clients for Patient {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(self.0.reader()))
    }

    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        Box::new(self.0.transactor(id))
    }

    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        Ok(Box::new(self.0.clone()))
    }

    fn positions(&self) -> Result<Box<dyn Positions>, LogError> {
        Ok(Box::new(self.0.clone()))
    }
}

/// What a process copies.
#[derive(Default)]
pub struct Copies(BTreeMap<Task, Copier>);

impl Process {
    /// One step of one copy that is this process's; whether there was anything to do.
    pub fn copy(
        &mut self,
        number: i32,
        world: (&MemoryLog, &Arc<Setting>),
        now: Instant,
        fails: bool,
    ) -> bool {
        let (log, setting) = world;
        let (stage, schemas) = {
            let book = self.feed.read();
            let id = |name| book.record_schema(name).expect("pinned");
            let schemas = (
                id(GenerationBegun::FULL_NAME),
                id(GenerationEnded::FULL_NAME),
            );
            (book.state().pins().stage(PURPOSE), schemas)
        };
        let Some(stage) = stage else { return false };
        let task = Task {
            purpose: PURPOSE.to_owned(),
            generation: stage.filled(),
            number,
        };
        let clients = Patient(log.clone());
        let now = Now {
            now,
            schemas,
            ends: ends(&stage, number, log, setting),
        };
        let copies = &mut self.copies.0;
        let step = if fails {
            Err(CopyError::Log(fault(Severity::Transient)))
        } else if let Some(copier) = copies.get_mut(&task) {
            copier.step(&clients, now)
        } else {
            Copier::adopt(task.clone(), &clients, setting, now).map(|copier| {
                copies.insert(task.clone(), copier);
                Step::Worked
            })
        };
        if step.is_err() {
            copies.remove(&task);
        }
        matches!(step, Ok(Step::Worked))
    }
}

/// As the runner asks: whether nothing is to come on the generation before.
fn ends(stage: &Stage, number: i32, log: &MemoryLog, setting: &Setting) -> Option<i64> {
    let Stage::InForce {
        generation,
        first_live,
    } = stage
    else {
        return None;
    };
    let links = setting.namespace.name(topics::LINKS);
    let links: Vec<_> = (0..PARTITIONS)
        .map(|number| TopicPartition::new(links.as_str(), number))
        .collect();
    let group = setting.namespace.name("broker");
    let of = (PURPOSE, *generation);
    let all = all_write_to(of, (&group, &links), &mut log.clone()).expect("asked");
    all.then(|| first_live[usize::try_from(number).expect("a partition")])
}

impl World {
    /// The stage of the shared topic, as `control.policy` has it.
    pub fn stage(&self) -> Option<Stage> {
        self.sources.stage.clone()
    }

    /// How a copy stands.
    fn copy_state(&self, generation: u32, number: i32) -> Option<State> {
        let task = Task {
            purpose: PURPOSE.to_owned(),
            generation,
            number,
        };
        let clients = Patient(self.log.clone());
        // What is not settled yet is as if it were not there.
        state::committed(&task, &clients, &self.setting).unwrap_or(None)
    }

    fn is_ended(&self, generation: u32) -> bool {
        (0..PARTITIONS).all(|number| {
            let state = self.copy_state(generation, number);
            state.is_some_and(|state| state.ended)
        })
    }

    /// Whether no switch is under way.
    pub fn generations_rest(&self) -> bool {
        match self.stage() {
            None => true,
            Some(Stage::Filling(_)) => false,
            Some(Stage::InForce { generation, .. }) => self.is_ended(generation),
        }
    }

    /// The control plane begins a generation, or switches to it, however far it is filled.
    pub fn turn_generation(&mut self, begins: bool) {
        if self.sources.writes_control() {
            return;
        }
        let next = match self.stage() {
            None if begins => Stage::Filling(2),
            Some(Stage::InForce { generation, .. })
                if begins && generation < LAST && self.is_ended(generation) =>
            {
                Stage::Filling(generation + 1)
            }
            Some(Stage::Filling(generation)) => Stage::InForce {
                generation,
                first_live: partitions(self, generation)
                    .iter()
                    .map(|at| self.end(at))
                    .collect(),
            },
            _ => return,
        };
        let pin = records::pin(PinKind::Generation, PURPOSE, 0, &next.to_string());
        self.sources.say(&self.city, &pin);
    }

    /// One step of one copy, of one that works on its partition, or still believes it does.
    pub fn copy(&mut self, process: usize, member: usize, fails: f64) -> bool {
        let process = &mut self.processes[process];
        let numbers = process.members[member % process.members.len()]
            .machine
            .numbers();
        if numbers.is_empty() {
            return false;
        }
        let number = numbers[self.generation_chance.random_range(0..numbers.len())];
        let fails = self.generation_chance.random_bool(fails);
        let now = Instant(self.sources.now_ms * 1_000);
        process.copy(number, (&self.log, &self.setting), now, fails)
    }

    /// What the last moments of a history leave to be copied.
    pub fn copy_what_is_left(&mut self) -> Result<(), Broken> {
        if matches!(self.stage(), Some(Stage::Filling(_))) {
            self.turn_generation(false);
            self.sources.finish(&self.city, &self.log);
        }
        for _ in 0..20 {
            for process in 0..self.processes.len() {
                self.copy(process, 0, 0.0);
                self.copy(process, 1, 0.0);
            }
        }
        Ok(())
    }
}
