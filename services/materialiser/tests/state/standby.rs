//! A standby is a second reader: it holds every partition, serves as the first does, and is there when that is not.

use crate::common::running::Start;
use crate::common::*;
use std::collections::BTreeSet;
use walbrook_eventlog::topics;
use walbrook_proto::audit::v1::Removal;
use walbrook_proto::view::v1::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_serve_the_same_and_one_goes_on_when_the_other_is_gone() {
    let place = Place::new().await;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN]);
        city(place);
    })
    .await;
    let other = Start {
        data: "standby",
        ..Start::default()
    };
    let (first, second) = tokio::join!(place.start(30_000), place.start_so(other));
    let three = |answer: &ListRowsResponse| answer.rows.len() == 3;
    let one = first.list_until(CAMDEN, "the first serves", three).await;
    let two = second.list_until(CAMDEN, "the second serves", three).await;
    assert_eq!(one.rows, two.rows);

    let (place, ()) = blocking(place, |place| {
        let gone = place.retraction(3);
        place.commit(vec![gone]);
    })
    .await;
    let left = |answer: &ListRowsResponse| answer.rows.len() == 2;
    first.list_until(CAMDEN, "it left the first", left).await;
    first.stop().await;
    // The first is gone: its client goes to the second, which shows no more than the first did.
    let after = second.list_until(CAMDEN, "it left the second", left).await;
    assert_eq!(people(&after), [1, 2]);

    // Both said what left, of the same cause in the same words: it is one removal.
    let (place, removals) = blocking(place, |place| {
        eventually("both have said so", || {
            let all = place.read::<Removal>(topics::REMOVALS);
            let gone = all.into_iter().filter(|one| one.reason == "WITHDRAWAL");
            let gone: Vec<Removal> = gone.collect();
            (gone.len() == 2).then_some(gone)
        })
    })
    .await;
    let causes: BTreeSet<String> = removals
        .into_iter()
        .map(|one| {
            let one = Removal {
                recorded_at: None,
                ..one
            };
            format!("{one:?}")
        })
        .collect();
    assert_eq!(causes.len(), 1, "{causes:?}");
    second.stop().await;
    drop(place);
}
