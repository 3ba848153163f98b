//! The simulated world: a log that does everything as late as it may, what people and services do, and broker processes over it, one small thing
//! after another in an order that the seed decides.

use crate::disk::{Disk, Uses};
use crate::group::Group;
use crate::process::{Process, World as Touch};
use crate::sources::{Manner, Sources};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Duration;
use walbrook_broker::enforce::control_view::{Limits, Setting};
use walbrook_broker::enforce::decide::Entropy;
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{Ends, TopicPartition, topics};
use walbrook_tests::records::{self, City};

pub const PARTITIONS: i32 = 3;
pub const START_MS: i64 = 1_790_000_000_000;
const PROCESSES: usize = 2;
/// Members of a process: one or two.
const MOST_THREADS: u64 = 2;

pub struct Random(pub ChaCha8Rng);

impl Entropy for Random {
    fn bytes16(&mut self) -> [u8; 16] {
        self.0.random()
    }
}

/// What a promise was broken by.
pub type Broken = String;

pub struct World {
    pub city: City,
    pub setting: Arc<Setting>,
    pub log: MemoryLog,
    pub sources: Sources,
    pub chance: ChaCha8Rng,
    entropy: Random,
    group: Group,
    pub processes: Vec<Process>,
    /// Members of processes that died, whose sessions have not timed out.
    dead: Vec<u64>,
    next_member: u64,
    faults: bool,
    /// What happens to disks, apart from everything else: a history is the same with or without them.
    disk_chance: ChaCha8Rng,
    /// Disks of processes that died, for those that come after them.
    disks: Vec<Disk>,
    /// A process that hangs, and until which step.
    stalled: (usize, usize),
    steps: usize,
    /// What becomes of generations of the shared topic, where a history has any; apart from everything else, too.
    pub generation_chance: ChaCha8Rng,
    manner: Manner,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::of(seed, Manner::Usual)
    }

    pub fn of(seed: u64, manner: Manner) -> Self {
        let city = City::new("sim", PARTITIONS);
        let table = topics::table(&city.namespace, PARTITIONS);
        let later = (2..=crate::copies::LAST).map(|generation| {
            city.topic(&walbrook_eventlog::chain::topic(
                records::PURPOSE,
                generation,
            ))
        });
        let later: Vec<String> = later.collect();
        let later = later.iter().map(|name| (name.as_str(), PARTITIONS));
        let log = MemoryLog::new(
            table
                .iter()
                .map(|topic| (topic.name.as_str(), topic.partitions))
                .chain(later),
        );
        log.set_now_ms(START_MS);
        let mut setting = records::setting(&city);
        // Small, so that handles have more events than one transaction decides again, and queues more than one slice.
        setting.limits = Limits {
            events_a_handle: 6,
            slice_offsets: 5,
        };
        let mut world = Self {
            sources: Sources::new(&log, ChaCha8Rng::seed_from_u64(seed), manner),
            group: Group::new(&log, &city),
            city,
            setting: Arc::new(setting),
            log,
            chance: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
            entropy: Random(ChaCha8Rng::seed_from_u64(seed ^ 0xe27)),
            processes: Vec::new(),
            dead: Vec::new(),
            next_member: 0,
            faults: true,
            disk_chance: ChaCha8Rng::seed_from_u64(seed ^ 0xd15c),
            disks: Vec::new(),
            stalled: (0, 0),
            steps: 0,
            generation_chance: ChaCha8Rng::seed_from_u64(seed ^ 0x6e4),
            manner,
        };
        world.sources.found(&world.city, &world.log);
        world.log.do_all_late();
        for _ in 0..PROCESSES {
            world.launch();
        }
        world
    }

    fn launch(&mut self) {
        let threads = self.chance.random_range(1..=MOST_THREADS);
        let ids: Vec<u64> = (self.next_member..self.next_member + threads).collect();
        self.next_member += threads;
        for id in &ids {
            self.group.join(*id);
        }
        let disk = self.disks.pop().unwrap_or_else(|| Disk::new(&self.setting));
        let process = Process::new(&self.log, &self.city, &self.setting, &ids, disk);
        self.processes.push(process);
    }

    /// One small thing happens.
    pub fn step(&mut self) {
        self.steps += 1;
        if self.manner == Manner::Generations {
            self.generation_step();
        }
        match self.chance.random_range(0..10_000) {
            0..350 => self.sources.input(&self.city, &self.log),
            350..750 => self.sources.go_on(),
            750..1_400 => self.write_marker(),
            1_400..2_600 => self.feed(),
            2_600..3_000 => self.build(),
            3_000..3_008 => self.crash(),
            3_008..3_100 => self.forget_a_dead_member(),
            3_100..3_108 => self.throw_out(),
            3_108..3_112 => self.group.rebalance(),
            3_112..3_150 => self.jump(),
            3_150..3_200 => self.stall(),
            _ => self.member(),
        }
    }

    fn generation_step(&mut self) {
        match self.generation_chance.random_range(0..10_000) {
            0..25 => self.turn_generation(true),
            25..600 => {
                let process = self.generation_chance.random_range(0..self.processes.len());
                let member = self.generation_chance.random_range(0..2);
                self.copy(process, member, 0.03);
            }
            _ => {}
        }
    }

    /// A process hangs for a while: a page fault, another process, a long pause of the machine.
    fn stall(&mut self) {
        let which = self.chance.random_range(0..self.processes.len());
        self.stalled = (which, self.steps + self.chance.random_range(20..150));
    }

    fn write_marker(&mut self) {
        let open = self.log.unwritten_markers();
        if open > 0 {
            self.log.write_marker(self.chance.random_range(0..open));
        }
    }

    fn feed(&mut self) {
        let which = self.chance.random_range(0..self.processes.len());
        let most = if self.chance.random_bool(0.8) {
            self.chance.random_range(1..4)
        } else {
            60
        };
        self.processes[which].feed(most);
    }

    /// One thing happens in a process, with everything it may touch.
    fn within(&mut self, act: impl FnOnce(&mut Process, usize, &mut Touch<'_>)) {
        let which = self.chance.random_range(0..self.processes.len());
        if self.faults && self.stalled.0 == which && self.steps < self.stalled.1 {
            return;
        }
        let process = &mut self.processes[which];
        let member = self.chance.random_range(0..process.members.len());
        let mut touch = Touch {
            group: &mut self.group,
            log: &self.log,
            chance: &mut self.chance,
            entropy: &mut self.entropy,
            setting: &self.setting,
            now_ms: self.sources.now_ms,
            faults: if self.faults { 0.03 } else { 0.0 },
        };
        act(process, member, &mut touch);
    }

    fn member(&mut self) {
        self.within(|process, member, touch| process.step(member, touch));
    }

    fn build(&mut self) {
        self.within(|process, member, touch| process.build(member, touch));
    }

    /// A process dies, whatever it was doing, and another starts.
    fn crash(&mut self) {
        if !self.faults {
            return;
        }
        let which = self.chance.random_range(0..self.processes.len());
        let process = self.processes.remove(which);
        self.dead
            .extend(process.members.iter().map(|member| member.id));
        process.disk.suffer(&mut self.disk_chance);
        self.disks.push(process.disk);
        self.launch();
    }

    fn forget_a_dead_member(&mut self) {
        if !self.dead.is_empty() {
            let which = self.chance.random_range(0..self.dead.len());
            self.group.expire(self.dead.swap_remove(which));
        }
    }

    /// The group takes a living member for dead; it does not know yet.
    fn throw_out(&mut self) {
        if !self.faults {
            return;
        }
        let which = self.chance.random_range(0..self.processes.len());
        let members = &self.processes[which].members;
        let member = members[self.chance.random_range(0..members.len())].id;
        self.group.throw_out(member);
    }

    /// A clock jumps: a process's, or the log's.
    fn jump(&mut self) {
        if !self.faults {
            return;
        }
        if self.chance.random_bool(0.3) {
            let ms = self.chance.random_range(-20_000..20_000);
            self.sources.jump(&self.log, ms);
            return;
        }
        let which = self.chance.random_range(0..self.processes.len());
        self.processes[which].skew_ms = match self.chance.random_range(0..6) {
            0 => -100_000,
            1 => 3_600_000,
            2 => -40_000,
            _ => 0,
        };
    }

    /// Lets everything that is pending be decided.
    ///
    /// # Errors
    /// When it does not come to rest.
    pub fn settle(&mut self) -> Result<(), Broken> {
        self.faults = false;
        self.sources.finish(&self.city, &self.log);
        for process in &mut self.processes {
            process.skew_ms = 0;
        }
        for _ in 0..400 {
            while !self.dead.is_empty() {
                self.forget_a_dead_member();
            }
            while self.log.unwritten_markers() > 0 {
                self.log.write_marker(0);
            }
            for _ in 0..60 {
                self.member();
                self.build();
            }
            for process in &mut self.processes {
                process.feed(usize::MAX);
            }
            if self.manner == Manner::Generations {
                self.copy_what_is_left()?;
            }
            if self.is_at_rest() {
                return Ok(());
            }
        }
        let problems: Vec<String> = self.processes.iter().filter_map(Process::problem).collect();
        Err(format!("it does not come to rest: {problems:?}"))
    }

    /// The disks of every process there was.
    pub fn all_disks(&self) -> impl Iterator<Item = &Disk> {
        let of_processes = self.processes.iter().map(|process| &process.disk);
        of_processes.chain(&self.disks)
    }

    /// What the disks went through.
    pub fn disk_uses(&self) -> Uses {
        let mut sum = Uses::default();
        for disk in self.all_disks() {
            let uses = *disk.uses.lock().expect("a disk");
            sum.kept += uses.kept;
            sum.found += uses.found;
            sum.gone_on += uses.gone_on;
            sum.passed_over += uses.passed_over;
        }
        sum
    }

    fn is_at_rest(&self) -> bool {
        self.group.is_stable()
            && self.log.unwritten_markers() == 0
            && (self.manner != Manner::Generations || self.generations_rest())
            && (0..PARTITIONS).all(|number| self.is_done(number))
    }

    /// Whether somebody has decided everything about p.
    fn is_done(&self, number: i32) -> bool {
        let links = TopicPartition::new(self.city.topic(topics::LINKS), number);
        let policy = self.end(&TopicPartition::new(self.city.topic(topics::POLICY), 0));
        self.processes.iter().any(|process| {
            // While one member holds the control plane still, the others' are not behind it, whatever has come since.
            let knows_all = process.feed.applied_through() >= policy;
            knows_all
                && process.members.iter().any(|member| {
                    let Some(lane) = member.machine.lane(number) else {
                        return false;
                    };
                    let partition = lane.partition();
                    let caught_up = partition.positions().all(|(topic, at)| {
                        at >= self.end(&TopicPartition::new(topic.clone(), number))
                    });
                    member.machine.is_idle()
                        && caught_up
                        && partition.stamp().links_next >= self.end(&links)
                        && !lane.behind(&*process.feed.read())
                })
        })
    }

    pub fn end(&self, at: &TopicPartition) -> i64 {
        self.log
            .clone()
            .high_watermarks(std::slice::from_ref(at), Duration::ZERO)
            .expect("an end")[0]
    }
}
