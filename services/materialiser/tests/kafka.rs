//! The materialiser on real Kafka: rows for their viewer, withdrawal and its receipt, records before answers, the bound, restart and replay.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod common;

use common::*;
use walbrook_domain::control::Standing;
use walbrook_eventlog::topics;
use walbrook_proto::audit::v1::{ReadRecord, Removal};

#[tokio::test(flavor = "multi_thread")]
async fn each_reader_sees_their_own_and_every_read_is_on_record_first() {
    let place = Place::new().await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN, HACKNEY]);
        city(place);
    })
    .await;
    let running = place.start(30_000).await;
    let camden = running
        .list_until(CAMDEN, "Camden has its three", |answer| {
            answer.rows.len() == 3
        })
        .await;
    assert_eq!(camden.total, 3);
    assert_eq!(people(&running.list(HACKNEY).await.unwrap()), [4]);
    assert!(
        running.get(CAMDEN, 4).await.unwrap().row.is_none(),
        "another borough's person"
    );
    assert!(
        running.get(CAMDEN, 9).await.unwrap().row.is_none(),
        "nobody"
    );
    let seen = running.get(CAMDEN, 2).await.unwrap().row.unwrap();
    assert!(
        camden.rows.contains(&seen),
        "one person's row is the row of the list"
    );
    // Nobody has an agreement for a trust, or for the role of another token.
    let trust = running.list("ODS:RRV").await.unwrap();
    assert_eq!((trust.rows.len(), trust.total), (0, 0));
    let status = running
        .list_as(CAMDEN, "producer", (0, ""))
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::PermissionDenied);
    // Pages are stable and whole.
    let first = running.list_as(CAMDEN, OFFICER, (2, "")).await.unwrap();
    let second = running
        .list_as(CAMDEN, OFFICER, (2, &first.next_page_token))
        .await
        .unwrap();
    assert_eq!([people(&first), people(&second)].concat(), people(&camden));
    assert!(second.next_page_token.is_empty());
    let status = running
        .list_as(CAMDEN, OFFICER, (2, "00"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);

    let (place, reads) = blocking(place, |place| place.read::<ReadRecord>(topics::READS)).await;
    let of = |id: &str| reads.iter().rfind(|read| read.read_id == id).unwrap();
    let read = of(&camden.facts.as_ref().unwrap().read_id);
    assert_eq!(
        (read.outcome.as_str(), read.operation.as_str()),
        ("ANSWERED", "LIST")
    );
    assert_eq!(read.answered.len(), 3);
    assert_eq!(read.applied.len(), 2);
    assert_eq!(read.agreements[0].agreement_id, "test-rough-sleeping");
    assert!(
        read.query.parse::<walbrook_view::query::Query>().is_ok(),
        "{}",
        read.query
    );
    let read = of(&trust.facts.unwrap().read_id);
    assert_eq!(
        (read.outcome.as_str(), read.reason.as_str()),
        ("REFUSED", "NO_AGREEMENT")
    );
    assert!(
        reads
            .iter()
            .any(|read| read.reason == "ROLE_NOT_HELD" && read.outcome == "REFUSED")
    );
    assert!(
        reads
            .iter()
            .any(|read| read.outcome == "EMPTY" && read.asked == [[4; 16]])
    );
    running.stop().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_leaves_the_view_and_its_receipt_says_so() {
    let place = Place::new().await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        city(place);
    })
    .await;
    let running = place.start(30_000).await;
    running
        .list_until(CAMDEN, "all three are there", |answer| {
            answer.rows.len() == 3
        })
        .await;
    let (place, ()) = blocking(place, |place| {
        let retraction = place.retraction(3);
        place.commit(vec![retraction]);
    })
    .await;
    let after = running
        .list_until(CAMDEN, "the third has left", |answer| {
            answer.rows.len() == 2
        })
        .await;
    assert_eq!(people(&after), [1, 2], "ranked by points, then by person");
    let (place, removals) = blocking(place, |place| {
        let mut all = Vec::new();
        eventually("the removal is on record", || {
            all = place.read::<Removal>(topics::REMOVALS);
            all.iter()
                .any(|one| one.reason == "WITHDRAWAL")
                .then_some(())
        });
        all
    })
    .await;
    let removal = removals
        .iter()
        .find(|one| one.reason == "WITHDRAWAL")
        .unwrap();
    assert_eq!(
        (removal.contributions, removal.rows, removal.complete),
        (3, 1, false)
    );
    assert_eq!(removal.cause_topic, "shared.rough-sleeping");
    assert!(
        removals
            .iter()
            .any(|one| one.complete && one.cause_topic == "control.policy")
    );
    running.stop().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_governs_the_next_read_and_the_bound_refuses_when_the_broker_stands_still() {
    let place = Place::new().await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        city(place);
    })
    .await;
    let running = place.start(5_000).await;
    running
        .list_until(CAMDEN, "all three are there", |answer| {
            answer.rows.len() == 3
        })
        .await;
    let (place, ()) = blocking(place, |place| place.standing(CAMDEN, Standing::Suspended)).await;
    // No wait: whatever is answered after the acknowledgement shows nothing of it; refusing is right too.
    match running.list(CAMDEN).await {
        Ok(answer) => assert!(answer.rows.is_empty(), "a suspended agreement was read"),
        Err(status) => assert_eq!(status.code(), tonic::Code::Unavailable),
    }
    // The broker has not passed the record: soon the bound cannot be shown, and everything is refused.
    let deadline = std::time::Instant::now() + WAIT;
    let status = loop {
        match running.list(CAMDEN).await {
            Err(status) => break status,
            Ok(_) => assert!(
                std::time::Instant::now() < deadline,
                "the bound was never enforced"
            ),
        }
    };
    assert_eq!(status.code(), tonic::Code::Unavailable);
    let (place, ()) = blocking(place, |place| {
        place.standing(CAMDEN, Standing::InForce);
        place.catch_up();
    })
    .await;
    running
        .list_until(
            CAMDEN,
            "what was released before is shown again",
            |answer| answer.rows.len() == 3,
        )
        .await;
    running.stop().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_and_a_deleted_store_give_the_same_rows() {
    let place = Place::new().await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN, HACKNEY]);
        city(place);
        let retraction = place.retraction(2);
        place.commit(vec![retraction]);
    })
    .await;
    let running = place.start(30_000).await;
    let before = running
        .list_until(CAMDEN, "two are left", |answer| answer.rows.len() == 2)
        .await;
    running.stop().await;
    // More happens while nobody reads.
    let (place, ()) = blocking(place, |place| {
        let contact = place.contact(1, 99, 20, CAMDEN);
        place.commit(vec![contact]);
    })
    .await;
    let running = place.start(30_000).await;
    let restored = running
        .list_until(CAMDEN, "the new contact counts", |answer| {
            answer.rows != before.rows && answer.rows.len() == 2
        })
        .await;
    running.stop().await;
    std::fs::remove_dir_all(place.folder.path().join("data")).unwrap();
    let running = place.start(30_000).await;
    let replayed = running
        .list_until(CAMDEN, "the replay is whole", |answer| {
            answer.rows == restored.rows
        })
        .await;
    assert_eq!(replayed.total, restored.total);
    running.stop().await;
}
