//! The store and kill -9: state and offset are always of the same moment.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use walbrook_domain::*;
use walbrook_eventlog::{Ends, LogError, TopicPartition};
use walbrook_materialiser::setup::{self, Written};
use walbrook_materialiser::store::Store;
use walbrook_materialiser::versions::{Version, Versions};
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
        store.tidy(0, &state).unwrap();
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

/// A log that ends where the test says.
struct EndsAt(i64);

impl Ends for EndsAt {
    fn high_watermarks(
        &mut self,
        partitions: &[TopicPartition],
        _: Duration,
    ) -> Result<Vec<i64>, LogError> {
        Ok(vec![self.0; partitions.len()])
    }
}

fn restored(version: &Version, end: i64) -> (Partition, i64) {
    let shared = [TopicPartition::new("t", 0)];
    let written = Written {
        oldest: 1,
        newest: 1,
    };
    let shared = (shared.as_slice(), written);
    let (store, mut held, _) = setup::restore(version, &FINGERPRINT, EndsAt(end), shared).unwrap();
    drop(store);
    let held = held.remove(0);
    (held.state, held.next_offset)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The part of a file that says something: journals are allocated ahead.
fn written(file: &Path) -> u64 {
    let bytes = std::fs::read(file).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0);
    last.map_or(0, |at| at as u64 + 1)
}

/// Flipped bytes, files cut off, emptied, gone, swapped or foreign, a folder for a file: the state is that of some offset, whole, or it is filled
/// again from the beginning.
#[test]
fn a_damaged_store_holds_the_state_of_one_offset_or_nothing() {
    let place = tempfile::tempdir().unwrap();
    let versions = Versions::open(place.path()).unwrap();
    let whole = versions.begin().unwrap();
    let store = Store::open(&whole.store(), &FINGERPRINT).unwrap();
    let (mut state, mut end) = (Partition::default(), 0);
    for batch in 0..40 {
        let mut changes = Vec::new();
        for _ in 0..25 {
            state.apply(input(end), &mut changes);
            end += 1;
        }
        store.commit(0, end, changes, Vec::new()).unwrap();
        if batch == 20 {
            // Some of it stands in tables, the rest in the journal.
            store.flushed();
        }
    }
    drop(store);
    assert_eq!(restored(&whole, end), (fold(end), end), "undamaged");
    assert_eq!(restored(&whole, end - 1), (fold(0), 0), "another log's");
    let pristine = place.path().join("pristine");
    // What was another log's was deleted: filled again.
    let store = Store::open(&whole.store(), &FINGERPRINT).unwrap();
    let mut changes = Vec::new();
    let mut state = Partition::default();
    (0..end).for_each(|offset| {
        state.apply(input(offset), &mut changes);
        if offset % 25 == 24 {
            store
                .commit(0, offset + 1, std::mem::take(&mut changes), Vec::new())
                .unwrap();
        }
        if offset == end / 2 {
            store.flushed();
        }
    });
    drop(store);
    copy(&whole.store(), &pristine);

    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |most: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % most.max(1)
    };
    let mut again = 0;
    for number in 0..72 {
        whole.delete_store().unwrap();
        copy(&pristine, &whole.store());
        let all = files(&whole.store());
        let at = usize::try_from(below(all.len() as u64)).unwrap();
        let file = &all[at];
        let said = match number % 6 {
            0 | 1 => {
                let mut bytes = std::fs::read(file).unwrap();
                let place = usize::try_from(below(written(file))).unwrap();
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << below(8);
                }
                std::fs::write(file, bytes).unwrap();
                format!("a byte flipped at {place}")
            }
            2 => {
                let length = below(written(file));
                let opened = std::fs::OpenOptions::new().write(true).open(file).unwrap();
                opened.set_len(length).unwrap();
                format!("cut off at {length}")
            }
            3 => {
                std::fs::remove_file(file).unwrap();
                "gone".to_owned()
            }
            4 => {
                std::fs::remove_file(file).unwrap();
                std::fs::create_dir(file).unwrap();
                "a folder in its place".to_owned()
            }
            _ => {
                std::fs::write(file.with_extension("foreign"), [7; 900]).unwrap();
                std::fs::write(file, b"a foreign file").unwrap();
                "a foreign file in its place".to_owned()
            }
        };
        let (state, next) = restored(&whole, end);
        assert_eq!(
            state,
            fold(next),
            "{}: {said}: the state is not that of offset {next}",
            file.display()
        );
        again += usize::from(next == 0);
    }
    assert!(again > 18, "only {again} were found to be damaged");
}

