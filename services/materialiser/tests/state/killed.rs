//! kill -9 at random points of random histories, through a change of the view file too: every answer is that of a moment of the log, and at the end
//! rows and store are what the log says, worked out without a fold.

use crate::common::running::{Running, Start};
use crate::common::*;
use crate::versions::{changed, is_new, shipped, write};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use walbrook_eventlog::Namespace;
use walbrook_materialiser::setup;
use walbrook_materialiser::store::Store;
use walbrook_materialiser::versions::{Files, Versions};
use walbrook_proto::view::v1::*;
use walbrook_testkit::process::{Launch, Running as Child};

const PEOPLE: u8 = 6;
const PURPOSE: &str = "rough-sleeping";

/// Numbers that follow from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn small(&mut self, most: u8) -> u8 {
        u8::try_from(self.below(most.into())).unwrap()
    }
}

/// What stands on the log about a person.
#[derive(Debug, Clone, Copy)]
enum Step {
    Contact { person: u8, event: u8, day: u8 },
    Withdrew { person: u8 },
}

impl Step {
    fn any(chance: &mut Chance) -> Self {
        let person = 1 + chance.small(PEOPLE);
        if chance.below(6) == 0 {
            return Self::Withdrew { person };
        }
        // The same event may come again, as it was or corrected, early or late.
        let (event, day) = (10 + chance.small(12), 1 + chance.small(31));
        Self::Contact { person, event, day }
    }
}

/// The days of a person's contacts after these steps: of each event the last word since the last withdrawal.
fn days(steps: &[Step], person: u8) -> Vec<u8> {
    let withdrew = |step: &Step| matches!(step, Step::Withdrew { person: of } if *of == person);
    let since = steps.iter().rposition(withdrew).map_or(0, |at| at + 1);
    let mut last = BTreeMap::new();
    for step in &steps[since..] {
        if let Step::Contact {
            person: of,
            event,
            day,
        } = step
            && *of == person
        {
            last.insert(*event, *day);
        }
    }
    last.into_values().collect()
}

/// Contacts in 28 days and in a year, and days since the last one; `None`: nothing to show.
type Shown = Option<[i64; 3]>;

fn must(steps: &[Step], person: u8) -> Shown {
    let days = days(steps, person);
    let last = *days.iter().max()?;
    let count = |from: u8| i64::try_from(days.iter().filter(|day| **day >= from).count()).unwrap();
    Some([count(4), count(1), i64::from(31 - last)])
}

fn shown(answer: &ListRowsResponse, person: u8) -> Shown {
    let row = answer.rows.iter().find(|row| row.pseudonym[0] == person)?;
    let number = |column: &str| {
        let cell = row.cells.iter().find(|cell| cell.column == column).unwrap();
        match cell.value {
            Some(walbrook_proto::view::v1::cell::Value::Number(number)) => number,
            ref other => panic!("{column} is no number: {other:?}"),
        }
    };
    Some(["contacts_28d", "contacts_365d", "days_since_contact"].map(number))
}

/// Whether each row is that of some moment of the log.
fn is_of_a_moment(answer: &ListRowsResponse, steps: &[Step]) {
    for person in 1..=PEOPLE {
        let found = shown(answer, person);
        let ever = (0..=steps.len()).any(|to| must(&steps[..to], person) == found);
        assert!(ever, "{person} was never {found:?}");
    }
}

fn started(place: &Place, views: &Path, port: u16) -> Child {
    let start = Start {
        views: views.to_owned(),
        ..Start::default()
    };
    let metrics = walbrook_testkit::cluster::free_port().unwrap();
    let config = place.folder.path().join(format!("{port}.toml"));
    std::fs::write(&config, place.config(&start, port, metrics)).unwrap();
    let program = env!("CARGO_BIN_EXE_walbrook-materialiser");
    let log = place.folder.path().join("materialiser.log");
    let launch = Launch::new("materialiser", program, log);
    launch
        .arg("--config")
        .arg(config.display().to_string())
        .start()
        .unwrap()
}

fn append(place: &mut Place, steps: &[Step]) {
    let record = |step: &Step| match step {
        Step::Contact { person, event, day } => place.contact(*person, *event, *day, CAMDEN),
        Step::Withdrew { person } => place.retraction(*person),
    };
    let records = steps.iter().map(record).collect();
    place.commit(records);
}

/// Asks for a while, if there is somebody to ask; every answer is of a moment of the log.
async fn ask_for(place: &Place, port: u16, span: Duration, steps: &[Step]) {
    let until = Instant::now() + span;
    let asking = async {
        let running: Running = place.reached(port).await;
        loop {
            if let Ok(answer) = running.list(CAMDEN).await {
                is_of_a_moment(&answer, steps);
            }
        }
    };
    // A wrong answer is a panic, which is not lost.
    let _ = tokio::time::timeout_at(until.into(), asking).await;
}

/// The store holds what the log says and nothing else.
fn store_holds(place: &Place, views: &Path, steps: &[Step]) {
    let folder = place.folder.path().join("data/views").join(PURPOSE);
    let serving = Versions::open(&folder).unwrap().serving().unwrap().unwrap();
    let files = setup::views(views, &Files::new()).unwrap();
    let topic = walbrook_eventlog::topics::shared(PURPOSE);
    let namespace: &Namespace = &place.namespace;
    let fingerprint = setup::fingerprint(namespace, &topic, &setup::needs(&files));
    let store = Store::open(&serving.store(), &fingerprint).unwrap();
    let mut found: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let (state, next) = store.restore(partition).unwrap();
        assert!(next > 0, "it was filled");
        for one in state.people().flat_map(|person| {
            person
                .contributions()
                .cloned()
                .collect::<Vec<walbrook_view::Contribution>>()
        }) {
            let day = one.occurred_at.london_day().to_string();
            let of = found.entry(one.person.as_bytes()[0]).or_default();
            of.push(day[8..].parse().unwrap());
        }
    }
    for person in 1..=PEOPLE {
        let mut must = days(steps, person);
        let mut held = found.remove(&person).unwrap_or_default();
        must.sort_unstable();
        held.sort_unstable();
        assert_eq!(held, must, "the store's days of {person}");
    }
}

async fn history(seed: u64, kills: u64) {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let place = Place::new().await;
    let (mut place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        let mut records = place.heartbeats(CAMDEN);
        records.extend((1..=PEOPLE).map(|person| place.subject(person, CAMDEN)));
        place.commit(records);
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
        let mut child = started(&place, &views, port);
        let more: Vec<Vec<Step>> = (0..1 + chance.below(3))
            .map(|_| {
                (0..=chance.below(12))
                    .map(|_| Step::any(&mut chance))
                    .collect()
            })
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
            is_of_a_moment(answer, &steps);
            let whole = (1..=PEOPLE).all(|person| shown(answer, person) == must(&steps, person));
            whole && (is_new(answer) || answer.rows.is_empty())
        };
        running
            .list_until(CAMDEN, &format!("all of seed {seed} is there"), all)
            .await;
        child.stop(WAIT).unwrap();
    }
    store_holds(&place, &views, &steps);
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
    let metrics = walbrook_testkit::cluster::free_port().unwrap();
    let config = place.folder.path().join("stopped.toml");
    std::fs::write(&config, place.config(&start, port, metrics)).unwrap();
    let program = env!("CARGO_BIN_EXE_walbrook-materialiser");
    let log = place.folder.path().join("materialiser.log");
    let launch = Launch::new("materialiser", program, log);
    let launch = launch.arg("--config").arg(config.display().to_string());
    let mut child = launch.start().unwrap();
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
