//! Each rule has an input that only it catches, a good event passes all of them, and what passes is sound.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

use proptest::prelude::*;
use prost_types::Timestamp;
use walbrook_agency::conformance::Rulebook;
use walbrook_agency::{Context, Datasets, Findings};
use walbrook_city::rules;
use walbrook_domain::{Day, Organisation};
use walbrook_event::dataset::{JsonWriter, registered_text};
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::city::v1::{
    AiModelRegistered, AiModelReviewed, AiModelSuspended, AirQualityMeasured, DaqiPublished,
    DatasetPublished, OpenIndicatorPublished, OpenRecordPublished,
    PlanningApplicationStatusChanged,
};
use walbrook_proto::common::v1::Date;

fn book() -> Rulebook {
    Rulebook {
        rules: rules::RULES,
        organisation: "GSS:E12000007".parse().unwrap(),
        occurred: Day::from_ymd(2026, 9, 21).unwrap(),
        today: Day::from_ymd(2026, 11, 23).unwrap(),
    }
}

fn at(days_later: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: 1_790_000_000 + days_later * 86_400,
        nanos: 0,
    })
}

fn on(year: i32, month: i32, day: i32) -> Option<Date> {
    Date::new(year, month, day)
}

fn air(change: impl FnOnce(&mut AirQualityMeasured)) -> Vec<&'static str> {
    let mut message = AirQualityMeasured {
        site_code: "BG1".into(),
        species_code: "NO2".into(),
        measured_at: at(0),
        value_thousandths: 21_400,
        unit: "UG_M3".into(),
        network: "LAQN".into(),
        ratified: true,
        authority_gss: Some("E09000002".into()),
    };
    change(&mut message);
    book().broken(&message, rules::air_quality_measured)
}

fn daqi(change: impl FnOnce(&mut DaqiPublished)) -> Vec<&'static str> {
    let mut message = DaqiPublished {
        site_code: "BG1".into(),
        species_code: Some("PM25".into()),
        daqi_index: 4,
        band: "MODERATE".into(),
        index_source: "MEASUREMENT".into(),
        bulletin_at: at(0),
        network: "LAQN".into(),
        authority_gss: None,
    };
    change(&mut message);
    book().broken(&message, rules::daqi_published)
}

fn planning(change: impl FnOnce(&mut PlanningApplicationStatusChanged)) -> Vec<&'static str> {
    let mut message = PlanningApplicationStatusChanged {
        application_ref: "2026/0417/P".into(),
        authority_gss: "E09000007".into(),
        application_type: "FULL".into(),
        status: "DETERMINED".into(),
        changed_on: on(2026, 9, 21),
        decision: Some("GRANTED".into()),
        decided_on: on(2026, 9, 20),
        net_homes: Some(12),
    };
    change(&mut message);
    book().broken(&message, rules::planning_application_status_changed)
}

const PANEL: [&str; 5] = [
    "LPEP_BENEFIT",
    "LPEP_NO_GENDER_RACIAL_BIAS",
    "LPEP_EACH_USE_ASSESSED",
    "LPEP_OPERATORS_TRAINED",
    "LPEP_GUIDELINES",
];

fn model(change: impl FnOnce(&mut AiModelRegistered)) -> Vec<&'static str> {
    let mut message = AiModelRegistered {
        register_id: "atrs-17".into(),
        standard_version: "3.0".into(),
        phase: "PRODUCTION".into(),
        decision_role: "INFORMS".into(),
        personal_data: true,
        dataset_ids: vec!["hostel-nights".into()],
        dpia_ref: Some("DPIA-9".into()),
        eqia_ref: Some("EQIA-4".into()),
        supplier_company_number: Some("01234567".into()),
        conditions_met: PANEL.map(str::to_owned).to_vec(),
        kill_switch: true,
        next_review_on: on(2027, 6, 1),
        biometric: true,
    };
    change(&mut message);
    book().broken(&message, rules::ai_model_registered)
}

fn review(change: impl FnOnce(&mut AiModelReviewed)) -> Vec<&'static str> {
    let mut message = AiModelReviewed {
        register_id: "atrs-17".into(),
        reviewed_on: on(2026, 9, 20),
        outcome: "CONTINUE".into(),
        conditions_met: vec!["CHARTER_OPEN".into()],
        next_review_on: on(2027, 9, 20),
    };
    change(&mut message);
    book().broken(&message, rules::ai_model_reviewed)
}

fn dataset(change: impl FnOnce(&mut DatasetPublished)) -> Vec<&'static str> {
    let mut message = DatasetPublished {
        dataset_id: "hostel-nights".into(),
        version: Some("2026-09".into()),
        licence: "OGL_UK_3_0".into(),
        theme: "SOCI".into(),
        frequency: "MONTHLY".into(),
        published_on: on(2026, 9, 21),
        formats: vec!["CSV".into(), "AVRO".into()],
        row_count: Some(33),
        derived_from_people: true,
        smallest_cell_people: Some(10),
    };
    change(&mut message);
    book().broken(&message, rules::dataset_published)
}

