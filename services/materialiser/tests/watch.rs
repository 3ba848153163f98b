//! Watches on real Kafka: what changes is told, on record first, resumed from a token, and ended when the entitlement or the token is over.

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
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::{Code, Streaming};
use walbrook_domain::control::Standing;
use walbrook_eventlog::topics;
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_proto::view::v1::*;
use walbrook_runtime::callers::TokenRequest;

fn asked(resume: &str) -> WatchRowsRequest {
    WatchRowsRequest {
        view: VIEW.into(),
        context: context(),
        resume_token: resume.into(),
    }
}

async fn watch(
    running: &Running,
    caller: TokenRequest,
    resume: &str,
) -> Streaming<WatchRowsResponse> {
    let mut request = running.request_for(caller, asked(resume));
    request.set_timeout(WAIT);
    running
        .client
        .clone()
        .watch_rows(request)
        .await
        .unwrap()
        .into_inner()
}

fn officer(organisation: &str) -> TokenRequest {
    TokenRequest::new(organisation, "officer-1", OFFICER)
}

/// What a client holds, and what it was told last.
struct Client {
    answers: Streaming<WatchRowsResponse>,
    people: Vec<u8>,
    token: String,
    read_ids: Vec<String>,
}

impl Client {
    async fn new(running: &Running, caller: TokenRequest, resume: &str) -> Self {
        Self {
            answers: watch(running, caller, resume).await,
            people: Vec::new(),
            token: resume.to_owned(),
            read_ids: Vec::new(),
        }
    }

    async fn next(&mut self) -> Result<WatchRowsResponse, tonic::Status> {
        let next = tokio::time::timeout(WAIT, self.answers.message()).await;
        let answer = next
            .expect("nothing was told")?
            .expect("no end without a reason");
        if answer.whole {
            self.people.clear();
        }
        let of = |bytes: &Vec<u8>| bytes[0];
        let left: Vec<u8> = answer.left.iter().map(of).collect();
        self.people.retain(|person| !left.contains(person));
        for row in &answer.rows {
            if !self.people.contains(&row.pseudonym[0]) {
                self.people.push(row.pseudonym[0]);
            }
        }
        self.people.sort_unstable();
        self.token.clone_from(&answer.resume_token);
        self.read_ids
            .push(answer.facts.as_ref().unwrap().read_id.clone());
        Ok(answer)
    }

    /// Answers until the client holds these people and `good` holds of the last.
    async fn until(
        &mut self,
        people: &[u8],
        good: impl Fn(&WatchRowsResponse) -> bool,
    ) -> WatchRowsResponse {
        let deadline = Instant::now() + WAIT;
        loop {
            let answer = self.next().await.unwrap();
            if self.people == people && good(&answer) {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "{:?} after {answer:?}",
                self.people
            );
        }
    }

    /// Why it ended.
    async fn end(&mut self) -> tonic::Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }
}

