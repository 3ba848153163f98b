//! One partition number, moved by hand.

use crate::held::{Held, audit, listed};
use crate::memory::Memory;
use std::collections::BTreeMap;
use std::time::Duration;
use walbrook_auditor::{LiveSource, LogSource, Report};
use walbrook_broker::enforce::book::Book;
use walbrook_broker::enforce::clients::{adopt, raw_topics, read_past};
use walbrook_broker::enforce::control_view::{Limits, Setting};
use walbrook_broker::enforce::decide::Entropy;
use walbrook_broker::enforce::feed::Feed;
use walbrook_broker::enforce::lane::{Lane, LaneError};
use walbrook_broker::enforce::partition::Transaction;
use walbrook_domain::control::{
    AgreementCommenced, AgreementFact, ControlFact, GroundKind, GroundState, Standing,
    StandingChange,
};
use walbrook_domain::{Day, EventId, EventType, Handle, Instant, LinkStatus, PersonId, Precision};
use walbrook_event::framing::unframe;
use walbrook_event::headers;
use walbrook_eventlog::memory::{MemoryLog, MemoryReader};
use walbrook_eventlog::position::Cursor;
use walbrook_eventlog::{Appender, NewRecord, Reader, Record, TopicPartition, Transactor, topics};
use walbrook_policy::facts::{EventFacts, LinkFacts, NoFields, Precedence, Subject};
use walbrook_policy::outcome::Reason;
use walbrook_policy::{Agreement, decide};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_tests::records::{self, CAMDEN, City, DUTY, PURPOSE, event_id, organisation};
use walbrook_tests::shelf::{Name, Shelf};

pub const NOW_MS: i64 = 1_790_000_000_000;
pub const DAY_MS: i64 = 86_400_000;
pub const NARROW: [&str; 1] = ["landlord_type"];
pub const WIDE: [&str; 2] = ["landlord_type", "arrears_pence"];

/// The handles of these tests: all of one council, each of a person of its own unless a test links them.
pub const fn handle(number: u8) -> Handle {
    Handle::new([number; 16])
}

const fn person(number: u8) -> PersonId {
    PersonId::new([100 + number; 16])
}

struct Counting(u128);

impl Entropy for Counting {
    fn bytes16(&mut self) -> [u8; 16] {
        self.0 += 1;
        self.0.to_be_bytes()
    }
}

/// A broker that has taken p over.
struct Owner {
    lane: Lane,
    transactor: Box<dyn Transactor>,
    links: MemoryReader,
    raw: MemoryReader,
}

pub struct Hand {
    pub city: City,
    pub setting: Setting,
    pub log: MemoryLog,
    pub feed: Feed,
    policy: MemoryReader,
    memory: Memory,
    owner: Option<Owner>,
    entropy: Counting,
    pub now_ms: i64,
    grounds: BTreeMap<(Handle, GroundKind), u32>,
    revision: u32,
    events: u128,
    people: BTreeMap<Handle, (PersonId, Vec<Handle>)>,
}

impl Hand {
    /// Both agreements signed, and these handles linked.
    pub fn new(handles: u8, limits: Limits) -> Self {
        let city = City::new("hand", 1);
        let table = topics::table(&city.namespace, 1);
        let log = MemoryLog::new(
            table
                .iter()
                .map(|topic| (topic.name.as_str(), topic.partitions)),
        );
        log.set_now_ms(NOW_MS);
        let mut setting = records::setting(&city);
        setting.limits = limits;
        let mut policy = log.reader();
        policy
            .assign(&[(TopicPartition::new(city.topic(topics::POLICY), 0), 0)])
            .unwrap();
        let mut hand = Self {
            setting,
            feed: Feed::new(Book::new(records::catalogue())),
            policy,
            memory: Memory {
                log: log.clone(),
                expired: false,
            },
            owner: None,
            entropy: Counting(0),
            now_ms: NOW_MS,
            grounds: BTreeMap::new(),
            revision: 0,
            events: 0,
            people: BTreeMap::new(),
            city,
            log,
        };
        hand.append(hand.city.founding());
        for number in 1..=handles {
            hand.link(&[handle(number)], number);
        }
        hand.rest();
        hand
    }

