//! A broker process of the simulation: its view of the control plane, and members that run the broker's own machine. What a machine asks for is
//! done here one thing at a time, so that anything may happen between any two.

use crate::copies::Copies;
use crate::disk::Disk;
use crate::group::Group;
pub use crate::memory::SimClients;
use crate::memory::fault;
use crate::sources::founding_end;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use walbrook_broker::enforce::book::Book;
use walbrook_broker::enforce::clients::{self, Clients, raw_topics};
use walbrook_broker::enforce::control_view::{ControlView, Setting};
use walbrook_broker::enforce::decide::Entropy;
use walbrook_broker::enforce::feed::Feed;
use walbrook_broker::enforce::lane::LaneError;
use walbrook_broker::enforce::machine::{
    Applied, Around, Built, Effect, Input, Machine, Polled, SettleStep,
};
use walbrook_broker::enforce::member::last_page;
use walbrook_broker::enforce::planted::{PlantedFault, planted};
use walbrook_broker::enforce::snapshot::Snapshots;
use walbrook_broker::enforce::stamp::CommittedStamp;
use walbrook_broker::generations::state::{self, GROUP};
use walbrook_domain::Instant;
use walbrook_eventlog::memory::{MemoryLog, MemoryReader};
use walbrook_eventlog::{
    Ends, LogError, NewRecord, Reader, Severity, TopicPartition, Transactor, topics,
};
use walbrook_tests::records::{self, City};

/// How often p is offered to be kept: some twenty times in a history.
const OFFER_EVERY: Duration = Duration::from_millis(1_500);

/// What a member may touch while it takes a step.
pub struct World<'a> {
    pub group: &'a mut Group,
    pub log: &'a MemoryLog,
    pub chance: &'a mut ChaCha8Rng,
    pub entropy: &'a mut dyn Entropy,
    pub setting: &'a Arc<Setting>,
    pub now_ms: i64,
    /// How likely each request fails.
    pub faults: f64,
}

impl World<'_> {
    fn fails(&mut self) -> bool {
        self.faults > 0.0 && self.chance.random_bool(self.faults)
    }
}

struct Hand {
    transactor: Box<dyn Transactor>,
    generation: u32,
}

struct Job {
    number: i32,
    attempt: u64,
    kept: Option<CommittedStamp>,
}

/// What came of a job: the number, the attempt, and p with its transactional id.
type Report = (
    i32,
    u64,
    Result<(Built, Option<Box<dyn Transactor>>), LaneError>,
);

/// A member of the group.
pub struct SimMember {
    pub id: u64,
    pub machine: Machine,
    links: MemoryReader,
    queue: VecDeque<Effect>,
    answer: Option<Input>,
    holding: bool,
    hands: BTreeMap<i32, Hand>,
    jobs: Vec<Job>,
    reports: Vec<Report>,
    settling: Vec<(i32, VecDeque<SettleStep>)>,
    /// Where the last page of each transaction was acknowledged.
    acknowledged: BTreeMap<i32, i64>,
    settled: Vec<(i32, Result<Option<i64>, LogError>)>,
}

/// A process.
pub struct Process {
    pub feed: Feed,
    policy: MemoryReader,
    at_policy: TopicPartition,
    clients: SimClients,
    pub members: Vec<SimMember>,
    /// What it keeps through its death, unless the seed loses it.
    pub disk: Disk,
    /// What it copies to the next generation.
    pub copies: Copies,
    /// How far its clock is off, ms.
    pub skew_ms: i64,
    elapsed: Duration,
}

thread_local! {
    /// The control plane after the founding of the city, which is the same in every simulation: reading it takes longer than a short one.
    static FOUNDED: RefCell<Option<Book>> = const { RefCell::new(None) };
}

/// The book after the founding.
fn founded(log: &MemoryLog, at: &TopicPartition) -> Book {
    let found = || {
        let feed = Feed::new(Book::new(records::catalogue()));
        let records = log.committed_records(&at.topic);
        let founding = records
            .iter()
            .position(|record| record.offset >= founding_end())
            .unwrap_or(records.len());
        feed.step(&records[..founding], Some(founding_end()))
            .expect("applied");
        feed.read().clone()
    };
    FOUNDED.with_borrow_mut(|kept| kept.get_or_insert_with(found).clone())
}

impl Process {
    pub fn new(
        log: &MemoryLog,
        city: &City,
        setting: &Arc<Setting>,
        ids: &[u64],
        disk: Disk,
    ) -> Self {
        let at_policy = TopicPartition::new(city.topic(topics::POLICY), 0);
        let mut policy = log.reader();
        policy
            .assign(&[(at_policy.clone(), founding_end())])
            .expect("assigned");
        let feed = Feed::new(founded(log, &at_policy));
        feed.step(&[], Some(founding_end())).expect("nothing");
        let members = ids
            .iter()
            .map(|id| SimMember {
                id: *id,
                machine: Machine::new(Arc::clone(setting)).offering_every(OFFER_EVERY),
                links: log.reader(),
                queue: VecDeque::new(),
                answer: Some(Input::Begin),
                holding: false,
                hands: BTreeMap::new(),
                jobs: Vec::new(),
                reports: Vec::new(),
                settling: Vec::new(),
                acknowledged: BTreeMap::new(),
                settled: Vec::new(),
            })
            .collect();
        Self {
            feed,
            policy,
            at_policy,
            clients: SimClients(log.clone()),
            members,
            disk,
            copies: Copies::default(),
            skew_ms: 0,
            elapsed: Duration::ZERO,
        }
    }

