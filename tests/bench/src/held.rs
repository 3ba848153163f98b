//! `view.bytes_per_person`: the materialiser's memory for each person held, after a start from its store, less that of the same process without anybody.
//! Each person has two subject records and a few events of four kinds.
//!
//! After each start rows drawn by chance are compared with what the events say.

use crate::figure::{Better, Figure, load_average};
use crate::site::{Site, bytes_under};
use crate::{Args, NoFigure, RUNS};
use std::time::Instant;

/// Its name.
pub const NAME: &str = "view.bytes_per_person";
/// People: short form, stated size.
const PEOPLE: (usize, usize) = (100_000, 1_000_000);
/// Events about each, on average.
const EVENTS: usize = 5;
const BOROUGHS: usize = 4;
const CHECKED: usize = 200;

/// Runs it.
///
/// # Errors
/// Why there is no figure.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub async fn run(args: &Args) -> Result<Figure, NoFigure> {
    let load = load_average();
    let people = if args.full { PEOPLE.1 } else { PEOPLE.0 };
    let mut site = Site::start(people, BOROUGHS, args.seed).await?;
    site.pour(1, people * EVENTS).await?;
    site.caught_up().await?;
    let filled = site.memory()?;
    let mut values = Vec::new();
    for number in 1..=RUNS {
        site.place.stop("materialiser");
        let began = Instant::now();
        site.place.restart("materialiser");
        site.restarted();
        let took = began.elapsed().as_secs_f64();
        site.check(u64::try_from(number)?, CHECKED).await?;
        let each = site.memory()? / people as f64;
        eprintln!(
            "{NAME} run {number}: {each:.0} bytes for each of {people} people with {EVENTS} events each, started in {took:.1} s"
        );
        values.push(each);
    }
    eprintln!(
        "{NAME}: {:.0} bytes of memory a person while it was filled, {:.0} on disk",
        filled / people as f64,
        bytes_under(&site.store())? as f64 / people as f64
    );
    Ok(Figure {
        name: NAME,
        unit: "bytes",
        better: Better::Lower,
        values,
        reference: None,
        workload_hash: site.released.hash(),
        load_average: load,
    })
}
