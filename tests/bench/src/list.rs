//! `list.p99_ms`: the first fifty rows by rank among 20,000 people whose rows the reader may see, each list read on record before its answer, one after
//! another, while events about these people come in the background.
//!
//! At the end the whole list is paged through: every person of whom anything was told is in it once, in order, and its rows say what the events say.

use crate::figure::{Better, Figure, load_average};
use crate::site::{Site, VIEW, context};
use crate::{Args, NoFigure, RUNS, demand};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use walbrook_proto::view::v1 as proto;

/// Its name.
pub const NAME: &str = "list.p99_ms";
/// People, all of one borough.
const PEOPLE: usize = 20_000;
/// Events told before.
const EVENTS: usize = 100_000;
/// Lists of a run, and the most seconds that they may take: short form, stated size.
const LISTS: ((usize, u64), (usize, u64)) = ((200, 6), (1_000, 60));
/// An event comes after every so many lists: so the rows change as they are read.
const EVENTS_BETWEEN: usize = 5;
const PAGE: u32 = 50;
const WHOLE_PAGE: u32 = 500;

/// Runs it.
///
/// # Errors
/// Why there is no figure.
pub async fn run(args: &Args) -> Result<Figure, NoFigure> {
    let load = load_average();
    let (lists, seconds) = if args.full { LISTS.1 } else { LISTS.0 };
    let mut site = Site::start(PEOPLE, 1, args.seed).await?;
    site.pour(1, EVENTS).await?;
    site.caught_up().await?;
    site.answers().await?;
    let mut values = Vec::new();
    for number in 0..=RUNS {
        let mut took = one(&mut site, u64::try_from(number)? + 2, (lists, seconds)).await?;
        took.sort_unstable();
        let at = |hundredths: usize| crate::river::at_ms(&took, hundredths);
        eprintln!(
            "{NAME} run {number}: p50 {:.2} ms, p99 {:.2} ms of {} lists",
            at(50),
            at(99),
            took.len()
        );
        if number > 0 {
            values.push(at(99));
        }
    }
    site.caught_up().await?;
    whole(&site).await?;
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

fn question(size: u32, token: &str) -> proto::ListRowsRequest {
    proto::ListRowsRequest {
        view: VIEW.into(),
        context: Some(context()),
        page_size: size,
        page_token: token.to_owned(),
        ..proto::ListRowsRequest::default()
    }
}

async fn one(
    site: &mut Site,
    run: u64,
    (lists, seconds): (usize, u64),
) -> Result<Vec<Duration>, NoFigure> {
    let until = Instant::now() + Duration::from_secs(seconds);
    let events: Vec<_> = site.released.events(run, lists * EVENTS_BETWEEN).collect();
    let mut took = Vec::new();
    let mut client = site.client(0)?;
    for events in events.chunks(EVENTS_BETWEEN) {
        let began = Instant::now();
        let page = client.list_rows(question(PAGE, "")).await?.into_inner();
        took.push(began.elapsed());
        demand(page.rows.len() == usize::try_from(PAGE)?, || {
            format!("a list of {} rows", page.rows.len())
        })?;
        in_order(&page.rows)?;
        if Instant::now() > until {
            break;
        }
        site.tell(events).await?;
    }
    Ok(took)
}

fn in_order(rows: &[proto::Row]) -> Result<(), NoFigure> {
    let ranks = rows
        .iter()
        .map(|row| (std::cmp::Reverse(row.points_hundredths), &row.pseudonym));
    demand(ranks.is_sorted(), || "a list is out of order".to_owned())
}

/// Everybody is listed once, in order, and rows say what the events say.
async fn whole(site: &Site) -> Result<(), NoFigure> {
    let mut client = site.client(0)?;
    let (mut token, mut rows, mut total) = (String::new(), Vec::new(), 0);
    loop {
        let page = client
            .list_rows(question(WHOLE_PAGE, &token))
            .await?
            .into_inner();
        total = page.total.max(total);
        rows.extend(page.rows);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    in_order(&rows)?;
    let listed: BTreeSet<&[u8]> = rows.iter().map(|row| row.pseudonym.as_slice()).collect();
    let known = (0..site.released.people()).filter(|person| site.naive.is_known(*person));
    let known = known.count();
    demand(
        listed.len() == known && rows.len() == known && usize::try_from(total)? == known,
        || {
            format!(
                "{} people listed in {} rows of {total}, {known} are known",
                listed.len(),
                rows.len()
            )
        },
    )?;
    let numbers = site.released.numbers();
    for row in &rows {
        let person = numbers.get(row.pseudonym.as_slice()).copied();
        let person = person.ok_or_else(|| NoFigure("a row about nobody".to_owned()))?;
        site.naive.check(person, Some(row))?;
    }
    Ok(())
}
