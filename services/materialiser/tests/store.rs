//! The store and kill -9: state and offset are always of the same moment.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use walbrook_domain::*;
use walbrook_materialiser::store::Store;
use walbrook_view::{Contribution, ContributionKey, Input, Partition, Retraction};

const FOLDER: &str = "WALBROOK_TEST_STORE";
const FINGERPRINT: [u8; 32] = [1; 32];

/// What stands at an offset: releases of a few handles, and now and then a retraction.
fn input(offset: i64) -> Input {
    let n = u8::try_from(offset % 7).unwrap();
    if offset % 11 == 10 {
        return Input::Retraction(Retraction {
            handle: HandlePseudonym::new([n; 16]),
            agreements: Vec::new(),
            event: None,
            reason: "WITHDRAWAL".into(),
            subject_too: false,
        });
    }
    let mut event = [0; 16];
    event[..8].copy_from_slice(&(offset % 1_000).to_be_bytes());
    Input::Release(Contribution {
        person: Pseudonym::new([n % 3; 16]),
        key: ContributionKey {
            handle: HandlePseudonym::new([n; 16]),
            event: EventId::new(uuid::Uuid::from_bytes(event)),
            agreement: "one".parse().unwrap(),
        },
        version: AgreementVersion(1),
        source: "GSS:E09000007".parse().unwrap(),
        event_type: "housing.RentArrearsChanged".parse().unwrap(),
        occurred_at: walbrook_domain::Instant(offset),
        precision: Precision::Instant,
        not_after: None,
        released_on: Day(0),
        supersedes: None,
        fields: Vec::new(),
    })
}

fn fold(to: i64) -> Partition {
    let mut state = Partition::default();
    for offset in 0..to {
        state.apply(input(offset), &mut Vec::new());
    }
    state
}

/// The child: folds on and on from where the store stands, until it is killed.
#[test]
#[ignore = "runs as the child of the test below"]
fn child() {
    let folder = std::env::var(FOLDER).expect("started by the other test");
    let store = Store::open(Path::new(&folder), &FINGERPRINT).unwrap();
    let (mut state, mut next) = store.restore(0).unwrap();
    loop {
        let mut changes = Vec::new();
        for _ in 0..13 {
            state.apply(input(next), &mut changes);
            next += 1;
        }
        store.commit(0, next, changes, Vec::new()).unwrap();
    }
}

#[test]
fn a_killed_process_neither_loses_nor_tears_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut reached = 0;
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored"])
            .env(FOLDER, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The journal grows once it is writing; then it is killed in the middle of it.
        let size = || folder_size(&path);
        let before = size();
        let deadline = Instant::now() + Duration::from_secs(60);
        while size() < before + 200_000 {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the child ended by itself"
            );
            assert!(Instant::now() < deadline, "the child does not write");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(&path, &FINGERPRINT).unwrap();
        let (state, next) = store.restore(0).unwrap();
        assert!(
            next > reached,
            "round {round}: nothing was kept beyond {reached}"
        );
        assert_eq!(
            state,
            fold(next),
            "round {round}: the state is not that of offset {next}"
        );
        reached = next;
    }
}

fn folder_size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => folder_size(&entry.path()),
            Ok(found) => {
                use std::os::unix::fs::MetadataExt;
                // Journals are allocated ahead: blocks, not length, say what was written.
                found.blocks() * 512
            }
            Err(_) => 0,
        })
        .sum()
}

#[test]
fn another_meaning_empties_the_store_and_what_is_owed_is_kept_until_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &FINGERPRINT).unwrap();
    let mut changes = Vec::new();
    fold(0).apply(input(0), &mut changes);
    let owed = (
        walbrook_materialiser::store::owed_key(0, 5, "v"),
        b"removal".to_vec(),
    );
    store.commit(0, 1, changes, vec![owed.clone()]).unwrap();
    drop(store);
    let store = Store::open(folder.path(), &FINGERPRINT).unwrap();
    assert_eq!(store.restore(0).unwrap(), (fold(1), 1));
    assert_eq!(store.owed().unwrap(), std::slice::from_ref(&owed));
    store.settle(vec![owed.0]).unwrap();
    assert!(store.owed().unwrap().is_empty());
    drop(store);
    let store = Store::open(folder.path(), &[2; 32]).unwrap();
    assert_eq!(store.restore(0).unwrap(), (Partition::default(), 0));
}
