//! Rows on topics of organisations' own, on real Kafka: each with its disclosure, as they change, until nothing delivers them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod common;

use common::delivered::{are_disclosed, people, reasons, records, until};
use common::running::Start;
use common::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use walbrook_domain::control::Standing;
use walbrook_domain::{Day, Instant};
use walbrook_eventlog::topics;
use walbrook_proto::audit::v1::ReadRecord;

const OURS: &str = "view.rough_sleeping_risk.GSS-E09000007";
const THEIRS: &str = "view.rough_sleeping_risk.GSS-E09000012";
const FILE: &str = "rough_sleeping_risk.toml";
const KEPT_DAYS: u32 = 4_000;

async fn place() -> Place {
    let mut place = Place::new().await;
    place.delivered = true;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN, HACKNEY]);
        city(place);
    })
    .await;
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_stand_on_the_organisations_topic_with_their_disclosure_until_they_may_not() {
    let place = place().await;
    let running = place.start(30_000).await;
    let (place, before) = blocking(place, |place| {
        let ours = until(place, OURS, &[1, 2, 3]);
        let theirs = until(place, THEIRS, &[4]);
        are_disclosed(place, OURS, &ours);
        are_disclosed(place, THEIRS, &theirs);
        // A changed row, somebody who withdrew, somebody who is restricted.
        let changes = vec![
            place.contact(1, 91, 30, CAMDEN),
            place.retraction(2),
            place.restricted(3, CAMDEN),
        ];
        place.commit(changes);
        until(place, OURS, &[1]);
        let changed = eventually("the row has changed", || {
            let now = records(place, OURS);
            (now.len() >= 6).then_some(now)
        });
        are_disclosed(place, OURS, &changed);
        let mut left = reasons(&changed);
        left.sort_unstable();
        left.dedup();
        assert_eq!(left, ["OUTSIDE_SCOPE", "RETRACTED"]);
        changed.len()
    })
    .await;
    running.stop().await;

    // Another process reads what stands, and writes only what is new.
    let running = place.start(30_000).await;
    let (place, ()) = blocking(place, move |place| {
        let person = vec![place.subject(5, CAMDEN), place.contact(5, 95, 30, CAMDEN)];
        place.commit(person);
        let ours = until(place, OURS, &[1, 5]);
        assert_eq!(ours.len(), before + 1);
        // The agreement ends for one: everything of it leaves, and nothing of the other.
        place.standing(CAMDEN, Standing::Suspended);
        place.catch_up();
        let ours = until(place, OURS, &[]);
        are_disclosed(place, OURS, &ours);
        let last = reasons(&ours);
        assert_eq!(last.last(), Some(&"GRANT_ENDED"));
        assert_eq!(people(&records(place, THEIRS)), [4]);
        place.standing(CAMDEN, Standing::InForce);
        place.catch_up();
        let ours = until(place, OURS, &[1, 5]);
        are_disclosed(place, OURS, &ours);
    })
    .await;
    running.stop().await;

    // It ends while nobody looks.
    let (place, ()) = blocking(place, |place| {
        for party in [CAMDEN, HACKNEY] {
            place.standing(party, Standing::Terminated);
        }
        place.catch_up();
    })
    .await;
    let running = place.start(30_000).await;
    let (_place, ()) = blocking(place, |place| {
        for topic in [OURS, THEIRS] {
            let ended = until(place, topic, &[]);
            are_disclosed(place, topic, &ended);
        }
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_is_delivered_while_the_bound_is_not_shown() {
    let place = place().await;
    let start = Start {
        bound_ms: 3_000,
        ..Start::default()
    };
    let running = place.start_so(start).await;
    let metrics = running.context.metrics.clone();
    let waits = move || {
        let text = metrics.text();
        let mut lines = text.lines();
        let line = lines.find(|line| {
            line.starts_with("walbrook_view_delivery_waits") && line.contains("rough")
        });
        line.is_some_and(|line| !line.ends_with(" 0"))
    };
    let (place, ()) = blocking(place, |place| {
        until(place, OURS, &[1, 2, 3]);
        // A ground that the enforcing side has not passed: the bound grows old.
        let view = std::fs::read_to_string(views_dir().join("rough_sleeping_risk.toml")).unwrap();
        place.control(&[pinned(view)]);
    })
    .await;
    let deadline = std::time::Instant::now() + WAIT;
    while running.list(CAMDEN).await.is_ok() {
        assert!(std::time::Instant::now() < deadline, "the bound is kept");
        // Each list shows everybody, and what falls later is told of each.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let (_place, ()) = blocking(place, move |place| {
        let person = vec![place.subject(5, CAMDEN), place.contact(5, 95, 30, CAMDEN)];
        place.commit(person);
        eventually("it says that it waits", || waits().then_some(()));
        assert_eq!(people(&records(place, OURS)), [1, 2, 3]);
        // What fell leaves all the same: to take it away tells nothing.
        let gone = vec![place.retraction(2), place.contact(3, 93, 30, CAMDEN)];
        place.commit(gone);
        let ours = until(place, OURS, &[1, 3]);
        are_disclosed(place, OURS, &ours);
        assert_eq!((ours.len(), reasons(&ours)), (4, vec!["RETRACTED"]));
        place.catch_up();
        let ours = until(place, OURS, &[1, 3, 5]);
        are_disclosed(place, OURS, &ours);
    })
    .await;
    running.stop().await;
}

/// A folder of view files.
fn files(folder: &Path, all: &[(&str, &str)]) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
    for (name, text) in all {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(views_dir().join(name)).unwrap()
}

/// Other columns over another state: the shipped view with one more.
fn changed() -> String {
    let shipped = shipped(FILE);
    let at = shipped.find("# ---- what no event says yet ----").unwrap();
    let (before, after) = shipped.split_at(at);
    let feature = "name = \"outreach_team\"\nkind = \"last\"\nevent = \"housing.RoughSleepingContact\"\nfield = \"outreach_team\"";
    let column = "output = \"outreach_team\"\nlabel = \"Team\"\nmeaning = \"The team that met the person last.\"";
    format!("{before}[[feature]]\n{feature}\n\n[[column]]\n{column}\n\n{after}")
}

fn from(views: &Path) -> Start {
    Start {
        views: views.to_owned(),
        ..Start::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_kept_no_longer_leaves_the_topic_on_the_day() {
    let mut place = Place::new().await;
    (place.delivered, place.retention_days) = (true, KEPT_DAYS);
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        city(place);
    })
    .await;
    let last_day_of = |on: &str| on.parse::<Day>().unwrap().0 + i32::try_from(KEPT_DAYS).unwrap();
    let today = Arc::new(AtomicI32::new(last_day_of("2026-05-31")));
    let told = Arc::clone(&today);
    let noon = move || {
        let day = Day(told.load(Ordering::SeqCst));
        Instant(day.start().micros() + 43_200_000_000)
    };
    let start = Start {
        clock: Arc::new(noon),
        ..Start::default()
    };
    let running = place.start_so(start).await;
    let (place, until_day) = blocking(place, |place| {
        let ours = until(place, OURS, &[1, 2, 3]);
        are_disclosed(place, OURS, &ours);
        let said = ours.iter().map(|one| one.headers.text("wb_not_after"));
        said.map(|day| day.unwrap().to_owned()).max().unwrap()
    })
    .await;
    // Everybody was met on 31 May: the last day on which anything may be kept is told with the row.
    assert_eq!(until_day, Day(last_day_of("2026-05-31")).to_string());
    today.fetch_add(1, Ordering::SeqCst);
    let (place, ()) = blocking(place, |place| {
        let ours = until(place, OURS, &[]);
        are_disclosed(place, OURS, &ours);
        assert_eq!(reasons(&ours), ["PAST_RETENTION"]);
    })
    .await;
    running.stop().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_of_the_view_replaces_each_row_once() {
    let place = place().await;
    let views = place.folder.path().join("files");
    files(&views, &[(FILE, &shipped(FILE))]);
    let running = place.start_so(from(&views)).await;
    let (place, before) = blocking(place, |place| until(place, OURS, &[1, 2, 3])).await;
    running.stop().await;

    // Filled beside the old one, which goes on: what is new is delivered as the old version has it.
    files(&views, &[(FILE, &changed())]);
    let running = place.start_so(from(&views)).await;
    let (place, middle) = blocking(place, |place| {
        let person = vec![place.subject(5, CAMDEN), place.contact(5, 95, 30, CAMDEN)];
        place.commit(person);
        let middle = until(place, OURS, &[1, 2, 3, 5]);
        assert_eq!(middle.len(), 4);
        place.pin(&changed());
        middle
    })
    .await;
    let (place, ()) = blocking(place, move |place| {
        let after = eventually("every row is the new version's", || {
            let now = records(place, OURS);
            (now.len() >= 8).then_some(now)
        });
        are_disclosed(place, OURS, &after);
        assert_eq!(people(&after), [1, 2, 3, 5]);
        assert!(reasons(&after).is_empty(), "nobody left in between");
        // The old version wrote what it had written, and each of its rows was replaced once: the values name the file they are of.
        let of = |text: &str| walbrook_policy::agreement::sha256(text).to_vec();
        let reads = place.read::<ReadRecord>(topics::READS);
        let rows = |sha256: Vec<u8>| -> Vec<u8> {
            let of = |read: &&ReadRecord| read.topic() == OURS && read.view_sha256 == sha256;
            let rows = reads.iter().filter(of).flat_map(|read| &read.answered);
            let mut rows: Vec<u8> = rows.map(|row| row.person_pseudonym[0]).collect();
            rows.sort_unstable();
            rows
        };
        assert_eq!(rows(of(&shipped(FILE))), [1, 2, 3, 5]);
        assert_eq!(rows(of(&changed())), [1, 2, 3, 5]);
        assert_eq!((before.len(), middle.len(), after.len()), (3, 4, 8));
    })
    .await;
    running.stop().await;

    // Other words are no other rows: nothing is written but what is new.
    let words = changed().replace("label = \"Team\"", "label = \"Outreach team\"");
    files(&views, &[(FILE, &words)]);
    let running = place.start_so(from(&views)).await;
    let (place, ()) = blocking(place, move |place| {
        place.pin(&words);
        let gone = place.retraction(5);
        place.commit(vec![gone]);
        let ours = until(place, OURS, &[1, 2, 3]);
        are_disclosed(place, OURS, &ours);
        assert_eq!((ours.len(), reasons(&ours)), (9, vec!["RETRACTED"]));
    })
    .await;
    running.stop().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_view_without_a_file_leave_its_topics_and_come_back_with_it() {
    let place = place().await;
    let views = place.folder.path().join("files");
    let children = shipped("children_in_care.toml");
    let both = [("children_in_care.toml", children.as_str())];
    let whole = [both[0], (FILE, &shipped(FILE))];
    files(&views, &whole);
    let running = place.start_so(from(&views)).await;
    let (place, ()) = blocking(place, |place| {
        until(place, OURS, &[1, 2, 3]);
        until(place, THEIRS, &[4]);
    })
    .await;
    running.stop().await;

    // Its file is gone, and with it every view of the purpose. Nobody would notice a withdrawal for these rows.
    files(&views, &both);
    let running = place.start_so(from(&views)).await;
    let (place, ()) = blocking(place, |place| {
        for topic in [OURS, THEIRS] {
            let left = until(place, topic, &[]);
            are_disclosed(place, topic, &left);
            assert_eq!(reasons(&left), ["VIEW_REMOVED"]);
        }
        let reads = place.read::<ReadRecord>(topics::READS);
        let said = reads.iter().filter(|read| !read.left.is_empty());
        let said: Vec<&str> = said.map(|read| read.reason.as_str()).collect();
        assert!(!said.is_empty() && said.iter().all(|reason| *reason == "VIEW_REMOVED"));
    })
    .await;
    running.stop().await;

    // With the file the rows are back.
    files(&views, &whole);
    let running = place.start_so(from(&views)).await;
    let (place, ()) = blocking(place, |place| {
        let ours = until(place, OURS, &[1, 2, 3]);
        are_disclosed(place, OURS, &ours);
        assert_eq!(ours.len(), 9, "each stood, left once, and stands");
    })
    .await;
    running.stop().await;
    drop(place);
}
