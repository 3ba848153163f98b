//! A fallen person's reads: few seeks, a stop in their midst, and whoever goes on. On a log in memory, with everything counted.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use super::*;
use crate::bound::Through as Shown;
use crate::ledger::Opens;
use crate::notices::{Ids, Records};
use crate::shelf::Held;
use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;
use walbrook_domain::HandlePseudonym;
use walbrook_event::framing;
use walbrook_eventlog::memory::{MemoryLog, MemoryReader};
use walbrook_eventlog::{
    Appender, Ends, Headers, LogError, Namespace, NewRecord, Reader, Record, TopicPartition, topics,
};
use walbrook_proto::audit::v1::{AnsweredRow, PageAgreement, ReadRecord};
use walbrook_proto::avro::AvroRecord;
use walbrook_view::notice::MOST_READS;
use walbrook_view::{ContributionKey, Removed};

const PURPOSE: &str = "rough-sleeping";
const AGREEMENT: &str = "test-agreement";
const ANNE: Pseudonym = Pseudonym::new([1; 16]);
const BRAM: Pseudonym = Pseudonym::new([2; 16]);
const OTHER: Pseudonym = Pseudonym::new([9; 16]);
const READS: usize = 1_300;
/// Where the retraction stands: behind everything that any read was computed from.
const FELL_AT: i64 = 5;

fn event(of: Pseudonym) -> EventId {
    EventId::new(Uuid::from_bytes(*of.as_bytes()))
}

fn fallen(people: &[Pseudonym]) -> Removed {
    let key = |person: &Pseudonym| ContributionKey {
        handle: HandlePseudonym::new(*person.as_bytes()),
        event: event(*person),
        agreement: AGREEMENT.parse().unwrap(),
    };
    Removed {
        reason: "SUPERSEDED".into(),
        contributions: 1,
        people: 0,
        fallen: people.iter().map(|one| (*one, key(one))).collect(),
    }
}

fn read_id(number: usize) -> String {
    Uuid::from_u128(1_000 + u128::try_from(number).unwrap()).to_string()
}

fn read(number: usize, people: &[Pseudonym]) -> ReadRecord {
    let row = |person: &Pseudonym| AnsweredRow {
        person_pseudonym: person.as_bytes().to_vec(),
        row_sha256: vec![0; 32],
        explanation_sha256: None,
        events: event(*person).as_bytes()[..8].to_vec(),
    };
    ReadRecord {
        read_id: read_id(number),
        organisation: "GSS:E09000007".to_owned(),
        role: "officer".to_owned(),
        purpose: PURPOSE.to_owned(),
        view: "a-view".to_owned(),
        answered: people.iter().map(row).collect(),
        applied: vec![AppliedOffset {
            topic: "shared.rough-sleeping".to_owned(),
            partition: 0,
            next_offset: 1,
        }],
        agreements: vec![PageAgreement {
            agreement_id: AGREEMENT.to_owned(),
            version: 1,
        }],
        evaluated_at: Some(clock::timestamp(Instant(0))),
        grounds_applied_through: Some(clock::timestamp(Instant(0))),
        view_sha256: vec![0; 32],
        ..ReadRecord::default()
    }
}

/// What readers did; the last allowed poll asks for the stop.
#[derive(Default)]
struct Counts {
    seeks: AtomicUsize,
    polls: AtomicUsize,
    stop_in: AtomicUsize,
    stop: Shutdown,
}

struct Counting {
    inner: MemoryReader,
    counts: Arc<Counts>,
}

impl Reader for Counting {
    fn assign(&mut self, starts: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        if !starts.is_empty() {
            self.counts.seeks.fetch_add(1, Ordering::SeqCst);
        }
        self.inner.assign(starts)
    }

    fn poll(&mut self, max: usize, wait: Duration, into: &mut Vec<Record>) -> Result<(), LogError> {
        let polls = self.counts.polls.fetch_add(1, Ordering::SeqCst) + 1;
        if polls == self.counts.stop_in.load(Ordering::SeqCst) {
            self.counts.stop.request();
        }
        let before = into.len();
        self.inner.poll(max, wait, into)?;
        if into.len() == before {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn position(&self, at: &TopicPartition) -> Option<i64> {
        self.inner.position(at)
    }
}

struct Open(MemoryLog, Arc<Counts>);

impl Opens for Open {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(Counting {
            inner: self.0.reader(),
            counts: Arc::clone(&self.1),
        }))
    }

    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        Ok(Box::new(self.0.clone()))
    }
}

/// A log with reads on it, and the store that says what fell.
struct Town {
    log: MemoryLog,
    namespace: Namespace,
    folder: tempfile::TempDir,
    meta: Keyspace,
}

