//! View files without a backbone: checked, shown as a document, and one column of them explained.

use std::path::{Path, PathBuf};

use clap::Args;
use walbrook_policy::Agreement;
use walbrook_view::View;
use walbrook_view::feeding::unfed;
use walbrook_view::file::{self, Faults};

use super::document;
use crate::agreement::{documents, place};
use crate::{Exit, Failure};

/// Where the agreements are looked for when nobody says.
const AGREEMENTS: &str = "deploy/agreements";

/// Which files to check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// View files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The folder of agreements that must feed every feature; deploy/agreements, where there is one, when left out
    #[arg(long, value_name = "FOLDER")]
    pub agreements: Option<PathBuf>,
}

/// Which file to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A view file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The document as a reader in this role sees the view
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
}

/// What to explain.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A view file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// A column, an output of a feature, or the id of a rule
    #[arg(value_name = "OUTPUT|RULE")]
    pub output: String,
    /// The folder of agreements that feed it; deploy/agreements, where there is one, when left out
    #[arg(long, value_name = "FOLDER")]
    pub agreements: Option<PathBuf>,
}

fn read(path: &Path) -> Result<Result<View, Faults>, Failure> {
    let text = crate::agreement::read(path)?;
    Ok(file::read(
        &path.display().to_string(),
        &text,
        &file::catalogue(),
    ))
}

fn sound(path: &Path) -> Result<View, Failure> {
    read(path)?.map_err(|faults| Failure::new(Exit::Input, faults))
}

/// The agreements of a folder; `None` when nobody named one and there is none.
fn agreements(folder: Option<&Path>) -> Result<Option<Vec<Agreement>>, Failure> {
    let folder = match folder {
        Some(folder) => folder,
        None if Path::new(AGREEMENTS).is_dir() => Path::new(AGREEMENTS),
        None => return Ok(None),
    };
    let mut all = Vec::new();
    for path in documents(&[folder.to_owned()])? {
        let text = crate::agreement::read(&path)?;
        let agreement = Agreement::read(&text).map_err(|faults| {
            let file = path.display().to_string();
            let faults: Vec<String> = faults.0.iter().map(|fault| place(&file, fault)).collect();
            Failure::new(Exit::Input, faults.join("\n"))
        })?;
        all.push(agreement);
    }
    Ok(Some(all))
}

/// Checks files; every fault is printed, by file, line and reason. With agreements, a feature that none of them can feed is a fault.
///
/// # Errors
/// When a file cannot be read.
pub fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let agreements = agreements(args.agreements.as_deref())?;
    let catalogue = file::catalogue();
    let mut exit = Exit::Done;
    for path in documents(&args.files)? {
        let checked = read(&path)?.and_then(|view| {
            let faults = agreements
                .as_deref()
                .map(|agreements| unfed(&view, agreements, &catalogue))
                .unwrap_or_default();
            if faults.is_empty() {
                return Ok(view);
            }
            Err(Faults {
                file: path.display().to_string(),
                faults,
            })
        });
        match checked {
            Ok(view) => println!(
                "{}: sound ({}, {} features, {} rules, {} columns, {} not yet known)",
                path.display(),
                view.name,
                view.features.len(),
                view.rules.len(),
                view.columns.len(),
                view.not_yet.len()
            ),
            Err(faults) => {
                eprintln!("{faults}");
                exit = Exit::Input;
            }
        }
    }
    if agreements.is_none() {
        println!("No agreements were looked at: name their folder with --agreements.");
    }
    Ok(exit)
}

/// Shows a file as a document.
///
/// # Errors
/// When it cannot be read or is faulty.
pub fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let view = sound(&args.file)?;
    let text = document::whole(&view, &file::catalogue(), args.role.as_deref());
    crate::table::print(&text);
    Ok(Exit::Done)
}

/// Explains one column, output or rule.
///
/// # Errors
/// When a file cannot be read or is faulty, or the view has no such output.
pub fn explain(args: &ExplainArgs) -> Result<Exit, Failure> {
    let view = sound(&args.file)?;
    let agreements = agreements(args.agreements.as_deref())?;
    let catalogue = file::catalogue();
    let text = document::one(&view, &catalogue, &args.output, agreements.as_deref());
    match text {
        Some(text) => {
            crate::table::print(&text);
            Ok(Exit::Done)
        }
        None => Err(Failure::new(
            Exit::Usage,
            format!(
                "{} has no column, output or rule {}; `walbrook view show {}` has all of them",
                view.name,
                args.output,
                args.file.display()
            ),
        )),
    }
}

#[cfg(test)]
mod tests;
