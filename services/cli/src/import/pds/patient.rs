//! A patient of the Personal Demographics Service, as FHIR R4 JSON, in the words of this system.
//!
//! Profile: UK Core Patient as NHS England's PDS FHIR API sends it. Only what identity compares is read; everything else is left where it is.

use serde::Deserialize;
use serde_json::Value;
use walbrook_proto::common::v1::{Date, Demographics};

/// The one resource that is read.
const PATIENT: &str = "Patient";
const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
const VERIFICATION: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";
const ADDRESS_KEY: &str = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-AddressKey";
/// The number was traced and verified.
const VERIFIED: &str = "01";
/// The one code of `meta.security` that hides nothing.
const UNRESTRICTED: &str = "U";

/// A file that is no patient. Never says what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPatient {
    /// No JSON of this form.
    #[error(
        "this is no FHIR Patient as JSON (line {line}); take it from the PDS FHIR API as it came"
    )]
    Json {
        /// Where reading stopped.
        line: usize,
    },
    /// Another resource.
    #[error("this is a FHIR resource of another type than Patient")]
    AnotherResource,
}

/// Who the patient of a document is, as an organisation states it.
///
/// # Errors
/// When the text is no FHIR Patient.
pub fn demographics(json: &str) -> Result<Demographics, NotAPatient> {
    let patient: Patient =
        serde_json::from_str(json).map_err(|error| NotAPatient::Json { line: error.line() })?;
    if patient.resource_type != PATIENT {
        return Err(NotAPatient::AnotherResource);
    }
    Ok(patient.demographics())
}

/// The patient that an element of a file is.
///
/// # Errors
/// When it is no FHIR Patient.
pub(super) fn read(resource: &Value) -> Result<Patient, NotAPatient> {
    match resource.get("resourceType").and_then(Value::as_str) {
        None => Err(NotAPatient::Json { line: 1 }),
        Some(PATIENT) => Patient::deserialize(resource).map_err(|_| NotAPatient::Json { line: 1 }),
        Some(_) => Err(NotAPatient::AnotherResource),
    }
}

/// A patient, as far as identity compares people.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Patient {
    resource_type: String,
    #[serde(default)]
    identifier: Vec<Identifier>,
    #[serde(default)]
    meta: Meta,
    #[serde(default)]
    name: Vec<Name>,
    birth_date: Option<String>,
    #[serde(default)]
    address: Vec<Address>,
    #[serde(default)]
    telecom: Vec<Telecom>,
}

impl Patient {
    /// Who it is, as an organisation states it.
    ///
    /// - The usual name, else the official one, else the first; the home address likewise.
    /// - A birth date of which only the year or month is known is left out: it is no day.
    /// - Whatever `meta.security` says beside `U` restricts the record; a patient without it is restricted too: unknown is not open.
    pub(super) fn demographics(&self) -> Demographics {
        let number = self.nhs_number();
        let name = self.best_name();
        let address = self.home();
        let email = self.telecom.iter().find(|way| way.system == "email");
        Demographics {
            given_name: name.map(|name| name.given.join(" ")).unwrap_or_default(),
            family_name: name.map(|name| name.family.clone()).unwrap_or_default(),
            birth_date: self.birth_date.as_deref().and_then(date),
            postcode: address
                .map(|address| address.postal_code.clone())
                .unwrap_or_default(),
            nhs_number: number.map(|number| number.value.clone()),
            nhs_number_verified: number.is_some_and(Identifier::is_verified),
            restricted: self.is_restricted(),
            email: email.map(|way| way.value.clone()),
            town: address
                .map(|address| address.city.clone())
                .filter(|city| !city.is_empty()),
            uprn: address.and_then(Address::uprn),
            ..Demographics::default()
        }
    }

    /// It says how far it may be shown.
    pub(super) fn says_its_security(&self) -> bool {
        !self.meta.security.is_empty()
    }

    /// It says a birth date of which the day is not known.
    pub(super) fn birth_date_is_partial(&self) -> bool {
        let said = self.birth_date.as_deref();
        said.is_some_and(|text| date(text).is_none())
    }

    fn nhs_number(&self) -> Option<&Identifier> {
        self.identifier.iter().find(|id| id.system == NHS_NUMBER)
    }

    fn best_name(&self) -> Option<&Name> {
        let of = |wanted: &str| self.name.iter().find(|name| name.usage == wanted);
        of("usual").or_else(|| of("official")).or(self.name.first())
    }

    fn home(&self) -> Option<&Address> {
        self.address.iter().find(|address| address.usage == "home")
    }

    fn is_restricted(&self) -> bool {
        let security = &self.meta.security;
        security.is_empty() || security.iter().any(|label| label.code != UNRESTRICTED)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identifier {
    #[serde(default)]
    system: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    extension: Vec<Extension>,
}

impl Identifier {
    fn is_verified(&self) -> bool {
        let status = self.extension.iter().find(|one| one.url == VERIFICATION);
        let codings = status.and_then(|status| status.value_codeable_concept.as_ref());
        codings.is_some_and(|concept| concept.coding.iter().any(|coding| coding.code == VERIFIED))
    }
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    security: Vec<Coding>,
}

#[derive(Deserialize)]
struct Coding {
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
struct Concept {
    #[serde(default)]
    coding: Vec<Coding>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extension {
    #[serde(default)]
    url: String,
    #[serde(default)]
    extension: Vec<Extension>,
    value_codeable_concept: Option<Concept>,
    value_coding: Option<Coding>,
    value_string: Option<String>,
}

#[derive(Deserialize)]
struct Name {
    #[serde(default, rename = "use")]
    usage: String,
    #[serde(default)]
    family: String,
    #[serde(default)]
    given: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    #[serde(default, rename = "use")]
    usage: String,
    #[serde(default)]
    postal_code: String,
    #[serde(default)]
    city: String,
    #[serde(default)]
    extension: Vec<Extension>,
}

impl Address {
    /// The property's number, among the keys of the address.
    fn uprn(&self) -> Option<String> {
        let keys = self.extension.iter().filter(|one| one.url == ADDRESS_KEY);
        let mut uprns = keys.filter_map(|key| {
            let part = |url: &str| key.extension.iter().find(|part| part.url == url);
            let kind = part("type")?.value_coding.as_ref()?;
            let value = part("value")?.value_string.clone()?;
            (kind.code == "UPRN").then_some(value)
        });
        uprns.next()
    }
}

#[derive(Deserialize)]
struct Telecom {
    #[serde(default)]
    system: String,
    #[serde(default)]
    value: String,
}

fn date(text: &str) -> Option<Date> {
    let day: walbrook_domain::Day = text.parse().ok()?;
    let (year, month, day) = day.ymd();
    Date::new(year, month, day)
}

#[cfg(test)]
mod tests;
