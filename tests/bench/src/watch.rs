//! `watch.p99_ms`: from the moment at which a change was to be written on the log to the moment at which a stream was told of it, over every stream that
//! must be told, while many streams of many boroughs watch and changes come in an open loop. Each answer is on record before it is told.
//!
//! A change is a rent account of one person, with a number of its own, so that each stream can say which changes a row has. Every stream of a borough
//! must have been told of every change about its people at the end of each run.

use crate::figure::{Better, Figure, load_average};
use crate::released::{MARKED, Released};
use crate::site::{ROLE, Site, VIEW, context};
use crate::{Args, NoFigure, RUNS, cpu, demand};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use walbrook_eventlog::Appender;
use walbrook_proto::view::v1 as proto;
use walbrook_proto::view::v1::cell::Value;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_runtime::callers::{Credential, TokenRequest};
use walbrook_tests::backbone::Connection;

/// Its name.
pub const NAME: &str = "watch.p99_ms";
/// Streams, changes a second, and seconds of a run: short form, stated size.
const LOAD: ((usize, u32, u32), (usize, u32, u32)) = ((200, 200, 4), (1_000, 1_000, 10));
const BOROUGHS: usize = 32;
const PEOPLE: usize = 20_000;
const EVENTS: usize = 60_000;
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(10);
/// How long records wait for company on their way to the log.
const LINGER: Duration = Duration::from_millis(1);

/// What all streams share.
struct Board {
    numbers: HashMap<Vec<u8>, usize>,
    /// When each change of a run was to be written, by its number.
    intended: Mutex<HashMap<i64, Instant>>,
    latencies: Mutex<Vec<Duration>>,
    first: AtomicUsize,
    failed: Mutex<Option<String>>,
}

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(args: &Args) -> Result<Figure, NoFigure> {
    let load = load_average();
    let (streams, per_second, seconds) = if args.full { LOAD.1 } else { LOAD.0 };
    let mut site = Site::start(PEOPLE, BOROUGHS, args.seed).await?;
    site.pour(1, EVENTS).await?;
    site.caught_up().await?;
    site.answers().await?;
    let board = Arc::new(Board {
        numbers: owned(&site.released),
        intended: Mutex::default(),
        latencies: Mutex::default(),
        first: AtomicUsize::new(0),
        failed: Mutex::new(None),
    });
    let mut watching = tokio::task::JoinSet::new();
    let pids = [std::process::id(), site.place.pid("materialiser")];
    let opened = Instant::now();
    open(&site, &board, streams, &mut watching)?;
    settled(&board, streams, &mut watching).await?;
    let opened = opened.elapsed().as_secs_f64();
    eprintln!("{NAME}: {streams} streams were told all their rows within {opened:.1} s");
    let mut values = Vec::new();
    let mut told = 0;
    for number in 0..=RUNS {
        let count = per_second * seconds;
        let before = used(pids)?;
        let mut latencies = one(&mut site, &board, (told, count, per_second), streams).await?;
        told += count;
        let a_row = 1e6 / f64::from(u32::try_from(latencies.len())?);
        let after = used(pids)?;
        let (client, ours) = ((after.0 - before.0) * a_row, (after.1 - before.1) * a_row);
        latencies.sort_unstable();
        let at = |hundredths: usize| crate::river::at_ms(&latencies, hundredths);
        eprintln!(
            "{NAME} run {number}: p50 {:.1} ms, p99 {:.1} ms of {} rows told to {streams} streams of {count} changes; µs of processor a row: client {client:.0}, materialiser {ours:.0}",
            at(50),
            at(99),
            latencies.len()
        );
        if number > 0 {
            values.push(at(99));
        }
    }
    watching.abort_all();
    site.caught_up().await?;
    site.check(9, 200).await?;
    Ok(Figure {
        name: NAME,
        unit: "ms",
        better: Better::Lower,
        values,
        reference: None,
        workload_hash: site.released.hash(),
        load_average: load,
    })
}

/// CPU-seconds of client and materialiser so far.
fn used([client, ours]: [u32; 2]) -> Result<(f64, f64), NoFigure> {
    Ok((cpu::seconds(client)?, cpu::seconds(ours)?))
}

fn owned(released: &Released) -> HashMap<Vec<u8>, usize> {
    let numbers = released.numbers().into_iter();
    numbers
        .map(|(one, number)| (one.to_vec(), number))
        .collect()
}

