//! A broker with a long history is killed on real Kafka: whoever takes over from what it kept on disk reads only what was committed since, and comes to
//! the rows of an undisturbed run.

use crate::town::Town;
use std::time::{Duration, Instant};
use walbrook_domain::control::{GroundKind, GroundState};
use walbrook_domain::{EventId, Handle, PersonId};
use walbrook_tests::records::{event_id, ground};
use walbrook_tests::shelf::Shelf;

/// Events of the history, over both partitions.
const HISTORY: u128 = 100_000;
/// Events sent behind it in small steps, some of which the killed broker decides.
const STEP: u128 = 400;
const STEPS: u128 = 100;
/// How often one is sent at most: a snapshot is offered with a commit, and some time must pass between two.
const EVERY: Duration = Duration::from_millis(500);
const HANDLES: u128 = 200;
/// Records and pages of each p that must be kept before the broker is killed: most of them.
const MOST: i64 = 3 * HISTORY as i64 / 10;
const PATIENCE: Duration = Duration::from_secs(300);

fn handle(number: u128) -> Handle {
    Handle::new(((number + 1) << 64 | 0x5eed).to_be_bytes())
}

/// A town whose handles, persons and events are the same in every run.
fn town() -> Town {
    let town = Town::new(2);
    let person = |number: u128| PersonId::new((number + 7_000).to_be_bytes());
    town.link_each((0..HANDLES).map(|number| (handle(number), person(number))));
    // A third of them have consented.
    let consented = (0..HANDLES).filter(|number| number % 3 == 0);
    let consents: Vec<_> = consented
        .map(|number| ground(handle(number), GroundKind::Consent, GroundState::Given, 1))
        .collect();
    town.control(&consents);
    send(&town, 0..HISTORY);
    town
}

fn event(number: u128) -> (Handle, EventId) {
    (handle(number % HANDLES), event_id(number))
}

fn send(town: &Town, numbers: std::ops::Range<u128>) {
    for from in numbers.clone().step_by(10_000) {
        town.send_all((from..numbers.end.min(from + 10_000)).map(event));
    }
}

fn wait_all(town: &Town) -> Shelf {
    let each = usize::try_from(HISTORY + STEP * STEPS).expect("a count");
    // One agreement asks for consent, the other does not.
    town.wait("everything is decided", |shelf| {
        shelf.contributions.len() > each && shelf.releases >= each
    })
}

#[test]
fn kill_9_with_a_long_history_reads_only_the_tail_and_comes_to_the_same_rows() {
    let calm = {
        let town = town();
        send(&town, HISTORY..HISTORY + STEP * STEPS);
        let mut broker = town.start_process();
        town.wait_raw_decided();
        broker.kill().expect("killed");
        wait_all(&town)
    };
    let (town, data) = (town(), tempfile::tempdir().expect("a folder"));
    let mut broker = town.start_process_on(data.path());
    let deadline = Instant::now() + PATIENCE;
    let (mut sent, mut next) = (HISTORY, Instant::now());
    // Until what is kept holds most of the history; meanwhile events go on coming.
    while [0, 1].iter().any(|p| town.kept(data.path(), *p) < MOST) {
        if sent < HISTORY + STEP * (STEPS - 1) && Instant::now() >= next {
            send(&town, sent..sent + STEP);
            (sent, next) = (sent + STEP, Instant::now() + EVERY);
        }
        assert!(Instant::now() < deadline, "no snapshot holds the history");
        // A look reads the whole snapshot, which the broker has no processor for meanwhile.
        std::thread::sleep(EVERY / 2);
    }
    send(&town, sent..HISTORY + STEP * STEPS);
    broker.kill().expect("killed");

    let whole = u64::try_from(HISTORY + STEP * STEPS).expect("a count");
    let broker = town.start_member_on(data.path());
    town.wait_raw_decided();
    let read: Vec<u64> = [0, 1]
        .iter()
        .map(|p| broker.takeover_records(*p).expect("taken over"))
        .collect();
    println!("records read by the takeover: {read:?} of {whole}");
    assert!(read.iter().all(|read| *read > 0));
    assert!(read.iter().sum::<u64>() < whole / 2, "{read:?}");
    let shelf = wait_all(&town);
    assert_eq!(shelf.contributions.len(), calm.contributions.len());
    assert!(shelf.contributions == calm.contributions, "the rows differ");
    drop(broker);

    // Without the disk it reads everything, and nothing is decided twice.
    let broker = town.start_member();
    let read = |p| town.wait_taken_over(&broker, p);
    assert!(read(0) + read(1) > whole);
    assert_eq!(town.shelf().releases, shelf.releases);
}
