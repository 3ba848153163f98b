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
            .any(|feature| matches!(feature.kind, Kind::Clock(_)))
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
            "points = true",
            "points = true\nacknowledge_within_days = 0",
            7,
            "acknowledge_within_days",
            "a whole number above 0",
        ),
        (
            "points = true",
            "points = true\narea = \"weeks\"",
            7,
            "area",
            "no feature of kind last over a text",
        ),
        (
            "points = true",
            "points = true\narea = \"street\"",
            7,
            "area",
            "no feature of kind last over a text",
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
        (
            "event = \"housing.RentArrearsChanged\"\nfield = \"owed_weeks\"",
            "event = \"tfl.OutreachNotified\"\nfield = \"area\"",
            13,
            "feature[1].event",
            "never enters a person's row",
        ),
        (
            "field = \"owed_weeks\"",
            "field = \"owed_weeks\"\nwindow = 28",
            15,
            "feature[1].window",
            "has no unit: say window_days",
        ),
        (
            "silent_after_days = 35",
            "silent_after_days = 35\nsilent_after = 5",
            10,
            "source[1].silent_after",
            "has no unit",
        ),
        (
            "meaning = \"Weeks owed.\"",
            "meaning = \"Weeks owed.\"\nroles = []",
            24,
            "column[1].roles",
            "names no role",
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

/// A file about children with one clock.
const CLOCK: &str = r#"name = "v"
title = "V"
purpose = "children-in-care"
population = "looked-after-children"
modes = ["case"]
[[source]]
event = "social_care.CareEpisode"
silent_after_days = 35
[[feature]]
name = "c"
kind = "clock"
steps = ["20 working days"]
[feature.start]
event = "social_care.CareEpisode"
on = "decom"
[feature.done]
event = "social_care.CareEpisode"
on = "dec"
[[column]]
output = "c"
label = "C"
meaning = "C."
"#;

#[test]
fn each_planted_fault_of_a_clock_is_named() {
    assert_eq!(faults(CLOCK), []);
    for (was, is, line, field, word) in [
        (
            "20 working days",
            "20",
            12,
            "feature[1].steps",
            "20 of what?",
        ),
        (
            "20 working days",
            "31 March",
            12,
            "feature[1].steps",
            "expected for example",
        ),
        (
            "[\"20 working days\"]",
            "[]",
            9,
            "feature[1].steps",
            "at least one step",
        ),
        (
            "on = \"decom\"",
            "on = \"decom\"\nreference = \"episode_ref\"",
            9,
            "feature[1].start.reference",
            "both name the reference",
        ),
        (
            "kind = \"clock\"",
            "kind = \"clock\"\nwindow_days = 90",
            12,
            "feature[1].window_days",
            "pairs several",
        ),
        (
            "[feature.done]",
            "[[feature.instead]]\nwhen = \"x = 1\"\nstep = \"6 months\"\n[feature.done]",
            17,
            "feature[1].instead[1].when",
            "no such output",
        ),
    ] {
        assert!(CLOCK.contains(was), "{was}");
        let found = faults(&CLOCK.replacen(was, is, 1));
        assert!(
            found
                .iter()
                .any(|(l, f, reason)| (*l, f.as_str()) == (line, field) && reason.contains(word)),
            "{was} -> {is}: expected {line} {field} {word}, found {found:?}"
        );
    }
    // Hours are counted from instants alone.
    let limit = CLOCK
        .replace("kind = \"clock\"\nsteps = [\"20 working days\"]\n", "kind = \"limit\"\nevent = \"social_care.CareEpisode\"\nreference = \"episode_ref\"\nstart = \"decom\"\nend = \"dec\"\nmost = \"72 hours\"\n");
    let limit = limit
        .replace(
            "[feature.start]\nevent = \"social_care.CareEpisode\"\non = \"decom\"\n",
            "",
        )
        .replace(
            "[feature.done]\nevent = \"social_care.CareEpisode\"\non = \"dec\"\n",
            "",
        );
    assert!(
        faults(&limit)
            .iter()
            .any(|(_, field, reason)| field == "feature[1].most" && reason.contains("instants")),
        "{:?}",
        faults(&limit)
    );
}

#[test]
fn children_have_no_score_by_whatever_way_it_is_asked_for() {
    let scored = |text: &str| faults(&format!("{CLOCK}{text}"));
    let rule = "[[rule]]\nid = \"r\"\nwhen = \"c = 'OVERDUE'\"\nsentence = \"S.\"\n";
    assert_eq!(scored(rule), []);
    let found = scored(&format!("{rule}points_hundredths = 100\n"));
    assert!(
        found.iter().any(|(line, field, reason)| {
            (*line, field.as_str()) == (27, "rule[1].points_hundredths")
                && reason.contains("no points")
        }),
        "{found:?}"
    );
    let found = scored("[[band]]\nname = \"high\"\nfrom_hundredths = 1\n");
    assert!(
        found.iter().any(|(_, field, _)| field == "band[1].name"),
        "{found:?}"
    );
    for population in ["looked-after-children", "looked-after-children-and-leavers"] {
        let text = CLOCK.replace(
            "\"looked-after-children\"",
            &format!("\"{population}\"\npoints = true"),
        );
        let found = faults(&text);
        assert!(
            found.iter().any(
                |(line, field, reason)| (*line, field.as_str()) == (4, "points")
                    && reason.contains("never points")
            ),
            "{population}: {found:?}"
        );
    }
}

/// Event types with fields that none of ours has, so that the refusal can be seen.
fn with_ethnicity() -> walbrook_policy::catalogue::Catalogue {
    use walbrook_policy::catalogue::{Catalogue, EventShape, FieldKind, FieldShape, SubjectKind};
    let field = |name: &str, kind| FieldShape {
        name: name.to_owned(),
        kind,
    };
    let mut shapes: Vec<EventShape> = catalogue().events().cloned().collect();
    shapes.push(EventShape {
        event_type: "housing.Census".parse().unwrap(),
        subject: SubjectKind::Person,
        fields: vec![
            field("self_defined_ethnicity", FieldKind::Text),
            field("religion", FieldKind::Text),
            field("hhmemb", FieldKind::Integer),
        ],
    });
    Catalogue::new(shapes)
}

#[test]
fn what_must_not_weigh_cannot_be_named_in_a_rule_by_any_detour() {
    let census = "[[source]]\nevent = \"housing.Census\"\nsilent_after_days = 9\n";
    let feature = |lines: &str| {
        format!("[[feature]]\nname = \"background\"\nevent = \"housing.Census\"\n{lines}\n")
    };
    let rule = |when: &str| {
        format!(
            "[[rule]]\nid = \"x\"\nwhen = \"{when}\"\npoints_hundredths = 1\nsentence = \"S.\"\n"
        )
    };
    let read = |text: &str| match crate::file::read("v.toml", text, &with_ethnicity()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.faults,
    };
    let refused = |more: &str| {
        let found = read(&format!("{SOUND}{census}{more}"));
        let one = found
            .iter()
            .find(|fault| fault.reason.contains("in no rule"));
        one.map(|fault| (fault.line, fault.field.clone()))
    };
    let column = "[[column]]\noutput = \"background\"\nlabel = \"B\"\nmeaning = \"B.\"\n";
    let last = feature("kind = \"last\"\nfield = \"self_defined_ethnicity\"");
    // A column may show it: fairness is looked at with it.
    assert_eq!(read(&format!("{SOUND}{census}{last}{column}")), []);
    let named = rule("background = 'A'");
    assert_eq!(
        refused(&format!("{last}{named}")),
        Some((34, "rule[2].when".into()))
    );
    let counted = feature("kind = \"count\"\nwhere = \"religion = 'X'\"");
    assert!(refused(&format!("{counted}{}", rule("background >= 1"))).is_some());
    let flag = "[[feature]]\nname = \"f\"\nkind = \"flag\"\nwhen = \"background = 'A'\"\n";
    assert!(refused(&format!("{last}{flag}{}", rule("f = true"))).is_some());
    let told = rule("weeks >= 1").replace("S.", "Is {background}.");
    assert_eq!(
        refused(&format!("{last}{told}")).unwrap().1,
        "rule[2].sentence"
    );
    let number = feature("kind = \"last\"\nfield = \"hhmemb\"");
    assert_eq!(
        read(&format!(
            "{SOUND}{census}{number}{}",
            rule("background >= 9")
        )),
        []
    );
}

#[test]
fn a_count_that_only_policing_makes_carries_no_points() {
    let police = "[[source]]\nevent = \"police.ProtectionNotification\"\nsilent_after_days = 9\n";
    let feature = |lines: &str| {
        format!("[[feature]]\nname = \"p\"\nevent = \"police.ProtectionNotification\"\n{lines}\n")
    };
    let rule = |when: &str| {
        format!(
            "[[rule]]\nid = \"x\"\nwhen = \"{when}\"\npoints_hundredths = 1\nsentence = \"S.\"\n"
        )
    };
    let refused = |lines: &str, when: &str| {
        faults(&format!("{SOUND}{police}{}{}", feature(lines), rule(when)))
            .iter()
            .any(|(_, field, reason)| field == "rule[2].when" && reason.contains("only policing"))
    };
    assert!(refused("kind = \"count\"\nwindow_days = 365", "p >= 3"));
    let phases = "kind = \"open-interval\"\nreference = \"report_ref\"\nopens = \"housing_concern = true\"\ncloses = \"housing_concern = false\"\nwindow_days = 365";
    assert!(refused(phases, "p_count >= 3"));
    assert!(!refused(phases, "p = true"), "that it is open is no count");
    assert!(!refused("kind = \"days-since\"", "p <= 90"));
    // Without points it is a flag like any other: how often a child went missing.
    assert!(
        view("children_in_care")
            .rules
            .iter()
            .any(|rule| rule.id == "missing-repeatedly")
    );
}
