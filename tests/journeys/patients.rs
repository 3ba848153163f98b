//! Patients of the Personal Demographics Service become records of a trust in identity, without an event: `walbrook import pds`.

use std::path::Path;
use std::process::Command;

use tonic::Code;
use walbrook_event::framing::unframe;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::{Date, EventHead, Subject, event_head::When};
use walbrook_proto::health::v1::{Event, GpRegistrationChanged, PublishRequest, event};
use walbrook_proto::identity::v1::IdentityRecord;
use walbrook_tests::backbone::{Backbone, Options, journey, root};
use walbrook_tests::people::event_id;

const TRUST: &str = "ODS:RRV";
const NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
const STATUS: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";
const OPEN: &str = "9990000018";
const RESTRICTED: &str = "9990000026";

/// Two invented patients, one restricted all whose whereabouts are told, and a resource that is none.
fn bundle() -> String {
    let patient = |number: &str, given: &str, security: &str| {
        serde_json::json!({ "resource": {
            "resourceType": "Patient",
            "meta": { "security": [{ "code": security }] },
            "identifier": [{ "system": NUMBER, "value": number, "extension": [
                { "url": STATUS, "valueCodeableConcept": { "coding": [{ "code": "01" }] } }
            ]}],
            "name": [{ "use": "usual", "family": "Quillfeather", "given": [given] }],
            "birthDate": "1987-03-14",
            "address": [{ "use": "home", "postalCode": "NW1 0XX", "city": "Camden Town" }],
            "telecom": [{ "system": "email", "value": "quillfeather@example.org" }],
        }})
    };
    serde_json::json!({ "resourceType": "Bundle", "type": "searchset", "entry": [
        patient(OPEN, "Aveline", "U"),
        patient(RESTRICTED, "Barnaby", "R"),
        { "resource": { "resourceType": "OperationOutcome" } },
    ]})
    .to_string()
}

fn import(backbone: &Backbone, folder: &Path, from: &Path) -> serde_json::Value {
    let tests = std::env::current_exe().unwrap();
    let programs = tests.parent().and_then(Path::parent).unwrap();
    let out = Command::new(programs.join("walbrook"))
        .args(["import", "pds", "--provider", TRUST, "--json", "--dir"])
        .arg(folder)
        .args(["--endpoint", &backbone.address("health")])
        .arg(from)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    serde_json::from_slice(&out.stdout).unwrap()
}

fn demand(account: &serde_json::Value, counts: [u64; 5]) {
    let names = ["read", "accepted", "queried", "refused", "not_mapped"];
    let found = names.map(|name| account["total"][name].as_u64().unwrap());
    assert_eq!(found, counts, "{account}");
}

/// How many of these patients' links are restricted, how many are not, and records that identity ever wrote.
fn standing(backbone: &Backbone) -> (usize, usize, usize) {
    let links = backbone.links();
    let restricted = links
        .values()
        .filter(|link| link.restrictions == ["RESTRICTED"]);
    let restricted = restricted.count();
    let written = backbone.records("identity.records").len();
    (restricted, links.len() - restricted, written)
}

/// An event about a patient that does not say who it is.
async fn registered(backbone: &Backbone, number: &str) -> Result<(), tonic::Status> {
    let head = EventHead {
        event_id: event_id(),
        subject: Some(Subject {
            scheme: "NHS_NUMBER".into(),
            local_id: number.into(),
            demographics: None,
        }),
        when: Some(When::OccurredOn(Date::new(2026, 4, 7).unwrap())),
        ..EventHead::default()
    };
    let body = event::Body::GpRegistrationChanged(GpRegistrationChanged {
        to_ods: Some("G85013".into()),
        registered_on: Date::new(2026, 4, 7),
        ..GpRegistrationChanged::default()
    });
    let event = Event {
        head: Some(head),
        body: Some(body),
    };
    let request = PublishRequest { event: Some(event) };
    backbone.health(TRUST).publish(request).await.map(drop)
}

#[test]
fn trap_7_patients_are_enrolled_restricted_ones_as_such_and_a_second_run_adds_nothing() {
    journey(async {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let options = Options::only(&["identity", "broker", "health"]).with_keys(&keys);
        let backbone = Backbone::start(options).await;
        let file = folder.path().join("bundle.json");
        std::fs::write(&file, bundle()).unwrap();
        let unknown = registered(&backbone, OPEN).await.expect_err("who is it?");
        assert_eq!(unknown.code(), Code::InvalidArgument, "{unknown}");
        let why = String::from_utf8_lossy(unknown.details()).into_owned();
        assert!(why.contains("DEMOGRAPHICS_NEEDED"), "{why}");

        let account = import(&backbone, folder.path(), &file);
        // Of the restricted one address and e-mail were left out, and that is told.
        demand(&account, [3, 1, 1, 0, 1]);
        assert_eq!(account["rules"][0]["rule"], "RESTRICTED_LEFT_OUT");
        let first = standing(&backbone);
        assert_eq!((first.0, first.1), (1, 1));
        let kept = backbone.records("identity.records");
        let kept = kept.iter().filter_map(|record| {
            let (_, body) = unframe(record.value.as_deref()).unwrap();
            IdentityRecord::decode_exact(body).unwrap().demographics
        });
        for who in kept {
            let whereabouts = [&who.postcode, &who.town, &who.email];
            let told = whereabouts.iter().filter(|text| !text.is_empty()).count();
            assert_eq!(told, if who.restricted { 0 } else { 3 });
        }
        assert!(backbone.records("raw.health").is_empty(), "no event stands");

        let again = import(&backbone, folder.path(), &file);
        assert_eq!(again, account);
        assert_eq!(standing(&backbone), first, "nothing was written");

        // The patients of the samples, of whom one is restricted.
        let samples = root().join("../shared/data/pds");
        if samples.is_dir() {
            demand(&import(&backbone, folder.path(), &samples), [3, 3, 0, 0, 0]);
            let all = standing(&backbone);
            assert_eq!((all.0, all.1), (2, 3));
        } else {
            eprintln!("skipped: {} is not here", samples.display());
        }

        registered(&backbone, OPEN)
            .await
            .expect("it is known who it is");
        assert_eq!(backbone.records("raw.health").len(), 1);
        backbone.assert_audit_is_clean();
    });
}
