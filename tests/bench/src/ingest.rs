//! `ingest.vs_producer`: one agency's gateway over one gRPC stream in frames of 200 events, every subject known (the handle cache is warm), a receipt
//! after acks=all for each; against an idempotent producer that sends the same keys, values and headers.

use crate::figure::{Better, Figure, Reference, load_average};
use crate::{Args, NoFigure, RUNS, demand, receipt, town, unary};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio_stream::StreamExt;
use walbrook_cli::publish::Body;
use walbrook_event::headers;
use walbrook_eventlog::{Reader, Record, topics};
use walbrook_eventlog_kafka::peer::BareProducer;
use walbrook_proto::common::v1::event_outcome::Outcome;
use walbrook_proto::housing::v1::{Event, PublishFrame, PublishRequest};
use walbrook_tests::backbone::{Backbone, Options};
use walbrook_tests::people::{CAMDEN, event_id};

/// Its name.
pub const NAME: &str = "ingest.vs_producer";
/// People of the city: short form, stated size.
const PEOPLE: (usize, usize) = (80_000, 400_000);
/// Events a frame.
const FRAME: usize = 200;
/// As the gateway's own.
const LINGER: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// A housing service whose subjects are all known, and events about them.
pub struct House {
    /// Its processes.
    pub backbone: Backbone,
    known: Vec<Event>,
    next: AtomicUsize,
    /// SHA-256 of the city.
    pub workload_hash: String,
    /// When it began.
    pub load_average: f64,
    _keys: tempfile::TempDir,
}

impl House {
    async fn start(args: &Args) -> Result<Self, NoFigure> {
        let load_average = load_average();
        let people = if args.full { PEOPLE.1 } else { PEOPLE.0 };
        let folder = tempfile::tempdir()?;
        let keys = &folder.path().join("keys");
        town::create_keys(keys)?;
        // The broker registers the schemas; then it is in the way.
        let backbone =
            Backbone::start(Options::only(&["identity", "broker", "housing"]).with_keys(keys))
                .await;
        town::stop(&backbone, &["broker"]);
        let (first_sight, known) = housing(people, args.seed);
        eprintln!(
            "ingest: {} subjects, then {} events about them",
            first_sight.len(),
            known.len()
        );
        stream(&backbone, first_sight).await?;
        Ok(Self {
            backbone,
            known,
            next: AtomicUsize::new(0),
            workload_hash: town::hash(people, args.seed),
            load_average,
            _keys: folder,
        })
    }

    /// So many single calls: the city's events about known subjects, each a new one.
    #[must_use]
    pub fn requests(&self, calls: usize) -> Vec<PublishRequest> {
        let first = self.next.fetch_add(calls, Ordering::Relaxed);
        let events = self.known.iter().cycle();
        let fresh = events.skip(first % self.known.len().max(1)).take(calls);
        fresh
            .map(|event| {
                let mut event = event.clone();
                if let Some(head) = &mut event.head {
                    head.event_id = event_id();
                }
                PublishRequest { event: Some(event) }
            })
            .collect()
    }

    /// Where the raw topic ends now.
    ///
    /// # Errors
    /// When Kafka does not answer.
    pub fn ends(&self) -> Result<Vec<i64>, NoFigure> {
        let partitions = town::partitions_of(&self.backbone, &topics::raw("housing"));
        town::ends(&self.backbone.kafka, &partitions)
    }
}

/// Runs what is wanted of a housing service's figures.
///
/// # Errors
/// Why there is no figure.
pub async fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let house = House::start(args).await?;
    let mut figures = Vec::new();
    if wanted.contains(&NAME) {
        figures.push(streamed(&house).await?);
    }
    if wanted.contains(&unary::NAME) {
        figures.push(unary::run(&house).await?);
    }
    if wanted.contains(&receipt::P50) || wanted.contains(&receipt::P99) {
        figures.extend(receipt::run(&house, args.full, wanted).await?);
    }
    Ok(figures)
}

