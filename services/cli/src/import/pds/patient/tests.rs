//! Patients of the samples, and broken ones.

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
