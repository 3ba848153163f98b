//! `withdrawal.p99_ms`: from the acknowledgement of a withdrawal to the moment when the last view has put on record that it is complete there, while
//! events flow in the background.
//!
//! Five subjects of the city a second withdraw, in an open loop; each has records in the view. The statements are read from `audit.removals` as they
//! come, by a reader of this program's own.

use crate::figure::{Better, Figure};
use crate::river::{River, at_ms};
use crate::{Args, NoFigure, RUNS, demand, town};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use walbrook_event::framing::unframe;
use walbrook_event::headers;
use walbrook_eventlog::{Reader, TopicPartition, topics};
use walbrook_proto::audit::v1::Removal;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::RecordGroundRequest;
use walbrook_tests::people::CAMDEN;

/// Its name.
pub const NAME: &str = "withdrawal.p99_ms";
/// Events a second in the background: short form, stated size.
const PER_SECOND: (u32, u32) = (2_000, 10_000);
/// Seconds of a run: short form, stated size.
const SECONDS: (u32, u32) = (8, 30);
const WITHDRAWALS_PER_SECOND: u32 = 5;
/// Views that must have said so.
const VIEWS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(60);

/// That a view is complete through an offset of `control.policy`, and when this program read it.
type Statement = (String, i64, Instant);

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(river: &River, args: &Args, load_average: f64) -> Result<Vec<Figure>, NoFigure> {
    let (seconds, per_second) = if args.full {
        (SECONDS.1, PER_SECOND.1)
    } else {
        (SECONDS.0, PER_SECOND.0)
    };
    let mut subjects = river.subjects().into_iter();
    let mut values = Vec::new();
    let mut withdrawn = Vec::new();
    for run in 0..=RUNS {
        let background = river.flow(per_second);
        let stop = Arc::new(AtomicBool::new(false));
        let statements = listen(river, Arc::clone(&stop))?;
        let some: Vec<_> = subjects
            .by_ref()
            .take(usize::try_from(WITHDRAWALS_PER_SECOND * seconds)?)
            .collect();
        let acknowledged = withdraw(river, &some).await?;
        withdrawn.extend(some);
        let last = acknowledged.iter().map(|(offset, _)| *offset).max();
        wait_for(river, last.unwrap_or(0)).await?;
        background.stop().await?;
        stop.store(true, Ordering::Relaxed);
        let statements = statements.await??;
        let mut latencies = latencies(&acknowledged, &statements)?;
        latencies.sort_unstable();
        eprintln!(
            "withdrawal run {run}: p50 {:.0} ms, p99 {:.0} ms of {} at {per_second} events/s",
            at_ms(&latencies, 50),
            at_ms(&latencies, 99),
            latencies.len()
        );
        if run > 0 {
            values.push(at_ms(&latencies, 99));
        }
    }
    for (_, local_id) in withdrawn.iter().step_by(10) {
        let row = river.backbone.row(CAMDEN, local_id).await?;
        demand(row.is_none(), || {
            "somebody who withdrew still has a row".to_owned()
        })?;
    }
    Ok(vec![Figure {
        name: NAME,
        unit: "ms",
        better: Better::Lower,
        values,
        reference: None,
        workload_hash: river.workload_hash.clone(),
        load_average,
    }])
}

/// The offset and the moment of each acknowledgement.
async fn withdraw(
    river: &River,
    subjects: &[(String, String)],
) -> Result<Vec<(i64, Instant)>, NoFigure> {
    let start = tokio::time::Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for (number, (scheme, local_id)) in (0_u32..).zip(subjects) {
        let intended = start + Duration::from_secs(1) * number / WITHDRAWALS_PER_SECOND;
        tokio::time::sleep_until(intended).await;
        let mut control = river.backbone.control(CAMDEN);
        let request = RecordGroundRequest {
            agency: "housing".into(),
            id_scheme: scheme.clone(),
            local_id: local_id.clone(),
            kind: "CONSENT".into(),
            state: "WITHDRAWN".into(),
            ..RecordGroundRequest::default()
        };
        calls.spawn(async move {
            let receipt = control.record_ground(request).await?.into_inner();
            Ok::<_, NoFigure>((receipt.offset, Instant::now()))
        });
    }
    let mut acknowledged = Vec::new();
    while let Some(done) = calls.join_next().await {
        acknowledged.push(done??);
    }
    Ok(acknowledged)
}

fn listen(
    river: &River,
    stop: Arc<AtomicBool>,
) -> Result<tokio::task::JoinHandle<Result<Vec<Statement>, NoFigure>>, NoFigure> {
    let at = TopicPartition::new(river.backbone.namespace.name(topics::REMOVALS), 0);
    let end = town::ends(&river.backbone.kafka, std::slice::from_ref(&at))?;
    let mut reader = river.backbone.kafka.reader()?;
    reader.assign(&[(at, end.first().copied().unwrap_or(0))])?;
    Ok(tokio::task::spawn_blocking(move || {
        let (mut found, mut records) = (Vec::new(), Vec::new());
        while !stop.load(Ordering::Relaxed) {
            reader.poll(100, Duration::from_millis(20), &mut records)?;
            let now = Instant::now();
            for record in records.drain(..) {
                if record.headers.text(headers::TYPE) != Some(Removal::FULL_NAME) {
                    continue;
                }
                let (_, body) = unframe(record.value.as_deref())
                    .map_err(|error| NoFigure(format!("{error:?}")))?;
                let removal = Removal::decode_exact(body)?;
                if removal.complete && removal.cause_topic == topics::POLICY {
                    found.push((removal.view, removal.cause_offset, now));
                }
            }
        }
        Ok(found)
    }))
}

/// Waits until every view has said so of this offset, as anybody may ask the control plane.
async fn wait_for(river: &River, offset: i64) -> Result<(), NoFigure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = walbrook_proto::control::v1::GetReceiptRequest { offset };
        let mut operator = river.backbone.operator();
        let status = operator.get_receipt(request).await?.into_inner();
        if status.views.len() >= VIEWS && status.views.iter().all(|view| view.complete) {
            return Ok(());
        }
        demand(Instant::now() < deadline, || {
            format!("the views are not complete: {status:?}")
        })?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// From each acknowledgement to the last view's first statement that covers it.
fn latencies(
    acknowledged: &[(i64, Instant)],
    statements: &[Statement],
) -> Result<Vec<Duration>, NoFigure> {
    let mut latencies = Vec::with_capacity(acknowledged.len());
    for (offset, acknowledged) in acknowledged {
        let mut by_view: BTreeMap<&str, Instant> = BTreeMap::new();
        for (view, through, at) in statements {
            if through >= offset {
                by_view.entry(view).or_insert(*at);
            }
        }
        demand(by_view.len() >= VIEWS, || {
            format!(
                "only {} views said that a withdrawal is complete",
                by_view.len()
            )
        })?;
        let last = by_view.values().max().copied().unwrap_or(*acknowledged);
        latencies.push(last.saturating_duration_since(*acknowledged));
    }
    Ok(latencies)
}
