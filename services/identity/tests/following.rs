//! What a process holds that did not write it: from a snapshot and the tail of the log, and beside the writer until it is gone.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use walbrook_domain::Handle;
use walbrook_event::Plain;
use walbrook_eventlog::{Namespace, Transactor};
use walbrook_identity::error::{CallError, JournalError};
use walbrook_identity::follow::{Follower, Held, rebuild};
use walbrook_identity::journal::{Clients, Format};
use walbrook_identity::linkage::demographics::Stated;
use walbrook_identity::linkage::{Changes, Command, Who};
use walbrook_identity::snapshot::{Copy, Snapshot};
use walbrook_runtime::shutdown::Shutdown;

fn snapshot(folder: &Path) -> Snapshot {
    Snapshot::new(folder, Arc::new(Plain))
}

/// A person of a small world, so that records meet.
fn somebody(random: &mut StdRng) -> Stated {
    Stated {
        nhs_number: ["", "", "9990000042", "9990000050"][random.random_range(0..4)].into(),
        restricted: random.random_bool(0.2),
        ..[amara(), peter()][random.random_range(0..2)].clone()
    }
}

/// Some calls, at random.
async fn live(running: &Running, random: &mut StdRng, calls: usize) {
    let mut handles: Vec<Handle> = Vec::new();
    for _ in 0..calls {
        let organisation = [CAMDEN, HACKNEY][random.random_range(0..2)];
        let number = random.random_range(0..9).to_string();
        match random.random_range(0..8) {
            0 if handles.len() > 1 => {
                let survivor = handles[random.random_range(0..handles.len())];
                let other = handles[random.random_range(0..handles.len())];
                let command = Command::Merge {
                    survivor: Who::Handle(survivor),
                    other: Who::Handle(other),
                    reason: "reviewed-same-person".into(),
                    by: "GSS:E09000007/op".into(),
                };
                running.desk.submit(vec![command]).await.unwrap();
            }
            1 if !handles.is_empty() => {
                let record = handles[random.random_range(0..handles.len())];
                let command = Command::Unmerge {
                    record: Who::Handle(record),
                    reason: "reviewed-different-people".into(),
                    by: "GSS:E09000007/op".into(),
                };
                running.desk.submit(vec![command]).await.unwrap();
            }
            _ => handles.push(running.link(organisation, &number, somebody(random)).await),
        }
    }
}

/// What a start has.
fn started(clients: &dyn Clients, format: &Format, held: Option<Held>) -> Held {
    Follower::start(clients, format, held, &Shutdown::new())
        .unwrap()
        .into_held()
}

