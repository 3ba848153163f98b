//! `walbrook import ssda903`: an authority's return, as a folder of CSV tables or as one XML document.
//!
//! A child's header row says who the child is. It makes no event of its own: it goes along with the child's other rows, to identity and no further.
//! Postcodes, ethnicity, what is told of mothers, and providers' registration numbers stay where they are.

mod children;
mod document;
mod mapping;
mod tables;

#[cfg(test)]
mod tests;

use clap::Args;
use std::path::{Path, PathBuf};
use walbrook_domain::{Day, Organisation, Scheme};

use super::frame::{self, Import, ImportFlags, Meter, Rows, csv, index::Index};
use crate::{Exit, Failure};
pub(super) use children::Children;
use mapping::Return;
use tables::Table;

/// Import an SSDA903 return
#[derive(Debug, Args)]
pub struct Ssda903Args {
    /// The folder with header.csv, episodes.csv, reviews.csv and the other tables, or the return as one XML file
    pub path: PathBuf,
    /// The authority's GSS code
    #[arg(long, value_name = "GSS")]
    pub authority: String,
    /// The collection year, as 2017/18
    #[arg(long)]
    pub year: String,
    /// Rejects, form of the report, and who calls
    #[command(flatten)]
    pub flags: ImportFlags,
}

/// The collection year's last day, from `2017/18`.
pub fn last_day(year: &str) -> Option<Day> {
    let (first, second) = year.split_once('/')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if first.len() != 4 || second.len() != 2 || !digits(first) || !digits(second) {
        return None;
    }
    let first: i32 = first.parse().ok()?;
    let second: i32 = second.parse().ok()?;
    ((first + 1) % 100 == second)
        .then(|| Day::from_ymd(first + 1, 3, 31))
        .flatten()
}

/// The authority and the collection year's last day.
///
/// # Errors
/// When one of them is none.
pub fn of_return(authority: &str, year: &str) -> Result<(Organisation, Day), Failure> {
    let last_day = last_day(year).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "--year: expected two years in a row, for example 2017/18",
        )
    })?;
    let authority = Organisation::new(Scheme::Gss, authority)
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    if !authority.is_london_authority() {
        return Err(Failure::new(
            Exit::Usage,
            "--authority: expected a London authority's GSS code, for example E09000007",
        ));
    }
    Ok((authority, last_day))
}

/// Reads, sends, reports.
///
/// # Errors
/// When the return cannot be read, an argument is wrong, or the service does not answer.
pub async fn run(args: Ssda903Args) -> Result<Exit, Failure> {
    let import = import(&args.path, &args.authority, &args.year)?;
    frame::run(import, &args.flags).await
}

/// A return as an import.
///
/// # Errors
/// When it cannot be read or an argument is wrong.
pub fn import(path: &Path, authority: &str, year: &str) -> Result<Import<Return>, Failure> {
    let (authority, last_day) = of_return(authority, year)?;
    let meter = Meter::default();
    let (rows, children) = if path.is_dir() {
        folder(path, &meter)?
    } else {
        (document::rows(path, &meter)?, Children::as_they_come())
    };
    Ok(Import {
        source: "ssda903",
        agency: "social-care",
        mapping: Return::new(&authority, last_day, children),
        organisation: authority,
        rows,
        meter,
    })
}

/// The tables of a folder, one after another; the header first, because the others' rows carry it.
fn folder(folder: &Path, meter: &Meter) -> Result<(Rows, Children), Failure> {
    let mut rows: Rows = Box::new(std::iter::empty());
    for table in Table::ALL {
        let path = folder.join(table.file());
        if path.exists() {
            let more = csv::rows(table.name(), &path, table.needed(), meter)?;
            rows = Box::new(rows.chain(more));
        } else if table.is_needed() {
            let problem = format!(
                "{} has no {}: is it an SSDA903 return as CSV?",
                folder.display(),
                table.file()
            );
            return Err(Failure::new(Exit::Input, problem));
        }
    }
    let header = Table::Header;
    let index = Index::of(header.name(), &folder.join(header.file()), "CHILD")?;
    Ok((rows, Children::of(index)))
}
