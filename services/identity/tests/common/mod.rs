//! What the tests of the writer share. All people are invented; NHS numbers are from the 999 range.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod served;

use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Monotonic};
use walbrook_domain::{Day, Handle, Instant, Organisation};
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::{
    Appender, Ends, LogError, Namespace, Positions, Reader, Record, TopicPartition, Transactor,
    topics,
};
use walbrook_eventlog_kafka::{Kafka, Registry};
use walbrook_identity::error::JournalError;
use walbrook_identity::journal::{Clients, Format, Schema, read_to_end, subject};
use walbrook_identity::linkage::demographics::Stated;
use walbrook_identity::linkage::{
    Answer, Command, Directory, LinkItem, MatchingCover, Rules, Token, Who,
};
use walbrook_identity::metrics::Metrics;
use walbrook_identity::snapshot::Snapshot;
use walbrook_identity::writer::{self, Clock, Desk, Done, LiveCover, Parts, SystemEntropy};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::identity::v1::{IdentityRecord, LinkRecord};
use walbrook_runtime::shutdown::Shutdown;

pub const CAMDEN: &str = "GSS:E09000007";
pub const HACKNEY: &str = "GSS:E09000012";
/// Long, for machines that are busy with other tests; nothing waits longer than it must.
pub const DEADLINE: Duration = Duration::from_secs(150);

/// Clients of an in-memory log.
pub struct Memory(pub MemoryLog);

impl Clients for Memory {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(self.0.reader()))
    }
    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        Ok(Box::new(self.0.clone()))
    }
    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        Box::new(self.0.transactor(id))
    }
    fn positions(&self) -> Result<Box<dyn Positions>, LogError> {
        Ok(Box::new(self.0.clone()))
    }
}

/// How look-ups stand on the in-memory log.
pub fn lookup_schema() -> Schema {
    Schema {
        subject: "t.audit.lookups-walbrook.audit.v1.LookupRecord".into(),
        id: 3,
    }
}

pub fn memory() -> (MemoryLog, Format) {
    let format = Format {
        namespace: Namespace::new("t"),
        partitions: 4,
        identity: Schema {
            subject: "t.identity.records-walbrook.identity.v1.IdentityRecord".into(),
            id: 1,
        },
        links: Schema {
            subject: "t.control.links-walbrook.identity.v1.LinkRecord".into(),
            id: 2,
        },
    };
    let names = topics::table(&format.namespace, 4);
    let log = MemoryLog::new(
        names
            .iter()
            .map(|topic| (topic.name.as_str(), topic.partitions)),
    );
    (log, format)
}

/// A clock that stands still until it is set.
pub struct Still(pub AtomicI64);

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::Acquire))
    }
}

/// Covers the organisations that are named, and can be changed.
#[derive(Default)]
pub struct Signed {
    parties: Mutex<BTreeSet<String>>,
    generation: AtomicU64,
}

