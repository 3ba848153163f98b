//! `consents.gib_per_10m` and `consents.start_s`: what a consent of ten million people each costs the broker in memory, and how long it takes from its
//! launch to being ready with them, its own snapshot on disk.
//!
//! The consents stand on `control.policy` as the control plane writes them. Memory is the resident set of the whole process after that start, less that
//! of the same process without a consent, scaled to ten million. After each start a thousand of these people have an event decided: both the agreement
//! that needs no consent and the one that demands it must permit it, so the consents are really there.

use crate::figure::{Better, Figure, load_average};
use crate::output;
use crate::wide::{self, Names, Wide};
use crate::{Args, NoFigure, RUNS, demand, town};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use walbrook_broker::control::journal::Format;
use walbrook_domain::control::{ControlFact, GroundFact, GroundKind, GroundState};
use walbrook_domain::{Handle, Organisation, Purpose};
use walbrook_eventlog::position::Position;
use walbrook_eventlog::{NewRecord, Positions, TopicPartition, topics};
use walbrook_policy::outcome::Outcome;
use walbrook_policy::state::ground_id;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::control::v1::GroundRecorded;
use walbrook_testkit::cluster::http_ok;
use walbrook_tests::backbone::{Backbone, Options};

/// Memory.
pub const MEMORY: &str = "consents.gib_per_10m";
/// Start.
pub const START: &str = "consents.start_s";
/// People with a consent: short form, stated size.
const PEOPLE: (usize, usize) = (1_000_000, 10_000_000);
/// Those of them who have an event after each start.
const ASKED: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(600);
const ANSWER: Duration = Duration::from_secs(30);
const GIB: f64 = 1_073_741_824.0;

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let load = load_average();
    let people = if args.full { PEOPLE.1 } else { PEOPLE.0 };
    let folder = tempfile::tempdir()?;
    let keys = &folder.path().join("keys");
    town::create_keys(keys)?;
    let place = Backbone::start(Options::only(&["broker"]).with_keys(keys)).await;
    let wide = Wide::new(people, args.seed)?;
    let names = Names::of(&place).await?;
    for (document, parties) in wide::agreements() {
        place.agree(&document, &parties).await;
    }
    town::append(&place.kafka, wide.links(&names).take(ASKED).map(Ok)).await?;
    town::committed(&place, &town::partitions_of(&place, topics::LINKS)).await?;
    place.stop("broker");
    start(&place)?;
    let empty = resident(place.pid("broker"))?;
    place.stop("broker");
    let began = Instant::now();
    town::append(&place.kafka, consents(&place, &wide).await?).await?;
    eprintln!(
        "consents: {people} on the log after {:.0} s; {:.3} GiB without them",
        began.elapsed().as_secs_f64(),
        empty / GIB
    );
    let first = start(&place)?;
    eprintln!("consents: first start (from the log) {first:.1} s");
    settle(&place).await?;
    let (mut memory, mut starts) = (Vec::new(), Vec::new());
    for run in 1..=RUNS {
        place.stop("broker");
        let took = start(&place)?;
        demand(restored(&place) == run, || {
            format!("a start read the whole log\n{}", place.log_of("broker", 20))
        })?;
        ask(&place, &wide, &names, u64::try_from(run)?).await?;
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let per_10m = (resident(place.pid("broker"))? - empty) / people as f64 * 1e7 / GIB;
        eprintln!("consents run {run}: started in {took:.2} s, {per_10m:.2} GiB for 10 million");
        memory.push(per_10m);
        starts.push(took);
    }
    let figures = [(MEMORY, "GiB", memory), (START, "s", starts)];
    let mut figures = figures
        .map(|(name, unit, values)| Figure {
            name,
            unit,
            better: Better::Lower,
            values,
            reference: None,
            workload_hash: wide.hash(),
            load_average: load,
        })
        .to_vec();
    figures.retain(|figure| wanted.contains(&figure.name));
    Ok(figures)
}