impl Town {
    fn new() -> Self {
        let namespace = Namespace::new("town");
        let (reads, notices) = (
            namespace.name(topics::READS),
            namespace.name(topics::NOTICES),
        );
        let folder = tempfile::tempdir().unwrap();
        let database = Database::builder(folder.path().join("store"))
            .open()
            .unwrap();
        let meta = database.keyspace("meta", KeyspaceCreateOptions::default);
        Self {
            log: MemoryLog::new([(reads.as_str(), 1), (notices.as_str(), 1)]),
            namespace,
            meta: meta.unwrap(),
            folder,
        }
    }

    fn at(&self, topic: &str) -> TopicPartition {
        TopicPartition::new(self.namespace.name(topic), 0)
    }

    fn reads(&self, reads: impl IntoIterator<Item = ReadRecord>) {
        let record = |read: ReadRecord| NewRecord {
            topic: self.namespace.name(topics::READS).into(),
            partition: Some(0),
            key: None,
            value: Some(framing::frame(1, &read.to_vec().unwrap()).into()),
            headers: Headers::new().with("ce_type", ReadRecord::FULL_NAME),
            timestamp_ms: None,
        };
        let records = reads.into_iter().map(record).collect();
        self.log
            .append(records, Box::new(|placed| drop(placed.unwrap())));
    }

    fn fell(&self, people: &[Pseudonym]) {
        for (key, value) in Causes::entries(0, FELL_AT, &fallen(people)) {
            self.meta.insert(key, value).unwrap();
        }
    }

    /// A process that has read all there is, with its index in this folder.
    fn process(&self, folder: &str) -> (Join, Arc<Counts>) {
        let counts = Arc::new(Counts::default());
        let open = || Box::new(Open(self.log.clone(), Arc::clone(&counts)));
        let folder = self.folder.path().join(folder);
        let ledger = Ledger::open(&folder, self.at(topics::READS), open()).unwrap();
        let ids = Ids {
            notice: 1,
            acknowledgement: 2,
            delivery: 3,
            complete: 4,
        };
        let records = Records::new(Arc::new(self.log.clone()), self.namespace.clone(), ids);
        let at = self.at(topics::NOTICES);
        let notices = Notices::new(at, open(), records, Arc::new(clock::now));
        let stop = Shutdown::new();
        std::thread::scope(|scope| {
            scope.spawn(|| ledger.follow(&stop).unwrap());
            scope.spawn(|| notices.follow(&stop).unwrap());
            ledger.wait_caught_up(&stop).unwrap();
            notices.wait_caught_up(&stop).unwrap();
            stop.request();
        });
        notices.serve(self.source()).unwrap();
        counts.seeks.store(0, Ordering::SeqCst);
        counts.polls.store(0, Ordering::SeqCst);
        let ledger = Arc::new(ledger);
        let metrics = Metrics::new(&walbrook_runtime::metrics::Metrics::new());
        let join = Join {
            answers: Answers::new(Arc::clone(&ledger)).unwrap(),
            notices: Arc::new(notices),
            ledger,
            board: Arc::default(),
            metrics,
        };
        (join, counts)
    }

    /// Everything is applied and every ground is in time.
    fn source(&self) -> Source {
        let held = (0..2).map(|_| Held {
            next_offset: FELL_AT + 1,
            ..Held::default()
        });
        let bound = Bound::new(Duration::from_secs(86_400));
        bound.complete(Shown {
            wall: clock::now(),
            monotonic: Monotonic::now() + Duration::from_secs(3_600),
        });
        Source {
            purpose: PURPOSE.to_owned(),
            shelf: Arc::new(Shelf::new(topics::shared(PURPOSE), held.collect())),
            bound: Arc::new(bound),
            causes: Arc::new(Causes::new(self.meta.clone())),
        }
    }

    /// The notices on record, and behind how many of them each statement stands that every one is written.
    fn on_record(&self) -> (Vec<Notice>, Vec<usize>) {
        let (mut notices, mut complete) = (Vec::new(), Vec::new());
        for record in self
            .log
            .committed_records(&self.namespace.name(topics::NOTICES))
        {
            let (_, body) = framing::unframe(record.value.as_deref()).unwrap();
            match record.headers.text("ce_type") {
                Some(Notice::FULL_NAME) => notices.push(Notice::decode_exact(body).unwrap()),
                Some(NoticesComplete::FULL_NAME) => complete.push(notices.len()),
                other => panic!("{other:?}"),
            }
        }
        (notices, complete)
    }
}

fn counted(count: &AtomicUsize) -> usize {
    count.load(Ordering::SeqCst)
}

