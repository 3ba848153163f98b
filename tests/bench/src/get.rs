//! `get.p50_ms`, `get.p99_ms`: single rows of the rough-sleeping view, each read on record before its answer, asked for in an open loop: reads start at
//! their intended times whatever the ones before do, and a read's latency counts from its intended time. `get.max_per_s`: the most reads a second of
//! which 99 in a hundred are answered within 20 ms, in steps of a tenth.
//!
//! Rows are asked for by purpose pseudonym, as a tool does that shows a list and opens one of its rows: so identity's own limit on look-ups does
//! not decide the figure. The tool holds what the list told it of the view and its sources, and names it (`known_standing`). The gateways and
//! identity, which made the city, are stopped before: they have no part in a read.

use crate::figure::{Better, Figure, load_average};
use crate::{Args, NoFigure, RUNS, cpu, demand, town};
use prost_types::Timestamp;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use walbrook_eventlog::topics;
use walbrook_proto::audit::v1::ReadRecord;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::view::v1::get_row_request::Subject;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_proto::view::v1::{GetRowRequest, ListRowsRequest, ReadContext};
use walbrook_runtime::callers::{Credential, TokenRequest};
use walbrook_tests::backbone::{Backbone, Connection, Options};

/// The middle.
pub const P50: &str = "get.p50_ms";
/// Its slowest hundredth.
pub const NAME: &str = "get.p99_ms";
/// The most reads a second.
pub const MOST: &str = "get.max_per_s";
/// People of the city: short form, stated size.
const PEOPLE: (usize, usize) = (2_000, 50_000);
/// Reads a second, and seconds of a run.
const LOAD: ((u32, u32), (u32, u32)) = ((500, 6), (5_000, 30));
/// What the most reads a second must keep.
const WITHIN: Duration = Duration::from_millis(20);
/// Where the search for it begins, reads a second, and milliseconds of each trial: short form, stated size.
const FIRST_TRY: u32 = 1_000;
const TRIAL_MS: (u32, u32) = (1_500, 5_000);
/// Seconds of the warm-up.
const WARM_UP_S: u32 = 3;
const VIEW: &str = "rough_sleeping_risk";
const ROLE: &str = "housing-options-officer";
/// Connections over which the reads are spread.
const CONNECTIONS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(120);
const COUNCILS: [&str; 3] = ["GSS:E09000007", "GSS:E09000022", "GSS:E09000033"];
const SERVICES: [&str; 9] = [
    "identity",
    "broker",
    "materialiser",
    "police",
    "health",
    "housing",
    "tfl",
    "social-care",
    "city",
];

/// What has no part in a read.
const MAKERS: [&str; 7] = [
    "identity",
    "police",
    "health",
    "housing",
    "tfl",
    "social-care",
    "city",
];

/// A reader, and a row it may read.
#[derive(Clone)]
struct Case {
    reader: usize,
    pseudonym: Vec<u8>,
}

/// Readers' clients (each organisation on each connection) and the rows to be read.
struct Town {
    clients: Vec<ViewsClient<Connection>>,
    cases: Vec<Case>,
    /// How everything stands for each reader.
    standing: Vec<Vec<u8>>,
    row_time: Timestamp,
    /// Whose time a read takes: client, materialiser.
    pids: [u32; 2],
}

impl Town {
    fn cpu(&self) -> Result<(f64, f64), NoFigure> {
        let [client, materialiser] = self.pids;
        Ok((cpu::seconds(client)?, cpu::seconds(materialiser)?))
    }
}

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let load = load_average();
    let people = if args.full { PEOPLE.1 } else { PEOPLE.0 };
    let (per_second, seconds) = if args.full { LOAD.1 } else { LOAD.0 };
    let folder = tempfile::tempdir()?;
    let (backbone, town) = prepare(people, args, folder.path()).await?;
    eprintln!(
        "{NAME}: {} rows to read, {per_second} reads a second",
        town.cases.len()
    );
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let (mut middles, mut tails, mut most) = (Vec::new(), Vec::new(), Vec::new());
    let mut answered = BTreeMap::new();
    for number in 0..=RUNS {
        let seconds = if number == 0 { WARM_UP_S } else { seconds };
        let before = town.cpu()?;
        let reads = open_loop(&town, (per_second, seconds * 1_000), &mut rng).await?;
        let (after, count) = (town.cpu()?, f64::from(u32::try_from(reads.len())?));
        let a_read = |(after, before): (f64, f64)| (after - before) * 1e6 / count;
        let (client, materialiser) = (a_read((after.0, before.0)), a_read((after.1, before.1)));
        eprintln!(
            "{NAME} run {number}: p50 {:.2} ms, p99 {:.2} ms of {} reads; µs of processor a read: client {client:.0}, materialiser {materialiser:.0}",
            at(&reads, 50),
            at(&reads, 99),
            reads.len()
        );
        if number > 0 {
            middles.push(at(&reads, 50));
            tails.push(at(&reads, 99));
        }
        answered.extend(reads.into_iter().map(|read| (read.id, read.pseudonym)));
    }
    if wanted.contains(&MOST) {
        let mut before = FIRST_TRY;
        for _ in 0..RUNS {
            before = search(&town, before, args.full, &mut rng, &mut answered).await?;
            most.push(f64::from(before));
        }
    }
    verify(&backbone, answered)?;
    if !args.full {
        // Every row shown is computed again; of millions of reads that would take hours.
        let began = Instant::now();
        town::audit(&backbone)?;
        eprintln!("{NAME}: audited in {:.0} s", began.elapsed().as_secs_f64());
    }
    let hash = town::hash(people, args.seed);
    let all = [
        (P50, "ms", Better::Lower, middles),
        (NAME, "ms", Better::Lower, tails),
        (MOST, "reads/s", Better::Higher, most),
    ];
    let wanted = all
        .into_iter()
        .filter(|(name, ..)| wanted.contains(name))
        .map(|(name, unit, better, values)| Figure {
            name,
            unit,
            better,
            values,
            reference: None,
            workload_hash: hash.clone(),
            load_average: load,
        });
    Ok(wanted.collect())
}

