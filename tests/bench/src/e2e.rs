//! `e2e.p50_ms` and `e2e.p99_ms`: from an agency's call to the row that shows the event, as a caseworker's tool reads it, while 1,000 events a second
//! flow.
//!
//! Open loop: twenty calls a second are watched, each from its intended time to the end of the first read that shows its event; the others come in
//! frames of ten every 10 ms. A read is a whole one (row computed, read record durable before the answer) and the next one follows after 3 ms, so the
//! figure includes one read and up to one more read of waiting.

use crate::figure::{Better, Figure};
use crate::river::{River, at_ms};
use crate::{Args, NoFigure, RUNS, demand};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use walbrook_proto::housing::v1::PublishRequest;
use walbrook_proto::view::v1::get_row_request::Subject;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{GetRowRequest, ReadContext};
use walbrook_tests::acts::{OFFICER, VIEW, contact, midnight, number};
use walbrook_tests::backbone::Connection;
use walbrook_tests::people::{CAMDEN, Person, event_id};

/// The median.
pub const P50: &str = "e2e.p50_ms";
/// The tail.
pub const P99: &str = "e2e.p99_ms";
/// Events a second in all.
const PER_SECOND: u32 = 1_000;
/// Those of them that are watched.
const WATCHED_PER_SECOND: u32 = 20;
/// Seconds of a run: short form, stated size.
const SECONDS: (u32, u32) = (10, 60);
const WARM_UP_S: u32 = 5;
/// People whose rows are watched, in turn.
const PEOPLE: usize = 64;
const PAUSE: Duration = Duration::from_millis(3);
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody whose row is watched.
struct Watched {
    person: Person,
    pseudonym: Vec<u8>,
    /// Contacts reported so far.
    contacts: i64,
}

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(
    river: &River,
    args: &Args,
    load_average: f64,
    wanted: &[&'static str],
) -> Result<Vec<Figure>, NoFigure> {
    let seconds = if args.full { SECONDS.1 } else { SECONDS.0 };
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let person = river.newcomer();
        let first = contact(&event_id(), &person, 1);
        river.backbone.publish(CAMDEN, first).await?;
        let row = river.backbone.await_contacts(CAMDEN, &person, 1).await;
        people.push(Watched {
            person,
            pseudonym: row.map(|row| row.pseudonym).unwrap_or_default(),
            contacts: 1,
        });
    }
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let seconds = if run == 0 { WARM_UP_S } else { seconds };
        let background = river.flow(PER_SECOND - WATCHED_PER_SECOND);
        let mut latencies = watch(river, &mut people, seconds).await?;
        let sent = background.stop().await?;
        latencies.sort_unstable();
        eprintln!(
            "e2e run {run}: p50 {:.1} ms, p99 {:.1} ms of {} events watched beside {sent} others",
            at_ms(&latencies, 50),
            at_ms(&latencies, 99),
            latencies.len()
        );
        if run > 0 {
            p50.push(at_ms(&latencies, 50));
            p99.push(at_ms(&latencies, 99));
        }
    }
    for watched in &people {
        // No contact came twice and none got lost.
        let backbone = &river.backbone;
        backbone
            .await_contacts(CAMDEN, &watched.person, watched.contacts)
            .await;
    }
    let figures = [(P50, p50), (P99, p99)].map(|(name, values)| Figure {
        name,
        unit: "ms",
        better: Better::Lower,
        values,
        reference: None,
        workload_hash: river.workload_hash.clone(),
        load_average,
    });
    let mut figures = figures.to_vec();
    figures.retain(|figure| wanted.contains(&figure.name));
    Ok(figures)
}

async fn watch(
    river: &River,
    people: &mut [Watched],
    seconds: u32,
) -> Result<Vec<Duration>, NoFigure> {
    let start = Instant::now() + Duration::from_millis(50);
    let mut calls = tokio::task::JoinSet::new();
    let views = Arc::new(river.backbone.views(CAMDEN, OFFICER, "an-officer"));
    let agency = Arc::new(river.backbone.housing(CAMDEN));
    let count = people.len();
    for number in 0..WATCHED_PER_SECOND * seconds {
        let intended = start + Duration::from_secs(1) * number / WATCHED_PER_SECOND;
        tokio::time::sleep_until(intended).await;
        let Some(watched) = people.get_mut(usize::try_from(number)? % count) else {
            continue;
        };
        watched.contacts += 1;
        let event = contact(&event_id(), &watched.person, 1);
        let (pseudonym, contacts) = (watched.pseudonym.clone(), watched.contacts);
        let (mut agency, views) = (agency.as_ref().clone(), views.as_ref().clone());
        calls.spawn(async move {
            agency
                .publish(PublishRequest { event: Some(event) })
                .await?;
            until_visible(views, pseudonym, contacts).await?;
            Ok::<_, NoFigure>(intended.elapsed())
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = calls.join_next().await {
        latencies.push(done??);
    }
    Ok(latencies)
}

async fn until_visible(
    mut views: ViewsClient<Connection>,
    pseudonym: Vec<u8>,
    contacts: i64,
) -> Result<(), NoFigure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = GetRowRequest {
            view: VIEW.into(),
            context: Some(ReadContext {
                role: OFFICER.into(),
                case_reference: "BENCH-2".into(),
                ..ReadContext::default()
            }),
            evaluate_at: Some(midnight(0)),
            break_glass: String::new(),
            subject: Some(Subject::Pseudonym(pseudonym.clone())),
        };
        let row = views.get_row(request).await?.into_inner().row;
        let shown = row.as_ref().and_then(|row| number(row, "contacts_28d"));
        if shown.unwrap_or(0) >= contacts {
            return Ok(());
        }
        demand(Instant::now() < deadline, || {
            format!("an event is not in its row after {} s", PATIENCE.as_secs())
        })?;
        tokio::time::sleep(PAUSE).await;
    }
}
