//! A broker process of the simulation: its own view of the control plane, and the lanes it has.

use crate::faulty::{Fault, FaultyClients};
use std::collections::BTreeMap;
use std::time::Duration;
use walbrook_broker::enforce::book::Book;
use walbrook_broker::enforce::control_view::Setting;
use walbrook_broker::enforce::decide::Entropy;
use walbrook_broker::enforce::feed::Feed;
use walbrook_broker::enforce::lane::Lane;
use walbrook_domain::Instant;
use walbrook_eventlog::memory::{MemoryLog, MemoryReader};
use walbrook_eventlog::{Ends, Reader, TopicPartition, topics};
use walbrook_tests::records::{self, City};

/// A broker process: its own view of the control plane, and the lanes it has.
pub(super) struct Process {
    pub(super) feed: Feed,
    pub(super) policy: MemoryReader,
    pub(super) clients: FaultyClients,
    pub(super) lanes: BTreeMap<i32, Member>,
}

pub(super) struct Member {
    pub(super) lane: Lane,
    pub(super) raw: MemoryReader,
    pub(super) links: MemoryReader,
}

impl Process {
    pub(super) fn new(log: &MemoryLog, city: &City) -> Self {
        let mut policy = log.reader();
        policy
            .assign(&[(TopicPartition::new(city.topic(topics::POLICY), 0), 0)])
            .expect("assigned");
        Self {
            feed: Feed::new(Book::new(records::catalogue())),
            policy,
            clients: FaultyClients::new(log.clone()),
            lanes: BTreeMap::new(),
        }
    }

    pub(super) fn adopt(&mut self, number: i32, setting: &Setting) -> Result<Member, String> {
        // The feed of a process that takes p over has passed p's committed position.
        self.barrier();
        let lane = {
            let book = self.feed.read();
            Lane::adopt(number, &self.clients, &*book, setting)
                .map_err(|error| error.to_string())?
        };
        let mut raw = self.clients.log.reader();
        let starts: Vec<_> = lane
            .partition()
            .positions()
            .map(|(topic, position)| (TopicPartition::new(topic.clone(), number), position))
            .collect();
        raw.assign(&starts).expect("assigned");
        let mut links = self.clients.log.reader();
        let at = TopicPartition::new(setting.namespace.name(topics::LINKS), number);
        links
            .assign(&[(at, lane.partition().links_next())])
            .expect("assigned");
        Ok(Member { lane, raw, links })
    }

    pub(super) fn barrier(&mut self) {
        let mut records = Vec::new();
        self.policy
            .poll(usize::MAX, Duration::ZERO, &mut records)
            .expect("polled");
        let topic = records.first().map(|record| record.at.clone());
        let at = topic.unwrap_or_else(|| TopicPartition::new("sim.control.policy", 0));
        let position = self.policy.position(&at);
        self.feed.step(&records, position).expect("applied");
    }

    /// One batch; true when it was committed.
    #[expect(clippy::too_many_arguments, reason = "a test's own helper")]
    pub(super) fn work(
        &mut self,
        number: i32,
        max: usize,
        fault: Option<Fault>,
        setting: &Setting,
        now_ms: i64,
        entropy: &mut dyn Entropy,
        early_poll: bool,
    ) -> bool {
        if !self.lanes.contains_key(&number) {
            *self.clients.next.lock() = None;
            let member = self.adopt(number, setting).expect("the log holds together");
            self.lanes.insert(number, member);
        }
        let mut records = Vec::new();
        if let Some(member) = self.lanes.get_mut(&number) {
            member
                .raw
                .poll(max, Duration::ZERO, &mut records)
                .expect("polled");
        }
        if !early_poll || !records.is_empty() {
            self.barrier();
        }
        let member = self.lanes.get_mut(&number).expect("a lane");
        let mut links = Vec::new();
        member
            .links
            .poll(usize::MAX, Duration::ZERO, &mut links)
            .expect("polled");
        let at = TopicPartition::new(setting.namespace.name(topics::LINKS), number);
        let next = member.links.position(&at).expect("assigned");
        member.lane.apply_links(&links, next).expect("links apply");
        let group = setting.namespace.name("broker");
        let transaction = {
            let book = self.feed.read();
            if records.is_empty() && !member.lane.behind(&*book) {
                return false;
            }
            member
                .lane
                .decide(
                    records,
                    &*book,
                    setting,
                    &self.clients,
                    Instant(now_ms * 1_000),
                    entropy,
                )
                .expect("decided")
        };
        *self.clients.next.lock() = fault;
        let done = member.lane.commit(transaction, &group, None);
        *self.clients.next.lock() = None;
        if done.is_err() {
            self.lanes.remove(&number);
        }
        done.is_ok()
    }

    pub(super) fn is_idle(&mut self, number: i32) -> bool {
        self.barrier();
        let Some(member) = self.lanes.get_mut(&number) else {
            return false;
        };
        let at = member
            .lane
            .partition()
            .positions()
            .map(|(topic, at)| (topic.clone(), at))
            .collect::<Vec<_>>();
        let caught_up = at.iter().all(|(topic, position)| {
            let end = self
                .clients
                .log
                .clone()
                .high_watermarks(
                    &[TopicPartition::new(topic.clone(), number)],
                    Duration::ZERO,
                )
                .expect("an end")[0];
            *position >= end
        });
        let links = self
            .clients
            .log
            .clone()
            .high_watermarks(
                &[TopicPartition::new("sim.control.links", number)],
                Duration::ZERO,
            )
            .expect("an end")[0];
        caught_up
            && member.lane.partition().stamp().links_next >= links
            && !member.lane.behind(&*self.feed.read())
    }
}
