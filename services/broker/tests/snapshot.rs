//! Starting from a snapshot comes to the same as reading the whole log, and is only done where it does.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Monotonic};
use walbrook_broker::control::core::{Core, Draft, Step};
use walbrook_broker::control::journal::{self, Format};
use walbrook_broker::control::registrar;
use walbrook_broker::control::snapshot::Snapshot;
use walbrook_broker::enforce::book::Book;
use walbrook_broker::enforce::clients::Clients;
use walbrook_broker::enforce::control_view::{ControlView, PolicyChange};
use walbrook_broker::enforce::feed::Feed;
use walbrook_broker::enforce::kept;
use walbrook_domain::control::{
    ControlFact, GroundFact, GroundKind, GroundState, PinFact, PinKind,
};
use walbrook_domain::{Handle, Instant};
use walbrook_eventlog::chain::Generations;
use walbrook_eventlog::memory::MemoryLog;
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{
    Ends, InputPosition, LogError, Namespace, Positions, Reader, TopicPartition, Transactor, topics,
};
use walbrook_policy::catalogue::Catalogue;
use walbrook_policy::state::ground_id;

const PARTITIONS: i32 = 2;
const DEADLINE: Duration = Duration::from_secs(60);

struct Memory(MemoryLog);

impl Clients for Memory {
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

fn namespace() -> Namespace {
    Namespace::new("t")
}

fn format() -> Format {
    let ids = walbrook_proto::records().iter();
    let ids = ids.map(|info| (info.full_name.to_owned(), 3));
    Format {
        namespace: namespace(),
        schemas: Arc::new(ids.collect::<BTreeMap<_, _>>()),
    }
}

fn catalogue() -> Arc<Catalogue> {
    Arc::new(registrar::catalogue(&[]).unwrap())
}

fn handle(number: u16) -> Handle {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    Handle::new(bytes)
}

fn consent(number: u16, state: GroundState, version: u32) -> ControlFact {
    let handle = handle(number);
    ControlFact::Ground(GroundFact {
        ground_id: ground_id(&handle, GroundKind::Consent, None, None, None),
        version,
        handle,
        kind: GroundKind::Consent,
        state,
        purpose: None,
        agreement: None,
        event: None,
        not_after: None,
        chosen_authority: None,
        stated_at: Instant(5),
        by_organisation: "ODS:RRV".parse().unwrap(),
        by: "nurse".to_owned(),
    })
}

fn key(number: u16) -> String {
    format!("key-{number}")
}

/// A log with rules pinned and 300 consents, each recorded with a key.
fn log() -> MemoryLog {
    let table = topics::table(&namespace(), PARTITIONS);
    let log = MemoryLog::new(
        table
            .iter()
            .map(|topic| (topic.name.as_str(), topic.partitions)),
    );
    log.set_now_ms(1_000);
    let pin = ControlFact::Pin(PinFact {
        kind: PinKind::DecisionRules,
        name: "decision".to_owned(),
        schema_id: 0,
        sha256: walbrook_policy::agreement::sha256("1"),
        content: "1".to_owned(),
    });
    append(&log, &pin, "");
    for number in 0..300 {
        append(&log, &consent(number, GroundState::Given, 1), &key(number));
    }
    log
}

fn append(log: &MemoryLog, fact: &ControlFact, key: &str) {
    let mut transactor = log.transactor("t.control");
    transactor.init().unwrap();
    transactor.begin().unwrap();
    for record in format().records(fact, key, Instant(7)).unwrap() {
        transactor.send(record).unwrap();
    }
    transactor.drain().unwrap();
    transactor.commit().unwrap();
}

/// Every p has come so far in the control plane.
fn commit(log: &MemoryLog, policy_next: [i64; 2]) {
    let mut transactor = log.transactor("t.broker.0");
    transactor.init().unwrap();
    transactor.begin().unwrap();
    let position = |(p, policy_next): (i32, i64)| InputPosition {
        at: TopicPartition::new(namespace().name(topics::LINKS), p),
        next_offset: 0,
        metadata: Position {
            policy_next,
            next_page: 0,
            cursor: None,
            generations: Generations::default(),
        }
        .to_string(),
    };
    let positions: Vec<_> = (0..).zip(policy_next).map(position).collect();
    transactor
        .send_positions("t.broker", &positions, None)
        .unwrap();
    transactor.commit().unwrap();
}

fn policy() -> TopicPartition {
    TopicPartition::new(namespace().name(topics::POLICY), 0)
}

fn end(log: &MemoryLog) -> i64 {
    let mut ends = log.clone();
    ends.high_watermarks(&[policy()], DEADLINE).unwrap()[0]
}

/// Runs a feed until it has applied the log as it stands.
fn catch_up(feed: &Feed, log: &MemoryLog) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = Box::new(log.reader());
        let running = scope.spawn(|| feed.run(reader, &policy(), &|| stop.load(Ordering::Acquire)));
        let wanted = end(log);
        let began = Monotonic::now();
        while feed.applied_through() < wanted && began.elapsed() < DEADLINE {
            feed.wait_until(wanted, Duration::from_millis(50));
        }
        stop.store(true, Ordering::Release);
        running.join().unwrap().unwrap();
    });
    assert!(feed.applied_through() >= end(log));
}

