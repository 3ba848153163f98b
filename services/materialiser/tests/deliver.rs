//! Rows on topics of organisations' own, on real Kafka: each with its disclosure, as they change, until nothing delivers them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod common;

use common::running::Start;
use common::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use walbrook_domain::control::Standing;
use walbrook_event::framing;
use walbrook_eventlog::{Record, topics};
use walbrook_proto::audit::v1::ReadRecord;

const OURS: &str = "view.rough_sleeping_risk.GSS-E09000007";
const THEIRS: &str = "view.rough_sleeping_risk.GSS-E09000012";

fn records(place: &Place, topic: &str) -> Vec<Record> {
    let full = place.namespace.name(topic);
    let found = place.kafka.admin().unwrap().partitions(WAIT).unwrap();
    if !found.contains_key(&full) {
        return Vec::new();
    }
    let partitions = 0..PARTITIONS;
    partitions
        .flat_map(|number| place.records_of(topic, number))
        .collect()
}

/// What stands, by the first byte of the pseudonym, with the hash of the row.
fn fold(records: &[Record]) -> BTreeMap<u8, Vec<u8>> {
    let mut stands = BTreeMap::new();
    for record in records {
        let person = record.key.as_ref().unwrap()[0];
        match &record.value {
            None => stands.remove(&person),
            Some(_) => stands.insert(person, record.headers.get("wb_row").unwrap().to_vec()),
        };
    }
    stands
}

fn people(records: &[Record]) -> Vec<u8> {
    fold(records).into_keys().collect()
}

fn until(place: &Place, topic: &str, expected: &[u8]) -> Vec<Record> {
    eventually(&format!("{topic} holds {expected:?}"), || {
        let records = records(place, topic);
        (people(&records) == expected).then_some(records)
    })
}

fn reasons(records: &[Record]) -> Vec<&str> {
    let left = records.iter().filter(|record| record.value.is_none());
    let mut left: Vec<&str> = left
        .map(|one| one.headers.text("wb_left").unwrap())
        .collect();
    left.dedup();
    left
}

/// Every record on a topic pairs with what one disclosure says of it, in order, and nothing is disclosed that is not there.
fn are_disclosed(place: &Place, topic: &str, found: &[Record]) {
    let reads = place.read::<ReadRecord>(topics::READS);
    let mut disclosed = Vec::new();
    let mut number_of = BTreeMap::new();
    for read in reads.iter().filter(|read| read.topic() == topic) {
        assert_eq!(read.operation, "DELIVER");
        assert_eq!(read.reader, topic);
        assert_eq!(read.left.len(), read.left_reasons.len());
        number_of.insert(read.read_id.clone(), read.topic_partition());
        for (row, value) in read.answered.iter().zip(&read.value_sha256) {
            let key = row.person_pseudonym.clone();
            disclosed.push((
                read.read_id.clone(),
                key,
                row.row_sha256.clone(),
                value.clone(),
            ));
        }
        for (person, why) in read.left.iter().zip(&read.left_reasons) {
            let why = why.as_bytes().to_vec();
            disclosed.push((read.read_id.clone(), person.clone(), why, Vec::new()));
        }
    }
    let mut stood: Vec<_> = found
        .iter()
        .map(|record| {
            let id = record.headers.text("wb_read").unwrap().to_owned();
            assert_eq!(number_of.get(&id), Some(&record.at.partition));
            let key = record.key.as_ref().unwrap().to_vec();
            match record.value.as_deref() {
                None => (
                    id,
                    key,
                    record.headers.get("wb_left").unwrap().to_vec(),
                    Vec::new(),
                ),
                Some(value) => {
                    let (_, body) = framing::unframe(Some(value)).unwrap();
                    let row = record.headers.get("wb_row").unwrap().to_vec();
                    (id, key, row, Sha256::digest(body).to_vec())
                }
            }
        })
        .collect();
    stood.sort();
    disclosed.sort();
    assert_eq!(stood, disclosed);
}

