//! `walbrook agreement check`: documents without a backbone.

use std::path::{Path, PathBuf};

use clap::Args;
use walbrook_domain::EventType;
use walbrook_eventlog::topics;
use walbrook_policy::agreement::{Fault, Faults};
use walbrook_policy::catalogue::Catalogue;
use walbrook_policy::{Agreement, Law};
use walbrook_schemas::codelist;
use walbrook_view::file;

use crate::city::now;
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
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Checks files as a proposal of today would be; every fault is printed, with what to do about it. The exit code says whether all
/// are sound.
///
/// # Errors
/// When a file cannot be read.
pub fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let catalogue = catalogue(&args.views)?;
    let today = now().london_day();
    let (mut exit, mut answers) = (Exit::Done, Vec::new());
    for path in documents(&args.files)? {
        let checked = Agreement::propose_on(&read(&path)?, &catalogue, today);
        if checked.is_err() {
            exit = Exit::Input;
        }
        if args.json {
            answers.push(json(&path, &checked));
        } else {
            print!("{}", words(&path, &checked));
        }
    }
    if args.json {
        println!("{}", serde_json::Value::Array(answers));
    }
    Ok(exit)
}

/// One line for a sound document, and two for each fault: where and why, and what to do.
fn words(path: &Path, checked: &Result<Agreement, Faults>) -> String {
    match checked {
        Ok(agreement) => format!(
            "{}: sound ({} version {}; parties {}, flows {}, readers {})\n",
            path.display(),
            agreement.id,
            agreement.version,
            agreement.parties.len(),
            agreement.flows.len(),
            agreement.readers.len()
        ),
        Err(Faults(faults)) => faults
            .iter()
            .map(|fault| format!("{}\n", place(&path.display().to_string(), fault)))
            .collect(),
    }
}

/// A fault by file, line, field and reason, with what to do on a line of its own.
pub(crate) fn place(file: &str, fault: &Fault) -> String {
    format!(
        "{file}:{}: {}: {}\n    {}",
        fault.line, fault.field, fault.reason, fault.to_do
    )
}

fn json(path: &Path, checked: &Result<Agreement, Faults>) -> serde_json::Value {
    let file = path.display().to_string();
    match checked {
        Ok(agreement) => serde_json::json!({
            "file": file,
            "sound": true,
            "agreement": agreement.id.as_str(),
            "version": agreement.version.0,
            "faults": [],
        }),
        Err(Faults(faults)) => serde_json::json!({
            "file": file,
            "sound": false,
            "faults": faults
                .iter()
                .map(|fault| serde_json::json!({
                    "line": fault.line,
                    "field": fault.field,
                    "reason": fault.reason,
                    "to_do": fault.to_do,
                }))
                .collect::<Vec<_>>(),
        }),
    }
}

/// What agreements may name: the event types of this build with their code lists, the views of a folder, the open datasets; and the
/// law they are checked against.
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
    for event in walbrook_proto::records()
        .iter()
        .filter_map(|info| info.event)
    {
        let event_type = EventType::new(event.event_type)
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        for (field, list) in event.codes {
            let codes = codelist::list(list).into_iter().flat_map(|list| list.codes);
            let codes = codes.map(|code| code.code.to_owned());
            catalogue = catalogue.with_codes(event_type.clone(), field, codes);
        }
    }
    Ok(catalogue.with_law(law()?))
}

/// The law of this build.
pub(crate) fn law() -> Result<Law, Failure> {
    Law::read(&walbrook_schemas::law::FILES).map_err(|error| Failure::new(Exit::Internal, error))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_printed_by_file_line_field_and_reason_with_what_to_do() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let catalogue = catalogue(&root.join("deploy/views")).unwrap();
        let text = read(&root.join("deploy/agreements/duty-to-refer.toml")).unwrap();
        let faulty = text.replacen(
            "\"arrival_at\"",
            "\"arrival_at\", \"chief_complaint_snomed\"",
            1,
        );
        let checked = Agreement::propose(&faulty, &catalogue);
        let line = 1 + faulty
            .lines()
            .position(|line| line.contains("chief_complaint"))
            .unwrap();
        let printed = words(Path::new("a.toml"), &checked);
        let start =
            format!("a.toml:{line}: flow[1].fields: chief_complaint_snomed is no referral content");
        assert!(printed.starts_with(&start), "{printed}");
        assert!(printed.ends_with("\n    take the field out\n"), "{printed}");
        let answer = json(Path::new("a.toml"), &checked);
        assert_eq!(answer["sound"], false);
        assert_eq!(answer["faults"][0]["line"], line);
        let sound = Agreement::propose(&text, &catalogue);
        assert!(
            words(Path::new("a.toml"), &sound)
                .starts_with("a.toml: sound (duty-to-refer version 1")
        );
        assert_eq!(
            json(Path::new("a.toml"), &sound)["faults"]
                .as_array()
                .map(Vec::len),
            Some(0)
        );
    }

    #[test]
    fn codes_and_law_are_those_of_the_build() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let catalogue = catalogue(&root.join("deploy/views")).unwrap();
        let event = EventType::new("health.AccommodationStatusRecorded").unwrap();
        assert!(catalogue.codes(&event, "code").unwrap().contains("HM01"));
        assert!(catalogue.law().gateway("ha1996-s213b").is_some());
    }
}
