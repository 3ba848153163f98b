//! How right linking is, and how fast, beside Splink on the same records in the same run. Both sides train on the records without labels; the truth is
//! looked at only afterwards, by one piece of code for both.
//!
//! Two sets of records: Splink's own sample fake_1000, where it is at hand, and records of `walbrook city people`. Two ways of looking at each: pairs
//! by themselves, and persons (whoever hangs together by pairs of at least a threshold), at the best threshold for either side.

use crate::figure::{Better, Figure, Reference, load_average};
use crate::splink::{Recipe, Splink};
use crate::{Args, NoFigure, cpu, demand};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use walbrook_cli::city::residents::command::{PeopleArgs, write};
use walbrook_cli::identity::evaluate::linking;
use walbrook_cli::identity::evaluate::measure::{AtThreshold, Quality, Thresholds, sweep};
use walbrook_cli::identity::evaluate::scores;
use walbrook_cli::identity::file::{self, Row};
use walbrook_matching::{Features, Model, Plan, train};
use walbrook_tests::backbone::root;

/// Best F1, ours beside Splink's: of the comparisons that were made the one that is least in our favour.
pub const F1: &str = "link.f1_vs_splink";
/// Precision of pairs at the automatic threshold, as identity itself links: the lesser of the sets.
pub const PRECISION: &str = "link.precision";
/// Records a second from a file to trained, scored and put together as persons.
pub const SPEED: &str = "link.vs_splink";

/// Records of the generator for quality.
const RECORDS: u64 = 20_000;
/// Records of the generator for speed.
const FAST_RECORDS: u64 = 100_000;
/// The day on which the generator's people have their ages: the same records whenever this runs.
const TODAY: &str = "2026-10-01";

/// Records and whose they are.
struct Set {
    name: &'static str,
    recipe: Recipe,
    path: PathBuf,
    rows: Vec<Row>,
    persons: Vec<u64>,
}

impl Set {
    fn read(
        name: &'static str,
        recipe: Recipe,
        path: PathBuf,
        truth: &Path,
    ) -> Result<Self, NoFigure> {
        let rows = file::records(&path).map_err(|failure| NoFigure(failure.text()))?;
        let persons = file::truth(truth, &rows)
            .map_err(|failure| NoFigure(failure.text()))?
            .persons;
        Ok(Self {
            name,
            recipe,
            path,
            rows,
            persons,
        })
    }

    /// Splink's sample, unless the samples are not here.
    fn fake_1000() -> Result<Option<Self>, NoFigure> {
        let path = root().join("../shared/data/linkage/fake_1000.csv");
        if !path.exists() {
            eprintln!("fake_1000 is left out: {} is not there", path.display());
            return Ok(None);
        }
        Self::read("fake_1000", Recipe::Fake1000, path.clone(), &path).map(Some)
    }

    fn people(folder: &Path, seed: u64, records: u64) -> Result<Self, NoFigure> {
        let (out, truth) = (
            folder.join(format!("people-{records}.csv")),
            folder.join(format!("truth-{records}.csv")),
        );
        let args = PeopleArgs {
            records,
            seed,
            today: Some(TODAY.to_owned()),
            out: out.clone(),
            truth: truth.clone(),
        };
        write(&args).map_err(|failure| NoFigure(failure.text()))?;
        Self::read("people", Recipe::People, out, &truth)
    }

    fn places(&self) -> HashMap<String, u32> {
        self.rows
            .iter()
            .map(|row| row.name.clone())
            .zip(0..)
            .collect()
    }

    fn hash(&self) -> Result<String, NoFigure> {
        Ok(hex::encode(Sha256::digest(std::fs::read(&self.path)?)))
    }

    /// A model trained on these records, without labels.
    fn trained(&self, seed: u64) -> Result<Model, NoFigure> {
        let features: Vec<Features> = self.rows.iter().map(|row| row.stated.features()).collect();
        let plan = Plan {
            name: "bench".to_owned(),
            version: 1,
            on: self.name.to_owned(),
            day: TODAY.to_owned(),
            seed,
            rounds: linking::TRAINING_ROUNDS,
            least_records: 0,
        };
        Ok(train(&features, &plan)?)
    }

    /// How right identity itself links these records under a model.
    fn linked(&self, model: Model) -> Quality {
        let found = linking::link(&self.rows, model).persons;
        Quality::of(
            self.persons
                .iter()
                .zip(&found)
                .map(|(person, cluster)| (*person, *cluster, true)),
        )
    }
}

/// The best thresholds of one side on one set: pairs by themselves, and persons.
type Best = (Thresholds, Thresholds);

/// Measures what is asked for.
///
/// # Errors
/// When records cannot be made or a side fails.
pub async fn run(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let (args, wanted) = (args.clone(), wanted.to_vec());
    tokio::task::spawn_blocking(move || measure(&args, &wanted)).await?
}