/// Opens the streams: the boroughs in turn, one connection for each borough.
fn open(
    site: &Site,
    board: &Arc<Board>,
    streams: usize,
    watching: &mut tokio::task::JoinSet<()>,
) -> Result<(), NoFigure> {
    let mut channels = Vec::new();
    for _ in site.released.councils() {
        let address = Endpoint::from_shared(site.place.address("materialiser"))?;
        channels.push(address.connect_lazy());
    }
    let boroughs = site.released.councils().iter().zip(channels).cycle();
    for (number, (council, channel)) in (0..streams).zip(boroughs) {
        let reader = format!("bench.officer.{number}");
        let caller = TokenRequest::new(&council.to_string(), &reader, ROLE);
        let credential = Credential::minted(site.place.issuer().clone(), caller);
        let client = ViewsClient::new(InterceptedService::new(channel, credential));
        let board = Arc::clone(board);
        watching.spawn(async move {
            if let Err(NoFigure(problem)) = watch(client, &board).await {
                *board.failed.lock() = Some(problem);
            }
        });
    }
    Ok(())
}

async fn watch(client: ViewsClient<Connection>, board: &Board) -> Result<(), NoFigure> {
    let mut client = client.max_decoding_message_size(64 << 20);
    let request = proto::WatchRowsRequest {
        view: VIEW.into(),
        context: Some(context()),
        resume_token: String::new(),
    };
    let mut answers = client.watch_rows(request).await?.into_inner();
    let mut began = false;
    // The last change that this stream was told of each person.
    let mut seen: HashMap<usize, i64> = HashMap::new();
    while let Some(answer) = answers.message().await? {
        let now = Instant::now();
        for row in &answer.rows {
            let Some(change) = change(row) else { continue };
            let person = board.numbers.get(&row.pseudonym).copied();
            let person = person.ok_or_else(|| NoFigure("a row about nobody".to_owned()))?;
            if seen.insert(person, change) == Some(change) {
                // Something else of the row changed.
                continue;
            }
            let intended = board.intended.lock().get(&change).copied();
            if let Some(intended) = intended {
                board.latencies.lock().push(now.duration_since(intended));
            }
        }
        if !answer.more && !began {
            began = true;
            board.first.fetch_add(1, Ordering::Relaxed);
        }
    }
    Err(NoFigure("a watch has ended".to_owned()))
}

/// The number of the change that a row has, if it has one.
fn change(row: &proto::Row) -> Option<i64> {
    let cell = row
        .cells
        .iter()
        .find(|cell| cell.column == "arrears_pence")?;
    match cell.value {
        Some(Value::Number(pence)) if pence > MARKED => Some(pence - MARKED),
        _ => None,
    }
}

async fn settled(
    board: &Board,
    streams: usize,
    watching: &mut tokio::task::JoinSet<()>,
) -> Result<(), NoFigure> {
    let deadline = Instant::now() + PATIENCE;
    while board.first.load(Ordering::Relaxed) < streams {
        let failed = board.failed.lock().take();
        demand(failed.is_none() && Instant::now() < deadline, || {
            format!(
                "{} of {streams} streams were told all rows, {} run: {failed:?}",
                board.first.load(Ordering::Relaxed),
                watching.len()
            )
        })?;
        tokio::time::sleep(TICK).await;
    }
    Ok(())
}

/// Changes in an open loop, about one person after another; then every stream must have been told of all that concerns it.
async fn one(
    site: &mut Site,
    board: &Board,
    (before, count, per_second): (u32, u32, u32),
    streams: usize,
) -> Result<Vec<Duration>, NoFigure> {
    let appender = site.place.kafka.appender(LINGER)?;
    let mut wanted = 0;
    let start = Instant::now() + Duration::from_millis(50);
    for number in 0..count {
        let intended = start + Duration::from_secs(1) * number / per_second;
        tokio::time::sleep_until(intended).await;
        let change = before + number + 1;
        let person = usize::try_from(change)? % site.released.people();
        let event = site.released.mark(person, change);
        let record = site.released.record(&event, &site.names)?;
        board.intended.lock().insert(i64::from(change), intended);
        appender.append(vec![record], Box::new(drop));
        site.told(&event);
        let borough = site.released.council(person);
        wanted += streams / BOROUGHS + usize::from(borough < streams % BOROUGHS);
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = board.latencies.lock().len();
        if told == wanted {
            return Ok(std::mem::take(&mut *board.latencies.lock()));
        }
        let failed = board.failed.lock().take();
        demand(
            told < wanted && failed.is_none() && Instant::now() < deadline,
            || format!("{told} rows of {wanted} were told: {failed:?}"),
        )?;
        tokio::time::sleep(TICK).await;
    }
}
