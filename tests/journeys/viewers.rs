//! P4, P7, P10: who sees whom. A row is computed for its viewer, and every read is on record before it is answered.

use crate::{reason, river};
use std::collections::BTreeSet;
use tonic::Code;
use walbrook_event::framing::unframe;
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::view::v1::{ListRowsRequest, ReadContext};
use walbrook_runtime::callers::TokenRequest;
use walbrook_tests::acts::{OFFICER, VIEW, contact, midnight, number};
use walbrook_tests::backbone::{Backbone, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, event_id};

/// A council that has signed nothing.
const WESTMINSTER: &str = "GSS:E09000033";

/// The reads on record for an organisation.
fn reads(backbone: &Backbone, organisation: &str) -> Vec<ReadRecord> {
    let records = backbone.records("audit.reads");
    let of_reads = |record: &&walbrook_eventlog::Record| {
        record.headers.text("ce_type") == Some(ReadRecord::FULL_NAME)
    };
    let read = records.iter().filter(of_reads).map(|record| {
        let (_, body) = unframe(record.value.as_deref()).expect("framed");
        ReadRecord::decode_exact(body).expect("a read record")
    });
    read.filter(|read| read.organisation == organisation)
        .collect()
}

#[test]
fn two_boroughs_under_one_agreement_see_disjoint_lists() {
    journey(async {
        let backbone = river().await;
        let (ours, theirs) = (Person::number(301), Person::number(302));
        let sent = backbone.publish(CAMDEN, contact(&event_id(), &ours, 5));
        sent.await.expect("a receipt");
        let sent = backbone.publish(ISLINGTON, contact(&event_id(), &theirs, 5));
        sent.await.expect("a receipt");
        let our_row = backbone.await_contacts(CAMDEN, &ours, 1).await;
        let our_row = our_row.expect("Camden's row");
        let their_row = backbone.await_contacts(ISLINGTON, &theirs, 1).await;
        let their_row = their_row.expect("Islington's row");

        let camden = backbone.list(CAMDEN).await.expect("Camden's list").rows;
        let islington = backbone
            .list(ISLINGTON)
            .await
            .expect("Islington's list")
            .rows;
        let people = |rows: &[walbrook_proto::view::v1::Row]| -> BTreeSet<Vec<u8>> {
            rows.iter().map(|row| row.pseudonym.clone()).collect()
        };
        let (camden, islington) = (people(&camden), people(&islington));
        assert!(camden.contains(&our_row.pseudonym) && islington.contains(&their_row.pseudonym));
        assert!(
            camden.is_disjoint(&islington),
            "somebody stands on both lists"
        );
        // Their number for somebody means nothing here, and the other council's person is nobody's business.
        let asked = backbone.row(CAMDEN, &theirs.local_id).await;
        assert_eq!(asked.expect("an answer"), None);
        let report = backbone.assert_audit_is_clean();
        assert!(
            report.checked(walbrook_auditor::Checked::Rows) > 0,
            "rows were derived again"
        );
    });
}

