//! P5 and P9: a withdrawal governs every event accepted after it was acknowledged, and takes back what was released before.

use crate::river;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use walbrook_tests::acts::{CONTACT, PURPOSE, contact, number};
use walbrook_tests::backbone::{Backbone, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};

/// How many releases of contacts stand on the purpose's topic under a person's pseudonym, whatever was taken back later.
fn released(backbone: &Backbone, pseudonym: &[u8]) -> usize {
    backbone
        .releases(PURPOSE, CONTACT)
        .iter()
        .filter(|record| record.key.as_deref() == Some(pseudonym))
        .count()
}

#[test]
fn a_withdrawal_between_two_events_takes_the_first_out_of_the_view_and_the_second_is_never_released()
 {
    journey(async {
        let backbone = river().await;
        let person = Person::number(201);
        backbone
            .publish(CAMDEN, contact(&event_id(), &person, 5))
            .await
            .expect("a receipt");
        let row = backbone
            .await_contacts(CAMDEN, &person, 1)
            .await
            .expect("a row");

        let withdrawn = backbone
            .consent(CAMDEN, &person, "WITHDRAWN", 0)
            .await
            .expect("acknowledged");
        backbone
            .publish(CAMDEN, contact(&event_id(), &person, 4))
            .await
            .expect("still accepted");
        backbone.await_contacts(CAMDEN, &person, 0).await;
        let status = backbone.await_removal(&withdrawn).await;
        let of_view = status
            .views
            .iter()
            .find(|view| view.view == "rough_sleeping_risk")
            .expect("the view");
        // Other tests' removals may be stated with it; its own is never missing.
        assert!(
            of_view.contributions >= 1 && of_view.rows >= 1,
            "what the receipt says left the view: {of_view:?}"
        );
        backbone.decided().await;
        assert_eq!(
            released(&backbone, &row.pseudonym),
            1,
            "the second event was never released"
        );
        assert_eq!(
            backbone
                .row(CAMDEN, &person.local_id)
                .await
                .expect("an answer"),
            None
        );
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn a_withdrawal_acknowledged_while_batches_are_in_flight_governs_every_event_accepted_after_it() {
    journey(async {
        let backbone = river().await;
        let person = Person::number(202);
        backbone
            .publish(CAMDEN, contact(&event_id(), &person, 5))
            .await
            .expect("a receipt");
        let row = backbone
            .await_contacts(CAMDEN, &person, 1)
            .await
            .expect("a row");
        // Senders that never pause: some batch is in flight whenever the withdrawal is acknowledged.
        let stop = Arc::new(AtomicBool::new(false));
        let mut senders = Vec::new();
        for _ in 0..4 {
            let (backbone, person, stop) =
                (Arc::clone(&backbone), person.clone(), Arc::clone(&stop));
            senders.push(tokio::spawn(async move {
                let mut sent = 0_usize;
                while !stop.load(Ordering::Acquire) {
                    backbone
                        .publish(CAMDEN, contact(&event_id(), &person, 6))
                        .await
                        .expect("a receipt");
                    sent += 1;
                }
                sent
            }));
        }
        backbone
            .until("the stream to be released", || async {
                let row = backbone
                    .row(CAMDEN, &person.local_id)
                    .await
                    .map_err(|refused| refused.to_string())?;
                let count = row
                    .as_ref()
                    .and_then(|row| number(row, "contacts_28d"))
                    .unwrap_or(0);
                if count > 20 {
                    Ok(())
                } else {
                    Err(format!("{count} so far"))
                }
            })
            .await;
        backbone
            .consent(CAMDEN, &person, "WITHDRAWN", 0)
            .await
            .expect("acknowledged");
        // Accepted after the acknowledgement, while the senders go on.
        let after = backbone
            .publish(CAMDEN, contact(&event_id(), &person, 2))
            .await
            .expect("still accepted");
        let standing = backbone.records("raw.housing");
        stop.store(true, Ordering::Release);
        let mut sent = 0;
        for sender in senders {
            sent += sender.await.expect("the sender");
        }
        backbone.decided().await;
        backbone.await_contacts(CAMDEN, &person, 0).await;
        let ever = released(&backbone, &row.pseudonym);
        assert!(
            ever > 20 && ever < sent,
            "{ever} of {sent} were released before the withdrawal, none after"
        );
        // The page that decided the event accepted after the acknowledgement denied it: nothing at or after its offset was released.
        let (partition, offset) = place(&after.receipt_id);
        assert!(
            standing
                .iter()
                .any(|record| record.at.partition == partition && record.offset == offset)
        );
        let permitted = permits_from(&backbone, partition, offset, &row.pseudonym);
        assert_eq!(permitted, 0, "released after the acknowledgement");
        backbone.assert_audit_is_clean();
    });
}

/// Partition and offset in a receipt's id, `raw.housing/2/17`.
fn place(receipt_id: &str) -> (i32, i64) {
    let mut parts = receipt_id.rsplit('/');
    let offset = parts
        .next()
        .and_then(|text| text.parse().ok())
        .expect("an offset");
    let partition = parts
        .next()
        .and_then(|text| text.parse().ok())
        .expect("a partition");
    (partition, offset)
}

/// Permits on decision pages for offsets from `from` on, for the key of a person (its first 8 bytes stand on the page).
fn permits_from(backbone: &Backbone, partition: i32, from: i64, pseudonym: &[u8]) -> usize {
    use walbrook_event::framing::unframe;
    use walbrook_policy::Outcome;
    use walbrook_proto::audit::v1::DecisionPage;
    use walbrook_proto::avro::AvroRecord;
    let pages = backbone.records("audit.decisions");
    let key = pseudonym
        .first_chunk()
        .map_or(0, |first| i64::from_be_bytes(*first));
    let permit = Outcome::Permit.code();
    let mut permits = 0;
    for record in pages
        .iter()
        .filter(|record| record.at.partition == partition)
    {
        let (_, body) = unframe(record.value.as_deref()).expect("framed");
        let page = DecisionPage::decode_exact(body).expect("a page");
        if page.raw_topic != "raw.housing" {
            continue;
        }
        for entry in &page.entries {
            if entry.first_offset >= from && entry.outcome == permit && entry.key_prefix == key {
                permits += 1;
            }
        }
    }
    permits
}

#[test]
fn a_consent_given_again_brings_back_what_a_withdrawal_took() {
    journey(async {
        let backbone = river().await;
        let person = Person::number(203);
        backbone
            .publish(CAMDEN, contact(&event_id(), &person, 5))
            .await
            .expect("a receipt");
        backbone.await_contacts(CAMDEN, &person, 1).await;
        let first = backbone
            .consent(CAMDEN, &person, "WITHDRAWN", 0)
            .await
            .expect("acknowledged");
        backbone
            .publish(CAMDEN, contact(&event_id(), &person, 4))
            .await
            .expect("still accepted");
        backbone.await_contacts(CAMDEN, &person, 0).await;
        let stale = backbone
            .consent(CAMDEN, &person, "GIVEN", 0)
            .await
            .expect_err("the version is 1 by now");
        assert_eq!(stale.code(), tonic::Code::FailedPrecondition, "{stale}");
        assert!(
            stale.message().contains('1'),
            "names the current version: {}",
            stale.message()
        );
        backbone
            .consent(CAMDEN, &person, "GIVEN", first.version)
            .await
            .expect("acknowledged");
        // Both: the one that was released before, and the one that was accepted while nothing was allowed.
        backbone.await_contacts(CAMDEN, &person, 2).await;
        backbone.assert_audit_is_clean();
    });
}
