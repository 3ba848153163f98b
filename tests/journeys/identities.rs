//! Who is the same person, and what follows when somebody says so or takes it back: merge and un-merge leave every row as it was.

use crate::{reason, river};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tonic::Code;
use walbrook_proto::control::v1::{RecordGroundRequest, SetStandingRequest};
use walbrook_proto::view::v1::Row;
use walbrook_tests::acts::contact;
use walbrook_tests::backbone::{Backbone, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, event_id};

/// Two invented people whom nothing links by itself, and whom an operator may say to be one: of one day, and with no number.
pub fn mergeable(first: u32) -> (Person, Person) {
    let one = Person::number(first).without_numbers();
    let mut other = Person::number(first + 1).without_numbers();
    other.demographics.birth_date = one.demographics.birth_date;
    (one, other)
}

async fn met(backbone: &Backbone, person: &Person, days: i32) {
    let sent = backbone.publish(CAMDEN, contact(&event_id(), person, days));
    sent.await.expect("a receipt");
}

async fn row(backbone: &Backbone, person: &Person) -> Option<Row> {
    let row = backbone.row(CAMDEN, &person.local_id).await;
    row.expect("an answer")
}

/// What a row says of the person: all but when sources were last heard from, which goes on meanwhile.
fn said(row: Option<Row>) -> Option<Row> {
    row.map(|row| Row {
        sources: Vec::new(),
        ..row
    })
}

fn objection(person: &Person, state: &str, before: u32) -> RecordGroundRequest {
    RecordGroundRequest {
        agency: "housing".into(),
        id_scheme: "LOCAL".into(),
        local_id: person.local_id.clone(),
        kind: "OBJECTION".into(),
        state: state.into(),
        expected_version: before,
        ..RecordGroundRequest::default()
    }
}

