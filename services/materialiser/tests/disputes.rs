//! Disputes on real Kafka: a cell is marked wherever it is shown and rests on the event, until the organisation it is from has answered; the mark
//! is in what is hashed, and survives a restart.

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
use tonic::Code;
use walbrook_eventlog::topics;
use walbrook_proto::audit::v1::{Dispute, DisputeAnswer, ReadRecord};
use walbrook_proto::view::v1::explain_row_request::Subject;
use walbrook_proto::view::v1::*;
use walbrook_runtime::callers::TokenRequest;

const COLUMN: &str = "days_since_contact";

async fn explain(running: &Running, person: u8) -> ExplainRowResponse {
    let message = ExplainRowRequest {
        view: VIEW.into(),
        context: context(),
        evaluate_at: Some(evaluate_at()),
        break_glass: String::new(),
        columns: Vec::new(),
        subject: Some(Subject::Pseudonym(vec![person; 16])),
    };
    let request = running.request(CAMDEN, OFFICER, message);
    let answer = running.client.clone().explain_row(request).await;
    answer.unwrap().into_inner()
}

/// The last event behind the column.
fn behind(why: &ExplainRowResponse) -> String {
    let cell = why.cells.iter().find(|one| one.column == COLUMN).unwrap();
    why.events[*cell.events.last().unwrap() as usize]
        .event_id
        .clone()
}

fn dispute(read_id: &str, event_id: &str) -> DisputeCellRequest {
    DisputeCellRequest {
        view: VIEW.into(),
        context: context(),
        read_id: read_id.into(),
        pseudonym: Vec::new(),
        kind: "WRONG_FACT".into(),
        column: COLUMN.into(),
        event_id: event_id.into(),
    }
}

