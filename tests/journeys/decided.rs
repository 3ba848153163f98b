//! A row, why it says what it says, what was decided because of it, and the same rows watched: with the real processes, and audited.

use crate::river;
use std::time::Duration;
use walbrook_proto::view::v1::explain_row_request::Subject;
use walbrook_proto::view::v1::{
    ExplainRowRequest, ExplainRowResponse, ListRowsRequest, LocalRecord, ReadContext,
    RecordDecisionRequest, WatchRowsRequest,
};
use walbrook_tests::acts::{OFFICER, VIEW, contact, midnight, number};
use walbrook_tests::backbone::{Backbone, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};

fn context() -> Option<ReadContext> {
    Some(ReadContext {
        role: OFFICER.into(),
        case_reference: "case-77".into(),
        ..ReadContext::default()
    })
}

async fn why(backbone: &Backbone, person: &Person) -> ExplainRowResponse {
    let request = ExplainRowRequest {
        view: VIEW.into(),
        context: context(),
        evaluate_at: Some(midnight(0)),
        break_glass: String::new(),
        columns: Vec::new(),
        subject: Some(Subject::Local(LocalRecord {
            agency: "housing".into(),
            id_scheme: "LOCAL".into(),
            local_id: person.local_id.clone(),
        })),
    };
    let mut views = backbone.views(CAMDEN, OFFICER, "an-officer");
    let answer = views.explain_row(request).await.expect("an explanation");
    answer.into_inner()
}

#[test]
fn an_officer_asks_why_decides_and_watches_and_the_auditor_agrees() {
    journey(async {
        let backbone = river().await;
        let (person, absent) = (Person::number(331), Person::number(332));
        let sent = backbone.publish(CAMDEN, contact(&event_id(), &person, 5));
        sent.await.expect("a receipt");
        let row = backbone.await_contacts(CAMDEN, &person, 1).await;
        let row = row.expect("Camden's row");

        let explained = why(&backbone, &person).await;
        assert_eq!(explained.row.as_ref(), Some(&row));
        let cell = explained
            .cells
            .iter()
            .find(|one| one.column == "contacts_28d");
        let event = &explained.events[cell.expect("the cell").events[0] as usize];
        assert_eq!(
            (event.organisation.as_str(), event.link_status.as_str()),
            (CAMDEN, "MATCH")
        );
        let basis = &explained.bases[event.bases[0] as usize];
        assert!(
            !basis.gateways.is_empty() && !basis.article_6.is_empty(),
            "{basis:?}"
        );
        let nothing = why(&backbone, &absent).await;
        assert!(nothing.row.is_none() && nothing.events.is_empty() && nothing.cells.is_empty());

        let mut views = backbone.views(CAMDEN, OFFICER, "an-officer");
        let decision = RecordDecisionRequest {
            view: VIEW.into(),
            context: context(),
            read_id: explained.facts.expect("facts").read_id,
            pseudonym: row.pseudonym.clone(),
            decision: "OFFER_SUPPORT".into(),
            reason: "AGREES_WITH_ROW".into(),
            weighed: vec!["contacts_28d".into()],
            departs: false,
        };
        let decided = views.record_decision(decision).await.expect("on record");
        let decided = decided.into_inner().decision_id;
        let again = why(&backbone, &person).await;
        assert_eq!(again.decisions[0].decision_id, decided);
        assert_eq!(again.decisions[0].case_reference, "case-77");

        let request = ListRowsRequest {
            view: VIEW.into(),
            context: context(),
            page_size: 500,
            evaluate_at: Some(midnight(0)),
            r#where: "contacts_28d >= 1".into(),
            order_by: "contacts_28d".into(),
            descending: true,
            ..ListRowsRequest::default()
        };
        let listed = views.list_rows(request).await.expect("a list").into_inner();
        assert!(listed.rows.iter().any(|one| one.pseudonym == row.pseudonym));

        let request = WatchRowsRequest {
            view: VIEW.into(),
            context: context(),
            resume_token: String::new(),
        };
        let watched = views.watch_rows(request).await.expect("a watch");
        let mut answers = watched.into_inner();
        let sent = backbone.publish(CAMDEN, contact(&event_id(), &person, 4));
        sent.await.expect("a receipt");
        let seen = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let answer = answers.message().await.expect("no end").expect("an answer");
                let own = answer
                    .rows
                    .iter()
                    .find(|one| one.pseudonym == row.pseudonym);
                if own.and_then(|row| number(row, "contacts_28d")) == Some(2) {
                    return;
                }
            }
        });
        seen.await.expect("the second contact was told");
        drop(answers);
        let report = backbone.assert_audit_is_clean();
        for checked in [
            walbrook_auditor::Checked::Explanations,
            walbrook_auditor::Checked::OfficerDecisions,
        ] {
            assert!(report.checked(checked) > 0, "{checked:?}");
        }
    });
}
