//! `walbrook evaluate`: how well the points in a view tell what comes next, against simple rules, on people of whom it is known.
//!
//! The rows are those of the view's own code, folded from events up to the end of an index day; what is told later is not read. Who met the street
//! next stands in a file of its own, which is only held against the rows afterwards.

pub mod chart;
pub mod fold;
pub mod lines;
pub mod measure;
pub mod open;
pub mod record;
pub mod report;
pub mod score;
pub mod truth;

#[cfg(test)]
mod tests;

use crate::table::print;
use crate::{Exit, Failure};
use clap::{Args, Subcommand};
use fold::Fold;
use lines::{Lines, Told};
use measure::Ranked;
use report::{Report, Tool};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use truth::Truth;
use walbrook_domain::Day;
use walbrook_view::View;

/// The simple rules that the points in the view are held against.
pub const SIMPLE: &str = include_str!("evaluate/simple.toml");

/// Measure what a view is worth.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// What to do
    #[command(subcommand)]
    pub command: EvaluateCommand,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum EvaluateCommand {
    /// How many of those whom the view puts first are met on the street next, against simple rules; offline, from files of `walbrook city events`
    RoughSleeping(RoughSleepingArgs),
}

/// What is measured on what.
#[derive(Debug, Clone, Args)]
pub struct RoughSleepingArgs {
    /// The events, as `walbrook city events --out` writes them
    #[arg(value_name = "EVENTS")]
    pub events: PathBuf,
    /// The folder of what is true, as `walbrook city events --truth` writes it; its index days are those measured
    #[arg(long, value_name = "FOLDER")]
    pub truth: PathBuf,
    /// The view file, with the points that are measured
    #[arg(
        long,
        value_name = "FILE",
        default_value = "deploy/views/rough_sleeping_risk.toml"
    )]
    pub view: PathBuf,
    /// Other points than the view's: points for each of its rules, and bands
    #[arg(long, value_name = "FILE")]
    pub score: Option<PathBuf>,
    /// What they are held against, in the same form; four simple rules of a point each when left out
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// The role whose points are measured: some roles see fewer columns, and so fewer rules
    #[arg(long, value_name = "ROLE", default_value = "housing-options-officer")]
    pub role: String,
    /// How many people a team can see to
    #[arg(long, value_name = "PEOPLE", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub capacity: u32,
    /// Met bedded down within so many days
    #[arg(long, value_name = "DAYS", default_value = "90", value_parser = ["90", "180"])]
    pub within: String,
    /// Draw the chart here
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write a record of the tool in the shape of the Algorithmic Transparency Recording Standard: JSON, or Markdown for a name that ends in .md
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs one of them.
///
/// # Errors
/// Each command says its own.
pub fn run(args: &EvaluateArgs) -> Result<Exit, Failure> {
    match &args.command {
        EvaluateCommand::RoughSleeping(args) => rough_sleeping(args),
    }
}

/// Measures and prints. Ends with [`Exit::Difference`] where the points are not shown to be better than the simple rules: then those are to ship.
///
/// # Errors
/// When a file cannot be read or written, or is not what it should be.
pub fn rough_sleeping(args: &RoughSleepingArgs) -> Result<Exit, Failure> {
    let truth = Truth::read(&args.truth)?;
    let text = std::fs::read_to_string(&args.view).map_err(cannot("read", &args.view))?;
    let shipped = view(&args.view.display().to_string(), &text)?;
    let of = |path: &Path| {
        let text = std::fs::read_to_string(path).map_err(cannot("read", path))?;
        score::scored(&shipped, &path.display().to_string(), &text)
    };
    let simple = match &args.baseline {
        Some(path) => of(path)?,
        None => score::scored(&shipped, "the simple rules", SIMPLE)?,
    };
    let score = match &args.score {
        Some(path) => of(path)?,
        None => shipped,
    };
    let file = File::open(&args.events).map_err(cannot("read", &args.events))?;
    let ranked = ranked(
        BufReader::with_capacity(1 << 20, file),
        &args.events,
        &truth,
        [&score, &simple],
        &args.role,
    )?;
    let within = args.within.parse().unwrap_or(90);
    let report = Report::new(&truth, &ranked, [&score, &simple], args.capacity, within);
    if let Some(path) = &args.svg {
        std::fs::write(path, chart::svg(&report)).map_err(cannot("write", path))?;
    }
    if let Some(path) = &args.record {
        let text = if path.extension().is_some_and(|ending| ending == "md") {
            record::markdown(&report, &score)
        } else {
            format!("{:#}\n", record::json(&report, &score))
        };
        std::fs::write(path, text).map_err(cannot("write", path))?;
    }
    if args.json {
        print(&format!("{:#}\n", report.json()));
    } else {
        print(&report.rendered());
    }
    Ok(match report.verdict.ships {
        Tool::Score => Exit::Done,
        Tool::Simple => Exit::Difference,
    })
}

/// The rows of both views on each index day, as a role sees them, from the lines told up to the end of that day. Lines must stand in the order in which they were told.
///
/// # Errors
/// When a line is no event, is out of order, or is of a record that the truth does not know.
pub fn ranked(
    events: impl BufRead,
    path: &Path,
    truth: &Truth,
    views: [&View; 2],
    role: &str,
) -> Result<Vec<Ranked>, Failure> {
    let reader = Lines::new(&views)
        .ok_or_else(|| Failure::new(Exit::Internal, "the contracts describe no events"))?;
    let mut fold = Fold::new(role);
    let mut ranked = Vec::new();
    let mut days = truth.index_days();
    let mut next = days.next();
    let mut last = Day(i32::MIN);
    for (number, line) in events.lines().enumerate() {
        let line = line.map_err(cannot("read", path))?;
        let wrong = |problem: &str| {
            let place = format!("{}, line {}: {problem}", path.display(), number + 1);
            Failure::new(Exit::Input, place)
        };
        let told = reader.read(&line).map_err(|problem| wrong(&problem))?;
        if told.on < last {
            return Err(wrong("told before the line above it; lines stand in order"));
        }
        last = told.on;
        while let Some(day) = next.filter(|day| *day < told.on) {
            ranked.push(
                fold.ranked(day, truth, views)
                    .map_err(|error| wrong(&error))?,
            );
            next = days.next();
        }
        // What is told after the last index day is not even taken in.
        if next.is_none() {
            return Ok(ranked);
        }
        let Told { event, .. } = told;
        if let Some(event) = event {
            let person = truth
                .person(&event.handle)
                .ok_or_else(|| wrong("of a record that who.csv does not name"))?;
            fold.take(event, person);
        }
    }
    while let Some(day) = next {
        let wrong = |error| Failure::new(Exit::Input, format!("{}: {error}", path.display()));
        ranked.push(fold.ranked(day, truth, views).map_err(wrong)?);
        next = days.next();
    }
    Ok(ranked)
}

/// A view that carries points, from its file.
///
/// # Errors
/// Every fault of the file; or that it has no points.
pub fn view(name: &str, text: &str) -> Result<View, Failure> {
    let catalogue = walbrook_view::file::catalogue();
    let view = walbrook_view::file::read(name, text, &catalogue)
        .map_err(|faults| Failure::new(Exit::Input, faults))?;
    if !view.points {
        let problem = format!("{name}: a view without points ranks nobody");
        return Err(Failure::new(Exit::Input, problem));
    }
    Ok(view)
}

fn cannot(what: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::new(Exit::Input, format!("cannot {what} {path}: {error}"))
}