    /// Applies some of `control.policy`, unless a member holds it still.
    pub fn feed(&mut self, most: usize) {
        if self.members.iter().any(|member| member.holding) {
            return;
        }
        let mut records = Vec::new();
        self.policy
            .poll(most, Duration::ZERO, &mut records)
            .expect("polled");
        self.feed
            .step(&records, self.policy.position(&self.at_policy))
            .expect("applied");
    }

    /// One thing happens in one member. Members do not work before the first pins are there.
    pub fn step(&mut self, which: usize, world: &mut World<'_>) {
        self.elapsed += Duration::from_millis(world.chance.random_range(0..50));
        if self.feed.read().rules_version().is_none() {
            return;
        }
        let elapsed = self.elapsed;
        let now = Instant((world.now_ms + self.skew_ms) * 1_000);
        let member = &mut self.members[which];
        if !member.settling.is_empty() {
            return member.settle(world);
        }
        if let Some(input) = member.answer.take() {
            let book = self.feed.read();
            let mut around = Around {
                now,
                elapsed,
                control: member.holding.then_some(&*book as &dyn ControlView),
                entropy: &mut *world.entropy,
            };
            let effects = member.machine.step(input, &mut around);
            assert!(
                member.queue.is_empty(),
                "a question is the last of its list"
            );
            member.queue.extend(effects);
            return;
        }
        let Some(effect) = member.queue.pop_front() else {
            member.answer = Some(Input::Begin);
            return;
        };
        if let Effect::Rest(pause) = effect {
            self.elapsed += pause;
            return;
        }
        if let Effect::Snapshot(snapshot) = effect {
            self.disk.offer(snapshot, false);
            return;
        }
        member.perform(effect, &self.feed, world);
    }

    /// Builds one p that waits to be built.
    pub fn build(&mut self, which: usize, world: &mut World<'_>) {
        if self.members[which].jobs.is_empty() {
            return;
        }
        let failed = world.fails();
        let member = &mut self.members[which];
        let job = member
            .jobs
            .remove(world.chance.random_range(0..member.jobs.len()));
        let built = if failed {
            Err(fault(Severity::Transient).into())
        } else {
            clients::build(
                job.number,
                job.kept.as_ref(),
                &self.clients,
                &self.feed,
                world.setting,
                Some(&self.disk),
                Duration::ZERO,
            )
        };
        if let Ok((Built::Anew { from_snapshot, .. }, _)) = &built {
            self.disk.uses.lock().expect("a disk").gone_on += usize::from(*from_snapshot);
        }
        member.reports.push((job.number, job.attempt, built));
    }

    pub fn problem(&self) -> Option<String> {
        self.members
            .iter()
            .find_map(|member| member.machine.problem())
    }
}

impl SimMember {
    fn perform(&mut self, effect: Effect, feed: &Feed, world: &mut World<'_>) {
        let answer = match effect {
            Effect::Poll { most, .. } => {
                let (events, records) = world.group.poll(self.id, most, world.chance);
                Input::Polled(Polled {
                    records,
                    events,
                    built: self.built(),
                    failed: world.fails().then(|| fault(Severity::Transient)),
                })
            }
            Effect::AskEnds(asked) => Input::Ends(if world.fails() {
                Err(fault(Severity::Transient))
            } else if planted(PlantedFault::LastStableOffset) {
                Ok(world.log.stable_ends(&asked))
            } else {
                world.log.clone().high_watermarks(&asked, Duration::ZERO)
            }),
            Effect::AskCopied(asked) => Input::Copied(if world.fails() {
                Err(fault(Severity::Transient))
            } else {
                let (mut ends, mut positions) = (world.log.clone(), world.log.clone());
                let group = world.setting.namespace.name(GROUP);
                state::compare(&asked, &group, &mut ends, &mut positions)
            }),
            Effect::Apply { .. } => Input::Applied(self.apply(feed, world)),
            Effect::Hold => {
                self.holding = true;
                Input::Held
            }
            Effect::ReadPast { number, wanted } => Input::Past(if world.fails() {
                Err(fault(Severity::Transient).into())
            } else {
                let mut reader = SimClients(world.log.clone()).reader().expect("a reader");
                let raw = raw_topics(world.setting);
                clients::read_past(reader.as_mut(), number, &raw, &wanted)
            }),
            Effect::Write(number, records) => Input::Wrote(self.write(number, records, world)),
            Effect::Settle(settlements) => {
                self.settling = settlements
                    .into_iter()
                    .map(|settlement| (settlement.number, settlement.steps.into()))
                    .collect();
                return;
            }
            said => return self.say(said, world),
        };
        self.answer = Some(answer);
    }