fn figure() -> OpenIndicatorPublished {
    OpenIndicatorPublished {
        indicator_code: "rough-sleepers".into(),
        area_gss: "E09000007".into(),
        period_start: on(2026, 4, 1),
        period_end: on(2026, 6, 30),
        breakdown: Some("AGE_16_24".into()),
        derived_from_people: true,
        count: Some(20),
        out_of: Some(300),
        suppressed: false,
        rounded_to: Some(5),
    }
}

fn indicator(change: impl FnOnce(&mut OpenIndicatorPublished)) -> Vec<&'static str> {
    let mut message = figure();
    change(&mut message);
    book().broken(&message, rules::open_indicator_published)
}

const SCHEMA: &str = r#"{"type":"record","name":"org.rivers.Level","fields":[{"name":"gauge","type":"string"},{"name":"visitors","type":["null","int"],"default":null}]}"#;

/// A record of others, checked against what is registered.
fn record(visitors: &str, change: impl FnOnce(&mut OpenRecordPublished)) -> Vec<&'static str> {
    use sha2::{Digest, Sha256};
    let text = registered_text("river-levels", SCHEMA, &["visitors".to_owned()]).unwrap();
    let datasets = Datasets::default();
    assert!(datasets.take(&text));
    let json = format!("{{\"gauge\":\"T-1\",\"visitors\":{visitors}}}");
    let mut message = OpenRecordPublished {
        dataset: "river-levels".into(),
        schema_sha256: hex::encode(Sha256::digest(&text)),
        record: JsonWriter::new(&text).unwrap().body_of_text(&json).unwrap(),
    };
    change(&mut message);
    let organisation: Organisation = "GSS:E12000007".parse().unwrap();
    let today = book().today;
    let context = Context {
        organisation: &organisation,
        occurred: None,
        occurred_day: None,
        birth_day: None,
        datasets: Some(&datasets),
        today,
        now: today.start(),
    };
    let mut findings = Findings::new();
    rules::open_record_published(&message, &context, &mut findings);
    findings
        .refusals()
        .iter()
        .map(|finding| finding.rule.id)
        .collect()
}

fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("UNIT_OF_SPECIES", air(|m| m.unit = "MG_M3".into())),
        ("UNIT_OF_SPECIES", air(|m| m.species_code = "CO".into())),
        ("VALUE_FAR", air(|m| m.value_thousandths = -400)),
        ("VALUE_FAR", air(|m| m.value_thousandths = 2_000_001)),
        ("IN_THE_FUTURE", air(|m| m.measured_at = at(90))),
        ("CODE_NOT_IN_LIST", air(|m| m.species_code = "RADON".into())),
        ("DAQI_RANGE", daqi(|m| m.daqi_index = 0)),
        ("DAQI_RANGE", daqi(|m| m.daqi_index = 11)),
        ("DAQI_BAND", daqi(|m| m.band = "LOW".into())),
        ("DAQI_BAND", daqi(|m| m.daqi_index = 7)),
        ("DECISION_INCOMPLETE", planning(|m| m.decision = None)),
        (
            "DECISION_INCOMPLETE",
            planning(|m| m.status = "RECEIVED".into()),
        ),
        (
            "ENDS_BEFORE_START",
            planning(|m| m.decided_on = on(2026, 9, 22)),
        ),
        (
            "BIOMETRIC_CONDITIONS",
            model(|m| drop(m.conditions_met.pop())),
        ),
        ("PRODUCTION_ASSESSMENTS", model(|m| m.dpia_ref = None)),
        ("PRODUCTION_ASSESSMENTS", model(|m| m.kill_switch = false)),
        ("PRODUCTION_ASSESSMENTS", model(|m| m.eqia_ref = None)),
        (
            "COMPANY_NUMBER",
            model(|m| m.supplier_company_number = Some("AB12".into())),
        ),
        ("REVIEW_FAR", model(|m| m.next_review_on = on(2029, 6, 1))),
        ("NEXT_REVIEW_MISSING", review(|m| m.next_review_on = None)),
        (
            "ENDS_BEFORE_START",
            review(|m| m.next_review_on = on(2026, 9, 19)),
        ),
        (
            "SMALL_NUMBER",
            dataset(|m| m.smallest_cell_people = Some(9)),
        ),
        ("SMALL_NUMBER", dataset(|m| m.smallest_cell_people = None)),
        ("COUNT_IMPOSSIBLE", dataset(|m| m.row_count = Some(-1))),
        ("SUPPRESSED_AND_SAID", indicator(|m| m.suppressed = true)),
        ("SUPPRESSED_AND_SAID", indicator(|m| m.count = None)),
        ("COUNT_IMPOSSIBLE", indicator(|m| m.count = Some(21))),
        ("COUNT_IMPOSSIBLE", indicator(|m| m.out_of = Some(19))),
        ("GSS_FORM", indicator(|m| m.area_gss = "Camden".into())),
        (
            "NOT_A_REGISTERED_RECORD",
            record("10", |m| m.dataset = "lake-levels".into()),
        ),
        (
            "NOT_A_REGISTERED_RECORD",
            record("10", |m| m.schema_sha256 = "0".repeat(64)),
        ),
        (
            "NOT_A_REGISTERED_RECORD",
            record("10", |m| m.record.push(0)),
        ),
        ("SMALL_NUMBER", record("9", |_| {})),
    ]
}

