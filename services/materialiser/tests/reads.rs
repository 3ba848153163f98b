//! Reads beyond one row and a ranked list, on real Kafka: why a row says what it says, what was decided because of it, lists by condition and
//! column; and that nothing of a read tells whether the person asked about is known.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod common;

use common::running::{Running, context, reason, served};
use common::*;
use prost::Message;
use tonic::Code;
use tonic_types::StatusExt;
use walbrook_domain::control::Standing;
use walbrook_eventlog::{murmur2_partition, topics};
use walbrook_proto::audit::v1::{OfficerDecision, ReadRecord};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::view::v1::explain_row_request::Subject;
use walbrook_proto::view::v1::*;

async fn explain(
    running: &Running,
    organisation: &str,
    person: u8,
    columns: &[&str],
) -> Result<ExplainRowResponse, tonic::Status> {
    let message = ExplainRowRequest {
        view: VIEW.into(),
        context: context(),
        evaluate_at: Some(evaluate_at()),
        break_glass: String::new(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        subject: Some(Subject::Pseudonym(vec![person; 16])),
    };
    let request = running.request(organisation, OFFICER, message);
    let answer = running.client.clone().explain_row(request).await;
    answer.map(tonic::Response::into_inner)
}

fn decision(read_id: &str, person: Option<u8>) -> RecordDecisionRequest {
    RecordDecisionRequest {
        view: VIEW.into(),
        context: context(),
        read_id: read_id.into(),
        pseudonym: person.map(|person| vec![person; 16]).unwrap_or_default(),
        decision: "CONTACT".into(),
        reason: "AGREES_WITH_ROW".into(),
        weighed: vec!["contacts_28d".into()],
        departs: false,
    }
}

async fn decide(
    running: &Running,
    organisation: &str,
    message: RecordDecisionRequest,
) -> Result<RecordDecisionResponse, tonic::Status> {
    let request = running.request(organisation, OFFICER, message);
    let answer = running.client.clone().record_decision(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn listed(
    running: &Running,
    only: &str,
    order: (&str, bool),
    page: (u32, &str),
) -> Result<ListRowsResponse, tonic::Status> {
    let message = ListRowsRequest {
        view: VIEW.into(),
        context: context(),
        page_size: page.0,
        page_token: page.1.into(),
        evaluate_at: page.1.is_empty().then(evaluate_at),
        r#where: only.into(),
        order_by: order.0.into(),
        descending: order.1,
    };
    let request = running.request(CAMDEN, OFFICER, message);
    let answer = running.client.clone().list_rows(request).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_row_says_what_it_says_and_what_was_decided_because_of_it() {
    let (place, running) = served().await;
    let row = running.get(CAMDEN, 2).await.unwrap().row.unwrap();
    let why = explain(&running, CAMDEN, 2, &[]).await.unwrap();
    assert_eq!(why.row.as_ref(), Some(&row), "it explains the very row");
    assert_eq!(why.cells.len(), row.cells.len());
    let cell = why.cells.iter().find(|one| one.column == "contacts_28d");
    assert_eq!(
        cell.unwrap().events,
        [0, 1],
        "both contacts, earliest first"
    );
    assert_eq!(why.events.len(), 2);
    let event = &why.events[0];
    assert_eq!(event.organisation, CAMDEN);
    assert_eq!(
        (event.link_status.as_str(), event.link_score_ten_thousandths),
        ("MATCH", 10_000)
    );
    assert!(
        event.event_id.starts_with("21000000-0000-8000"),
        "{}",
        event.event_id
    );
    let basis = &why.bases[event.bases[0] as usize];
    assert_eq!(
        (basis.agreement_id.as_str(), basis.version),
        ("test-rough-sleeping", 1)
    );
    assert_eq!(basis.gateways, ["test"]);
    assert!(why.decisions.is_empty());
    // One cell alone; and a column that the view has not.
    let one = explain(&running, CAMDEN, 2, &["days_since_contact"])
        .await
        .unwrap();
    assert_eq!((one.cells.len(), one.events.len()), (1, 1));
    let status = explain(&running, CAMDEN, 2, &["shoe_size"])
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);

    // What was decided refers to a read that showed this row to this organisation; whatever is wrong with that looks the same.
    let read_id = why.facts.unwrap().read_id;
    let nobodys = uuid::Uuid::new_v4().to_string();
    for (organisation, read_id, person) in [
        (HACKNEY, read_id.as_str(), Some(2)),
        (CAMDEN, nobodys.as_str(), Some(2)),
        (CAMDEN, read_id.as_str(), Some(3)),
        (CAMDEN, read_id.as_str(), Some(9)),
    ] {
        let refused = decide(&running, organisation, decision(read_id, person)).await;
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::NotFound, "NO_SUCH_READ")
        );
    }
    let free = RecordDecisionRequest {
        reason: "he told me that".into(),
        weighed: vec!["his sister".into()],
        ..decision(&read_id, None)
    };
    let refused = decide(&running, CAMDEN, free).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(
        refused
            .get_error_details()
            .bad_request()
            .unwrap()
            .field_violations
            .len(),
        2
    );
    let cleaner = running.request(CAMDEN, "cleaner", decision(&read_id, None));
    let refused = running
        .client
        .clone()
        .record_decision(cleaner)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "ROLE_MISSING");

    let decided = decide(&running, CAMDEN, decision(&read_id, None))
        .await
        .unwrap();
    let list = running.list(CAMDEN).await.unwrap().facts.unwrap().read_id;
    let from_list = RecordDecisionRequest {
        decision: "NO_ACTION".into(),
        departs: true,
        ..decision(&list, Some(2))
    };
    let later = decide(&running, CAMDEN, from_list).await.unwrap();
    let shown = |why: &ExplainRowResponse| -> Vec<String> {
        why.decisions
            .iter()
            .map(|one| one.decision_id.clone())
            .collect()
    };
    let expected = [later.decision_id.clone(), decided.decision_id.clone()];
    let why = explain(&running, CAMDEN, 2, &[]).await.unwrap();
    assert_eq!(shown(&why), expected, "at once, the newest first");
    assert_eq!(
        (why.decisions[0].officer.as_str(), why.decisions[0].departs),
        ("officer-1", true)
    );
    let other = explain(&running, CAMDEN, 1, &[]).await.unwrap();
    assert!(other.decisions.is_empty(), "of this person alone");
    // Another process, or the same one after a restart, knows it from the log.
    running.stop().await;
    let running = place.start(30_000).await;
    let three = |answer: &ListRowsResponse| answer.rows.len() == 3;
    running.list_until(CAMDEN, "it serves again", three).await;
    let why = explain(&running, CAMDEN, 2, &[]).await.unwrap();
    assert_eq!(shown(&why), expected);
    decide(&running, CAMDEN, decision(&read_id, None))
        .await
        .unwrap();

    let (place, (reads, decisions)) = blocking(place, |place| {
        (
            place.read::<ReadRecord>(topics::READS),
            place.read::<OfficerDecision>(topics::READS),
        )
    })
    .await;
    let explained = reads.iter().filter(|read| read.operation == "EXPLAIN");
    for read in explained {
        let hash = read.answered[0].explanation_sha256.as_ref();
        assert_eq!(hash.map(Vec::len), Some(32));
        assert!(read.reads_next > 0);
    }
    assert_eq!(decisions.len(), 3);
    assert_eq!(decisions[0].row_sha256.len(), 32);
    assert_eq!(decisions[0].officer, "officer-1");
    running.stop().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_by_condition_and_column_and_their_pages_join() {
    let (place, running) = served().await;
    let by = |answer: &ListRowsResponse| people(answer);
    let all = listed(&running, "", ("contacts_28d", false), (0, ""))
        .await
        .unwrap();
    assert_eq!(by(&all), [1, 2, 3]);
    let down = listed(&running, "", ("contacts_28d", true), (0, ""))
        .await
        .unwrap();
    assert_eq!(by(&down), [3, 2, 1]);
    let some = listed(
        &running,
        "contacts_28d >= 2",
        ("contacts_28d", true),
        (0, ""),
    )
    .await;
    let some = some.unwrap();
    assert_eq!((by(&some), some.total), (vec![3, 2], 2));
    let none = listed(&running, "contacts_28d > 100", ("", false), (0, ""))
        .await
        .unwrap();
    assert_eq!((none.rows.len(), none.total), (0, 0));
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = listed(&running, "", ("contacts_28d", true), (1, &token))
            .await
            .unwrap();
        seen.extend(by(&page));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [3, 2, 1]);
    // A token belongs to its condition and order; columns must be the view's.
    let first = listed(&running, "", ("contacts_28d", true), (1, ""))
        .await
        .unwrap();
    let token = first.next_page_token.as_str();
    for (only, order, page) in [
        ("", ("contacts_28d", false), (1, token)),
        ("contacts_28d >= 1", ("contacts_28d", true), (1, token)),
        ("shoe_size = 43", ("", false), (1, "")),
        ("contacts_28d = ", ("", false), (1, "")),
        ("", ("shoe_size", false), (1, "")),
        ("", ("", true), (1, "")),
    ] {
        let refused = listed(&running, only, order, page).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{only} {order:?}");
    }
    running.stop().await;
    drop(place);
}

