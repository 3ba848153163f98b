//! Enforcement on real Kafka: withdrawals against events in flight, across partitions and merges, and through kill -9 and rebalances.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test and its helpers fail by panicking"
)]

#[path = "enforcement_faults.rs"]
mod faults;
#[path = "enforcement_queue.rs"]
mod queue;
#[path = "enforcement_snapshot.rs"]
mod snapshot;
#[path = "enforcement_town.rs"]
mod town;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use town::Town;
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_domain::{EventId, PersonId};
use walbrook_tests::records::{CONSENTED, DUTY, event_id, ground};
use walbrook_tests::shelf::Shelf;

/// Not a journey: the process that other journeys kill. It decides until it is killed.
#[test]
#[ignore = "started by other tests as a process of its own"]
fn broker_process() {
    town::decide_until_killed();
}

fn standing(shelf: &Shelf, agreement: &str) -> usize {
    shelf
        .contributions
        .keys()
        .filter(|(_, _, _, of)| of == agreement)
        .count()
}

#[test]
fn a_withdrawal_between_two_events_takes_the_first_back_and_keeps_the_second_out() {
    let town = Town::new(2);
    let _broker = town.start_member();
    let handle = town.new_handle(0);
    town.link(&[handle], PersonId::new([1; 16]), 1);
    town.control(&[ground(handle, GroundKind::Consent, GroundState::Given, 1)]);
    town.send(handle, event_id(1));
    town.wait("the first event is released", |shelf| {
        standing(shelf, CONSENTED) == 1 && standing(shelf, DUTY) == 1
    });

    let acknowledged = town.control(&[ground(
        handle,
        GroundKind::Consent,
        GroundState::Withdrawn,
        2,
    )]);
    town.send(handle, event_id(2));
    town.wait_decided(acknowledged);
    let shelf = town.wait("the second event is decided", |shelf| {
        standing(shelf, DUTY) == 2
    });
    assert_eq!(standing(&shelf, CONSENTED), 0);
    assert!(shelf.retractions >= 1);
    let ever: BTreeSet<EventId> = town.released_ever(CONSENTED);
    assert_eq!(
        ever,
        BTreeSet::from([town.local(handle, event_id(1))]),
        "the second event was never released"
    );
    town.check_pages();
}

#[test]
fn a_withdrawal_governs_events_accepted_after_it_while_batches_are_in_flight() {
    let town = Town::new(2);
    let _broker = town.start_member();
    let handle = town.new_handle(1);
    town.link(&[handle], PersonId::new([2; 16]), 1);
    town.control(&[ground(handle, GroundKind::Consent, GroundState::Given, 1)]);
    let stop = AtomicBool::new(false);
    // A stream that never pauses: some batch is in flight whenever the withdrawal is acknowledged.
    let sent = std::thread::scope(|scope| {
        let stream = scope.spawn(|| {
            let mut number = 0;
            while !stop.load(Ordering::Acquire) {
                town.send_all(
                    (number..number + 20).map(|number| (handle, event_id(1_000 + number))),
                );
                number += 20;
            }
            number
        });
        town.wait("the stream is being released", |shelf| {
            standing(shelf, CONSENTED) > 200
        });
        let acknowledged = town.control(&[ground(
            handle,
            GroundKind::Consent,
            GroundState::Withdrawn,
            2,
        )]);
        let after = town.send(handle, event_id(1));
        town.send(handle, event_id(2));
        assert!(acknowledged > 0 && after.1 > 0);
        stop.store(true, Ordering::Release);
        stream.join().expect("the stream ends")
    });
    let all = usize::try_from(sent).expect("a count") + 2;
    let shelf = town.wait("everything is decided", |shelf| {
        standing(shelf, DUTY) == all
    });
    assert_eq!(
        standing(&shelf, CONSENTED),
        0,
        "what was released before has left"
    );
    let ever = town.released_ever(CONSENTED);
    assert!(!ever.is_empty());
    assert!(
        !ever.contains(&town.local(handle, event_id(1)))
            && !ever.contains(&town.local(handle, event_id(2)))
    );
    town.check_pages();
}

