//! Reviews over gRPC: who may see which pair, what a blind list hides, and that every look is on record before it is answered.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::served::*;
use common::*;
use std::time::SystemTime;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request};
use tonic_types::StatusExt;
use walbrook_domain::{Handle, PersonId};
use walbrook_event::lookup_token;
use walbrook_eventlog::TopicPartition;
use walbrook_identity::journal::read_to_end;
use walbrook_proto::audit::v1::LookupRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::identity::v1::{
    DecideReviewRequest, Demographics, DoubtLinkRequest, ExplainReviewRequest, LinkItem,
    LinkRequest, ListReviewsRequest, ListReviewsResponse, ReviewPair,
};
use walbrook_runtime::callers::TokenRequest;
use walbrook_runtime::shutdown::Shutdown;

/// A verified number of the 999 range.
const NUMBER: &str = "9990000042";

fn known(given: &str, family: &str) -> Demographics {
    Demographics {
        birth_date: Some(Date {
            year: 1990,
            month: 5,
            day: 17,
        }),
        nhs_number: NUMBER.into(),
        ..named(given, family)
    }
}

fn ask<T>(served: &Served, organisation: &str, role: &str, message: T) -> Request<T> {
    let wanted = TokenRequest::new(organisation, "rae", role);
    let token = served.issuer.token(&wanted, SystemTime::now()).unwrap();
    let mut request = Request::new(message);
    let value: AsciiMetadataValue = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Two records of two councils with one number and names far apart: a pair that waits.
async fn waiting(served: &mut Served) -> ReviewPair {
    let items = [(CAMDEN, "Amara", "Okafor"), (HACKNEY, "Peter", "Lindqvist")].map(
        |(organisation, given, family)| {
            let token = lookup_token(
                &served.agency_key,
                &organisation.parse().unwrap(),
                "LOCAL",
                given,
            );
            LinkItem {
                token: token.to_vec(),
                organisation: organisation.into(),
                ..served.item(given, Some(known(given, family)))
            }
        },
    );
    let request = served.as_caller(
        "housing",
        "service",
        LinkRequest {
            items: items.to_vec(),
        },
    );
    let answer = served.client.link(request).await.unwrap().into_inner();
    ReviewPair {
        record: answer.outcomes[1].handle.clone(),
        candidate: answer.outcomes[0].handle.clone(),
    }
}

async fn list(served: &mut Served, organisation: &str, blind: bool) -> ListReviewsResponse {
    let wanted = ListReviewsRequest {
        blind,
        ..ListReviewsRequest::default()
    };
    let request = ask(served, organisation, "reviewer", wanted);
    served
        .client
        .list_reviews(request)
        .await
        .unwrap()
        .into_inner()
}

fn looks(served: &Served) -> Vec<LookupRecord> {
    use walbrook_proto::avro::AvroRecord;
    let at = TopicPartition::new("t.audit.lookups", 0);
    let mut looks = Vec::new();
    read_to_end(
        &Memory(served.log.clone()),
        &[at],
        &Shutdown::new(),
        &mut |record| {
            let (_, body) = walbrook_event::framing::unframe(record.value.as_deref()).unwrap();
            looks.push(LookupRecord::decode_exact(body).unwrap());
            Ok(())
        },
    )
    .unwrap();
    looks
}

#[tokio::test(flavor = "multi_thread")]
async fn only_reviewers_review_and_nobody_sees_what_another_organisation_holds() {
    let mut served = Served::start().await;
    let pair = waiting(&mut served).await;
    for role in ["operator", "service", "auditor", "housing-options-officer"] {
        let request = ask(
            &served,
            "WALBROOK:local",
            role,
            ListReviewsRequest::default(),
        );
        let denied = served.client.list_reviews(request).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied, "{role}");
    }
    let ours = list(&mut served, "WALBROOK:local", false).await;
    assert_eq!((ours.items.len(), ours.waiting), (1, 1));
    assert_eq!(ours.items[0].pair.as_ref(), Some(&pair));
    assert_eq!(ours.items[0].status, "CONTRADICTED");
    for council in [CAMDEN, HACKNEY] {
        let theirs = list(&mut served, council, false).await;
        assert_eq!((theirs.items.len(), theirs.waiting), (0, 0), "{council}");
        let wanted = ExplainReviewRequest {
            pair: Some(pair.clone()),
            blind: false,
        };
        let request = ask(&served, council, "reviewer", wanted);
        let refused = served.client.explain_review(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }
    served.stop.request();
    served.writer.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn blind_hides_what_would_sway_and_an_explanation_is_on_record() {
    let mut served = Served::start().await;
    let pair = waiting(&mut served).await;
    let blind = list(&mut served, "WALBROOK:local", true).await;
    let item = &blind.items[0];
    assert_eq!(
        (
            item.status.as_str(),
            item.score_ten_thousandths,
            item.strategy.as_str()
        ),
        ("", 0, "")
    );
    let by_status = ListReviewsRequest {
        blind: true,
        statuses: vec!["CONTRADICTED".into()],
        ..ListReviewsRequest::default()
    };
    let request = ask(&served, "WALBROOK:local", "reviewer", by_status);
    let refused = served.client.list_reviews(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);

    assert!(looks(&served).is_empty());
    for (at, blind) in [(1, true), (2, false)] {
        let wanted = ExplainReviewRequest {
            pair: Some(pair.clone()),
            blind,
        };
        let request = ask(&served, "WALBROOK:local", "reviewer", wanted);
        let answer = served.client.explain_review(request).await.unwrap();
        let answer = answer.into_inner();
        let of = |field: &str| {
            answer
                .evidence
                .iter()
                .find(|row| row.field == field)
                .unwrap()
        };
        assert_eq!(of("given_name").record_value, "Peter");
        assert_eq!(of("given_name").candidate_value, "Amara");
        assert_eq!(of("nhs_number").level, "the same");
        let weighed = answer.evidence.iter().any(|row| row.weight_millibits != 0);
        assert_eq!(weighed, !blind);
        assert_eq!(answer.prior_millibits != 0, !blind);
        let on_record = looks(&served);
        assert_eq!(on_record.len(), at);
        let look = &on_record[at - 1];
        assert_eq!(look.operation, "EXPLAIN");
        assert_eq!(look.caller, "WALBROOK:local/rae");
        assert_eq!(
            look.subject,
            [pair.record.clone(), pair.candidate.clone()].concat()
        );
    }
    // A look at what is not there leaves the same record.
    let nobody = ReviewPair {
        record: vec![1; 16],
        candidate: vec![2; 16],
    };
    let wanted = ExplainReviewRequest {
        pair: Some(nobody),
        blind: false,
    };
    let request = ask(&served, "WALBROOK:local", "reviewer", wanted);
    let refused = served.client.explain_review(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let on_record = looks(&served);
    assert_eq!(
        (on_record.len(), on_record[2].outcome.as_str()),
        (3, "ASKED")
    );
    served.stop.request();
    served.writer.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_durable_when_it_is_answered_and_made_once() {
    let mut served = Served::start().await;
    let pair = waiting(&mut served).await;
    let decide = |decision: &str, reason: &str| DecideReviewRequest {
        pair: Some(pair.clone()),
        decision: decision.into(),
        reason: reason.into(),
        blind: true,
    };
    for (decision, reason, field) in [
        ("PERHAPS", "reviewed-same-person", "decision"),
        ("LIFTED", "reviewed-same-person", "decision"),
        ("SAME", "because", "reason"),
        ("NEVER_SAME", "reviewed-same-person", "reason"),
    ] {
        let request = ask(
            &served,
            "WALBROOK:local",
            "reviewer",
            decide(decision, reason),
        );
        let refused = served.client.decide_review(request).await.unwrap_err();
        let details = refused.get_error_details();
        assert_eq!(
            details.bad_request().unwrap().field_violations[0].field,
            field
        );
    }
    let same = decide("SAME", "confirmed-by-person");
    let request = ask(&served, "WALBROOK:local", "reviewer", same.clone());
    let answer = served
        .client
        .decide_review(request)
        .await
        .unwrap()
        .into_inner();
    assert!(!answer.positions.is_empty());
    let (_, format) = memory();
    let clients = Memory(served.log.clone());
    let links = last_links(&clients, &format);
    assert!(links.values().all(|link| link.members.len() == 2));
    assert!(links.values().all(|link| link.person == answer.person));
    let said = format!("{links:?}");
    assert!(!said.contains("Okafor") && !said.contains("Lindqvist") && !said.contains(NUMBER));
    let request = ask(&served, "WALBROOK:local", "reviewer", same);
    let again = served.client.decide_review(request).await.unwrap_err();
    assert_eq!(
        again.get_error_details().error_info().unwrap().reason,
        "NOT_WAITING"
    );
    assert_eq!(list(&mut served, "WALBROOK:local", false).await.waiting, 0);
    served.stop.request();
    served.writer.stop().unwrap();
}

/// The doubt of a reader about the second of two linked records, as a materialiser says it: by pseudonyms.
fn doubt(served: &Served, link: &walbrook_proto::identity::v1::LinkRecord) -> DoubtLinkRequest {
    let handle: [u8; 16] = link.handle.as_slice().try_into().unwrap();
    let person: [u8; 16] = link.person.as_slice().try_into().unwrap();
    let key = &served.purpose_key;
    DoubtLinkRequest {
        purpose: "rough-sleeping".into(),
        organisation: link.organisation.clone(),
        handle_pseudonym: key.handle(Handle::new(handle)).as_bytes().to_vec(),
        person_pseudonym: key.person(PersonId::new(person)).as_bytes().to_vec(),
        disputed_by: CAMDEN.into(),
        dispute_id: "a-dispute".into(),
        // After whatever was decided before.
        disputed_at: Some(prost_types::Timestamp {
            seconds: i64::from(u32::MAX),
            nanos: 0,
        }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubted_link_is_found_by_pseudonyms_and_waits_for_a_reviewer_on_record() {
    let mut served = Served::start().await;
    let pair = waiting(&mut served).await;
    let same = DecideReviewRequest {
        pair: Some(pair.clone()),
        decision: "SAME".into(),
        reason: "confirmed-by-person".into(),
        blind: true,
    };
    let request = ask(&served, "WALBROOK:local", "reviewer", same);
    served.client.decide_review(request).await.unwrap();
    let (_, format) = memory();
    let links = last_links(&Memory(served.log.clone()), &format);
    let of_hackney = links.values().find(|link| link.organisation == HACKNEY);
    let asked = doubt(&served, of_hackney.unwrap());

    // Nobody but a service asks, in its form; and what nobody has is of nobody.
    let request = ask(&served, CAMDEN, "reviewer", asked.clone());
    let refused = served.client.doubt_link(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let wrong = DoubtLinkRequest {
        handle_pseudonym: vec![1; 3],
        disputed_at: None,
        ..asked.clone()
    };
    let request = served.as_caller("materialiser", "service", wrong);
    let refused = served.client.doubt_link(request).await.unwrap_err();
    let details = refused.get_error_details();
    assert_eq!(details.bad_request().unwrap().field_violations.len(), 2);
    let nobodys = [
        DoubtLinkRequest {
            handle_pseudonym: vec![7; 16],
            ..asked.clone()
        },
        DoubtLinkRequest {
            person_pseudonym: vec![7; 16],
            ..asked.clone()
        },
        DoubtLinkRequest {
            organisation: CAMDEN.into(),
            ..asked.clone()
        },
    ];
    for nobodys in nobodys {
        let request = served.as_caller("materialiser", "service", nobodys);
        let answer = served.client.doubt_link(request).await.unwrap();
        assert_eq!(answer.into_inner().standing, "APART");
    }
    let before = looks(&served).len();
    for _ in 0..2 {
        let request = served.as_caller("materialiser", "service", asked.clone());
        let answer = served.client.doubt_link(request).await.unwrap();
        assert_eq!(answer.into_inner().standing, "WAITING");
    }
    let on_record = looks(&served);
    assert_eq!(on_record.len(), before + 1, "the new doubt alone");
    let last = on_record.last().unwrap();
    assert_eq!(
        (last.operation.as_str(), last.reason.as_str()),
        ("DOUBT", "a-dispute")
    );
    let listed = list(&mut served, "WALBROOK:local", false).await;
    assert_eq!(listed.items[0].status, "DISPUTED");
    let apart = DecideReviewRequest {
        pair: listed.items[0].pair.clone(),
        decision: "NEVER_SAME".into(),
        reason: "confirmed-by-organisation".into(),
        blind: false,
    };
    let request = ask(&served, "WALBROOK:local", "reviewer", apart);
    let decided = served.client.decide_review(request).await.unwrap();
    assert!(!decided.into_inner().positions.is_empty());
    let links = last_links(&Memory(served.log.clone()), &format);
    assert!(links.values().all(|link| link.members.len() == 1));
    let request = served.as_caller("materialiser", "service", asked);
    let answer = served.client.doubt_link(request).await.unwrap();
    assert_eq!(answer.into_inner().standing, "APART");
    served.stop.request();
    served.writer.stop().unwrap();
}
