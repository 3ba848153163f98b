//! A patient of the Personal Demographics Service, as FHIR R4 JSON, in the words of this system.
//!
//! Profile: UK Core Patient as NHS England's PDS FHIR API sends it. Only what identity compares is read; everything else is left where it is.

use serde::Deserialize;
use walbrook_proto::common::v1::{Date, Demographics};

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

/// Who a patient is, as an organisation states it with an event.
///
/// - The current usual name, else the official one, else the first; the home address likewise.
/// - A birth date of which only the year or month is known is left out: it is no day.
/// - Whatever `meta.security` says beside `U` restricts the record; a patient without it is restricted too: unknown is not open.
///
/// # Errors
/// When the text is no FHIR Patient.
pub fn demographics(json: &str) -> Result<Demographics, NotAPatient> {
    let patient: Patient =
        serde_json::from_str(json).map_err(|error| NotAPatient::Json { line: error.line() })?;
    if patient.resource_type != "Patient" {
        return Err(NotAPatient::AnotherResource);
    }
    let number = patient.nhs_number();
    let name = patient.best_name();
    let address = patient.home();
    let email = patient.telecom.iter().find(|way| way.system == "email");
    Ok(Demographics {
        given_name: name.map(|name| name.given.join(" ")).unwrap_or_default(),
        family_name: name.map(|name| name.family.clone()).unwrap_or_default(),
        birth_date: patient.birth_date.as_deref().and_then(date),
        postcode: address
            .map(|address| address.postal_code.clone())
            .unwrap_or_default(),
        nhs_number: number.map(|number| number.value.clone()),
        nhs_number_verified: number.is_some_and(Identifier::is_verified),
        restricted: patient.is_restricted(),
        email: email.map(|way| way.value.clone()),
        town: address
            .map(|address| address.city.clone())
            .filter(|city| !city.is_empty()),
        uprn: address.and_then(Address::uprn),
        ..Demographics::default()
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Patient {
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
mod tests {
    use super::*;
    use std::path::Path;
    use walbrook_domain::Organisation;

    fn sample(number: &str) -> Option<Demographics> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = root.join(format!("../../../shared/data/pds/patient_{number}.json"));
        let Ok(text) = std::fs::read_to_string(&file) else {
            eprintln!("skipped: {} is not here", file.display());
            return None;
        };
        Some(demographics(&text).unwrap())
    }

    #[test]
    fn a_restricted_patient_is_restricted_and_has_no_address() {
        let Some(patient) = sample("9000000025") else {
            return;
        };
        assert!(patient.restricted);
        assert!(patient.nhs_number_verified);
        assert_eq!(patient.nhs_number.as_deref(), Some("9000000025"));
        assert_eq!(
            (patient.given_name.as_str(), patient.family_name.as_str()),
            ("Janet", "Smythe")
        );
        assert_eq!(patient.birth_date, Date::new(2010, 10, 22));
        assert_eq!((patient.postcode.as_str(), patient.uprn), ("", None));
    }

    /// What identity writes on `control.links` when a gateway asks for the patient's handle, in that one call.
    fn restrictions_on_the_link(patient: &Demographics) -> Vec<String> {
        use walbrook_identity::linkage::{
            Answer, Command, Core, Entropy, LinkItem, MatchingCover, Token, Turn, wire,
        };
        struct Ids(u8);
        impl Entropy for Ids {
            fn id(&mut self) -> [u8; 16] {
                self.0 += 1;
                [self.0; 16]
            }
        }
        struct Nobody;
        impl MatchingCover for Nobody {
            fn covers(&self, _: &Organisation, _: &Organisation) -> bool {
                false
            }
        }
        let stated = wire::stated(walbrook_proto::identity::v1::Demographics {
            given_name: patient.given_name.clone(),
            family_name: patient.family_name.clone(),
            birth_date: patient.birth_date,
            nhs_number: patient.nhs_number.clone().unwrap_or_default(),
            restricted: patient.restricted,
            ..Default::default()
        });
        let item = LinkItem {
            token: Token([7; 32]),
            organisation: "ODS:RRV".parse().unwrap(),
            agency: "health".into(),
            id_scheme: "NHS_NUMBER".into(),
            stated: Some(stated.unwrap()),
            previous: None,
        };
        let mut core = Core::default();
        let turn = Turn {
            now: walbrook_domain::Instant(0),
            entropy: &mut Ids(0),
            cover: &Nobody,
        };
        let Ok(Answer::Linked(handle)) = core.step(Command::Link(item), turn) else {
            panic!("not linked");
        };
        assert!(core.committed().links.contains(&handle), "in the same step");
        wire::link_record(core.index(), handle)
            .unwrap()
            .restrictions
    }

    #[test]
    fn a_restricted_patient_is_restricted_on_the_link_within_the_same_call() {
        let (Some(restricted), Some(open)) = (sample("9000000025"), sample("9000000009")) else {
            return;
        };
        assert_eq!(restrictions_on_the_link(&restricted), ["RESTRICTED"]);
        assert!(restrictions_on_the_link(&open).is_empty());
    }

    #[test]
    fn an_unrestricted_patient_has_everything_that_is_compared() {
        let Some(patient) = sample("9000000009") else {
            return;
        };
        assert!(!patient.restricted);
        assert_eq!(patient.postcode, "LS1 6AE");
        assert_eq!(patient.uprn.as_deref(), Some("123456789012"));
        assert_eq!(patient.email.as_deref(), Some("jane.smith@example.com"));
    }

    #[test]
    fn unknown_security_restricts_and_half_a_birth_date_is_none() {
        let text = r#"{"resourceType": "Patient", "birthDate": "2010-10",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000042"}],
            "name": [{"use": "official", "family": "Okafor", "given": ["Amara", "Joy"]}, {"use": "old", "family": "Bennett"}]}"#;
        let patient = demographics(text).unwrap();
        assert!(patient.restricted);
        assert!(!patient.nhs_number_verified, "no status, not verified");
        assert_eq!(patient.birth_date, None);
        assert_eq!(
            (patient.given_name.as_str(), patient.family_name.as_str()),
            ("Amara Joy", "Okafor")
        );
        let very = text.replace(
            r#""resourceType""#,
            r#""meta": {"security": [{"code": "V"}]}, "resourceType""#,
        );
        assert!(demographics(&very).unwrap().restricted);
    }

    #[test]
    fn what_is_no_patient_is_refused_without_saying_what_it_is() {
        assert_eq!(
            demographics(r#"{"resourceType": "Bundle"}"#),
            Err(NotAPatient::AnotherResource)
        );
        let wrong = demographics("{\n\"resourceType\": Amara}").unwrap_err();
        assert_eq!(wrong, NotAPatient::Json { line: 2 });
        assert!(!wrong.to_string().contains("Amara"));
    }
}