async fn streamed(house: &House) -> Result<Figure, NoFigure> {
    let House {
        backbone, known, ..
    } = house;
    // One share more than runs: the first warms both sides up.
    let share = known.len() / (RUNS + 1);
    demand(share >= FRAME, || {
        format!("{} events are too few: use a larger city", known.len())
    })?;
    let output = town::peer_topic(backbone, "bench.ingest").await?;
    let peer = BareProducer::new(&backbone.kafka, &output, LINGER)?;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for (number, events) in known.chunks_exact(share).take(RUNS + 1).enumerate() {
        let before = house.ends()?;
        let took = stream(backbone, events.to_vec()).await?;
        let records = verify(backbone, &before, events)?;
        let pace = peer.run(&records)?;
        demand(pace.records == u64::try_from(share).unwrap_or(0), || {
            format!(
                "the producer has {} of {share} acknowledgements",
                pace.records
            )
        })?;
        let (rate, other) = (rate_of(share, took), rate_of(share, pace.took));
        eprintln!(
            "{NAME} run {number}: {rate:.0} events/s beside {other:.0} records/s, {share} each"
        );
        if number > 0 {
            ours.push(rate);
            peers.push(other);
        }
    }
    Ok(Figure {
        name: NAME,
        unit: "events/s",
        better: Better::Higher,
        values: ours,
        reference: Some(Reference {
            name: "idempotent producer, the same bytes",
            values: peers,
        }),
        workload_hash: house.workload_hash.clone(),
        load_average: house.load_average,
    })
}

/// Events a second.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
#[must_use]
pub fn rate_of(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// The city's housing events in their order: those that bring a subject's demographics, and all others.
#[must_use]
pub fn housing(people: usize, seed: u64) -> (Vec<Event>, Vec<Event>) {
    let events = town::city(people, seed)
        .events
        .into_iter()
        .filter_map(|told| match told.event.body {
            Body::Housing(body) => Some(Event {
                head: Some(told.event.head),
                body: Some(body),
            }),
            _ => None,
        });
    events.partition(|event| {
        let subject = event.head.as_ref().and_then(|head| head.subject.as_ref());
        subject.is_some_and(|subject| subject.demographics.is_some())
    })
}

/// Sends events over one stream; the time runs from the call to the last receipt.
///
/// # Errors
/// When one is not accepted.
pub async fn stream(backbone: &Backbone, events: Vec<Event>) -> Result<Duration, NoFigure> {
    let sent = events.len();
    let mut frames = Vec::with_capacity(sent / FRAME + 1);
    for (number, chunk) in (1..).zip(events.chunks(FRAME)) {
        frames.push(PublishFrame {
            sequence: number,
            events: chunk.to_vec(),
        });
    }
    drop(events);
    let mut client = backbone.housing(CAMDEN);
    let started = Instant::now();
    let mut receipts = client
        .publish_stream(tokio_stream::iter(frames))
        .await?
        .into_inner();
    let mut accepted = 0;
    while let Some(receipt) = receipts.next().await {
        for outcome in receipt?.outcomes {
            match outcome.outcome {
                Some(Outcome::Receipt(_)) => accepted += 1,
                other => return Err(NoFigure(format!("an event has no receipt: {other:?}"))),
            }
        }
    }
    let took = started.elapsed();
    demand(accepted == sent, || {
        format!("{accepted} receipts for {sent} events")
    })?;
    Ok(took)
}

/// What came onto the log since: exactly the events sent, each once.
///
/// # Errors
/// When it is anything else.
pub fn verify(
    backbone: &Backbone,
    before: &[i64],
    events: &[Event],
) -> Result<Vec<Record>, NoFigure> {
    let partitions = town::partitions_of(backbone, &topics::raw("housing"));
    let starts: Vec<_> = partitions.into_iter().zip(before.iter().copied()).collect();
    let mut reader = backbone.kafka.reader()?;
    reader.assign(&starts)?;
    let mut records = Vec::with_capacity(events.len());
    let deadline = Instant::now() + PATIENCE;
    while records.len() < events.len() && Instant::now() < deadline {
        reader.poll(10_000, Duration::from_millis(100), &mut records)?;
    }
    let id_of = |event: &Event| {
        event
            .head
            .as_ref()
            .map(|head| head.event_id.clone())
            .unwrap_or_default()
    };
    let sent: BTreeSet<String> = events.iter().map(id_of).collect();
    let found: BTreeSet<String> = records
        .iter()
        .filter_map(|record| record.headers.text(headers::ID).map(str::to_owned))
        .collect();
    demand(records.len() == events.len() && sent == found, || {
        format!(
            "{} events were sent, {} records came onto the log, {} of them with the ids sent",
            events.len(),
            records.len(),
            found.intersection(&sent).count()
        )
    })?;
    Ok(records)
}
