//! Taking p over from a snapshot comes to the same as from the whole log, and is only done where it does.

use crate::bench::{Bench, HANDLE};
use crate::disk::Disk;
use std::sync::Arc;
use walbrook_broker::enforce::clients::Adopted;
use walbrook_tests::records::{self, event_id};

fn disk(bench: &Bench) -> Disk {
    Disk::new(&Arc::new(records::setting(&bench.city)))
}

/// One event more, decided.
fn decide(bench: &mut Bench, number: u128) {
    bench.now_ms += 1_000;
    bench.log.set_now_ms(bench.now_ms);
    let corrects = (number % 4 == 3).then(|| event_id(number - 1));
    bench.send(bench.city.arrears(HANDLE, event_id(number), 100, corrects));
    bench.commit();
}

/// A broker that decided some events, was kept on disk, and decided some more.
fn history(disk_of: impl FnOnce(&Bench) -> Disk, before: u128, after: u128) -> (Bench, Disk) {
    let mut bench = Bench::linked();
    let disk = disk_of(&bench);
    (0..before).for_each(|number| decide(&mut bench, number));
    bench.keep(&disk);
    (before..before + after).for_each(|number| decide(&mut bench, number));
    (bench, disk)
}

/// p is what its owner has, whatever it was built from.
fn same(bench: &Bench, adopted: &Adopted) {
    let (own, other) = (bench.lane.partition(), &adopted.partition);
    assert_eq!(own.stamp(), other.stamp());
    assert!(own.positions().eq(other.positions()));
    assert!(own.standing() == other.standing());
    assert_eq!(own.links_next(), other.links_next());
    assert!(other.snapshot().is_some());
}

#[test]
fn a_takeover_from_a_snapshot_reads_only_what_was_committed_since() {
    let (bench, disk) = history(disk, 30, 3);
    let whole = bench.adopt().unwrap();
    assert!(!whole.from_snapshot && whole.records_read > 60);
    let adopted = bench.adopt_from(&disk);
    assert!(adopted.from_snapshot);
    // Three events and their pages, and the last of each that was there.
    assert_eq!(adopted.records_read, 8);
    same(&bench, &whole);
    same(&bench, &adopted);

    // At rest: the last page and the last event.
    bench.keep(&disk);
    let adopted = bench.adopt_from(&disk);
    assert!(adopted.from_snapshot && adopted.records_read == 2);
    same(&bench, &adopted);
}

#[test]
fn a_snapshot_that_is_damaged_is_passed_over() {
    let (bench, disk) = history(disk, 5, 1);
    let whole = disk.file(0).unwrap();
    for place in (0..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        disk.put(0, damaged);
        let adopted = bench.adopt_from(&disk);
        assert!(!adopted.from_snapshot, "byte {place}");
        same(&bench, &adopted);
    }
    disk.put(0, whole);
    assert!(bench.adopt_from(&disk).from_snapshot);
}

#[test]
fn a_snapshot_of_another_log_or_newer_than_this_one_is_passed_over() {
    // The same namespace, the same p, the same events, at another time.
    let other = |bench: &Bench| {
        let disk = disk(bench);
        let mut other = Bench::linked();
        other.now_ms += 77_000;
        (0..6).for_each(|number| decide(&mut other, number));
        other.keep(&disk);
        disk
    };
    for events in [3, 6, 9] {
        let mut bench = Bench::linked();
        let disk = other(&bench);
        (0..events).for_each(|number| decide(&mut bench, number));
        let adopted = bench.adopt_from(&disk);
        assert!(!adopted.from_snapshot, "{events} events");
        same(&bench, &adopted);
    }
}
