use super::*;
use crate::testing::{catalogue, shipped};
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

#[test]
fn every_shipped_agreement_is_a_sound_proposal_and_reads_back_from_its_canonical_text() {
    let catalogue = catalogue();
    let documents = shipped();
    assert!(
        documents.len() >= 7,
        "deploy/agreements holds too few documents"
    );
    for (name, text) in documents {
        let agreement = Agreement::propose(&text, &catalogue)
            .unwrap_or_else(|faults| panic!("{name}: {faults}"));
        assert_eq!(format!("{}.toml", agreement.id), name);
        let canonical = agreement.canonical_text();
        let again = Agreement::propose(&canonical, &catalogue)
            .unwrap_or_else(|faults| panic!("{name}: {faults}"));
        assert_eq!(again, agreement, "{name}");
        assert_eq!(again.canonical_text(), canonical, "{name}");
    }
}

fn faults_of(text: &str) -> Vec<String> {
    match Agreement::propose(text, &catalogue()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

fn document(name: &str) -> String {
    shipped()
        .into_iter()
        .find(|(file, _)| file == name)
        .unwrap()
        .1
}

/// Line of the first occurrence, from 1.
fn line_of(text: &str, needle: &str) -> usize {
    1 + text.lines().position(|line| line.contains(needle)).unwrap()
}

#[test]
fn each_fault_is_named_by_line_field_and_reason() {
    let base = document("nhs-to-housing.toml");
    for (from, to, field, reason) in [
        (
            "\"self_discharged\"]",
            "\"self_discharged\", \"nhs_number\"]",
            "flow[1].fields",
            "has no field nhs_number",
        ),
        (
            "event = \"health.EdAttendance\"",
            "event = \"health.Unknown\"",
            "flow[1].event",
            "there is no event type",
        ),
        (
            "view = \"rough_sleeping_risk\"",
            "view = \"everything\"",
            "reader[1].view",
            "there is no view",
        ),
        (
            "view = \"rough_sleeping_risk\"",
            "view = \"children_in_care\"",
            "reader[1].view",
            "for the purpose children-in-care",
        ),
        (
            "scope = [\"own-subjects\"]",
            "scope = []",
            "reader[1].scope",
            "no scope",
        ),
        (
            "scope = [\"own-subjects\"]",
            "scope = [\"london\"]",
            "reader[1].scope",
            "london is no scope",
        ),
        (
            "consent = \"required\"",
            "consent = \"not-objected\"",
            "flow[1].person.consent",
            "demands consent",
        ),
        (
            "expiry = 2030-03-31",
            "expiry = 2024-03-31",
            "period.expiry",
            "before the review date",
        ),
        (
            "expiry = 2030-03-31",
            "expiry = \"soon\"",
            "period.expiry",
            "expected a date",
        ),
        (
            "retention_days = 365",
            "retention_days = 0",
            "retention_days",
            "above 0",
        ),
        (
            "precision = \"day\"",
            "precision = \"second\"",
            "flow[1].precision",
            "expected one of day, hour",
        ),
        (
            "accommodation_status is present",
            "accommodation_status = 1",
            "flow[1].where",
            "compared with 1",
        ),
        (
            "accommodation_status is present",
            "accommodation_status",
            "flow[1].where",
            "not a predicate",
        ),
        (
            "article_9 = [\"9(2)(g)\", \"9(2)(h)\"]",
            "article_9 = []",
            "law.article_9",
            "health data needs",
        ),
        (
            "schedule_1 = [\"2\", \"6\"]",
            "schedule_1 = [\"2\"]",
            "law.schedule_1",
            "9(2)(g) needs a paragraph",
        ),
        (
            "article_6 = [\"6(1)(c)\", \"6(1)(e)\"]",
            "article_6 = [\"6(1)(a)\"]",
            "law.article_6",
            "6(1)(a) is not one of",
        ),
        (
            "gateways = [\"ha1996-s213b\"]",
            "gateways = [\"ha1996-part7\"]",
            "flow[1].gateways",
            "may not disclose under",
        ),
        ("[dpia]", "[appendix]", "appendix", "unknown field"),
        (
            "class = \"nhs-body\"\nevent = \"health.EdAttendance\"",
            "organisation = \"TFL:tfl\"\nevent = \"health.EdAttendance\"",
            "flow[1]",
            "not among the parties",
        ),
        (
            "minimum_match = \"MATCH\"",
            "minimum_match = \"MAYBE\"",
            "flow[1].person.minimum_match",
            "expected one of",
        ),
        (
            "role = \"housing-options-officer\"",
            "role = \"\"",
            "reader[1].role",
            "empty",
        ),
    ] {
        let text = base.replacen(from, to, 1);
        assert_ne!(text, base, "{from} is not in the document");
        let faults = faults_of(&text);
        let found = faults
            .iter()
            .any(|fault| fault.contains(&format!(": {field}: ")) && fault.contains(reason));
        assert!(found, "{from} -> {to}: {faults:?}");
    }
}

#[test]
fn faults_stand_on_the_line_of_their_field() {
    let base = document("nhs-to-housing.toml");
    let text = base.replacen("precision = \"day\"", "precision = \"second\"", 1);
    let expected = format!(
        "line {}: flow[1].precision",
        line_of(&text, "precision = \"second\"")
    );
    assert!(
        faults_of(&text)
            .iter()
            .any(|fault| fault.starts_with(&expected)),
        "{:?}",
        faults_of(&text)
    );
    let text = base.replacen("scope = [\"own-subjects\"]", "scope = []", 1);
    let expected = format!("line {}: reader[1].scope", line_of(&text, "scope = []"));
    assert!(
        faults_of(&text)
            .iter()
            .any(|fault| fault.starts_with(&expected)),
        "{:?}",
        faults_of(&text)
    );
    assert!(
        faults_of("id = ")
            .iter()
            .all(|fault| fault.starts_with("line 1: document: not TOML"))
    );
}

#[test]
fn all_faults_are_named_at_once() {
    let base = document("pan-london-rough-sleeping.toml");
    let text = base
        .replacen("id = \"pan", "id = \"PAN ", 1)
        .replacen("arrears_pence", "arrears_cents", 1)
        .replacen("kind = \"sharing\"", "kind = \"sharing\"\nextra = 1", 1);
    // The document cannot be typed without an id, so its names are not checked; shape and words are, together.
    assert_eq!(faults_of(&text).len(), 2, "{:?}", faults_of(&text));
}

#[test]
fn police_data_needs_article_10_and_part_3_and_dea_is_not_for_the_nhs() {
    let base = document("police-children-in-care.toml");
    let without = base
        .lines()
        .filter(|line| !line.starts_with("article_10"))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        faults_of(&without)
            .iter()
            .any(|fault| fault.contains("police data needs Article 10"))
    );
    let base = document("nhs-to-housing.toml").replace("ha1996-s213b", "dea2017-s35");
    assert!(
        faults_of(&base)
            .iter()
            .any(|fault| fault.contains("may not disclose under Digital Economy Act"))
    );
}

#[test]
fn one_changed_byte_voids_the_signature() {
    let text = Agreement::read(&document("nhs-to-housing.toml"))
        .unwrap()
        .canonical_text();
    let key = SigningKey::from_bytes(&[7; 32]);
    let signature = key.sign(&sha256(&text)).to_bytes();
    let public = key.verifying_key().to_bytes();
    assert_eq!(verify(&public, &sha256(&text), &signature), Ok(()));
    for at in [0, text.len() / 2, text.len() - 1] {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(
            verify(&public, &sha256(&changed), &signature),
            Err(SignatureError::Mismatch)
        );
    }
    let other = SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes();
    assert_eq!(
        verify(&other, &sha256(&text), &signature),
        Err(SignatureError::Mismatch)
    );
    assert_eq!(
        verify(&[0; 32], &sha256(&text), &signature),
        Err(SignatureError::Key)
    );
}

proptest! {
    #[test]
    fn any_text_survives_its_canonical_form(title in "\\PC{1,40}", summary in "[\\n\\t\"\\\\ a-z\u{1}-\u{1f}\u{7f}]{0,30}", contact in "\\PC{1,20}") {
        prop_assume!(!title.trim().is_empty() && !contact.trim().is_empty());
        let mut agreement = Agreement::read(&document("nhs-to-housing.toml")).unwrap();
        agreement.title = title;
        agreement.summary = format!("x{summary}");
        agreement.parties[0].contact = contact;
        prop_assert_eq!(Agreement::read(&agreement.canonical_text()), Ok(agreement));
    }

    #[test]
    fn any_document_is_read_or_refused(text in "[a-z\\[\\]=\"0-9\\n .-]{0,200}") {
        let _ = Agreement::propose(&text, &catalogue());
    }
}
