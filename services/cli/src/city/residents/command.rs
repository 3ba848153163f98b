//! `walbrook city people`: a file of records with errors, and the truth about them in another.

use super::Residents;
use super::rates;
use super::records::{Held, Records, Truth};
use crate::city::{now, progress};
use crate::table::{numbers, table};
use crate::{Exit, Failure};
use clap::Args;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use walbrook_domain::Day;

/// Columns of a file of records.
pub const RECORD_COLUMNS: [&str; 15] = [
    "record",
    "organisation",
    "agency",
    "id_scheme",
    "local_id",
    "given_name",
    "family_name",
    "birth_date",
    "postcode",
    "town",
    "email",
    "uprn",
    "nhs_number",
    "upn",
    "la_child_id",
];
/// Columns of a file of truth.
pub const TRUTH_COLUMNS: [&str; 8] = [
    "record",
    "person",
    "nhs_number",
    "name_origin",
    "newborn",
    "age_band",
    "lodging",
    "errors",
];

/// Write records of invented people as services hold them, with errors, and the truth about them
#[derive(Debug, Clone, Args)]
pub struct PeopleArgs {
    /// How many records; at most a million
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub records: u64,
    /// Another seed gives other people
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The day for which ages hold (YYYY-MM-DD). Default: today
    #[arg(long, value_name = "DATE")]
    pub today: Option<String>,
    /// Where the records go, as CSV
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Where the truth goes, as CSV: whose each record is, and the groups by which linking is evaluated
    #[arg(long, value_name = "FILE")]
    pub truth: PathBuf,
}

/// Writes both files and says what went wrong in them.
///
/// # Errors
/// When the day is none, or a file cannot be written.
pub fn run(args: &PeopleArgs) -> Result<Exit, Failure> {
    let written = write(args)?;
    report(args, &written);
    Ok(Exit::Done)
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Households the records come from.
    pub households: u64,
    /// Records with each kind of error.
    pub errors: BTreeMap<&'static str, u64>,
}

/// Writes both files.
///
/// # Errors
/// When the day is none, or a file cannot be written.
pub fn write(args: &PeopleArgs) -> Result<Written, Failure> {
    let today: Day = match &args.today {
        Some(text) => text
            .parse()
            .map_err(|error| Failure::new(Exit::Usage, error))?,
        None => now().london_day(),
    };
    let create = |path: &PathBuf| {
        csv::Writer::from_path(path).map_err(|error| {
            let problem = format!("cannot write {}: {error}", path.display());
            Failure::new(Exit::Input, problem)
        })
    };
    let (mut records, mut truths) = (create(&args.out)?, create(&args.truth)?);
    let failed = |error: csv::Error| Failure::new(Exit::Internal, error);
    let bar = progress(args.records, "records");
    records.write_record(RECORD_COLUMNS).map_err(failed)?;
    truths.write_record(TRUTH_COLUMNS).map_err(failed)?;
    let people = Records::new(Residents::new(args.seed, today), args.records);
    let mut written = Written {
        households: people.households(),
        errors: BTreeMap::new(),
    };
    for (number, (held, truth)) in (1_u64..).zip(people) {
        write_record(&mut records, number, &held).map_err(failed)?;
        write_truth(&mut truths, number, &held, &truth).map_err(failed)?;
        for error in truth.errors {
            *written.errors.entry(error).or_default() += 1;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for file in [&mut records, &mut truths] {
        file.flush()
            .map_err(|error| Failure::new(Exit::Internal, error))?;
    }
    Ok(written)
}

/// Writes one record.
///
/// # Errors
/// When it cannot be written.
pub fn write_record(to: &mut csv::Writer<impl Write>, number: u64, held: &Held) -> csv::Result<()> {
    let birth = held
        .birth_date
        .map(|day| day.to_string())
        .unwrap_or_default();
    to.write_record([
        number.to_string().as_str(),
        held.organisation,
        held.agency,
        held.id_scheme,
        &held.local_id,
        &held.given_name,
        &held.family_name,
        &birth,
        &held.postcode,
        &held.town,
        &held.email,
        &held.uprn,
        &held.nhs_number,
        &held.upn,
        &held.la_child_id,
    ])
}

/// Writes what is true of it.
///
/// # Errors
/// When it cannot be written.
pub fn write_truth(
    to: &mut csv::Writer<impl Write>,
    number: u64,
    held: &Held,
    truth: &Truth,
) -> csv::Result<()> {
    to.write_record([
        number.to_string().as_str(),
        &truth.person.to_string(),
        if held.nhs_number.is_empty() {
            "missing"
        } else {
            "held"
        },
        truth.name_origin,
        if truth.newborn { "yes" } else { "no" },
        truth.age_band,
        truth.lodging,
        &truth.errors.join(" "),
    ])
}

fn report(args: &PeopleArgs, written: &Written) {
    let mut rows = table(["what is wrong", "records", "because"]);
    numbers(&mut rows, 1..2);
    for (error, count) in &written.errors {
        let why = rates::ALL
            .iter()
            .find(|(word, _)| word == error)
            .map_or("a newborn has no name yet", |(_, rate)| rate.why);
        rows.add_row([(*error).to_owned(), count.to_string(), why.to_owned()]);
    }
    println!("{rows}");
    println!(
        "{} records of people in {} households; the same for seed {} and this day on every machine",
        args.records, written.households, args.seed
    );
}
