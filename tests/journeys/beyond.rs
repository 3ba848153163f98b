//! Beyond scope and against the row: break-glass with its second person, disputes with their answers, with the real processes, and audited.

use crate::reason;
use walbrook_auditor::Checked;
use walbrook_proto::identity::v1::{DecideReviewRequest, ListReviewsRequest};
use walbrook_proto::view::v1::explain_row_request;
use walbrook_proto::view::v1::get_row_request::Subject;
use walbrook_proto::view::v1::{
    AnswerDisputeRequest, DisputeCellRequest, DisputeCellResponse, ExplainRowRequest,
    ExplainRowResponse, GetRowRequest, GetRowResponse, ListBreakGlassRequest, ListDisputesRequest,
    LocalRecord, ReadContext, ReviewBreakGlassRequest, Row,
};
use walbrook_tests::acts::{OFFICER, VIEW, agreement_text, contact, midnight};
use walbrook_tests::backbone::{Backbone, Options, journey};
use walbrook_tests::people::{CAMDEN, ISLINGTON, Person, event_id};

const COLUMN: &str = "contacts_28d";

fn context() -> Option<ReadContext> {
    Some(ReadContext {
        role: OFFICER.into(),
        case_reference: "case-12".into(),
        ..ReadContext::default()
    })
}

async fn get(backbone: &Backbone, reader: &str, person: &[u8], glass: &str) -> GetRowResponse {
    let request = GetRowRequest {
        view: VIEW.into(),
        context: context(),
        evaluate_at: Some(midnight(0)),
        break_glass: glass.into(),
        subject: Some(Subject::Pseudonym(person.to_vec())),
    };
    let mut views = backbone.views(CAMDEN, OFFICER, reader);
    views
        .get_row(request)
        .await
        .expect("an answer")
        .into_inner()
}

async fn why(backbone: &Backbone, organisation: &str, person: &Person) -> ExplainRowResponse {
    let request = ExplainRowRequest {
        view: VIEW.into(),
        context: context(),
        evaluate_at: Some(midnight(0)),
        break_glass: String::new(),
        columns: Vec::new(),
        subject: Some(explain_row_request::Subject::Local(LocalRecord {
            agency: "housing".into(),
            id_scheme: "LOCAL".into(),
            local_id: person.local_id.clone(),
        })),
    };
    let mut views = backbone.views(organisation, OFFICER, "an-officer");
    views
        .explain_row(request)
        .await
        .expect("an answer")
        .into_inner()
}

fn marked(row: &Row) -> bool {
    let mut cells = row.cells.iter();
    cells.any(|cell| cell.column == COLUMN && cell.disputed)
}

async fn dispute(
    backbone: &Backbone,
    why: &ExplainRowResponse,
    (kind, from): (&str, &str),
) -> DisputeCellResponse {
    let cell = why.cells.iter().find(|one| one.column == COLUMN);
    let events = cell.expect("the cell").events.iter();
    let events = events.map(|place| &why.events[*place as usize]);
    let event = events.into_iter().find(|event| event.organisation == from);
    let request = DisputeCellRequest {
        view: VIEW.into(),
        context: context(),
        read_id: why.facts.clone().expect("facts").read_id,
        pseudonym: Vec::new(),
        kind: kind.into(),
        column: COLUMN.into(),
        event_id: event.expect("its event").event_id.clone(),
    };
    let mut views = backbone.views(CAMDEN, OFFICER, "an-officer");
    views
        .dispute_cell(request)
        .await
        .expect("on record")
        .into_inner()
}

/// An officer of Camden sees Islington's person for a reason; somebody else of Camden judges it, and objects.
async fn behind_glass(backbone: &Backbone, person: &Person) {
    let theirs = backbone.await_contacts(ISLINGTON, person, 1).await;
    let theirs = theirs.expect("Islington's row").pseudonym;
    assert!(get(backbone, "an-officer", &theirs, "").await.row.is_none());
    let seen = get(backbone, "an-officer", &theirs, "RISK_TO_LIFE").await;
    assert!(seen.row.is_some());
    let glass = seen
        .facts
        .expect("facts")
        .break_glass
        .expect("a break-glass");
    assert!(get(backbone, "an-officer", &theirs, "").await.row.is_some());
    assert!(get(backbone, "another", &theirs, "").await.row.is_none());
    // Nobody is there, and it looks and costs the same.
    let nobody = get(backbone, "an-officer", &[9; 16], "RISK_TO_LIFE").await;
    assert!(nobody.row.is_none() && nobody.facts.expect("facts").break_glass.is_some());

    let list = ListBreakGlassRequest {
        view: VIEW.into(),
        waiting_only: true,
    };
    let review = |outcome: &str, reason: &str| ReviewBreakGlassRequest {
        view: VIEW.into(),
        read_id: glass.read_id.clone(),
        outcome: outcome.into(),
        reason: reason.into(),
    };
    let mut own = backbone.views(CAMDEN, "supervisor", "an-officer");
    let refused = own
        .review_break_glass(review("ACCEPTED", "NECESSARY"))
        .await;
    assert_eq!(reason(&refused.expect_err("their own")), "OWN_BREAK_GLASS");
    let mut second = backbone.views(CAMDEN, "supervisor", "a-second-person");
    let waiting = second
        .list_break_glass(list)
        .await
        .expect("a list")
        .into_inner();
    assert_eq!((waiting.waiting, waiting.overdue), (2, 0));
    let objected = second
        .review_break_glass(review("OBJECTED", "NOT_NECESSARY"))
        .await;
    objected.expect("on record");
    assert!(get(backbone, "an-officer", &theirs, "").await.row.is_none());
}