/// A feed that has read everything, and its snapshot on disk.
fn kept_from(log: &MemoryLog, folder: &std::path::Path) -> (Snapshot, i64) {
    let feed = Feed::new(Book::new(catalogue()));
    catch_up(&feed, log);
    assert_eq!(feed.records_since_snapshot(), 301);
    let snapshot = Snapshot::new(folder, &namespace());
    let (records, grounds, next_offset) = feed.copy();
    assert_eq!((records.len(), grounds.handles()), (1, 300));
    snapshot.write(&records, &grounds, next_offset).unwrap();
    assert_eq!(feed.records_since_snapshot(), 0);
    (snapshot, next_offset)
}

fn start_from(snapshot: &Snapshot, log: &MemoryLog) -> Option<i64> {
    let clients = Memory(log.clone());
    let loaded = kept::start_from(snapshot, &clients, &namespace(), PARTITIONS);
    loaded.map(|loaded| loaded.next_offset)
}

#[test]
fn a_feed_that_starts_from_a_snapshot_ends_where_one_that_reads_everything_does() {
    let (log, folder) = (log(), tempfile::tempdir().unwrap());
    let (snapshot, next_offset) = kept_from(&log, folder.path());
    commit(&log, [next_offset, next_offset + 3]);
    append(&log, &consent(7, GroundState::Withdrawn, 2), "");

    let clients = Memory(log.clone());
    let loaded = kept::start_from(&snapshot, &clients, &namespace(), PARTITIONS).unwrap();
    let from_snapshot = Feed::new(Book::new(catalogue()));
    from_snapshot.restore(loaded).unwrap();
    assert_eq!(from_snapshot.applied_through(), next_offset);
    catch_up(&from_snapshot, &log);
    let from_log = Feed::new(Book::new(catalogue()));
    catch_up(&from_log, &log);

    let (one, other) = (from_snapshot.read(), from_log.read());
    assert_eq!(one.applied_through(), other.applied_through());
    assert_eq!(one.pins_epoch(), other.pins_epoch());
    assert_eq!(one.rules_version(), Some(1));
    // A queue on its way asks for widenings from long before.
    let end = one.applied_through();
    assert_eq!(one.widenings(0, end).len(), 1);
    assert_eq!(one.widenings(0, end), other.widenings(0, end));
    for number in 0..300 {
        let of = |book: &Book| book.state().grounds().of(&handle(number)).to_vec();
        assert_eq!(of(&one), of(&other), "{number}");
    }
    // What came after the snapshot is a cause in both.
    let causes = |book: &Book| {
        let mut causes = Vec::new();
        book.each_change_since(next_offset, &mut |cause| {
            if matches!(cause.change, PolicyChange::Ground(_)) {
                causes.push(cause.offset);
            }
        });
        causes
    };
    assert_eq!(causes(&one).len(), 1);
    assert_eq!(causes(&one), causes(&other));
}

#[test]
fn a_snapshot_is_passed_over_where_a_cause_older_than_it_may_be_asked_for_or_the_log_is_another() {
    let (first, folder) = (log(), tempfile::tempdir().unwrap());
    let (snapshot, next_offset) = kept_from(&first, folder.path());
    assert_eq!(start_from(&snapshot, &first), None, "no p has committed");
    commit(&first, [next_offset, next_offset - 1]);
    assert_eq!(start_from(&snapshot, &first), None, "one p is behind");
    commit(&first, [next_offset, next_offset]);
    assert_eq!(start_from(&snapshot, &first), Some(next_offset));

    // Another log under the same name, as long as the first.
    let another = log();
    commit(&another, [next_offset, next_offset]);
    assert_eq!(start_from(&snapshot, &another), None);
    std::fs::write(folder.path().join("policy.snapshot"), b"damaged").unwrap();
    assert_eq!(start_from(&snapshot, &first), None);
}

#[test]
fn a_writer_that_starts_from_a_snapshot_knows_the_same_calls_and_versions() {
    let (log, folder) = (log(), tempfile::tempdir().unwrap());
    let (snapshot, next_offset) = kept_from(&log, folder.path());
    append(&log, &consent(7, GroundState::Withdrawn, 2), "late");
    let rebuilt = |snapshot: Option<&Snapshot>, log: &MemoryLog| -> Core {
        let (mut reader, mut ends) = (log.reader(), log.clone());
        let (format, catalogue) = (format(), catalogue());
        journal::rebuild(
            &mut reader,
            &mut ends,
            &format,
            &catalogue,
            snapshot,
            &|| false,
        )
        .unwrap()
    };
    let mut core = rebuilt(Some(&snapshot), &log);
    assert!(core.state().next_offset() > next_offset);
    assert_eq!(core.state().grounds().handles(), 300);
    let draft = |number, state, version, key: &str| Draft {
        fact: consent(number, state, version),
        idempotency_key: key.to_owned(),
    };
    // A call from before the snapshot, and one from after it.
    for again in [
        draft(3, GroundState::Given, 1, &key(3)),
        draft(7, GroundState::Withdrawn, 2, "late"),
    ] {
        let step = core.step(&again, Instant(9)).unwrap();
        assert!(matches!(step, Step::Repeated(_)), "{step:?}");
    }
    assert!(
        core.step(&draft(7, GroundState::Given, 2, "x"), Instant(9))
            .is_err()
    );
    assert!(
        core.step(&draft(7, GroundState::Given, 3, "y"), Instant(9))
            .is_ok()
    );

    // Of another log of this name: read from its beginning.
    let another = rebuilt(Some(&snapshot), &self::log());
    assert_eq!(another.state().grounds().handles(), 300);
    assert_eq!(
        another.state().next_offset(),
        rebuilt(None, &self::log()).state().next_offset()
    );
}
