//! The workload: a generated city, its agreements, and its events sent through the agencies' services.

use crate::{NoFigure, demand};
use prost::Message;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio_stream::StreamExt;
use walbrook_cli::city::City;
use walbrook_cli::cluster::keys;
use walbrook_cli::publish::{self, Body, Outgoing};
use walbrook_domain::{Day, Organisation};
use walbrook_eventlog::{Appender, Ends, NewRecord, Positions, TopicPartition, topics};
use walbrook_eventlog_kafka::Kafka;
use walbrook_policy::agreement::Agreement;
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_runtime::keystore::{LocalKeys, create_local};
use walbrook_tests::backbone::{Backbone, root};

/// The end of the calendar for which a workload is hashed, so that the same city has the same hash every day: days since 1970-01-01.
const HASHED_END: Day = Day(20_500);
/// How long a step of the preparation may take.
const PATIENCE: Duration = Duration::from_secs(900);
const TICK: Duration = Duration::from_millis(100);
const ANSWER: Duration = Duration::from_secs(30);
/// Records appended at once.
const CHUNK: usize = 10_000;
/// As many of these may be unacknowledged.
const CHUNKS_UNDER_WAY: usize = 8;

/// Today in London.
#[must_use]
pub fn today() -> Day {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    walbrook_domain::Instant(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)).london_day()
}

/// A city whose calendar ends yesterday.
#[must_use]
pub fn city(people: usize, seed: u64) -> City {
    City::generate(people, seed, today())
}

/// SHA-256 over every event of the city of this size and seed, in order.
#[must_use]
pub fn hash(people: usize, seed: u64) -> String {
    let mut hash = Sha256::new();
    for told in City::generate(people, seed, HASHED_END).events {
        let mut bytes = Vec::new();
        match &told.event.body {
            Body::Police(body) => body.encode(&mut bytes),
            Body::Health(body) => body.encode(&mut bytes),
            Body::Housing(body) => body.encode(&mut bytes),
            Body::Tfl(body) => body.encode(&mut bytes),
            Body::SocialCare(body) => body.encode(&mut bytes),
            Body::City(body) => body.encode(&mut bytes),
        }
        let head = told.event.head.encode_to_vec();
        for part in [told.event.organisation.as_bytes(), &head, &bytes] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
    }
    hex::encode(hash.finalize())
}

/// Makes the keys of every agency, purpose and party.
///
/// # Errors
/// When a file cannot be written.
pub fn create_keys(folder: &Path) -> Result<(), NoFigure> {
    let parties = keys::parties();
    let parties: Vec<&str> = parties.iter().map(String::as_str).collect();
    create_local(
        folder,
        &LocalKeys {
            agencies: &keys::AGENCIES,
            purposes: &topics::PURPOSES,
            parties: &parties,
        },
    )?;
    Ok(())
}

