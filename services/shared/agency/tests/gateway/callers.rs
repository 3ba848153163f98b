//! Who may send what, and for whom.

use std::time::Duration;

use tonic::Code;
use walbrook_proto::common::v1::{Organisation, event_outcome::Outcome};
use walbrook_proto::housing::v1::{PublishFrame, PublishRequest};
use walbrook_runtime::callers::{Credential, Issuer, TokenRequest, role};

use crate::house::{CAMDEN, EVENT, House, event, head, publish, reason, schedule};

fn producer() -> TokenRequest {
    TokenRequest::new(CAMDEN, "housing-system", role::PRODUCER)
}

#[tokio::test]
async fn without_a_token_nothing_is_taken() {
    let house = House::open().await;
    let refused = house
        .bare()
        .publish(PublishRequest {
            event: Some(event(1, "P-1")),
        })
        .await
        .expect_err("refused");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unauthenticated, "TOKEN_MISSING")
    );
    let frames = tokio_stream::iter([PublishFrame {
        sequence: 1,
        events: vec![event(1, "P-1")],
    }]);
    let refused = house
        .bare()
        .publish_stream(frames)
        .await
        .expect_err("refused");
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(house.journal.lock().is_empty());
}

#[tokio::test]
async fn a_plain_header_is_no_credential() {
    let house = House::open().await;
    let mut request = tonic::Request::new(PublishRequest {
        event: Some(event(1, "P-1")),
    });
    request
        .metadata_mut()
        .insert("wb_org", CAMDEN.parse().expect("ascii"));
    request.metadata_mut().insert(
        "authorization",
        "Basic Y2FtZGVuOg==".parse().expect("ascii"),
    );
    let refused = house.bare().publish(request).await.expect_err("refused");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unauthenticated, "TOKEN_MALFORMED")
    );
}

#[tokio::test]
async fn an_expired_or_foreign_token_is_refused() {
    let house = House::open().await;
    let mut request = tonic::Request::new(PublishRequest {
        event: Some(event(1, "P-1")),
    });
    let past = std::time::SystemTime::now() - Duration::from_secs(100);
    let stale = producer().events(&["*"]).lifetime(Duration::from_secs(60));
    let token = house.issuer.token(&stale, past).expect("token");
    request.metadata_mut().insert(
        "authorization",
        format!("Bearer {token}").parse().expect("ascii"),
    );
    let refused = house.bare().publish(request).await.expect_err("refused");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unauthenticated, "TOKEN_EXPIRED")
    );

    let elsewhere = Credential::minted(
        Issuer::ephemeral("walbrook-local"),
        producer().events(&["*"]),
    );
    let mut request = tonic::Request::new(());
    request = tonic::service::Interceptor::call(&mut elsewhere.clone(), request).expect("token");
    let (metadata, extensions, ()) = request.into_parts();
    let message = PublishRequest {
        event: Some(event(1, "P-1")),
    };
    let refused = house
        .bare()
        .publish(tonic::Request::from_parts(metadata, extensions, message))
        .await;
    assert_eq!(reason(&refused.expect_err("refused")), "TOKEN_KEY_UNKNOWN");
    assert!(house.journal.lock().is_empty());
}

#[tokio::test]
async fn only_a_producer_of_the_type_and_for_itself() {
    let house = House::open().await;
    let mut reader = house.client_with(
        TokenRequest::new(CAMDEN, "officer", "housing-options-officer").events(&["*"]),
    );
    let refused = publish(&mut reader, event(1, "P-1"))
        .await
        .expect_err("refused");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "ROLE_MISSING")
    );

    let mut other_type =
        house.client_with(producer().events(&["housing.PossessionNotice", "health.*"]));
    let refused = publish(&mut other_type, event(1, "P-1"))
        .await
        .expect_err("refused");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "EVENT_TYPE_NOT_ALLOWED")
    );

    let mut for_another = event(1, "P-1");
    head(&mut for_another).organisation = Some(Organisation {
        scheme: "GSS".into(),
        code: "E09000033".into(),
    });
    let refused = publish(&mut house.client(), for_another)
        .await
        .expect_err("refused");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "ORGANISATION_NOT_ALLOWED")
    );
    assert!(house.journal.lock().is_empty());
}

#[tokio::test]
async fn in_a_stream_each_event_is_judged_by_itself() {
    let house = House::open().await;
    let mut for_another = event(1, "P-1");
    head(&mut for_another).organisation = Some(Organisation {
        scheme: "GSS".into(),
        code: "E09000033".into(),
    });
    let frames = tokio_stream::iter([PublishFrame {
        sequence: 1,
        events: vec![for_another, event(2, "P-1")],
    }]);
    let mut answers = house
        .client()
        .publish_stream(frames)
        .await
        .expect("stream")
        .into_inner();
    let answer = answers.message().await.expect("answer").expect("frame");
    let Some(Outcome::Refusal(refusal)) = &answer.outcomes[0].outcome else {
        panic!("{answer:?}")
    };
    assert_eq!(refusal.violations[0].rule_id, "ORGANISATION_NOT_ALLOWED");
    assert_eq!(refusal.violations[0].field, "head.organisation");
    assert!(matches!(
        &answer.outcomes[1].outcome,
        Some(Outcome::Receipt(_))
    ));
    assert_eq!(house.log.records().len(), 1);
}

#[tokio::test]
async fn two_organisations_with_the_same_local_id_are_two_subjects() {
    let house = House::open().await;
    assert!(
        house
            .schedules
            .take(&schedule("GSS:E09000033", 1, &[EVENT]))
    );
    publish(&mut house.client(), event(1, "P-1"))
        .await
        .expect("receipt");
    let westminster =
        TokenRequest::new("GSS:E09000033", "housing-system", role::PRODUCER).events(&["housing.*"]);
    publish(&mut house.client_with(westminster), event(2, "P-1"))
        .await
        .expect("receipt");
    let records = house.log.records();
    let organisations: Vec<_> = records
        .iter()
        .filter_map(|record| record.headers.text("wb_org"))
        .collect();
    assert_eq!(organisations.len(), 2);
    assert!(organisations.contains(&CAMDEN) && organisations.contains(&"GSS:E09000033"));
    assert_ne!(records[0].key, records[1].key);
}
