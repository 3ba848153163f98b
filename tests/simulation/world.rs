//! The simulated world: a log, what people and services do, and two broker processes over it.

#[path = "process.rs"]
mod process;

use crate::faulty::Fault;
use process::Process;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use walbrook_broker::enforce::control_view::Setting;
use walbrook_broker::enforce::decide::Entropy;
use walbrook_broker::enforce::feed::Feed;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_domain::{EventId, Handle, PersonId};
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{
    Appender, Ends, NewRecord, Record, TopicPartition, Transactor, murmur2_partition, topics,
};
use walbrook_tests::records::{self, City};
use walbrook_tests::shelf::Shelf;

pub const PARTITIONS: i32 = 2;
const START_MS: i64 = 1_790_000_000_000;

struct Random(ChaCha8Rng);

impl Entropy for Random {
    fn bytes16(&mut self) -> [u8; 16] {
        self.0.random()
    }
}

/// One raw event as it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    pub handle: Handle,
    pub event: EventId,
    pub pence: i64,
    pub supersedes: Option<EventId>,
    pub partition: i32,
    pub offset: i64,
    /// Ends of control.policy and control.links[p] when it was accepted.
    pub policy_end: i64,
    pub links_end: i64,
}

pub struct World {
    pub city: City,
    pub setting: Setting,
    pub log: MemoryLog,
    inputs: ChaCha8Rng,
    chance: ChaCha8Rng,
    entropy: Random,
    now_ms: i64,
    processes: Vec<Process>,
    owner: BTreeMap<i32, usize>,
    pub persons: BTreeMap<Handle, PersonId>,
    revision: u32,
    grounds: BTreeMap<(Handle, GroundKind), (u32, GroundState)>,
    pub sent: Vec<Sent>,
    faults: bool,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let city = City::new("sim", PARTITIONS);
        let table = topics::table(&city.namespace, PARTITIONS);
        let log = MemoryLog::new(
            table
                .iter()
                .map(|topic| (topic.name.as_str(), topic.partitions)),
        );
        log.set_now_ms(START_MS);
        let setting = records::setting(&city);
        let processes = (0..2).map(|_| Process::new(&log, &city)).collect();
        let world = Self {
            city,
            setting,
            log,
            inputs: ChaCha8Rng::seed_from_u64(seed),
            chance: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
            entropy: Random(ChaCha8Rng::seed_from_u64(seed ^ 0xe27)),
            now_ms: START_MS,
            processes,
            owner: BTreeMap::new(),
            persons: BTreeMap::new(),
            revision: 0,
            grounds: BTreeMap::new(),
            sent: Vec::new(),
            faults: true,
        };
        world.append(world.city.founding());
        world
    }

    fn append(&self, records: Vec<NewRecord>) -> Vec<(TopicPartition, i64)> {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.log.append(
            records,
            Box::new(move |result| sender.send(result).expect("heard")),
        );
        receiver.recv().expect("an answer").expect("appended")
    }

    /// In one transaction, as identity and the control plane write: its marker takes an offset too.
    fn transact(&self, id: &str, records: Vec<NewRecord>) {
        let mut transactor = self.log.transactor(id);
        transactor.init().expect("init");
        transactor.begin().expect("begin");
        for record in records {
            transactor.send(record).expect("send");
        }
        transactor.drain().expect("drain");
        transactor.commit().expect("commit");
    }

    fn end(&self, plain: &str, partition: i32) -> i64 {
        let at = TopicPartition::new(self.city.topic(plain), partition);
        self.log
            .clone()
            .high_watermarks(&[at], Duration::ZERO)
            .expect("an end")[0]
    }

    /// One random thing happens, in the world or in a broker.
    pub fn step(&mut self) {
        if self.inputs.random_bool(0.5) {
            self.input()
        } else {
            self.broker_step()
        }
    }

    /// Only the inputs are the same: with or without faults, brokers run in between.
    pub fn run_inputs(&mut self, steps: usize, faults: bool) {
        self.faults = faults;
        for _ in 0..steps {
            self.input();
            for _ in 0..self.chance.random_range(0..3) {
                self.broker_step();
            }
        }
        self.settle();
    }

    fn input(&mut self) {
        self.now_ms += self.inputs.random_range(0..60_000);
        self.log.set_now_ms(self.now_ms);
        match self.inputs.random_range(0..20) {
            0..2 => self.new_handle(),
            2..12 => self.send_event(),
            12..16 => self.change_ground(),
            16..18 => self.merge(),
            _ => self.unmerge(),
        }
    }

    fn new_handle(&mut self) {
        if self.persons.len() >= 8 {
            return;
        }
        let handle = Handle::new(self.inputs.random());
        let person = PersonId::new(self.inputs.random());
        self.persons.insert(handle, person);
        self.write_links(person);
    }

    fn write_links(&mut self, person: PersonId) {
        let members: Vec<Handle> = self.members(person);
        self.revision += 1;
        let records = members
            .iter()
            .map(|handle| self.city.link(*handle, person, &members, self.revision))
            .collect();
        self.transact("identity", records);
    }

    pub fn members(&self, person: PersonId) -> Vec<Handle> {
        self.persons
            .iter()
            .filter(|(_, of)| **of == person)
            .map(|(handle, _)| *handle)
            .collect()
    }

    fn any_handle(&mut self) -> Option<Handle> {
        let handles: Vec<Handle> = self.persons.keys().copied().collect();
        (!handles.is_empty()).then(|| handles[self.inputs.random_range(0..handles.len())])
    }

    fn merge(&mut self) {
        let (Some(a), Some(b)) = (self.any_handle(), self.any_handle()) else {
            return;
        };
        let (survivor, other) = (self.persons[&a], self.persons[&b]);
        if survivor != other {
            for handle in self.members(other) {
                self.persons.insert(handle, survivor);
            }
            self.write_links(survivor);
        }
    }

    fn unmerge(&mut self) {
        let Some(handle) = self.any_handle() else {
            return;
        };
        let old = self.persons[&handle];
        if self.members(old).len() < 2 {
            return;
        }
        let person = PersonId::new(self.inputs.random());
        self.persons.insert(handle, person);
        let left = self.members(old);
        self.revision += 1;
        let mut records: Vec<_> = left
            .iter()
            .map(|member| self.city.link(*member, old, &left, self.revision))
            .collect();
        records.push(self.city.link(handle, person, &[handle], self.revision));
        self.transact("identity", records);
    }

    fn change_ground(&mut self) {
        let Some(handle) = self.any_handle() else {
            return;
        };
        let (kind, states) = if self.inputs.random_bool(0.8) {
            (
                GroundKind::Consent,
                [
                    GroundState::Given,
                    GroundState::Withdrawn,
                    GroundState::Given,
                ],
            )
        } else {
            (
                GroundKind::SafetyHold,
                [GroundState::On, GroundState::Off, GroundState::Off],
            )
        };
        // Often several at once: withdrawn and given again before any broker looks.
        let mut facts = Vec::new();
        for _ in 0..self.inputs.random_range(1..4) {
            let state = states[self.inputs.random_range(0..states.len())];
            let before = self.grounds.get(&(handle, kind)).copied();
            if before.is_none() && state == GroundState::Off {
                continue;
            }
            let version = before.map_or(0, |(version, _)| version) + 1;
            self.grounds.insert((handle, kind), (version, state));
            facts.push(
                self.city
                    .control(&records::ground(handle, kind, state, version)),
            );
        }
        if !facts.is_empty() {
            self.transact("control", facts);
        }
    }

    fn send_event(&mut self) {
        let Some(handle) = self.any_handle() else {
            return;
        };
        let known: Vec<Sent> = self
            .sent
            .iter()
            .filter(|sent| sent.handle == handle)
            .cloned()
            .collect();
        let any = |rng: &mut ChaCha8Rng| known[rng.random_range(0..known.len())].clone();
        let fresh = records::event_id(u128::from(self.inputs.random::<u64>()));
        let mut pence = self.inputs.random_range(0..100_000);
        let (event, supersedes) = match self.inputs.random_range(0..10) {
            0 if !known.is_empty() => {
                let retry = any(&mut self.inputs);
                pence = retry.pence;
                (retry.event, retry.supersedes)
            }
            1 if !known.is_empty() => (any(&mut self.inputs).event, None),
            2 if !known.is_empty() => (fresh, Some(any(&mut self.inputs).event)),
            // Corrects an event that comes later, if ever.
            3 => (
                records::event_id(u128::from(self.inputs.random_range(0..30_u64))),
                Some(records::event_id(u128::from(
                    self.inputs.random_range(0..30_u64),
                ))),
            ),
            4 => (
                records::event_id(u128::from(self.inputs.random_range(0..30_u64))),
                None,
            ),
            _ => (fresh, None),
        };
        let partition = murmur2_partition(handle.as_bytes(), PARTITIONS);
        let policy_end = self.end(topics::POLICY, 0);
        let links_end = self.end(topics::LINKS, partition);
        let placed = self.append(vec![self.city.arrears(handle, event, pence, supersedes)]);
        let (at, offset) = &placed[0];
        assert_eq!(at.partition, partition);
        self.sent.push(Sent {
            handle,
            event,
            pence,
            supersedes,
            partition,
            offset: *offset,
            policy_end,
            links_end,
        });
    }

    fn broker_step(&mut self) {
        let number = self.chance.random_range(0..PARTITIONS);
        if self.faults && self.chance.random_bool(0.08) {
            // The partition moves; the former owner does not know yet.
            self.owner.insert(number, self.chance.random_range(0..2));
            let owner = self.owner[&number];
            self.processes[owner].lanes.remove(&number);
        }
        let owner = *self.owner.entry(number).or_insert(0);
        // A member that has lost the partition may still try.
        let process = if self.faults && self.chance.random_bool(0.1) {
            1 - owner
        } else {
            owner
        };
        let fenced = process != owner && self.processes[owner].lanes.contains_key(&number);
        if process != owner && !self.processes[process].lanes.contains_key(&number) {
            return;
        }
        let fault = (self.faults && self.chance.random_bool(0.2)).then(|| {
            match self.chance.random_range(0..4) {
                0 => Fault::Send(self.chance.random_range(0..4)),
                1 => Fault::BeforeCommit,
                2 => Fault::AfterCommit,
                _ => Fault::UnknownNotDone,
            }
        });
        let max = self.chance.random_range(1..6);
        let moves_between = self.chance.random_bool(0.3);
        let committed = self.processes[process].work(
            number,
            max,
            fault,
            &self.setting,
            self.now_ms,
            &mut self.entropy,
            moves_between,
        );
        assert!(
            !(committed && fenced),
            "a member committed after another had taken over"
        );
    }

    /// Lets everything that is pending be decided.
    pub fn settle(&mut self) {
        for number in 0..PARTITIONS {
            let owner = *self.owner.entry(number).or_insert(0);
            let mut rounds = 0;
            while !self.processes[owner].is_idle(number) {
                self.processes[owner].work(
                    number,
                    100,
                    None,
                    &self.setting,
                    self.now_ms,
                    &mut self.entropy,
                    false,
                );
                rounds += 1;
                assert!(rounds < 50, "p={number} does not come to rest");
            }
        }
        self.check_rebuilding();
    }

    /// A lane built from the log is the lane that wrote it.
    fn check_rebuilding(&mut self) {
        for number in 0..PARTITIONS {
            let owner = self.owner[&number];
            let process = &mut self.processes[owner];
            let lane = process.lanes.remove(&number).expect("a lane").lane;
            let again = process.adopt(number, &self.setting).expect("rebuilt");
            assert_eq!(
                again.lane.partition().standing(),
                lane.partition().standing()
            );
            assert_eq!(again.lane.partition().stamp(), lane.partition().stamp());
            process.lanes.insert(number, again);
        }
    }

    pub fn shelf(&self) -> Shelf {
        let records = self
            .log
            .committed_records(&self.city.topic(&topics::shared(records::PURPOSE)));
        Shelf::of(&records)
    }

    pub fn pages(&self) -> Vec<Record> {
        self.log
            .committed_records(&self.city.topic(topics::DECISIONS))
    }

    pub fn shared(&self) -> Vec<Record> {
        self.log
            .committed_records(&self.city.topic(&topics::shared(records::PURPOSE)))
    }

    pub fn everything_committed(&self) -> Vec<Record> {
        [self.pages(), self.shared()].concat()
    }

    /// The control plane with everything applied.
    pub fn book(&self) -> Feed {
        let mut process = Process::new(&self.log, &self.city);
        process.barrier();
        process.feed
    }

    pub fn handles(&self) -> BTreeSet<Handle> {
        self.persons.keys().copied().collect()
    }
}
