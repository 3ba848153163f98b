//! The seal seam: with one that hides every body in the place of the identity function, the journey is the same, the log holds nothing
//! readable, and the auditor, given the seal, derives everything again.

use std::sync::Arc;
use walbrook_event::framing::unframe;
use walbrook_event::headers;
use walbrook_event::seal::Plain;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::housing::v1::{RentArrearsChanged, RoughSleepingContact};
use walbrook_tests::acts::{CONTACT, PURPOSE, contact, number};
use walbrook_tests::backbone::{Backbone, Options, journey};
use walbrook_tests::people::{CAMDEN, Person, arrears, event_id};
use walbrook_tests::seal::KEY_ID;

#[test]
fn with_a_sealing_implementation_rows_come_out_and_no_body_on_the_log_can_be_read() {
    journey(async {
        let backbone = Backbone::start(Options::river().sealed()).await;
        backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
        let person = Person::number(951);
        for days in [3, 5] {
            let sent = backbone
                .publish(CAMDEN, contact(&event_id(), &person, days))
                .await;
            sent.expect("a receipt");
        }
        let sent = backbone
            .publish(CAMDEN, arrears(&event_id(), &person, 77_700))
            .await;
        sent.expect("a receipt");
        backbone.decided().await;
        let row = backbone
            .await_contacts(CAMDEN, &person, 2)
            .await
            .expect("a row");
        assert_eq!(number(&row, "arrears_pence"), Some(77_700));

        let raw = backbone.records("raw.housing");
        let shared = backbone.releases(PURPOSE, CONTACT);
        assert_eq!((raw.len(), shared.len()), (3, 2));
        for record in raw.iter().chain(&shared) {
            assert_eq!(record.headers.text(headers::KEY), Some(KEY_ID));
            let (_, body) = unframe(record.value.as_deref()).expect("framed");
            let readable = RentArrearsChanged::decode_exact(body)
                .is_ok_and(|read| read.tenancy_ref == "T-100")
                || RoughSleepingContact::decode_exact(body)
                    .is_ok_and(|read| read.outreach_team == "TEAM-1");
            assert!(!readable, "a body stands open on {}", record.at);
            assert!(
                !body.windows(6).any(|part| part == b"TEAM-1"),
                "a body stands open on {}",
                record.at
            );
        }

        backbone
            .consent(CAMDEN, &person, "WITHDRAWN", 0)
            .await
            .expect("acknowledged");
        backbone.await_contacts(CAMDEN, &person, 0).await;
        backbone
            .consent(CAMDEN, &person, "GIVEN", 1)
            .await
            .expect("acknowledged");
        backbone.await_contacts(CAMDEN, &person, 2).await;
        backbone.assert_audit_is_clean();

        // Without the seal's key the audit says of each body that it does not open, instead of passing over it.
        let locked = backbone.log().sealed_by(Arc::new(Plain));
        let found = walbrook_auditor::verify(&locked, &walbrook_auditor::Options::default());
        assert!(!found.report.is_clean());
    });
}
