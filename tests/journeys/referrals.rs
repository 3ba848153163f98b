//! The duty to refer (Housing Act 1996 s213B): what a trust refers is seen by the one housing authority that the person chose.

use crate::violations;
use prost_types::Timestamp;
use std::sync::Arc;
use tonic::Code;
use walbrook_proto::control::v1::{ControlReceipt, RecordGroundRequest};
use walbrook_proto::health::v1::{
    AccommodationStatusRecorded, DutyToReferSent, Event, PublishRequest, event as health,
};
use walbrook_proto::view::v1::Row;
use walbrook_tests::acts::{agreement_text, midnight};
use walbrook_tests::backbone::{Backbone, Options, journey};
use walbrook_tests::people::{CAMDEN, Person, days_ago, event_id, head};

/// University College London Hospitals.
const TRUST: &str = "ODS:RRV";
const HACKNEY: &str = "GSS:E09000012";
const AGREEMENT: &str = "duty-to-refer";

async fn town() -> Arc<Backbone> {
    let backbone = Backbone::start(Options::only(&[
        "identity",
        "broker",
        "materialiser",
        "housing",
        "health",
        "auditor",
    ]))
    .await;
    backbone
        .agree(&agreement_text(AGREEMENT), &[TRUST, CAMDEN, HACKNEY])
        .await;
    Arc::new(backbone)
}

/// A ward recorded that the person sleeps rough.
async fn sleeps_rough(backbone: &Backbone, person: &Person, days: i32) {
    let body = AccommodationStatusRecorded {
        code: "HM01".into(),
        recorded_in: "INPATIENT".into(),
        snomed: None,
    };
    let event = Event {
        head: Some(head(&event_id(), person, days_ago(days))),
        body: Some(health::Body::AccommodationStatusRecorded(body)),
    };
    let request = PublishRequest { event: Some(event) };
    backbone
        .health(TRUST)
        .publish(request)
        .await
        .expect("a receipt");
}

/// A ward's referral itself, as it was sent yesterday.
fn referral(person: &Person, consent: Option<Timestamp>, authority: &str) -> PublishRequest {
    let body = DutyToReferSent {
        referral_ref: "DTR-0417".into(),
        body_type: "INPATIENT".into(),
        reason: "NO_HOME_ON_DISCHARGE".into(),
        consent_recorded_at: consent,
        chosen_authority_gss: authority.into(),
        accommodation_status: Some("HM01".into()),
    };
    let event = Event {
        head: Some(head(&event_id(), person, days_ago(1))),
        body: Some(health::Body::DutyToReferSent(body)),
    };
    PublishRequest { event: Some(event) }
}

/// The person told the trust that it may refer them to an authority.
fn agreed(person: &Person, authority: Option<&str>, at: Option<Timestamp>) -> RecordGroundRequest {
    RecordGroundRequest {
        agency: "health".into(),
        id_scheme: "LOCAL".into(),
        local_id: person.local_id.clone(),
        kind: "CONSENT".into(),
        state: "GIVEN".into(),
        agreement_id: Some(AGREEMENT.into()),
        stated_at: at,
        chosen_authority: authority.map(str::to_owned),
        ..RecordGroundRequest::default()
    }
}

async fn recorded(backbone: &Backbone, request: RecordGroundRequest) -> ControlReceipt {
    let answer = backbone.control(TRUST).record_ground(request).await;
    answer.expect("acknowledged").into_inner()
}

/// The rows of an authority's officers, once there are so many.
async fn rows(backbone: &Backbone, authority: &str, wanted: usize) -> Vec<Row> {
    let what = format!("{wanted} rows on the list of {authority}");
    backbone
        .until(&what, || async {
            let listed = backbone.list(authority).await;
            let rows = listed.map_err(|refused| refused.to_string())?.rows;
            match rows.len() {
                found if found == wanted => Ok(rows),
                found => Err(format!("{found} now")),
            }
        })
        .await
}