/// Proposes every agreement of the repository and has each organisation of the city sign what it is a party to.
///
/// # Errors
/// When an agreement cannot be read.
pub async fn agree(backbone: &Backbone, city: &City) -> Result<(), NoFigure> {
    let senders: BTreeSet<&str> = city
        .events
        .iter()
        .map(|told| told.event.organisation.as_str())
        .collect();
    let mut files: Vec<_> = std::fs::read_dir(root().join("deploy/agreements"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    files.sort();
    for file in files {
        let document = std::fs::read_to_string(&file)?;
        let agreement = Agreement::read(&document)?;
        let mut parties = Vec::new();
        for sender in &senders {
            if agreement.party(&sender.parse::<Organisation>()?).is_some() {
                parties.push(*sender);
            }
        }
        backbone.agree(&document, &parties).await;
    }
    Ok(())
}

/// Sends events over one stream for each agency and organisation; each must be accepted.
///
/// # Errors
/// When one is not.
pub async fn send(backbone: &Backbone, events: Vec<Outgoing>) -> Result<(), NoFigure> {
    let mut groups: BTreeMap<(&'static str, String), Vec<Outgoing>> = BTreeMap::new();
    for event in events {
        groups
            .entry((event.body.agency(), event.organisation.clone()))
            .or_default()
            .push(event);
    }
    let mut streams = tokio::task::JoinSet::new();
    for ((agency, organisation), events) in groups {
        let pattern = format!("{}.*", agency.replace('-', "_"));
        let caller = TokenRequest::new(&organisation, "bench", role::PRODUCER).events(&[&pattern]);
        let connection = backbone.connect(agency, caller);
        streams.spawn(async move {
            let sent = events.len();
            let mut receipts = publish::open(agency, connection, events).await?;
            let mut accepted = 0;
            while let Some(receipt) = receipts.next().await {
                for outcome in receipt?.outcomes {
                    match outcome.outcome {
                        Some(Outcome::Receipt(_)) => accepted += 1,
                        other => {
                            return Err(NoFigure(format!(
                                "{agency} of {organisation} refused an event: {other:?}"
                            )));
                        }
                    }
                }
            }
            demand(accepted == sent, || {
                format!("{agency} of {organisation}: {accepted} receipts for {sent} events")
            })
        });
    }
    while let Some(done) = streams.join_next().await {
        done??;
    }
    Ok(())
}

/// Every partition of a topic that has as many as there are data partitions.
#[must_use]
pub fn partitions_of(backbone: &Backbone, topic: &str) -> Vec<TopicPartition> {
    let name = backbone.namespace.name(topic);
    (0..backbone.partitions())
        .map(|partition| TopicPartition::new(name.as_str(), partition))
        .collect()
}

/// Every partition of the raw topics.
#[must_use]
pub fn raw_partitions(backbone: &Backbone) -> Vec<TopicPartition> {
    topics::RAW
        .iter()
        .flat_map(|topic| partitions_of(backbone, topic))
        .collect()
}

/// The ends of partitions.
///
/// # Errors
/// When Kafka does not answer.
pub fn ends(kafka: &Kafka, partitions: &[TopicPartition]) -> Result<Vec<i64>, NoFigure> {
    Ok(kafka.ends()?.high_watermarks(partitions, ANSWER)?)
}

/// Waits until the broker's committed positions are at the ends of these partitions.
///
/// # Errors
/// When that takes a quarter of an hour, or Kafka does not answer.
pub async fn committed(backbone: &Backbone, partitions: &[TopicPartition]) -> Result<(), NoFigure> {
    let group = backbone.namespace.name("broker");
    passed(backbone, &group, partitions, &mut || Ok(()))
        .await
        .map_err(|NoFigure(problem)| {
            NoFigure(format!("{problem}\n{}", backbone.log_of("broker", 20)))
        })
}

/// Waits until a group's committed positions are at the ends of these partitions, as they are now; `alive` says when to give up.
///
/// # Errors
/// When that takes a quarter of an hour, or Kafka does not answer.
pub async fn passed(
    backbone: &Backbone,
    group: &str,
    partitions: &[TopicPartition],
    alive: &mut (dyn FnMut() -> Result<(), NoFigure> + Send),
) -> Result<(), NoFigure> {
    let wanted = ends(&backbone.kafka, partitions)?;
    let mut positions = backbone.kafka.positions();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = positions.committed(group, partitions, true, ANSWER)?;
        let behind = found
            .iter()
            .zip(&wanted)
            .find(|(found, end)| found.offset.unwrap_or(0) < **end);
        let Some((found, end)) = behind else {
            return Ok(());
        };
        demand(Instant::now() < deadline, || {
            format!(
                "{} is committed up to {:?} of {end}",
                found.at, found.offset
            )
        })?;
        alive()?;
        tokio::time::sleep(TICK).await;
    }
}

/// Appends records in their order, the next ones made while the last ones are on their way.
///
/// # Errors
/// When one cannot be made or is not acknowledged.
pub async fn append(
    kafka: &Kafka,
    records: impl Iterator<Item = Result<NewRecord, NoFigure>>,
) -> Result<(), NoFigure> {
    let appender = kafka.appender(Duration::from_millis(5))?;
    let mut records = records.peekable();
    let mut under_way = std::collections::VecDeque::new();
    while records.peek().is_some() {
        let chunk = records.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
        let (done, acknowledged) = tokio::sync::oneshot::channel();
        appender.append(chunk, Box::new(move |result| drop(done.send(result))));
        under_way.push_back(acknowledged);
        if under_way.len() > CHUNKS_UNDER_WAY
            && let Some(first) = under_way.pop_front()
        {
            first.await??;
        }
    }
    for acknowledged in under_way {
        acknowledged.await??;
    }
    Ok(())
}

/// Creates a topic for a peer, with as many partitions as there are data partitions; returns its full name.
///
/// # Errors
/// When Kafka refuses it.
pub async fn peer_topic(backbone: &Backbone, plain: &str) -> Result<String, NoFigure> {
    let topic = topics::Topic {
        name: backbone.namespace.name(plain),
        plain: plain.to_owned(),
        partitions: backbone.partitions(),
        cleanup: topics::Cleanup::Delete,
        timestamps: topics::TimestampType::LogAppendTime,
    };
    backbone
        .kafka
        .admin()?
        .create(std::slice::from_ref(&topic), 1, 1)
        .await?;
    Ok(topic.name)
}

/// Stops services that are no part of what is measured.
pub fn stop(backbone: &Backbone, services: &[&str]) {
    for service in services {
        backbone.stop(service);
    }
}

/// Has the auditor derive everything on the log again.
///
/// # Errors
/// When it finds a difference.
pub fn audit(place: &Backbone) -> Result<(), NoFigure> {
    let report =
        walbrook_auditor::verify(&place.log(), &walbrook_auditor::Options::default()).report;
    demand(report.is_clean(), || {
        let first: Vec<String> = report
            .differences()
            .iter()
            .take(3)
            .map(ToString::to_string)
            .collect();
        format!(
            "the auditor finds {} differences, among them {}",
            report.difference_count(),
            first.join("; ")
        )
    })
}
