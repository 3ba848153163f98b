//! What happens without a call: the calendar moves, and so does the writer.

use crate::house::{consent, draft, house, now, sign_everything, sign_second, wait};
use std::sync::atomic::Ordering;
use std::time::Duration;
use walbrook_broker::control::writer;
use walbrook_domain::Instant;
use walbrook_domain::control::{AgreementFact, ControlFact, GroundState};
use walbrook_eventlog::topics;
use walbrook_eventlog_kafka::OwnerAddress;

#[tokio::test(flavor = "multi_thread")]
async fn the_group_says_where_the_writer_is_while_it_moves() {
    let house = house().await;
    let named = |port: u16| -> http::Uri { format!("http://127.0.0.1:{port}").parse().unwrap() };
    let at = house.format.policy();
    let group = house.format.namespace.name(writer::NAME);
    let owner = OwnerAddress::new(&house.kafka, group, at);
    let says = || owner.ask(Duration::from_secs(10)).unwrap();
    assert_eq!(says(), None, "nobody yet");
    let first = house.start_named(&named(1));
    wait("the first writer", || first.serves());
    wait("its address", || says() == Some(named(1)));
    let second = house.start_named(&named(2));
    first.stop();
    wait("the second writer", || second.serves());
    wait("its address", || says() == Some(named(2)));
    second.stop();
    wait("nobody", || says().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_signed_ahead_commences_on_its_day_without_a_call_and_once() {
    let house = house().await;
    let writer = house.start();
    wait("a writer", || writer.serves());
    sign_everything(&writer.desk).await;
    let day = now().london_day().plus(10);
    sign_second(&writer.desk, day).await;
    let commenced = || {
        let all = house.records(topics::AGREEMENTS).into_iter();
        let said = all.filter_map(|record| match record.fact {
            ControlFact::Agreement(AgreementFact::Commenced(fact)) => Some(fact.version.0),
            _ => None,
        });
        said.collect::<Vec<_>>()
    };
    let go_to = |at: Instant| house.ahead.store(at.0 - now().0, Ordering::Release);
    // Clocks differ: not in the first minute of the day.
    go_to(Instant(day.start().0 + 30_000_000));
    let fact = consent(1, GroundState::Given, 1);
    writer.desk.submit(draft(fact, "")).await.unwrap();
    assert!(commenced().is_empty());
    go_to(Instant(day.start().0 + 180_000_000));
    wait("the record", || commenced() == [2]);
    // Another writer finds it on record.
    writer.stop();
    let next = house.start();
    wait("the next writer", || next.serves());
    let fact = consent(2, GroundState::Given, 1);
    next.desk.submit(draft(fact, "")).await.unwrap();
    assert_eq!(commenced(), [2]);
    next.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_fall_due_and_agreements_lapse_by_the_calendar_alone() {
    let house = house().await;
    let writer = house.start();
    wait("a writer", || writer.serves());
    sign_everything(&writer.desk).await;
    let period = writer.desk.read(|state| {
        let history = state.book().agreement(&"nhs-to-housing".parse().unwrap());
        history.unwrap().latest().unwrap().agreement.period
    });
    let period = period.unwrap();
    let told = |handle: u8, day: walbrook_domain::Day| {
        // Whatever is written next, the numbers are those of that day.
        house
            .ahead
            .store(day.start().0 + 1_000_000 - now().0, Ordering::Release);
        let (desk, fact) = (writer.desk.clone(), consent(handle, GroundState::Given, 1));
        async move { desk.submit(draft(fact, "")).await.unwrap() }
    };
    let counts = |review: &str, standing: &str| {
        let text = house.metrics.text();
        let review = format!("walbrook_control_agreements{{review=\"{review}\"}} 1");
        let standing = format!("walbrook_control_parties{{standing=\"{standing}\"}} 1");
        text.contains(&review) && text.contains(&standing)
    };
    for (handle, (day, review, standing)) in [
        (period.review.plus(-31), "NOT_DUE", "IN_FORCE"),
        (period.review.plus(-30), "DUE", "IN_FORCE"),
        (period.expiry, "DUE", "IN_FORCE"),
        (period.expiry.plus(1), "EXPIRED", "EXPIRED"),
    ]
    .into_iter()
    .enumerate()
    {
        told(u8::try_from(handle).unwrap(), day).await;
        wait("the numbers of that day", || counts(review, standing));
    }
    let proposals = house.records(topics::POLICY);
    let of_agreements = proposals
        .iter()
        .filter(|record| matches!(&record.fact, ControlFact::Agreement(_)))
        .count();
    assert_eq!(
        of_agreements, 3,
        "key, proposal, signature: lapsing took no record"
    );
    writer.stop();
}
