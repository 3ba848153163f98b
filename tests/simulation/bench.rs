//! One partition on a log in memory, decided by hand.

use crate::disk::Disk;
use crate::process::SimClients;
use std::time::Duration;
use walbrook_broker::enforce::book::Book;
use walbrook_broker::enforce::clients::{self, Adopted, Clients, raw_topics};
use walbrook_broker::enforce::control_view::Setting;
use walbrook_broker::enforce::decide::Entropy;
use walbrook_broker::enforce::feed::Feed;
use walbrook_broker::enforce::lane::{Lane, LaneError};
use walbrook_broker::enforce::member::last_page;
use walbrook_broker::enforce::partition::Transaction;
use walbrook_broker::enforce::snapshot::Snapshots;
use walbrook_domain::{Handle, Instant, PersonId};
use walbrook_event::framing::unframe;
use walbrook_eventlog::memory::{MemoryLog, MemoryReader};
use walbrook_eventlog::{Appender, NewRecord, Reader, Record, TopicPartition, Transactor, topics};
use walbrook_proto::audit::v1::DecisionPage;
use walbrook_proto::avro::AvroRecord;
use walbrook_tests::records::{self, City, PURPOSE};
use walbrook_tests::shelf::Shelf;

/// When it starts, ms.
pub(crate) const NOW_MS: i64 = 1_790_000_000_000;

pub(crate) struct Counting(u128);

impl Entropy for Counting {
    fn bytes16(&mut self) -> [u8; 16] {
        self.0 += 1;
        self.0.to_be_bytes()
    }
}

/// One partition, decided by hand.
pub(crate) struct Bench {
    pub(crate) city: City,
    pub(crate) setting: Setting,
    pub(crate) log: MemoryLog,
    pub(crate) feed: Feed,
    pub(crate) policy: MemoryReader,
    pub(crate) clients: SimClients,
    pub(crate) lane: Lane,
    transactor: Box<dyn Transactor>,
    pub(crate) links: MemoryReader,
    pub(crate) raw: MemoryReader,
    pub(crate) entropy: Counting,
    pub(crate) now_ms: i64,
}

pub(crate) const HANDLE: Handle = Handle::new([7; 16]);
pub(crate) const PERSON: PersonId = PersonId::new([9; 16]);

impl Bench {
    pub(crate) fn new() -> Self {
        let city = City::new("rule", 1);
        let table = topics::table(&city.namespace, 1);
        let log = MemoryLog::new(
            table
                .iter()
                .map(|topic| (topic.name.as_str(), topic.partitions)),
        );
        log.set_now_ms(NOW_MS);
        append(&log, city.founding());
        let setting = records::setting(&city);
        let clients = SimClients(log.clone());
        let feed = Feed::new(Book::new(records::catalogue()));
        let mut policy = log.reader();
        policy
            .assign(&[(TopicPartition::new(city.topic(topics::POLICY), 0), 0)])
            .unwrap();
        let adopted = clients::adopt(0, &clients, &*feed.read(), &setting).unwrap();
        let mut links = log.reader();
        links
            .assign(&[(TopicPartition::new(city.topic(topics::LINKS), 0), 0)])
            .unwrap();
        let mut raw = log.reader();
        let starts: Vec<_> = topics::RAW
            .iter()
            .map(|plain| (TopicPartition::new(city.topic(plain), 0), 0))
            .collect();
        raw.assign(&starts).unwrap();
        Self {
            city,
            setting,
            log,
            feed,
            policy,
            clients,
            lane: Lane::new(adopted.partition),
            transactor: adopted.transactor,
            links,
            raw,
            entropy: Counting(0),
            now_ms: NOW_MS,
        }
    }

    pub(crate) fn linked() -> Self {
        let bench = Self::new();
        append(
            &bench.log,
            vec![bench.city.link(HANDLE, PERSON, &[HANDLE], 1)],
        );
        bench
    }

    /// Everything there is, as one batch.
    pub(crate) fn decide(&mut self) -> Result<Transaction, LaneError> {
        let mut records = Vec::new();
        self.raw
            .poll(usize::MAX, Duration::ZERO, &mut records)
            .unwrap();
        let (mut control, mut links) = (Vec::new(), Vec::new());
        self.policy
            .poll(usize::MAX, Duration::ZERO, &mut control)
            .unwrap();
        let position = self
            .policy
            .position(&TopicPartition::new(self.city.topic(topics::POLICY), 0));
        self.feed.step(&control, position).unwrap();
        self.links
            .poll(usize::MAX, Duration::ZERO, &mut links)
            .unwrap();
        let next = self
            .links
            .position(&TopicPartition::new(self.city.topic(topics::LINKS), 0))
            .unwrap();
        self.lane.apply_links(&links, next)?;
        let now = Instant(self.now_ms * 1_000);
        let book = self.feed.read();
        let wanted = self.lane.begin(records, &*book, &self.setting, now)?;
        let mut reader = self.clients.reader()?;
        let raw = raw_topics(&self.setting);
        let past = clients::read_past(reader.as_mut(), 0, &raw, &wanted)?;
        self.lane
            .finish(&past, &*book, &self.setting, now, &mut self.entropy)
    }

    pub(crate) fn commit(&mut self) -> Transaction {
        let mut transaction = self.decide().unwrap();
        let group = self.setting.namespace.name("broker");
        self.transactor.begin().unwrap();
        for record in &transaction.records {
            self.transactor.send(record.clone()).unwrap();
        }
        let acknowledged = self.transactor.drain().unwrap();
        transaction.page_offset = last_page(&acknowledged, &self.city.topic(topics::DECISIONS));
        self.transactor
            .send_positions(&group, &transaction.positions, None)
            .unwrap();
        self.transactor.commit().unwrap();
        self.lane.committed(&transaction);
        transaction
    }

    /// p built once more from the log.
    pub(crate) fn adopt(&self) -> Result<Adopted, LaneError> {
        clients::adopt(0, &self.clients, &*self.feed.read(), &self.setting)
    }

    /// The same, from what is kept on disk as far as that may be gone on from.
    pub(crate) fn adopt_from(&self, disk: &Disk) -> Adopted {
        let feed = self.feed.read();
        clients::adopt_from(0, &self.clients, &*feed, &self.setting, Some(disk)).unwrap()
    }

    /// p as it is committed, put on a disk.
    pub(crate) fn keep(&self, disk: &Disk) {
        let snapshot = self.lane.partition().snapshot().unwrap();
        disk.offer(Box::new(snapshot), false);
    }

    pub(crate) fn committed(&self, plain: &str) -> Vec<Record> {
        self.log.committed_records(&self.city.topic(plain))
    }

    pub(crate) fn pages(&self) -> Vec<DecisionPage> {
        let body = |record: &Record| {
            let (_, body) = unframe(record.value.as_deref()).unwrap();
            DecisionPage::decode_exact(body).unwrap()
        };
        self.committed(topics::DECISIONS).iter().map(body).collect()
    }

    pub(crate) fn shelf(&self) -> Shelf {
        Shelf::of(&self.committed(&topics::shared(PURPOSE)))
    }

    pub(crate) fn send(&self, record: NewRecord) {
        append(&self.log, vec![record]);
    }
}

pub(crate) fn append(log: &MemoryLog, records: Vec<NewRecord>) {
    log.append(records, Box::new(|result| drop(result.unwrap())));
}