/// A city in the view, at rest.
async fn prepare(
    people: usize,
    args: &Args,
    folder: &std::path::Path,
) -> Result<(Backbone, Arc<Town>), NoFigure> {
    let keys = &folder.join("keys");
    town::create_keys(keys)?;
    let backbone = Backbone::start(Options::only(&SERVICES).with_keys(keys)).await;
    let city = town::city(people, args.seed);
    let row_time = Timestamp {
        seconds: city.end.start().micros() / 1_000_000,
        nanos: 0,
    };
    town::agree(&backbone, &city).await?;
    town::send(
        &backbone,
        city.events.into_iter().map(|told| told.event).collect(),
    )
    .await?;
    town::committed(&backbone, &town::raw_partitions(&backbone)).await?;
    let town = Arc::new(settle(&backbone, row_time).await?);
    town::stop(&backbone, &MAKERS);
    Ok((backbone, town))
}

/// The value below which so many hundredths of sorted reads are, ms.
fn at(reads: &[Read], hundredths: usize) -> f64 {
    reads
        .get(reads.len() * hundredths / 100)
        .map_or(0.0, |read| read.latency.as_secs_f64() * 1e3)
}

/// The most reads a second that are answered in time, from a first guess up or down in steps of a tenth.
async fn search(
    town: &Arc<Town>,
    guess: u32,
    full: bool,
    rng: &mut ChaCha8Rng,
    answered: &mut BTreeMap<String, Vec<u8>>,
) -> Result<u32, NoFigure> {
    let trial_ms = if full { TRIAL_MS.1 } else { TRIAL_MS.0 };
    let (mut good, mut rate, mut step) = (None, guess, guess == FIRST_TRY);
    loop {
        let reads = open_loop(town, (rate, trial_ms), rng).await?;
        let (middle, tail) = (at(&reads, 50), at(&reads, 99));
        answered.extend(reads.into_iter().map(|read| (read.id, read.pseudonym)));
        let kept = tail <= WITHIN.as_secs_f64() * 1e3;
        eprintln!("{MOST}: {rate} reads/s, p50 {middle:.2} ms, p99 {tail:.2} ms");
        match (kept, good) {
            (true, _) => {
                good = Some(rate);
                // The first search goes up in large steps until it fails, then looks closer.
                rate = if step { rate * 3 / 2 } else { rate * 11 / 10 };
            }
            (false, Some(known)) if step => {
                step = false;
                rate = known * 11 / 10;
            }
            (false, Some(known)) => return Ok(known),
            (false, None) => {
                step = false;
                rate = rate * 9 / 10;
                demand(rate > 50, || {
                    format!("not even {rate} reads a second are answered within {WITHIN:?}")
                })?;
            }
        }
    }
}

