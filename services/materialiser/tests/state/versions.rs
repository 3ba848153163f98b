//! A changed view file: the old version goes on until the new one has caught up and is pinned, and then they change places at once.

use crate::common::running::{Running, Start, context, reason};
use crate::common::*;
use std::path::{Path, PathBuf};
use walbrook_eventlog::topics;
use walbrook_proto::audit::v1::{ReadRecord, Removal};
use walbrook_proto::view::v1::*;

const FILE: &str = "rough_sleeping_risk.toml";
/// A column that needs a field no other feature needs.
const ADDED: &str = r#"
[[feature]]
name = "outreach_team"
kind = "last"
event = "housing.RoughSleepingContact"
field = "outreach_team"

[[column]]
output = "outreach_team"
label = "Outreach team"
meaning = "The team that met the person last."
roles = ["housing-options-officer"]
"#;

pub fn shipped() -> String {
    std::fs::read_to_string(views_dir().join(FILE)).unwrap()
}

/// The shipped view with a column more: its state holds a field more.
pub fn changed() -> String {
    let shipped = shipped();
    let at = shipped.find("# ---- what no event says yet ----").unwrap();
    let (before, after) = shipped.split_at(at);
    format!("{before}{ADDED}\n{after}")
}

pub fn write(folder: &Path, text: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(FILE), text).unwrap();
}

pub fn started(views: &Path) -> Start {
    Start {
        views: views.to_owned(),
        ..Start::default()
    }
}

pub fn is_new(answer: &ListRowsResponse) -> bool {
    let new = |row: &walbrook_proto::view::v1::Row| {
        let mut cells = row.cells.iter();
        cells.any(|cell| cell.column == "outreach_team")
    };
    let all = answer.rows.iter().filter(|row| new(row)).count();
    assert!(all == 0 || all == answer.rows.len(), "half of each version");
    all > 0
}

fn folders(place: &Place) -> Vec<PathBuf> {
    let folder = place.folder.path().join("data/views/rough-sleeping");
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

async fn three(running: &Running) -> ListRowsResponse {
    running
        .list_until(CAMDEN, "all three are there", |answer| {
            answer.rows.len() == 3
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_serves_once_its_state_has_caught_up_and_not_before_it_is_pinned() {
    let place = Place::new().await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        city(place);
        // What was taken before is the old version's to say, and said once.
        let gone = place.retraction(4);
        place.commit(vec![gone]);
    })
    .await;
    let views = place.folder.path().join("files");
    write(&views, &shipped());
    let running = place.start_so(started(&views)).await;
    let before = three(&running).await;
    assert!(!is_new(&before));
    running.stop().await;

    write(&views, &changed());
    let running = place.start_so(started(&views)).await;
    assert!(!is_new(&three(&running).await), "it is not pinned yet");
    let mut watch = running
        .client
        .clone()
        .watch_rows(running.request(
            CAMDEN,
            OFFICER,
            WatchRowsRequest {
                view: VIEW.into(),
                context: context(),
                resume_token: String::new(),
            },
        ))
        .await
        .unwrap()
        .into_inner();
    assert!(watch.message().await.unwrap().is_some());
    let (place, ()) = blocking(place, |place| place.pin(&changed())).await;
    // Every answer until then is whole, of the one version or the other.
    let after = running
        .list_until(CAMDEN, "the new version serves", |answer| {
            assert_eq!(answer.rows.len(), 3);
            is_new(answer)
        })
        .await;
    let ended = loop {
        match watch.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no end without a reason"),
            Err(status) => break status,
        }
    };
    assert_eq!(reason(&ended), "VIEW_SWITCHED");
    let read = after.facts.unwrap().read_id;
    let sha256 = walbrook_policy::agreement::sha256(&changed());
    let (place, ()) = blocking(place, move |place| {
        let reads = place.read::<ReadRecord>(topics::READS);
        let read = reads.iter().rfind(|one| one.read_id == read).unwrap();
        assert_eq!(read.view_sha256, sha256);
        let left = || (folders(place).len() == 1).then_some(());
        eventually("the old state is deleted", left);
        let removals = place.read::<Removal>(topics::REMOVALS);
        let gone = removals.iter().filter(|one| one.reason == "WITHDRAWAL");
        assert_eq!(gone.count(), 1, "the new version repeats nothing");
    })
    .await;
    running.stop().await;

    // A faulty file is refused, and what served goes on, also when an operator pins it.
    write(
        &views,
        "name = \"rough_sleeping_risk\"\npurpose = \"rough-sleeping\"\n",
    );
    let running = place.start_so(started(&views)).await;
    assert!(is_new(&three(&running).await));
    let (place, ()) = blocking(place, |place| place.pin("faulty")).await;
    assert!(is_new(&three(&running).await));
    running.stop().await;

    // Other words need no other state.
    let words = changed().replace("label = \"Outreach team\"", "label = \"Team\"");
    let kept = folders(&place);
    write(&views, &words);
    let (place, ()) = blocking(place, move |place| place.pin(&words)).await;
    let running = place.start_so(started(&views)).await;
    let labels = |answer: &ListRowsResponse| {
        let shape = answer.facts.as_ref().unwrap().view.as_ref().unwrap();
        let mut columns = shape.columns.iter();
        columns.any(|column| column.label == "Team")
    };
    running
        .list_until(CAMDEN, "the new words serve", labels)
        .await;
    assert_eq!(folders(&place), kept);
    running.stop().await;
}
