//! `walbrook identity train`: a matching model from records without labels.

use super::file;
use crate::table::{numbers, table};
use crate::{Exit, Failure};
use clap::Args;
use std::path::{Path, PathBuf};
use walbrook_domain::Day;
use walbrook_matching::{Field, Model, Plan};

/// Train a matching model on records without labels, and write it as a file
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// The records, as CSV with a heading; whose they are is not looked at
    #[arg(value_name = "RECORDS")]
    pub records: PathBuf,
    /// Where the model goes, as TOML; never over another file
    #[arg(long, value_name = "MODEL.toml")]
    pub out: PathBuf,
    /// Name of the model: lower-case letters, digits and hyphens
    #[arg(long, default_value = "trained")]
    pub name: String,
    /// Its version: a model that was used is not changed but followed by the next version
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub model_version: u32,
    /// Which records these are, in words that may stand in the model file. Default: the file's name
    #[arg(long, value_name = "WORDS")]
    pub on: Option<String>,
    /// Take the odds before comparing as among at least so many records. Default: as many as there are
    #[arg(
        long,
        value_name = "RECORDS",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub least_records: u32,
    /// Chooses the pairs drawn by chance; the same seed and records give the same model
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The day that stands in the model file (YYYY-MM-DD). Default: today
    #[arg(long, value_name = "DATE")]
    pub today: Option<Day>,
}

/// Trains, writes the file and prints the weights.
///
/// # Errors
/// When a file cannot be read or written, stands already, or the records cannot be trained on.
pub fn run(args: &TrainArgs) -> Result<Exit, Failure> {
    if args.out.exists() {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "{} stands already: a model that may be in use is not written over",
                args.out.display()
            ),
        ));
    }
    let rows = file::records(&args.records)?;
    let records: Vec<_> = rows.iter().map(|row| row.stated.features()).collect();
    let plan = Plan {
        name: args.name.clone(),
        version: args.model_version,
        on: args.on.clone().unwrap_or_else(|| name_of(&args.records)),
        day: args
            .today
            .unwrap_or_else(|| crate::city::now().london_day())
            .to_string(),
        least_records: args.least_records,
        seed: args.seed,
        rounds: 50,
    };
    let model = walbrook_matching::train(&records, &plan)
        .map_err(|error| Failure::new(Exit::Input, error))?;
    let text = model.to_text();
    // What identity could not read must not be written.
    Model::read(&text).map_err(|error| Failure::new(Exit::Input, error))?;
    std::fs::write(&args.out, text).map_err(|error| {
        Failure::new(
            Exit::Input,
            format!("cannot write {}: {error}", args.out.display()),
        )
    })?;
    show(&model, rows.len(), &args.out);
    Ok(Exit::Done)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn show(model: &Model, records: usize, out: &Path) {
    let mut rows = table(["field", "level", "bits"]);
    for field in Field::ALL {
        for (level, word) in field.levels().iter().enumerate() {
            if let Some(weight) = model.weight(field, level) {
                let tenths = (weight.abs() + 50) / 100;
                let sign = if weight < 0 { '-' } else { '+' };
                rows.add_row([
                    field.title().to_owned(),
                    word.replace('_', " "),
                    format!("{sign}{}.{}", tenths / 10, tenths % 10),
                ]);
            }
        }
    }
    numbers(&mut rows, 2..3);
    println!("{rows}");
    println!(
        "{} from {records} records without labels, in {}; links by itself from {}.{:04}, where its estimated precision is {}.{:04}",
        model.word(),
        out.display(),
        model.automatic() / 10_000,
        model.automatic() % 10_000,
        model.parameters().automatic_precision / 10_000,
        model.parameters().automatic_precision % 10_000,
    );
}

#[cfg(test)]
mod tests;