async fn said(
    running: &Running,
    organisation: &str,
    message: DisputeCellRequest,
) -> Result<DisputeCellResponse, tonic::Status> {
    let request = running.request(organisation, OFFICER, message);
    let answer = running.client.clone().dispute_cell(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn listed(running: &Running, organisation: &str, open_only: bool) -> ListDisputesResponse {
    let message = ListDisputesRequest {
        view: VIEW.into(),
        open_only,
        local: None,
    };
    let caller = TokenRequest::new(organisation, "data-steward", "control");
    let request = running.request_for(caller, message);
    let answer = running.client.clone().list_disputes(request).await;
    answer.unwrap().into_inner()
}

async fn answered(
    running: &Running,
    (organisation, role): (&str, &str),
    id: &str,
    word: &str,
) -> Result<AnswerDisputeResponse, tonic::Status> {
    let message = AnswerDisputeRequest {
        view: VIEW.into(),
        dispute_id: id.into(),
        answer: word.into(),
    };
    let caller = TokenRequest::new(organisation, "data-steward", role);
    let request = running.request_for(caller, message);
    let answer = running.client.clone().answer_dispute(request).await;
    answer.map(tonic::Response::into_inner)
}

fn marked(row: &Row) -> Vec<&str> {
    let marked = row.cells.iter().filter(|cell| cell.disputed);
    marked.map(|cell| cell.column.as_str()).collect()
}

async fn marks_of(running: &Running, person: u8) -> Vec<String> {
    let row = running.get(CAMDEN, person).await.unwrap().row.unwrap();
    marked(&row).into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_is_marked_until_its_source_has_answered() {
    let (place, running) = served().await;
    let message = WatchRowsRequest {
        view: VIEW.into(),
        context: context(),
        resume_token: String::new(),
    };
    let mut client = running.client.clone();
    let watched = client.watch_rows(running.request(CAMDEN, OFFICER, message));
    let mut watched = watched.await.unwrap().into_inner();
    let why = explain(&running, 2).await;
    let (read_id, event) = (why.facts.clone().unwrap().read_id, behind(&why));
    // Only of a row one's organisation was shown, an event behind the very cell, in words of the lists.
    let first = why.events[0].event_id.clone();
    let nobodys = uuid::Uuid::new_v4().to_string();
    for (organisation, message, expected) in [
        (HACKNEY, dispute(&read_id, &event), "NO_SUCH_READ"),
        (CAMDEN, dispute(&nobodys, &event), "NO_SUCH_READ"),
        (CAMDEN, dispute(&read_id, &nobodys), "NO_SUCH_EVENT"),
        (CAMDEN, dispute(&read_id, &first), "NO_SUCH_EVENT"),
    ] {
        let refused = said(&running, organisation, message).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::NotFound, expected)
        );
    }
    let free = DisputeCellRequest {
        kind: "that is not her".into(),
        column: "shoe_size".into(),
        event_id: "the last one".into(),
        ..dispute(&read_id, &event)
    };
    let refused = said(&running, CAMDEN, free).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);

    let of_nobody_else = DisputeCellRequest {
        kind: "WRONG_PERSON".into(),
        ..dispute(&read_id, &event)
    };
    let refused = said(&running, CAMDEN, of_nobody_else).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_LINKED");

    let one = said(&running, CAMDEN, dispute(&read_id, &event))
        .await
        .unwrap();
    let again = said(&running, CAMDEN, dispute(&read_id, &event))
        .await
        .unwrap();
    assert_eq!(one, again, "said twice it is one dispute");
    assert_eq!(marks_of(&running, 2).await, [COLUMN]);
    assert_eq!(marks_of(&running, 3).await, [""; 0]);
    let list = running.list(CAMDEN).await.unwrap().rows;
    let of_two = list.iter().find(|row| row.pseudonym == [2; 16]).unwrap();
    assert_eq!(marked(of_two), [COLUMN]);
    assert_eq!(
        marked(explain(&running, 2).await.row.as_ref().unwrap()),
        [COLUMN]
    );
    let told = tokio::time::timeout(WAIT, async {
        loop {
            let answer = watched.message().await.unwrap().unwrap();
            let own = answer.rows.iter().find(|row| row.pseudonym == [2; 16]);
            if own.is_some_and(|row| marked(row) == [COLUMN]) {
                return;
            }
        }
    });
    told.await.expect("a watch is told of the mark");
    drop(watched);

    // Another process, or this one after a restart, knows it from the log.
    running.stop().await;
    let running = place.start(30_000).await;
    let three = |answer: &ListRowsResponse| answer.rows.len() == 3;
    running.list_until(CAMDEN, "it serves again", three).await;
    assert_eq!(marks_of(&running, 2).await, [COLUMN]);
    let queue = listed(&running, CAMDEN, true).await;
    assert_eq!((queue.waiting, queue.disputes.len()), (1, 1));
    let item = &queue.disputes[0];
    assert_eq!(
        (item.state.as_str(), item.event_id.as_str()),
        ("WAITING", event.as_str())
    );
    assert!(item.occurred.is_some() && item.source_organisation == CAMDEN);
    assert!(listed(&running, HACKNEY, false).await.disputes.is_empty());

    let id = one.dispute_id.as_str();
    for (caller, word, expected) in [
        ((HACKNEY, "control"), "STANDS", "NO_SUCH_DISPUTE"),
        ((CAMDEN, OFFICER), "STANDS", "ROLE_MISSING"),
        ((CAMDEN, "control"), "PERHAPS", "REQUEST_INVALID"),
    ] {
        let refused = answered(&running, caller, id, word).await.unwrap_err();
        assert_eq!(reason(&refused), expected);
    }
    let own = (CAMDEN, "control");
    answered(&running, own, id, "CORRECTED").await.unwrap();
    assert_eq!(
        marks_of(&running, 2).await,
        [COLUMN],
        "the event stands still"
    );
    answered(&running, own, id, "STANDS").await.unwrap();
    assert_eq!(marks_of(&running, 2).await, [""; 0]);
    let refused = answered(&running, own, id, "STANDS").await.unwrap_err();
    assert_eq!(reason(&refused), "ANSWERED_ALREADY");
    let closed = listed(&running, CAMDEN, false).await;
    assert_eq!(closed.disputes[0].state, "ANSWERED_STANDS");

    // What is taken back is disputed no more, and nobody has to say so.
    let why = explain(&running, 3).await;
    let (read_id, event) = (why.facts.clone().unwrap().read_id, behind(&why));
    said(&running, CAMDEN, dispute(&read_id, &event))
        .await
        .unwrap();
    let (place, ()) = blocking(place, |place| place.commit(vec![place.retraction(3)])).await;
    let two = |answer: &ListRowsResponse| answer.rows.len() == 2;
    running.list_until(CAMDEN, "it is taken back", two).await;
    let gone = listed(&running, CAMDEN, false).await;
    assert_eq!((gone.waiting, gone.disputes[0].state.as_str()), (0, "GONE"));
    running.stop().await;

    let (place, (reads, disputes, answers)) = blocking(place, |place| {
        (
            place.read::<ReadRecord>(topics::READS),
            place.read::<Dispute>(topics::READS),
            place.read::<DisputeAnswer>(topics::READS),
        )
    })
    .await;
    assert_eq!((disputes.len(), answers.len()), (2, 2));
    assert_eq!(disputes[0].source_organisation, CAMDEN);
    assert_eq!(disputes[0].handle_pseudonym, [2; 16]);
    let shown = reads.iter().filter(|read| read.operation == "GET");
    let marks: Vec<i64> = shown.map(|read| read.reads_next).collect();
    assert!(
        marks.windows(2).all(|pair| pair[0] <= pair[1]) && marks[0] > 0,
        "{marks:?}"
    );
    drop(place);
}