fn told(answer: &WatchRowsResponse) -> Vec<u8> {
    answer.rows.iter().map(|row| row.pseudonym[0]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_what_changes_to_whom_it_concerns_and_goes_on_from_its_token() {
    let (place, running) = served().await;
    let mut camden = Client::new(&running, officer(CAMDEN), "").await;
    let first = camden.until(&[1, 2, 3], |_| true).await;
    assert!(first.whole && !first.more);
    assert!(!first.facts.as_ref().unwrap().sources.is_empty());
    let listed = running.list(CAMDEN).await.unwrap();
    assert_eq!(listed.rows.len(), first.rows.len());
    let mut hackney = Client::new(&running, officer(HACKNEY), "").await;
    hackney.until(&[4], |_| true).await;

    let (place, began) = blocking(place, |place| {
        let contact = place.contact(1, 99, 20, CAMDEN);
        let began = Instant::now();
        place.commit(vec![contact]);
        began
    })
    .await;
    let changed = camden.until(&[1, 2, 3], |answer| told(answer) == [1]).await;
    println!(
        "a change was told {} ms after its commit began",
        began.elapsed().as_millis()
    );
    assert!(!changed.whole && changed.left.is_empty());
    let (place, ()) = blocking(place, |place| {
        let retraction = place.retraction(2);
        place.commit(vec![retraction]);
    })
    .await;
    let left = camden.until(&[1, 3], |_| true).await;
    assert_eq!((left.left, left.rows.len()), (vec![vec![2; 16]], 0));

    // What happens while nobody listens is told from the token on, and nothing else.
    let token = camden.token.clone();
    drop(camden);
    let (place, ()) = blocking(place, |place| {
        let (contact, retraction) = (place.contact(3, 98, 20, CAMDEN), place.retraction(1));
        place.commit(vec![contact, retraction]);
    })
    .await;
    let two = |answer: &ListRowsResponse| people(answer) == [3];
    running.list_until(CAMDEN, "the view has it", two).await;
    let mut again = Client::new(&running, officer(CAMDEN), &token).await;
    again.people = vec![1, 3];
    let resumed = again.until(&[3], |_| true).await;
    assert!(!resumed.whole, "it went on");
    // Another's token is no place to go on from.
    let mut other = Client::new(&running, officer(HACKNEY), &token).await;
    assert!(other.until(&[4], |_| true).await.whole);
    let request = running.request(CAMDEN, OFFICER, asked("00"));
    let refused = running
        .client
        .clone()
        .watch_rows(request)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);

    let (place, reads) = blocking(place, |place| place.read::<ReadRecord>(topics::READS)).await;
    for (id, organisation) in again
        .read_ids
        .iter()
        .map(|id| (id, CAMDEN))
        .chain(hackney.read_ids.iter().map(|id| (id, HACKNEY)))
    {
        let read = reads
            .iter()
            .rfind(|read| read.read_id == *id)
            .expect("on record");
        assert_eq!(
            (read.operation.as_str(), read.organisation.as_str()),
            ("WATCH", organisation)
        );
    }
    let mine = reads.iter().filter(|read| read.organisation == HACKNEY);
    let seen: Vec<u8> = mine
        .flat_map(|read| &read.answered)
        .map(|row| row.person_pseudonym[0])
        .collect();
    assert!(seen.iter().all(|person| *person == 4), "{seen:?}");
    assert!(reads.iter().any(|read| read.left == [[2; 16]]));
    drop((again, other, hackney));
    running.stop().await;
    drop(place);
}

/// Who begins while others do is told everything with them, on one record; and each by a read of its own, which stands on record once.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_begin_together_are_told_everything_with_one_record() {
    const OFFICERS: usize = 12;
    let (place, running) = served().await;
    let running = Arc::new(running);
    let mut begun = tokio::task::JoinSet::new();
    for number in 0..OFFICERS {
        let running = Arc::clone(&running);
        begun.spawn(async move {
            let caller = TokenRequest::new(CAMDEN, &format!("officer-{number}"), OFFICER);
            let mut client = Client::new(&running, caller, "").await;
            let first = client.until(&[1, 2, 3], |_| true).await;
            assert!(first.whole && !first.more);
            let facts = first.facts.unwrap();
            assert!(!facts.sources.is_empty() && facts.view.is_some());
            (client, facts.read_id, number)
        });
    }
    let begun = begun.join_all().await;
    let (place, reads) = blocking(place, |place| place.read::<ReadRecord>(topics::READS)).await;
    let named = |read: &ReadRecord| -> Vec<(String, String)> {
        let first = (read.read_id.clone(), read.reader.clone());
        let too = read.told_too.iter();
        let too = too.map(|one| (one.read_id.clone(), one.reader.clone()));
        std::iter::once(first).chain(too).collect()
    };
    for (_, id, number) in &begun {
        let own = reads.iter().flat_map(named).filter(|one| one.0 == *id);
        let readers: Vec<String> = own.map(|one| one.1).collect();
        assert_eq!(readers, [format!("officer-{number}")], "once on record");
    }
    let firsts = reads.iter().filter(|read| {
        let all = read.answered.iter().map(|row| row.person_pseudonym[0]);
        read.operation == "WATCH" && all.eq([1, 2, 3])
    });
    let firsts = firsts.count();
    println!("{firsts} records told {OFFICERS} readers everything");
    assert!(firsts < OFFICERS, "each was told on a record of its own");
    drop(begun);
    Arc::into_inner(running).unwrap().stop().await;
    drop(place);
}

