//! What the view of rough sleeping works out from each of its sources.

use super::rows::Setting;
use super::support::*;
use crate::facts::Contribution;
use crate::value::Value;

const ARREARS: &str = "housing.RentArrearsChanged";
const CONTACT: &str = "housing.RoughSleepingContact";
const DUTY: &str = "housing.DutyDecision";
const TEMPORARY: &str = "housing.TemporaryAccommodation";
const HOSTEL: &str = "housing.HostelStay";
const ENDED: &str = "housing.TenancyEnded";
const MISSING: &str = "police.MissingEpisode";

fn adult() -> Setting {
    let own = subject("GSS:E09000007", Some("2000-01-01"));
    let mut setting = Setting::whole("rough_sleeping_risk", own);
    setting.reading.role = "housing-options-officer".to_owned();
    setting
}

fn date(text: &str) -> Value {
    Value::Day(day(text))
}

fn of(e: u8, event_type: &str, on: &str, fields: &[(&str, Value)]) -> Contribution {
    contribution((1, 1, e), event_type, on, fields)
}

fn points(setting: &mut Setting) -> i64 {
    setting.row(1, "GSS:E09000007").unwrap().points_hundredths
}

#[test]
fn arrears_grow_or_shrink_by_one_landlord_s_own_word() {
    let owed = |e, on: &str, pence, weeks| {
        let fields = [
            ("arrears_pence", Value::Int(pence)),
            ("owed_weeks", Value::Int(weeks)),
        ];
        of(e, ARREARS, on, &fields)
    };
    let mut setting = adult();
    setting.release(owed(1, "2026-02-20", 30_000, 2));
    assert_eq!(
        setting.said("arrears_change_90d"),
        "0",
        "the same word then and now"
    );
    setting.release(owed(2, "2026-05-20", 90_000, 6));
    assert_eq!(setting.said("arrears_change_90d"), "60000");
    assert!(setting.rules().contains(&"arrears-growing".to_owned()));
    // Another landlord's arrears are no trend.
    let mut other = contribution(
        (1, 2, 3),
        ARREARS,
        "2026-05-21",
        &[("arrears_pence", Value::Int(5))],
    );
    other.source = org("LANDLORD:river-homes");
    setting.release(other);
    assert_eq!(setting.said("arrears_change_90d"), "-");
    setting.release(of(
        4,
        ARREARS,
        "2026-05-22",
        &[("owed_months", Value::Int(3))],
    ));
    assert_eq!(setting.said("arrears_months"), "3");
}

#[test]
fn each_case_has_its_own_56_days_and_the_most_pressing_is_told() {
    let decided = |e, case: &str, duty: &str, accepted: &str, ended: Option<&str>| {
        let mut fields = vec![
            ("case_ref", text(case)),
            ("duty", text(duty)),
            ("accepted_on", date(accepted)),
        ];
        fields.extend(ended.map(|ended| ("ended_on", date(ended))));
        of(e, DUTY, ended.unwrap_or(accepted), &fields)
    };
    let mut setting = adult();
    setting.release(decided(1, "A", "PREVENTION", "2026-03-01", None));
    setting.release(decided(2, "B", "RELIEF", "2026-04-10", None));
    setting.release(decided(3, "C", "RELIEF", "2026-05-20", None));
    // 1 March and 56 days, over the change to summer time: 26 April. 10 April: 5 June.
    let said = |setting: &mut Setting| {
        [
            "prevention_duty",
            "prevention_duty_due",
            "relief_duty",
            "relief_duty_due",
        ]
        .map(|column| setting.said(column))
    };
    assert_eq!(
        said(&mut setting),
        ["OVERDUE", "2026-04-26", "DUE", "2026-06-05"]
    );
    assert!(setting.rules().contains(&"relief-running-out".to_owned()));
    setting.release(decided(4, "B", "RELIEF", "2026-04-10", Some("2026-05-30")));
    assert_eq!(said(&mut setting)[2..], ["DUE", "2026-07-15"]);
    setting.release(decided(5, "A", "MAIN", "2026-05-30", None));
    assert_eq!(setting.said("main_duty"), "yes");
}

