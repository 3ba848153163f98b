//! The calls over gRPC: who may make them, what is refused and how, and what an organisation learns.

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
use std::time::Instant as Monotonic;
use tonic::Code;
use tonic_types::StatusExt;
use walbrook_domain::PersonId;
use walbrook_proto::common::v1::Date;
use walbrook_proto::identity::v1::record_ref::By;
use walbrook_proto::identity::v1::{
    Demographics, LinkItem, LinkRequest, MatchItem, MatchesRequest, MergeRequest, RecordRef,
    ResolveForReadRequest, UnmergeRequest,
};

#[tokio::test(flavor = "multi_thread")]
async fn only_those_with_the_role_may_call() {
    let mut served = Served::start().await;
    let items = vec![served.item("1", None)];
    let bare = served
        .client
        .link(LinkRequest {
            items: items.clone(),
        })
        .await
        .unwrap_err();
    assert_eq!(bare.code(), Code::Unauthenticated);
    let producer = served.as_caller(
        "housing",
        "producer",
        LinkRequest {
            items: items.clone(),
        },
    );
    assert_eq!(
        served.client.link(producer).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let other_agency = served.as_caller("police", "service", LinkRequest { items });
    let denied = served.client.link(other_agency).await.unwrap_err();
    assert_eq!(
        (
            denied.code(),
            denied
                .get_error_details()
                .error_info()
                .unwrap()
                .reason
                .as_str()
        ),
        (Code::PermissionDenied, "AGENCY_NOT_ALLOWED")
    );
    for (subject, role) in [("housing", "service"), ("x", "auditor"), ("x", "control")] {
        let request = served.as_caller(subject, role, MergeRequest::default());
        assert_eq!(
            served.client.merge(request).await.unwrap_err().code(),
            Code::PermissionDenied,
            "merge as {role}"
        );
        let request = served.as_caller(subject, role, UnmergeRequest::default());
        assert_eq!(
            served.client.unmerge(request).await.unwrap_err().code(),
            Code::PermissionDenied,
            "unmerge as {role}"
        );
    }
    let reader = served.as_caller(
        "x",
        "housing-options-officer",
        ResolveForReadRequest::default(),
    );
    assert_eq!(
        served
            .client
            .resolve_for_read(reader)
            .await
            .unwrap_err()
            .code(),
        Code::PermissionDenied
    );
    let operator = served.as_caller("x", "operator", MatchesRequest::default());
    assert_eq!(
        served.client.matches(operator).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    served.stop.request();
    served.writer.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_call_is_named_at_once_without_its_value() {
    let mut served = Served::start().await;
    let born = |year, month, day| Demographics {
        birth_date: Some(Date { year, month, day }),
        ..named("Amara", "Okafor")
    };
    let items = vec![
        LinkItem {
            token: vec![1; 31],
            ..served.item("1", None)
        },
        LinkItem {
            organisation: "Okafor".into(),
            ..served.item("2", None)
        },
        served.item("3", Some(born(2011, 2, 29))),
        served.item("4", Some(named(&"Okafor".repeat(60), "x"))),
    ];
    let request = served.as_caller("housing", "service", LinkRequest { items });
    let refused = served.client.link(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let details = refused.get_error_details();
    let fields: Vec<&str> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|v| v.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "items[0].token",
            "items[1].organisation",
            "items[2].demographics.birth_date",
            "items[3].demographics"
        ]
    );
    assert!(!format!("{refused:?}").contains("Okafor"), "{refused:?}");
    assert!(
        served.writer.directory.is_empty(),
        "nothing of a refused call is kept"
    );
    served.stop.request();
    served.writer.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_finds_its_own_record_and_learns_nothing_else() {
    let mut served = Served::start().await;
    let unknown = served.as_caller(
        "housing",
        "service",
        LinkRequest {
            items: vec![served.item("1", None)],
        },
    );
    let outcome = served
        .client
        .link(unknown)
        .await
        .unwrap()
        .into_inner()
        .outcomes
        .remove(0);
    assert_eq!(
        (
            outcome.problem.as_str(),
            outcome.linked,
            outcome.handle.len()
        ),
        ("demographics-needed", false, 0)
    );
    let handle = served.link("1").await;

    let request = served.as_caller("broker", "service", own("1"));
    let found = served
        .client
        .handle_for(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.handle.as_deref(), Some(handle.as_bytes().as_slice()));
    let request = served.as_caller("broker", "service", own("2"));
    assert_eq!(
        served
            .client
            .handle_for(request)
            .await
            .unwrap()
            .into_inner()
            .handle,
        None
    );

    let resolve = |id: &str, purpose: &str| ResolveForReadRequest {
        record: Some(own(id)),
        purpose: purpose.into(),
        ..ResolveForReadRequest::default()
    };
    served.accepted(&[handle]).await;
    let request = served.as_caller("materialiser", "service", resolve("1", "rough-sleeping"));
    let found = served
        .client
        .resolve_for_read(request)
        .await
        .unwrap()
        .into_inner();
    let person = served
        .writer
        .directory
        .get(walbrook_identity::linkage::Token(
            served.item("1", None).token.try_into().unwrap(),
        ));
    let person: PersonId = person.unwrap().person;
    assert_eq!(
        found.person_pseudonym.as_deref(),
        Some(served.purpose_key.person(person).as_bytes().as_slice())
    );
    assert_eq!(
        found.handle_pseudonym.as_deref(),
        Some(served.purpose_key.handle(handle).as_bytes().as_slice())
    );
    let request = served.as_caller("materialiser", "service", resolve("2", "rough-sleeping"));
    let nobody = served
        .client
        .resolve_for_read(request)
        .await
        .unwrap()
        .into_inner();
    // Somebody else's would be somebody: these are nobody's (`oracle.rs` has more).
    assert_ne!(nobody.person_pseudonym, found.person_pseudonym);
    assert_eq!(nobody.handle_pseudonym.map(|bytes| bytes.len()), Some(16));
    let request = served.as_caller("materialiser", "service", resolve("1", "matching"));
    assert_eq!(
        served
            .client
            .resolve_for_read(request)
            .await
            .unwrap_err()
            .code(),
        Code::InvalidArgument
    );
    // Three look-ups a second are allowed here.
    let start = Monotonic::now();
    let mut refused = None;
    while refused.is_none() && start.elapsed() < DEADLINE {
        let request = served.as_caller("materialiser", "service", resolve("1", "rough-sleeping"));
        refused = served.client.resolve_for_read(request).await.err();
    }
    assert_eq!(refused.unwrap().code(), Code::ResourceExhausted);

    let item = |kind: &str, pseudonym: &[u8]| MatchItem {
        kind: kind.into(),
        purpose: "rough-sleeping".into(),
        key_id: "k1".into(),
        subject: if kind == "PERSON" {
            person.as_bytes().to_vec()
        } else {
            handle.as_bytes().to_vec()
        },
        pseudonym: pseudonym.to_vec(),
        ..MatchItem::default()
    };
    let items = vec![
        item("PERSON", served.purpose_key.person(person).as_bytes()),
        item("HANDLE", served.purpose_key.handle(handle).as_bytes()),
        item("HANDLE", served.purpose_key.person(person).as_bytes()),
    ];
    let request = served.as_caller("auditor", "auditor", MatchesRequest { items });
    assert_eq!(
        served
            .client
            .matches(request)
            .await
            .unwrap()
            .into_inner()
            .matches,
        [true, true, false]
    );
    served.stop.request();
    served.writer.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_merges_and_un_merges() {
    let mut served = Served::start().await;
    let (a, b) = (served.link("Okafor").await, served.link("Lindqvist").await);
    assert_ne!(a, b);
    let merge = |reason: &str| MergeRequest {
        survivor: local("Okafor"),
        other: local("Lindqvist"),
        reason: reason.into(),
    };
    let request = served.as_caller("op", "operator", merge("they look alike"));
    assert_eq!(
        served.client.merge(request).await.unwrap_err().code(),
        Code::InvalidArgument,
        "no free text"
    );
    let request = served.as_caller("op", "operator", merge("reviewed-same-person"));
    let merged = served.client.merge(request).await.unwrap().into_inner();
    assert_eq!(merged.person.len(), 16);
    assert!(!merged.positions.is_empty());
    let request = served.as_caller("op", "operator", merge("reviewed-same-person"));
    assert_eq!(
        served.client.merge(request).await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    let unmerge = UnmergeRequest {
        record: Some(RecordRef {
            by: Some(By::Handle(b.as_bytes().to_vec())),
        }),
        reason: "reviewed-different-people".into(),
    };
    let request = served.as_caller("op", "operator", unmerge.clone());
    let parted = served.client.unmerge(request).await.unwrap().into_inner();
    assert_ne!(parted.person, merged.person);
    let request = served.as_caller("op", "operator", unmerge);
    let again = served.client.unmerge(request).await.unwrap_err();
    assert_eq!(
        again.get_error_details().error_info().unwrap().reason,
        "NOT_JOINED"
    );
    let unknown = UnmergeRequest {
        record: local("nobody"),
        reason: "reviewed-different-people".into(),
    };
    let request = served.as_caller("op", "operator", unknown);
    assert_eq!(
        served.client.unmerge(request).await.unwrap_err().code(),
        Code::NotFound
    );
    served.stop.request();
    served.writer.stop().unwrap();
}