#[test]
fn a_referral_is_seen_by_the_chosen_authority_alone_and_another_choice_takes_it_from_the_first() {
    journey(async {
        let backbone = town().await;
        let person = Person::number(901);
        sleeps_rough(&backbone, &person, 3).await;
        backbone.decided().await;
        // The hospital knows, and nobody else.
        rows(&backbone, CAMDEN, 0).await;

        let given = recorded(&backbone, agreed(&person, Some(CAMDEN), Some(midnight(2)))).await;
        let referred = rows(&backbone, CAMDEN, 1).await;
        backbone.await_removal(&given).await;
        rows(&backbone, HACKNEY, 0).await;
        // An event after the choice goes the same way.
        sleeps_rough(&backbone, &person, 1).await;
        backbone.decided().await;
        rows(&backbone, HACKNEY, 0).await;

        // The person chooses again.
        let again = RecordGroundRequest {
            expected_version: given.version,
            ..agreed(&person, Some(HACKNEY), Some(midnight(1)))
        };
        let moved = recorded(&backbone, again).await;
        let status = backbone.await_removal(&moved).await;
        assert!(
            status.complete && status.complete_at.is_some(),
            "{status:?}"
        );
        let of_view = status
            .views
            .iter()
            .find(|view| view.view == "rough_sleeping_risk")
            .expect("the view");
        assert_eq!(
            of_view.contributions, 2,
            "what the receipt says left: {status:?}"
        );
        assert!(of_view.at.is_some());
        // The receipt is complete: from now on the first authority sees nothing, without waiting.
        assert_eq!(backbone.list(CAMDEN).await.expect("a list").rows, []);
        let theirs = rows(&backbone, HACKNEY, 1).await;
        assert_eq!(theirs[0].pseudonym, referred[0].pseudonym);

        // Taken back: nobody.
        let taken_back = RecordGroundRequest {
            state: "WITHDRAWN".into(),
            expected_version: moved.version,
            ..agreed(&person, None, None)
        };
        let taken_back = recorded(&backbone, taken_back).await;
        backbone.await_removal(&taken_back).await;
        for authority in [CAMDEN, HACKNEY] {
            assert_eq!(backbone.list(authority).await.expect("a list").rows, []);
        }
        backbone.assert_audit_is_clean();
    });
}

#[test]
fn a_consent_to_a_referral_names_its_time_and_one_authority_and_comes_from_a_body_that_refers() {
    journey(async {
        let backbone = town().await;
        let person = Person::number(902);
        sleeps_rough(&backbone, &person, 3).await;
        let refused = async |request: RecordGroundRequest| {
            let answer = backbone.control(TRUST).record_ground(request).await;
            violations(&answer.expect_err("refused"))
        };
        let fault = |field: &str, rule: &str| (field.to_owned(), rule.to_owned());
        assert_eq!(
            refused(agreed(&person, None, None)).await,
            [
                fault("chosen_authority", "CHOSEN_AUTHORITY_MISSING"),
                fault("stated_at", "STATED_AT_MISSING"),
            ]
        );
        assert_eq!(
            refused(agreed(&person, Some(CAMDEN), Some(midnight(-1)))).await,
            [fault("stated_at", "IN_FUTURE")]
        );
        assert_eq!(
            refused(agreed(&person, Some(TRUST), Some(midnight(1)))).await,
            [fault("chosen_authority", "NOT_A_HOUSING_AUTHORITY")]
        );
        // The police are not on the list of s213B, whomever they know.
        let police = RecordGroundRequest {
            agency: "police".into(),
            ..agreed(&person, Some(CAMDEN), Some(midnight(1)))
        };
        let answer = backbone
            .control("POLICE_FORCE:metropolitan")
            .record_ground(police)
            .await;
        assert_eq!(answer.expect_err("refused").code(), Code::PermissionDenied);
        // A consent for the purpose that names no authority refers to nobody.
        let vague = RecordGroundRequest {
            agreement_id: None,
            purpose: Some("rough-sleeping".into()),
            ..agreed(&person, None, None)
        };
        let vague = recorded(&backbone, vague).await;
        backbone.await_removal(&vague).await;
        for authority in [CAMDEN, HACKNEY] {
            assert_eq!(backbone.list(authority).await.expect("a list").rows, []);
        }

        // The referral itself: nobody's without consent and one authority (trap 14), and released on the ground that says the same.
        let mut trust = backbone.health(TRUST);
        let neither = trust.publish(referral(&person, None, "")).await;
        assert_eq!(
            violations(&neither.expect_err("refused")),
            [
                fault("duty_to_refer_sent.consent_recorded_at", "FIELD_MISSING"),
                fault("duty_to_refer_sent.chosen_authority_gss", "FIELD_MISSING"),
            ]
        );
        let both = trust
            .publish(referral(&person, Some(midnight(2)), "E09000007"))
            .await;
        both.expect("a receipt");
        let given = recorded(&backbone, agreed(&person, Some(CAMDEN), Some(midnight(2)))).await;
        rows(&backbone, CAMDEN, 1).await;
        backbone.await_removal(&given).await;
        let released = backbone.releases("rough-sleeping", "health.DutyToReferSent");
        assert_eq!(released.len(), 1);
        backbone.assert_audit_is_clean();
    });
}
