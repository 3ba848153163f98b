//! Each fault, planted by itself into a shipped agreement, is the only fault found: on its line, by its field, with its reason.

use super::super::*;
use super::document;
use crate::testing::{at, catalogue, law_with};
use toml::de::{DeTable, DeValue};
use walbrook_domain::Day;

fn today() -> Day {
    at("2026-01-05T09:00:00Z").london_day()
}

fn faults(text: &str) -> Vec<Fault> {
    match Agreement::propose_on(text, &catalogue(), today()) {
        Ok(_) => Vec::new(),
        Err(Faults(faults)) => faults,
    }
}

/// Replaces in the document: all of `from` must be there.
fn changed(name: &str, changes: &[(&str, &str)]) -> String {
    let mut text = document(name);
    for (from, to) in changes {
        assert!(text.contains(from), "{name} does not say {from}");
        text = text.replacen(from, to, 1);
    }
    text
}

fn one(found: &[Fault], field: &str, reason: &str, changes: &[(&str, &str)]) {
    assert_eq!(found.len(), 1, "{changes:?}: {found:?}");
    let fault = &found[0];
    assert_eq!(fault.field, field, "{fault}");
    assert!(fault.reason.contains(reason), "{fault}");
    assert!(!fault.to_do.is_empty(), "{fault}: nothing to do");
}

/// A document, what is changed in it, and the one fault that makes.
struct Planted {
    document: String,
    changes: Vec<(String, String)>,
    field: String,
    reason: String,
}

const NHS: &str = "nhs-to-housing.toml";
const REFER: &str = "duty-to-refer.toml";
const LONDON: &str = "pan-london-rough-sleeping.toml";
const POLICE: &str = "police-children-in-care.toml";
const CARE: &str = "nhs-adult-social-care.toml";
const STATISTICS: &str = "rough-sleeping-statistics.toml";

/// The planted faults of `planted.toml`.
fn planted() -> Vec<Planted> {
    let table = DeTable::parse(include_str!("planted.toml")).unwrap();
    let table = table.into_inner();
    let text = |value: &DeValue<'_>| value.as_str().unwrap().to_owned();
    let all = table["planted"].get_ref().as_array().unwrap();
    all.iter()
        .map(|one| {
            let one = one.get_ref().as_table().unwrap();
            let changes = one["changes"].get_ref().as_array().unwrap();
            Planted {
                document: format!("{}.toml", text(one["document"].get_ref())),
                changes: changes
                    .iter()
                    .map(|change| {
                        let change = change.get_ref().as_array().unwrap();
                        (text(change[0].get_ref()), text(change[1].get_ref()))
                    })
                    .collect(),
                field: text(one["field"].get_ref()),
                reason: text(one["reason"].get_ref()),
            }
        })
        .collect()
}

