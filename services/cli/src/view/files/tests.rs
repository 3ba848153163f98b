//! View files against agreements, and as documents.

use super::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn shipped() -> (Vec<View>, Vec<Agreement>) {
    let files = documents(&[root().join("deploy/views")]).unwrap();
    let views = files.iter().map(|path| sound(path).unwrap()).collect();
    let folder = root().join("deploy/agreements");
    (views, agreements(Some(&folder)).unwrap().unwrap())
}

#[test]
fn every_feature_of_the_shipped_views_is_fed_and_every_role_reads() {
    let (views, agreements) = shipped();
    assert!(views.len() >= 3);
    for view in &views {
        assert_eq!(
            unfed(view, &agreements, &file::catalogue()),
            [],
            "{}",
            view.name
        );
    }
}

#[test]
fn a_feature_that_no_agreement_feeds_is_named_by_line_and_reason() {
    let (views, mut agreements) = shipped();
    let risk = views.iter().find(|view| view.points).unwrap();
    for agreement in &mut agreements {
        for flow in &mut agreement.flows {
            flow.fields.retain(|field| field != "owed_weeks");
        }
        let kept = |flow: &walbrook_policy::agreement::Flow| {
            flow.event_type.as_str() != "housing.DutyDecision"
        };
        agreement.flows.retain(kept);
    }
    let found = unfed(risk, &agreements, &file::catalogue());
    let named = |field: &str, word: &str| {
        let line = risk.features.iter().find(|one| field.ends_with(&one.name));
        let line = line.map(|feature| feature.line);
        found.iter().any(|fault| {
            Some(fault.line) == line && fault.field == field && fault.reason.contains(word)
        })
    };
    assert!(
        named(
            "feature arrears_weeks",
            "owed_weeks of housing.RentArrearsChanged"
        ),
        "{found:?}"
    );
    assert!(
        named("feature relief_duty", "have housing.DutyDecision"),
        "{found:?}"
    );
    assert!(
        !found
            .iter()
            .any(|fault| fault.field == "feature arrears_pence")
    );
    // Nobody reads any more as somebody for whom a column is.
    for agreement in &mut agreements {
        agreement
            .readers
            .retain(|reader| reader.role != "housing-options-officer");
    }
    let found = unfed(risk, &agreements, &file::catalogue());
    let role = found
        .iter()
        .find(|fault| fault.field == "column support_needs");
    assert!(role.unwrap().reason.contains("housing-options-officer"));
}

#[test]
fn a_document_tells_every_column_rule_and_gap_and_a_role_sees_its_own() {
    let (views, _) = shipped();
    for view in &views {
        let text = document::whole(view, &file::catalogue(), None);
        for column in &view.columns {
            assert!(
                text.contains(&format!("({}): ", column.output)),
                "{}",
                column.output
            );
        }
        for rule in &view.rules {
            assert!(text.contains(&format!("• {}", rule.id)), "{}", rule.id);
        }
        for one in &view.not_yet {
            assert!(text.contains(&one.meaning), "{}", one.label);
        }
    }
    let children = views
        .iter()
        .find(|view| view.name == "children_in_care")
        .unwrap();
    let nurse = document::whole(children, &file::catalogue(), Some("looked-after-nurse"));
    assert!(nurse.contains("(initial_health_due): ") && !nurse.contains("(legal_status): "));
    assert!(nurse.contains("initial-health-overdue") && !nurse.contains("deprived-of-liberty"));
}

#[test]
fn an_output_or_a_rule_is_explained_with_what_feeds_it() {
    let (views, agreements) = shipped();
    let children = views
        .iter()
        .find(|view| view.name == "children_in_care")
        .unwrap();
    let one = |name: &str| document::one(children, &file::catalogue(), name, Some(&agreements));
    let clock = one("initial_health_due").unwrap();
    for word in [
        "due 20 working days after the last of",
        "health.CicHealthAssessment: assessment_type, completed_on",
        "nhs-children-in-care: looked-after-nurse, social-worker",
        "initial-health-late",
    ] {
        assert!(clock.contains(word), "{word}: {clock}");
    }
    assert!(
        one("needs_attention")
            .unwrap()
            .contains("police.MissingEpisode")
    );
    assert!(one("missing-now").unwrap().contains("police risk"));
    assert_eq!(one("nothing"), None);
}
