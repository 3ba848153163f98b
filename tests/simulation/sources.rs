//! What people and services do in the simulation: gateways accept events, identity links, merges and takes apart, the control plane records
//! grounds, signatures and amendments. Identity and the control plane write in transactions that stay open for a while, side by side.

use crate::world::{PARTITIONS, START_MS};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use walbrook_domain::control::{
    AgreementFact, ControlFact, GroundKind, GroundState, PinKind, Standing, StandingChange,
};
use walbrook_domain::generation::Stage;
use walbrook_domain::{AgreementVersion, EventId, Handle, PersonId};
use walbrook_eventlog::memory::{MemoryLog, MemoryTransactor};
use walbrook_eventlog::{
    Appender, NewRecord, TopicPartition, Transactor, murmur2_partition, topics,
};
use walbrook_policy::agreement::Agreement;
use walbrook_policy::state::STANDING_REASONS;
use walbrook_tests::records::{self, CAMDEN, CONSENTED, City, DUTY, ISLINGTON, proposed, signed};

/// Next offset of `control.policy` after the founding: its records, and the marker of its one transaction.
pub fn founding_end() -> i64 {
    static END: OnceLock<i64> = OnceLock::new();
    *END.get_or_init(|| i64::try_from(founding().len()).expect("few") + 1)
}

/// What has to be said before anything is decided.
fn founding() -> Vec<ControlFact> {
    let wanted = |name: &str| {
        name.contains("RentArrearsChanged")
            || name.contains("ReviewHeld")
            || [
                "walbrook.audit.",
                "walbrook.shared.",
                "walbrook.quarantine.",
            ]
            .iter()
            .any(|of| name.starts_with(of))
    };
    let mut facts = records::beginnings(wanted);
    for id in [CONSENTED, DUTY, LATE] {
        let agreement = agreement(id, 1);
        facts.push(proposed(&agreement));
        facts.push(signed(&agreement, ISLINGTON));
        if id != LATE {
            facts.push(signed(&agreement, CAMDEN));
        }
    }
    facts.push(proposed(&agreement(DUTY, 2)));
    facts
}

/// An agreement that the source signs only in the middle of the simulation.
const LATE: &str = "late";

/// Version 1 of an agreement; version 2 grants one field more of arrears.
fn agreement(id: &str, version: u32) -> Agreement {
    let consent = if id == CONSENTED {
        "required"
    } else {
        "not-needed"
    };
    let arrears: &[&str] = if version == 1 {
        &["landlord_type"]
    } else {
        &["landlord_type", "arrears_pence"]
    };
    let reviews: &[&str] = &["review_code"];
    let flows = [(KINDS[0].1, arrears), (KINDS[1].1, reviews)];
    let text = records::document(id, version, consent, &flows);
    Agreement::read(&text).expect("a readable agreement")
}

/// One raw event as it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// 0: arrears, 1: a review.
    pub kind: usize,
    pub handle: Handle,
    pub event: EventId,
    pub amount: u8,
    pub supersedes: Option<EventId>,
    pub partition: i32,
    pub offset: i64,
    pub accepted_ms: i64,
    /// How far control.policy and control.links[p] were acknowledged when it was accepted.
    pub policy_end: i64,
    pub links_end: i64,
}

/// The raw topic and the type of each kind.
pub const KINDS: [(&str, &str); 2] = [
    ("raw.housing", "housing.RentArrearsChanged"),
    ("raw.social-care", "social_care.ReviewHeld"),
];

/// A writer, and what becomes true once its open transaction is acknowledged.
struct Writer {
    transactor: MemoryTransactor,
    open: Option<Vec<(TopicPartition, i64)>>,
}

impl Writer {
    fn new(log: &MemoryLog, id: &str) -> Self {
        let mut transactor = log.transactor(id);
        transactor.init().expect("init");
        Self {
            transactor,
            open: None,
        }
    }

    fn begin(&mut self, records: Vec<NewRecord>) {
        self.transactor.begin().expect("begin");
        for record in records {
            self.transactor.send(record).expect("send");
        }
        self.open = Some(self.transactor.drain().expect("drain"));
    }

