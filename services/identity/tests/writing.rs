//! The writer over an in-memory log that keeps Kafka's rules of order and fencing, and over real Kafka.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use walbrook_domain::Handle;
use walbrook_eventlog::{
    Ends, GroupGeneration, InputPosition, LogError, NewRecord, Positions, Reader, Severity,
    TopicPartition, Transactor, murmur2_partition, topics,
};
use walbrook_eventlog_kafka::Kafka;
use walbrook_identity::error::{CallError, JournalError};
use walbrook_identity::follow::rebuild;
use walbrook_identity::journal::{Clients, Format, TRANSACTIONAL_ID};
use walbrook_identity::linkage::demographics::Stated;
use walbrook_identity::linkage::{Answer, Index};
use walbrook_proto::avro::AvroRecord;
use walbrook_runtime::shutdown::Shutdown;

/// The life of a writer: links in one transaction, merge, un-merge, and all of it again after a restart.
async fn a_life(clients: Arc<dyn Clients>, format: Format) {
    let first = Running::start(clients.clone(), format.clone());
    // Concurrent callers; each answer comes after a commit.
    let handles = futures_of((0..40).map(|n| {
        let stated = Stated {
            la_child_id: format!("{}", n % 10 + 1),
            ..Stated::default()
        };
        let first = &first;
        async move { first.link(CAMDEN, &n.to_string(), stated).await }
    }))
    .await;
    let written = last_links(clients.as_ref(), &format);
    assert_eq!(
        written.len(),
        40,
        "every handle has its link record when it is answered"
    );
    for (n, handle) in handles.iter().enumerate() {
        assert_eq!(
            written[handle].members.len(),
            4,
            "record {n}: four have the same number"
        );
    }
    for (record, link) in link_records(clients.as_ref(), &format) {
        assert_eq!(record.key.as_deref(), Some(&*link.handle));
        assert_eq!(record.at.partition, murmur2_partition(&link.handle, 4));
        assert_eq!(
            record.headers.text("ce_type"),
            Some("walbrook.identity.v1.LinkRecord")
        );
    }

    // An operator may join what the names speak against, never two births that are far apart.
    let undated = Stated {
        birth_date: None,
        ..peter()
    };
    let (a, b) = (
        first.link(CAMDEN, "a", amara()).await,
        first.link(HACKNEY, "b", undated.clone()).await,
    );
    let before = last_links(clients.as_ref(), &format);
    let merged = first.merge(a, b).await;
    for (partition, next) in &merged.positions {
        assert!(links_end(clients.as_ref(), &format, *partition) >= *next);
    }
    let after = last_links(clients.as_ref(), &format);
    assert_eq!(after[&a].members, after[&b].members);
    assert_eq!(after[&a].person, before[&a].person);
    assert_eq!(after[&b].retired_persons, [before[&b].person.clone()]);
    let committed = first.directory.get(token(HACKNEY, "b")).unwrap();
    assert_eq!(committed.person.as_bytes(), before[&a].person.as_slice());
    first.stop().unwrap();

    // A new process finds the same handles and the same merge, and can undo it.
    let second = Running::start(clients.clone(), format.clone());
    assert_eq!(second.link(HACKNEY, "b", undated).await, b);
    assert_eq!(
        second
            .link(
                CAMDEN,
                "0",
                Stated {
                    la_child_id: "1".into(),
                    ..Stated::default()
                }
            )
            .await,
        handles[0]
    );
    assert_eq!(
        last_links(clients.as_ref(), &format),
        after,
        "nothing new was said, nothing is written"
    );
    second.unmerge(b).await;
    let undone = last_links(clients.as_ref(), &format);
    for handle in [a, b] {
        let (now, then) = (&undone[&handle], &before[&handle]);
        assert_eq!(
            (&now.person, &now.members, &now.retired_persons),
            (&then.person, &then.members, &then.retired_persons)
        );
        assert!(now.revision > then.revision);
    }
    second.stop().unwrap();
}

/// Awaits all at once.
async fn futures_of<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(move |context| {
        let mut whole = true;
        for (future, value) in &mut pending {
            if value.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(ready) => *value = Some(ready),
                    std::task::Poll::Pending => whole = false,
                }
            }
        }
        if whole {
            std::task::Poll::Ready(
                pending
                    .iter_mut()
                    .filter_map(|(_, value)| value.take())
                    .collect(),
            )
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}

