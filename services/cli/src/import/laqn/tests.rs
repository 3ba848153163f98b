#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use super::*;
use crate::import::frame::Finding;
use crate::import::frame::testing;
use crate::publish::Outgoing;

fn imported(text: &str) -> (Vec<DaqiPublished>, Vec<Outgoing>, Vec<Finding>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hourly.json");
    std::fs::write(&file, text).unwrap();
    let at = ["HourlyAirQualityIndex", "LocalAuthority"];
    let rows = document::rows(TABLE, &file, &at, &Meter::default()).unwrap();
    let (events, findings) = testing::events(readings(rows), Index);
    let indices = events.iter().map(|event| match &event.body {
        Body::City(event::Body::DaqiPublished(published)) => published.clone(),
        other => panic!("{other:?}"),
    });
    (indices.collect(), events, findings)
}

const HOURLY: &str = r#"{"HourlyAirQualityIndex":{"@GroupName":"London","@TimeToLive":"38","LocalAuthority":[
 {"@LocalAuthorityCode":"1","@LocalAuthorityName":"Barking and Dagenham","Site":{"@BulletinDate":"2026-07-01 14:00:00","@SiteCode":"BG1","@SiteName":"Rush Green",
   "Species":[{"@SpeciesCode":"NO2","@AirQualityIndex":"4","@AirQualityBand":"Moderate","@IndexSource":"Measurement"},
              {"@SpeciesCode":"SO2","@AirQualityIndex":"0","@AirQualityBand":"No data","@IndexSource":"Measurement"}]}},
 {"@LocalAuthorityCode":"7","@LocalAuthorityName":"Camden","Site":[
   {"@BulletinDate":"2026-07-01 14:00:00","@SiteCode":"BL0","species":{"@SpeciesCode":"PM25","@AirQualityIndex":"10","@AirQualityBand":"Very High","@IndexSource":"Trigger"}},
   {"@BulletinDate":"2026-07-01 14:00:00","@SiteCode":"CD9","Species":null}]},
 {"@LocalAuthorityCode":"2","@LocalAuthorityName":"Barnet"}]}}"#;

#[test]
fn trap_3_laqn_object_or_array_species_in_either_case_and_no_data() {
    let (indices, events, findings) = imported(HOURLY);
    let told: Vec<_> = indices
        .iter()
        .map(|one| {
            (
                one.site_code.as_str(),
                one.species_code.as_deref().unwrap(),
                one.daqi_index,
                one.band.as_str(),
                one.index_source.as_str(),
                one.authority_gss.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("BG1", "NO2", 4, "MODERATE", "MEASUREMENT", "E09000002"),
            ("BL0", "PM25", 10, "VERY_HIGH", "TRIGGER", "E09000007"),
        ]
    );
    // GMT in summer too: two in the afternoon, not one.
    let at = indices[0].bulletin_at.unwrap();
    assert_eq!(at.seconds % 86_400, 14 * 3_600);
    assert_eq!(events[0].head.when, Some(When::OccurredAt(at)));
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn every_reading_site_and_authority_is_a_row_and_a_second_run_sends_the_same_ids() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hourly.json");
    std::fs::write(&file, HOURLY).unwrap();
    let at = ["HourlyAirQualityIndex", "LocalAuthority"];
    let rows = document::rows(TABLE, &file, &at, &Meter::default()).unwrap();
    let numbers: Vec<u64> = readings(rows).map(|row| row.unwrap().number).collect();
    // Two readings, one that stands alone, a site that measures nothing, an authority without a site.
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let ids = |text: &str| -> Vec<String> {
        let (_, events, _) = imported(text);
        events
            .into_iter()
            .map(|event| event.head.event_id)
            .collect()
    };
    assert_eq!(ids(HOURLY), ids(HOURLY));
    assert_ne!(ids(HOURLY), ids(&HOURLY.replace("\"4\"", "\"5\"")));
}

#[test]
fn what_is_no_index_or_no_time_is_refused_without_its_value() {
    for (from, to, rule) in [
        ("\"4\"", "\"four\"", "INDEX_FORM"),
        (
            "2026-07-01 14:00:00\",\"@SiteCode\":\"BG1",
            "01/07/2026 14:00\",\"@SiteCode\":\"BG1",
            "TIME_FORM",
        ),
        (
            "2026-07-01 14:00:00\",\"@SiteCode\":\"BG1",
            "2026-07-01 24:00:00\",\"@SiteCode\":\"BG1",
            "TIME_FORM",
        ),
    ] {
        let (indices, _, findings) = imported(&HOURLY.replace(from, to));
        assert_eq!(indices.len(), 1, "{to}");
        assert_eq!(findings[0].rule, rule);
        assert!(!findings[0].sentence.contains("four"));
    }
}