/// Waits until the view holds still, and takes every row the readers may list.
async fn settle(backbone: &Backbone, row_time: Timestamp) -> Result<Town, NoFigure> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let channel = Endpoint::from_shared(backbone.address("materialiser"))?.connect_lazy();
        for council in COUNCILS {
            let caller = TokenRequest::new(council, "bench.officer", ROLE);
            let credential = Credential::minted(backbone.issuer().clone(), caller);
            clients.push(ViewsClient::new(InterceptedService::new(
                channel.clone(),
                credential,
            )));
        }
    }
    let deadline = Instant::now() + PATIENCE;
    let mut before = Vec::new();
    loop {
        let (mut cases, mut standing) = (Vec::new(), Vec::new());
        for reader in 0..COUNCILS.len() {
            let Some(client) = clients.get_mut(reader) else {
                continue;
            };
            let (rows, stands) = list(client, row_time).await?;
            standing.push(stands);
            cases.extend(rows.into_iter().map(|pseudonym| Case { reader, pseudonym }));
        }
        let now: Vec<Vec<u8>> = cases.iter().map(|case| case.pseudonym.clone()).collect();
        if !now.is_empty() && now == before {
            return Ok(Town {
                clients,
                cases,
                standing,
                row_time,
                pids: [std::process::id(), backbone.pid("materialiser")],
            });
        }
        demand(Instant::now() < deadline, || {
            format!(
                "the view does not come to rest: {} rows\n{}",
                now.len(),
                backbone.log_of("materialiser", 20)
            )
        })?;
        before = now;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn list(
    client: &mut ViewsClient<Connection>,
    row_time: Timestamp,
) -> Result<(Vec<Vec<u8>>, Vec<u8>), NoFigure> {
    let (mut rows, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListRowsRequest {
            view: VIEW.into(),
            context: Some(context()),
            page_size: 500,
            page_token: token,
            evaluate_at: Some(row_time),
            ..ListRowsRequest::default()
        };
        let page = client.list_rows(request).await?.into_inner();
        rows.extend(page.rows.into_iter().map(|row| row.pseudonym));
        token = page.next_page_token;
        if token.is_empty() {
            let facts = page.facts.unwrap_or_default();
            return Ok((rows, facts.standing));
        }
    }
}

fn context() -> ReadContext {
    ReadContext {
        role: ROLE.into(),
        case_reference: "BENCH-1".into(),
        ..ReadContext::default()
    }
}

/// One answered read.
struct Read {
    id: String,
    pseudonym: Vec<u8>,
    latency: Duration,
}

async fn open_loop(
    town: &Arc<Town>,
    (per_second, ms): (u32, u32),
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Read>, NoFigure> {
    let start = Instant::now() + Duration::from_millis(50);
    let mut reads = tokio::task::JoinSet::new();
    for number in 0..per_second * ms / 1_000 {
        let intended = start + Duration::from_secs(1) * number / per_second;
        // A read whose time has passed starts at once, and its lateness counts.
        tokio::time::sleep_until(intended).await;
        let Some(case) = town
            .cases
            .get(rng.random_range(0..town.cases.len()))
            .cloned()
        else {
            continue;
        };
        let connection = usize::try_from(number)? % CONNECTIONS;
        let Some(client) = town
            .clients
            .get(connection * COUNCILS.len() + case.reader)
            .cloned()
        else {
            continue;
        };
        let standing = town.standing.get(case.reader).cloned();
        let context = ReadContext {
            known_standing: standing.unwrap_or_default(),
            ..context()
        };
        let asked = (context, town.row_time);
        reads.spawn(async move { get(client, case, asked, intended).await });
    }
    let mut done = Vec::new();
    while let Some(read) = reads.join_next().await {
        done.push(read??);
    }
    done.sort_by_key(|read| read.latency);
    Ok(done)
}

async fn get(
    mut client: ViewsClient<Connection>,
    case: Case,
    (context, row_time): (ReadContext, Timestamp),
    intended: Instant,
) -> Result<Read, NoFigure> {
    let request = GetRowRequest {
        view: VIEW.into(),
        context: Some(context),
        evaluate_at: Some(row_time),
        break_glass: String::new(),
        subject: Some(Subject::Pseudonym(case.pseudonym.clone())),
    };
    let answer = client.get_row(request).await?.into_inner();
    let latency = intended.elapsed();
    let row = answer.row.map(|row| row.pseudonym);
    demand(row.as_ref() == Some(&case.pseudonym), || {
        "a read was answered without the row asked for".to_owned()
    })?;
    let id = answer.facts.map(|facts| facts.read_id).unwrap_or_default();
    Ok(Read {
        id,
        pseudonym: case.pseudonym,
        latency,
    })
}

/// Every answer is on record, as answered and about the person asked for.
fn verify(backbone: &Backbone, mut answered: BTreeMap<String, Vec<u8>>) -> Result<(), NoFigure> {
    for record in backbone.records(topics::READS) {
        let value = record.value.as_deref();
        let (_, body) = walbrook_event::framing::unframe(value)
            .map_err(|error| NoFigure(format!("{error:?}")))?;
        let read = ReadRecord::decode_exact(body)?;
        let Some(pseudonym) = answered.remove(&read.read_id) else {
            continue;
        };
        let right = read.outcome == "ANSWERED"
            && read.operation == "GET"
            && read.asked == [pseudonym.clone()]
            && read
                .answered
                .iter()
                .map(|row| &row.person_pseudonym)
                .eq([&pseudonym]);
        demand(right, || {
            format!(
                "the record of read {} does not tell what was answered",
                read.read_id
            )
        })?;
    }
    demand(answered.is_empty(), || {
        format!("{} answers are not on record", answered.len())
    })
}