#[test]
fn a_viewer_without_an_agreement_gets_nothing_and_is_on_record() {
    journey(async {
        let backbone = river().await;
        let person = Person::number(303);
        // The council is known here: it sends events, and holds a record of the person. It has signed nothing.
        let sent = backbone.publish(WESTMINSTER, contact(&event_id(), &person, 5));
        sent.await.expect("a receipt");
        backbone.decided().await;
        let before = reads(&backbone, WESTMINSTER).len();
        let listed = backbone
            .until("an answer", || async {
                let answer = backbone.list(WESTMINSTER).await;
                answer.map_err(|refused| refused.to_string())
            })
            .await;
        assert_eq!((listed.rows.len(), listed.total), (0, 0));
        assert!(!listed.facts.expect("facts").read_id.is_empty());
        let row = backbone.row(WESTMINSTER, &person.local_id).await;
        assert_eq!(row.expect("an answer"), None);
        let found = reads(&backbone, WESTMINSTER);
        assert!(
            found.len() >= before + 2,
            "both reads are on record: {found:?}"
        );
        for read in &found {
            assert_eq!(read.reader, "an-officer");
            assert!(read.answered.is_empty(), "nothing was answered");
        }
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn a_reader_is_told_which_token_to_get_and_a_role_claimed_but_not_held_is_on_record() {
    journey(async {
        let backbone = river().await;
        let request = |role: &str| ListRowsRequest {
            view: VIEW.into(),
            context: Some(ReadContext {
                role: role.into(),
                case_reference: String::new(),
                ..ReadContext::default()
            }),
            page_size: 10,
            page_token: String::new(),
            evaluate_at: Some(midnight(0)),
            ..ListRowsRequest::default()
        };
        let mut nobody = walbrook_proto::view::v1::views_client::ViewsClient::new(
            backbone.channel("materialiser"),
        );
        let refused = nobody
            .list_rows(request(OFFICER))
            .await
            .expect_err("no token");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Unauthenticated, "TOKEN_MISSING")
        );
        assert!(
            refused
                .message()
                .contains("send metadata `authorization: Bearer"),
            "{refused}"
        );

        let before = reads(&backbone, CAMDEN).len();
        let caller = TokenRequest::new(CAMDEN, "a-cleaner", "cleaner");
        let connection = backbone.connect("materialiser", caller);
        let mut cleaner = walbrook_proto::view::v1::views_client::ViewsClient::new(connection);
        let refused = backbone
            .until("a refusal", || {
                let mut cleaner = cleaner.clone();
                async move {
                    let refused = cleaner
                        .list_rows(request(OFFICER))
                        .await
                        .expect_err("not the role");
                    if refused.code() == Code::Unavailable {
                        Err(refused.to_string())
                    } else {
                        Ok(refused)
                    }
                }
            })
            .await;
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "ROLE_MISSING")
        );
        assert!(
            refused.message().contains("does not give the role"),
            "{refused}"
        );
        assert!(
            reads(&backbone, CAMDEN).len() > before,
            "the attempt is on record"
        );

        let mut unknown = request("cleaner");
        unknown.view = "everything".into();
        let refused = cleaner.list_rows(unknown).await.expect_err("no such view");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "REQUEST_INVALID")
        );
    });
}

#[test]
fn leaving_an_agreement_hides_its_rows_at_once_and_signing_again_shows_them() {
    journey(async {
        let backbone = Backbone::start(walbrook_tests::backbone::Options::river()).await;
        let agreed = backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
        let person = Person::number(304);
        let sent = backbone.publish(CAMDEN, contact(&event_id(), &person, 5));
        sent.await.expect("a receipt");
        backbone.await_contacts(CAMDEN, &person, 1).await;
        let standing =
            |standing: &str, reason: &str| walbrook_proto::control::v1::SetStandingRequest {
                agreement_id: agreed.agreement.clone(),
                version: agreed.version,
                party: Some(CAMDEN.into()),
                standing: standing.into(),
                reason: reason.into(),
                idempotency_key: String::new(),
            };
        let left = backbone
            .control(CAMDEN)
            .set_standing(standing("SUSPENDED", "under-review"))
            .await;
        left.expect("acknowledged");
        // No waiting here: no read that begins after the acknowledgement shows data of a fallen agreement.
        let row = backbone
            .row(CAMDEN, &person.local_id)
            .await
            .expect("an answer");
        assert_eq!(
            row, None,
            "a row was shown after the suspension was acknowledged"
        );
        let back = backbone
            .control(CAMDEN)
            .set_standing(standing("IN_FORCE", "resolved"))
            .await;
        back.expect("acknowledged");
        let row = backbone
            .row(CAMDEN, &person.local_id)
            .await
            .expect("an answer")
            .expect("shown again");
        assert_eq!(number(&row, "contacts_28d"), Some(1));
        backbone.decided().await;
        backbone.assert_audit_is_clean();
    });
}
