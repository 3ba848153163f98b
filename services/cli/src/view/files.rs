//! View files without a backbone.

use std::path::{Path, PathBuf};

use clap::Args;
use walbrook_view::View;
use walbrook_view::file::{self, Faults};
use walbrook_view::model::{Kind, Population};

use crate::table::table;
use crate::{Exit, Failure};

/// Which files to check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// View files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Which file to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A view file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

fn read(path: &Path) -> Result<Result<View, Faults>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            Exit::Input,
            format!("{} cannot be read: {error}", path.display()),
        )
    })?;
    Ok(file::read(
        &path.display().to_string(),
        &text,
        &file::catalogue(),
    ))
}

/// Checks files; every fault is printed.
///
/// # Errors
/// When a file cannot be read.
pub fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for path in &args.files {
        match read(path)? {
            Ok(view) => println!(
                "{}: sound ({}, {} features, {} rules, {} columns)",
                path.display(),
                view.name,
                view.features.len(),
                view.rules.len(),
                view.columns.len()
            ),
            Err(faults) => {
                eprintln!("{faults}");
                exit = Exit::Input;
            }
        }
    }
    Ok(exit)
}

/// Shows a file.
///
/// # Errors
/// When it cannot be read or is faulty.
pub fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let view = read(&args.file)?.map_err(|faults| Failure::new(Exit::Input, faults))?;
    let population = match view.population {
        Population::Adults => "known adults",
        Population::LookedAfterChildren => "looked-after children",
        Population::LookedAfterOrLeft => "looked-after children and care leavers",
    };
    println!("{}: {}", view.name, view.title);
    println!("purpose {}, population {population}", view.purpose);
    let mut features = table(["Feature", "Kind", "From"]);
    for feature in &view.features {
        let mut from: Vec<String> = feature
            .kind
            .selects()
            .iter()
            .map(|select| select.event_type.to_string())
            .collect();
        from.dedup();
        features.add_row([
            feature.name.clone(),
            kind(&feature.kind).to_owned(),
            from.join(", "),
        ]);
    }
    println!("{features}");
    let mut rules = table(["Rule", "Points"]);
    for rule in &view.rules {
        let points = match rule.points_hundredths {
            0 => "flag".to_owned(),
            points => super::sheet::points(points),
        };
        rules.add_row([rule.id.clone(), points]);
    }
    println!("{rules}");
    let mut columns = table(["Column", "Heading", "In lists", "Meaning"]);
    for column in &view.columns {
        let listed = if column.listed { "yes" } else { "" };
        columns.add_row([&column.output, &column.label, listed, &column.meaning]);
    }
    println!("{columns}");
    Ok(Exit::Done)
}

const fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Last(..) => "last value",
        Kind::First(..) => "first value",
        Kind::Count(..) => "count",
        Kind::Sum(..) => "sum",
        Kind::DaysSince(..) => "days since",
        Kind::DaysUntil(..) => "days until",
        Kind::OpenInterval { .. } => "open interval",
        Kind::Outside { .. } => "intervals outside others",
        Kind::Overlaps { .. } => "intervals that overlap",
        Kind::Clock { .. } => "clock",
        Kind::Records { .. } => "records",
        Kind::Flag(_) => "flag",
    }
}