#[test]
fn a_stop_amid_the_reads_of_a_fallen_person_is_prompt_and_whoever_goes_on_says_all() {
    let town = Town::new();
    town.reads((0..READS).map(|number| read(number, &[ANNE])));
    town.fell(&[ANNE]);
    let (join, counts) = town.process("one");
    counts.stop_in.store(3, Ordering::SeqCst);
    join.run(&counts.stop.clone()).unwrap();
    assert_eq!(counted(&counts.polls), 3, "nothing is read after the stop");
    let (_, complete) = town.on_record();
    assert!(complete.is_empty(), "what is not written is not stated");

    // Whoever goes on, and one more behind it.
    for folder in ["two", "three"] {
        let (mut join, _) = town.process(folder);
        join.turn(&Shutdown::new()).unwrap();
        let (notices, complete) = town.on_record();
        assert_eq!(notices.len(), 1, "by {folder}");
        assert_eq!(complete, [1], "by {folder}: stated once, behind the notice");
        let named: Vec<String> = (0..MOST_READS).map(read_id).collect();
        assert_eq!(notices[0].read_ids, named);
        assert_eq!(notices[0].event_ids, [event(ANNE).uuid().to_string()]);
    }
}

#[test]
fn the_reads_of_all_who_fell_are_read_in_one_go() {
    let town = Town::new();
    // Everybody's lists, with those of somebody else between.
    town.reads((0..3 * READS).map(|number| match number % 3 {
        0 => read(number, &[ANNE, BRAM, OTHER]),
        1 => read(number, &[BRAM]),
        _ => read(number, &[OTHER]),
    }));
    town.fell(&[ANNE, BRAM]);
    let (mut join, counts) = town.process("one");
    join.turn(&Shutdown::new()).unwrap();
    assert_eq!(counted(&counts.seeks), 1);
    assert!(counted(&counts.polls) < 100, "{}", counted(&counts.polls));
    let (notices, complete) = town.on_record();
    assert_eq!((notices.len(), complete), (2, vec![2]));
    // It was all said.
    let (mut join, _) = town.process("two");
    join.turn(&Shutdown::new()).unwrap();
    assert_eq!(town.on_record().0.len(), 2);
}

#[test]
fn far_reads_are_sought_and_only_what_is_an_answer_is_taken() {
    let town = Town::new();
    // The fourth is put on record once more at the end: that record is the answer's.
    let far = (0..5_000).chain([3]).map(|number| read(number, &[OTHER]));
    town.reads(far);
    let (mut join, counts) = town.process("one");
    let mut taken = |places: &[i64]| {
        let mut taken = Vec::new();
        let take = &mut |place: i64, read: &ReadRecord| taken.push((place, read.read_id.clone()));
        join.answers.each(places, &Shutdown::new(), take).unwrap();
        taken
    };
    let ids = |places: &[usize]| -> Vec<(i64, String)> {
        let pair = |place: &usize| (i64::try_from(*place).unwrap(), read_id(*place));
        places.iter().map(pair).collect()
    };
    assert_eq!(taken(&[1, 3, 7, 4_000, 4_002]), ids(&[1, 7, 4_000, 4_002]));
    assert_eq!(counted(&counts.seeks), 2);
    // Those are held, in their order among new ones.
    assert_eq!(taken(&[1, 3, 7]), ids(&[1, 7]));
    assert_eq!(counted(&counts.seeks), 2);
    assert_eq!(taken(&[0, 1, 2, 7]), ids(&[0, 1, 2, 7]));
    assert_eq!(counted(&counts.seeks), 3);
    assert_eq!(taken(&[5_000]), [(5_000, read_id(3))]);
    // More than are held, from the first to the last.
    let all: Vec<usize> = (0..5_000).filter(|number| *number != 3).collect();
    let places: Vec<i64> = (0..5_000).collect();
    for _ in 0..2 {
        assert_eq!(taken(&places), ids(&all));
    }
}

#[test]
fn more_reads_than_are_looked_up_together_make_one_notice_each() {
    let town = Town::new();
    let people: Vec<Pseudonym> = (1..=30).map(|one| Pseudonym::new([one; 16])).collect();
    // The first was shown 12,000 times, each of the others 400 times.
    town.reads((0..12_000).map(|number| match number % 30 {
        0 => read(number, &people),
        _ => read(number, &people[..1]),
    }));
    town.fell(&people);
    let (mut join, _) = town.process("one");
    join.turn(&Shutdown::new()).unwrap();
    let (notices, complete) = town.on_record();
    let told: BTreeSet<&Vec<u8>> = notices.iter().map(|one| &one.person_pseudonym).collect();
    assert_eq!((told.len(), notices.len(), complete), (30, 30, vec![30]));
    assert!(notices.iter().all(|one| one.read_ids.len() == MOST_READS));
}
