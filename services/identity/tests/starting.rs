//! A writer that starts compares nothing again but what the cover demands: who becomes one person depends on no restart.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::*;
use std::sync::Arc;
use walbrook_domain::Handle;
use walbrook_identity::journal::{Clients, Format, TRANSACTIONAL_ID};
use walbrook_identity::linkage::Found;
use walbrook_identity::linkage::demographics::Stated;

/// Says Amara's number under Peter's name: somebody has to look at that.
fn with_the_number(stated: Stated) -> Stated {
    Stated {
        nhs_number: numbers(1).remove(0),
        ..stated
    }
}

/// Offsets of all that identity wrote.
fn ends(clients: &dyn Clients, format: &Format) -> Vec<i64> {
    let mut partitions = format.links_partitions();
    partitions.push(format.identity_partition());
    let mut ends = clients.ends().unwrap();
    ends.high_watermarks(&partitions, DEADLINE).unwrap()
}

/// A writer that has done what it does by itself.
async fn settled(clients: &Arc<Memory>, format: &Format) -> Running {
    let running = Running::start(clients.clone(), format.clone());
    running.wait_until_compared();
    running
}

/// The last record that was compared under the cover; `None` when all were.
fn compared(clients: &dyn Clients, format: &Format) -> Option<i64> {
    let group = format.namespace.name(TRANSACTIONAL_ID);
    let mut positions = clients.positions().unwrap();
    let asked = [format.identity_partition()];
    let committed = positions.committed(&group, &asked, true, DEADLINE).unwrap();
    let (_, after) = committed[0].metadata.rsplit_once("after=").unwrap();
    after.parse().ok()
}

fn new_log() -> (Arc<Memory>, Format) {
    let (log, format) = memory();
    (Arc::new(Memory(log)), format)
}

/// So many numbers of the 999 range.
fn numbers(count: usize) -> Vec<String> {
    let all = (0_u32..).filter_map(|serial| {
        let nine = format!("999{serial:06}");
        let digits = nine.bytes().map(|digit| u32::from(digit - b'0'));
        let sum: u32 = digits
            .zip((2..=10).rev())
            .map(|(digit, weight)| digit * weight)
            .sum();
        match 11 - sum % 11 {
            11 => Some(format!("{nine}0")),
            10 => None,
            check => Some(format!("{nine}{check}")),
        }
    });
    all.take(count).collect()
}

fn found(running: &Running, organisation: &str, id: &str) -> Found {
    let record = running.directory.get(token(organisation, id)).unwrap();
    record.found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_under_the_same_cover_writes_nothing() {
    let (clients, format) = new_log();
    let running = settled(&clients, &format).await;
    running.link(CAMDEN, "1", with_the_number(amara())).await;
    running.link(HACKNEY, "2", with_the_number(peter())).await;
    // When the first one was searched there was nobody like it; searched again it would be written as another one.
    assert_eq!(found(&running, CAMDEN, "1"), Found::NoMatch);
    assert!(found(&running, HACKNEY, "2").is_for_review());
    running.stop().unwrap();
    let before = ends(clients.as_ref(), &format);
    for _ in 0..2 {
        settled(&clients, &format).await.stop().unwrap();
        assert_eq!(ends(clients.as_ref(), &format), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cover_that_changed_while_nobody_wrote_is_taken_up() {
    let (clients, format) = new_log();
    let running = Running::begin_under(clients.clone(), format.clone(), &[CAMDEN]);
    running.wait_until_compared();
    let a = running.link(CAMDEN, "1", amara()).await;
    let b = running.link(HACKNEY, "2", amara()).await;
    running.stop().unwrap();
    let person = |handle: Handle| {
        last_links(clients.as_ref(), &format)[&handle]
            .person
            .clone()
    };
    assert_ne!(person(a), person(b), "no agreement covers them");

    let running = settled(&clients, &format).await;
    assert_eq!(person(a), person(b));
    running.stop().unwrap();

    let running = Running::begin_under(clients.clone(), format.clone(), &[HACKNEY]);
    running.wait_until_compared();
    running.stop().unwrap();
    assert_ne!(person(a), person(b), "the agreement ended");
}

/// What was compared again stays compared, also when the writer ends in between: the sweep goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_was_interrupted_goes_on() {
    const RECORDS: usize = 1_500;
    let (clients, format) = new_log();
    let running = Running::begin_under(clients.clone(), format.clone(), &[CAMDEN]);
    running.wait_until_compared();
    let mut commands = Vec::new();
    let numbers = numbers(RECORDS / 2);
    for number in 0..RECORDS {
        let organisation = [CAMDEN, HACKNEY][number % 2];
        let stated = Stated {
            nhs_number: numbers[number / 2].clone(),
            ..Stated::default()
        };
        commands.push(link(organisation, &number.to_string(), Some(stated)));
    }
    running.desk.submit(commands).await.unwrap();
    running.stop().unwrap();

    let mut reached = vec![compared(clients.as_ref(), &format)];
    while reached.last().unwrap().is_some() || reached.len() == 1 {
        let before = ends(clients.as_ref(), &format);
        let running = Running::begin_under(clients.clone(), format.clone(), &[CAMDEN, HACKNEY]);
        wait_for("a part of the sweep", || {
            running.desk.is_compared() || ends(clients.as_ref(), &format) != before
        });
        running.stop().unwrap();
        let now = compared(clients.as_ref(), &format);
        if let (Some(Some(before)), Some(now)) = (reached.last(), now) {
            assert!(now > *before, "it began anew");
        }
        reached.push(now);
    }
    let links = last_links(clients.as_ref(), &format);
    assert_eq!(links.len(), RECORDS);
    assert!(links.values().all(|link| link.members.len() == 2));
}
