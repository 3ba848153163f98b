//! `walbrook identity evaluate`: how right identity's linking is, against a file of truth, for everybody and by group.

pub mod chart;
pub mod groups;
pub mod linking;
pub mod measure;
pub mod report;
pub mod scores;

#[cfg(test)]
mod tests;

use super::file;
use crate::table::print;
use crate::{Exit, Failure};
use clap::Args;
use std::path::{Path, PathBuf};
use walbrook_matching::Model;

/// Kinds of groups shown where none is asked for.
const USUAL: [&str; 4] = ["nhs_number", "name_origin", "newborn", "age_band"];

/// Link a file of records in memory as identity does, and hold it against the truth
#[derive(Debug, Clone, Args)]
pub struct EvaluateArgs {
    /// The records, as CSV with a heading (`walbrook city people` writes one)
    #[arg(value_name = "RECORDS")]
    pub records: PathBuf,
    /// Whose each record is (columns record and person), and the groups it is in (every other column); may be the same file
    #[arg(long, value_name = "FILE")]
    pub truth: PathBuf,
    /// The model file to link by; by default the one that identity ships with
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// By these groups; by default those of nhs_number, name_origin, newborn and age_band that the truth has
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    pub by: Vec<String>,
    /// Draw the chart here
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

/// Links, measures and prints.
///
/// # Errors
/// When a file cannot be read or written, or the truth does not know a group.
pub fn run(args: &EvaluateArgs) -> Result<Exit, Failure> {
    let rows = file::records(&args.records)?;
    let truth = file::truth(&args.truth, &rows)?;
    let kinds = kinds(args, &truth)?;
    let model = model(args.model.as_deref())?;
    let word = model.word().to_owned();
    let linking = linking::link(&rows, model);
    let lines = report::lines(&truth, &linking.persons, &kinds);
    if let Some(path) = &args.svg {
        let title = format!("Linking of {} records by {word}", rows.len());
        std::fs::write(path, chart::svg(&lines, &title)).map_err(|error| {
            Failure::new(
                Exit::Input,
                format!("cannot write {}: {error}", path.display()),
            )
        })?;
    }
    if args.json {
        print(&format!("{:#}\n", report::json(&lines, &word)));
    } else {
        print(&report::rendered(&lines));
        println!(
            "{} records, linked one by one by {word} and identity's rules",
            rows.len()
        );
    }
    Ok(Exit::Done)
}

fn kinds(args: &EvaluateArgs, truth: &file::Truth) -> Result<Vec<String>, Failure> {
    if args.by.is_empty() {
        let usual = USUAL.map(str::to_owned).into_iter();
        return Ok(usual.filter(|kind| truth.kinds.contains(kind)).collect());
    }
    match args.by.iter().find(|kind| !truth.kinds.contains(kind)) {
        Some(unknown) => Err(Failure::new(
            Exit::Usage,
            format!(
                "the truth has no column `{unknown}`; it has {}",
                truth.kinds.join(", ")
            ),
        )),
        None => Ok(args.by.clone()),
    }
}

fn model(path: Option<&Path>) -> Result<Model, Failure> {
    let Some(path) = path else {
        return Model::shipped().map_err(|error| Failure::new(Exit::Internal, error));
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            Exit::Input,
            format!("cannot read {}: {error}", path.display()),
        )
    })?;
    Model::read(&text).map_err(|error| Failure::new(Exit::Input, error))
}
