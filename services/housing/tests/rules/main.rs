//! Each rule has an input that only it catches, a good event passes all of them, and what passes is sound.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod duties;
mod tenancies;

use proptest::prelude::*;
use proptest::sample::select;
use prost_types::Timestamp;
use walbrook_agency::conformance::Rulebook;
use walbrook_domain::Day;
use walbrook_housing::rules;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::housing::v1::{
    HomelessnessApplication, PossessionNotice, RentArrearsChanged, RoughSleepingContact,
};

fn book() -> Rulebook {
    Rulebook {
        rules: rules::RULES,
        organisation: "GSS:E09000007".parse().unwrap(),
        occurred: Day::from_ymd(2026, 9, 21).unwrap(),
        today: Day::from_ymd(2026, 11, 23).unwrap(),
    }
}

fn arrears(change: impl FnOnce(&mut RentArrearsChanged)) -> Vec<&'static str> {
    let mut message = RentArrearsChanged {
        tenancy_ref: "T-2091".to_owned(),
        landlord_type: "LA".to_owned(),
        arrears_pence: 123_456,
        owed_weeks: Some(9),
        shortfall_pence: Some(0),
        contact_made: true,
        owed_months: None,
    };
    change(&mut message);
    book().broken(&message, rules::rent_arrears_changed)
}

fn notice(change: impl FnOnce(&mut PossessionNotice)) -> Vec<&'static str> {
    let mut message = PossessionNotice {
        tenancy_ref: Some("T-2091".to_owned()),
        notice_type: "S8".to_owned(),
        grounds: vec!["8".to_owned(), "10".to_owned()],
        served_on: Date::new(2026, 9, 1),
        expires_on: Date::new(2026, 9, 29),
        stage: "NOTICE".to_owned(),
    };
    change(&mut message);
    book().broken(&message, rules::possession_notice)
}

fn application(change: impl FnOnce(&mut HomelessnessApplication)) -> Vec<&'static str> {
    let mut message = HomelessnessApplication {
        case_ref: "H/26/0031".to_owned(),
        household_type: "SINGLE_PERSON".to_owned(),
        a4_accommodation: "ROUGH_SLEEPING".to_owned(),
        a2_reason: "DEPART_CUSTODY".to_owned(),
        support_needs: vec!["MENTAL_HEALTH".to_owned()],
        last_settled_core_prevten: Some("3".to_owned()),
        reason_core: Some("45".to_owned()),
        referral_body: Some("PROBATION".to_owned()),
        rough_sleeping_at_application: true,
    };
    change(&mut message);
    book().broken(&message, rules::homelessness_application)
}

fn contact(change: impl FnOnce(&mut RoughSleepingContact)) -> Vec<&'static str> {
    let mut message = RoughSleepingContact {
        contact_at: Some(Timestamp {
            seconds: 1_790_000_000,
            nanos: 0,
        }),
        bedded_down: true,
        area: "BUS".to_owned(),
        outreach_team: "night-bus-team".to_owned(),
        needs: vec!["ALCOHOL".to_owned(), "PHYSICAL".to_owned()],
        derived_status: Some("FLOW".to_owned()),
        previous_institution: None,
    };
    change(&mut message);
    book().broken(&message, rules::rough_sleeping_contact)
}

fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("AMOUNT_NEGATIVE", arrears(|m| m.arrears_pence = -1)),
        ("AMOUNT_NEGATIVE", arrears(|m| m.owed_weeks = Some(-1))),
        ("AMOUNT_NEGATIVE", arrears(|m| m.shortfall_pence = Some(-1))),
        (
            "ARREARS_UNLIKELY",
            arrears(|m| m.arrears_pence = 10_000_001),
        ),
        ("WEEKS_WITHOUT_ARREARS", arrears(|m| m.arrears_pence = 0)),
        (
            "SECTION_21_ABOLISHED",
            notice(|m| {
                m.notice_type = "S21_LEGACY".into();
                m.grounds.clear();
            }),
        ),
        ("GROUNDS_MISSING", notice(|m| m.grounds.clear())),
        (
            "GROUNDS_NOT_NEEDED",
            notice(|m| m.notice_type = "NTQ".into()),
        ),
        (
            "NOTICE_TOO_SHORT",
            notice(|m| m.expires_on = Date::new(2026, 9, 28)),
        ),
        (
            "NOTICE_TOO_SHORT",
            notice(|m| m.grounds = vec!["1A".into()]),
        ),
        (
            "STAGE_WITHOUT_TENANCY",
            notice(|m| {
                m.stage = "CLAIM".into();
                m.tenancy_ref = None;
            }),
        ),
        ("EXPIRY_MISSING", notice(|m| m.expires_on = None)),
        (
            "ROUGH_SLEEPING_DISAGREES",
            application(|m| m.rough_sleeping_at_application = false),
        ),
        (
            "REPEATED_CODE",
            application(|m| m.support_needs.push("MENTAL_HEALTH".into())),
        ),
        ("REPEATED_CODE", contact(|m| m.needs.push("ALCOHOL".into()))),
        ("STATUS_NOT_VERIFIED", contact(|m| m.bedded_down = false)),
        (
            "ENDS_BEFORE_START",
            notice(|m| m.expires_on = Date::new(2026, 8, 31)),
        ),
        (
            "IN_THE_FUTURE",
            notice(|m| {
                m.served_on = Date::new(2026, 11, 24);
                m.expires_on = Date::new(2027, 1, 1);
            }),
        ),
        (
            "IN_THE_FUTURE",
            contact(|m| {
                m.contact_at = Some(Timestamp {
                    seconds: 1_800_000_000,
                    nanos: 0,
                })
            }),
        ),
        ("CODE_NOT_IN_LIST", contact(|m| m.area = "TRAM".into())),
        (
            "CODE_NOT_IN_LIST",
            application(|m| m.last_settled_core_prevten = Some("99".into())),
        ),
    ]
}

/// The cases of all event types.
fn all_cases() -> Vec<(&'static str, Vec<&'static str>)> {
    [cases(), duties::cases(), tenancies::cases()].concat()
}

#[test]
fn good_events_pass() {
    let nothing = Vec::<&str>::new();
    assert_eq!(arrears(|_| {}), nothing);
    assert_eq!(notice(|_| {}), nothing);
    assert_eq!(application(|_| {}), nothing);
    assert_eq!(contact(|_| {}), nothing);
    let under_the_older_law = notice(|m| {
        m.served_on = Date::new(2026, 4, 30);
        m.expires_on = Date::new(2026, 5, 14);
    });
    assert_eq!(under_the_older_law, nothing);
}

/// Trap 2 of the domain reference: section 21 is legacy. A notice served before 1 May 2026 runs on; one served later was never one.
#[test]
fn trap_2_a_section_21_notice_counts_only_when_it_was_served_before_1_may_2026() {
    let served_on = |year, month, day| {
        notice(|m| {
            m.notice_type = "S21_LEGACY".into();
            m.grounds.clear();
            m.served_on = Date::new(year, month, day);
            m.stage = "EVICTED".into();
        })
    };
    assert_eq!(served_on(2026, 4, 30), Vec::<&str>::new());
    assert_eq!(served_on(2026, 5, 1), ["SECTION_21_ABOLISHED"]);
    assert!(book().refuses(&served_on(2026, 5, 1)));
}

proptest! {
    #[test]
    fn what_is_accepted_keeps_every_refuse_rule(
        kind in select(vec!["S8", "S21_LEGACY", "NTQ", "S99"]),
        ground in select(vec!["8", "1A", "99"]),
        served in (2026..2027_i32, 1..13_i32, 1..32_i32),
        expires in proptest::option::of((2026..2028_i32, 1..13_i32, 1..32_i32)),
    ) {
        let date = |(year, month, day)| Date { year, month, day };
        let message = PossessionNotice {
            tenancy_ref: None,
            notice_type: kind.to_owned(),
            grounds: vec![ground.to_owned()],
            served_on: Some(date(served)),
            expires_on: expires.map(date),
            stage: "NOTICE".to_owned(),
        };
        let accepted = !book().refuses(&book().broken(&message, rules::possession_notice));
        let sound = kind != "S99"
            && ground != "99"
            && date(served).exists()
            && served <= (2026, 11, 23)
            && !(kind == "S21_LEGACY" && served >= (2026, 5, 1))
            && expires.is_none_or(|day| date(day).exists() && served <= day);
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(PossessionNotice::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}

#[test]
fn each_rule_has_an_input_that_only_it_catches_and_an_id_that_fits_a_header() {
    assert_eq!(book().without_own_input(&all_cases()), Vec::<&str>::new());
    assert_eq!(book().unfit_ids(), Vec::<&str>::new());
}