#[test]
fn good_events_pass() {
    let nothing = Vec::<&str>::new();
    assert_eq!(air(|_| {}), nothing);
    assert_eq!(
        air(|m| (m.species_code, m.unit) = ("CO".into(), "MG_M3".into())),
        nothing
    );
    assert_eq!(daqi(|_| {}), nothing);
    let forecast = daqi(|m| (m.index_source, m.bulletin_at) = ("FORECAST".into(), at(90)));
    assert_eq!(forecast, nothing);
    assert_eq!(planning(|_| {}), nothing);
    let received = planning(|m| {
        (m.status, m.decision, m.decided_on) = ("RECEIVED".into(), None, None);
    });
    assert_eq!(received, nothing);
    assert_eq!(
        (model(|_| {}), review(|_| {})),
        (nothing.clone(), nothing.clone())
    );
    let ended = review(|m| (m.outcome, m.next_review_on) = ("RETIRE".into(), None));
    assert_eq!(ended, nothing);
    let suspended = AiModelSuspended {
        register_id: "atrs-17".into(),
        suspended_on: on(2026, 9, 21),
        reason: "REVIEW_OVERDUE".into(),
        kill_switch_used: true,
    };
    assert_eq!(
        book().broken(&suspended, rules::ai_model_suspended),
        nothing
    );
    assert_eq!(
        (dataset(|_| {}), indicator(|_| {})),
        (nothing.clone(), nothing.clone())
    );
    for visitors in ["10", "null"] {
        assert_eq!(record(visitors, |_| {}), nothing);
    }
}

#[test]
fn trap_15_suppression_of_small_cells_in_open_data() {
    for count in [0, 5] {
        assert_eq!(indicator(|m| m.count = Some(count)), ["SMALL_NUMBER"]);
    }
    // What is left of the whole tells as much as the part.
    let rest = indicator(|m| (m.count, m.out_of, m.rounded_to) = (Some(295), Some(300), None));
    assert_eq!(rest, ["SMALL_NUMBER"]);
    let whole = indicator(|m| {
        (m.count, m.out_of, m.suppressed, m.rounded_to) = (None, Some(8), true, None);
    });
    assert_eq!(whole, ["SMALL_NUMBER"]);
    let nothing = Vec::<&str>::new();
    let suppressed = indicator(|m| (m.count, m.suppressed, m.rounded_to) = (None, true, None));
    assert_eq!(suppressed, nothing);
    // Trees are not people.
    let trees = indicator(|m| (m.derived_from_people, m.count) = (false, Some(5)));
    assert_eq!(trees, nothing);
}

proptest! {
    #[test]
    fn what_is_accepted_says_no_small_number_of_people(
        count in proptest::option::of(-5i64..40),
        out_of in proptest::option::of(-5i64..60),
        suppressed in any::<bool>(),
        rounded_to in proptest::option::of(-1i32..12),
    ) {
        let mut message = figure();
        (message.count, message.out_of) = (count, out_of);
        (message.suppressed, message.rounded_to) = (suppressed, rounded_to);
        let broken = book().broken(&message, rules::open_indicator_published);
        if !book().refuses(&broken) {
            prop_assert_eq!(count.is_none(), suppressed);
            for people in [count, out_of, out_of.zip(count).map(|(of, count)| of - count)] {
                prop_assert!(people.is_none_or(|people| people >= 10));
            }
            let body = message.to_vec().unwrap();
            prop_assert_eq!(OpenIndicatorPublished::decode_exact(&body).unwrap(), message);
        }
    }
}

#[test]
fn each_rule_has_an_input_that_only_it_catches_and_an_id_that_fits_a_header() {
    assert_eq!(book().without_own_input(&cases()), Vec::<&str>::new());
    assert_eq!(book().unfit_ids(), Vec::<&str>::new());
}
