//! The forms in which patients come, and what becomes of each.

use super::super::frame::testing;
use super::*;

use crate::import::frame::Finding;
use std::path::PathBuf;
use walbrook_proto::common::v1::Date;

/// An invented patient.
fn patient(number: &str, security: &str) -> String {
    format!(
        r#"{{"resourceType": "Patient", "meta": {{"security": [{{"code": "{security}"}}]}},
        "identifier": [{{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "{number}", "extension": [{{
            "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
            "valueCodeableConcept": {{"coding": [{{"code": "01"}}]}}}}]}}],
        "name": [{{"use": "usual", "family": "Quillfeather", "given": ["Aveline"]}}], "birthDate": "1987-03-14"}}"#
    )
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn enrolled(from: &Path) -> (Vec<Subject>, Vec<Finding>, usize) {
    let rows = rows(from, &Meter::default()).unwrap();
    testing::subjects(rows, Patients)
}

fn numbers(subjects: &[Subject]) -> Vec<&str> {
    let ids = subjects.iter();
    ids.map(|subject| subject.local_id.as_str()).collect()
}

fn rules(findings: &[Finding]) -> Vec<(u64, &str, &str)> {
    let told = findings.iter();
    told.map(|one| (one.row, one.column.as_str(), one.rule.as_str()))
        .collect()
}

const ONE: &str = "9990000018";
const TWO: &str = "9990000026";

#[test]
fn a_patient_a_bundle_an_array_and_a_bulk_export_say_the_same() {
    let (files, one, two) = (Files::new(), patient(ONE, "U"), patient(TWO, "R"));
    let flat = |text: &str| text.replace('\n', " ");
    let forms = [
        ("two.ndjson", format!("{}\n{}\n", flat(&one), flat(&two))),
        ("array.json", format!("[{one},\n{two}]")),
        (
            "bundle.json",
            format!(
                r#"{{"resourceType": "Bundle", "type": "searchset", "link": [{{"relation": "self"}}],
                "entry": [{{"fullUrl": "a", "resource": {one}}}, {{"resource": {two}, "search": {{"score": 1}}}}]}}"#
            ),
        ),
        ("marked.json", format!("\u{feff}{one}{two}")),
    ];
    for (name, text) in forms {
        let (subjects, findings, tickets) = enrolled(&files.with(name, &text));
        assert_eq!(numbers(&subjects), [ONE, TWO], "{name}");
        assert_eq!((rules(&findings), tickets), (vec![], 2), "{name}");
        let restricted = subjects
            .iter()
            .map(|one| one.demographics.as_ref().unwrap().restricted);
        assert_eq!(restricted.collect::<Vec<_>>(), [false, true], "{name}");
        assert!(subjects.iter().all(|one| one.scheme == "NHS_NUMBER"));
    }
}

#[test]
fn a_folder_is_its_files_in_order_numbered_through() {
    let files = Files::new();
    files.with("b.json", &patient(TWO, "U"));
    files.with("a.json", &format!("[{}, {{}}]", patient(ONE, "U")));
    files.with("LICENSE", "not read");
    let (subjects, findings, tickets) = enrolled(files.0.path());
    assert_eq!((numbers(&subjects), tickets), (vec![ONE, TWO], 3));
    assert_eq!(rules(&findings), [(2, "", "PATIENT_FORM")]);

    let empty = tempfile::tempdir().unwrap();
    let refused = rows(empty.path(), &Meter::default()).err().unwrap();
    assert!(refused.text().contains(".ndjson"), "{}", refused.text());
}

#[test]
fn what_is_no_whole_patient_is_told_by_row_and_quotes_nothing() {
    let files = Files::new();
    let rows = [
        r#"{"resourceType": "OperationOutcome", "issue": []}"#.to_owned(),
        r#"{"resourceType": "Organization", "name": "Quillfeather House"}"#.to_owned(),
        r#"{"resourceType": "Patient", "name": [{"family": "Quillfeather"}]}"#.to_owned(),
        r#"{"resourceType": "Patient", "name": "Quillfeather"}"#.to_owned(),
        "[1]".to_owned(),
        patient(ONE, "U").replace(r#""code": "01""#, r#""code": "02""#),
        patient(ONE, "U").replace("1987-03-14", "1987-03"),
        patient(ONE, "U").replace("security", "tag"),
    ];
    let text = rows.map(|row| row.replace('\n', " ")).join("\n");
    let (subjects, findings, tickets) = enrolled(&files.with("all.ndjson", &text));
    assert_eq!((subjects.len(), tickets), (3, 8));
    assert_eq!(
        rules(&findings),
        [
            (3, "identifier", "NHS_NUMBER_MISSING"),
            (4, "", "PATIENT_FORM"),
            (5, "", "PATIENT_FORM"),
            (6, "identifier", "NHS_NUMBER_NOT_VERIFIED"),
            (7, "birthDate", "BIRTH_DATE_PARTIAL"),
            (8, "meta.security", "SECURITY_MISSING"),
        ]
    );
    let who = |at: usize| subjects[at].demographics.clone().unwrap();
    assert!(!who(0).nhs_number_verified);
    assert_eq!(
        (who(1).birth_date, who(2).birth_date),
        (None, Date::new(1987, 3, 14))
    );
    assert!(who(2).restricted, "unknown is not open");
    let said = format!("{findings:?}");
    assert!(
        !said.contains("Quillfeather") && !said.contains(ONE),
        "{said}"
    );
}

#[test]
fn a_break_in_the_middle_ends_the_reading_and_is_told() {
    let files = Files::new();
    let text = format!("{}\n{{\"resourceType\": \"Patient\", ", patient(ONE, "U"));
    let (subjects, findings, tickets) = enrolled(&files.with("cut.ndjson", &text));
    assert_eq!((numbers(&subjects), tickets), (vec![ONE], 2));
    assert_eq!(rules(&findings), [(2, "", "JSON_BROKEN")]);
}
