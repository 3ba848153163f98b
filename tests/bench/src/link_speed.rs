//! `link.load_s`, `link.known_per_s`, `link.strong_per_s`, `link.start_s`: identity's first load of a city's services over gRPC until every link is durable,
//! and what it does with them held. `link.new_record_p99_ms`: the linking step of one new record at as many held (`step`).
//!
//! Records are the generator's, with its errors, compared under the repository's matching agreement with strong tokens and the shipped model. After the load
//! every record must have its link on the log, and the persons on the log are measured against the generator's truth: a fast load that links wrongly is no
//! figure.

mod city;
mod step;

use crate::figure::{Better, Figure, load_average};
use crate::{Args, NoFigure, demand, town};
use city::{Judged, Load};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::identity::v1::{Demographics, LinkItem, LinkRequest};
use walbrook_runtime::callers::{TokenRequest, role};
use walbrook_testkit::cluster::http_ok;
use walbrook_tests::backbone::{Backbone, Connection, Options};

/// First load.
pub const LOAD: &str = "link.load_s";
/// One new record.
pub const NEW: &str = "link.new_record_p99_ms";
/// Known handles.
pub const KNOWN: &str = "link.known_per_s";
/// Strong tokens.
pub const STRONG: &str = "link.strong_per_s";
/// Start with a snapshot.
pub const START: &str = "link.start_s";
/// Records: short form, stated size.
const RECORDS: (usize, usize) = (100_000, 1_000_000);
/// Records of a call, and calls at a time.
const CALL: usize = 1_000;
const CALLS: usize = 8;
/// Starts of which the median is the figure.
const STARTS: usize = 3;
/// New records that are linked one by one over gRPC, for the latency of the whole call.
const SINGLE: usize = 300;
const PATIENCE: Duration = Duration::from_secs(600);
const MIB: f64 = 1_048_576.0;

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let load_average = load_average();
    let records = if args.full { RECORDS.1 } else { RECORDS.0 };
    let load = Arc::new(Load::new(records, args.seed)?);
    let mut figures: Vec<(&'static str, &'static str, Better, Vec<f64>)> = Vec::new();
    if wanted.contains(&NEW) {
        figures.push((NEW, "ms", Better::Lower, vec![step::p99_ms(&load)?]));
    }
    if wanted.iter().any(|name| *name != NEW) {
        let (place, _keys) = start(&load).await?;
        let took = first_load(&place, &load).await?;
        figures.push((LOAD, "s", Better::Lower, vec![took]));
        let known = known(&place, &load).await?;
        figures.push((KNOWN, "/s", Better::Higher, vec![known]));
        let strong = strong(&place, &load).await?;
        figures.push((STRONG, "/s", Better::Higher, vec![strong]));
        single(&place, &load).await?;
        figures.push((START, "s", Better::Lower, starts(&place)?));
    }
    figures.retain(|(name, ..)| wanted.contains(name));
    let made = figures
        .into_iter()
        .map(|(name, unit, better, values)| Figure {
            name,
            unit,
            better,
            values,
            reference: None,
            workload_hash: load.hash.clone(),
            load_average,
        });
    Ok(made.collect())
}

/// Identity, the broker that registers its schemas and follows its links all the while, and the matching agreement signed by everybody who holds records; and
/// the folder of their keys, which every later start reads again.
async fn start(load: &Load) -> Result<(Backbone, tempfile::TempDir), NoFigure> {
    let folder = tempfile::tempdir()?;
    let keys = folder.path().join("keys");
    town::create_keys(&keys)?;
    let place = Backbone::start(Options::only(&["identity", "broker"]).with_keys(&keys)).await;
    let file = walbrook_tests::backbone::root().join("deploy/agreements/london-matching.toml");
    let document = std::fs::read_to_string(file)?;
    let organisations = load.organisations();
    let parties: Vec<&str> = organisations.iter().map(String::as_str).collect();
    place.agree(&document, &parties).await;
    Ok((place, folder))
}

fn client(place: &Backbone, agency: &str) -> IdentityClient<Connection> {
    let caller = TokenRequest::new("WALBROOK:local", agency, role::SERVICE);
    IdentityClient::new(place.connect_patiently("identity", caller))
}

/// Sends calls, so many at a time; each item must be linked. Returns the seconds from the first call to the last answer, and the handles in order.
async fn send(
    place: &Backbone,
    calls: impl IntoIterator<Item = Vec<LinkItem>>,
) -> Result<(f64, Vec<Vec<u8>>), NoFigure> {
    type Answered = (usize, Vec<Vec<u8>>);
    let mut running: JoinSet<Result<Answered, NoFigure>> = JoinSet::new();
    let mut answers: Vec<Answered> = Vec::new();
    let mut clients = std::collections::BTreeMap::new();
    let began = Instant::now();
    for (number, items) in calls.into_iter().enumerate() {
        while running.len() >= CALLS {
            if let Some(done) = running.join_next().await {
                answers.push(done??);
            }
        }
        let agency = items.first().map(|item| item.agency.clone());
        let agency = agency.unwrap_or_default();
        let client = clients
            .entry(agency.clone())
            .or_insert_with(|| client(place, &agency));
        let mut client = client.clone();
        running.spawn(async move {
            let sent = items.len();
            let answer = client.link(LinkRequest { items }).await?.into_inner();
            let linked = answer.outcomes.iter().filter(|outcome| outcome.linked);
            let linked = linked.count();
            demand(linked == sent, || format!("{linked} of {sent} were linked"))?;
            let handles = answer.outcomes.into_iter().map(|outcome| outcome.handle);
            Ok((number, handles.collect()))
        });
    }
    while let Some(done) = running.join_next().await {
        answers.push(done??);
    }
    let took = began.elapsed().as_secs_f64();
    answers.sort_unstable();
    let handles = answers.into_iter().flat_map(|(_, handles)| handles);
    Ok((took, handles.collect()))
}

