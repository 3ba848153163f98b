//! Faults that a store could bring back after a kill -9, planted between the kill and the next start: the real process goes on from each, and the
//! comparison with the log finds it in what is shown, stored or stated. What only costs time is no fault, and is not called one.

use crate::common::running::Start;
use crate::common::*;
use crate::faults::{Fault, Harmless, Kept, Moments};
use crate::killed::started;
use crate::source::*;
use crate::versions::{shipped, write};
use std::path::{Path, PathBuf};
use walbrook_domain::HandlePseudonym;
use walbrook_eventlog::topics;
use walbrook_materialiser::audit::Audit;
use walbrook_materialiser::store::{Store, owed_key};
use walbrook_proto::audit::v1::Removal;
use walbrook_view::{Input, Retraction};

/// What happens to two people of each partition, before the first kill, before the second, and at the end to one of them.
fn script() -> [Vec<Step>; 3] {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for partition in 0..PARTITIONS {
        let people: Vec<u8> = (1..=PEOPLE)
            .filter(|person| partition_of(*person) == partition)
            .collect();
        let contact = |of: usize, event, day| Step::Contact {
            person: people[of],
            event,
            day,
        };
        first.extend([contact(0, 10, 20), contact(0, 11, 5), contact(1, 12, 10)]);
        // A correction, and a withdrawal after which there is more.
        second.push(contact(0, 10, 25));
        second.push(Step::Withdrew { person: people[1] });
        second.extend([contact(1, 13, 15), contact(1, 14, 30)]);
    }
    let person = (1..=PEOPLE).find(|person| partition_of(*person) == 0);
    let last = vec![Step::Withdrew {
        person: person.unwrap(),
    }];
    [first, second, last]
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copied(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// One log, and data of a process killed over it.
struct Stage {
    place: Place,
    views: PathBuf,
    fingerprint: [u8; 32],
    steps: Vec<Step>,
}

impl Stage {
    async fn new() -> Self {
        let place = Place::new().await;
        let (place, ()) = blocking(place, |place| {
            place.agree(&[CAMDEN]);
            peopled(place);
        })
        .await;
        let views = place.folder.path().join("files");
        write(&views, &shipped());
        Self {
            fingerprint: fingerprint(&place, &views),
            place,
            views,
            steps: Vec::new(),
        }
    }

    fn folder(&self, data: &str) -> PathBuf {
        self.place.folder.path().join(data)
    }

    fn store(&self, data: &str) -> Store {
        Store::open(&serving_store(&self.folder(data)), &self.fingerprint).unwrap()
    }

    async fn append(self, steps: Vec<Step>) -> Self {
        let (more, mut all) = (steps.clone(), self.steps);
        let (place, ()) = blocking(self.place, move |place| append(place, &more)).await;
        all.extend(steps);
        Self {
            place,
            steps: all,
            ..self
        }
    }

    /// A process on this data answers; then it is killed, or asked to end. What it shows is held against the log.
    async fn run(&self, data: &'static str, kill: bool) -> Result<(), String> {
        let port = walbrook_testkit::cluster::free_port().unwrap();
        let start = Start {
            data,
            views: self.views.clone(),
            ..Start::default()
        };
        let mut child = started(&self.place, &start, port);
        let running = self.place.reached(port).await;
        let answer = first_answer(&running).await;
        if kill {
            child.kill().unwrap();
        } else {
            child.stop(WAIT).unwrap();
        }
        is_of_the_end(&answer, &self.steps)
    }

    /// A store that holds this comes back under this name: whatever the process then shows, stores or states is held against the log.
    async fn comes_back(self, data: &'static str, kept: &Kept) -> (Self, Result<(), String>) {
        copied(&self.folder("data"), &self.folder(data));
        kept.write(self.store(data), &self.fingerprint);
        self.goes_on(data).await
    }

    async fn goes_on(mut self, data: &'static str) -> (Self, Result<(), String>) {
        let steps = self.steps.clone();
        let (place, (said_before, taken)) = blocking(self.place, move |place| {
            (removals(place).len(), taken(place, &steps))
        })
        .await;
        self.place = place;
        let shows = self.run(data, false).await;
        let holds = store_holds(&self.store(data), &self.steps);
        let (place, says) = blocking(self.place, move |place| {
            removals_say(&removals(place), said_before, &taken)
        })
        .await;
        self.place = place;
        (self, shows.and(holds).and(says))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_store_after_a_kill_is_found_and_what_is_harmless_is_not() {
    let [first, second, last] = script();
    let mut stage = Stage::new().await.append(first).await;
    stage.run("data", true).await.unwrap();
    copied(&stage.folder("data"), &stage.folder("copy"));
    let earlier = Kept::of(&stage.store("data"));
    let known = stage.steps.len();
    stage = stage.append(second).await;
    stage.run("data", true).await.unwrap();
    let later = Kept::of(&stage.store("data"));
    let steps = stage.steps.clone();
    let (place, placed) = blocking(stage.place, move |place| places(place, &steps)).await;
    stage.place = place;
    let mut after = placed[known..].iter().map(|(_, at)| *at);
    let moments = Moments {
        next_record: after.find(|(partition, _)| *partition == 0).unwrap().1,
        earlier,
        later,
    };

    let mut found;
    // What operators keep of a process that is not running: its folder.
    (stage, found) = stage.goes_on("copy").await;
    assert_eq!(found, Ok(()), "a copy of an earlier moment is no fault");
    for (harmless, name) in Harmless::ALL {
        (stage, found) = stage.comes_back(name, &moments.after(harmless)).await;
        assert_eq!(found, Ok(()), "{harmless:?} is no fault");
    }
    for (fault, name) in Fault::ALL {
        let planted = moments.with(fault);
        assert!(
            planted != moments.later && planted != moments.earlier,
            "{fault:?} changed nothing"
        );
        (stage, found) = stage.comes_back(name, &planted).await;
        println!("{fault:?}: {found:?}");
        assert!(found.is_err(), "{fault:?} was not found");
    }

    // Killed after a withdrawal was applied and before it was put on record.
    stage = stage.append(last).await;
    let at = stage.place_of_last().await;
    stage = at.0;
    for (name, owes) in [("owed-lost", false), ("owed", true)] {
        copied(&stage.folder("data"), &stage.folder(name));
        withdrawn(&stage.store(name), at.1, owes);
        (stage, found) = stage.goes_on(name).await;
        println!("{name}: {found:?}");
        assert_eq!(found.is_ok(), owes, "{name}: {found:?}");
    }
}

impl Stage {
    async fn place_of_last(mut self) -> (Self, (u8, i64)) {
        let steps = self.steps.clone();
        let (place, placed) = blocking(self.place, move |place| places(place, &steps)).await;
        self.place = place;
        let (step, (_, offset)) = *placed.last().unwrap();
        (self, (step.person(), offset))
    }
}

/// A withdrawal in the first partition is applied to a store, with what is owed to the audit log or without.
fn withdrawn(store: &Store, (person, offset): (u8, i64), owes: bool) {
    let (mut state, _) = store.restore(0).unwrap();
    let mut changes = Vec::new();
    let retraction = Input::Retraction(Retraction {
        handle: HandlePseudonym::new([person; 16]),
        agreements: Vec::new(),
        event: None,
        reason: "WITHDRAWAL".into(),
        subject_too: false,
    });
    let removed = state.apply(retraction, &mut changes).unwrap();
    let removal = Removal {
        view: VIEW.into(),
        cause_topic: topics::shared(PURPOSE),
        cause_offset: offset,
        contributions: i64::try_from(removed.contributions).unwrap(),
        rows: i64::try_from(removed.people).unwrap(),
        reason: "WITHDRAWAL".into(),
        recorded_at: Some(walbrook_materialiser::clock::timestamp(now())),
        ..Removal::default()
    };
    let body = Audit::removal_body(&removal).unwrap();
    let owed = owes.then(|| (owed_key(0, offset, VIEW), body));
    store
        .commit(0, offset + 1, changes, owed.into_iter().collect())
        .unwrap();
}
