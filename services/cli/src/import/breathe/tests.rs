#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use super::*;
use crate::import::frame::testing;

const SENSORS: &str = r#"[[
 {"SiteCode":"CLDP0001","SiteName":"Royal London","Latitude":51.5,"Borough":"Tower Hamlets","HourlyBulletinEnd":"Nov 16 2025  9:00AM","LatestINO2Value":21.4567,"LatestIPM25Value":"7","LatestIPM10Value":null},
 {"SiteCode":"CLDP0002","Borough":null,"HourlyBulletinEnd":"Jul  1 2026 12:00AM","LatestINO2Value":-0.4},
 {"SiteCode":"CLDP0003","HourlyBulletinEnd":"Nov 16 2025  9:00AM","LatestINO2Value":null,"LatestIPM25Value":null},
 {"SiteCode":"CLDP0004","HourlyBulletinEnd":null,"LatestINO2Value":3}
]]"#;

#[test]
fn a_list_in_a_list_of_sensors_with_numbers_strings_and_nulls() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sensors.json");
    std::fs::write(&file, SENSORS).unwrap();
    let rows = document::rows(TABLE, &file, &[], &Meter::default()).unwrap();
    let (events, findings) = testing::events(sensors(rows), Readings);
    let told: Vec<_> = events
        .iter()
        .map(|event| match &event.body {
            Body::City(event::Body::AirQualityMeasured(one)) => (
                one.site_code.clone(),
                one.species_code.clone(),
                one.value_thousandths,
                one.measured_at.unwrap().seconds,
                one.authority_gss.clone(),
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    let tower_hamlets = Some("E09000030".to_owned());
    let (nine, midnight) = (1_763_283_600, 1_782_864_000);
    assert_eq!(
        told,
        [
            (
                "CLDP0001".to_owned(),
                "NO2".to_owned(),
                21_457,
                nine,
                tower_hamlets.clone()
            ),
            (
                "CLDP0001".to_owned(),
                "PM25".to_owned(),
                7_000,
                nine,
                tower_hamlets
            ),
            (
                "CLDP0002".to_owned(),
                "NO2".to_owned(),
                -400,
                midnight,
                None
            ),
        ]
    );
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (findings[0].row, findings[0].rule.as_str()),
        (4, "TIME_FORM")
    );
}

#[test]
fn decimals_are_read_as_they_are_written() {
    for (text, found) in [
        ("12", Some(12_000)),
        ("0.0004", Some(0)),
        ("0.0005", Some(1)),
        ("-1.25", Some(-1_250)),
        ("1e3", None),
        ("", None),
        ("12,5", None),
        ("9999999999999", None),
    ] {
        assert_eq!(air::thousandths(text), found, "{text}");
    }
}