async fn first_load(place: &Backbone, load: &Load) -> Result<f64, NoFigure> {
    let calls = load.calls(CALL);
    let before = (
        cpu_seconds(place)?,
        crate::cpu::seconds(std::process::id())?,
    );
    let (took, handles) = send(place, calls).await?;
    let cpu = cpu_seconds(place)? - before.0;
    let client = crate::cpu::seconds(std::process::id())? - before.1;
    let (now, most) = memory(place)?;
    let judged = Judged::of(&place.links(), &handles, load)?;
    eprintln!(
        "{LOAD}: {} records in {took:.1} s ({:.0}/s, {:.1} µs of identity's processor time each, {:.1} of the client's); {:.0} MiB now, {:.0} MiB at most \
         ({:.0} bytes a record); persons {}; pairwise precision {:.4}, recall {:.4}, F1 {:.4}",
        load.len(),
        load.count() / took,
        cpu * 1e6 / load.count(),
        client * 1e6 / load.count(),
        now / MIB,
        most / MIB,
        now / load.count(),
        judged.persons,
        judged.precision,
        judged.recall,
        judged.f1,
    );
    demand(judged.links == load.len(), || {
        format!("{} links for {} records", judged.links, load.len())
    })?;
    // What the model reaches is its own figure; a load that joined nobody, or everybody, is none.
    demand(judged.precision > 0.95 && judged.recall > 0.5, || {
        "the load linked wrongly".to_owned()
    })?;
    Ok(took)
}

/// Known handles that say nothing new.
async fn known(place: &Backbone, load: &Load) -> Result<f64, NoFigure> {
    let asked = load.calls(CALL).into_iter().take(200).map(|mut items| {
        items.iter_mut().for_each(|item| item.demographics = None);
        items
    });
    let asked: Vec<_> = asked.collect();
    let count: usize = asked.iter().map(Vec::len).sum();
    let (took, _) = send(place, asked).await?;
    let per_second = city::number(count) / took;
    eprintln!("{KNOWN}: {count} in {took:.2} s: {per_second:.0}/s");
    Ok(per_second)
}

/// Records of another organisation that show a number and nothing else: each is joined with the person who has it.
async fn strong(place: &Backbone, load: &Load) -> Result<f64, NoFigure> {
    let items = load.by_number("strong", 50_000);
    let count = items.len();
    let calls: Vec<Vec<LinkItem>> = items.chunks(CALL).map(<[_]>::to_vec).collect();
    let (took, _) = send(place, calls).await?;
    let per_second = city::number(count) / took;
    eprintln!("{STRONG}: {count} in {took:.2} s: {per_second:.0}/s");
    Ok(per_second)
}

/// One new record after another, each in a call of its own: the latency of the whole call, of which the commit is nearly all.
async fn single(place: &Backbone, load: &Load) -> Result<(), NoFigure> {
    let mut took = Vec::new();
    let mut client = client(place, "housing");
    for number in 0..SINGLE {
        let mut item = load.item(number * 7);
        item.agency = "housing".to_owned();
        item.token = city::token("single", number);
        if let Some(stated) = &mut item.demographics {
            *stated = Demographics {
                nhs_number: String::new(),
                ..stated.clone()
            };
        }
        let began = Instant::now();
        client.link(LinkRequest { items: vec![item] }).await?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    let at = |hundredths: usize| took.get(took.len() * hundredths / 100).copied();
    eprintln!(
        "{NEW}: the whole call, alone: p50 {:.2} ms, p99 {:.2} ms",
        at(50).unwrap_or(0.0),
        at(99).unwrap_or(0.0)
    );
    Ok(())
}

/// Seconds from launch to ready, from the snapshot that the stop before wrote.
fn starts(place: &Backbone) -> Result<Vec<f64>, NoFigure> {
    let mut values = Vec::new();
    for run in 1..=STARTS {
        place.stop("identity");
        let began = Instant::now();
        place.relaunch("identity");
        let health = place
            .metrics_url("identity")
            .replace("/metrics", "/healthz");
        while !http_ok(&health) {
            let gave_up = place.log_of("identity", 1).contains("cannot start");
            demand(began.elapsed() < PATIENCE && !gave_up, || {
                format!("identity is not ready\n{}", place.log_of("identity", 20))
            })?;
            std::thread::sleep(Duration::from_millis(10));
        }
        let took = began.elapsed().as_secs_f64();
        let log = place.whole_log_of("identity");
        let restored = log
            .matches("starting from the snapshot of identity")
            .count();
        demand(restored == run, || {
            format!(
                "a start read the whole log\n{}",
                place.log_of("identity", 20)
            )
        })?;
        let (now, _) = memory(place)?;
        eprintln!("{START} run {run}: {took:.2} s, {:.0} MiB", now / MIB);
        values.push(took);
    }
    Ok(values)
}

/// Resident bytes of identity now, and at most so far.
fn memory(place: &Backbone) -> Result<(f64, f64), NoFigure> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", place.pid("identity")))?;
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        kib.map(|kib| kib * 1_024.0)
            .ok_or_else(|| NoFigure(format!("the system does not say {name}")))
    };
    Ok((of("VmRSS:")?, of("VmHWM:")?))
}

fn cpu_seconds(place: &Backbone) -> Result<f64, NoFigure> {
    crate::cpu::seconds(place.pid("identity"))
}
