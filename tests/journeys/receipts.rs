//! P1: a receipt means that the event is on the log; a retry is released at most once and is one contribution.

use crate::river;
use walbrook_event::headers;
use walbrook_tests::acts::{CONTACT, PURPOSE, contact};
use walbrook_tests::backbone::journey;
use walbrook_tests::people::{CAMDEN, Person, event_id};

#[test]
fn a_retried_event_gets_a_receipt_is_released_once_and_is_one_contribution() {
    journey(async {
        let backbone = river().await;
        let person = Person::number(101);
        let before = backbone.releases(PURPOSE, CONTACT).len();
        let (first, second) = (event_id(), event_id());
        let receipt = backbone
            .publish(CAMDEN, contact(&first, &person, 9))
            .await
            .expect("a receipt");
        let again = backbone
            .publish(CAMDEN, contact(&first, &person, 9))
            .await
            .expect("a retry gets a receipt too");
        assert_eq!((&receipt.event_id, &again.event_id), (&first, &first));
        assert_ne!(
            receipt.receipt_id, again.receipt_id,
            "both stand on the log, and the broker tells them apart"
        );
        backbone
            .publish(CAMDEN, contact(&second, &person, 3))
            .await
            .expect("a receipt");

        let row = backbone
            .await_contacts(CAMDEN, &person, 2)
            .await
            .expect("a row");
        assert_eq!(row.band, "high");
        backbone.decided().await;
        let key = row.pseudonym.as_slice();
        let released = backbone.releases(PURPOSE, CONTACT);
        let mut ids: Vec<_> = released
            .iter()
            .filter(|record| record.key.as_deref() == Some(key))
            .map(|record| record.headers.text(headers::ID).expect("an id").to_owned())
            .collect();
        assert_eq!(
            ids.len(),
            2,
            "one release for each event (before this test there were {before})"
        );
        ids.dedup();
        assert_eq!(ids.len(), 2);
        assert!(
            !ids.contains(&first) && !ids.contains(&second),
            "the producer's ids do not cross to a purpose"
        );
        backbone.assert_audit_is_clean();
    });
}