    /// What was built since, with the transactional ids put where they are used.
    fn built(&mut self) -> Vec<(i32, u64, Result<Built, LaneError>)> {
        let mut all = Vec::new();
        for (number, attempt, result) in std::mem::take(&mut self.reports) {
            let built = result.map(|(built, transactor)| {
                if let Some(transactor) = transactor
                    && self.machine.awaits(number, attempt)
                {
                    let hand = Hand {
                        transactor,
                        generation: 0,
                    };
                    self.hands.insert(number, hand);
                }
                built
            });
            all.push((number, attempt, built));
        }
        all
    }

    fn say(&mut self, effect: Effect, world: &mut World<'_>) {
        match effect {
            Effect::Release => self.holding = false,
            Effect::Abort(number) => {
                if let Some(hand) = self.hands.get_mut(&number) {
                    // Fails where another has taken over; then nothing is left to abort.
                    drop(hand.transactor.abort());
                }
            }
            Effect::Build {
                number,
                attempt,
                kept,
            } => self.jobs.push(Job {
                number,
                attempt,
                kept,
            }),
            Effect::ReadLinks(starts) => self.links.assign(&starts).expect("assigned"),
            Effect::Start(starts) => world.group.start(self.id, &starts),
            Effect::GiveUp(number, raw) => {
                self.hands.remove(&number);
                world.group.pause(self.id, &raw);
            }
            _ => {}
        }
    }

    fn apply(&mut self, feed: &Feed, world: &mut World<'_>) -> Applied {
        let mut links = Vec::new();
        self.links
            .poll(world.chance.random_range(0..4), Duration::ZERO, &mut links)
            .expect("polled");
        let positions = self
            .machine
            .numbers()
            .into_iter()
            .filter_map(|number| {
                let at = TopicPartition::new(world.setting.namespace.name(topics::LINKS), number);
                Some((number, self.links.position(&at)?))
            })
            .collect();
        Applied {
            links,
            positions,
            policy: feed.applied_through(),
            failed: world.fails().then(|| fault(Severity::Transient)),
        }
    }

    fn write(
        &mut self,
        number: i32,
        records: Vec<NewRecord>,
        world: &mut World<'_>,
    ) -> Result<(), LogError> {
        let generation = world.group.generation_of(self.id);
        let refused = world.fails();
        let hand = self
            .hands
            .get_mut(&number)
            .ok_or_else(|| fault(Severity::Fenced))?;
        hand.generation = generation.ok_or_else(|| fault(Severity::Fenced))?;
        hand.transactor.begin()?;
        for record in records {
            hand.transactor.send(record)?;
        }
        if refused {
            return Err(fault(Severity::Abort));
        }
        Ok(())
    }

    /// One step of one of the transactions that are committed side by side.
    fn settle(&mut self, world: &mut World<'_>) {
        let place = world.chance.random_range(0..self.settling.len());
        let (number, steps) = &mut self.settling[place];
        let number = *number;
        let result = match (steps.pop_front(), self.hands.get_mut(&number)) {
            (None, _) => Ok(true),
            (_, None) => Err(fault(Severity::Fenced)),
            (Some(step), Some(hand)) => settle_step(step, self.id, hand, world).map(|page| {
                self.acknowledged
                    .extend(page.map(|offset| (number, offset)));
                steps.is_empty()
            }),
        };
        let page = match result {
            Ok(false) => return,
            _ => self.acknowledged.remove(&number),
        };
        match result {
            Ok(_) => self.settled.push((number, Ok(page))),
            Err(error) => self.settled.push((number, Err(error))),
        }
        self.settling.remove(place);
        if self.settling.is_empty() {
            self.answer = Some(Input::Settled(std::mem::take(&mut self.settled)));
        }
    }
}

fn settle_step(
    step: SettleStep,
    member: u64,
    hand: &mut Hand,
    world: &mut World<'_>,
) -> Result<Option<i64>, LogError> {
    let failed = world.fails();
    match step {
        SettleStep::Drain if failed => Err(fault(Severity::Abort)),
        SettleStep::Drain => {
            let pages = world.setting.namespace.name(topics::DECISIONS);
            let acknowledged = hand.transactor.drain()?;
            Ok(last_page(&acknowledged, &pages))
        }
        SettleStep::Positions(positions) => {
            if !world.group.accepts(member, hand.generation) {
                return Err(fault(Severity::Abort));
            }
            if failed {
                return Err(fault(Severity::Abort));
            }
            let group = world.setting.namespace.name("broker");
            hand.transactor.send_positions(&group, &positions, None)?;
            Ok(None)
        }
        SettleStep::Commit if failed => {
            // It happened, or it did not, or it is still open; nobody heard.
            match world.chance.random_range(0..3) {
                0 => hand.transactor.commit()?,
                1 => hand.transactor.abort()?,
                _ => {}
            }
            Err(fault(Severity::OutcomeUnknown))
        }
        SettleStep::Commit => hand.transactor.commit().map(|()| None),
    }
}
