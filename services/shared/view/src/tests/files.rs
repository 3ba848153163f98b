//! View files: ours are sound, and each fault is named by file, line and field.

use super::support::*;
use crate::model::{Kind, Population};

#[test]
fn the_views_of_the_project_are_sound() {
    let risk = view("rough_sleeping_risk");
    assert_eq!(risk.population, Population::Adults);
    assert!(risk.points && !risk.bands.is_empty());
    let children = view("children_in_care");
    assert_eq!(children.population, Population::LookedAfterChildren);
    assert!(!children.points && children.bands.is_empty());
    assert!(
        children
            .rules
            .iter()
            .all(|rule| rule.points_hundredths == 0)
    );
    assert!(
        children
            .features
            .iter()
            .any(|feature| matches!(feature.kind, Kind::Clock { .. }))
    );
}

const SOUND: &str = r#"name = "v"
title = "V"
purpose = "rough-sleeping"
population = "adults"
modes = ["case"]
points = true
[[source]]
event = "housing.RentArrearsChanged"
silent_after_days = 35
[[feature]]
name = "weeks"
kind = "last"
event = "housing.RentArrearsChanged"
field = "owed_weeks"
[[rule]]
id = "r"
when = "weeks >= 8"
points_hundredths = 100
sentence = "Owes {weeks} weeks."
[[column]]
output = "weeks"
label = "Weeks"
meaning = "Weeks owed."
"#;

fn faults(text: &str) -> Vec<(usize, String, String)> {
    match crate::file::read("v.toml", text, &catalogue()) {
        Ok(_) => Vec::new(),
        Err(faults) => {
            assert!(faults.to_string().starts_with("v.toml:"));
            let all = faults.faults.into_iter();
            all.map(|fault| (fault.line, fault.field, fault.reason))
                .collect()
        }
    }
}

#[test]
fn each_planted_fault_is_named_by_line_and_field() {
    assert_eq!(faults(SOUND), []);
    for (was, is, line, field, word) in [
        ("title = \"V\"\n", "", 1, "title", "missing"),
        (
            "\"adults\"",
            "\"all\"",
            4,
            "population",
            "looked-after-children",
        ),
        (
            "\"adults\"",
            "\"looked-after-children\"",
            4,
            "points",
            "never points",
        ),
        (
            "event = \"housing.RentArrearsChanged\"\nsilent",
            "event = \"housing.Nothing\"\nsilent",
            8,
            "source[1].event",
            "no event type",
        ),
        (
            "silent_after_days = 35",
            "silent_after_days = 0",
            9,
            "source[1].silent_after_days",
            "above 0",
        ),
        (
            "field = \"owed_weeks\"",
            "field = \"weeks\"",
            14,
            "feature[1].field",
            "no field weeks",
        ),
        (
            "kind = \"last\"",
            "kind = \"mean\"",
            12,
            "feature[1].kind",
            "expected one of",
        ),
        (
            "kind = \"last\"",
            "kind = \"sum\"\nwindow_days = -1",
            13,
            "feature[1].window_days",
            "above 0",
        ),
        (
            "field = \"owed_weeks\"",
            "field = \"owed_weeks\"\nwhere = \"arrears_pence = 'x'\"",
            15,
            "feature[1].where",
            "arrears_pence",
        ),
        (
            "field = \"owed_weeks\"",
            "field = \"owed_weeks\"\ncode = \"x\"",
            15,
            "feature[1].code",
            "unknown field",
        ),
        (
            "weeks >= 8",
            "week >= 8",
            17,
            "rule[1].when",
            "no such output",
        ),
        ("weeks >= 8", "weeks >= 'a'", 17, "rule[1].when", "weeks"),
        (
            "weeks >= 8",
            "weeks >",
            17,
            "rule[1].when",
            "not a predicate",
        ),
        (
            "points_hundredths = 100",
            "points_hundredths = 1.5",
            18,
            "rule[1].points_hundredths",
            "whole number",
        ),
        (
            "{weeks}",
            "{month}",
            19,
            "rule[1].sentence",
            "no output month",
        ),
        ("{weeks}", "{weeks", 19, "rule[1].sentence", "not closed"),
        (
            "output = \"weeks\"",
            "output = \"months\"",
            21,
            "column[1].output",
            "no output months",
        ),
        ("title = \"V\"", "title = V", 2, "file", "not TOML"),
    ] {
        assert!(SOUND.contains(was), "{was}");
        let found = faults(&SOUND.replacen(was, is, 1));
        assert!(
            found
                .iter()
                .any(|(l, f, reason)| (*l, f.as_str()) == (line, field) && reason.contains(word)),
            "{was} -> {is}: expected {line} {field} {word}, found {found:?}"
        );
    }
}

#[test]
fn all_faults_are_named_at_once() {
    let text = SOUND
        .replace("\"adults\"", "\"all\"")
        .replace("owed_weeks", "nothing")
        .replace("title", "titel");
    let lines: Vec<usize> = faults(&text).into_iter().map(|(line, ..)| line).collect();
    assert!(
        [1, 2, 4, 14].iter().all(|line| lines.contains(line)),
        "{lines:?}"
    );
}

#[test]
fn a_feature_of_an_event_type_without_a_source_is_a_fault() {
    let text = SOUND.replace(
        "event = \"housing.RentArrearsChanged\"\nsilent",
        "event = \"housing.PossessionNotice\"\nsilent",
    );
    assert!(
        faults(&text)
            .iter()
            .any(|(_, field, reason)| field == "source" && reason.contains("RentArrearsChanged"))
    );
}
