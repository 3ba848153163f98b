//! A town of its own on the real Kafka: its namespace, what is written onto its topics, brokers in threads and processes, and what stands.

#[path = "enforcement_decided.rs"]
mod decided;
#[path = "enforcement_standing.rs"]
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Monotonic};
use walbrook_broker::enforce::book::Book;
use walbrook_broker::enforce::clients::{Clients, raw_topics};
use walbrook_broker::enforce::control_view::{ControlView, Limits};
use walbrook_broker::enforce::feed::Feed;
use walbrook_broker::enforce::member::Shared;
use walbrook_broker::enforce::metrics::EnforceMetrics;
use walbrook_broker::enforce::partition::Partition;
use walbrook_broker::enforce::snapshot::folder;
use walbrook_broker::enforce::stamp::CommittedStamp;
use walbrook_broker::enforce::start::{KafkaClients, clock, member};
use walbrook_domain::control::{AgreementFact, ControlFact};
use walbrook_domain::{EventId, Handle, Instant, PersonId, Purpose};
use walbrook_event::framing::unframe;
use walbrook_event::{PurposeKey, ReleaseEnvelope, headers};
use walbrook_eventlog::{
    Appender, Ends, GroupReader, NewRecord, Positions, Reader, Record, TopicPartition, Transactor,
    murmur2_partition, topics,
};
use walbrook_eventlog_kafka::{Kafka, KafkaAppender};
use walbrook_policy::Agreement;
use walbrook_proto::audit::v1::{DecisionPage, Quarantined};
use walbrook_proto::avro::AvroRecord;
use walbrook_runtime::metrics::Metrics;
use walbrook_runtime::readiness::Readiness;
use walbrook_testkit::process::{Launch, Running};
use walbrook_tests::records::{self, CAMDEN, City, PURPOSE, organisation};
use walbrook_tests::shelf::Shelf;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks: what is waited for needs the processor more.
const PAUSE: Duration = Duration::from_millis(5);

/// One namespace.
pub struct Town {
    city: City,
    kafka: Kafka,
    appender: KafkaAppender,
    logs: PathBuf,
}

/// A broker in a thread; stops when dropped.
pub struct InThread {
    /// Whether it serves.
    pub readiness: Readiness,
    metrics: Metrics,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl InThread {
    /// How many records were read when p was last taken over.
    pub fn takeover_records(&self, partition: i32) -> Option<u64> {
        let line = format!("enforce_takeover_records{{partition=\"{partition}\"}} ");
        let text = self.metrics.text();
        let found = text.lines().find_map(|one| one.split_once(&line));
        found.and_then(|(_, number)| number.parse().ok())
    }
}

impl Drop for InThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("a broker thread failed");
            }
        }
    }
}

/// Starts the reader of the control plane and one member, in threads.
fn start(
    kafka: &Kafka,
    city: &City,
    limits: Limits,
    clients: Arc<dyn Clients>,
    data: Option<&Path>,
) -> InThread {
    let mut setting = records::setting(city);
    setting.limits = limits;
    let stop = Arc::new(AtomicBool::new(false));
    let kept = data.map(|data| folder::open(data, &city.namespace, city.partitions));
    let (folder, writer) = kept.unzip();
    let metrics = Metrics::new();
    let shared = Arc::new(Shared {
        clients,
        feed: Arc::new(Feed::new(Book::new(records::catalogue()))),
        setting: Arc::new(setting),
        metrics: EnforceMetrics::new(&metrics),
        readiness: Readiness::new(),
        clock,
        snapshots: folder.map(|folder| Box::new(folder) as _),
        owned: Default::default(),
    });
    let readiness = shared.readiness.clone();
    let reader = shared.clients.reader().expect("a reader");
    let policy = TopicPartition::new(city.topic(topics::POLICY), 0);
    let (feed, stopped) = (Arc::clone(&shared.feed), Arc::clone(&stop));
    let feeding = std::thread::spawn(move || {
        feed.run(reader, &policy, &|| stopped.load(Ordering::Acquire))
            .expect("the feed runs");
    });
    let (stopped, kafka) = (Arc::clone(&stop), kafka.clone());
    let deciding = std::thread::spawn(move || {
        while shared.feed.read().rules_version().is_none() {
            let next = shared.feed.applied_through() + 1;
            shared.feed.wait_until(next, Duration::from_millis(50));
        }
        let member = member(shared, &kafka).expect("a member");
        member
            .run(&|| stopped.load(Ordering::Acquire))
            .expect("the member runs");
    });
    let writing = std::thread::spawn(move || {
        if let Some(writer) = writer {
            writer.run();
        }
    });
    InThread {
        readiness,
        metrics,
        stop,
        threads: vec![deciding, feeding, writing],
    }
}

