#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use super::*;
use crate::import::frame::{Finding, testing};
use crate::publish::Outgoing;

fn read(text: &str) -> (Vec<Outgoing>, Vec<Finding>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stops.json");
    std::fs::write(&file, text).unwrap();
    let rows = json::rows(TABLE, &file, &[], &Meter::default()).unwrap();
    let force = "POLICE_FORCE:metropolitan".parse().unwrap();
    testing::events(rows, Searches::of(&force))
}

fn search(event: &Outgoing) -> &StopSearch {
    match &event.body {
        Body::Police(event::Body::StopSearch(search)) => search,
        other => panic!("{other:?}"),
    }
}

const FULL: &str = r#"{"type":"Person search","involved_person":true,"datetime":"2026-08-14T21:30:00+01:00","gender":"Male","age_range":"25-34",
 "self_defined_ethnicity":"White - Any other White background","officer_defined_ethnicity":"White","legislation":"Misuse of Drugs Act 1971 (section 23)",
 "object_of_search":"Controlled drugs","outcome":"A no further action disposal","outcome_object":{"id":"bu-no-further-action","name":"A no further action disposal"},
 "outcome_linked_to_object_of_search":true,"removal_of_more_than_outer_clothing":false,"operation":null,"operation_name":null,
 "location":{"latitude":"51.486807","longitude":"-0.133480","street":{"id":1677490,"name":"On or near St George's Square Mews"}}}"#;

#[test]
fn a_full_record_by_codes_with_its_point_and_without_ethnicity() {
    let (events, findings) = read(&format!("[{FULL}]"));
    assert_eq!((events.len(), findings.len()), (1, 0));
    let one = search(&events[0]);
    let code = |code: &Option<String>| code.clone().unwrap();
    assert_eq!(code(&one.legislation), "MDA_1971_S23");
    assert_eq!(code(&one.object_of_search), "CONTROLLED_DRUGS");
    assert_eq!(code(&one.outcome), "NO_FURTHER_ACTION");
    assert_eq!(code(&one.age_range), "25_34");
    assert_eq!(one.searched_at, instant("2026-08-14T20:30:00Z"));
    assert_eq!(
        (one.latitude_microdegrees, one.longitude_microdegrees),
        (Some(51_486_807), Some(-133_480))
    );
    assert_eq!(one.map_point.as_deref(), Some("1677490"));
    assert!(!format!("{:?}", events[0]).contains("White"));
}

/// Nothing that is sent follows from ethnicity, not even an identity; and two searches that look the same are two.
#[test]
fn a_reference_follows_from_what_is_sent_alone_and_alike_searches_stay_two() {
    let other = FULL.replace("White", "Black");
    let (events, _) = read(&format!("[{FULL},{FULL}]"));
    let (others, _) = read(&format!("[{other},{other}]"));
    let references = |events: &[Outgoing]| {
        events
            .iter()
            .map(|event| search(event).search_ref.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(references(&events), references(&others));
    assert_ne!(references(&events)[0], references(&events)[1]);
    assert_ne!(events[0].head.event_id, events[1].head.event_id);
    let (again, _) = read(&format!("[{FULL},{FULL}]"));
    assert_eq!(again[1].head.event_id, events[1].head.event_id);
}

#[test]
fn nulls_and_empty_outcomes_are_nothing_and_unknown_words_are_left_out() {
    let sparse = |outcome: &str| {
        format!(
            r#"{{"type":"Vehicle search","involved_person":false,"datetime":"2026-08-02T03:10:00+00:00","gender":null,"age_range":null,"legislation":null,"object_of_search":"Magic beans","outcome":{outcome},"location":null}}"#
        )
    };
    for outcome in ["\"\"", "false", "null"] {
        let (events, findings) = read(&format!("[{}]", sparse(outcome)));
        let one = search(&events[0]);
        assert_eq!(
            (
                &one.outcome,
                &one.object_of_search,
                one.latitude_microdegrees
            ),
            (&None, &None, None)
        );
        let rules: Vec<_> = findings
            .iter()
            .map(|finding| (finding.column.as_str(), finding.rule.as_str()))
            .collect();
        assert_eq!(rules, [("object_of_search", "TEXT_NOT_IN_LIST")]);
        assert!(
            findings
                .iter()
                .all(|finding| !finding.sentence.contains("beans"))
        );
    }
}

#[test]
fn a_record_without_a_time_or_a_kind_is_refused() {
    let (events, findings) = read(
        r#"[{"type":"Person search","datetime":"yesterday"},{"type":"Search","datetime":"2026-08-02T03:10:00+00:00"}]"#,
    );
    assert!(events.is_empty());
    let rules: Vec<_> = findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    assert_eq!(rules, ["TIME_UNREADABLE", "KIND_UNKNOWN"]);
}
