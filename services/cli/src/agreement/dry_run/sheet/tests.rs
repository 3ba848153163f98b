use std::collections::BTreeSet;

use walbrook_auditor::dry_run::Forecast;
use walbrook_auditor::dry_run::forecast::{
    AtOnceChange, FlowChange, Inferable, PeopleChange, ReaderChange, Replayed, Withheld,
};
use walbrook_auditor::dry_run::inference::How;

use super::{grouped, render};

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn forecast() -> Forecast {
    Forecast {
        agreement: "harbour-referrals".to_owned(),
        version: 2,
        previous_version: Some(1),
        on_record: false,
        title: "Harbour referrals".to_owned(),
        kind: "sharing".to_owned(),
        purpose: "rough-sleeping".to_owned(),
        purpose_is_new: false,
        since: Some("2026-01-01".to_owned()),
        signatories: texts(&["GSS:E09000007", "ODS:RRV"]),
        replayed: Replayed {
            records: 120_431,
            events: 98_211,
            concerned: 1_204,
            unreadable: 1,
        },
        flows: vec![FlowChange {
            event_type: "health.EdAttendance".to_owned(),
            source: "nhs-body".to_owned(),
            organisations: 1,
            events: 1_204,
            released_before: 40,
            released_after: 31,
            people: 28,
            fields_new_to_purpose: texts(&["safeguarding_concern"]),
            fields_new_here: texts(&["accommodation_status"]),
            fields_no_longer: texts(&["self_discharged"]),
            fields_as_before: texts(&["arrival_at"]),
            withheld: vec![Withheld {
                reason: "consent-missing".to_owned(),
                sentence: "The agreement requires the person's consent, and none is on record.".to_owned(),
                events: 1_173,
            }],
        }],
        people: PeopleChange {
            under_agreement: 28,
            new_to_purpose: 3,
            no_longer: 1,
        },
        readers: vec![
            ReaderChange {
                organisation: "GSS:E09000007".to_owned(),
                role: "housing-options-officer".to_owned(),
                view: "rough_sleeping_risk".to_owned(),
                mode: "case".to_owned(),
                entitled_before: true,
                entitled_after: true,
                people_before: 410,
                people_after: 412,
                people_new: 3,
                people_no_longer: 1,
                fields_new: texts(&["health.EdAttendance.safeguarding_concern"]),
                fields_no_longer: texts(&["health.EdAttendance.self_discharged"]),
                with_case_reference: true,
            },
            ReaderChange {
                organisation: "GSS:E09000019".to_owned(),
                role: "housing-options-officer".to_owned(),
                view: "rough_sleeping_risk".to_owned(),
                mode: "case".to_owned(),
                entitled_before: true,
                entitled_after: true,
                people_before: 12,
                people_after: 12,
                people_new: 0,
                people_no_longer: 0,
                fields_new: Vec::new(),
                fields_no_longer: Vec::new(),
                with_case_reference: true,
            },
        ],
        inferable: vec![Inferable {
            view: "rough_sleeping_risk".to_owned(),
            role: "housing-options-officer".to_owned(),
            how: How::SameCodes,
            what: "health.EdAttendance.accommodation_status".to_owned(),
            from: "health.AccommodationStatusRecorded.code, of the same code list (nhs_accommodation_status)".to_owned(),
            agreements: texts(&["duty-to-refer", "harbour-referrals"]),
            organisations: 1,
            rows: 9,
        }],
        at_once: AtOnceChange {
            released: 0,
            released_people: 0,
            narrowed: 40,
            narrowed_people: 1,
        },
        newly_shared: BTreeSet::new(),
    }
}

#[test]
fn a_forecast_reads_as_it_did() {
    let expected = include_str!("forecast.txt");
    let found = render(&forecast());
    let left = std::env::temp_dir().join("walbrook-forecast.txt");
    if found != expected {
        std::fs::write(&left, &found).unwrap();
    }
    assert_eq!(
        found,
        expected,
        "the whole of it stands in {}",
        left.display()
    );
}

#[test]
fn no_change_is_said_plainly() {
    let mut nothing = forecast();
    nothing.flows.clear();
    nothing.readers.clear();
    nothing.inferable.clear();
    nothing.at_once = AtOnceChange::default();
    let said = render(&nothing);
    for words in [
        "No event on this log is of a type and source that it speaks of.",
        "Nobody would see more or less than now.",
        "Nothing about third parties that it could not learn now.",
        "Nothing: what was accepted before stays as it was decided",
        "Nothing was written",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn nothing_of_a_person_but_their_number_is_said() {
    let said = render(&forecast());
    assert!(!said.contains("pseudonym"), "{said}");
    let json = serde_json::to_value(forecast()).unwrap();
    assert!(json.get("newly_shared").is_none(), "ids stay inside");
}

#[test]
fn thousands_stand_apart() {
    assert_eq!(grouped(0), "0");
    assert_eq!(grouped(999), "999");
    assert_eq!(grouped(1_000), "1,000");
    assert_eq!(grouped(12_345_678), "12,345,678");
}
