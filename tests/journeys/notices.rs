//! A row is read, what it rests on falls, and whoever was shown it is told once: whatever is killed in between, and by whichever process.

use std::collections::BTreeSet;
use walbrook_auditor::Checked;
use walbrook_event::{framing, headers};
use walbrook_proto::audit::v1 as audit;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::RecordGroundRequest;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{
    AcknowledgeNoticeRequest, ListNoticesRequest, Notice, ReadContext, WatchNoticesRequest,
};
use walbrook_runtime::callers::TokenRequest;
use walbrook_tests::acts::{OFFICER, contact};
use walbrook_tests::backbone::{Backbone, Options, journey};
use walbrook_tests::people::{CAMDEN, Person, event_id};

const SECOND: &str = "materialiser-2";

fn context() -> Option<ReadContext> {
    Some(ReadContext {
        role: OFFICER.into(),
        case_reference: String::new(),
        ..ReadContext::default()
    })
}

/// Camden's notices as a process tells them, once there are so many.
async fn notices(backbone: &Backbone, process: &str, count: usize) -> Vec<Notice> {
    let caller = TokenRequest::new(CAMDEN, "an-officer", OFFICER);
    let views = ViewsClient::new(backbone.connect(process, caller));
    backbone
        .until(&format!("{count} notices of {process}"), || async {
            let request = ListNoticesRequest {
                context: context(),
                page_size: 500,
                ..ListNoticesRequest::default()
            };
            let answer = views.clone().list_notices(request).await;
            let notices = answer.map_err(|refused| refused.to_string())?;
            let notices = notices.into_inner().notices;
            if notices.len() == count {
                Ok(notices)
            } else {
                Err(format!("{} notices", notices.len()))
            }
        })
        .await
}

/// A person met, and their row read: the event, and the row's pseudonym.
async fn shown(backbone: &Backbone, person: &Person) -> (String, Vec<u8>) {
    let event = event_id();
    let sent = backbone.publish(CAMDEN, contact(&event, person, 5)).await;
    sent.expect("a receipt");
    let row = backbone.await_contacts(CAMDEN, person, 1).await;
    (event, row.expect("a row").pseudonym)
}

/// The source corrects an event.
async fn corrected(backbone: &Backbone, person: &Person, event: &str) {
    let mut correction = contact(&event_id(), person, 6);
    let head = correction.head.as_mut().expect("a head");
    head.supersedes_event_id = Some(event.to_owned());
    let sent = backbone.publish(CAMDEN, correction).await;
    sent.expect("a receipt");
}

/// Removals on record so far: a retraction that was applied has its own.
fn removals(backbone: &Backbone) -> usize {
    backbone.records("audit.removals").len()
}

fn on_record(backbone: &Backbone) -> Vec<audit::Notice> {
    let records = backbone.records("audit.notices");
    let notices = records
        .iter()
        .filter(|record| record.headers.text(headers::TYPE) == Some(audit::Notice::FULL_NAME));
    let decode = |record: &walbrook_eventlog::Record| {
        let (_, body) = framing::unframe(record.value.as_deref()).expect("framed");
        audit::Notice::decode_exact(body).expect("a notice")
    };
    notices.map(decode).collect()
}