/// Seconds from launch to ready.
fn start(place: &Backbone) -> Result<f64, NoFigure> {
    let began = Instant::now();
    place.relaunch("broker");
    let health = place.metrics_url("broker").replace("/metrics", "/healthz");
    while !http_ok(&health) {
        demand(began.elapsed() < PATIENCE, || {
            format!("the broker is not ready\n{}", place.log_of("broker", 20))
        })?;
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Waits until every p has committed a position past all consents: only then may a snapshot that holds them be started from. It is written when
/// the broker is stopped, at the latest.
async fn settle(place: &Backbone) -> Result<(), NoFigure> {
    let policy = TopicPartition::new(place.namespace.name(topics::POLICY), 0);
    let end = town::ends(&place.kafka, &[policy])?;
    let end = end.first().copied().unwrap_or(0);
    let links = town::partitions_of(place, topics::LINKS);
    let group = place.namespace.name("broker");
    let mut positions = place.kafka.positions();
    let began = Instant::now();
    loop {
        let found = positions.committed(&group, &links, true, ANSWER)?;
        let past = |position: Position| position.policy_next >= end;
        if found.iter().all(|one| one.metadata.parse().is_ok_and(past)) {
            return Ok(());
        }
        demand(began.elapsed() < PATIENCE, || {
            format!(
                "the consents are not applied\n{}",
                place.log_of("broker", 20)
            )
        })?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many starts said that they began from the snapshot.
fn restored(place: &Backbone) -> usize {
    let log = place.whole_log_of("broker");
    log.matches("starting from the snapshot of the control plane")
        .count()
}

/// The resident set of a process in bytes.
///
/// # Errors
/// When the system does not say.
pub fn resident(pid: u32) -> Result<f64, NoFigure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib: Option<f64> = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse().ok());
    kib.map(|kib| kib * 1_024.0)
        .ok_or_else(|| NoFigure("the system does not say how much memory is resident".to_owned()))
}

async fn consents<'a>(
    place: &Backbone,
    wide: &'a Wide,
) -> Result<impl Iterator<Item = Result<NewRecord, NoFigure>> + 'a, NoFigure> {
    let topic = place.namespace.name(topics::POLICY);
    let (id, _) = wide::named::<GroundRecorded>(place, &topic).await?;
    let format = Format {
        namespace: place.namespace.clone(),
        schemas: Arc::new(BTreeMap::from([(GroundRecorded::FULL_NAME.to_owned(), id)])),
    };
    let purpose: Purpose = wide::PURPOSE.parse()?;
    let stated = town::today().plus(-1).start();
    Ok(wide.everyone().map(move |(handle, organisation)| {
        let fact = consent(handle, organisation, &purpose, stated);
        let records = format.records(&fact, "", stated)?;
        let first = records.into_iter().next();
        first.ok_or_else(|| NoFigure("a consent is no record".to_owned()))
    }))
}

fn consent(
    handle: Handle,
    organisation: &Organisation,
    purpose: &Purpose,
    stated: walbrook_domain::Instant,
) -> ControlFact {
    ControlFact::Ground(GroundFact {
        ground_id: ground_id(&handle, GroundKind::Consent, Some(purpose), None, None),
        version: 1,
        handle,
        kind: GroundKind::Consent,
        state: GroundState::Given,
        purpose: Some(purpose.clone()),
        agreement: None,
        event: None,
        not_after: None,
        chosen_authority: None,
        stated_at: stated,
        by_organisation: organisation.clone(),
        by: "bench".to_owned(),
    })
}

/// Events about the first thousand: the agreement that demands a consent permits them too.
async fn ask(place: &Backbone, wide: &Wide, names: &Names, run: u64) -> Result<(), NoFigure> {
    let topics = [topics::raw(wide::AGENCY), topics::DECISIONS.to_owned()];
    let before = output::marks(place, &topics)?;
    let events = wide.events_about(run, ASKED);
    let records = events.map(|event| wide.record(&event, names));
    town::append(&place.kafka, records).await?;
    town::committed(place, &town::raw_partitions(place)).await?;
    let after = output::marks(place, &topics)?;
    let pages = output::pages(&output::between(place, topics::DECISIONS, &before, &after)?)?;
    let permits = pages
        .iter()
        .filter(|page| page.kind == "LIVE")
        .flat_map(|page| &page.entries)
        .filter(|entry| entry.outcome == Outcome::Permit.code())
        .count();
    demand(permits == 2 * ASKED, || {
        format!(
            "{permits} permits of {} that rest on a consent or need none",
            2 * ASKED
        )
    })
}
