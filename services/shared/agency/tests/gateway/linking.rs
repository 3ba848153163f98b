//! Link before accept, and how seldom identity is asked.

use walbrook_agency::Limits;
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_proto::housing::v1::{Event, PublishFrame};

use crate::house::{House, Step, event, publish, subject, violations};

fn without_demographics(number: u128, local_id: &str) -> Event {
    let mut sent = event(number, local_id);
    subject(&mut sent).demographics = None;
    sent
}

#[tokio::test]
async fn no_event_is_appended_before_its_link_is_acknowledged() {
    let house = House::open().await;
    let events: Vec<_> = (0..20)
        .map(|number| event(number, &format!("P-{}", number % 7)))
        .collect();
    let frames = tokio_stream::iter((0..5).map(move |frame| {
        PublishFrame {
            sequence: frame + 1,
            events: events
                .iter()
                .skip(usize::try_from(frame).expect("small") * 4)
                .take(4)
                .cloned()
                .collect(),
        }
    }));
    let mut answers = house
        .client()
        .publish_stream(frames)
        .await
        .expect("stream")
        .into_inner();
    while answers.message().await.expect("answer").is_some() {}

    let mut linked = Vec::new();
    let mut appended = 0;
    for step in house.journal.lock().iter() {
        match step {
            Step::Linked(_) => linked.push(vec![u8::try_from(linked.len() + 1).expect("few"); 16]),
            Step::Appended(key) => {
                appended += 1;
                assert!(linked.contains(key), "a record stands before its link");
            }
        }
    }
    assert_eq!(appended, 20);
}

#[tokio::test]
async fn a_known_subject_is_not_asked_for_again_until_it_changes() {
    let house = House::open().await;
    let mut client = house.client();
    publish(&mut client, event(1, "P-1"))
        .await
        .expect("receipt");
    publish(&mut client, without_demographics(2, "P-1"))
        .await
        .expect("known, nothing to say");
    publish(&mut client, event(3, "P-1"))
        .await
        .expect("known, the same said again");
    assert_eq!(*house.people.calls.lock(), 1);

    let mut moved = event(4, "P-1");
    subject(&mut moved)
        .demographics
        .as_mut()
        .expect("told")
        .postcode = "E1 0XX".into();
    publish(&mut client, moved.clone()).await.expect("receipt");
    assert_eq!(*house.people.calls.lock(), 2, "the address changed");
    publish(&mut client, moved).await.expect("receipt");
    publish(&mut client, without_demographics(5, "P-1"))
        .await
        .expect("receipt");
    assert_eq!(*house.people.calls.lock(), 2);
    let keys: Vec<_> = house
        .log
        .records()
        .into_iter()
        .map(|record| record.key)
        .collect();
    assert!(
        keys.iter().all(|key| *key == keys[0]),
        "one subject, one handle"
    );
    assert_eq!(house.count("walbrook_gateway_subjects_asked_total"), 2);
}

#[tokio::test]
async fn a_frame_asks_once_for_all_its_subjects() {
    let house = House::open().await;
    let events = (0..30)
        .map(|number| event(number, &format!("P-{}", number % 3)))
        .collect();
    let frames = tokio_stream::iter([PublishFrame {
        sequence: 1,
        events,
    }]);
    let mut answers = house
        .client()
        .publish_stream(frames)
        .await
        .expect("stream")
        .into_inner();
    answers.message().await.expect("answer").expect("frame");
    assert_eq!(*house.people.calls.lock(), 1);
    assert_eq!(house.people.asked.lock().len(), 3);
}

