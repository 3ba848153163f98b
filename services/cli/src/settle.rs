//! `walbrook settle`: waits until everything on the log is decided and has reached the views.

use clap::Args;
use std::time::{Duration, Instant};
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{Ends, Namespace, Positions, TopicPartition, topics};
use walbrook_eventlog_kafka::Kafka;

use crate::caller::CallerArgs;
use crate::city::progress;
use crate::{Exit, Failure};

/// Wait until everything on the log is decided and has reached the views
#[derive(Debug, Args)]
pub struct SettleArgs {
    /// Give up after this many seconds
    #[arg(long, default_value_t = 120)]
    pub within_s: u64,
    /// Who calls
    #[command(flatten)]
    pub caller: CallerArgs,
}

/// Where the broker stands against the ends of the log.
struct Gap {
    raw: i64,
    control: i64,
    /// Partition numbers that still decide past events again.
    queued: i64,
}

/// Waits.
///
/// # Errors
/// When nothing runs here, Kafka does not answer, or it takes too long.
pub async fn run(args: SettleArgs) -> Result<Exit, Failure> {
    let local = args.caller.local()?;
    let kafka = Kafka::new(local.kafka(), Default::default());
    let namespace = Namespace::new(local.namespace());
    let within = Duration::from_secs(args.within_s);
    tokio::task::spawn_blocking(move || wait(&kafka, &namespace, within))
        .await
        .map_err(|error| Failure::new(Exit::Internal, error))??;
    Ok(Exit::Done)
}

fn wait(kafka: &Kafka, namespace: &Namespace, within: Duration) -> Result<(), Failure> {
    let unavailable = |error: walbrook_eventlog::LogError| Failure::new(Exit::Unavailable, error);
    let counts = kafka
        .admin()
        .and_then(|admin| admin.partitions(Duration::from_secs(10)))
        .map_err(unavailable)?;
    let partitions = counts
        .get(&namespace.name(topics::LINKS))
        .map_or(0, |(count, _)| *count);
    let mut ends = kafka.ends().map_err(unavailable)?;
    let mut positions = kafka.positions();
    let deadline = Instant::now() + within;
    let mut bar = None;
    loop {
        let gap = gap(&mut ends, &mut positions, namespace, partitions).map_err(unavailable)?;
        if gap.raw == 0 && gap.control == 0 && gap.queued == 0 {
            if let Some(bar) = bar {
                indicatif::ProgressBar::finish_and_clear(&bar);
            }
            return Ok(());
        }
        let open = u64::try_from(gap.raw).unwrap_or(0);
        let bar = bar.get_or_insert_with(|| progress(open, "events decided"));
        bar.set_position(bar.length().unwrap_or(open).saturating_sub(open));
        if Instant::now() > deadline {
            return Err(Failure::new(
                Exit::Unavailable,
                format!(
                    "after {} s the broker still has {} raw records and {} control records before it, and {} partitions decide past events again; see its log and `walbrook status`",
                    within.as_secs(),
                    gap.raw,
                    gap.control,
                    gap.queued
                ),
            ));
        }
        // Asked again soon: the broker moves on by itself, there is nothing to wake us.
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn gap(
    ends: &mut impl Ends,
    positions: &mut impl Positions,
    namespace: &Namespace,
    partitions: i32,
) -> Result<Gap, walbrook_eventlog::LogError> {
    const WAIT: Duration = Duration::from_secs(10);
    let group = namespace.name("broker");
    let of = |topic: &str| -> Vec<TopicPartition> {
        let name = namespace.name(topic);
        (0..partitions)
            .map(|partition| TopicPartition::new(name.as_str(), partition))
            .collect()
    };
    let raw: Vec<TopicPartition> = topics::RAW.iter().flat_map(|topic| of(topic)).collect();
    let links = of(topics::LINKS);
    let policy = [TopicPartition::new(namespace.name(topics::POLICY), 0)];
    let mut gap = Gap {
        raw: 0,
        control: 0,
        queued: 0,
    };
    let raw_ends = ends.high_watermarks(&raw, WAIT)?;
    for (end, committed) in raw_ends
        .iter()
        .zip(positions.committed(&group, &raw, true, WAIT)?)
    {
        gap.raw += (end - committed.offset.unwrap_or(0)).max(0);
    }
    let link_ends = ends.high_watermarks(&links, WAIT)?;
    let policy_end = ends
        .high_watermarks(&policy, WAIT)?
        .first()
        .copied()
        .unwrap_or(0);
    for (end, committed) in link_ends
        .iter()
        .zip(positions.committed(&group, &links, true, WAIT)?)
    {
        gap.control += (end - committed.offset.unwrap_or(0)).max(0);
        let position = committed.metadata.parse::<Position>().unwrap_or_default();
        gap.control += (policy_end - position.policy_next).max(0);
        gap.queued += i64::from(position.cursor.is_some());
    }
    Ok(gap)
}
