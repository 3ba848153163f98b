//! `walbrook agreement check`: documents without a backbone.

use std::path::{Path, PathBuf};

use clap::Args;
use walbrook_eventlog::topics;
use walbrook_policy::Agreement;
use walbrook_policy::agreement::Faults;
use walbrook_policy::catalogue::Catalogue;
use walbrook_view::file;

use crate::{Exit, Failure};

/// Which files to check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Agreement files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The folder of the view files that readers may name
    #[arg(long, value_name = "FOLDER", default_value = "deploy/views")]
    pub views: PathBuf,
}

/// Checks files; every fault is printed.
///
/// # Errors
/// When a file cannot be read.
pub fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let catalogue = catalogue(&args.views)?;
    let mut exit = Exit::Done;
    for path in documents(&args.files)? {
        match Agreement::propose(&read(&path)?, &catalogue) {
            Ok(agreement) => println!(
                "{}: sound ({} version {}, {} parties, {} flows, {} readers)",
                path.display(),
                agreement.id,
                agreement.version,
                agreement.parties.len(),
                agreement.flows.len(),
                agreement.readers.len()
            ),
            Err(Faults(faults)) => {
                for fault in faults {
                    eprintln!(
                        "{}:{}: {}: {}",
                        path.display(),
                        fault.line,
                        fault.field,
                        fault.reason
                    );
                }
                exit = Exit::Input;
            }
        }
    }
    Ok(exit)
}

/// What agreements may name: the event types of this build, the views of a folder, the open datasets.
pub(crate) fn catalogue(views: &Path) -> Result<Catalogue, Failure> {
    let events = file::catalogue();
    let mut catalogue = events.clone();
    for path in documents(&[views.to_owned()])? {
        let view = file::read(&path.display().to_string(), &read(&path)?, &events)
            .map_err(|faults| Failure::new(Exit::Input, faults))?;
        catalogue = catalogue.with_view(&view.name, view.purpose.clone());
    }
    for dataset in topics::DATASETS {
        catalogue = catalogue.with_dataset(dataset);
    }
    Ok(catalogue)
}

/// The documents named: a folder stands for the `.toml` files in it, in the order of names.
pub(crate) fn documents(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in named {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let listed = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
        let mut inside = Vec::new();
        for entry in listed {
            let file = entry.map_err(|error| unreadable(path, &error))?.path();
            if file.extension().is_some_and(|ending| ending == "toml") {
                inside.push(file);
            }
        }
        inside.sort();
        found.extend(inside);
    }
    Ok(found)
}

pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Input,
        format!("{} cannot be read: {error}", path.display()),
    )
}