/// The body of a broker process of these tests.
pub fn decide_until_killed() {
    let variable = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by the test that starts this"))
    };
    let city = City::new(
        &variable("TOWN_NAMESPACE"),
        variable("TOWN_PARTITIONS").parse().expect("a count"),
    );
    let kafka = Kafka::new(variable("TOWN_KAFKA"), BTreeMap::new());
    let limits = Limits {
        slice_offsets: variable("TOWN_SLICE").parse().expect("a count"),
        ..Limits::default()
    };
    let clients = Arc::new(KafkaClients(kafka.clone()));
    let data = std::env::var_os("TOWN_DATA").map(PathBuf::from);
    let broker = start(&kafka, &city, limits, clients, data.as_deref());
    for thread in &broker.threads {
        while !thread.is_finished() {
            std::thread::park_timeout(Duration::from_secs(1));
        }
    }
}

impl Town {
    /// A namespace with its topics and everything said that has to be said before anything is decided.
    pub fn new(partitions: i32) -> Self {
        let cluster = walbrook_testkit::cluster::shared();
        let city = City::new(&walbrook_testkit::cluster::namespace(), partitions);
        let kafka = Kafka::new(cluster.kafka, BTreeMap::new());
        let table = topics::table(&city.namespace, partitions);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            kafka
                .admin()
                .expect("an admin")
                .create(&table, 1, 1)
                .await
                .expect("topics")
        });
        let appender = kafka
            .appender(Duration::from_millis(1))
            .expect("an appender");
        let logs = std::env::temp_dir().join(format!("walbrook-{}", city.namespace.as_str()));
        std::fs::create_dir_all(&logs).expect("a folder for logs");
        let town = Self {
            city,
            kafka,
            appender,
            logs,
        };
        town.transact("test.control", town.city.founding());
        town
    }

    fn transact(&self, id: &str, records: Vec<NewRecord>) -> Vec<(TopicPartition, i64)> {
        let mut transactor = self
            .kafka
            .transactor(&self.city.topic(id), Duration::from_secs(2));
        transactor.init().expect("init");
        transactor.begin().expect("begin");
        for record in records {
            transactor.send(record).expect("send");
        }
        let placed = transactor.drain().expect("drain");
        transactor.commit().expect("commit");
        placed
    }

    /// Writes control records in one transaction; the offset after the last one. When this returns they are acknowledged.
    pub fn control(&self, facts: &[ControlFact]) -> i64 {
        let records = facts.iter().map(|fact| self.city.control(fact)).collect();
        let placed = self.transact("test.control", records);
        placed.last().expect("a record").1 + 1
    }

    /// Links the handles to one person, all records in one transaction.
    pub fn link(&self, members: &[Handle], person: PersonId, revision: u32) {
        let records = members
            .iter()
            .map(|handle| self.city.link(*handle, person, members, revision))
            .collect();
        self.transact("test.identity", records);
    }

    /// Links each handle to a person of its own, all records in one transaction.
    pub fn link_each(&self, links: impl Iterator<Item = (Handle, PersonId)>) {
        let records = links
            .map(|(handle, person)| self.city.link(handle, person, &[handle], 1))
            .collect();
        self.transact("test.identity", records);
    }

    /// Takes two handles apart.
    pub fn unlink(
        &self,
        one: Handle,
        two: Handle,
        of_one: PersonId,
        of_two: PersonId,
        revision: u32,
    ) {
        let records = vec![
            self.city.link(one, of_one, &[one], revision),
            self.city.link(two, of_two, &[two], revision),
        ];
        self.transact("test.identity", records);
    }

    /// A handle that stands in a partition.
    pub fn new_handle(&self, partition: i32) -> Handle {
        (0_u128..)
            .map(|_| Handle::new(*uuid::Uuid::new_v4().as_bytes()))
            .find(|handle| murmur2_partition(handle.as_bytes(), self.city.partitions) == partition)
            .expect("a handle")
    }

    /// The same handle in every run, for each partition.
    pub fn same_handle(&self, partition: i32) -> Handle {
        (1_u128..)
            .map(|number| Handle::new((number << 64 | 0x5eed).to_be_bytes()))
            .find(|handle| murmur2_partition(handle.as_bytes(), self.city.partitions) == partition)
            .expect("a handle")
    }

    /// An agreement of the founding.
    pub fn agreement(&self, id: &str) -> Agreement {
        let proposed = self.city.founding().into_iter().find_map(|record| {
            let kind = record.headers.text(headers::TYPE)?;
            let (_, body) = unframe(record.value.as_deref()).ok()?;
            let read = walbrook_event::control::read(kind, body, 0, Instant(0)).ok()?;
            match read.fact {
                ControlFact::Agreement(AgreementFact::Proposed(fact))
                    if fact.agreement.as_str() == id =>
                {
                    Some(fact.text)
                }
                _ => None,
            }
        });
        Agreement::read(&proposed.expect("founded")).expect("readable")
    }

    /// Sends one event; where it stands, once acknowledged.
    pub fn send(&self, handle: Handle, event: EventId) -> (TopicPartition, i64) {
        self.append(vec![self.city.arrears(handle, event, 12_300, None)])
            .remove(0)
    }

    /// Sends many events at once.
    pub fn send_all(&self, events: impl Iterator<Item = (Handle, EventId)>) {
        self.append(
            events
                .map(|(handle, event)| self.city.arrears(handle, event, 45_600, None))
                .collect(),
        );
    }

    fn append(&self, records: Vec<NewRecord>) -> Vec<(TopicPartition, i64)> {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.appender.append(
            records,
            Box::new(move |result| sender.send(result).expect("heard")),
        );
        receiver
            .recv_timeout(PATIENCE)
            .expect("an answer")
            .expect("acknowledged")
    }

    /// A broker in threads of this process.
    pub fn start_member(&self) -> InThread {
        self.start_with(Arc::new(self.clients()))
    }

    /// The same with other clients.
    pub fn start_with(&self, clients: Arc<dyn Clients>) -> InThread {
        start(&self.kafka, &self.city, Limits::default(), clients, None)
    }

    /// A broker in threads of this process, with a data folder.
    pub fn start_member_on(&self, data: &Path) -> InThread {
        let clients = Arc::new(self.clients());
        start(
            &self.kafka,
            &self.city,
            Limits::default(),
            clients,
            Some(data),
        )
    }

    /// How far the snapshot of p in a data folder reaches, 0 without one.
    pub fn kept(&self, data: &Path, partition: i32) -> i64 {
        let setting = records::setting(&self.city);
        let empty = Partition::new(partition, raw_topics(&setting));
        let read = folder::read(data, empty, &setting);
        read.expect("sound").map_or(0, |kept| kept.reach())
    }

    /// Clients on Kafka.
    pub fn clients(&self) -> KafkaClients {
        KafkaClients(self.kafka.clone())
    }

    /// A member of the broker's group that subscribes to one raw topic alone, as a build with another list would.
    pub fn stranger(&self) -> Box<dyn GroupReader> {
        let (group, topic) = (self.city.topic("broker"), self.city.topic("raw.housing"));
        let reader = self
            .kafka
            .group_reader(&group, &[&topic], Duration::from_secs(6));
        Box::new(reader.expect("a group member"))
    }

    /// Sends one event whose body is larger than any event may be.
    pub fn send_too_large(&self, handle: Handle, event: EventId) -> (TopicPartition, i64) {
        let mut record = self.city.arrears(handle, event, 1, None);
        let mut value = record.value.take().expect("a value").to_vec();
        value.resize(950_000, 0);
        record.value = Some(value.into());
        self.append(vec![record]).remove(0)
    }

    /// Sends one event with so many zeros behind its body: packed they are next to nothing, on the wire and on disk, and whoever reads them has them all.
    pub fn send_unpacking_to(&self, handle: Handle, event: EventId, bytes: usize) {
        let limit = ("message.max.bytes".to_owned(), (2 * bytes).to_string());
        let kafka = Kafka::new(self.kafka.bootstrap(), BTreeMap::from([limit]));
        let appender = kafka.appender(Duration::ZERO).expect("an appender");
        let mut record = self.city.arrears(handle, event, 1, None);
        let mut value = record.value.take().expect("a value").to_vec();
        value.resize(bytes, 0);
        record.value = Some(value.into());
        let (sender, receiver) = std::sync::mpsc::channel();
        let told = move |result: Result<_, _>| sender.send(result).expect("heard");
        appender.append(vec![record], Box::new(told));
        let answer = receiver.recv_timeout(PATIENCE).expect("an answer");
        answer.expect("packed it is small enough for the topic");
    }

    /// Rules of what is in quarantine.
    pub fn quarantined(&self) -> Vec<String> {
        let rule = |record: &Record| {
            let (_, body) = unframe(record.value.as_deref()).expect("framed");
            Quarantined::decode_exact(body).expect("a record").rule_id
        };
        self.read_all(&topics::quarantine("housing"), 1)
            .iter()
            .map(rule)
            .collect()
    }

    /// A broker as a process of its own.
    pub fn start_process(&self) -> Running {
        self.start_process_with(Limits::default().slice_offsets)
    }

    /// A broker as a process of its own, with slices of so many raw offsets.
    pub fn start_process_with(&self, slice_offsets: i64) -> Running {
        self.launch(slice_offsets, None)
    }

    /// A broker as a process of its own, with a data folder.
    pub fn start_process_on(&self, data: &Path) -> Running {
        self.launch(Limits::default().slice_offsets, Some(data))
    }

    fn launch(&self, slice_offsets: i64, data: Option<&Path>) -> Running {
        let program = std::env::current_exe().expect("this test's program");
        let log = self
            .logs
            .join(format!("broker-{}.log", uuid::Uuid::new_v4()));
        let launch = Launch::new("broker", program, log);
        let launch = match data {
            Some(data) => launch.env("TOWN_DATA", data.to_string_lossy()),
            None => launch,
        };
        launch
            .arg("--ignored")
            .arg("--exact")
            .arg("broker_process")
            .arg("--nocapture")
            .env("TOWN_NAMESPACE", self.city.namespace.as_str())
            .env("TOWN_PARTITIONS", self.city.partitions.to_string())
            .env("TOWN_KAFKA", self.kafka.bootstrap())
            .env("TOWN_SLICE", slice_offsets.to_string())
            .start()
            .expect("a process")
    }

    fn key(&self) -> PurposeKey {
        let purpose = Purpose::new(PURPOSE).expect("a purpose");
        records::setting(&self.city)
            .keys
            .get(&purpose)
            .expect("a key")
            .clone()
    }

    /// The key that a person's records stand under.
    pub fn person_key(&self, person: PersonId) -> String {
        self.key().person(person).to_string()
    }

    /// The id an event of Camden has on the shared topic.
    pub fn local(&self, handle: Handle, event: EventId) -> EventId {
        self.key().event(&organisation(CAMDEN), handle, event)
    }
}
