//! A whole river for figures about latency: identity, broker, materialiser and one agency, the housing records of a generated city behind it, and an
//! open loop that keeps events flowing. One preparation serves [`e2e`](crate::e2e), [`barrier`](crate::barrier) and
//! [`withdrawal`](crate::withdrawal).

use crate::{Args, NoFigure, demand, ingest, town};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_proto::housing::v1::{Event, PublishFrame};
use walbrook_tests::backbone::{Backbone, Options};
use walbrook_tests::people::{CAMDEN, Person, event_id};

/// People of the city whose housing records are the background: short form, stated size.
const PEOPLE: (usize, usize) = (60_000, 300_000);
/// How often a frame of the background is sent.
const FRAME_EVERY: Duration = Duration::from_millis(10);
/// Frames that may wait for the gateway; later ones wait for a place, and are counted late.
const FRAMES_WAITING: usize = 64;

/// The services of the river.
pub const SERVICES: [&str; 4] = ["identity", "broker", "materialiser", "housing"];

/// The river.
pub struct River {
    /// Its processes.
    pub backbone: Backbone,
    /// Events about known subjects, in the city's order.
    background: Arc<Vec<Event>>,
    next: Arc<AtomicU64>,
    /// SHA-256 of the city.
    pub workload_hash: String,
    /// Numbers for new people, each used once.
    newcomers: AtomicU64,
    _keys: tempfile::TempDir,
}

impl River {
    /// Starts it: the agreement on rough sleeping signed, every subject of the city's housing records known.
    ///
    /// # Errors
    /// When the city is refused.
    pub async fn start(args: &Args) -> Result<Self, NoFigure> {
        let people = if args.full { PEOPLE.1 } else { PEOPLE.0 };
        let keys = tempfile::tempdir()?;
        let folder = keys.path().join("keys");
        town::create_keys(&folder)?;
        let backbone = Backbone::start(Options::only(&SERVICES).with_keys(&folder)).await;
        backbone.agree_on_rough_sleeping(&[CAMDEN]).await;
        let (first_sight, known) = ingest::housing(people, args.seed);
        eprintln!(
            "river: {} subjects, then {} events about them for the background",
            first_sight.len(),
            known.len()
        );
        ingest::stream(&backbone, first_sight).await?;
        town::committed(&backbone, &town::raw_partitions(&backbone)).await?;
        Ok(Self {
            backbone,
            background: Arc::new(known),
            next: Arc::default(),
            workload_hash: town::hash(people, args.seed),
            newcomers: AtomicU64::new(0),
            _keys: keys,
        })
    }

    /// Somebody whom nobody knows yet.
    #[must_use]
    pub fn newcomer(&self) -> Person {
        let number = self.newcomers.fetch_add(1, Ordering::Relaxed);
        Person::number(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// Subjects of the city that have housing records, each once, in the city's order.
    #[must_use]
    pub fn subjects(&self) -> Vec<(String, String)> {
        let mut seen = std::collections::BTreeSet::new();
        let subjects = self.background.iter().filter_map(|event| {
            let subject = event.head.as_ref()?.subject.as_ref()?;
            Some((subject.scheme.clone(), subject.local_id.clone()))
        });
        subjects
            .filter(|subject| seen.insert(subject.clone()))
            .collect()
    }

    /// Keeps so many events a second flowing until [`Background::stop`].
    #[must_use]
    pub fn flow(&self, per_second: u32) -> Background {
        let stop = Arc::new(AtomicBool::new(false));
        let (frames, receive) = tokio::sync::mpsc::channel(FRAMES_WAITING);
        let client = self.backbone.housing(CAMDEN);
        let receipts = tokio::spawn(receipts(client, receive));
        let (events, next) = (Arc::clone(&self.background), Arc::clone(&self.next));
        let stopped = Arc::clone(&stop);
        let sender = tokio::spawn(async move {
            let start = Instant::now();
            let (mut sent, mut latest) = (0_u64, Duration::ZERO);
            for number in 1_u32.. {
                let intended = start + FRAME_EVERY * (number - 1);
                tokio::time::sleep_until(intended).await;
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let due = u64::from(per_second) * u64::from(number) / 100;
                let frame = PublishFrame {
                    sequence: u64::from(number),
                    events: (sent..due).map(|_| take(&events, &next)).collect(),
                };
                if frame.events.is_empty() {
                    continue;
                }
                sent = due;
                if frames.send(frame).await.is_err() {
                    break;
                }
                latest = latest.max(intended.elapsed());
            }
            (sent, latest)
        });
        Background {
            stop,
            sender,
            receipts,
        }
    }
}

/// The next event of the background. When all have been told they are told again, each as a new event.
fn take(events: &[Event], next: &AtomicU64) -> Event {
    let number = next.fetch_add(1, Ordering::Relaxed);
    let count = u64::try_from(events.len().max(1)).unwrap_or(1);
    let place = usize::try_from(number % count).unwrap_or(0);
    let mut event = events.get(place).cloned().unwrap_or_default();
    if number >= count
        && let Some(head) = &mut event.head
    {
        head.event_id = event_id();
    }
    event
}

type HousingClient = walbrook_proto::housing::v1::housing_events_client::HousingEventsClient<
    walbrook_tests::backbone::Connection,
>;

async fn receipts(
    mut client: HousingClient,
    frames: tokio::sync::mpsc::Receiver<PublishFrame>,
) -> Result<u64, NoFigure> {
    // Frame numbers grow by one, whatever was left out.
    let frames = ReceiverStream::new(frames);
    let mut sequence = 0;
    let numbered = frames.map(move |mut frame| {
        sequence += 1;
        frame.sequence = sequence;
        frame
    });
    let mut answers = client.publish_stream(numbered).await?.into_inner();
    let mut accepted = 0;
    while let Some(answer) = answers.next().await {
        for outcome in answer?.outcomes {
            match outcome.outcome {
                Some(Outcome::Receipt(_)) => accepted += 1,
                other => {
                    return Err(NoFigure(format!(
                        "an event of the background has no receipt: {other:?}"
                    )));
                }
            }
        }
    }
    Ok(accepted)
}

/// Events on their way.
pub struct Background {
    stop: Arc<AtomicBool>,
    sender: tokio::task::JoinHandle<(u64, Duration)>,
    receipts: tokio::task::JoinHandle<Result<u64, NoFigure>>,
}

impl Background {
    /// Stops it; every event must have been accepted, and none sent more than a second late.
    ///
    /// # Errors
    /// When it was not so.
    pub async fn stop(self) -> Result<u64, NoFigure> {
        self.stop.store(true, Ordering::Relaxed);
        let (sent, latest) = self.sender.await?;
        let accepted = self.receipts.await??;
        demand(sent == accepted, || {
            format!("{accepted} receipts for {sent} events of the background")
        })?;
        demand(latest < Duration::from_secs(1), || {
            format!(
                "the background ran {:.1} s late: this machine does not carry the load asked for",
                latest.as_secs_f64()
            )
        })?;
        Ok(sent)
    }
}

/// The value below which so many hundredths of sorted values are, in milliseconds.
#[must_use]
pub fn at_ms(sorted: &[Duration], hundredths: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((sorted.len() * hundredths / 100).min(last))
        .map_or(0.0, |value| value.as_secs_f64() * 1e3)
}