/// What a dead writer left open never counts, and does not hold the next one up.
async fn a_death(clients: Arc<dyn Clients>, format: Format) {
    // The dead one wrote a whole merge and died before the commit, on an otherwise empty log.
    let leave_open = |index: &Index| {
        let mut dead = clients.transactor(&format.namespace.name(TRANSACTIONAL_ID));
        dead.init().unwrap();
        dead.begin().unwrap();
        let changes = walbrook_identity::linkage::Changes {
            identity: index.records().map(|record| record.handle).collect(),
            links: index.records().map(|record| record.handle).collect(),
            ..Default::default()
        };
        let now = day("2026-06-01").start();
        for record in format.records(index, &changes, now).unwrap() {
            dead.send(record).unwrap();
        }
        dead.drain().unwrap();
        dead
    };
    let foreign = {
        let (log, of_log) = memory();
        let source = Running::start(Arc::new(Memory(log.clone())), of_log.clone());
        source.link(CAMDEN, "x", amara()).await;
        source.link(HACKNEY, "x", amara()).await;
        source.stop().unwrap();
        rebuild(&Memory(log), &of_log, &Shutdown::new()).unwrap()
    };
    let dead = leave_open(&foreign);
    let running = Running::start(clients.clone(), format.clone());
    assert!(running.directory.is_empty());
    let a = running.link(CAMDEN, "1", amara()).await;
    running.stop().unwrap();
    drop(dead);

    // And once more, on a log with something on it.
    let dead = leave_open(&foreign);
    let running = Running::start(clients.clone(), format.clone());
    assert_eq!(running.directory.len(), 1);
    assert_eq!(running.link(CAMDEN, "1", amara()).await, a);
    running.stop().unwrap();
    drop(dead);
    let links = last_links(clients.as_ref(), &format);
    assert_eq!(links.keys().collect::<Vec<_>>(), [&a]);
}

/// The real log without its group: whoever comes takes over, as a process does that the group believes dead.
struct Alone(Arc<dyn Clients>);

impl Clients for Alone {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        self.0.reader()
    }
    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        self.0.ends()
    }
    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        self.0.transactor(id)
    }
    fn positions(&self) -> Result<Box<dyn Positions>, LogError> {
        self.0.positions()
    }
}