    fn commit(&mut self) -> Vec<(TopicPartition, i64)> {
        self.transactor.commit().expect("commit");
        self.open.take().unwrap_or_default()
    }
}

/// What a history is full of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Everything.
    Usual,
    /// Suspensions of the agreement that asks for no consent, by a log of which the broker that leads `control.policy` has a clock behind the
    /// others': what is accepted before a record may bear a later time.
    ClocksApart,
    #[allow(dead_code, reason = "what the replay tests run")]
    /// Everything, and the log's clock is never set back further than the audit of the epoch allows for: it goes by the log's times.
    Audited,
    /// The same, and the shared topic goes from generation to generation.
    Generations,
}

pub struct Sources {
    manner: Manner,
    inputs: ChaCha8Rng,
    pub now_ms: i64,
    identity: Writer,
    control: Writer,
    /// Who is whom, as far as identity has acknowledged it.
    pub persons: BTreeMap<Handle, PersonId>,
    /// What the open transaction of identity makes of it.
    proposed: Option<BTreeMap<Handle, PersonId>>,
    kinds: BTreeMap<Handle, usize>,
    revision: u32,
    grounds: BTreeMap<(Handle, GroundKind), (u32, GroundState)>,
    signed_late: bool,
    amended: bool,
    suspended: bool,
    /// What is pinned of the shared topic's generations, as far as it is acknowledged; and what the open transaction says of it.
    pub stage: Option<Stage>,
    next_stage: Option<Stage>,
    policy_end: i64,
    links_end: [i64; PARTITIONS as usize],
    pub sent: Vec<Sent>,
}

impl Sources {
    pub fn new(log: &MemoryLog, inputs: ChaCha8Rng, manner: Manner) -> Self {
        Self {
            manner,
            inputs,
            now_ms: START_MS,
            identity: Writer::new(log, "identity"),
            control: Writer::new(log, "control"),
            persons: BTreeMap::new(),
            proposed: None,
            kinds: BTreeMap::new(),
            revision: 0,
            grounds: BTreeMap::new(),
            signed_late: false,
            amended: false,
            suspended: false,
            stage: None,
            next_stage: None,
            policy_end: 0,
            links_end: [0; PARTITIONS as usize],
            sent: Vec::new(),
        }
    }

    /// The founding is written and acknowledged.
    pub fn found(&mut self, city: &City, log: &MemoryLog) {
        let records = founding().iter().map(|fact| city.control(fact)).collect();
        self.control.begin(records);
        self.acknowledge_control();
        let at = TopicPartition::new(city.topic(topics::POLICY), 0);
        assert_eq!(log.stable_ends(&[at]), [founding_end()]);
    }

    /// Whether something of the control plane is open.
    pub const fn writes_control(&self) -> bool {
        self.control.open.is_some()
    }

    /// The control plane says something; it is acknowledged later.
    pub fn say(&mut self, city: &City, fact: &ControlFact) {
        if let ControlFact::Pin(pin) = fact
            && pin.kind == PinKind::Generation
        {
            self.next_stage = Some(pin.content.parse().expect("a stage"));
        }
        self.control.begin(vec![city.control(fact)]);
    }

    fn acknowledge_control(&mut self) {
        for (_, offset) in self.control.commit() {
            self.policy_end = self.policy_end.max(offset + 1);
        }
        if let Some(stage) = self.next_stage.take() {
            self.stage = Some(stage);
        }
    }

    fn acknowledge_identity(&mut self) {
        for (at, offset) in self.identity.commit() {
            let end = &mut self.links_end[usize::try_from(at.partition).expect("a partition")];
            *end = (*end).max(offset + 1);
        }
        if let Some(persons) = self.proposed.take() {
            self.persons = persons;
        }
    }

    /// An open transaction of identity or the control plane is committed: it is acknowledged now.
    pub fn go_on(&mut self) {
        if self.inputs.random_bool(0.5) {
            if self.identity.open.is_some() {
                self.acknowledge_identity();
            }
        } else if self.control.open.is_some() {
            self.acknowledge_control();
        }
    }

