//! `barrier.per_batch_ms`: what the barrier costs each batch: asking for the ends of the control topics and applying up to them. The median while
//! nobody changes anything, and (`barrier.busy_p99_ms`) the tail while identity and the control plane each commit ten times a second.
//!
//! The broker itself takes the times (`walbrook_enforce_barrier_seconds`, steps of a quarter; between steps the value is interpolated). 400 events a
//! second flow in frames every 10 ms, so that there are some hundred batches a second.

use crate::figure::{Better, Figure};
use crate::river::River;
use crate::{Args, NoFigure, RUNS, demand};
use std::io::{Read, Write};
use std::time::Duration;
use tokio::time::Instant;
use walbrook_proto::control::v1::RecordGroundRequest;
use walbrook_proto::housing::v1::PublishRequest;
use walbrook_tests::acts::contact;
use walbrook_tests::people::{CAMDEN, event_id};

/// The median of the idle one.
pub const IDLE: &str = "barrier.per_batch_ms";
/// The tail of the busy one.
pub const BUSY: &str = "barrier.busy_p99_ms";
const PER_SECOND: u32 = 400;
/// Commits a second of identity, and of the control plane.
const COMMITS_PER_SECOND: u32 = 10;
/// Seconds of a run: short form, stated size.
const SECONDS: (u32, u32) = (5, 30);
/// Batches without which a run says nothing.
const LEAST_BATCHES: u64 = 100;
const SERIES: &str = "walbrook_enforce_barrier_seconds_bucket";

/// Upper bound in seconds and how many were below it.
type Buckets = Vec<(f64, u64)>;

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
    let (mut idle, mut busy) = (Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let quiet = measure(river, seconds, false).await?;
        let loud = measure(river, seconds, true).await?;
        let of = |buckets: &Buckets, share| quantile(buckets, share).unwrap_or(f64::NAN) * 1e3;
        eprintln!(
            "barrier run {run}: idle p50 {:.2} ms, p99 {:.2} ms of {} batches; busy p50 {:.2} ms, p99 {:.2} ms of {}",
            of(&quiet, 0.5),
            of(&quiet, 0.99),
            count(&quiet),
            of(&loud, 0.5),
            of(&loud, 0.99),
            count(&loud)
        );
        if run > 0 {
            idle.push(of(&quiet, 0.5));
            busy.push(of(&loud, 0.99));
        }
    }
    let figures = [(IDLE, idle), (BUSY, busy)].map(|(name, values)| Figure {
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

async fn measure(river: &River, seconds: u32, busy: bool) -> Result<Buckets, NoFigure> {
    let background = river.flow(PER_SECOND);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = buckets(&scrape(river)?);
    if busy {
        change(river, seconds).await?;
    } else {
        tokio::time::sleep(Duration::from_secs(1) * seconds).await;
    }
    let after = buckets(&scrape(river)?);
    background.stop().await?;
    let during: Buckets = after
        .iter()
        .enumerate()
        .map(|(place, (bound, count))| {
            let earlier = before.get(place).map_or(0, |(_, count)| *count);
            (*bound, count.saturating_sub(earlier))
        })
        .collect();
    demand(count(&during) >= LEAST_BATCHES, || {
        format!("{} batches are too few", count(&during))
    })?;
    Ok(during)
}

/// New people (each a commit of identity) and consents (each a commit of the control plane), each in an open loop; all must be accepted.
async fn change(river: &River, seconds: u32) -> Result<(), NoFigure> {
    let start = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..COMMITS_PER_SECOND * seconds {
        let intended = start + Duration::from_secs(1) * number / COMMITS_PER_SECOND;
        tokio::time::sleep_until(intended).await;
        let person = river.newcomer();
        let event = contact(&event_id(), &person, 1);
        let mut agency = river.backbone.housing(CAMDEN);
        let mut control = river.backbone.control(CAMDEN);
        calls.spawn(async move {
            agency
                .publish(PublishRequest { event: Some(event) })
                .await?;
            // A second ground about a person known by now, so that both writers are at work all the time.
            let request = RecordGroundRequest {
                agency: "housing".into(),
                id_scheme: "LOCAL".into(),
                local_id: person.local_id,
                kind: "CONSENT".into(),
                state: "GIVEN".into(),
                ..RecordGroundRequest::default()
            };
            control.record_ground(request).await?;
            Ok::<_, NoFigure>(())
        });
    }
    while let Some(done) = calls.join_next().await {
        done??;
    }
    Ok(())
}

fn scrape(river: &River) -> Result<String, NoFigure> {
    let url = river.backbone.metrics_url("broker");
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/metrics")
        .to_owned();
    let mut stream = std::net::TcpStream::connect(&address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn buckets(text: &str) -> Buckets {
    let bucket = |line: &str| {
        let rest = line.strip_prefix(SERIES)?;
        let bound = rest.split_once("le=\"")?.1.split_once('"')?.0;
        let count = rest.rsplit_once(' ')?.1;
        let bound = if bound == "+Inf" {
            f64::INFINITY
        } else {
            bound.parse().ok()?
        };
        Some((bound, count.parse().ok()?))
    };
    text.lines().filter_map(bucket).collect()
}

fn count(buckets: &Buckets) -> u64 {
    buckets.last().map_or(0, |(_, count)| *count)
}

/// The value below which a share of the observations is, interpolated within its step.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn quantile(buckets: &Buckets, share: f64) -> Option<f64> {
    let wanted = count(buckets) as f64 * share;
    let (mut from, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        let count = *count as f64;
        if count >= wanted {
            let part = (wanted - below) / (count - below).max(1.0);
            return bound
                .is_finite()
                .then(|| from + (bound - from) * part.clamp(0.0, 1.0));
        }
        (from, below) = (*bound, count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_scrape() {
        let text = "# TYPE x histogram\n\
            walbrook_enforce_barrier_seconds_bucket{le=\"0.001\"} 10\n\
            walbrook_enforce_barrier_seconds_bucket{le=\"0.002\"} 90\n\
            walbrook_enforce_barrier_seconds_bucket{le=\"+Inf\"} 100\n";
        let buckets = buckets(text);
        assert_eq!(buckets, [(0.001, 10), (0.002, 90), (f64::INFINITY, 100)]);
        assert_eq!(quantile(&buckets, 0.5), Some(0.0015));
        assert_eq!(quantile(&buckets, 0.99), None);
    }
}