impl Signed {
    pub fn set(&self, parties: &[&str]) {
        *self.parties.lock() = parties.iter().map(ToString::to_string).collect();
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl MatchingCover for Signed {
    fn covers(&self, a: &Organisation, b: &Organisation) -> bool {
        let parties = self.parties.lock();
        parties.contains(&a.to_string()) && parties.contains(&b.to_string())
    }
}

impl LiveCover for Signed {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
    fn word(&self) -> String {
        let parties = self.parties.lock();
        parties.iter().cloned().collect::<Vec<_>>().join("+")
    }
    fn set_today(&self, _: Day) {}
}

/// A running writer.
pub struct Running {
    pub desk: Desk,
    pub directory: Arc<Directory>,
    pub clock: Arc<Still>,
    pub cover: Arc<Signed>,
    ready: Arc<AtomicBool>,
    stop: Shutdown,
    thread: Option<JoinHandle<Result<(), JournalError>>>,
}

impl Running {
    pub fn start(clients: Arc<dyn Clients>, format: Format) -> Self {
        let running = Self::begin(clients, format, None);
        // What it does by itself is behind it.
        running.wait_until_compared();
        running
    }

    /// Starts one that may not be the writer.
    pub fn begin(clients: Arc<dyn Clients>, format: Format, snapshot: Option<Snapshot>) -> Self {
        Self::launch(clients, format, snapshot, &[CAMDEN, HACKNEY])
    }

    /// Starts one where an agreement covers these organisations.
    pub fn begin_under(clients: Arc<dyn Clients>, format: Format, parties: &[&str]) -> Self {
        Self::launch(clients, format, None, parties)
    }

    fn launch(
        clients: Arc<dyn Clients>,
        format: Format,
        snapshot: Option<Snapshot>,
        parties: &[&str],
    ) -> Self {
        let clock = Arc::new(Still(AtomicI64::new(day("2026-06-01").start().0)));
        let cover = Arc::new(Signed::default());
        cover.set(parties);
        let directory = Arc::new(Directory::default());
        let (writer, desk) = writer::writer(Parts {
            clients,
            format,
            rules: Rules::default(),
            cover: cover.clone(),
            clock: clock.clone(),
            entropy: Box::new(SystemEntropy),
            directory: directory.clone(),
            metrics: Metrics::new(&walbrook_runtime::metrics::Metrics::new()),
            snapshot,
        });
        let stop = Shutdown::new();
        let told = stop.clone();
        let ready = Arc::new(AtomicBool::new(false));
        let says = Arc::clone(&ready);
        let thread = std::thread::spawn(move || {
            writer.run(&told, &|is_ready| says.store(is_ready, Ordering::Release))
        });
        Self {
            desk,
            directory,
            clock,
            cover,
            ready,
            stop,
            thread: Some(thread),
        }
    }

    pub fn wait_until_serving(&self) {
        wait_for("the writer to serve", || {
            assert!(!self.has_ended(), "the writer ended before it served");
            self.desk.is_serving()
        });
    }

    /// Whether it says that calls are answered: one that follows says so once the group has told it who writes.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Every record it holds was compared under the cover.
    pub fn wait_until_compared(&self) {
        wait_for("every record to be compared", || {
            assert!(!self.has_ended(), "the writer ended before");
            self.desk.is_serving() && self.desk.is_compared()
        });
    }

    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops it and says how it ended.
    pub fn stop(mut self) -> Result<(), JournalError> {
        self.stop.request();
        self.thread.take().unwrap().join().unwrap()
    }

    pub async fn link(&self, organisation: &str, id: &str, stated: Stated) -> Handle {
        let done = self
            .desk
            .submit(vec![link(organisation, id, Some(stated))])
            .await
            .unwrap();
        match done.results.into_iter().next() {
            Some(Ok(Answer::Linked(handle))) => handle,
            other => panic!("not linked: {other:?}"),
        }
    }

    pub async fn merge(&self, survivor: Handle, other: Handle) -> Done {
        let command = Command::Merge {
            survivor: Who::Handle(survivor),
            other: Who::Handle(other),
            reason: "reviewed-same-person".into(),
            by: "GSS:E09000007/op".into(),
        };
        self.desk.submit(vec![command]).await.unwrap()
    }

    pub async fn unmerge(&self, record: Handle) -> Done {
        let command = Command::Unmerge {
            record: Who::Handle(record),
            reason: "reviewed-different-people".into(),
            by: "GSS:E09000007/op".into(),
        };
        self.desk.submit(vec![command]).await.unwrap()
    }
}

pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Monotonic::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub fn token(organisation: &str, id: &str) -> Token {
    use sha2::{Digest, Sha256};
    Token(Sha256::digest(format!("{organisation}/{id}")).into())
}

pub fn link(organisation: &str, id: &str, stated: Option<Stated>) -> Command {
    Command::Link(LinkItem {
        token: token(organisation, id),
        organisation: organisation.parse().unwrap(),
        agency: "housing".into(),
        id_scheme: "LOCAL".into(),
        stated,
        previous: None,
    })
}

pub fn amara() -> Stated {
    Stated {
        given_name: "Amara".into(),
        family_name: "Okafor".into(),
        birth_date: Some(day("1990-05-17")),
        postcode: "NW1 2DB".into(),
        ..Stated::default()
    }
}

pub fn peter() -> Stated {
    Stated {
        given_name: "Peter".into(),
        family_name: "Lindqvist".into(),
        birth_date: Some(day("1951-11-30")),
        postcode: "E8 1EA".into(),
        ..Stated::default()
    }
}

/// Every committed record of `control.links`, by partition and offset.
pub fn link_records(clients: &dyn Clients, format: &Format) -> Vec<(Record, LinkRecord)> {
    let mut records = Vec::new();
    read_to_end(
        clients,
        &format.links_partitions(),
        &Shutdown::new(),
        &mut |record| {
            let (_, body) = walbrook_event::framing::unframe(record.value.as_deref()).unwrap();
            let link = LinkRecord::decode_exact(body).unwrap();
            records.push((record, link));
            Ok(())
        },
    )
    .unwrap();
    records
}

/// The last link record of each handle.
pub fn last_links(clients: &dyn Clients, format: &Format) -> BTreeMap<Handle, LinkRecord> {
    let records = link_records(clients, format);
    records
        .into_iter()
        .map(|(_, link)| (Handle::try_from(&*link.handle).unwrap(), link))
        .collect()
}

pub fn links_end(clients: &dyn Clients, format: &Format, partition: i32) -> i64 {
    let at = TopicPartition::new(format.namespace.name(topics::LINKS), partition);
    let ends = clients
        .ends()
        .unwrap()
        .high_watermarks(&[at], DEADLINE)
        .unwrap();
    ends[0]
}

/// Real Kafka and registry, in a namespace of their own.
pub async fn kafka() -> (Arc<dyn Clients>, Format) {
    let cluster = tokio::task::spawn_blocking(walbrook_testkit::cluster::shared)
        .await
        .unwrap();
    let namespace = Namespace::new(&walbrook_testkit::cluster::namespace());
    let kafka = Kafka::new(cluster.kafka, BTreeMap::new());
    let table = topics::table(&namespace, 4);
    let ours = [topics::IDENTITY, topics::LINKS, topics::AGREEMENTS];
    let table: Vec<_> = table
        .into_iter()
        .filter(|topic| ours.contains(&topic.plain.as_str()))
        .collect();
    kafka.admin().unwrap().create(&table, 1, 1).await.unwrap();
    let registry = Registry::new(&format!("{}/apis/ccompat/v7", cluster.registry));
    let mut schemas = Vec::new();
    for (topic, full_name, schema) in [
        (
            topics::IDENTITY,
            IdentityRecord::FULL_NAME,
            IdentityRecord::SCHEMA,
        ),
        (topics::LINKS, LinkRecord::FULL_NAME, LinkRecord::SCHEMA),
    ] {
        let subject = subject(&namespace, topic, full_name);
        let id = registry.register(&subject, schema).await.unwrap();
        schemas.push(Schema { subject, id });
    }
    let links = schemas.pop().unwrap();
    let identity = schemas.pop().unwrap();
    (
        Arc::new(kafka),
        Format {
            namespace,
            partitions: 4,
            identity,
            links,
        },
    )
}
