//! A partition moves to another broker process while a withdrawal is waiting in it.

use std::collections::BTreeMap;
use walbrook_event::headers;
use walbrook_proto::control::v1::control_client::ControlClient;
use walbrook_proto::control::v1::{GetReceiptRequest, RecordGroundRequest};
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_tests::acts::{CONTACT, PURPOSE, contact};
use walbrook_tests::backbone::{Backbone, Connection, Options, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};

const BROKERS: [&str; 2] = ["broker", "broker-2"];

/// The council's control client at one of the brokers.
fn control(backbone: &Backbone, broker: &str) -> ControlClient<Connection> {
    let caller = TokenRequest::new(CAMDEN, "information-governance", role::CONTROL);
    ControlClient::new(backbone.connect(broker, caller))
}

/// How many contacts were ever released under each pseudonym.
fn ever_released(backbone: &Backbone) -> BTreeMap<Vec<u8>, usize> {
    let mut found = BTreeMap::new();
    for record in backbone.releases(PURPOSE, CONTACT) {
        assert!(record.headers.text(headers::AGREEMENT).is_some());
        *found
            .entry(record.key.as_deref().expect("a key").to_vec())
            .or_insert(0) += 1;
    }
    found
}

/// Two brokers, and enough people that each has some of them, whichever partitions it has: each with one contact in view.
async fn two_brokers(first: u32) -> (Backbone, Vec<Person>) {
    let backbone = Backbone::start(Options::river()).await;
    backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
    backbone.start_second_broker();
    let people: Vec<Person> = (first..first + 12).map(Person::number).collect();
    for person in &people {
        let sent = backbone
            .publish(CAMDEN, contact(&event_id(), person, 5))
            .await;
        sent.expect("a receipt");
    }
    for person in &people {
        backbone.await_contacts(CAMDEN, person, 1).await;
    }
    backbone.decided().await;
    (backbone, people)
}

/// What the council's client said of every purpose.
fn consent(person: &Person, state: &str, expected_version: u32) -> RecordGroundRequest {
    RecordGroundRequest {
        agency: "housing".into(),
        id_scheme: "LOCAL".into(),
        local_id: person.local_id.clone(),
        kind: "CONSENT".into(),
        state: state.into(),
        expected_version,
        ..RecordGroundRequest::default()
    }
}

#[test]
fn a_withdrawal_and_a_new_consent_that_one_barrier_finds_together_leave_what_the_last_word_says() {
    journey(async {
        let (backbone, people) = two_brokers(840).await;
        let (writing, other) = backbone.writer_of(BROKERS).await;
        // While it hangs, both words about the people of its partitions reach the log: its next barrier finds them together.
        backbone.freeze(other);
        let mut client = control(&backbone, writing);
        for (number, person) in people.iter().enumerate() {
            let words: &[&str] = match number % 3 {
                0 => &["WITHDRAWN", "GIVEN"],
                1 => &["WITHDRAWN", "GIVEN", "WITHDRAWN"],
                _ => &["GIVEN", "WITHDRAWN", "GIVEN"],
            };
            for (version, word) in (0..).zip(words) {
                let answer = client.record_ground(consent(person, word, version)).await;
                answer.expect("acknowledged");
            }
            let sent = backbone
                .publish(CAMDEN, contact(&event_id(), person, 4))
                .await;
            sent.expect("a receipt");
        }
        backbone.thaw(other);
        for (number, person) in people.iter().enumerate() {
            let contacts = if number % 3 == 1 { 0 } else { 2 };
            backbone.await_contacts(CAMDEN, person, contacts).await;
        }
        backbone.decided().await;
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn a_partition_that_moves_to_another_broker_with_a_withdrawal_pending_takes_back_and_releases_nothing_more()
 {
    journey(async {
        let (backbone, people) = two_brokers(800).await;
        let before = ever_released(&backbone);
        assert_eq!(before.len(), people.len());

        let (writing, other) = backbone.writer_of(BROKERS).await;
        backbone.freeze(other);
        let mut last = None;
        for person in &people {
            let request = consent(person, "WITHDRAWN", 0);
            let answer = control(&backbone, writing).record_ground(request).await;
            last = Some(answer.expect("acknowledged").into_inner());
            backbone
                .publish(CAMDEN, contact(&event_id(), person, 4))
                .await
                .expect("still accepted");
        }
        let receipt = last.expect("a receipt");
        let operator = TokenRequest::new("WALBROOK:local", "operator", role::OPERATOR);
        let operator = ControlClient::new(backbone.connect(writing, operator));
        let status = operator
            .clone()
            .get_receipt(GetReceiptRequest {
                offset: receipt.offset,
            })
            .await;
        let status = status.expect("a status").into_inner();
        assert!(
            status.views.iter().all(|view| !view.complete),
            "the frozen broker's partitions wait: {status:?}"
        );

        backbone.kill_9(other);
        backbone
            .until("the withdrawals to reach every view", || async {
                let status = operator
                    .clone()
                    .get_receipt(GetReceiptRequest {
                        offset: receipt.offset,
                    })
                    .await;
                let status = status.map_err(|refused| refused.to_string())?.into_inner();
                if status.views.iter().all(|view| view.complete) {
                    Ok(())
                } else {
                    Err(format!("{status:?}"))
                }
            })
            .await;
        backbone.decided().await;
        for person in &people {
            backbone.await_contacts(CAMDEN, person, 0).await;
        }
        assert_eq!(
            ever_released(&backbone),
            before,
            "nothing was released after the withdrawals"
        );
        backbone.assert_audit_is_clean();
    });
}