    pub fn append(&self, records: Vec<NewRecord>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.log.append(
            records,
            Box::new(move |result| sender.send(result).expect("heard")),
        );
        receiver.recv().expect("an answer").expect("appended");
    }

    pub fn say(&mut self, fact: &ControlFact) {
        self.append(vec![self.city.control(fact)]);
        self.apply_policy();
    }

    /// A second passes: what is accepted next is accepted after what was said.
    pub fn later(&mut self, ms: i64) {
        self.now_ms += ms;
        self.log.set_now_ms(self.now_ms);
    }

    /// Says it by a clock that is behind the one that events are accepted by.
    pub fn behind(&mut self, ms: i64, say: impl FnOnce(&mut Self)) {
        self.log.set_now_ms(self.now_ms - ms);
        say(self);
        self.log.set_now_ms(self.now_ms);
    }

    /// Links the handles to one person, all at once.
    pub fn link(&mut self, members: &[Handle], of: u8) {
        self.revision += 1;
        let one = |member: &Handle| {
            let city = &self.city;
            city.link(*member, person(of), members, self.revision)
        };
        self.append(members.iter().map(one).collect());
        for member in members {
            let link = (person(of), members.to_vec());
            self.people.insert(*member, link);
        }
    }

    /// What the final state says of every event under every agreement, by the name and key it would stand under: permitted, or why not. A plain
    /// look, with no history of how it came to this.
    pub fn demanded(&self) -> BTreeMap<(Name, String), Reason> {
        let event_type = EventType::new("housing.RentArrearsChanged").unwrap();
        let source = organisation(CAMDEN);
        let key = self.setting.keys.get(&PURPOSE.parse().unwrap()).unwrap();
        let book = self.feed.read();
        let mut demanded = BTreeMap::new();
        for record in self.log.committed_records(&self.city.topic("raw.housing")) {
            let handle = Handle::try_from(record.key.as_deref().unwrap()).unwrap();
            let event = record.headers.text(headers::ID).unwrap().parse().unwrap();
            let (person, members) = &self.people[&handle];
            let facts = EventFacts {
                event_type: &event_type,
                organisation: &source,
                event_id: event,
                accepted_at: Instant(record.timestamp_ms * 1_000),
                occurred_at: Instant(1_780_000_000_000_000),
                precision: Precision::Minute,
                precedence: Precedence::First,
                fields: &NoFields,
            };
            let subject = Subject::Person(LinkFacts {
                handle,
                person: *person,
                status: LinkStatus::Match,
                restrictions: &[],
                adult_from: None,
                members,
            });
            let now = Instant(self.now_ms * 1_000);
            for decision in decide(&facts, &subject, book.state(), now, 1).unwrap() {
                let Some(agreement) = decision.agreement() else {
                    continue;
                };
                let name = (
                    0,
                    key.handle(handle).to_string(),
                    key.event(&source, handle, event).to_string(),
                    agreement.to_string(),
                );
                let under = key.person(*person).to_string();
                demanded.insert((name, under), decision.reason);
            }
        }
        demanded
    }

    /// Sends an event of a handle; its id.
    pub fn send(&mut self, of: Handle) -> EventId {
        self.events += 1;
        let event = event_id(self.events);
        self.append(vec![self.city.arrears(of, event, 12_300, None)]);
        event
    }

    pub fn ground(&mut self, of: Handle, kind: GroundKind, state: GroundState) {
        let version = self.grounds.entry((of, kind)).or_default();
        *version += 1;
        let fact = records::ground(of, kind, state, *version);
        self.say(&fact);
    }

    fn latest(&self, id: &str) -> Agreement {
        let book = self.feed.read();
        let id = id.parse().unwrap();
        let history = book.state().book().agreement(&id).unwrap();
        history.latest().unwrap().agreement.clone()
    }

    /// Proposes the next version with other fields, and how far it reaches back.
    pub fn amend(&mut self, id: &str, fields: &[&str], backfill_from: Option<Day>) {
        let effective = self.latest(id).period.effective.min(self.today());
        self.amend_from(effective, id, fields, backfill_from);
    }

