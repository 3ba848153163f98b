//! A ground holds for the person, whichever record it was recorded on, across partitions, merge and un-merge.

use crate::river;
use walbrook_event::headers;
use walbrook_tests::acts::contact;
use walbrook_tests::backbone::{Backbone, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};

/// The partition on which an event of a person came to stand, from its receipt.
async fn sent_to(backbone: &Backbone, person: &Person, days: i32) -> i32 {
    let receipt = backbone
        .publish(CAMDEN, contact(&event_id(), person, days))
        .await
        .expect("a receipt");
    receipt
        .receipt_id
        .split('/')
        .nth(1)
        .and_then(|text| text.parse().ok())
        .expect("a partition")
}

/// Two records of the council about people that nothing links, in different partitions, each with one event.
async fn two_records(backbone: &Backbone, first: u32) -> (Person, Person) {
    let one = Person::number(first).without_numbers();
    let partition = sent_to(backbone, &one, 5).await;
    for number in first + 1..first + 40 {
        let mut other = Person::number(number).without_numbers();
        // Two dates far apart are never made one person, whoever says so.
        other.demographics.birth_date = one.demographics.birth_date;
        if sent_to(backbone, &other, 4).await != partition {
            return (one, other);
        }
    }
    panic!("forty handles in one partition");
}

#[test]
fn a_withdrawal_on_one_record_governs_another_record_of_the_person_across_merge_and_un_merge() {
    journey(async {
        let backbone = river().await;
        let (one, other) = two_records(&backbone, 400).await;
        let first = backbone
            .await_contacts(CAMDEN, &one, 1)
            .await
            .expect("a row");
        let second = backbone
            .await_contacts(CAMDEN, &other, 1)
            .await
            .expect("a row");
        assert_ne!(first.pseudonym, second.pseudonym, "two people so far");

        backbone
            .merge(CAMDEN, &one.local_id, &other.local_id)
            .await
            .expect("merged");
        let row = backbone
            .await_contacts(CAMDEN, &other, 2)
            .await
            .expect("one row for both records");
        assert_eq!(
            row.pseudonym, first.pseudonym,
            "the survivor keeps its pseudonym"
        );

        // Said of one record, it governs the other, whose events stand in another partition.
        let withdrawn = backbone
            .consent(CAMDEN, &one, "WITHDRAWN", 0)
            .await
            .expect("acknowledged");
        let after = event_id();
        backbone
            .publish(CAMDEN, contact(&after, &other, 3))
            .await
            .expect("still accepted");
        backbone.await_contacts(CAMDEN, &other, 0).await;
        backbone.await_removal(&withdrawn).await;
        backbone.decided().await;
        assert_eq!(
            backbone
                .row(CAMDEN, &one.local_id)
                .await
                .expect("an answer"),
            None
        );
        assert_eq!(
            backbone
                .row(CAMDEN, &other.local_id)
                .await
                .expect("an answer"),
            None
        );

        // Taken apart again, the word stays with the record it was said of: the other's events come back, the late one too.
        backbone
            .unmerge(CAMDEN, &other.local_id)
            .await
            .expect("taken apart");
        let row = backbone
            .await_contacts(CAMDEN, &other, 2)
            .await
            .expect("its own row again");
        assert_eq!(
            row.pseudonym, second.pseudonym,
            "un-merge restores the pseudonym"
        );
        assert_eq!(
            backbone
                .row(CAMDEN, &one.local_id)
                .await
                .expect("an answer"),
            None,
            "still withdrawn"
        );
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn records_that_share_a_verified_nhs_number_are_one_person_without_anybody_doing_anything() {
    journey(async {
        let backbone = river().await;
        let one = Person::number(450);
        let other = Person::number(450).known_as("P-450-again");
        sent_to(&backbone, &one, 5).await;
        sent_to(&backbone, &other, 4).await;
        let row = backbone
            .await_contacts(CAMDEN, &one, 2)
            .await
            .expect("one row");
        let again = backbone
            .await_contacts(CAMDEN, &other, 2)
            .await
            .expect("the same row");
        assert_eq!(row.pseudonym, again.pseudonym);
        // A consent refused on the one is taken back with its record when the two are taken apart.
        backbone
            .consent(CAMDEN, &other, "REFUSED", 0)
            .await
            .expect("acknowledged");
        backbone.await_contacts(CAMDEN, &one, 0).await;
        backbone
            .unmerge(CAMDEN, &other.local_id)
            .await
            .expect("taken apart");
        backbone
            .await_contacts(CAMDEN, &one, 1)
            .await
            .expect("its own event is back");
        backbone.decided().await;
        assert_eq!(
            backbone
                .row(CAMDEN, &other.local_id)
                .await
                .expect("an answer"),
            None
        );
        let names = backbone.records("control.links");
        let said = format!("{names:?}");
        assert!(
            !said.contains("Quillfeather")
                && names
                    .iter()
                    .all(|record| record.headers.text(headers::SOURCE).is_some())
        );
        backbone.assert_audit_is_clean();
    });
}