#[tokio::test]
async fn demographics_that_come_later_in_a_frame_are_told_too() {
    let house = House::open().await;
    let mut client = house.client();
    publish(&mut client, event(1, "P-1"))
        .await
        .expect("receipt");
    let mut moved = event(3, "P-1");
    subject(&mut moved)
        .demographics
        .as_mut()
        .expect("told")
        .postcode = "E1 0XX".into();
    let events = vec![
        without_demographics(2, "P-1"),
        moved,
        without_demographics(4, "P-1"),
    ];
    let frames = tokio_stream::iter([PublishFrame {
        sequence: 1,
        events,
    }]);
    let mut answers = client
        .publish_stream(frames)
        .await
        .expect("stream")
        .into_inner();
    let answer = answers.message().await.expect("answer").expect("frame");
    assert!(
        answer
            .outcomes
            .iter()
            .all(|outcome| matches!(outcome.outcome, Some(Outcome::Receipt(_))))
    );
    let asked = house.people.asked.lock();
    assert_eq!(asked.len(), 2);
    assert_eq!(
        asked[1].demographics.as_ref().expect("told").postcode,
        "E1 0XX"
    );
    assert_eq!(asked[0].token, asked[1].token);
}

#[tokio::test]
async fn an_unknown_subject_needs_to_be_told_and_others_of_the_frame_do_not_suffer() {
    let house = House::open().await;
    let mut client = house.client();
    let refused = publish(&mut client, without_demographics(1, "P-9"))
        .await
        .expect_err("refused");
    assert_eq!(
        violations(&refused),
        [(
            "head.subject.demographics".to_owned(),
            "DEMOGRAPHICS_NEEDED".to_owned()
        )]
    );
    let events = vec![without_demographics(1, "P-9"), event(2, "P-1")];
    let frames = tokio_stream::iter([PublishFrame {
        sequence: 1,
        events,
    }]);
    let mut answers = client
        .publish_stream(frames)
        .await
        .expect("stream")
        .into_inner();
    let answer = answers.message().await.expect("answer").expect("frame");
    assert!(matches!(
        &answer.outcomes[0].outcome,
        Some(Outcome::Refusal(_))
    ));
    assert!(matches!(
        &answer.outcomes[1].outcome,
        Some(Outcome::Receipt(_))
    ));
    assert_eq!(house.log.records().len(), 1);
}

#[tokio::test]
async fn a_full_cache_costs_questions_and_nothing_else() {
    let limits = Limits {
        cached_subjects: 2,
        ..Limits::default()
    };
    let house = House::with(limits, std::sync::Arc::new(walbrook_event::Plain)).await;
    let mut client = house.client();
    for round in 0..3 {
        for person in 0..5 {
            publish(
                &mut client,
                event(round * 10 + person, &format!("P-{person}")),
            )
            .await
            .expect("receipt");
        }
    }
    assert_eq!(house.log.records().len(), 15);
    let keys: std::collections::BTreeSet<_> = house
        .log
        .records()
        .into_iter()
        .map(|record| record.key)
        .collect();
    assert_eq!(keys.len(), 5);
}

#[tokio::test]
async fn only_a_verified_number_is_told_as_one() {
    let house = House::open().await;
    let mut client = house.client();
    let mut unverified = event(1, "P-1");
    subject(&mut unverified)
        .demographics
        .as_mut()
        .expect("told")
        .nhs_number_verified = false;
    publish(&mut client, unverified).await.expect("receipt");
    publish(&mut client, event(2, "P-2"))
        .await
        .expect("receipt");
    let mut child = event(3, "C-3");
    subject(&mut child).scheme = "LA_CHILD_ID".into();
    publish(&mut client, child).await.expect("receipt");
    let asked = house.people.asked.lock();
    let told = |at: usize| asked[at].demographics.clone().expect("told");
    assert_eq!(told(0).nhs_number, "");
    assert_eq!(told(1).nhs_number, "9990000018");
    assert_eq!(
        (told(1).la_child_id.as_str(), told(2).la_child_id.as_str()),
        ("", "C-3")
    );
    assert_eq!(asked[0].agency, "example");
    assert!(
        asked
            .iter()
            .all(|item| item.token.len() == 32 && !item.token.windows(2).any(|pair| pair == b"P-"))
    );
}