/// Everybody of one borough and role who is told the same at the same moment stands on one record.
#[tokio::test(flavor = "multi_thread")]
async fn those_in_step_are_told_with_one_record_that_names_each() {
    let (mut place, running) = served().await;
    let mut officers = Vec::new();
    for number in 1..=3 {
        let caller = TokenRequest::new(CAMDEN, &format!("officer-{number}"), OFFICER);
        let mut client = Client::new(&running, caller, "").await;
        client.until(&[1, 2, 3], |_| true).await;
        officers.push(client);
    }
    // The first change may find one of them on its way into step.
    let mut together = None;
    for event in 60..80 {
        let (back, ()) = blocking(place, move |place| {
            let contact = place.contact(1, event, 20, CAMDEN);
            place.commit(vec![contact]);
        })
        .await;
        let mut ids = Vec::new();
        for officer in &mut officers {
            officer
                .until(&[1, 2, 3], |answer| told(answer) == [1])
                .await;
            ids.push(officer.read_ids.last().unwrap().clone());
        }
        let (back, reads) = blocking(back, |place| place.read::<ReadRecord>(topics::READS)).await;
        place = back;
        let named = |read: &ReadRecord| -> Vec<(String, String)> {
            let first = (read.read_id.clone(), read.reader.clone());
            let too = read.told_too.iter();
            let too = too.map(|one| (one.read_id.clone(), one.reader.clone()));
            std::iter::once(first).chain(too).collect()
        };
        for (number, id) in (1..).zip(&ids) {
            let reader = format!("officer-{number}");
            let own = reads.iter().flat_map(named).filter(|one| one.0 == *id);
            assert_eq!(
                own.map(|one| one.1).collect::<Vec<_>>(),
                [reader],
                "once on record"
            );
        }
        together = reads.into_iter().find(|read| {
            let named = named(read);
            ids.iter().all(|id| named.iter().any(|one| one.0 == *id))
        });
        if together.is_some() {
            break;
        }
    }
    let record = together.expect("they were never told with one record");
    assert_eq!((record.told_too.len(), record.answered.len()), (2, 1));
    assert_eq!(
        (record.operation.as_str(), record.outcome.as_str()),
        ("WATCH", "ANSWERED")
    );
    // Whoever was told too may act on it.
    let decision = RecordDecisionRequest {
        view: VIEW.into(),
        context: context(),
        read_id: record.told_too[1].read_id.clone(),
        decision: "CONTACT".into(),
        reason: "AGREES_WITH_ROW".into(),
        ..RecordDecisionRequest::default()
    };
    let request = running.request(CAMDEN, OFFICER, decision);
    running
        .client
        .clone()
        .record_decision(request)
        .await
        .unwrap();
    // One whose token is over ends, and the others go on.
    let soon = officer(CAMDEN).lifetime(Duration::from_secs(2));
    let mut short = Client::new(&running, soon, "").await;
    short.until(&[1, 2, 3], |_| true).await;
    assert_eq!(reason(&short.end().await), "TOKEN_EXPIRED");
    let (place, ()) = blocking(place, |place| {
        let contact = place.contact(2, 89, 20, CAMDEN);
        place.commit(vec![contact]);
    })
    .await;
    for officer in &mut officers {
        officer
            .until(&[1, 2, 3], |answer| told(answer) == [2])
            .await;
    }
    drop((officers, short));
    running.stop().await;
    drop(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_with_the_entitlement_with_the_token_and_with_the_process() {
    let (place, running) = served().await;
    // Nobody has an agreement for a trust; and a role that the token does not give is refused on record.
    let mut trust = Client::new(&running, officer("ODS:RRV"), "").await;
    let status = trust.end().await;
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::PermissionDenied, "ENTITLEMENT_ENDED")
    );
    let request = running.request(CAMDEN, "cleaner", asked(""));
    let refused = running
        .client
        .clone()
        .watch_rows(request)
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "ROLE_MISSING");

    let soon = officer(CAMDEN).lifetime(Duration::from_secs(3));
    let mut short = Client::new(&running, soon, "").await;
    short.until(&[1, 2, 3], |_| true).await;
    let status = short.end().await;
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unauthenticated, "TOKEN_EXPIRED")
    );

    let mut camden = Client::new(&running, officer(CAMDEN), "").await;
    let mut hackney = Client::new(&running, officer(HACKNEY), "").await;
    camden.until(&[1, 2, 3], |_| true).await;
    hackney.until(&[4], |_| true).await;
    let (place, ()) = blocking(place, |place| {
        place.standing(CAMDEN, Standing::Suspended);
        place.catch_up();
    })
    .await;
    let status = camden.end().await;
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::PermissionDenied, "ENTITLEMENT_ENDED")
    );
    // The other borough's goes on: agreements changed, and nothing of its own did.
    let (place, ()) = blocking(place, |place| {
        let contact = place.contact(4, 97, 20, HACKNEY);
        place.commit(vec![contact]);
    })
    .await;
    hackney.until(&[4], |answer| told(answer) == [4]).await;
    let (place, reads) = blocking(place, |place| place.read::<ReadRecord>(topics::READS)).await;
    let refused: Vec<_> = reads
        .iter()
        .filter(|read| read.operation == "WATCH" && read.outcome == "REFUSED")
        .collect();
    for (organisation, why) in [
        ("ODS:RRV", "NO_AGREEMENT"),
        (CAMDEN, "NO_AGREEMENT"),
        (CAMDEN, "ROLE_NOT_HELD"),
    ] {
        let found = refused
            .iter()
            .any(|read| read.organisation == organisation && read.reason == why);
        assert!(found, "{organisation} {why}");
    }
    running.context.shutdown.request();
    let status = hackney.end().await;
    assert_eq!(status.code(), Code::Unavailable);
    drop((camden, hackney, short, trust));
    running.stop().await;
    drop(place);
}
