//! kill -9 at random points of random histories, through a change of the view file too: every answer is that of a moment of the log, and at the end
//! rows and store are what the log says, worked out without a fold.

use crate::common::running::{Running, Start};
use crate::common::*;
use crate::source::*;
use crate::versions::{self, changed, is_new, shipped, write};
use std::time::{Duration, Instant};
use walbrook_materialiser::store::Store;
use walbrook_proto::view::v1::*;
use walbrook_testkit::process::{Launch, Running as Child};

/// Numbers that follow from a seed.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn small(&mut self, most: u8) -> u8 {
        u8::try_from(self.below(most.into())).unwrap()
    }
}

pub fn any(chance: &mut Chance) -> Step {
    let person = 1 + chance.small(PEOPLE);
    if chance.below(6) == 0 {
        return Step::Withdrew { person };
    }
    // The same event may come again, as it was or corrected, early or late.
    let (event, day) = (10 + chance.small(12), 1 + chance.small(31));
    Step::Contact { person, event, day }
}

/// A process of its own on this data.
pub fn started(place: &Place, start: &Start, port: u16) -> Child {
    let metrics = walbrook_testkit::cluster::free_port().unwrap();
    let config = place.folder.path().join(format!("{port}.toml"));
    std::fs::write(&config, place.config(start, port, metrics)).unwrap();
    let program = env!("CARGO_BIN_EXE_walbrook-materialiser");
    let log = place.folder.path().join("materialiser.log");
    let launch = Launch::new("materialiser", program, log);
    launch
        .arg("--config")
        .arg(config.display().to_string())
        .start()
        .unwrap()
}

/// Asks for a while, if there is somebody to ask; every answer is of a moment of the log.
async fn ask_for(place: &Place, port: u16, span: Duration, steps: &[Step]) {
    let until = Instant::now() + span;
    let asking = async {
        let running: Running = place.reached(port).await;
        loop {
            if let Ok(answer) = running.list(CAMDEN).await {
                is_of_a_moment(&answer, steps).unwrap();
            }
        }
    };
    // A wrong answer is a panic, which is not lost.
    let _ = tokio::time::timeout_at(until.into(), asking).await;
}

async fn history(seed: u64, kills: u64) {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let place = Place::new().await;
    let (mut place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        peopled(place);
    })
    .await;
    let views = place.folder.path().join("files");
    write(&views, &shipped());
    let mut steps: Vec<Step> = Vec::new();
    for round in 0..=kills {
        let port = walbrook_testkit::cluster::free_port().unwrap();
        // From the middle on another version of the view is filled beside the one that serves, whatever is killed.
        if round == kills / 2 {
            write(&views, &changed());
        }
        let pinned = round == kills / 2 + 1;
        let mut child = started(&place, &versions::started(&views), port);
        let more: Vec<Vec<Step>> = (0..1 + chance.below(3))
            .map(|_| (0..=chance.below(12)).map(|_| any(&mut chance)).collect())
            .collect();
        steps.extend(more.iter().flatten());
        let (back, ()) = blocking(place, move |place| {
            for one in more {
                append(place, &one);
            }
            if pinned {
                place.pin(&changed());
            }
        })
        .await;
        place = back;
        if round < kills {
            let span = Duration::from_millis(chance.below(1_500));
            ask_for(&place, port, span, &steps).await;
            child.kill().unwrap();
            continue;
        }
        let running = place.reached(port).await;
        let all = |answer: &ListRowsResponse| {
            is_of_a_moment(answer, &steps).unwrap();
            let whole = is_of_the_end(answer, &steps).is_ok();
            whole && (is_new(answer) || answer.rows.is_empty())
        };
        running
            .list_until(CAMDEN, &format!("all of seed {seed} is there"), all)
            .await;
        child.stop(WAIT).unwrap();
    }
    let store = serving_store(&place.folder.path().join("data"));
    let store = Store::open(&store, &fingerprint(&place, &views)).unwrap();
    store_holds(&store, &steps).unwrap();
    let (place, said) = blocking(place, move |place| {
        removals_say(&removals(place), 0, &taken(place, &steps))
    })
    .await;
    said.unwrap();
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_at_any_point_comes_back_with_what_the_log_says() {
    history(1, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "ten minutes; make nightly"]
async fn so_it_does_for_many_seeds() {
    for seed in 2..40 {
        println!("seed {seed}");
        history(seed, 9).await;
    }
}

/// As a machine that was put to sleep: nothing of the time before is answered afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_stopped_and_resumed_refuses_until_it_has_caught_up() {
    let place = Place::new().await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        city(place);
    })
    .await;
    let port = walbrook_testkit::cluster::free_port().unwrap();
    let start = Start {
        bound_ms: 500,
        ..Start::default()
    };
    let mut child = started(&place, &start, port);
    let running = place.reached(port).await;
    let three = |answer: &ListRowsResponse| answer.rows.len() == 3;
    running.list_until(CAMDEN, "it serves", three).await;
    signal(child.pid(), "-STOP");
    let (place, ()) = blocking(place, |place| {
        let gone = place.retraction(3);
        place.commit(vec![gone]);
    })
    .await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    signal(child.pid(), "-CONT");
    let first = running.list_until(CAMDEN, "it answers", |_| true).await;
    assert_eq!(people(&first), [1, 2]);
    child.stop(WAIT).unwrap();
    drop(place);
}

fn signal(pid: u32, signal: &str) {
    let mut kill = std::process::Command::new("kill");
    let done = kill.args([signal, &pid.to_string()]).status().unwrap();
    assert!(done.success());
}