#[test]
fn what_fell_of_a_row_is_told_once_whatever_is_killed_between() {
    journey(async {
        let backbone = Backbone::start(Options::river()).await;
        backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
        let people: Vec<Person> = (0..4).map(|number| Person::number(820 + number)).collect();
        let mut seen = Vec::new();
        for person in &people {
            seen.push(shown(&backbone, person).await);
        }
        // Killed while nothing of the cause has reached it, as soon as it may have, and once it has applied it.
        backbone.kill_9("materialiser");
        corrected(&backbone, &people[0], &seen[0].0).await;
        backbone.decided().await;
        backbone.restart("materialiser");
        notices(&backbone, "materialiser", 1).await;
        corrected(&backbone, &people[1], &seen[1].0).await;
        backbone.kill_9("materialiser");
        backbone.relaunch("materialiser");
        backbone.await_ready("materialiser");
        let before = removals(&backbone);
        let recall = RecordGroundRequest {
            agency: "housing".into(),
            id_scheme: "LOCAL".into(),
            local_id: people[2].local_id.clone(),
            kind: "RECALL".into(),
            state: "ON".into(),
            event_id: Some(seen[2].0.clone()),
            ..RecordGroundRequest::default()
        };
        let recalled = backbone.control(CAMDEN).record_ground(recall).await;
        recalled.expect("acknowledged");
        let applied = || async {
            let now = removals(&backbone);
            if now > before {
                Ok(())
            } else {
                Err("nothing was removed yet".to_owned())
            }
        };
        backbone.until("the recall is applied", applied).await;
        backbone.kill_9("materialiser");
        backbone.relaunch("materialiser");
        let told = notices(&backbone, "materialiser", 3).await;
        let causes = |notices: &[Notice]| -> BTreeSet<(Vec<u8>, String)> {
            let pairs = notices.iter();
            pairs
                .map(|one| (one.pseudonym.clone(), one.cause.clone()))
                .collect()
        };
        let expected = [(0, "CORRECTED"), (1, "CORRECTED"), (2, "RECALLED")];
        let expected = expected.map(|(of, cause)| (seen[of].1.clone(), cause.to_owned()));
        assert_eq!(causes(&told), BTreeSet::from(expected));
        assert!(
            told.iter()
                .all(|one| one.event_ids.len() == 1 && !one.read_ids.is_empty())
        );

        // A second process says the same, goes on with a watch of the first, and takes what was done.
        backbone.launch("materialiser", SECOND);
        backbone.await_ready(SECOND);
        let same = notices(&backbone, SECOND, 3).await;
        assert_eq!(causes(&same), causes(&told));
        let caller = TokenRequest::new(CAMDEN, "an-officer", OFFICER);
        let mut first = backbone.views(CAMDEN, OFFICER, "an-officer");
        let mut second = ViewsClient::new(backbone.connect(SECOND, caller));
        let watch = |token: String| WatchNoticesRequest {
            context: context(),
            resume_token: token,
        };
        let watched = first.watch_notices(watch(String::new())).await;
        let mut watched = watched.expect("a watch").into_inner();
        let answer = watched.message().await.expect("no end").expect("an answer");
        assert_eq!(answer.notices.len(), 3);
        let done = AcknowledgeNoticeRequest {
            context: context(),
            notice_id: told[0].notice_id.clone(),
            action: "RECORD_CORRECTED".into(),
        };
        let said = second.acknowledge_notice(done.clone()).await;
        let said = said.expect("on record").into_inner();
        let again = first.acknowledge_notice(done).await.expect("on record");
        assert_eq!(again.into_inner(), said, "what was said first counts");
        let resumed = second.watch_notices(watch(answer.resume_token)).await;
        let mut resumed = resumed.expect("a watch").into_inner();
        let answer = resumed.message().await.expect("no end").expect("an answer");
        assert_eq!(answer.notices.len(), 1);
        assert_eq!(answer.notices[0].acknowledged, said.acknowledged);

        // The last one withdraws: that it may not be seen any more is told, and why is not. Both processes work it out at once.
        let withdrawn = backbone.consent(CAMDEN, &people[3], "WITHDRAWN", 0).await;
        backbone
            .await_removal(&withdrawn.expect("acknowledged"))
            .await;
        let last = notices(&backbone, "materialiser", 4).await;
        let last = last.iter().find(|one| one.pseudonym == seen[3].1);
        let last = last.expect("a notice of the withdrawal");
        assert_eq!(last.cause, "NO_LONGER_SHARED");
        assert!(last.event_ids.is_empty());
        notices(&backbone, SECOND, 4).await;
        let ids: BTreeSet<String> = on_record(&backbone)
            .into_iter()
            .map(|one| one.notice_id)
            .collect();
        assert_eq!(ids.len(), 4);
        drop((watched, resumed));
        let report = backbone.assert_audit_is_clean();
        assert!(report.checked(Checked::Notices) >= 6);
        assert_eq!(report.checked(Checked::NoticesOwed), 0);
    });
}
