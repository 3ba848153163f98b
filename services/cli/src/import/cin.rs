//! `walbrook import cin`: the children in need census, as the one XML document that authorities send to the Department for Education.
//!
//! `Message/Children/Child` becomes rows: the child's identifiers, which go along with the child's other rows to identity and no further; each referral
//! (`CINdetails`), assessment, section 47 enquiry, protection plan and review of one. Ethnicity, disability and gender stay where they are.

mod document;
mod mapping;

#[cfg(test)]
mod tests;

use clap::Args;
use std::path::{Path, PathBuf};
use walbrook_domain::{Organisation, Scheme};

use super::frame::{self, Import, ImportFlags, Meter};
use crate::{Exit, Failure};
use mapping::Census;

/// Import a children in need census
#[derive(Debug, Args)]
pub struct CinArgs {
    /// The census as one XML file
    pub file: PathBuf,
    /// The authority's GSS code
    #[arg(long, value_name = "GSS")]
    pub authority: String,
    /// Rejects, form of the report, and who calls
    #[command(flatten)]
    pub flags: ImportFlags,
}

/// Reads, sends, reports.
///
/// # Errors
/// When the census cannot be read, is another authority's, or the service does not answer.
pub async fn run(args: CinArgs) -> Result<Exit, Failure> {
    let import = import(&args.file, &args.authority)?;
    frame::run(import, &args.flags).await
}

/// A census as an import.
///
/// # Errors
/// When it cannot be read or is another authority's.
pub fn import(file: &Path, authority: &str) -> Result<Import<Census>, Failure> {
    let authority = Organisation::new(Scheme::Gss, authority)
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    if !authority.is_london_authority() {
        return Err(Failure::new(
            Exit::Usage,
            "--authority: expected a London authority's GSS code, for example E09000007",
        ));
    }
    document::demand_sender(file, &authority)?;
    let meter = Meter::default();
    Ok(Import {
        source: "cin",
        agency: "social-care",
        mapping: Census::new(&authority),
        organisation: authority,
        rows: document::rows(file, &meter)?,
        meter,
    })
}
