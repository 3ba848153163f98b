//! The rules that hold for every body: each has an input that only it catches.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use proptest::prelude::*;
use proptest::sample::select;
use prost_types::Timestamp;
use walbrook_agency::{Findings, facts};
use walbrook_domain::Day;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::health::v1::EdAttendance;
use walbrook_proto::social_care::v1::CareEpisode;

fn today() -> Day {
    Day::from_ymd(2026, 11, 23).unwrap()
}

fn episode() -> CareEpisode {
    CareEpisode {
        episode_ref: "EP-2026/114".to_owned(),
        decom: Date::new(2026, 4, 1),
        rne: "S".to_owned(),
        ls: "C2".to_owned(),
        cin: "N1".to_owned(),
        place: "U6".to_owned(),
        place_provider: Some("PR1".to_owned()),
        ..Default::default()
    }
}

fn found(
    change: impl FnOnce(&mut CareEpisode),
    occurred: (i32, i32, i32),
) -> Vec<(&'static str, String)> {
    let mut message = episode();
    change(&mut message);
    let mut findings = Findings::new();
    facts::check(
        &message,
        Day::from_ymd(occurred.0, occurred.1, occurred.2),
        today(),
        &mut findings,
    );
    findings
        .refusals()
        .iter()
        .map(|finding| (finding.rule.id, finding.field.clone()))
        .collect()
}

#[test]
fn a_good_body_passes() {
    assert_eq!(found(|_| {}, (2026, 4, 1)), []);
}

#[test]
fn each_rule_catches_its_own_fault_and_no_other() {
    let on = (2026, 4, 1);
    let one = |rule, field: &str| vec![(rule, field.to_owned())];
    assert_eq!(found(|m| m.ls.clear(), on), one("FIELD_MISSING", "ls"));
    assert_eq!(found(|m| m.decom = None, on), one("FIELD_MISSING", "decom"));
    assert_eq!(
        found(|m| m.ls = "C9".into(), on),
        one("CODE_NOT_IN_LIST", "ls")
    );
    assert_eq!(
        found(|m| m.episode_ref = "Flat 2, Mill Lane".into(), on),
        one("NOT_A_REFERENCE", "episode_ref")
    );
    assert_eq!(
        found(|m| m.episode_ref = "9".repeat(65), on),
        one("NOT_A_REFERENCE", "episode_ref")
    );
    let impossible = Some(Date {
        year: 2026,
        month: 2,
        day: 30,
    });
    assert_eq!(
        found(|m| m.dec = impossible, on),
        one("DATE_IMPOSSIBLE", "dec")
    );
    assert_eq!(
        found(|m| m.decom = Date::new(1916, 4, 1), on),
        one("DATE_OUT_OF_WINDOW", "decom")
    );
    assert_eq!(found(|m| m.decom = Date::new(1990, 1, 1), on), []);
    assert_eq!(
        found(|m| m.decom = Date::new(1989, 12, 31), on),
        one("DATE_OUT_OF_WINDOW", "decom")
    );
    assert_eq!(
        found(|m| m.dec = Date::new(2062, 4, 1), on),
        one("DATE_OUT_OF_WINDOW", "dec")
    );
}

#[test]
fn a_code_is_judged_on_the_day_of_the_event() {
    assert_eq!(found(|m| m.place = "H5".into(), (2025, 3, 31)), []);
    assert_eq!(
        found(|m| m.place = "H5".into(), (2025, 4, 1)),
        [("CODE_NOT_IN_LIST", "place".to_owned())]
    );
    assert_eq!(found(|m| m.place = "Z12".into(), (2025, 4, 1)), []);
    assert_eq!(
        found(|m| m.place = "Z12".into(), (2018, 4, 1)),
        [("CODE_NOT_IN_LIST", "place".to_owned())]
    );
}

#[test]
fn instants_are_judged_too() {
    let ids = |seconds, nanos| {
        let message = EdAttendance {
            arrival_at: Some(Timestamp { seconds, nanos }),
            ods_site: "RRV03".to_owned(),
            ..Default::default()
        };
        let mut findings = Findings::new();
        facts::check(&message, None, today(), &mut findings);
        findings
            .refusals()
            .iter()
            .map(|finding| finding.rule.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(1_790_000_000, 0), Vec::<&str>::new());
    assert_eq!(ids(1_790_000_000, -1), ["DATE_IMPOSSIBLE"]);
    assert_eq!(ids(i64::MAX, 0), ["DATE_IMPOSSIBLE"]);
    assert_eq!(ids(0, 0), ["DATE_OUT_OF_WINDOW"]);
}

#[test]
fn starts_and_ends_are_compared_only_where_both_are_known() {
    let ids = |start, end| {
        let mut findings = Findings::new();
        facts::in_order(start, end, "dec", &mut findings);
        findings.refuses()
    };
    assert!(ids(Some(Day(2)), Some(Day(1))));
    assert!(
        !ids(Some(Day(1)), Some(Day(1))) && !ids(None, Some(Day(1))) && !ids(Some(Day(1)), None)
    );
    let future = |day| {
        let mut findings = Findings::new();
        facts::happened(Some(day), today(), "decom", &mut findings);
        findings.refuses()
    };
    assert!(future(today().plus(1)) && !future(today()));
}

proptest! {
    #[test]
    fn what_passes_can_be_written_and_read_again(
        episode_ref in select(vec!["EP-1", "a/b:c_d.e", "two words", ""]),
        rne in select(vec!["S", "P", "X", ""]),
        ls in select(vec!["C1", "E1", "c1"]),
        place in select(vec!["U6", "K3", "H5"]),
        rec in proptest::option::of(select(vec!["X1", "E4A", ""])),
        (year, month, day) in (1985..2040_i32, 1..14_i32, 1..32_i32),
    ) {
        let message = CareEpisode {
            episode_ref: episode_ref.to_owned(),
            decom: Some(Date { year, month, day }),
            rne: rne.to_owned(),
            ls: ls.to_owned(),
            cin: "N8".to_owned(),
            place: place.to_owned(),
            rec: rec.map(str::to_owned),
            ..Default::default()
        };
        let mut findings = Findings::new();
        facts::check(&message, None, today(), &mut findings);
        if !findings.refuses() {
            prop_assert!(["U6", "K3"].contains(&place) && ["C1", "E1"].contains(&ls) && ["S", "P"].contains(&rne));
            prop_assert!(!message.episode_ref.contains(' ') && (1990..=2036).contains(&year));
            prop_assert_eq!(CareEpisode::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}