    /// The log's clock jumps.
    pub fn jump(&mut self, log: &MemoryLog, ms: i64) {
        self.now_ms += match self.manner {
            Manner::Usual | Manner::ClocksApart => ms,
            Manner::Audited | Manner::Generations => ms / 20,
        };
        log.set_now_ms(self.now_ms);
    }

    /// Nothing is open any more, and the log's clock stands still.
    pub fn finish(&mut self, city: &City, log: &MemoryLog) {
        if self.identity.open.is_some() {
            self.acknowledge_identity();
        }
        if self.control.open.is_some() {
            self.acknowledge_control();
        }
        if self.suspended {
            let fact = self.turn();
            self.control.begin(vec![city.control(&fact)]);
            self.acknowledge_control();
        }
        log.set_now_ms(self.now_ms);
    }

    /// One thing happens.
    pub fn input(&mut self, city: &City, log: &MemoryLog) {
        self.now_ms += self.inputs.random_range(0..20_000);
        log.set_now_ms(self.now_ms);
        let what = self.inputs.random_range(0..24);
        match what {
            0..13 => self.send_event(city, log),
            _ if what < self.agreements_from() && self.control.open.is_none() => {
                self.change_ground(city);
            }
            _ if what < 19 && self.control.open.is_none() => self.change_agreement(city, log),
            19.. if self.identity.open.is_none() => match self.inputs.random_range(0..5) {
                0..2 => self.new_handle(city),
                2..4 => self.merge(city),
                _ => self.unmerge(city),
            },
            _ => {}
        }
    }

    const fn agreements_from(&self) -> u32 {
        match self.manner {
            Manner::Usual | Manner::Audited | Manner::Generations => 17,
            Manner::ClocksApart => 14,
        }
    }

    fn new_handle(&mut self, city: &City) {
        if self.persons.len() >= 7 {
            return;
        }
        let handle = Handle::new(self.inputs.random());
        let person = PersonId::new(self.inputs.random());
        self.kinds
            .insert(handle, self.inputs.random_range(0..KINDS.len()));
        let mut persons = self.persons.clone();
        persons.insert(handle, person);
        self.write_links(city, persons, &[person]);
    }

    fn write_links(
        &mut self,
        city: &City,
        persons: BTreeMap<Handle, PersonId>,
        changed: &[PersonId],
    ) {
        self.revision += 1;
        let mut records = Vec::new();
        for person in changed {
            let members = members(&persons, *person);
            for handle in &members {
                records.push(city.link(*handle, *person, &members, self.revision));
            }
        }
        self.proposed = Some(persons);
        self.identity.begin(records);
    }

    fn any_handle(&mut self) -> Option<Handle> {
        let handles: Vec<Handle> = self.persons.keys().copied().collect();
        (!handles.is_empty()).then(|| handles[self.inputs.random_range(0..handles.len())])
    }

    fn merge(&mut self, city: &City) {
        let (Some(a), Some(b)) = (self.any_handle(), self.any_handle()) else {
            return;
        };
        let (survivor, other) = (self.persons[&a], self.persons[&b]);
        if survivor != other {
            let mut persons = self.persons.clone();
            for person in persons.values_mut().filter(|person| **person == other) {
                *person = survivor;
            }
            self.write_links(city, persons, &[survivor]);
        }
    }

    fn unmerge(&mut self, city: &City) {
        let Some(handle) = self.any_handle() else {
            return;
        };
        let old = self.persons[&handle];
        if members(&self.persons, old).len() < 2 {
            return;
        }
        let person = PersonId::new(self.inputs.random());
        let mut persons = self.persons.clone();
        persons.insert(handle, person);
        self.write_links(city, persons, &[old, person]);
    }