#[test]
fn a_withdrawal_on_another_handle_in_another_partition_holds_while_they_are_one_person() {
    let town = Town::new(2);
    let _broker = town.start_member();
    let (here, there) = (town.new_handle(0), town.new_handle(1));
    let (person, other) = (PersonId::new([3; 16]), PersonId::new([4; 16]));
    town.link(&[here], person, 1);
    town.link(&[there], other, 1);
    town.control(&[ground(here, GroundKind::Consent, GroundState::Given, 1)]);
    town.control(&[ground(
        there,
        GroundKind::Consent,
        GroundState::Withdrawn,
        1,
    )]);
    town.send(here, event_id(1));
    town.wait("released as a person of its own", |shelf| {
        standing(shelf, CONSENTED) == 1
    });

    town.link(&[here, there], other, 2);
    let merged = town.wait("the other's withdrawal governs", |shelf| {
        standing(shelf, CONSENTED) == 0 && standing(shelf, DUTY) == 1
    });
    let key = town.person_key(other);
    assert!(
        merged
            .contributions
            .values()
            .all(|(under, _)| *under == key),
        "under the survivor's pseudonym now"
    );
    town.send(here, event_id(2));
    town.wait("a new event is governed too", |shelf| {
        standing(shelf, DUTY) == 2
    });

    town.unlink(here, there, person, other, 3);
    let key = town.person_key(person);
    // The partitions of a topic are read one after another, so everything is asked for at once: each release under its own pseudonym again.
    town.wait("apart again, the consent holds again", |shelf| {
        let own = shelf.contributions.values().all(|(under, _)| *under == key);
        own && standing(shelf, CONSENTED) == 2 && standing(shelf, DUTY) == 2
    });
    town.check_pages();
}

#[test]
fn withdrawn_and_given_again_before_anyone_looked_is_taken_back_and_released_again() {
    let town = Town::new(1);
    let handle = town.new_handle(0);
    {
        let _broker = town.start_member();
        town.link(&[handle], PersonId::new([5; 16]), 1);
        town.control(&[ground(handle, GroundKind::Consent, GroundState::Given, 1)]);
        town.send(handle, event_id(1));
        town.wait("released", |shelf| {
            standing(shelf, CONSENTED) == 1 && standing(shelf, DUTY) == 1
        });
    }
    let before = town.shelf();
    let acknowledged = town.control(&[
        ground(handle, GroundKind::Consent, GroundState::Withdrawn, 2),
        ground(handle, GroundKind::Consent, GroundState::Given, 3),
    ]);
    let _broker = town.start_member();
    town.wait_decided(acknowledged);
    let after = town.shelf();
    assert_eq!(after.contributions, before.contributions);
    assert!(
        after.retractions > before.retractions,
        "the withdrawal was carried out"
    );
    assert!(
        after.releases > before.releases,
        "and what may be shared again was released again"
    );
    town.check_pages();
}

#[test]
fn kill_9_in_mid_stream_loses_nothing_and_releases_nothing_twice() {
    const EVENTS: u128 = 4_000;
    let town = Town::new(2);
    let handles = [town.new_handle(0), town.new_handle(1)];
    for (handle, person) in handles.iter().zip(6..) {
        town.link(&[*handle], PersonId::new([person; 16]), 1);
    }
    let grounds = handles.map(|handle| ground(handle, GroundKind::Consent, GroundState::Given, 1));
    town.control(&grounds);
    let mut broker = town.start_process();
    for start in (0..EVENTS).step_by(100) {
        town.send_all(
            (start..start + 100)
                .map(|number| (handles[usize::from(number % 2 == 1)], event_id(number))),
        );
        if start == 1_000 || start == 2_500 {
            town.wait("it is at work", |shelf| {
                shelf.releases > usize::try_from(start / 2).expect("a count")
            });
            broker.kill().expect("killed");
            broker = town.start_process();
        }
    }
    let shelf = town.wait("everything is decided", |shelf| {
        shelf.contributions.len() == usize::try_from(2 * EVENTS).expect("a count")
    });
    assert_eq!(
        shelf.releases,
        shelf.contributions.len(),
        "no event was released twice"
    );
    assert_eq!(shelf.retractions, 0);
    town.check_pages();
    broker.kill().expect("killed");
}

#[test]
fn a_partition_that_moves_with_a_withdrawal_pending_carries_it_out_once() {
    let town = Town::new(1);
    let handle = town.new_handle(0);
    town.link(&[handle], PersonId::new([8; 16]), 1);
    town.control(&[ground(handle, GroundKind::Consent, GroundState::Given, 1)]);
    let mut first = town.start_process();
    town.send(handle, event_id(1));
    town.wait("released", |shelf| standing(shelf, CONSENTED) == 1);

    // Neither dead nor alive: it holds the partition and does not hear of the withdrawal.
    first.freeze().expect("frozen");
    let acknowledged = town.control(&[ground(
        handle,
        GroundKind::Consent,
        GroundState::Withdrawn,
        2,
    )]);
    town.send(handle, event_id(2));
    let mut second = town.start_process();
    town.wait_decided(acknowledged);
    let shelf = town.wait("the new owner has decided", |shelf| {
        standing(shelf, DUTY) == 2
    });
    assert_eq!((standing(&shelf, CONSENTED), shelf.retractions), (0, 1));

    first.thaw().expect("thawed");
    town.send(handle, event_id(3));
    let shelf = town.wait("the third event is decided", |shelf| {
        standing(shelf, DUTY) == 3
    });
    assert_eq!(
        (standing(&shelf, CONSENTED), shelf.retractions),
        (0, 1),
        "the former owner added nothing"
    );
    assert_eq!(town.released_ever(CONSENTED).len(), 1);
    town.check_pages();
    first.kill().expect("killed");
    second.kill().expect("killed");
}
