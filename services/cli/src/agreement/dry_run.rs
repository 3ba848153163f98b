//! `walbrook agreement dry-run`: what an agreement would change, from the log as it stands. Nothing is written.

mod sheet;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use walbrook_auditor::dry_run::{self, Asked, DryRunError, Forecast, Progress};
use walbrook_domain::{Day, Organisation, Purpose};
use walbrook_event::{Key, Plain, PurposeKey};
use walbrook_policy::Agreement;
use walbrook_policy::agreement::Faults;
use walbrook_runtime::keystore::{FileKeyStore, KeyStore as _};

use super::check::{catalogue, read};
use crate::audit::{LogArgs, blocking, source};
use crate::city::now;
use crate::table::print;
use crate::{Exit, Failure};

/// What to ask.
#[derive(Debug, Args)]
pub struct DryRunArgs {
    /// The agreement file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Look at events accepted since this day only (2026-01-31)
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub since: Option<Day>,
    /// Take these to sign, and nobody else; otherwise whoever signed the version before, or every party that the log knows
    #[arg(long = "party", value_name = "ORGANISATION", value_parser = organisation)]
    pub parties: Vec<Organisation>,
    /// Print the purpose pseudonyms of people newly shared too; needs the purpose's key, which the local backbone has
    #[arg(long)]
    pub people: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// The folder of the view files that readers may name
    #[arg(long, value_name = "FOLDER", default_value = "deploy/views")]
    pub views: PathBuf,
    /// Where the log is
    #[command(flatten)]
    pub log: LogArgs,
}

fn day(text: &str) -> Result<Day, String> {
    text.parse::<Day>()
        .map_err(|_| "expected a day such as 2026-01-31".to_owned())
}

fn organisation(text: &str) -> Result<Organisation, String> {
    text.parse::<Organisation>().map_err(|error| error.problem)
}

/// Asks and prints.
///
/// # Errors
/// When the document is faulty, the control plane would refuse it, or the log cannot be read.
pub(super) async fn run(args: DryRunArgs) -> Result<Exit, Failure> {
    let catalogue = catalogue(&args.views)?;
    let text = read(&args.file)?;
    let agreement = Agreement::propose(&text, &catalogue)
        .map_err(|faults| faulty(&args.file.display().to_string(), &faults))?;
    let purpose = agreement.purpose.clone();
    let asked = Asked {
        agreement,
        parties: (!args.parties.is_empty()).then(|| args.parties.clone()),
        since: args.since,
        now: now(),
    };
    let place = args.log.clone();
    let forecast = blocking(move || {
        let mut source = source(&place)?;
        let bar = bar();
        let answer = dry_run::run(
            source.as_mut(),
            &asked,
            &Plain,
            &mut |progress| match progress {
                Progress::Total(records) => bar.set_length(records),
                Progress::Read => bar.inc(1),
            },
        );
        bar.finish_and_clear();
        answer.map_err(refused)
    })
    .await?;
    let people = if args.people {
        Some(pseudonyms(&args, &purpose, &forecast)?)
    } else {
        None
    };
    if args.json {
        let mut answer =
            serde_json::to_value(&forecast).map_err(|error| Failure::new(Exit::Internal, error))?;
        if let (Some(people), Some(object)) = (people, answer.as_object_mut()) {
            object.insert("newly_shared_pseudonyms".to_owned(), people.into());
        }
        print(&format!("{answer:#}\n"));
    } else {
        let mut text = sheet::render(&forecast);
        for pseudonym in people.into_iter().flatten() {
            text.push_str(&format!("  {pseudonym}\n"));
        }
        print(&text);
    }
    Ok(Exit::Done)
}

/// A bar on a terminal, nothing elsewhere.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{bar:40} {percent:>3}%  {human_pos} of {human_len} records  {per_sec}, {eta} left",
    );
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn refused(error: DryRunError) -> Failure {
    let exit = match &error {
        DryRunError::Log(_) => Exit::Unavailable,
        DryRunError::NoParty(_) | DryRunError::Nobody => Exit::Usage,
        DryRunError::Version { .. } => Exit::Input,
        DryRunError::Refused { .. } => Exit::Refused,
        DryRunError::NoRules => Exit::NotRunning,
    };
    Failure::new(exit, error)
}

fn faulty(file: &str, Faults(faults): &Faults) -> Failure {
    let mut text = format!("{file} is no sound proposal:");
    for fault in faults {
        text.push_str(&format!(
            "\n  {file}:{}: {}: {}",
            fault.line, fault.field, fault.reason
        ));
    }
    Failure::new(Exit::Input, text)
}

/// The pseudonyms of people about whom something would be shared for the first time: what stands on the purpose's topic, never who they are.
fn pseudonyms(
    args: &DryRunArgs,
    purpose: &Purpose,
    forecast: &Forecast,
) -> Result<Vec<String>, Failure> {
    let keys = FileKeyStore::open(&args.log.dir.join("keys"))
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    let key = keys
        .purpose(purpose.as_str(), walbrook_runtime::keystore::FIRST_KEY_ID)
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    let key = PurposeKey::new(Key::new(*key.as_bytes()));
    let mut pseudonyms: Vec<String> = forecast
        .newly_shared
        .iter()
        .map(|person| key.person(*person).to_string())
        .collect();
    pseudonyms.sort();
    Ok(pseudonyms)
}