/// A second writer ends the first: it stops at its next write and has written nothing more.
async fn a_takeover(clients: Arc<dyn Clients>, format: Format) {
    let first = Running::start(clients.clone(), format.clone());
    let a = first.link(CAMDEN, "1", amara()).await;
    let second = Running::start(clients.clone(), format.clone());
    let refused = first
        .desk
        .submit(vec![link(CAMDEN, "2", Some(peter()))])
        .await;
    assert!(matches!(refused, Err(CallError::NotWritten)), "{refused:?}");
    wait_for("the first writer to end", || first.has_ended());
    let ended = first.stop().unwrap_err();
    assert_eq!(ended.severity(), Severity::Fenced, "{ended}");
    assert_eq!(second.link(CAMDEN, "1", amara()).await, a);
    second.link(CAMDEN, "2", peter()).await;
    second.stop().unwrap();
    assert_eq!(last_links(clients.as_ref(), &format).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_in_memory() {
    let (log, format) = memory();
    a_life(Arc::new(Memory(log)), format).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_in_memory() {
    let (log, format) = memory();
    a_death(Arc::new(Memory(log)), format).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_in_memory() {
    let (log, format) = memory();
    a_takeover(Arc::new(Memory(log)), format).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_life_on_kafka() {
    let (clients, format) = kafka().await;
    a_life(clients, format).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_on_kafka() {
    let (clients, format) = kafka().await;
    a_death(clients, format).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_on_kafka() {
    let (clients, format) = kafka().await;
    a_takeover(Arc::new(Alone(clients)), format).await;
}

/// Kafka is away: nobody waits, nothing is acknowledged, and stopping still works.
#[tokio::test(flavor = "multi_thread")]
async fn without_kafka_it_does_not_serve() {
    let (_, format) = memory();
    // Nothing listens on the discard port of loopback.
    let mut properties = BTreeMap::new();
    properties.insert("socket.timeout.ms".to_owned(), "1000".to_owned());
    let nobody = Kafka::new("127.0.0.1:9", properties);
    let (desk, stop, thread) = common_start(Arc::new(nobody), format);
    assert!(!desk.is_serving());
    let refused = desk.submit(vec![link(CAMDEN, "1", Some(amara()))]).await;
    assert!(matches!(refused, Err(CallError::NotReady)), "{refused:?}");
    stop.request();
    wait_for("the writer to stop", || thread.is_finished());
}

fn common_start(
    clients: Arc<dyn Clients>,
    format: Format,
) -> (
    walbrook_identity::writer::Desk,
    Shutdown,
    std::thread::JoinHandle<Result<(), JournalError>>,
) {
    use walbrook_identity::writer::{Parts, SystemClock, SystemEntropy, writer};
    let (writer, desk) = writer(Parts {
        clients,
        format,
        rules: walbrook_identity::linkage::Rules::default(),
        cover: Arc::new(Signed::default()),
        clock: Arc::new(SystemClock),
        entropy: Box::new(SystemEntropy),
        directory: Arc::default(),
        metrics: walbrook_identity::metrics::Metrics::new(
            &walbrook_runtime::metrics::Metrics::new(),
        ),
        snapshot: None,
    });
    let stop = Shutdown::new();
    let told = stop.clone();
    (
        desk,
        stop,
        std::thread::spawn(move || writer.run(&told, &|_| {})),
    )
}

/// What the next commit of a [`Shaky`] log does.
#[derive(Default)]
struct Plan {
    /// Commits, and then says that nobody knows.
    lose_the_answer: AtomicBool,
    /// Refuses a record as if a broker were away.
    refuse: AtomicBool,
}

/// An in-memory log whose commits go wrong on demand.
struct Shaky(Memory, Arc<Plan>);

impl Clients for Shaky {
    fn reader(&self) -> Result<Box<dyn Reader>, LogError> {
        self.0.reader()
    }
    fn ends(&self) -> Result<Box<dyn Ends>, LogError> {
        self.0.ends()
    }
    fn transactor(&self, id: &str) -> Box<dyn Transactor> {
        Box::new(ShakyTransactor(self.0.transactor(id), self.1.clone()))
    }
    fn positions(&self) -> Result<Box<dyn Positions>, LogError> {
        self.0.positions()
    }
}

struct ShakyTransactor(Box<dyn Transactor>, Arc<Plan>);

impl Transactor for ShakyTransactor {
    fn init(&mut self) -> Result<(), LogError> {
        self.0.init()
    }
    fn begin(&mut self) -> Result<(), LogError> {
        self.0.begin()
    }
    fn send(&mut self, record: NewRecord) -> Result<(), LogError> {
        self.0.send(record)
    }
    fn drain(&mut self) -> Result<Vec<(TopicPartition, i64)>, LogError> {
        if self.1.refuse.swap(false, Ordering::AcqRel) {
            return Err(LogError::new(
                Severity::Abort,
                "drain",
                "test",
                "a broker is away",
            ));
        }
        self.0.drain()
    }
    fn send_positions(
        &mut self,
        group: &str,
        positions: &[InputPosition],
        generation: Option<&dyn GroupGeneration>,
    ) -> Result<(), LogError> {
        self.0.send_positions(group, positions, generation)
    }
    fn commit(&mut self) -> Result<(), LogError> {
        self.0.commit()?;
        if self.1.lose_the_answer.swap(false, Ordering::AcqRel) {
            return Err(LogError::new(
                Severity::OutcomeUnknown,
                "commit",
                "test",
                "no answer",
            ));
        }
        Ok(())
    }
    fn abort(&mut self) -> Result<(), LogError> {
        self.0.abort()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_unknown_outcome_is_found_out_from_the_log() {
    let (log, format) = memory();
    let plan = Arc::new(Plan::default());
    let running = Running::start(
        Arc::new(Shaky(Memory(log.clone()), plan.clone())),
        format.clone(),
    );
    plan.lose_the_answer.store(true, Ordering::Release);
    let unsure = running
        .desk
        .submit(vec![link(CAMDEN, "1", Some(amara()))])
        .await;
    assert!(matches!(unsure, Err(CallError::NotWritten)), "{unsure:?}");
    let on_the_log: Vec<Handle> = last_links(&Memory(log.clone()), &format)
        .into_keys()
        .collect();
    running.wait_until_serving();
    assert_eq!(
        [running.link(CAMDEN, "1", amara()).await].as_slice(),
        on_the_log,
        "the retry finds what was committed"
    );
    running.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_commit_is_no_answer_and_no_trace() {
    let (log, format) = memory();
    let plan = Arc::new(Plan::default());
    let running = Running::start(
        Arc::new(Shaky(Memory(log.clone()), plan.clone())),
        format.clone(),
    );
    plan.refuse.store(true, Ordering::Release);
    let refused = running
        .desk
        .submit(vec![link(CAMDEN, "1", Some(amara()))])
        .await;
    assert!(matches!(refused, Err(CallError::NotWritten)), "{refused:?}");
    assert!(running.directory.is_empty());
    let handle = running.link(CAMDEN, "1", amara()).await;
    assert_eq!(
        last_links(&Memory(log), &format)
            .into_keys()
            .collect::<Vec<_>>(),
        [handle]
    );
    running.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_disagree_stop_it() {
    let (log, format) = memory();
    let running = Running::start(Arc::new(Memory(log.clone())), format.clone());
    let a = running.link(CAMDEN, "1", amara()).await;
    running.stop().unwrap();
    // Somebody writes a link record of their own.
    let mut forged = last_links(&Memory(log.clone()), &format)[&a].clone();
    forged.person = vec![7; 16];
    let body = forged.to_vec().unwrap();
    let mut other = log.transactor("another");
    other.init().unwrap();
    other.begin().unwrap();
    other
        .send(NewRecord {
            topic: format.namespace.name(topics::LINKS).into(),
            partition: None,
            key: Some(forged.handle.clone().into()),
            value: Some(walbrook_event::framing::frame(2, &body).into()),
            headers: walbrook_eventlog::Headers::new(),
            timestamp_ms: None,
        })
        .unwrap();
    other.commit().unwrap();
    let found = rebuild(&Memory(log), &format, &Shutdown::new()).unwrap_err();
    assert!(
        matches!(
            found,
            JournalError::Disagree {
                count: 1,
                of: 1,
                ..
            }
        ),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_agreement_and_a_birthday_come_without_a_call() {
    let (log, format) = memory();
    let clients = Memory(log.clone());
    let running = Running::start(Arc::new(Memory(log)), format.clone());
    let child = Stated {
        birth_date: Some(day("2008-06-10")),
        ..amara()
    };
    let a = running.link(CAMDEN, "1", child.clone()).await;
    let b = running.link(HACKNEY, "2", child).await;
    assert_eq!(last_links(&clients, &format)[&a].members.len(), 2);
    running
        .clock
        .0
        .store(day("2026-06-30").start().0, Ordering::Release);
    running.link(CAMDEN, "other", peter()).await;
    assert_eq!(last_links(&clients, &format)[&a].adult_from, None);
    running
        .clock
        .0
        .store(day("2026-07-01").start().0, Ordering::Release);
    wait_for("adult_from", || {
        last_links(&clients, &format)[&b].adult_from.is_some()
    });

    running.cover.set(&[CAMDEN]);
    wait_for("the un-link", || {
        last_links(&clients, &format)[&a].members.len() == 1
    });
    let links = last_links(&clients, &format);
    assert_ne!(links[&a].person, links[&b].person);
    assert!(links[&b].adult_from.is_some());
    running.cover.set(&[CAMDEN, HACKNEY]);
    wait_for("the link", || {
        last_links(&clients, &format)[&a].members.len() == 2
    });
    running.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_batch_answers_each_command_by_itself() {
    let (log, format) = memory();
    let running = Running::start(Arc::new(Memory(log)), format);
    let done = running
        .desk
        .submit(vec![
            link(CAMDEN, "1", Some(amara())),
            link(CAMDEN, "2", None),
            link(CAMDEN, "1", None),
        ])
        .await
        .unwrap();
    let answers: Vec<Answer> = done.results.into_iter().map(Result::unwrap).collect();
    assert!(matches!(answers[0], Answer::Linked(_)));
    assert_eq!(answers[1], Answer::DemographicsNeeded);
    assert_eq!(
        answers[0], answers[2],
        "the second of a batch sees the first"
    );
    running.stop().unwrap();
}
