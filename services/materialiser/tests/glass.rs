//! Break-glass on real Kafka: somebody beyond scope, for a reason, for a short time, on record, judged by a second person; and whoever is asked
//! about, as much work and as many bytes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod common;

use common::running::{Running, reason, served};
use common::*;
use prost::Message;
use tonic::Code;
use walbrook_eventlog::{murmur2_partition, topics};
use walbrook_proto::audit::v1::{BreakGlassReview, ReadRecord};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::view::v1::get_row_request::Subject;
use walbrook_proto::view::v1::*;
use walbrook_runtime::callers::TokenRequest;

/// Hackney's, and beyond Camden's scope.
const THEIRS: u8 = 4;

async fn get(
    running: &Running,
    reader: &str,
    person: u8,
    (glass, case): (&str, &str),
) -> Result<GetRowResponse, tonic::Status> {
    let message = GetRowRequest {
        view: VIEW.into(),
        context: Some(ReadContext {
            role: OFFICER.into(),
            case_reference: case.into(),
            ..ReadContext::default()
        }),
        evaluate_at: Some(evaluate_at()),
        break_glass: glass.into(),
        subject: Some(Subject::Pseudonym(vec![person; 16])),
    };
    let caller = TokenRequest::new(CAMDEN, reader, OFFICER);
    let request = running.request_for(caller, message);
    let answer = running.client.clone().get_row(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn listed(running: &Running, organisation: &str) -> ListBreakGlassResponse {
    let message = ListBreakGlassRequest {
        view: VIEW.into(),
        waiting_only: false,
    };
    let caller = TokenRequest::new(organisation, "supervisor-1", "supervisor");
    let request = running.request_for(caller, message);
    let answer = running.client.clone().list_break_glass(request).await;
    answer.unwrap().into_inner()
}

async fn review(
    running: &Running,
    (organisation, reviewer, role): (&str, &str, &str),
    read_id: &str,
    (outcome, why): (&str, &str),
) -> Result<ReviewBreakGlassResponse, tonic::Status> {
    let message = ReviewBreakGlassRequest {
        view: VIEW.into(),
        read_id: read_id.into(),
        outcome: outcome.into(),
        reason: why.into(),
    };
    let caller = TokenRequest::new(organisation, reviewer, role);
    let request = running.request_for(caller, message);
    let answer = running.client.clone().review_break_glass(request).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_scope_for_a_reason_and_a_time_until_a_second_person_objects() {
    let (place, running) = served().await;
    assert!(
        get(&running, "officer-1", THEIRS, ("", "case-1"))
            .await
            .unwrap()
            .row
            .is_none()
    );
    // A word of the list, and a case.
    for (glass, case) in [("she asked me to", "case-1"), ("RISK_TO_LIFE", "")] {
        let refused = get(&running, "officer-1", THEIRS, (glass, case)).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
    let seen = get(&running, "officer-1", THEIRS, ("RISK_TO_LIFE", "case-1"))
        .await
        .unwrap();
    assert!(seen.row.is_some());
    let glass = seen.facts.unwrap().break_glass.unwrap();
    assert_eq!(glass.reason, "RISK_TO_LIFE");
    // The same reader and person need no new one; another reader, and another person, do. Lists show nobody more.
    let again = get(&running, "officer-1", THEIRS, ("", "")).await.unwrap();
    assert!(again.row.is_some());
    assert_eq!(again.facts.unwrap().break_glass.as_ref(), Some(&glass));
    assert!(
        get(&running, "officer-2", THEIRS, ("", ""))
            .await
            .unwrap()
            .row
            .is_none()
    );
    let listed_rows = running.list(CAMDEN).await.unwrap().rows;
    assert!(listed_rows.iter().all(|row| row.pseudonym != [THEIRS; 16]));

    // It waits for a second person of the organisation, and for nobody else.
    assert_eq!(listed(&running, HACKNEY).await.reads.len(), 0);
    let waiting = listed(&running, CAMDEN).await;
    assert_eq!((waiting.waiting, waiting.overdue), (1, 0));
    let one = &waiting.reads[0];
    assert_eq!(
        (
            one.read_id.as_str(),
            one.reader.as_str(),
            one.reads,
            one.empty
        ),
        (glass.read_id.as_str(), "officer-1", 2, false)
    );
    assert_eq!(
        (one.state.as_str(), one.case_reference.as_str()),
        ("WAITING", "case-1")
    );
    let objects = ("OBJECTED", "NOT_NECESSARY");
    let id = glass.read_id.as_str();
    let nobodys = uuid::Uuid::new_v4().to_string();
    for (caller, read_id, said, expected) in [
        (
            (CAMDEN, "officer-1", "supervisor"),
            id,
            objects,
            "OWN_BREAK_GLASS",
        ),
        (
            (HACKNEY, "supervisor-1", "supervisor"),
            id,
            objects,
            "NO_SUCH_BREAK_GLASS",
        ),
        (
            (CAMDEN, "supervisor-1", "supervisor"),
            nobodys.as_str(),
            objects,
            "NO_SUCH_BREAK_GLASS",
        ),
        (
            (CAMDEN, "supervisor-1", OFFICER),
            id,
            objects,
            "ROLE_MISSING",
        ),
        (
            (CAMDEN, "supervisor-1", "supervisor"),
            id,
            ("ACCEPTED", "NOT_NECESSARY"),
            "REQUEST_INVALID",
        ),
    ] {
        let refused = review(&running, caller, read_id, said).await.unwrap_err();
        assert_eq!(reason(&refused), expected, "{refused:?}");
    }
    // Another process, or this one after a restart, knows it from the log.
    running.stop().await;
    let running = place.start(30_000).await;
    let three = |answer: &ListRowsResponse| answer.rows.len() == 3;
    running.list_until(CAMDEN, "it serves again", three).await;
    let again = get(&running, "officer-1", THEIRS, ("", "")).await.unwrap();
    assert!(again.row.is_some());

    let supervisor = (CAMDEN, "supervisor-1", "supervisor");
    review(&running, supervisor, id, objects).await.unwrap();
    let refused = review(&running, supervisor, id, objects).await.unwrap_err();
    assert_eq!(reason(&refused), "REVIEWED_ALREADY");
    let over = get(&running, "officer-1", THEIRS, ("", "")).await.unwrap();
    assert!(over.row.is_none() && over.facts.unwrap().break_glass.is_none());
    let judged = listed(&running, CAMDEN).await;
    assert_eq!(
        (judged.waiting, judged.reads[0].state.as_str()),
        (0, "OBJECTED")
    );
    running.stop().await;

    let (place, (reads, reviews)) = blocking(place, |place| {
        (
            place.read::<ReadRecord>(topics::READS),
            place.read::<BreakGlassReview>(topics::READS),
        )
    })
    .await;
    let begun: Vec<_> = reads
        .iter()
        .filter(|read| read.break_glass_reason.is_some())
        .collect();
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].break_glass_read_id.as_deref(), Some(id));
    assert!(begun[0].break_glass_until.is_some() && begun[0].case_reference.is_some());
    assert_eq!(reviews.len(), 1);
    assert_eq!(
        (reviews[0].reviewer.as_str(), reviews[0].outcome.as_str()),
        ("supervisor-1", "OBJECTED")
    );
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_by_itself() {
    let (mut place, running) = served().await;
    running.stop().await;
    place.glass_holds_s = 1;
    let running = place.start(30_000).await;
    let three = |answer: &ListRowsResponse| answer.rows.len() == 3;
    running.list_until(CAMDEN, "it serves again", three).await;
    let seen = get(&running, "officer-1", THEIRS, ("CHILD_AT_RISK", "case-1"))
        .await
        .unwrap();
    assert!(seen.row.is_some());
    let deadline = std::time::Instant::now() + WAIT;
    loop {
        let again = get(&running, "officer-1", THEIRS, ("", "")).await.unwrap();
        if again.row.is_none() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "it never ends");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(
        listed(&running, CAMDEN).await.waiting,
        1,
        "it is judged all the same"
    );
    running.stop().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_restricted_or_absent_stays_so_at_the_same_cost() {
    let (place, running) = served().await;
    // Of one partition: its position stands on each record.
    let partition = |person: u8| murmur2_partition(&[person; 16], PARTITIONS);
    let near: Vec<u8> = (50..250)
        .filter(|person| partition(*person) == partition(THEIRS))
        .collect();
    let (absent, hidden, seen) = (near[0], near[1], near[2]);
    let (mut place, ()) = blocking(place, move |place| {
        let mut records = vec![place.restricted(hidden, HACKNEY)];
        records.extend((0..3).map(|number| place.contact(hidden, 90 + number, 30, HACKNEY)));
        records.push(place.subject(seen, CAMDEN));
        records.push(place.contact(seen, 95, 30, CAMDEN));
        place.commit(records);
    })
    .await;
    let four = |answer: &ListRowsResponse| people(answer).contains(&seen);
    running
        .list_until(CAMDEN, "the last record is applied", four)
        .await;
    let appended = |place: &mut Place| place.bodies(topics::READS, ReadRecord::FULL_NAME);
    let mut costs = Vec::new();
    for person in [absent, hidden, hidden, absent] {
        for glass in ["RISK_TO_LIFE", ""] {
            let (back, before) = blocking(place, appended).await;
            let looks = running.looks();
            let answer = get(&running, "officer-1", person, (glass, "case-1"))
                .await
                .unwrap();
            assert!(answer.row.is_none());
            let mut facts = answer.facts.clone().unwrap();
            assert!(facts.break_glass.is_some());
            // Instants say when it was, by their length too, and not whom it was about.
            facts.grounds_applied_through = None;
            if let Some(glass) = &mut facts.break_glass {
                glass.expires_at = None;
            }
            let bytes = GetRowResponse {
                facts: Some(facts),
                ..answer
            }
            .encoded_len();
            let looked = running.looks() - looks;
            let (back, after) = blocking(back, appended).await;
            place = back;
            let written: usize = after[before.len()..].iter().map(Vec::len).sum();
            costs.push((glass, (looked, after.len() - before.len(), written, bytes)));
        }
    }
    for glass in ["RISK_TO_LIFE", ""] {
        let of: Vec<_> = costs.iter().filter(|one| one.0 == glass).collect();
        assert_eq!(
            (of[0].1.0, of[0].1.1),
            (1, 1),
            "one look, one record: {costs:?}"
        );
        assert!(of.iter().all(|one| one.1 == of[0].1), "{costs:?}");
    }
    assert_eq!(
        listed(&running, CAMDEN).await.waiting,
        4,
        "whoever it was about, it is judged"
    );
    running.stop().await;
    drop(place);
}