async fn place() -> Place {
    let mut place = Place::new().await;
    place.delivered = true;
    let (place, ()) = blocking(place, |place| {
        place.agree(&[CAMDEN, HACKNEY]);
        city(place);
    })
    .await;
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_stand_on_the_organisations_topic_with_their_disclosure_until_they_may_not() {
    let place = place().await;
    let running = place.start(30_000).await;
    let (place, before) = blocking(place, |place| {
        let ours = until(place, OURS, &[1, 2, 3]);
        let theirs = until(place, THEIRS, &[4]);
        are_disclosed(place, OURS, &ours);
        are_disclosed(place, THEIRS, &theirs);
        // A changed row, somebody who withdrew, somebody who is restricted.
        let changes = vec![
            place.contact(1, 91, 30, CAMDEN),
            place.retraction(2),
            place.restricted(3, CAMDEN),
        ];
        place.commit(changes);
        until(place, OURS, &[1]);
        let changed = eventually("the row has changed", || {
            let now = records(place, OURS);
            (now.len() >= 6).then_some(now)
        });
        are_disclosed(place, OURS, &changed);
        let mut left = reasons(&changed);
        left.sort_unstable();
        left.dedup();
        assert_eq!(left, ["OUTSIDE_SCOPE", "RETRACTED"]);
        changed.len()
    })
    .await;
    running.stop().await;

    // Another process reads what stands, and writes only what is new.
    let running = place.start(30_000).await;
    let (place, ()) = blocking(place, move |place| {
        let person = vec![place.subject(5, CAMDEN), place.contact(5, 95, 30, CAMDEN)];
        place.commit(person);
        let ours = until(place, OURS, &[1, 5]);
        assert_eq!(ours.len(), before + 1);
        // The agreement ends for one: everything of it leaves, and nothing of the other.
        place.standing(CAMDEN, Standing::Suspended);
        place.catch_up();
        let ours = until(place, OURS, &[]);
        are_disclosed(place, OURS, &ours);
        let last = reasons(&ours);
        assert_eq!(last.last(), Some(&"GRANT_ENDED"));
        assert_eq!(people(&records(place, THEIRS)), [4]);
        place.standing(CAMDEN, Standing::InForce);
        place.catch_up();
        let ours = until(place, OURS, &[1, 5]);
        are_disclosed(place, OURS, &ours);
    })
    .await;
    running.stop().await;

    // It ends while nobody looks.
    let (place, ()) = blocking(place, |place| {
        for party in [CAMDEN, HACKNEY] {
            place.standing(party, Standing::Terminated);
        }
        place.catch_up();
    })
    .await;
    let running = place.start(30_000).await;
    let (_place, ()) = blocking(place, |place| {
        for topic in [OURS, THEIRS] {
            let ended = until(place, topic, &[]);
            are_disclosed(place, topic, &ended);
        }
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_is_delivered_while_the_bound_is_not_shown() {
    let place = place().await;
    let start = Start {
        bound_ms: 3_000,
        ..Start::default()
    };
    let running = place.start_so(start).await;
    let metrics = running.context.metrics.clone();
    let waits = move || {
        let text = metrics.text();
        let mut lines = text.lines();
        let line = lines.find(|line| {
            line.starts_with("walbrook_view_delivery_waits") && line.contains("rough")
        });
        line.is_some_and(|line| !line.ends_with(" 0"))
    };
    let (place, ()) = blocking(place, |place| {
        until(place, OURS, &[1, 2, 3]);
        // A ground that the enforcing side has not passed: the bound grows old.
        let view = std::fs::read_to_string(views_dir().join("rough_sleeping_risk.toml")).unwrap();
        place.control(&[pinned(view)]);
    })
    .await;
    let deadline = std::time::Instant::now() + WAIT;
    while running.list(CAMDEN).await.is_ok() {
        assert!(std::time::Instant::now() < deadline, "the bound is kept");
    }
    let (_place, ()) = blocking(place, move |place| {
        let person = vec![place.subject(5, CAMDEN), place.contact(5, 95, 30, CAMDEN)];
        place.commit(person);
        eventually("it says that it waits", || waits().then_some(()));
        assert_eq!(people(&records(place, OURS)), [1, 2, 3]);
        place.catch_up();
        let ours = until(place, OURS, &[1, 2, 3, 5]);
        are_disclosed(place, OURS, &ours);
    })
    .await;
    running.stop().await;
}
