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
use walbrook_domain::control::Standing;

const OURS: &str = "view.rough_sleeping_risk.GSS-E09000007";
const THEIRS: &str = "view.rough_sleeping_risk.GSS-E09000012";

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
    }
    let (_place, ()) = blocking(place, move |place| {
        let person = vec![place.subject(5, CAMDEN), place.contact(5, 95, 30, CAMDEN)];
        place.commit(person);
        eventually("it says that it waits", || waits().then_some(()));
        assert_eq!(people(&records(place, OURS)), [1, 2, 3]);
        place.catch_up();
        let ours = until(place, OURS, &[1, 2, 3, 5]);
        are_disclosed(place, OURS, &ours);
    })
    .await;
    running.stop().await;
}