#[test]
fn each_planted_fault_is_the_only_fault_found() {
    let all = planted();
    assert!(all.len() >= 85);
    let mut wrong = Vec::new();
    for planted in all {
        let changes: Vec<_> = planted
            .changes
            .iter()
            .map(|(from, to)| (from.as_str(), to.as_str()))
            .collect();
        let found = faults(&changed(&planted.document, &changes));
        let alone = matches!(found.as_slice(), [fault] if fault.field == planted.field
            && fault.reason.contains(&planted.reason) && !fault.to_do.is_empty());
        if !alone {
            wrong.push(format!(
                "{} {changes:?}: expected {}: {}, found {found:#?}",
                planted.document, planted.field, planted.reason
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_statistical_gateway_never_shows_single_persons() {
    let text = changed(STATISTICS, &[("mode = \"cohort\"", "mode = \"case\"")]);
    let found = faults(&text);
    assert!(
        found.iter().all(|fault| fault.field == "reader[1].mode"),
        "{found:?}"
    );
    assert_eq!(found.len(), 1, "{found:?}");
    // An agreement for statistics alone, by its Article 9 condition.
    let changes = [
        (
            "article_9 = [\"9(2)(g)\", \"9(2)(h)\"]",
            "article_9 = [\"9(2)(j)\"]",
        ),
        ("schedule_1 = [\"2\", \"6\"]", "schedule_1 = [\"4\"]"),
    ];
    let found = faults(&changed(NHS, &changes));
    assert!(
        found
            .iter()
            .all(|fault| fault.reason.contains("rests on statistics: 9(2)(j)")),
        "{found:?}"
    );
    assert_eq!(found.len(), 1);
}

#[test]
fn consent_does_not_stop_the_duty_of_s16la_once_it_is_in_force() {
    // The shipped law has no commencement day for it: this one has.
    let commenced = law_with(|_, text| {
        text.replace(
            "discloses = [\"local-authority\", \"nhs-body\", \"police-force\"]\nreceives = [\"local-authority\", \"nhs-body\", \"police-force\"]\nduty = true",
            "discloses = [\"local-authority\", \"nhs-body\", \"police-force\"]\nreceives = [\"local-authority\", \"nhs-body\", \"police-force\"]\ncommencement = 2025-01-01\nduty = true",
        )
    });
    let catalogue = catalogue().with_law(commenced);
    let rest = [
        (
            "\"ca2004-s11\", \"cda1998-s115\"]\narticle_6",
            "\"ca2004-s11\", \"ca2004-s16la\", \"cda1998-s115\"]\narticle_6",
        ),
        (
            "gateways = [\"ca2004-s11\", \"cda1998-s115\"]\narticle_6 = \"6(1)(e)\"",
            "gateways = [\"ca2004-s16la\"]\narticle_6 = \"6(1)(c)\"",
        ),
    ];
    let sound = changed(POLICE, &rest);
    assert!(Agreement::propose(&sound, &catalogue).is_ok());
    let text = sound.replacen("consent = \"not-needed\"", "consent = \"required\"", 1);
    let Err(Faults(found)) = Agreement::propose(&text, &catalogue) else {
        panic!("consent on a safeguarding duty was taken")
    };
    one(&found, "flow[1].person.consent", "s16LA", &rest);
    // And as shipped, it is not in force.
    let found = faults(&sound);
    one(
        &found,
        "law.gateways",
        "ca2004-s16la is not in force",
        &rest,
    );
}

#[test]
fn a_referral_without_its_gateway_is_no_referral() {
    let text = changed(
        REFER,
        &[(
            "gateways = [\"ha1996-s213b\"]\narticle_6 = [\"6(1)(c)\"]",
            "gateways = [\"ha1996-s213b\", \"nhsa2006-s82\"]\narticle_6 = [\"6(1)(c)\", \"6(1)(e)\"]",
        )],
    );
    let text = text.replacen(
        "gateways = [\"ha1996-s213b\"]\nmax",
        "gateways = [\"nhsa2006-s82\"]\narticle_6 = \"6(1)(e)\"\nmax",
        1,
    );
    let text = text.replace(
        "gateways = [\"ha1996-s213b\"]\nmax",
        "gateways = [\"ha1996-s213b\"]\narticle_6 = \"6(1)(c)\"\nmax",
    );
    one(
        &faults(&text),
        "flow[1].person.consent",
        "rests on Housing Act 1996 s213B alone",
        &[],
    );
}

#[test]
fn a_field_that_nobody_classed_is_not_granted() {
    let law = law_with(|_, text| text.replacen("\"self_discharged\", ", "", 1));
    let found = Agreement::propose(&document(NHS), &catalogue().with_law(law));
    let Err(Faults(found)) = found else {
        panic!("an unclassed field was granted")
    };
    one(
        &found,
        "flow[1].fields",
        "self_discharged has no class",
        &[],
    );
}

#[test]
fn without_the_law_nothing_is_lawful() {
    let catalogue = catalogue().with_law(crate::law::Law::default());
    for (name, text) in crate::testing::shipped() {
        assert!(Agreement::propose(&text, &catalogue).is_err(), "{name}");
    }
}

#[test]
fn faults_stand_on_the_line_of_their_field() {
    for (name, from, to, line) in [
        (
            NHS,
            "precision = \"day\"",
            "precision = \"second\"",
            "precision = \"second\"",
        ),
        (
            NHS,
            "scope = [\"own-subjects\"]",
            "scope = []",
            "scope = []",
        ),
        (POLICE, "article_10 = ", "article_11 = ", "article_11 = "),
        (CARE, "schedule_1 = [\"2\"]\n", "", "[law]"),
    ] {
        let text = changed(name, &[(from, to)]);
        let line = 1 + text.lines().position(|one| one.contains(line)).unwrap();
        assert!(
            faults(&text).iter().any(|fault| fault.line == line),
            "{:?}",
            faults(&text)
        );
    }
    let found = faults("id = ");
    assert!(
        found
            .iter()
            .all(|fault| (fault.line, fault.field.as_str()) == (1, "document"))
    );
}

#[test]
fn all_faults_are_named_at_once() {
    let text = document(LONDON)
        .replacen("arrears_pence", "arrears_cents", 1)
        .replacen("kind = \"sharing\"", "kind = \"sharing\"\nextra = 1", 1)
        .replacen("scope = [\"own-subjects\"]", "scope = []", 1)
        .replacen("article_6 = [\"6(1)(e)\"]", "article_6 = [\"6(1)(a)\"]", 1);
    assert_eq!(faults(&text).len(), 4, "{:?}", faults(&text));
    // What cannot be read does not keep the rest from being checked, nor is what follows from it said.
    for (line, more) in [
        ("id = ", "id = \"PAN \"\n"),
        ("retention_days = ", ""),
        ("purpose = ", ""),
        ("[period]", "[perjod]\n"),
    ] {
        let torn: String = text
            .lines()
            .map(|one| match one.starts_with(line) {
                true => more.to_owned(),
                false => format!("{one}\n"),
            })
            .collect();
        let found = faults(&torn);
        let expected = if line == "[period]" { 6 } else { 5 };
        assert_eq!(found.len(), expected, "{line}: {found:?}");
    }
    let torn = text.replacen("[law]", "[lore]", 1);
    // The basis is gone with its table; the other three stand.
    assert_eq!(faults(&torn).len(), 5, "{:?}", faults(&torn));
}
