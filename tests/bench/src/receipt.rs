//! `receipt.p50_ms` and `receipt.p99_ms`: from the time a call should start to its receipt after acks=all, 2,000 single calls a second about known
//! subjects. Open loop: a call starts at its time whatever the ones before do, and its lateness counts.

use crate::figure::{Better, Figure};
use crate::ingest::{self, House};
use crate::river::at_ms;
use crate::{NoFigure, RUNS};
use std::time::Duration;
use tokio::time::Instant;
use walbrook_tests::people::CAMDEN;

/// The median.
pub const P50: &str = "receipt.p50_ms";
/// The tail.
pub const P99: &str = "receipt.p99_ms";
/// Calls a second.
const PER_SECOND: u32 = 2_000;
/// Seconds of a run: short form, stated size.
const SECONDS: (u32, u32) = (8, 30);
const WARM_UP_S: u32 = 3;

/// Runs it.
///
/// # Errors
/// Why there are no figures.
pub async fn run(
    house: &House,
    full: bool,
    wanted: &[&'static str],
) -> Result<Vec<Figure>, NoFigure> {
    let seconds = if full { SECONDS.1 } else { SECONDS.0 };
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for number in 0..=RUNS {
        let seconds = if number == 0 { WARM_UP_S } else { seconds };
        let mut latencies = measure(house, seconds).await?;
        latencies.sort_unstable();
        eprintln!(
            "receipt run {number}: p50 {:.2} ms, p99 {:.2} ms of {}",
            at_ms(&latencies, 50),
            at_ms(&latencies, 99),
            latencies.len()
        );
        if number > 0 {
            p50.push(at_ms(&latencies, 50));
            p99.push(at_ms(&latencies, 99));
        }
    }
    let figures = [(P50, p50), (P99, p99)].map(|(name, values)| Figure {
        name,
        unit: "ms",
        better: Better::Lower,
        values,
        reference: None,
        workload_hash: house.workload_hash.clone(),
        load_average: house.load_average,
    });
    let mut figures = figures.to_vec();
    figures.retain(|figure| wanted.contains(&figure.name));
    Ok(figures)
}

async fn measure(house: &House, seconds: u32) -> Result<Vec<Duration>, NoFigure> {
    let calls = PER_SECOND * seconds;
    let requests = house.requests(usize::try_from(calls)?);
    let events: Vec<_> = requests
        .iter()
        .filter_map(|one| one.event.clone())
        .collect();
    let before = house.ends()?;
    let client = house.backbone.housing(CAMDEN);
    let start = Instant::now() + Duration::from_millis(50);
    let mut open = tokio::task::JoinSet::new();
    for (number, request) in (0..calls).zip(requests) {
        let intended = start + Duration::from_secs(1) * number / PER_SECOND;
        tokio::time::sleep_until(intended).await;
        let mut client = client.clone();
        open.spawn(async move {
            client.publish(request).await?;
            Ok::<_, tonic::Status>(intended.elapsed())
        });
    }
    let mut latencies = Vec::with_capacity(events.len());
    while let Some(done) = open.join_next().await {
        latencies.push(done??);
    }
    ingest::verify(&house.backbone, &before, &events)?;
    Ok(latencies)
}