#[test]
fn trap_11_a_merge_and_its_un_merge_leave_all_rows_as_they_were() {
    journey(async {
        let backbone = river().await;
        let (one, other) = mergeable(4_200);
        for days in [3, 5] {
            met(&backbone, &one, days).await;
        }
        met(&backbone, &other, 4).await;
        backbone.await_contacts(CAMDEN, &one, 2).await;
        backbone.await_contacts(CAMDEN, &other, 1).await;
        backbone.decided().await;
        let before = (
            said(row(&backbone, &one).await),
            said(row(&backbone, &other).await),
        );
        assert_ne!(before.0, before.1);
        backbone
            .merge(CAMDEN, &one.local_id, &other.local_id)
            .await
            .expect("merged");
        backbone.await_contacts(CAMDEN, &one, 3).await;
        backbone.await_contacts(CAMDEN, &other, 3).await;
        assert_eq!(
            said(row(&backbone, &one).await),
            said(row(&backbone, &other).await)
        );
        backbone
            .unmerge(CAMDEN, &other.local_id)
            .await
            .expect("taken apart");
        backbone.await_contacts(CAMDEN, &one, 2).await;
        backbone.await_contacts(CAMDEN, &other, 1).await;
        backbone.decided().await;
        let after = (
            said(row(&backbone, &one).await),
            said(row(&backbone, &other).await),
        );
        assert_eq!(before, after);
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn an_objection_on_one_side_governs_both_while_they_are_one_and_one_again_after() {
    journey(async {
        let backbone = river().await;
        let (one, other) = mergeable(4_210);
        met(&backbone, &one, 3).await;
        met(&backbone, &other, 4).await;
        backbone.await_contacts(CAMDEN, &one, 1).await;
        backbone.await_contacts(CAMDEN, &other, 1).await;
        let raised = backbone
            .control(CAMDEN)
            .record_ground(objection(&other, "RAISED", 0))
            .await
            .expect("acknowledged")
            .into_inner();
        backbone.await_removal(&raised).await;
        backbone.decided().await;
        let before = (
            said(row(&backbone, &one).await),
            row(&backbone, &other).await,
        );
        assert_eq!(before.1, None);
        backbone
            .merge(CAMDEN, &one.local_id, &other.local_id)
            .await
            .expect("merged");
        backbone.await_contacts(CAMDEN, &one, 0).await;
        backbone.decided().await;
        assert_eq!(row(&backbone, &one).await, None, "they are one person");
        backbone
            .unmerge(CAMDEN, &one.local_id)
            .await
            .expect("taken apart");
        backbone.await_contacts(CAMDEN, &one, 1).await;
        backbone.decided().await;
        let after = (
            said(row(&backbone, &one).await),
            row(&backbone, &other).await,
        );
        assert_eq!(before, after);
        backbone.assert_audit_is_clean();
    });
}

/// Sends contacts about a person until it is told to stop, and says how many.
fn keep_sending(
    backbone: &Arc<Backbone>,
    person: &Person,
    stop: &Arc<AtomicBool>,
) -> tokio::task::JoinHandle<i64> {
    let (backbone, person, stop) = (Arc::clone(backbone), person.clone(), Arc::clone(stop));
    tokio::spawn(async move {
        let mut sent = 0;
        while !stop.load(Ordering::Acquire) {
            met(&backbone, &person, 6).await;
            sent += 1;
        }
        sent
    })
}

#[test]
fn releases_in_flight_find_their_rows_through_a_merge_and_its_un_merge() {
    journey(async {
        let backbone = river().await;
        let (one, other) = mergeable(4_220);
        met(&backbone, &one, 3).await;
        met(&backbone, &other, 4).await;
        let pseudonyms = (
            backbone
                .await_contacts(CAMDEN, &one, 1)
                .await
                .map(|row| row.pseudonym),
            backbone
                .await_contacts(CAMDEN, &other, 1)
                .await
                .map(|row| row.pseudonym),
        );
        let stop = Arc::new(AtomicBool::new(false));
        let senders = (
            keep_sending(&backbone, &one, &stop),
            keep_sending(&backbone, &other, &stop),
        );
        for _ in 0..3 {
            backbone
                .merge(CAMDEN, &one.local_id, &other.local_id)
                .await
                .expect("merged");
            backbone
                .until("both under one pseudonym", || async {
                    let (a, b) = (row(&backbone, &one).await, row(&backbone, &other).await);
                    let of = |row: &Option<Row>| row.as_ref().map(|row| row.pseudonym.clone());
                    if of(&a).is_some() && of(&a) == of(&b) {
                        Ok(())
                    } else {
                        Err("not yet".to_owned())
                    }
                })
                .await;
            backbone
                .unmerge(CAMDEN, &other.local_id)
                .await
                .expect("taken apart");
        }
        stop.store(true, Ordering::Release);
        let sent = (
            senders.0.await.expect("a sender"),
            senders.1.await.expect("a sender"),
        );
        let last = (
            backbone.await_contacts(CAMDEN, &one, 1 + sent.0).await,
            backbone.await_contacts(CAMDEN, &other, 1 + sent.1).await,
        );
        backbone.decided().await;
        assert_eq!(last.0.map(|row| row.pseudonym), pseudonyms.0);
        assert_eq!(last.1.map(|row| row.pseudonym), pseudonyms.1);
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn two_verified_nhs_numbers_are_never_made_one_person() {
    journey(async {
        let backbone = river().await;
        let (one, mut other) = mergeable(4_230);
        let mut one = one;
        for (person, number) in [(&mut one, 4_230), (&mut other, 4_231)] {
            person.demographics.nhs_number = Some(walbrook_tests::people::nhs_number(number));
            person.demographics.nhs_number_verified = true;
        }
        met(&backbone, &one, 3).await;
        met(&backbone, &other, 4).await;
        let refused = backbone
            .merge(CAMDEN, &one.local_id, &other.local_id)
            .await
            .expect_err("two numbers");
        assert_eq!(reason(&refused), "TWO_NHS_NUMBERS");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        let number = one.demographics.nhs_number.clone().unwrap_or_default();
        assert!(!refused.message().contains(&number));
        // It waits for somebody to look.
        let waiting = backbone
            .reviewer()
            .list_reviews(walbrook_proto::identity::v1::ListReviewsRequest {
                statuses: vec!["TWO_NHS_NUMBERS".into()],
                ..Default::default()
            })
            .await
            .expect("a list")
            .into_inner();
        assert!(!waiting.items.is_empty());
        backbone.await_contacts(CAMDEN, &one, 1).await;
        backbone.await_contacts(CAMDEN, &other, 1).await;
    });
}

#[test]
fn records_of_two_councils_meet_only_while_a_matching_agreement_covers_both() {
    journey(async {
        use walbrook_tests::acts::agreement_text;
        use walbrook_tests::backbone::Options;
        let backbone = Backbone::start(Options::river()).await;
        // No number and a slip in the name: only the model brings the two together.
        let mut ours = Person::number(4_240).without_numbers();
        ours.demographics.postcode = "NW1 2DB".into();
        ours.demographics.email = Some("aveline.marshbanks@example.org".into());
        let mut theirs = ours.clone().known_as("I-4240");
        theirs.demographics.given_name.push('e');
        for (organisation, person) in [(CAMDEN, &ours), (ISLINGTON, &theirs)] {
            let event = contact(&event_id(), person, 5);
            backbone
                .publish(organisation, event)
                .await
                .expect("a receipt");
        }
        let together = || {
            let links = backbone.links();
            links.values().any(|link| link.members.len() == 2)
        };
        assert!(!together(), "none before the signature");
        let text = agreement_text("london-matching");
        let signed = backbone.agree(&text, &[CAMDEN, ISLINGTON]).await;
        backbone
            .until("the two to be one person", || async {
                if together() {
                    Ok(())
                } else {
                    Err("not yet".to_owned())
                }
            })
            .await;
        let joined = backbone.links();
        let joined = joined
            .values()
            .filter(|link| link.strategy.starts_with("fellegi-sunter@1/"));
        assert_eq!(joined.count(), 1);
        let ended = SetStandingRequest {
            agreement_id: signed.agreement.clone(),
            version: signed.version,
            standing: "TERMINATED".into(),
            reason: "party-leaves".into(),
            ..SetStandingRequest::default()
        };
        backbone
            .operator()
            .set_standing(ended)
            .await
            .expect("terminated");
        backbone
            .until("the two to be two again", || async {
                if together() {
                    Err("not yet".to_owned())
                } else {
                    Ok(())
                }
            })
            .await;
    });
}
