//! Stores that are taken away, damaged or on a full disk, and a process that was not there for a while: it refuses or fills again, says so plainly,
//! shows no wrong row, and the other purposes go on.

use crate::common::running::{Running, Start, context, reason};
use crate::common::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use tonic::Code;
use walbrook_proto::view::v1::*;

const OTHER: &str = "children_in_care";

fn store(place: &Place) -> PathBuf {
    place.folder.path().join("data/views/rough-sleeping")
}

/// The list of the other purpose's view: nobody's, but an answer.
async fn other(running: &Running) -> Result<ListRowsResponse, tonic::Status> {
    let message = ListRowsRequest {
        view: OTHER.into(),
        context: context(),
        ..ListRowsRequest::default()
    };
    let request = running.request(CAMDEN, OFFICER, message);
    let answer = running.client.clone().list_rows(request).await;
    answer.map(tonic::Response::into_inner)
}

/// Until the purpose refuses; every answer before that has these many people.
async fn until_refused(running: &Running, count: usize) {
    let deadline = Instant::now() + WAIT;
    loop {
        match running.list(CAMDEN).await {
            Ok(answer) => assert_eq!(answer.rows.len(), count, "a wrong answer"),
            Err(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status}");
                assert_eq!(reason(&status), "GROUNDS_BOUND_EXCEEDED");
                return;
            }
        }
        assert!(Instant::now() < deadline, "it goes on without its store");
    }
}

fn why(running: &Running) -> String {
    let missing = running.context.readiness.missing();
    let of = missing
        .into_iter()
        .find(|(part, _)| *part == "rough-sleeping");
    of.map(|(_, why)| why).unwrap_or_default()
}

async fn three(running: &Running) -> ListRowsResponse {
    running
        .list_until(CAMDEN, "all three are there", |answer| {
            answer.rows.len() == 3
        })
        .await
}

async fn with_city() -> Place {
    let place = Place::new().await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        let other = std::fs::read_to_string(views_dir().join(format!("{OTHER}.toml")));
        place.control(&[pinned_as(OTHER, other.unwrap())]);
        place.catch_up();
        city(place);
    })
    .await;
    place
}

fn short() -> Start {
    Start {
        bound_ms: 1_000,
        ..Start::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_taken_away_under_way_stops_its_purpose_alone_and_a_start_fills_it_again() {
    let place = with_city().await;
    let running = place.start_so(short()).await;
    let before = three(&running).await;
    std::fs::remove_dir_all(store(&place)).unwrap();
    until_refused(&running, 3).await;
    assert!(
        why(&running).contains("was taken away"),
        "{}",
        why(&running)
    );
    assert!(why(&running).contains("rough-sleeping"), "it says which");
    other(&running).await.expect("the other purpose goes on");
    running.stop().await;
    let running = place.start_so(short()).await;
    assert_eq!(three(&running).await.rows, before.rows);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_filled_again_and_shows_no_wrong_row() {
    let place = with_city().await;
    let running = place.start_so(short()).await;
    let before = three(&running).await;
    running.stop().await;
    let tables = files(&store(&place));
    assert!(!tables.is_empty());
    for file in tables {
        let whole = std::fs::read(&file).unwrap();
        let damaged: Vec<u8> = whole.iter().map(|byte| byte ^ 0x5a).collect();
        std::fs::write(&file, damaged).unwrap();
    }
    let running = place.start_so(short()).await;
    assert_eq!(three(&running).await.rows, before.rows);
    running.stop().await;
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// A small disk of its own at a folder; `None` where that is not allowed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "none"])
            .arg(folder)
            .output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder.to_owned()))
    }

    fn fill(&self) -> PathBuf {
        use std::io::Write;
        let path = self.0.join("foreign");
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[7; 4_096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_its_purpose_alone_says_so_and_loses_nothing() {
    let place = with_city().await;
    let Some(disk) = SmallDisk::at(&store(&place)) else {
        println!(
            "skipped: a disk of its own cannot be mounted here (root may); nothing was tested of a full disk"
        );
        return;
    };
    let running = place.start_so(short()).await;
    three(&running).await;
    let foreign = disk.fill();
    let (place, ()) = blocking(place, |place| {
        let contacts = (50..100u8).map(|event| place.contact(1, event, 20, CAMDEN));
        let contacts = contacts.collect();
        place.commit(contacts);
    })
    .await;
    until_refused(&running, 3).await;
    let said = why(&running);
    assert!(
        said.contains("make room") && said.contains("rough-sleeping"),
        "{said}"
    );
    other(&running).await.expect("the other purpose goes on");
    running.stop().await;
    // Started on the full disk, it refuses still and the others go on.
    let running = place
        .start_so(Start {
            unready: &["rough-sleeping"],
            ..short()
        })
        .await;
    let refused = running.list(CAMDEN).await;
    if let Ok(answer) = &refused {
        assert_eq!(answer.rows.len(), 3);
    }
    other(&running).await.expect("the other purpose goes on");
    running.stop().await;
    std::fs::remove_file(foreign).unwrap();
    let running = place.start_so(short()).await;
    let contacts = |answer: &ListRowsResponse| {
        let first = answer.rows.iter().find(|row| row.pseudonym[0] == 1);
        let cells = first.map(|row| row.cells.clone()).unwrap_or_default();
        cells.iter().any(|cell| {
            cell.column == "contacts_28d" && format!("{:?}", cell.value).contains("(51)")
        })
    };
    running
        .list_until(CAMDEN, "everything is there", contacts)
        .await;
    running.stop().await;
    drop(disk);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_away_refuses_until_it_has_caught_up() {
    let place = with_city().await;
    let running = place.start_so(short()).await;
    three(&running).await;
    running.stop().await;
    // Meanwhile somebody withdraws, and there is a ground that the broker has not passed yet.
    let (place, ()) = blocking(place, |place| {
        let gone = place.retraction(3);
        place.commit(vec![gone]);
        place.control(&[pinned(crate::versions::shipped())]);
    })
    .await;
    let running = place.start_so(short()).await;
    for _ in 0..20 {
        let status = running.list(CAMDEN).await.unwrap_err();
        assert_eq!(reason(&status), "GROUNDS_BOUND_EXCEEDED");
    }
    let (place, ()) = blocking(place, |place| place.catch_up()).await;
    let first = running
        .list_until(CAMDEN, "it answers again", |_| true)
        .await;
    assert_eq!(people(&first), [1, 2]);
    running.stop().await;
    drop(place);
}
