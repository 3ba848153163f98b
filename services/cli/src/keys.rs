//! `walbrook keys`: what the key folder holds, and the rotation of an agency's key. No command ever prints a key, or destroys a purpose's.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use walbrook_eventlog::topics;
use walbrook_runtime::keystore::{
    FileKeyStore, KeyStore, KeyStoreError, retire_agency, rotate_agency,
};
use walbrook_runtime::status::chain;

use crate::cluster::keys::AGENCIES;
use crate::table::table;
use crate::{Exit, Failure};

/// Keys in the key folder.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// What to do
    #[command(subcommand)]
    pub command: KeysCommand,
    /// The key folder
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        default_value = ".walbrook/keys",
        env = "WALBROOK_KEYS"
    )]
    pub keys: PathBuf,
}

/// The commands of this group.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Which keys there are, and whether they can be used; never the keys themselves
    List(ListArgs),
    /// Make a new key for an agency's lookup tokens; the current one is kept as the one before
    Rotate(AgencyArgs),
    /// Destroy the key before an agency's current one; records that nobody asked for since become new records
    Retire(AgencyArgs),
}

/// How to print.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Which agency.
#[derive(Debug, Args)]
pub struct AgencyArgs {
    /// The agency, for example housing
    #[arg(value_parser = AGENCIES)]
    pub agency: String,
}

/// One line of the list.
#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    name: String,
    state: String,
}

/// Runs one of them.
///
/// # Errors
/// When the folder cannot be used, or the rotation may not go on.
pub fn run(args: &KeysArgs) -> Result<Exit, Failure> {
    match &args.command {
        KeysCommand::List(list) => show(args, list.json),
        KeysCommand::Rotate(agency) => {
            rotate_agency(&args.keys, &agency.agency).map_err(|error| failed(&error))?;
            println!(
                "{0} has a new key; the one before is kept.\n\
                 Start walbrook-identity and walbrook-{0} again: records take their new tokens as they are asked for, handles stay.\n\
                 When all have been asked for: walbrook keys retire {0}",
                agency.agency
            );
            Ok(Exit::Done)
        }
        KeysCommand::Retire(agency) => {
            retire_agency(&args.keys, &agency.agency).map_err(|error| failed(&error))?;
            println!(
                "the key before {0}'s current one is destroyed; start walbrook-identity and walbrook-{0} again",
                agency.agency
            );
            Ok(Exit::Done)
        }
    }
}

fn show(args: &KeysArgs, json: bool) -> Result<Exit, Failure> {
    if !args.keys.is_dir() {
        let problem = format!(
            "there is no key folder at {}; name it with --keys (of a local backbone: keys in its own folder)",
            args.keys.display()
        );
        return Err(Failure::new(Exit::Input, problem));
    }
    let store = FileKeyStore::open(&args.keys).map_err(|error| failed(&error))?;
    let lines = lines(&store);
    if json {
        let text = serde_json::to_string_pretty(&lines)
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        println!("{text}");
        return Ok(Exit::Done);
    }
    let mut rows = table(["key", "of", "state"]);
    for line in lines {
        rows.add_row([line.kind.to_owned(), line.name, line.state]);
    }
    println!("{rows}");
    Ok(Exit::Done)
}

fn lines(store: &FileKeyStore) -> Vec<Line> {
    let mut lines = Vec::new();
    for agency in AGENCIES {
        let state = match (store.agency(agency), store.agency_before(agency)) {
            (Ok(_), Ok(None)) => "usable".to_owned(),
            (Ok(_), Ok(Some(_))) => "usable; being rotated, the one before is kept".to_owned(),
            (Err(error), _) | (_, Err(error)) => chain(&error),
        };
        lines.push(line("agency", agency.to_owned(), state));
    }
    lines.push(line(
        "identity",
        "identity".to_owned(),
        said(&store.identity()),
    ));
    for purpose in topics::PURPOSES {
        match store.purpose_key_ids(purpose) {
            Ok(ids) if ids.is_empty() => {
                lines.push(line("purpose", purpose.to_owned(), "no key".to_owned()));
            }
            Ok(ids) => lines.extend(ids.into_iter().map(|id| {
                let state = said(&store.purpose(purpose, &id));
                line("purpose", format!("{purpose} {id}"), state)
            })),
            Err(error) => lines.push(line("purpose", purpose.to_owned(), chain(&error))),
        }
    }
    lines
}

fn line(kind: &'static str, name: String, state: String) -> Line {
    Line { kind, name, state }
}

fn said<T>(key: &Result<T, KeyStoreError>) -> String {
    match key {
        Ok(_) => "usable".to_owned(),
        Err(error) => chain(error),
    }
}

fn failed(error: &KeyStoreError) -> Failure {
    Failure::new(code(error), chain(error))
}

const fn code(error: &KeyStoreError) -> Exit {
    match error {
        KeyStoreError::UnderWay { .. } => Exit::Refused,
        KeyStoreError::Missing { .. } | KeyStoreError::File { .. } => Exit::Unavailable,
        _ => Exit::Input,
    }
}