    fn change_ground(&mut self, city: &City) {
        let Some(handle) = self.any_handle() else {
            return;
        };
        use GroundState::{Given, Off, On, Withdrawn};
        let (kind, states) = if self.inputs.random_bool(0.8) {
            (GroundKind::Consent, [Given, Withdrawn, Given])
        } else {
            (GroundKind::SafetyHold, [On, Off, Off])
        };
        // Often several at once: withdrawn and given again before any broker looks.
        let mut facts = Vec::new();
        for _ in 0..self.inputs.random_range(1..4) {
            let state = states[self.inputs.random_range(0..states.len())];
            let before = self.grounds.get(&(handle, kind)).copied();
            if before.is_none() && state == Off {
                continue;
            }
            let version = before.map_or(0, |(version, _)| version) + 1;
            self.grounds.insert((handle, kind), (version, state));
            facts.push(city.control(&records::ground(handle, kind, state, version)));
        }
        if !facts.is_empty() {
            self.control.begin(facts);
        }
    }

    /// The source joins an agreement late, signs a version that grants more, or suspends an agreement and resumes it.
    fn change_agreement(&mut self, city: &City, log: &MemoryLog) {
        let fact = match self.inputs.random_range(0..4) {
            0 if !self.signed_late => {
                self.signed_late = true;
                signed(&agreement(LATE, 1), CAMDEN)
            }
            1 if !self.amended => {
                self.amended = true;
                signed(&agreement(DUTY, 2), CAMDEN)
            }
            _ => self.turn(),
        };
        if self.manner == Manner::ClocksApart {
            log.set_now_ms(self.now_ms - self.inputs.random_range(0..40_000));
        }
        self.control.begin(vec![city.control(&fact)]);
        log.set_now_ms(self.now_ms);
    }

    /// The source suspends an agreement, or resumes it.
    fn turn(&mut self) -> ControlFact {
        self.suspended = !self.suspended;
        let council = records::organisation(CAMDEN);
        let turned = match self.manner {
            Manner::Usual | Manner::Audited | Manner::Generations => CONSENTED,
            Manner::ClocksApart => DUTY,
        };
        ControlFact::Agreement(AgreementFact::Standing(StandingChange {
            agreement: agreement(turned, 1).id,
            version: AgreementVersion(1),
            party: Some(council.clone()),
            standing: if self.suspended {
                Standing::Suspended
            } else {
                Standing::InForce
            },
            reason: STANDING_REASONS[0].into(),
            by_organisation: council,
            by: "officer".into(),
        }))
    }

    fn send_event(&mut self, city: &City, log: &MemoryLog) {
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
        let small =
            |rng: &mut ChaCha8Rng| records::event_id(u128::from(rng.random_range(0..12_u64)));
        let mut amount = self.inputs.random_range(0..28);
        let (event, supersedes) = match self.inputs.random_range(0..10) {
            0 if !known.is_empty() => {
                let retry = any(&mut self.inputs);
                amount = retry.amount;
                (retry.event, retry.supersedes)
            }
            1 if !known.is_empty() => (any(&mut self.inputs).event, None),
            2..4 if !known.is_empty() => (fresh, Some(any(&mut self.inputs).event)),
            // Corrects an event that comes later, if ever.
            4 => (small(&mut self.inputs), Some(small(&mut self.inputs))),
            5 => (small(&mut self.inputs), None),
            _ => (fresh, None),
        };
        let kind = self.kinds[&handle];
        let record = match kind {
            0 => city.arrears(handle, event, i64::from(amount), supersedes),
            _ => city.review(handle, event, i32::from(amount), supersedes),
        };
        let partition = murmur2_partition(handle.as_bytes(), PARTITIONS);
        let (sender, receiver) = std::sync::mpsc::channel();
        log.append(
            vec![record],
            Box::new(move |result| sender.send(result).expect("heard")),
        );
        let placed = receiver.recv().expect("an answer").expect("appended");
        self.sent.push(Sent {
            kind,
            handle,
            event,
            amount,
            supersedes,
            partition,
            offset: placed[0].1,
            accepted_ms: self.now_ms,
            policy_end: self.policy_end,
            links_end: self.links_end[usize::try_from(partition).expect("a partition")],
        });
    }
}

pub fn members(persons: &BTreeMap<Handle, PersonId>, person: PersonId) -> Vec<Handle> {
    persons
        .iter()
        .filter(|(_, of)| **of == person)
        .map(|(handle, _)| *handle)
        .collect()
}