    /// As [`Hand::amend`], with an effective day.
    pub fn amend_from(
        &mut self,
        effective: Day,
        id: &str,
        fields: &[&str],
        backfill_from: Option<Day>,
    ) {
        let mut agreement = self.latest(id);
        agreement.version.0 += 1;
        agreement.flows[0].fields = fields.iter().map(|field| (*field).to_owned()).collect();
        agreement.period.effective = effective;
        agreement.period.backfill_from = backfill_from;
        self.say(&records::proposed(&agreement));
    }

    /// The London day it is.
    pub fn today(&self) -> Day {
        Instant(self.now_ms * 1_000).london_day()
    }

    /// Says which versions commenced, as the control plane's writer does; how many.
    pub fn commence(&mut self) -> usize {
        let now = Instant(self.now_ms * 1_000);
        let due: Vec<_> = {
            let book = self.feed.read();
            let agreements = book.state().book().agreements();
            let all = agreements.flat_map(|(id, history)| {
                let versions = history.to_commence(now).into_iter();
                versions.map(|version| AgreementCommenced {
                    agreement: id.clone(),
                    version,
                })
            });
            all.collect()
        };
        for fact in &due {
            let fact = AgreementFact::Commenced(fact.clone());
            self.say(&ControlFact::Agreement(fact));
        }
        due.len()
    }

    pub fn sign(&mut self, id: &str) {
        let agreement = self.latest(id);
        self.say(&records::signed(&agreement, CAMDEN));
    }

    pub fn stand(&mut self, id: &str, party: Option<&str>, standing: Standing) {
        let agreement = self.latest(id);
        self.say(&ControlFact::Agreement(AgreementFact::Standing(
            StandingChange {
                agreement: agreement.id,
                version: agreement.version,
                party: party.map(organisation),
                standing,
                reason: "incident".to_owned(),
                by_organisation: organisation(CAMDEN),
                by: "dpo".to_owned(),
            },
        )));
    }

    fn apply_policy(&mut self) {
        let mut control = Vec::new();
        self.policy
            .poll(usize::MAX, Duration::ZERO, &mut control)
            .unwrap();
        let at = TopicPartition::new(self.city.topic(topics::POLICY), 0);
        self.feed.step(&control, self.policy.position(&at)).unwrap();
    }

    fn take_over(&mut self) -> Result<Owner, LaneError> {
        let adopted = adopt(0, &self.memory, &self.feed.moving(), &self.setting)?;
        let mut raw = self.log.reader();
        let starts: Vec<_> = adopted
            .partition
            .positions()
            .map(|(topic, position)| (TopicPartition::new(topic.clone(), 0), position))
            .collect();
        raw.assign(&starts)?;
        let mut links = self.log.reader();
        let at = TopicPartition::new(self.city.topic(topics::LINKS), 0);
        links.assign(&[(at, adopted.partition.links_next())])?;
        Ok(Owner {
            lane: Lane::new(adopted.partition),
            transactor: adopted.transactor,
            links,
            raw,
        })
    }

    /// Decides one batch of at most so many live events; `None`: nothing to do.
    pub fn decide(&mut self, most: usize) -> Option<Transaction> {
        self.apply_policy();
        if self.owner.is_none() {
            self.owner = Some(self.take_over().expect("the log holds together"));
        }
        let owner = self.owner.as_mut().unwrap();
        let (mut records, mut links) = (Vec::new(), Vec::new());
        owner.raw.poll(most, Duration::ZERO, &mut records).unwrap();
        owner
            .links
            .poll(usize::MAX, Duration::ZERO, &mut links)
            .unwrap();
        let at = TopicPartition::new(self.city.topic(topics::LINKS), 0);
        let next = owner.links.position(&at).unwrap();
        owner.lane.apply_links(&links, next).unwrap();
        let book = self.feed.read();
        if records.is_empty() && !owner.lane.behind(&*book) {
            return None;
        }
        let now = Instant(self.now_ms * 1_000);
        let wanted = owner
            .lane
            .begin(records, &*book, &self.setting, now)
            .unwrap();
        let mut reader = self.log.reader();
        let past = read_past(&mut reader, 0, &raw_topics(&self.setting), &wanted).unwrap();
        let decided = owner
            .lane
            .finish(&past, &*book, &self.setting, now, &mut self.entropy);
        Some(decided.unwrap())
    }

