use super::*;
use crate::testing::{catalogue, org, root};

const COUNCIL: &str = r#"
class = "london-authority"

[[entry]]
event = "housing.RentArrearsChanged"
reason = "Housing Act 1985: the authority's own tenancies"
retention_days = 2190
"#;

fn faults(text: &str) -> Vec<(usize, String, String)> {
    let Faults(faults) = ScheduleFile::read(text, &catalogue()).unwrap_err();
    faults
        .into_iter()
        .map(|fault| (fault.line, fault.field, fault.reason))
        .collect()
}

#[test]
fn a_class_file_stands_for_each_member_with_itself_as_controller() {
    let file = ScheduleFile::read(COUNCIL, &catalogue()).unwrap();
    assert_eq!(file.organisations().len(), 33);
    let all = united(&[file]).unwrap();
    let camden = org("GSS:E09000007");
    let entry = &all[&camden][0];
    assert_eq!((&entry.controller, entry.retention_days), (&camden, 2190));
    assert_eq!(
        all[&org("GSS:E09000033")][0].controller,
        org("GSS:E09000033")
    );
}

#[test]
fn a_file_that_names_an_organisation_stands_in_place_of_its_class() {
    let own = COUNCIL
        .replace(
            "class = \"london-authority\"",
            "organisations = [\"GSS:E09000007\"]",
        )
        .replace(
            "RentArrearsChanged\"",
            "PossessionNotice\"\ncontroller = \"GSS:E12000007\"",
        );
    let read = |text: &str| ScheduleFile::read(text, &catalogue()).unwrap();
    let all = united(&[read(&own), read(COUNCIL)]).unwrap();
    let camden = &all[&org("GSS:E09000007")];
    assert_eq!(camden.len(), 1);
    assert_eq!(camden[0].event_type.as_str(), "housing.PossessionNotice");
    assert_eq!(camden[0].controller, org("GSS:E12000007"));
    assert_eq!(all.len(), 33);
    let twice = united(&[read(&own), read(&own)]);
    assert_eq!(twice.unwrap_err(), org("GSS:E09000007"));
    assert!(united(&[read(COUNCIL), read(COUNCIL)]).is_err());
}

#[test]
fn every_fault_is_named_by_line_field_and_reason() {
    let text = r#"organisations = ["ODS:RRV", "nobody"]
colour = "blue"
[[entry]]
event = "housing.Nothing"
reason = " "
retention_days = 0
[[entry]]
event = "health.EdAttendance"
reason = "the trust's duty"
retention_days = 10
[[entry]]
event = "health.EdAttendance"
reason = "again"
retention_days = 10
controller = "x"
"#;
    let found = faults(text);
    let says = |line: usize, field: &str, reason: &str| {
        assert!(
            found
                .iter()
                .any(|(at, name, why)| *at == line && name == field && why.contains(reason)),
            "{line} {field} {reason}: {found:?}"
        );
    };
    says(1, "organisations", "nobody");
    says(2, "colour", "unknown field");
    says(4, "entry[1].event", "no event type housing.Nothing");
    says(5, "entry[1].reason", "empty");
    says(6, "entry[1].retention_days", "whole number above 0");
    says(15, "entry[3].controller", "expected");
    let twice = text.replace("controller = \"x\"\n", "");
    assert!(faults(&twice).iter().any(|(line, field, why)| *line == 12
        && field == "entry[3].event"
        && why.contains("stands twice")));
    let neither =
        faults("[[entry]]\nevent = \"health.EdAttendance\"\nreason = \"x\"\nretention_days = 1\n");
    assert!(neither[0].2.contains("one of them"), "{neither:?}");
    let long = COUNCIL.replace("the authority's own tenancies", &"x".repeat(500));
    assert!(faults(&long)[0].2.contains("longer than 400 bytes"));
}

/// A shipped class of events that nobody may publish would be refused everywhere.
#[test]
fn the_shipped_schedules_are_sound_and_name_every_event_type() {
    let mut named = std::collections::BTreeSet::new();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join("deploy/schedules")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let file = ScheduleFile::read(&text, &catalogue())
            .unwrap_or_else(|faults| panic!("{}: {faults}", path.display()));
        named.extend(file.entries.iter().map(|entry| entry.event_type.clone()));
        files.push(file);
    }
    united(&files).expect("one schedule for each");
    let known: std::collections::BTreeSet<_> = catalogue()
        .events()
        .map(|shape| shape.event_type.clone())
        // That there is nothing to report is said of types that the schedule names.
        .filter(|event| event.agency() != "common")
        .collect();
    assert_eq!(named, known);
}