/// Camden says that one of Islington's contacts is wrong; Islington looks at it and answers.
async fn wrong_fact(backbone: &Backbone, one: &Person) {
    let said = dispute(
        backbone,
        &why(backbone, CAMDEN, one).await,
        ("WRONG_FACT", ISLINGTON),
    )
    .await;
    assert!(marked(
        why(backbone, CAMDEN, one)
            .await
            .row
            .as_ref()
            .expect("a row")
    ));
    let mut steward = backbone.views(ISLINGTON, "control", "a-steward");
    let list = ListDisputesRequest {
        view: VIEW.into(),
        open_only: true,
        local: None,
    };
    let queue = steward
        .list_disputes(list)
        .await
        .expect("a list")
        .into_inner();
    assert_eq!(queue.waiting, 1);
    assert_eq!(queue.disputes[0].disputed_by, CAMDEN);
    assert!(queue.disputes[0].occurred.is_some());
    let answer = AnswerDisputeRequest {
        view: VIEW.into(),
        dispute_id: said.dispute_id,
        answer: "STANDS".into(),
    };
    steward.answer_dispute(answer).await.expect("on record");
    assert!(!marked(
        why(backbone, CAMDEN, one)
            .await
            .row
            .as_ref()
            .expect("a row")
    ));
}

/// Camden says that Islington's record is another person's; a reviewer of links takes it out, and the mark goes with the event.
async fn wrong_person(backbone: &Backbone, one: &Person, other: &Person) {
    dispute(
        backbone,
        &why(backbone, CAMDEN, one).await,
        ("WRONG_PERSON", ISLINGTON),
    )
    .await;
    let mut reviewer = backbone.reviewer();
    let listed = backbone
        .until("identity knows the doubt", || {
            let mut reviewer = reviewer.clone();
            async move {
                let wanted = ListReviewsRequest {
                    statuses: vec!["DISPUTED".into()],
                    ..ListReviewsRequest::default()
                };
                let page = reviewer.list_reviews(wanted).await;
                let page = page.map_err(|refused| refused.to_string())?.into_inner();
                page.items.into_iter().next().ok_or("nothing waits".into())
            }
        })
        .await;
    let apart = DecideReviewRequest {
        pair: listed.pair,
        decision: "NEVER_SAME".into(),
        reason: "confirmed-by-organisation".into(),
        blind: false,
    };
    reviewer.decide_review(apart).await.expect("decided");
    let row = backbone.await_contacts(CAMDEN, one, 1).await;
    assert!(!marked(&row.expect("Camden's own")));
    let theirs = backbone.await_contacts(ISLINGTON, other, 1).await;
    assert!(!marked(&theirs.expect("Islington's own")));
}

#[test]
fn beyond_scope_for_a_reason_and_a_disputed_cell_until_it_is_answered() {
    journey(async {
        let backbone = Backbone::start(Options::only(&[
            "auditor",
            "identity",
            "broker",
            "materialiser",
            "housing",
        ]))
        .await;
        let text = agreement_text("pan-london-rough-sleeping").replace(
            "beyond_scope = \"case-reference\"",
            "beyond_scope = \"break-glass\"",
        );
        backbone.agree(&text, &[CAMDEN, ISLINGTON]).await;
        backbone
            .agree(&agreement_text("london-matching"), &[CAMDEN, ISLINGTON])
            .await;
        let stranger = Person::number(971);
        let sent = backbone.publish(ISLINGTON, contact(&event_id(), &stranger, 5));
        sent.await.expect("a receipt");
        behind_glass(&backbone, &stranger).await;

        // Both councils hold a record under one verified number: one person.
        let (one, mut other) = (Person::number(972), Person::number(972));
        other.local_id = "ISL-972".into();
        let sent = backbone.publish(CAMDEN, contact(&event_id(), &one, 5));
        sent.await.expect("a receipt");
        let sent = backbone.publish(ISLINGTON, contact(&event_id(), &other, 4));
        sent.await.expect("a receipt");
        backbone
            .await_contacts(CAMDEN, &one, 2)
            .await
            .expect("one person");
        wrong_fact(&backbone, &one).await;
        wrong_person(&backbone, &one, &other).await;

        let report = backbone.assert_audit_is_clean();
        for checked in [
            Checked::BreakGlass,
            Checked::BreakGlassReviews,
            Checked::BreakGlassWaiting,
            Checked::Disputes,
            Checked::DisputeAnswers,
        ] {
            assert!(report.checked(checked) > 0, "{checked:?}");
        }
    });
}