#[test]
fn a_store_written_anew_holds_the_same_and_nothing_that_left() {
    let place = tempfile::tempdir().unwrap();
    let (old, new) = (place.path().join("old"), place.path().join("new"));
    let store = Store::open(&old, &FINGERPRINT).unwrap();
    let (first, later) = (Day(10), Day(11));
    store.begun(first).unwrap();
    let mut state = Partition::default();
    let mut changes = Vec::new();
    (0..30).for_each(|offset| {
        state.apply(input(offset), &mut changes);
    });
    let owed = (
        walbrook_materialiser::store::owed_key(0, 5, "v"),
        b"removal".to_vec(),
    );
    store.commit(0, 30, changes, vec![owed.clone()]).unwrap();
    assert!(
        !store.holds_what_left(first).unwrap(),
        "once a day is enough"
    );
    assert!(store.holds_what_left(later).unwrap());
    let anew = store.written_anew(&new, later).unwrap();
    assert!(!anew.holds_what_left(later).unwrap() && !anew.holds_what_left(Day(12)).unwrap());
    drop((store, anew));
    let anew = Store::open(&new, &FINGERPRINT).unwrap();
    assert_eq!(anew.restore(0).unwrap(), (state, 30));
    assert_eq!(anew.owed().unwrap(), [owed]);
    anew.stands().unwrap();
    std::fs::remove_dir_all(&new).unwrap();
    assert!(anew.stands().is_err());
    std::fs::create_dir_all(&new).unwrap();
    assert!(anew.stands().is_err(), "another folder of the same name");
}

/// One of so many events of some people, released again and again; now and then a withdrawal.
fn again(offset: i64, events: i64) -> Input {
    let Input::Release(mut one) = input(1) else {
        panic!("a release");
    };
    let number = offset % events;
    let of = u8::try_from(number % 251).unwrap();
    one.person = Pseudonym::new([of; 16]);
    one.key.handle = HandlePseudonym::new([of; 16]);
    if offset % 997 == 0 {
        return Input::Retraction(Retraction {
            handle: one.key.handle,
            agreements: Vec::new(),
            event: None,
            reason: "WITHDRAWAL".into(),
            subject_too: false,
        });
    }
    let mut event = [0; 16];
    event[..8].copy_from_slice(&number.to_be_bytes());
    one.key.event = EventId::new(uuid::Uuid::from_bytes(event));
    one.occurred_at = walbrook_domain::Instant(offset);
    Input::Release(one)
}

/// Changes on the pages of the first partition, and the number of its first page.
fn on_pages(store: &Store) -> (u64, u64) {
    let (mut changes, mut first) = (0, None);
    for guard in store.keyspace().prefix([0, 0, 0, 0, 0]) {
        let (key, page) = guard.into_inner().unwrap();
        changes += u64::from(u32::from_be_bytes(page[8..12].try_into().unwrap()));
        first.get_or_insert(u64::from_be_bytes(key[5..].try_into().unwrap()));
    }
    (changes, first.unwrap())
}

#[test]
fn pages_are_written_anew_while_more_comes_and_say_the_same_at_every_moment() {
    const EVENTS: i64 = 12_000;
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), &FINGERPRINT).unwrap();
    let (mut state, mut next) = (Partition::default(), 0);
    let heard = Input::Heartbeat {
        organisation: "GSS:E09000007".parse().unwrap(),
        event_type: "housing.RentArrearsChanged".parse().unwrap(),
        last_accepted_on: Day(7),
    };
    let mut changes = Vec::new();
    state.apply(heard, &mut changes);
    let (mut begun, mut gone) = (0, 0);
    for round in 0..45 {
        for _ in 0..2_000 {
            state.apply(again(next, EVENTS), &mut changes);
            next += 1;
        }
        store
            .commit(0, next, std::mem::take(&mut changes), Vec::new())
            .unwrap();
        let (before, _) = on_pages(&store);
        store.tidy(0, &state).unwrap();
        let (after, first) = on_pages(&store);
        begun += u64::from(before < after);
        gone = first;
        assert!(after < 75_000, "{after} changes for {}", state.held());
        // Killed here; what was begun begins again.
        if round % 11 == 0 {
            drop(store);
            store = Store::open(folder.path(), &FINGERPRINT).unwrap();
        }
        if before != after || round % 11 == 0 {
            assert!(
                store.restore(0).unwrap() == (state.clone(), next),
                "at {next} something else is restored"
            );
        }
    }
    assert!(begun > 1, "it was never written anew in pieces");
    assert!(gone > 0, "the first page is still there");
}

#[test]
fn records_that_come_one_by_one_do_not_stay_on_a_page_each() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &FINGERPRINT).unwrap();
    let mut state = Partition::default();
    let mut changes = Vec::new();
    for offset in 0..20_500 {
        state.apply(again(offset, 30_000), &mut changes);
        let one = std::mem::take(&mut changes);
        store.commit(0, offset + 1, one, Vec::new()).unwrap();
        store.tidy(0, &state).unwrap();
    }
    let pages = || store.keyspace().prefix([0, 0, 0, 0, 0]).count();
    assert!(pages() > 20_000, "they were written anew too soon");
    for offset in 20_500..21_500 {
        state.apply(again(offset, 30_000), &mut changes);
        let one = std::mem::take(&mut changes);
        store.commit(0, offset + 1, one, Vec::new()).unwrap();
        store.tidy(0, &state).unwrap();
    }
    assert!(pages() < 1_500, "{} pages", pages());
    assert!(store.restore(0).unwrap() == (state, 21_500));
}

#[test]
fn a_page_that_is_not_there_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &FINGERPRINT).unwrap();
    let mut state = Partition::default();
    for next in 1..=3 {
        let mut changes = Vec::new();
        state.apply(input(next), &mut changes);
        store.commit(0, next, changes, Vec::new()).unwrap();
    }
    let second = [[0_u8; 5].as_slice(), &1_u64.to_be_bytes()].concat();
    store.keyspace().remove(second).unwrap();
    assert!(store.restore(0).unwrap_err().is_damage());
}