    /// Writes a transaction, and commits it unless the owner dies before.
    fn write(&mut self, transaction: &Transaction, dies: bool) {
        let group = self.city.topic("broker");
        let owner = self.owner.as_mut().unwrap();
        owner.transactor.begin().unwrap();
        for record in &transaction.records {
            owner.transactor.send(record.clone()).unwrap();
        }
        owner.transactor.drain().unwrap();
        owner
            .transactor
            .send_positions(&group, &transaction.positions, None)
            .unwrap();
        if dies {
            self.owner = None;
            return;
        }
        owner.transactor.commit().unwrap();
        owner.lane.committed(transaction);
    }

    /// One transaction; `None`: nothing to do.
    pub fn step(&mut self, most: usize) -> Option<Transaction> {
        let transaction = self.decide(most)?;
        self.write(&transaction, false);
        Some(transaction)
    }

    /// One transaction, and the owner dies before its commit, or right after it.
    pub fn step_and_die(&mut self, most: usize, before_commit: bool) -> bool {
        let Some(transaction) = self.decide(most) else {
            return false;
        };
        self.write(&transaction, before_commit);
        self.owner = None;
        true
    }

    /// The owner dies, and what the group had committed has expired meanwhile.
    pub fn expire(&mut self) {
        self.owner = None;
        self.memory.expired = true;
    }

    /// Until there is nothing to do; how many transactions that took.
    pub fn rest(&mut self) -> usize {
        let mut steps = 0;
        while self.step(usize::MAX).is_some() {
            steps += 1;
            assert!(steps < 1_000, "p does not come to rest");
        }
        steps
    }

    /// What is queued, as the last page says.
    pub fn cursor(&self) -> Cursor {
        let pages = self.pages();
        let last = pages.last().map_or("-", |page| page.cursor_after.as_str());
        last.parse().unwrap()
    }

    pub fn pages(&self) -> Vec<DecisionPage> {
        let body = |record: &Record| {
            let (_, body) = unframe(record.value.as_deref()).unwrap();
            DecisionPage::decode_exact(body).unwrap()
        };
        let records = self
            .log
            .committed_records(&self.city.topic(topics::DECISIONS));
        records.iter().map(body).collect()
    }

    pub fn shelf(&self) -> Shelf {
        let topic = self.city.topic(&topics::shared(PURPOSE));
        Shelf::of(&self.log.committed_records(&topic))
    }

    /// How many releases of a handle stand under an agreement, and with how many bytes of body altogether: a wider grant has longer bodies.
    pub fn stand_of(&self, of: Handle, agreement: &str) -> (usize, usize) {
        let key = self.setting.keys.get(&PURPOSE.parse().unwrap()).unwrap();
        let handle = key.handle(of).to_string();
        let shelf = self.shelf();
        let found = shelf
            .contributions
            .iter()
            .filter(|((_, one, _, under), _)| *one == handle && under == agreement);
        found.fold((0, 0), |(count, bytes), (_, (_, body))| {
            (count + 1, bytes + body.len() / 2)
        })
    }

    /// How many stand under the duty.
    pub fn duty(&self, of: Handle) -> usize {
        self.stand_of(of, DUTY).0
    }

    pub fn source(&self) -> impl LogSource + use<> {
        let table = topics::table(&self.city.namespace, 1);
        let counts = move |name: &str| {
            table
                .iter()
                .find(|topic| topic.name == name)
                .map(|topic| topic.partitions)
        };
        LiveSource::new(
            self.city.namespace.clone(),
            self.log.reader(),
            self.log.clone(),
            counts,
        )
    }

    #[track_caller]
    pub fn audit(&self) -> Report {
        if self.owner.is_none() {
            // A dead owner's open transaction holds committed readers back until the next owner, or the timeout, aborts it.
            let id = self.city.topic("broker.0");
            self.log.transactor(&id).init().expect("aborted");
        }
        let report = audit(&mut self.source());
        assert!(report.is_clean(), "{}", listed(&report));
        report
    }

    pub fn hold(&self) -> Held {
        Held::of(self)
    }
}
