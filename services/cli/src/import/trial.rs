//! Files as imports read and map them, without a service: for tests that feed them with broken input.

use std::path::Path;

use walbrook_domain::Organisation;

use super::frame::{Trial, tried, tried_enrolment};
use super::{breathe, cin, core, laqn, pds, ssda903, stop_search, tfl};
use crate::{Exit, Failure};

/// What a file can be imported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Sensors of Breathe London.
    Breathe,
    /// A children in need census.
    Cin,
    /// Social lettings; the file's ending says which form.
    Core,
    /// The London Air Quality Network's index.
    Laqn,
    /// Patients.
    Pds,
    /// An SSDA903 return, a document or a folder.
    Ssda903,
    /// Stop and search.
    StopSearch,
    /// Answers of TfL's Unified API.
    Tfl,
}

/// The authority whose returns are tried.
const AUTHORITY: &str = "E09000007";

/// Reads and maps a file, and sends nothing.
///
/// # Errors
/// When it cannot be read, or is no file of this form at all.
pub fn trial(form: Form, path: &Path) -> Result<Trial, Failure> {
    let of = |organisation: &str| {
        let organisation: Result<Organisation, _> = organisation.parse();
        organisation.map_err(|error| Failure::new(Exit::Internal, error))
    };
    match form {
        Form::Breathe => tried(breathe::import(path, of("GSS:E12000007")?)?),
        Form::Cin => tried(cin::import(path, AUTHORITY)?),
        Form::Core => tried(core::import(path, of("GSS:E09000007")?)?),
        Form::Laqn => tried(laqn::import(path, of("GSS:E12000007")?)?),
        Form::Pds => tried_enrolment(pds::enrolment(path, of("ODS:RRV")?)?),
        Form::Ssda903 => tried(ssda903::import(path, AUTHORITY, "2024/25")?),
        Form::StopSearch => tried(stop_search::import(path, of("POLICE_FORCE:metropolitan")?)?),
        Form::Tfl => tried(tfl::import(path, of("TFL:tfl")?)?),
    }
}
