//! P9 for every kind of ground: what rested on it leaves every view, the receipt says so, and what returns comes back.

use crate::{reason, river};
use tonic::Code;
use walbrook_proto::control::v1::{
    ControlReceipt, GetReceiptRequest, RecordGroundRequest, RevokeReaderRequest,
};
use walbrook_tests::acts::contact;
use walbrook_tests::backbone::{Backbone, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, event_id};

/// A ground on a council's own record of a person.
fn ground(person: &Person, kind: &str, state: &str, before: u32) -> RecordGroundRequest {
    RecordGroundRequest {
        agency: "housing".into(),
        id_scheme: "LOCAL".into(),
        local_id: person.local_id.clone(),
        kind: kind.into(),
        state: state.into(),
        expected_version: before,
        ..RecordGroundRequest::default()
    }
}

async fn recorded(backbone: &Backbone, request: RecordGroundRequest) -> ControlReceipt {
    let answer = backbone.control(CAMDEN).record_ground(request).await;
    answer.expect("acknowledged").into_inner()
}

/// Contributions that the receipt says left the view, once every view has said so.
async fn left(backbone: &Backbone, receipt: &ControlReceipt) -> i64 {
    let status = backbone.await_removal(receipt).await;
    let views = status.views.iter();
    views.map(|view| view.contributions).sum()
}

async fn met(backbone: &Backbone, organisation: &str, person: &Person) {
    let sent = backbone.publish(organisation, contact(&event_id(), person, 5));
    sent.await.expect("a receipt");
}

#[test]
fn an_objection_a_hold_and_a_restriction_take_away_until_they_end() {
    journey(async {
        let backbone = river().await;
        let person = Person::number(911);
        met(&backbone, CAMDEN, &person).await;
        backbone.await_contacts(CAMDEN, &person, 1).await;
        for (kind, on, off) in [
            ("OBJECTION", "RAISED", "REJECTED"),
            ("SAFETY_HOLD", "ON", "OFF"),
            ("RESTRICTION", "ON", "OFF"),
        ] {
            let set = recorded(&backbone, ground(&person, kind, on, 0)).await;
            assert!(left(&backbone, &set).await >= 1, "{kind}");
            let row = backbone.row(CAMDEN, &person.local_id).await;
            assert_eq!(row.expect("an answer"), None, "{kind}");
            recorded(&backbone, ground(&person, kind, off, set.version)).await;
            backbone.await_contacts(CAMDEN, &person, 1).await;
        }
        // The agreement does not rest on a gateway where the national data opt-out applies.
        let opted_out =
            recorded(&backbone, ground(&person, "NATIONAL_DATA_OPT_OUT", "ON", 0)).await;
        backbone.await_removal(&opted_out).await;
        backbone.await_contacts(CAMDEN, &person, 1).await;
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn a_recalled_event_leaves_and_the_others_stay() {
    journey(async {
        let backbone = river().await;
        let person = Person::number(912);
        let wrong = event_id();
        let sent = backbone.publish(CAMDEN, contact(&wrong, &person, 4));
        sent.await.expect("a receipt");
        met(&backbone, CAMDEN, &person).await;
        backbone.await_contacts(CAMDEN, &person, 2).await;
        let recall = RecordGroundRequest {
            event_id: Some(wrong),
            ..ground(&person, "RECALL", "ON", 0)
        };
        let recalled = recorded(&backbone, recall).await;
        backbone.await_removal(&recalled).await;
        backbone.await_contacts(CAMDEN, &person, 1).await;
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn an_erased_record_is_gone_for_ever_and_another_councils_record_of_the_person_is_not() {
    journey(async {
        let backbone = river().await;
        let ours = Person::number(913);
        let theirs = ours.clone().known_as("I-913");
        met(&backbone, CAMDEN, &ours).await;
        met(&backbone, ISLINGTON, &theirs).await;
        backbone.await_contacts(CAMDEN, &ours, 1).await;
        backbone.await_contacts(ISLINGTON, &theirs, 1).await;
        let erased = recorded(&backbone, ground(&ours, "ERASURE", "ON", 0)).await;
        assert!(left(&backbone, &erased).await >= 1);
        let row = backbone.row(CAMDEN, &ours.local_id).await;
        assert_eq!(row.expect("an answer"), None);
        // Still accepted, since the council may have to record something; never released.
        met(&backbone, CAMDEN, &ours).await;
        backbone.decided().await;
        let row = backbone.row(CAMDEN, &ours.local_id).await;
        assert_eq!(row.expect("an answer"), None);
        backbone.await_contacts(ISLINGTON, &theirs, 1).await;
        // There is no way back.
        for (state, version) in [("OFF", 1), ("ON", 1)] {
            let again = backbone
                .control(CAMDEN)
                .record_ground(ground(&ours, "ERASURE", state, version))
                .await;
            assert_eq!(
                again.expect_err("refused").code(),
                Code::InvalidArgument,
                "{state}"
            );
        }
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn a_revoked_reader_is_refused_at_once_whatever_the_token_says() {
    journey(async {
        let backbone = river().await;
        let person = Person::number(914);
        met(&backbone, CAMDEN, &person).await;
        backbone.await_contacts(CAMDEN, &person, 1).await;
        let set = async |revoked: bool| {
            let request = RevokeReaderRequest {
                organisation: CAMDEN.into(),
                reader: "a-leaver".into(),
                revoked,
                idempotency_key: String::new(),
            };
            let answer = backbone.control(CAMDEN).revoke_reader(request).await;
            answer.expect("acknowledged").into_inner()
        };
        let seen = async || {
            let listed = backbone.list_as(CAMDEN, "a-leaver").await;
            listed.expect("an answer").rows.len()
        };
        assert!(seen().await >= 1);
        set(true).await;
        // The next read that begins, without waiting: its barrier brings the revocation.
        assert_eq!(seen().await, 0);
        assert!(!backbone.list(CAMDEN).await.expect("a list").rows.is_empty());
        set(false).await;
        assert!(seen().await >= 1);
        // Nobody revokes another organisation's reader.
        let request = RevokeReaderRequest {
            organisation: ISLINGTON.into(),
            reader: "an-officer".into(),
            revoked: true,
            idempotency_key: String::new(),
        };
        let answer = backbone.control(CAMDEN).revoke_reader(request).await;
        assert_eq!(answer.expect_err("refused").code(), Code::PermissionDenied);
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn a_receipt_of_what_is_not_on_record_is_refused() {
    journey(async {
        let backbone = river().await;
        let request = GetReceiptRequest { offset: 1 << 40 };
        let answer = backbone.operator().get_receipt(request).await;
        let refused = answer.expect_err("refused");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::NotFound, "NOT_FOUND")
        );
    });
}
