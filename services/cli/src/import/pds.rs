//! `walbrook import pds`: patients of the Personal Demographics Service become records of a health organisation in identity, without an event.
//!
//! The organisation's NHS service takes them ([`Enrolments`](walbrook_proto::common::v1::enrolments_client)): the patient's NHS number is the organisation's
//! own number of the person, whoever is restricted there is restricted here, and of them neither address nor contact goes further. Nothing stands on an event
//! topic because of it, and nobody learns anything about anybody.

mod patient;
#[cfg(test)]
mod tests;

pub use patient::{NotAPatient, demographics};

use clap::Args;
use std::path::{Path, PathBuf};
use walbrook_domain::Organisation;
use walbrook_proto::common::v1::Subject;

use super::frame::{
    self, Content, Drafts, Enrolling, Enrolment, ImportFlags, Meter, Row, Rows, json,
};
use crate::{Exit, Failure};

const TABLE: &str = "patients";
/// A bundle's resources stand in an array of this name.
const ENTRY: &str = "entry";
/// The kind of local id that an NHS number is.
const SCHEME: &str = "NHS_NUMBER";

/// Patients as NHS England's PDS FHIR API sends them (UK Core Patient, JSON)
#[derive(Debug, Args)]
pub struct PdsArgs {
    /// A patient, a bundle, an array, one patient a line (bulk export), or a folder of such files
    #[arg(value_name = "FILE_OR_FOLDER")]
    pub from: PathBuf,
    /// The health organisation whose patients they are: ODS:code
    #[arg(long, value_name = "ORGANISATION")]
    pub provider: Organisation,
    /// Rejects, form and caller
    #[command(flatten)]
    pub flags: ImportFlags,
}

/// Reads, enrols, reports.
///
/// # Errors
/// As every import's.
pub async fn run(args: PdsArgs) -> Result<Exit, Failure> {
    frame::enrol(enrolment(&args.from, args.provider)?, &args.flags).await
}

/// A file or folder as an enrolment.
///
/// # Errors
/// When it cannot be read.
pub(super) fn enrolment(
    from: &Path,
    organisation: Organisation,
) -> Result<Enrolment<Patients>, Failure> {
    let meter = Meter::default();
    Ok(Enrolment {
        source: "pds",
        agency: "health",
        organisation,
        rows: rows(from, &meter)?,
        mapping: Patients,
        meter,
    })
}

/// The resources of a file, or of a folder's files in the order of their names. They are numbered through.
fn rows(from: &Path, meter: &Meter) -> Result<Rows, Failure> {
    let mut files = Vec::new();
    if from.is_dir() {
        let unread = |error: std::io::Error| {
            Failure::new(
                Exit::Input,
                format!("cannot read {}: {error}", from.display()),
            )
        };
        for entry in std::fs::read_dir(from).map_err(unread)? {
            let path = entry.map_err(unread)?.path();
            if matches!(
                path.extension().and_then(|ending| ending.to_str()),
                Some("json" | "ndjson")
            ) {
                files.push(path);
            }
        }
        files.sort();
        if files.is_empty() {
            let problem = format!(
                "{} holds no file that ends in .json or .ndjson",
                from.display()
            );
            return Err(Failure::new(Exit::Input, problem));
        }
    } else {
        files.push(from.to_path_buf());
    }
    // One file is opened at a time; what is wrong with the first is said before anything is sent.
    let mut files = files.into_iter();
    let first = files
        .next()
        .map(|file| resources(&file, meter))
        .transpose()?;
    let meter = meter.clone();
    let later = files.flat_map(move |file| match resources(&file, &meter) {
        Ok(rows) => rows,
        Err(failure) => Box::new(std::iter::once(Err(failure))) as Rows,
    });
    let numbered = (1..).zip(first.into_iter().flatten().chain(later));
    Ok(Box::new(numbered.map(|(number, row)| {
        let mut row = row?;
        row.number = number;
        row.remarks
            .iter_mut()
            .for_each(|remark| remark.row = number);
        Ok(row)
    })))
}

/// The resources of one file: a bundle's, those of an array, or the documents of the file one after another.
fn resources(file: &Path, meter: &Meter) -> Result<Rows, Failure> {
    if json::rows(TABLE, file, &[ENTRY], &Meter::default()).is_ok() {
        let entries = json::rows(TABLE, file, &[ENTRY], meter)?;
        return Ok(Box::new(entries.map(|row| row.map(resource_of))));
    }
    json::documents(TABLE, file, meter)
}

/// What a bundle's entry holds.
fn resource_of(mut row: Row) -> Row {
    if let Content::Json(entry) = &mut row.content {
        let resource = entry.get_mut("resource").map(serde_json::Value::take);
        *entry = resource.unwrap_or_default();
    }
    row
}

/// Patients become subjects.
pub(super) struct Patients;

impl Enrolling for Patients {
    fn subject(&mut self, row: &Row, notes: &mut Drafts) -> Option<Subject> {
        let patient = match patient::read(row.json()?) {
            Ok(patient) => patient,
            Err(NotAPatient::AnotherResource) => {
                notes.not_mapped("NOT_A_PATIENT", "a resource of another type than Patient");
                return None;
            }
            Err(NotAPatient::Json { .. }) => {
                let expected = "expected a FHIR R4 Patient as the PDS FHIR API sends it";
                notes.refuse("", "PATIENT_FORM", expected);
                return None;
            }
        };
        let who = patient.demographics();
        let number = who.nhs_number.as_deref().unwrap_or_default();
        let local_id: String = number.chars().filter(|c| !c.is_whitespace()).collect();
        if local_id.is_empty() {
            let expected = "a patient is known here by its NHS number, and this one has none";
            notes.refuse("identifier", "NHS_NUMBER_MISSING", expected);
            return None;
        }
        if !who.nhs_number_verified {
            let sentence = "the NHS number is not verified (status 01): it is not used to link";
            notes.query("identifier", "NHS_NUMBER_NOT_VERIFIED", sentence);
        }
        if !patient.says_its_security() {
            let sentence =
                "meta.security is missing: unknown is not open, the record is restricted";
            notes.query("meta.security", "SECURITY_MISSING", sentence);
        }
        if patient.birth_date_is_partial() {
            let sentence = "only the year or month of birth is known: it is left out";
            notes.query("birthDate", "BIRTH_DATE_PARTIAL", sentence);
        }
        Some(Subject {
            scheme: SCHEME.to_owned(),
            local_id,
            demographics: Some(who),
        })
    }

    fn column(field: &str) -> String {
        match field.rsplit('.').next().unwrap_or(field) {
            "local_id" | "nhs_number" => "identifier",
            "given_name" | "family_name" => "name",
            "birth_date" => "birthDate",
            "postcode" | "town" | "uprn" => "address",
            "email" => "telecom",
            // Address and contact of a restricted patient.
            "demographics" => "address, telecom",
            other => other,
        }
        .to_owned()
    }
}