#[test]
fn exits_are_counted_by_the_day_of_the_exit() {
    let stay = |e, reference: &str, start: &str, end: Option<(&str, &str)>| {
        let mut fields = vec![
            ("placement_ref", text(reference)),
            ("started_on", date(start)),
        ];
        if let Some((end, reason)) = end {
            fields.push(("ended_on", date(end)));
            fields.push(("exit_reason", text(reason)));
        }
        of(e, TEMPORARY, start, &fields)
    };
    let mut setting = adult();
    setting.release(stay(1, "T1", "2024-01-01", None));
    assert_eq!(setting.said("temporary_home"), "yes");
    setting.release(stay(
        2,
        "T1",
        "2024-01-01",
        Some(("2025-06-01", "MOVED_TEMPORARY_ACCOMMODATION")),
    ));
    setting.release(stay(
        3,
        "T2",
        "2025-06-01",
        Some(("2026-05-01", "ABANDONED")),
    ));
    assert_eq!(setting.said("temporary_exits_365d"), "2");
    assert_eq!(setting.said("temporary_home"), "no");
    let rules = setting.rules();
    assert!(
        rules.contains(&"left-temporary-homes".to_owned()),
        "{rules:?}"
    );
    assert!(
        rules.contains(&"temporary-home-lost".to_owned()),
        "{rules:?}"
    );
    // A day later the first exit is a year ago.
    assert_eq!(setting.on("2026-06-01").said("temporary_exits_365d"), "1");
    let hostel = [
        ("stay_ref", text("H1")),
        ("arrived_on", date("2026-04-01")),
        ("departed_on", date("2026-05-10")),
        ("departure_reason", text("EVICTED_BEHAVIOUR")),
    ];
    setting.release(of(4, HOSTEL, "2026-04-01", &hostel));
    let ended = [
        ("enddate", date("2026-02-01")),
        ("end_reason", text("ABANDONED")),
    ];
    setting.release(of(5, ENDED, "2026-02-01", &ended));
    let counts = ["hostel_exits_365d", "tenancies_lost_365d"].map(|column| setting.said(column));
    assert_eq!(counts, ["1", "1"]);
    let rules = setting.rules();
    for rule in ["hostel-lost", "tenancy-lost"] {
        assert!(rules.contains(&rule.to_owned()), "{rules:?}");
    }
}

#[test]
fn the_street_the_buses_and_what_outreach_saw() {
    let met = |e, on: &str, area: &str, needs: &[&str]| {
        let needs = needs.iter().map(|need| Box::from(*need)).collect();
        of(
            e,
            CONTACT,
            on,
            &[("area", text(area)), ("needs", Value::Texts(needs))],
        )
    };
    let mut setting = adult();
    setting.release(met(1, "2026-03-01", "E09000007", &["ALCOHOL"]));
    setting.release(met(2, "2026-04-01", "BUS", &["MENTAL_HEALTH", "ALCOHOL"]));
    setting.release(met(3, "2026-05-01", "UNDERGROUND", &[]));
    let said = ["contacts_365d", "transport_365d", "outreach_needs"].map(|one| setting.said(one));
    assert_eq!(said, ["3", "2", "ALCOHOL, MENTAL_HEALTH"]);
}

#[test]
fn leaving_care_hospital_or_custody_without_a_home_is_a_reason() {
    let at = |on: &str| Value::Instant(day(on).start());
    for (event_type, fields, rule) in [
        (
            "social_care.CareLeaverContact",
            vec![("contact_on", date("2026-05-10")), ("accom", text("S2"))],
            "care-leaver-without-a-home",
        ),
        (
            "health.InpatientDischarge",
            vec![
                ("homelessness_risk", Value::Bool(true)),
                ("planned_on", date("2026-06-10")),
            ],
            "discharge-ahead",
        ),
        (
            "health.InpatientDischarge",
            vec![
                ("homelessness_risk", Value::Bool(true)),
                ("discharged_at", at("2026-05-20")),
            ],
            "discharged-without-a-home",
        ),
        (
            "health.DutyToReferSent",
            vec![("reason", text("NO_HOME_ON_DISCHARGE"))],
            "referred-by-hospital",
        ),
        (
            "police.CustodyReleased",
            vec![("no_fixed_abode", Value::Bool(true))],
            "custody-without-a-home",
        ),
        (
            "police.S136Detention",
            vec![
                ("detained_at", at("2026-05-10")),
                ("accommodation_status", text("HM01")),
            ],
            "crisis-without-a-home",
        ),
        (
            MISSING,
            vec![("episode_ref", text("M")), ("phase", text("REPORTED"))],
            "missing-adult",
        ),
        (
            "housing.TenancyStarted",
            vec![("startdate", date("2026-05-10")), ("prevten", text("19"))],
            "new-tenancy-from-the-street",
        ),
    ] {
        let mut setting = adult();
        setting.release(of(1, event_type, "2026-05-10", &fields));
        assert!(
            setting.rules().contains(&rule.to_owned()),
            "{rule}: {:?}",
            setting.rules()
        );
        assert!(points(&mut setting) > 0, "{rule}");
    }
}

#[test]
fn nobody_who_is_a_child_or_of_unknown_age_has_a_row_from_any_source() {
    let setting = adult();
    let types: Vec<String> = setting
        .view
        .silent_after_days
        .keys()
        .map(ToString::to_string)
        .collect();
    assert!(types.len() >= 18, "{types:?}");
    for event_type in types {
        let mut setting = adult();
        setting.release(of(1, &event_type, "2026-05-10", &[]));
        assert!(setting.row(1, "GSS:E09000007").is_some(), "{event_type}");
        for adult_from in [None, Some("2026-06-01")] {
            setting.add(subject_input(1, 1, subject("GSS:E09000007", adult_from)));
            assert_eq!(
                setting.row(1, "GSS:E09000007"),
                None,
                "{event_type} {adult_from:?}"
            );
        }
    }
}
