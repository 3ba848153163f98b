//! Notices on real Kafka: whoever was shown what fell is told once, whatever is killed or wiped; who acknowledges is on record; overdue ones are
//! listed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod common;

use common::made::event_id;
use common::running::{Running, Start, context, reason, served};
use common::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant as Clock;
use walbrook_domain::Instant;
use walbrook_eventlog::topics;
use walbrook_proto::audit::v1 as audit;
use walbrook_proto::view::v1 as view;
use walbrook_proto::view::v1::*;
use walbrook_view::notice::MOST_READS;

const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;

async fn listed(running: &Running, organisation: &str, overdue_only: bool) -> ListNoticesResponse {
    let message = ListNoticesRequest {
        context: context(),
        overdue_only,
        ..ListNoticesRequest::default()
    };
    let request = running.request(organisation, OFFICER, message);
    let answer = running.client.clone().list_notices(request).await;
    answer.unwrap().into_inner()
}

async fn listed_until(running: &Running, organisation: &str, count: usize) -> Vec<view::Notice> {
    let deadline = Clock::now() + WAIT;
    loop {
        let notices = listed(running, organisation, false).await.notices;
        if notices.len() == count {
            return notices;
        }
        assert!(
            Clock::now() < deadline,
            "waited too long for {count} notices: {notices:?}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

async fn acknowledge(
    running: &Running,
    organisation: &str,
    notice_id: &str,
    action: &str,
) -> Result<Acknowledged, tonic::Status> {
    let message = AcknowledgeNoticeRequest {
        context: context(),
        notice_id: notice_id.into(),
        action: action.into(),
    };
    let request = running.request(organisation, OFFICER, message);
    let answer = running.client.clone().acknowledge_notice(request).await?;
    Ok(answer.into_inner().acknowledged.unwrap())
}

fn of(notices: &[view::Notice], person: u8) -> &view::Notice {
    notices
        .iter()
        .find(|one| one.pseudonym == [person; 16])
        .unwrap()
}

async fn on_record<R: walbrook_proto::avro::AvroRecord + Send + 'static>(
    place: Place,
) -> (Place, Vec<R>) {
    blocking(place, |place| place.read::<R>(topics::NOTICES)).await
}

/// One event of the second is corrected, one of the third recalled, the fourth withdraws; the first's event goes and comes back in one step.
async fn fell(place: Place) -> Place {
    let (place, ()) = blocking(place, |place| {
        let mut records = vec![
            place.falls(2, Some(20), "SUPERSEDED"),
            place.contact(2, 29, 30, CAMDEN),
            place.falls(3, Some(30), "RECALL"),
            place.falls(4, None, "WITHDRAWAL"),
            place.falls(1, None, "RE_DECIDED"),
        ];
        records.push(place.contact(1, 10, 31, CAMDEN));
        place.commit(records);
    })
    .await;
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_shown_what_fell_is_told_and_nobody_else() {
    let (place, running) = served().await;
    let read = running.list(CAMDEN).await.unwrap();
    let read_id = read.facts.unwrap().read_id;
    assert_eq!(running.list(HACKNEY).await.unwrap().rows.len(), 1);
    let place = fell(place).await;
    let notices = listed_until(&running, CAMDEN, 2).await;
    let (corrected, recalled) = (of(&notices, 2), of(&notices, 3));
    assert_eq!(corrected.cause, "CORRECTED");
    assert_eq!(corrected.event_ids, [event_id(20)]);
    assert_eq!(recalled.cause, "RECALLED");
    assert_eq!(recalled.event_ids, [event_id(30)]);
    for notice in &notices {
        assert!(
            notice.read_ids.contains(&read_id),
            "the read that showed it"
        );
        assert!(!notice.overdue && notice.acknowledged.is_none());
    }
    // Why it may be seen no more is the person's business, and so are the events.
    let hackney = listed_until(&running, HACKNEY, 1).await;
    let withdrawn = of(&hackney, 4);
    assert_eq!(withdrawn.cause, "NO_LONGER_SHARED");
    assert!(withdrawn.event_ids.is_empty());

    // A read that began later did not show it, and is named by no notice.
    let later = running.list(CAMDEN).await.unwrap().facts.unwrap().read_id;
    let place = fallen_once_more(place, &running).await;
    let notices = listed_until(&running, CAMDEN, 3).await;
    let first = notices
        .iter()
        .find(|one| one.notice_id == corrected.notice_id);
    assert!(!first.unwrap().read_ids.contains(&later));

    // A read that another process made before and put on record only now makes a notice all the same, for the role it was made in.
    let place = late(place, &read_id).await;
    let (place, all) = on_record_until(place, 5).await;
    let to: Vec<&audit::Notice> = all.iter().filter(|one| one.role == "supervisor").collect();
    assert_eq!(to.len(), 1, "{to:?}");
    assert_eq!(to[0].person_pseudonym, [2; 16]);

    // Only those whose it is may acknowledge it; what was said first counts, and is on record.
    let refused = acknowledge(&running, HACKNEY, &corrected.notice_id, "NOT_KEPT").await;
    assert_eq!(reason(&refused.unwrap_err()), "NO_SUCH_NOTICE");
    let refused = acknowledge(&running, CAMDEN, &corrected.notice_id, "SHRUGGED").await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::InvalidArgument);
    let said = acknowledge(&running, CAMDEN, &corrected.notice_id, "RECORD_CORRECTED").await;
    let again = acknowledge(&running, CAMDEN, &corrected.notice_id, "NOT_KEPT").await;
    assert_eq!(said.unwrap(), again.unwrap());
    let answer = listed(&running, CAMDEN, false).await;
    assert_eq!((answer.open, answer.overdue), (2, 0));
    let (place, said) = on_record::<audit::NoticeAcknowledgement>(place).await;
    assert_eq!(said.len(), 1);
    let (place, told) = on_record::<audit::NoticeDelivery>(place).await;
    let told: BTreeSet<&String> = told.iter().flat_map(|told| &told.notice_ids).collect();
    assert_eq!(told.len(), 4, "each notice was told on record");
    running.stop().await;
    drop(place);
}

/// The list once more as a supervisor's read of the second alone, recorded late.
async fn late(place: Place, read_id: &str) -> Place {
    let read_id = read_id.to_owned();
    let (place, ()) = blocking(place, move |place| {
        let reads = place.read::<audit::ReadRecord>(topics::READS);
        let read = reads.into_iter().find(|read| read.read_id == read_id);
        let mut read = read.unwrap();
        read.read_id = uuid::Uuid::new_v4().to_string();
        read.role = "supervisor".into();
        read.answered.retain(|row| row.person_pseudonym == [2; 16]);
        let record = place.read_of_another(&read);
        place.commit(vec![record]);
    })
    .await;
    place
}

/// The records of notices, once there are so many.
async fn on_record_until(place: Place, count: usize) -> (Place, Vec<audit::Notice>) {
    blocking(place, move |place| {
        eventually("the notices are on record", || {
            let all = place.read::<audit::Notice>(topics::NOTICES);
            let ids: BTreeSet<&String> = all.iter().map(|one| &one.notice_id).collect();
            (ids.len() == count).then_some(all)
        })
    })
    .await
}

/// Another of the third's events is erased.
async fn fallen_once_more(place: Place, running: &Running) -> Place {
    let (place, ()) = blocking(place, |place| {
        let erased = place.falls(3, Some(31), "ERASURE");
        place.commit(vec![erased]);
    })
    .await;
    let notices = listed_until(running, CAMDEN, 3).await;
    assert!(notices.iter().any(|one| one.cause == "ERASED"));
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_from_its_token_on_another_process_and_says_acknowledgements() {
    let (place, running) = served().await;
    running.list(HACKNEY).await.unwrap();
    let place = fell(place).await;
    listed_until(&running, CAMDEN, 2).await;
    let watch = async |running: &Running, token: &str| {
        let message = WatchNoticesRequest {
            context: context(),
            resume_token: token.into(),
        };
        let request = running.request(CAMDEN, OFFICER, message);
        let answer = running.client.clone().watch_notices(request).await;
        answer.map(tonic::Response::into_inner)
    };
    let mut stream = watch(&running, "").await.unwrap();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.notices.len(), 2);
    let id = of(&first.notices, 2).notice_id.clone();
    acknowledge(&running, CAMDEN, &id, "PASSED_ON")
        .await
        .unwrap();
    let second = stream.message().await.unwrap().unwrap();
    assert_eq!(second.notices.len(), 1);
    let said = second.notices[0].acknowledged.clone().unwrap();
    assert_eq!(
        (said.action.as_str(), said.officer.as_str()),
        ("PASSED_ON", "officer-1")
    );
    running.stop().await;
    // Another process, which has nothing on its disk.
    let other = Start {
        data: "other",
        ..Start::default()
    };
    let other = place.start_so(other).await;
    let mut stream = watch(&other, &first.resume_token).await.unwrap();
    let resumed = stream.message().await.unwrap().unwrap();
    assert_eq!(resumed.notices, second.notices);
    let refused = watch(&other, "999999").await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    other.stop().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_away_or_has_lost_its_disk_writes_each_notice_once_and_by_its_day() {
    let (place, running) = served().await;
    running.list(HACKNEY).await.unwrap();
    running.stop().await;
    // What falls while nobody looks is told when somebody comes back.
    let place = fell(place).await;
    let running = place.start(30_000).await;
    let notices = listed_until(&running, CAMDEN, 2).await;
    listed_until(&running, HACKNEY, 1).await;
    running.stop().await;
    let (place, first) = on_record::<audit::Notice>(place).await;
    let distinct: BTreeSet<&String> = first.iter().map(|one| &one.notice_id).collect();
    assert_eq!((first.len(), distinct.len()), (3, 3));
    // One without a disk works everything out again, and finds that it was said. Its clock is past the day.
    let late: walbrook_materialiser::keeping::Clock = Arc::new(|| {
        let now = walbrook_materialiser::clock::now();
        Instant(now.micros() + 20 * DAY_MICROS)
    });
    let other = Start {
        data: "other",
        clock: late,
        ..Start::default()
    };
    let other = place.start_so(other).await;
    let answer = listed(&other, CAMDEN, true).await;
    assert_eq!(
        (answer.notices.len(), answer.open, answer.overdue),
        (2, 2, 2)
    );
    assert!(answer.notices.iter().all(|one| one.overdue));
    acknowledge(&other, CAMDEN, &notices[0].notice_id, "RECORD_REMOVED")
        .await
        .unwrap();
    assert_eq!(listed(&other, CAMDEN, true).await.notices.len(), 1);
    // A statement of its own says that it has looked at everything.
    let (place, ()) = blocking(place, |place| {
        let more = place.falls(3, Some(32), "RECALL");
        place.commit(vec![more]);
    })
    .await;
    listed_until(&other, CAMDEN, 3).await;
    let gauge = |name: &str| {
        let text = other.context.metrics.text();
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        line.map(|line| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap())
    };
    let deadline = Clock::now() + WAIT;
    while gauge("walbrook_view_notices_open") != Some(3)
        || gauge("walbrook_view_notices_overdue") != Some(2)
    {
        assert!(Clock::now() < deadline, "the gauges do not follow");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    other.stop().await;
    let (place, all) = on_record::<audit::Notice>(place).await;
    assert_eq!(all.len(), 4, "none was written twice");
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_was_shown_very_often_is_told_of_soon_and_holds_up_no_stop() {
    let (place, running) = served().await;
    let read_id = running.list(CAMDEN).await.unwrap().facts.unwrap().read_id;
    // Other reads stand between theirs.
    let (place, ()) = blocking(place, move |place| {
        let reads = place.read::<audit::ReadRecord>(topics::READS);
        let read = reads.into_iter().find(|read| read.read_id == read_id);
        let read = read.unwrap();
        let records = (0..2 * 1_300).map(|number| {
            let mut read = read.clone();
            read.read_id = uuid::Uuid::new_v4().to_string();
            let shown = if number % 2 == 0 { [2; 16] } else { [1; 16] };
            read.answered.retain(|row| row.person_pseudonym == shown);
            place.read_of_another(&read)
        });
        let records = records.collect();
        place.commit(records);
        let falls = place.falls(2, None, "RECALL");
        place.commit(vec![falls]);
    })
    .await;
    let gone = |answer: &ListRowsResponse| !people(answer).contains(&2);
    running.list_until(CAMDEN, "all of it fell", gone).await;
    let began = Clock::now();
    running.stop().await;
    let stopped = began.elapsed();
    println!("the stop took {stopped:?}");
    let began = Clock::now();
    let running = place.start(30_000).await;
    let started = began.elapsed();
    let notices = listed_until(&running, CAMDEN, 1).await;
    let told = began.elapsed();
    println!("started in {started:?}, told in {told:?}");
    assert_eq!(notices[0].read_ids.len(), MOST_READS);
    assert!(stopped.as_secs() < 10, "the stop took {stopped:?}");
    running.stop().await;
    drop(place);
}
