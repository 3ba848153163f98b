//! What an agreement does not let be kept any more leaves rows and store, on record, on the day; and never enters again.

use crate::common::running::Start;
use crate::common::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use walbrook_domain::{Day, Instant};
use walbrook_eventlog::topics;
use walbrook_materialiser::keeping::Clock;
use walbrook_proto::audit::v1::Removal;

const KEPT_DAYS: u32 = 4_000;

/// Noon of a day that moves when the test says so.
fn clock() -> (Arc<AtomicI32>, Clock) {
    let day = Arc::new(AtomicI32::new(0));
    let told = Arc::clone(&day);
    let clock = move || {
        let day = Day(told.load(Ordering::SeqCst));
        Instant(day.start().micros() + 43_200_000_000)
    };
    (day, Arc::new(clock))
}

fn last_day_of(on: &str) -> i32 {
    on.parse::<Day>().unwrap().0 + i32::try_from(KEPT_DAYS).unwrap()
}

/// Whether the id of the city's event stands in a file below a folder.
fn stands_on_disk(folder: &Path, event: u8) -> bool {
    let id: walbrook_domain::EventId = format!("{event:02}000000-0000-8000-8000-000000000000")
        .parse()
        .unwrap();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return stands_on_disk(&path, event);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        let id = id.as_bytes();
        bytes.windows(id.len()).any(|window| window == id)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_long_enough_leaves_rows_and_disk_on_record_and_does_not_come_back() {
    let mut place = Place::new().await;
    place.retention_days = KEPT_DAYS;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        city(place);
    })
    .await;
    let store = place.folder.path().join("data/views/rough-sleeping");
    let (today, clock) = clock();
    today.store(last_day_of("2026-05-29"), Ordering::SeqCst);
    let started = |clock: &Clock| Start {
        clock: Arc::clone(clock),
        ..Start::default()
    };
    let running = place.start_so(started(&clock)).await;
    let whole = running
        .list_until(CAMDEN, "all is there", |answer| answer.rows.len() == 3)
        .await;
    let (place, ()) = blocking(place, move |place| {
        let found = || stands_on_disk(&store, 32).then_some(());
        eventually("the store holds it", found);
        let _ = place;
    })
    .await;

    // The day after: person 3's contact of 29 May, event 32, is over.
    today.store(last_day_of("2026-05-29") + 1, Ordering::SeqCst);
    let shorter = running
        .list_until(CAMDEN, "it has left the row", |answer| {
            answer.rows.len() == 3 && answer.rows != whole.rows
        })
        .await;
    let store = place.folder.path().join("data/views/rough-sleeping");
    let (place, removals) = blocking(place, move |place| {
        eventually("it has left the disk", || {
            (!stands_on_disk(&store, 32)).then_some(())
        });
        assert!(stands_on_disk(&store, 31), "the day before is kept");
        place.read::<Removal>(topics::REMOVALS)
    })
    .await;
    let over: Vec<&Removal> = removals
        .iter()
        .filter(|one| one.reason == "RETENTION")
        .collect();
    let past_on = Day(last_day_of("2026-05-29") + 1).to_string();
    let said = |one: &Removal| {
        let on = one.past_on.as_ref().unwrap().days().map(Day).unwrap();
        (on.to_string(), one.contributions, one.rows, one.complete)
    };
    assert_eq!(over.len(), 1, "{over:?}");
    // Person 3 has one of that day, and Hackney's person 4; what person 4 has of the day before was over when it came, and never entered.
    assert_eq!(said(over[0]), (past_on, 2, 0, false));

    // A late event of that day does not enter; that the rest was applied is shown by the bound.
    let (place, ()) = blocking(place, |place| {
        let late = place.contact(1, 77, 29, CAMDEN);
        let known = place.contact(2, 88, 31, CAMDEN);
        place.commit(vec![late, known]);
    })
    .await;
    let row = |answer: &walbrook_proto::view::v1::ListRowsResponse, person: u8| {
        let mut rows = answer.rows.iter();
        rows.find(|row| row.pseudonym[0] == person).cloned()
    };
    let committed = now();
    let after = running
        .list_until(CAMDEN, "both are applied", |answer| {
            let through = answer.facts.as_ref().unwrap().grounds_applied_through;
            let through = walbrook_materialiser::clock::instant(&through.unwrap());
            through.unwrap() > committed
        })
        .await;
    assert_ne!(row(&after, 2), row(&shorter, 2));
    assert_eq!(row(&after, 1), row(&shorter, 1));
    running.stop().await;

    // A store filled anew holds the same, and never held what was over.
    let data = place.folder.path().join("data");
    std::fs::remove_dir_all(&data).unwrap();
    let running = place.start_so(started(&clock)).await;
    let again = running
        .list_until(CAMDEN, "it is filled again", |answer| {
            answer.rows.len() == 3
        })
        .await;
    assert_eq!(again.rows, after.rows);
    assert!(!stands_on_disk(&data.join("views"), 32) && !stands_on_disk(&data.join("views"), 77));
    // Two days on, nothing is left.
    today.store(last_day_of("2026-05-31") + 1, Ordering::SeqCst);
    running
        .list_until(CAMDEN, "everybody has left", |answer| {
            answer.rows.is_empty()
        })
        .await;
    running.stop().await;
}
