//! The tables miss nothing: every event type, agreement, reader, class, reason and condition state stands in them.

use crate::testing::case::{ORGANISATIONS, cases};
use crate::testing::{catalogue, shipped};
use walbrook_policy::agreement::Kind;
use walbrook_policy::{Agreement, Class, Outcome, Reason, Who};

/// What is missing in the two files.
fn missing(decisions: &str, reads: &str) -> Vec<String> {
    let mut missing = Vec::new();
    let mut expect = |found: bool, what: String| {
        if !found {
            missing.push(what);
        }
    };
    let rows = |text: &str, part: &str| text.lines().any(|line| line.contains(part));
    for shape in catalogue().events() {
        let event = format!(",{},", shape.event_type);
        expect(
            rows(decisions, &event),
            format!("event type {}", shape.event_type),
        );
    }
    for class in Class::ALL {
        let covered = ORGANISATIONS.iter().any(|one| {
            class.includes(&one.parse().unwrap()) && rows(decisions, &format!("{one},"))
        });
        expect(covered, format!("class {}", class.as_str()));
    }
    for (name, _) in cases() {
        expect(
            rows(decisions, &format!("\"{name}\"")),
            format!("case {name}"),
        );
    }
    for (name, text) in shipped() {
        let agreement = Agreement::read(&text).unwrap();
        let id = &agreement.id;
        for flow in &agreement.flows {
            let released = decisions.lines().any(|line| {
                line.contains(&format!(",{},", flow.event_type))
                    && line.contains(&format!(",{id},permitted,"))
            });
            expect(
                released,
                format!("{name}: a release of {}", flow.event_type),
            );
        }
        for reader in &agreement.readers {
            let line = format!(
                ",{},{},{},{id},",
                reader.role,
                reader.view,
                reader.mode.as_str()
            );
            let seen = reads
                .lines()
                .any(|row| row.contains(&line) && !row.contains(",0,") && of(&reader.who, row));
            expect(seen, format!("{name}: the reader {}", reader.role));
        }
        let matching = matches!(agreement.kind, Kind::Matching { .. });
        expect(
            matching || rows(decisions, &format!(",{id},")),
            format!("agreement {id}"),
        );
    }
    // Pages name an unreadable record by itself: no event is decided.
    let decided = Reason::ALL
        .iter()
        .filter(|one| one.outcome() != Outcome::Quarantine);
    for reason in decided.filter(|one| !UNREACHED.contains(one)) {
        expect(
            rows(decisions, &format!(",{reason},")),
            format!("reason {reason}"),
        );
    }
    missing
}

/// Reasons that no shipped agreement can lead to.
const UNREACHED: [Reason; 1] = [Reason::WrongSubject];

fn of(who: &Who, row: &str) -> bool {
    let viewer = row.split(',').next().unwrap_or_default();
    viewer.parse().is_ok_and(|viewer| who.includes(&viewer))
}

#[test]
fn nothing_is_missing_in_the_golden_tables() {
    let missing = missing(&crate::file("decisions.csv"), &crate::file("reads.csv"));
    assert!(
        missing.is_empty(),
        "run `make golden` and read what it changed; missing: {missing:?}"
    );
}

#[test]
fn a_new_type_agreement_reader_or_reason_would_be_missed() {
    let (decisions, reads) = (crate::file("decisions.csv"), crate::file("reads.csv"));
    let without = |text: &str, part: &str| -> String {
        let kept: Vec<_> = text.lines().filter(|line| !line.contains(part)).collect();
        kept.join("\n")
    };
    for (part, what) in [
        (
            ",social_care.ReviewHeld,",
            "event type social_care.ReviewHeld",
        ),
        (",duty-to-refer,", "agreement duty-to-refer"),
        (",no-chosen-authority,", "reason no-chosen-authority"),
        ("\"safety hold\"", "case safety hold"),
        ("LANDLORD:", "class registered-provider"),
    ] {
        let found = missing(&without(&decisions, part), &reads);
        assert!(found.iter().any(|one| one == what), "{what}: {found:?}");
    }
    let found = missing(&decisions, &without(&reads, ",nhs-planning-cohort,"));
    assert_eq!(
        found,
        ["nhs-planning-cohort.toml: the reader health-planner"]
    );
}