async fn the_same_from_a_snapshot(clients: Arc<dyn Clients>, format: Format, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let kept = snapshot(folder.path());
    let running = Running::begin(clients.clone(), format.clone(), Some(kept.clone()));
    running.wait_until_serving();
    let calls = random.random_range(1..30);
    live(&running, &mut random, calls).await;
    // One more with a link, so that there is something to keep.
    running.link(CAMDEN, "first", amara()).await;
    running.stop().unwrap();
    let at_stop = kept.load(clients.as_ref(), &format).unwrap().unwrap();
    assert!(at_stop.index == rebuild(clients.as_ref(), &format, &Shutdown::new()).unwrap());

    // The log goes on without it.
    let running = Running::begin(clients.clone(), format.clone(), None);
    running.wait_until_serving();
    let calls = random.random_range(0..30);
    live(&running, &mut random, calls).await;
    running.stop().unwrap();
    let stale = kept.load(clients.as_ref(), &format).unwrap();
    assert!(stale.as_ref() == Some(&at_stop), "the file is another one");
    let from_snapshot = started(clients.as_ref(), &format, stale);
    let from_log = started(clients.as_ref(), &format, None);
    assert!(from_snapshot == from_log, "seed {seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_and_the_tail_are_the_log_in_memory() {
    for seed in 0..40 {
        let (log, format) = memory();
        the_same_from_a_snapshot(Arc::new(Memory(log)), format, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_and_the_tail_are_the_log_on_kafka() {
    for seed in 100..103 {
        let (clients, format) = kafka().await;
        the_same_from_a_snapshot(clients, format, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_cannot_be_used_is_passed_over() {
    let (log, format) = memory();
    let clients: Arc<dyn Clients> = Arc::new(Memory(log));
    let folder = tempfile::tempdir().unwrap();
    let kept = snapshot(folder.path());
    let path = folder.path().join("identity.snapshot");
    assert!(kept.load(clients.as_ref(), &format).unwrap().is_none());

    let running = Running::begin(clients.clone(), format.clone(), Some(kept.clone()));
    running.wait_until_serving();
    running.link(CAMDEN, "1", amara()).await;
    running.link(HACKNEY, "1", amara()).await;
    running.stop().unwrap();
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(kept.usable(clients.as_ref(), &format).is_some());

    // Damaged anywhere, or cut, or longer.
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        let problem = kept.load(clients.as_ref(), &format);
        let problem = problem.map(|_| ()).expect_err(&format!("byte {at}"));
        assert!(!problem.to_string().contains("Okafor"));
        std::fs::write(&path, &whole[..at]).unwrap();
        assert!(kept.load(clients.as_ref(), &format).is_err(), "cut at {at}");
    }
    std::fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    assert!(kept.load(clients.as_ref(), &format).is_err());
    let running = Running::begin(clients.clone(), format.clone(), Some(kept.clone()));
    running.wait_until_serving();
    assert_eq!(running.directory.len(), 2);
    running.stop().unwrap();

    // Another namespace, and another log of the same name.
    std::fs::write(&path, &whole).unwrap();
    let elsewhere = Format {
        namespace: Namespace::new("other"),
        ..format.clone()
    };
    assert!(kept.load(clients.as_ref(), &elsewhere).is_err());
    let (other, _) = memory();
    let other = Memory(other);
    assert!(kept.load(&other, &format).is_err(), "an empty log");
    let running = Running::start(Arc::new(Memory(other.0.clone())), format.clone());
    running.link(CAMDEN, "1", amara()).await;
    running.link(HACKNEY, "1", amara()).await;
    running.stop().unwrap();
    assert!(kept.load(&other, &format).is_err(), "a log of its own");

    // Newer than the log.
    let held = kept.load(clients.as_ref(), &format).unwrap().unwrap();
    let ahead = Copy {
        records: held.index.records().cloned().collect(),
        identity_next: held.identity_next + 1_000,
        links_next: held.links_next,
    };
    kept.write(clients.as_ref(), &format, &ahead).unwrap();
    let problem = kept.load(clients.as_ref(), &format).unwrap_err();
    assert!(problem.to_string().contains("newer"), "{problem}");
}

/// A link record that no identity record stands behind is found behind a snapshot too, and so is one that is missing.
#[tokio::test(flavor = "multi_thread")]
async fn topics_that_disagree_behind_a_snapshot_stop_it() {
    let (log, format) = memory();
    let clients: Arc<dyn Clients> = Arc::new(Memory(log.clone()));
    let running = Running::start(clients.clone(), format.clone());
    let a = running.link(CAMDEN, "1", amara()).await;
    running.stop().unwrap();
    let held = started(clients.as_ref(), &format, None);
    let start = |held: &Held| {
        Follower::start(
            clients.as_ref(),
            &format,
            Some(held.clone()),
            &Shutdown::new(),
        )
        .map(|_| ())
    };
    start(&held).unwrap();

    // Another log's state of the same record, one half at a time.
    let foreign = {
        let mut index = held.index.clone();
        let mut record = (**index.record(a).unwrap()).clone();
        record.revision += 1;
        index.put(Arc::new(record));
        index
    };
    for (identity, links) in [(true, false), (false, true)] {
        let mut forger = log.transactor("forger");
        forger.init().unwrap();
        let changes = Changes {
            identity: identity.then_some(a).into_iter().collect(),
            links: links.then_some(a).into_iter().collect(),
            ..Changes::default()
        };
        forger.begin().unwrap();
        for record in format
            .records(&foreign, &changes, day("2026-06-01").start())
            .unwrap()
        {
            forger.send(record).unwrap();
        }
        forger.drain().unwrap();
        forger.commit().unwrap();
        let found = start(&held);
        // Both halves together agree again.
        match (identity, found) {
            (true, Err(JournalError::Disagree { count: 1, .. })) | (false, Ok(())) => {}
            (_, other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_follows_and_takes_over_on_kafka() {
    let (clients, format) = kafka().await;
    let first = Running::begin(clients.clone(), format.clone(), None);
    first.wait_until_serving();
    let a = first.link(CAMDEN, "1", amara()).await;
    let second = Running::begin(clients.clone(), format.clone(), None);
    wait_for("the second to read", || second.desk.is_reading());
    // Whichever the group seats writes; the other one follows it. Before both were told, the first writes still, and may lose its seat yet.
    wait_for("one of them to write, and both to know", || {
        let both = first.is_ready() && second.is_ready();
        both && first.desk.is_serving() != second.desk.is_serving()
    });
    let (writer, reader) = if first.desk.is_serving() {
        (first, second)
    } else {
        (second, first)
    };
    let refused = reader.desk.submit(vec![link(CAMDEN, "9", None)]).await;
    assert!(
        matches!(refused, Err(CallError::NotTheWriter)),
        "{refused:?}"
    );
    for number in 2..12 {
        let linked = writer
            .link(HACKNEY, &number.to_string(), Stated::default())
            .await;
        // What was acknowledged before the wait began can be read after it.
        reader.desk.fresh().await.unwrap();
        let read = reader.directory.get(token(HACKNEY, &number.to_string()));
        assert_eq!(read.map(|record| record.handle), Some(linked));
    }
    assert_eq!(reader.directory.len(), 11);
    writer.stop().unwrap();
    reader.wait_until_serving();
    assert_eq!(reader.link(CAMDEN, "1", amara()).await, a);
    let b = reader.link(CAMDEN, "2", amara()).await;
    assert_eq!(reader.directory.get(token(CAMDEN, "2")).unwrap().handle, b);
    reader.stop().unwrap();
    let links = last_links(clients.as_ref(), &format);
    assert_eq!(links.len(), 12);
}