async fn knowing(running: &Running, organisation: &str, known: &[u8]) -> GetRowResponse {
    let message = GetRowRequest {
        view: VIEW.into(),
        context: context().map(|context| ReadContext {
            known_standing: known.to_vec(),
            ..context
        }),
        evaluate_at: Some(evaluate_at()),
        subject: Some(get_row_request::Subject::Pseudonym(vec![1; 16])),
        ..GetRowRequest::default()
    };
    let request = running.request(organisation, OFFICER, message);
    let answer = running.client.clone().get_row(request).await;
    answer.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_how_everything_stands_is_told_again_only_when_it_changes() {
    let (place, running) = served().await;
    let told = |facts: &AnswerFacts| {
        let told = facts.view.is_some();
        assert_eq!(told, !facts.sources.is_empty());
        assert!(told || facts.withheld.is_empty());
        told
    };
    let first = knowing(&running, CAMDEN, &[]).await;
    let facts = first.facts.unwrap();
    assert!(told(&facts));
    assert_eq!(facts.standing.len(), 16);
    let known = knowing(&running, CAMDEN, &facts.standing).await;
    let known_facts = known.facts.unwrap();
    assert!(!told(&known_facts));
    assert_eq!(
        (known.row, &known_facts.standing),
        (first.row, &facts.standing)
    );
    // What nobody was told is known to nobody.
    let other = knowing(&running, CAMDEN, &[7; 16]).await;
    assert!(told(&other.facts.unwrap()));
    let stranger = knowing(&running, "GSS:E09000001", &facts.standing).await;
    let stranger = stranger.facts.unwrap();
    assert!(
        stranger.standing.is_empty() && stranger.view.is_some() && stranger.withheld.len() == 1
    );
    let message = GetRowRequest {
        context: context().map(|context| ReadContext {
            known_standing: vec![1; 3],
            ..context
        }),
        ..GetRowRequest::default()
    };
    let refused = running
        .client
        .clone()
        .get_row(running.request(CAMDEN, OFFICER, message))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    // It is told again once an agreement has changed what stands.
    let (place, ()) = blocking(place, |place| place.standing(HACKNEY, Standing::Suspended)).await;
    let after = knowing(&running, CAMDEN, &facts.standing)
        .await
        .facts
        .unwrap();
    assert!(told(&after) && after.standing != facts.standing);
    running.stop().await;
    drop(place);
}

/// What one read cost and looked like: people looked up, records appended, their bytes, bytes of the answer.
type Cost = (u64, usize, usize, usize);

/// The same instants in every answer: their length says when it was, not whom it was about.
fn normal(facts: Option<AnswerFacts>) -> Option<AnswerFacts> {
    facts.map(|facts| AnswerFacts {
        grounds_applied_through: None,
        ..facts
    })
}

async fn cost(place: Place, running: &Running, person: u8, why: bool) -> (Place, Cost) {
    let appended = |place: &mut Place| place.bodies(topics::READS, ReadRecord::FULL_NAME);
    let (place, before) = blocking(place, appended).await;
    let looks = running.looks();
    let bytes = if why {
        let answer = explain(running, CAMDEN, person, &[]).await.unwrap();
        assert!(answer.row.is_none(), "{person}");
        let facts = normal(answer.facts.clone());
        ExplainRowResponse { facts, ..answer }.encoded_len()
    } else {
        let answer = running.get(CAMDEN, person).await.unwrap();
        assert!(answer.row.is_none(), "{person}");
        let facts = normal(answer.facts.clone());
        GetRowResponse { facts, ..answer }.encoded_len()
    };
    let looked = running.looks() - looks;
    let (place, after) = blocking(place, appended).await;
    let records = after.len() - before.len();
    let written = after[before.len()..].iter().map(Vec::len).sum();
    (place, (looked, records, written, bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_absent_and_out_of_scope_cost_the_same_and_look_the_same() {
    let (place, running) = served().await;
    // Of one partition: its position stands on each record.
    let partition = |person: u8| murmur2_partition(&[person; 16], PARTITIONS);
    let near: Vec<u8> = (50..250)
        .filter(|person| partition(*person) == partition(4))
        .collect();
    let (absent, hidden, seen) = (near[0], near[1], near[2]);
    let (mut place, ()) = blocking(place, move |place| {
        let restricted = place.restricted(hidden, CAMDEN);
        let contacts = (0..3).map(|number| place.contact(hidden, 90 + number, 30, CAMDEN));
        let mut records: Vec<_> = std::iter::once(restricted).chain(contacts).collect();
        // Behind them somebody who is seen: then the view has applied them all, and its position stands still.
        records.push(place.subject(seen, CAMDEN));
        records.push(place.contact(seen, 95, 30, CAMDEN));
        place.commit(records);
    })
    .await;
    let four = |answer: &ListRowsResponse| people(answer).contains(&seen);
    running
        .list_until(CAMDEN, "the last record is applied", four)
        .await;
    let mut costs = Vec::new();
    for why in [false, true] {
        for person in [4, absent, hidden, 4, hidden, absent] {
            let cost = cost(place, &running, person, why).await;
            place = cost.0;
            costs.push((why, person, cost.1));
        }
    }
    for why in [false, true] {
        let of: Vec<_> = costs.iter().filter(|one| one.0 == why).collect();
        let (looked, records, ..) = of[0].2;
        assert_eq!((looked, records), (1, 1), "one look, one record: {costs:?}");
        assert!(of.iter().all(|one| one.2 == of[0].2), "{costs:?}");
    }
    // Paired, and reported only: on a shared machine time proves nothing.
    let mut times = [(4, Vec::new()), (absent, Vec::new()), (hidden, Vec::new())];
    for _ in 0..100 {
        for (person, times) in &mut times {
            let began = std::time::Instant::now();
            running.get(CAMDEN, *person).await.unwrap();
            times.push(began.elapsed().as_micros());
        }
    }
    for ((_, times), whom) in times.iter_mut().zip(["out of scope", "absent", "hidden"]) {
        times.sort_unstable();
        println!(
            "{whom}: median {} µs of {} reads",
            times[times.len() / 2],
            times.len()
        );
    }
    running.stop().await;
    drop(place);
}