fn measure(args: &Args, wanted: &[&'static str]) -> Result<Vec<Figure>, NoFigure> {
    let folder = tempfile::tempdir()?;
    let splink = Splink::install()
        .inspect_err(|NoFigure(why)| eprintln!("no Splink beside ours: {why}"))
        .ok();
    let mut figures = Vec::new();
    if wanted.contains(&F1) || wanted.contains(&PRECISION) {
        figures.extend(
            quality(args, splink.as_ref(), folder.path())?
                .into_iter()
                .filter(|figure| wanted.contains(&figure.name)),
        );
    }
    if wanted.contains(&SPEED) {
        figures.push(speed(args, splink.as_ref(), folder.path())?);
    }
    Ok(figures)
}

fn quality(args: &Args, splink: Option<&Splink>, folder: &Path) -> Result<Vec<Figure>, NoFigure> {
    let load = load_average();
    let mut sets: Vec<Set> = Set::fake_1000()?.into_iter().collect();
    sets.push(Set::people(folder, args.seed, RECORDS)?);
    let mut least: Option<(f64, Option<f64>)> = None;
    let mut precision = f64::INFINITY;
    let mut hashes = String::new();
    for set in &sets {
        hashes += &set.hash()?;
        let model = set.trained(args.seed)?;
        let ours: Best = sweep(&set.persons, &scores::scored(&set.rows, &model));
        say(set.name, "ours", &ours);
        let at = model.automatic();
        let linked = set.linked(model);
        say_linked(
            set.name,
            &format!(
                "ours, linked by identity (automatic from {:.4})",
                f64::from(at) / 10_000.0
            ),
            &linked,
        );
        let of = linked
            .by_pairs()
            .precision
            .ok_or_else(|| NoFigure(format!("nothing of {} was linked", set.name)))?;
        precision = precision.min(of);
        let theirs: Option<Best> = match splink {
            Some(splink) => {
                let run = splink.run(set.recipe, &set.path, folder, &set.places())?;
                let best = sweep(&set.persons, &run.scored);
                say(set.name, "Splink", &best);
                Some(best)
            }
            None => None,
        };
        for (ours, theirs) in [
            (ours.0, theirs.map(|best| best.0)),
            (ours.1, theirs.map(|best| best.1)),
        ] {
            let pair = (f1(ours.best), theirs.map(|of| f1(of.best)));
            let ratio = |(ours, theirs): (f64, Option<f64>)| ours / theirs.unwrap_or(1.0);
            if least.is_none_or(|least| ratio(pair) < ratio(least)) {
                least = Some(pair);
            }
        }
    }
    let (ours, theirs) = least.ok_or_else(|| NoFigure("no records".to_owned()))?;
    let figure = |name, value, reference| Figure {
        name,
        unit: "share",
        better: Better::Higher,
        values: vec![value],
        reference,
        workload_hash: hex::encode(Sha256::digest(&hashes)),
        load_average: load,
    };
    let peer = theirs.map(|value| Reference {
        name: "splink",
        values: vec![value],
    });
    Ok(vec![
        figure(F1, ours, peer),
        figure(PRECISION, precision, None),
    ])
}

fn speed(args: &Args, splink: Option<&Splink>, folder: &Path) -> Result<Figure, NoFigure> {
    let load = load_average();
    let set = Set::people(folder, args.seed, FAST_RECORDS)?;
    let (began, used) = (Instant::now(), cpu::seconds(std::process::id())?);
    // Everything from the file on: reading is part of it for Splink too.
    let again = Set {
        rows: file::records(&set.path).map_err(|failure| NoFigure(failure.text()))?,
        persons: set.persons.clone(),
        path: set.path.clone(),
        ..set
    };
    let model = again.trained(args.seed)?;
    let trained_s = began.elapsed().as_secs_f64();
    let found = linking::link(&again.rows, model).persons;
    let (took_s, cpu_s) = (
        began.elapsed().as_secs_f64(),
        cpu::seconds(std::process::id())? - used,
    );
    let linked = Quality::of(
        again
            .persons
            .iter()
            .zip(&found)
            .map(|(person, cluster)| (*person, *cluster, true)),
    );
    demand(
        found.len() == again.rows.len() && linked.right_pairs > 0,
        || "not every record was linked".to_owned(),
    )?;
    say_linked(
        again.name,
        &format!(
            "ours, {FAST_RECORDS} records in {took_s:.1} s ({cpu_s:.1} CPU-s; {trained_s:.1} s of it training)"
        ),
        &linked,
    );
    let records = FAST_RECORDS as f64;
    let reference = match splink {
        Some(splink) => {
            let run = splink.run(again.recipe, &again.path, folder, &again.places())?;
            let (alone, together) = sweep(&again.persons, &run.scored);
            eprintln!(
                "  Splink, {FAST_RECORDS} records in {:.1} s ({:.1} CPU-s, {:.0} MiB)",
                run.took_s, run.cpu_s, run.peak_mib
            );
            say(again.name, "Splink", &(alone, together));
            Some(Reference {
                name: "splink",
                values: vec![records / run.took_s],
            })
        }
        None => None,
    };
    Ok(Figure {
        name: SPEED,
        unit: "records/s",
        better: Better::Higher,
        values: vec![records / took_s],
        reference,
        workload_hash: again.hash()?,
        load_average: load,
    })
}

fn f1(at: Option<AtThreshold>) -> f64 {
    at.and_then(|at| at.quality.by_pairs().f1).unwrap_or(0.0)
}

fn say(set: &str, side: &str, best: &Best) {
    for (what, thresholds) in [("pairs", &best.0), ("persons", &best.1)] {
        for (which, at) in [
            ("best F1", thresholds.best),
            ("precision >= 0.99", thresholds.precise),
        ] {
            match at {
                Some(at) => say_linked(
                    set,
                    &format!("{side}, {what}, {which} (from {:.2} bits)", at.score),
                    &at.quality,
                ),
                None => eprintln!("  {set}: {side}, {what}, {which}: at no threshold"),
            }
        }
    }
}

fn say_linked(set: &str, what: &str, quality: &Quality) {
    let of = quality.by_pairs();
    let shown =
        |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{share:.4}"));
    eprintln!(
        "  {set}: {what}: precision {} recall {} F1 {}",
        shown(of.precision),
        shown(of.recall),
        shown(of.f1)
    );
}
