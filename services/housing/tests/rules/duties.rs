//! What is owed, until when, and where people are placed meanwhile.

use crate::book;
use proptest::prelude::*;
use proptest::sample::select;
use walbrook_housing::rules;
use walbrook_proto::avro::AvroRecord;
use walbrook_proto::common::v1::Date;
use walbrook_proto::housing::v1::{DutyDecision, TemporaryAccommodation};

fn relief() -> DutyDecision {
    DutyDecision {
        case_ref: "H/26/0031".to_owned(),
        duty: "RELIEF".to_owned(),
        decided_on: Date::new(2026, 9, 1),
        accepted_on: Date::new(2026, 9, 1),
        due_on: Date::new(2026, 10, 27),
        ended_on: None,
        end_reason: None,
        main_decision: None,
    }
}

fn decision(change: impl FnOnce(&mut DutyDecision)) -> Vec<&'static str> {
    let mut message = relief();
    change(&mut message);
    book().broken(&message, rules::duty_decision)
}

/// No duty is owed.
fn none(m: &mut DutyDecision) {
    m.duty = "NONE".into();
    m.accepted_on = None;
    m.due_on = None;
}

fn ended(m: &mut DutyDecision, date: (i32, i32, i32), reason: &str) {
    m.ended_on = Date::new(date.0, date.1, date.2);
    m.end_reason = Some(reason.into());
}

fn placement(change: impl FnOnce(&mut TemporaryAccommodation)) -> Vec<&'static str> {
    let mut message = TemporaryAccommodation {
        case_ref: "H/26/0031".to_owned(),
        placement_ref: "TA-77".to_owned(),
        ta_type: "BED_AND_BREAKFAST".to_owned(),
        started_on: Date::new(2026, 9, 1),
        ended_on: Date::new(2026, 10, 13),
        out_of_borough: true,
        placed_in_gss: Some("E07000105".to_owned()),
        with_children: Some(true),
        exit_reason: Some("ACCEPTED_SOCIAL_OFFER".to_owned()),
    };
    change(&mut message);
    book().broken(&message, rules::temporary_accommodation)
}

pub fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    [duty_cases(), placement_cases()].concat()
}

fn duty_cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("DUTY_START_MISSING", decision(|m| m.accepted_on = None)),
        (
            "DUTY_NOT_OWED",
            decision(|m| {
                none(m);
                m.accepted_on = Date::new(2026, 9, 1);
            }),
        ),
        ("DUE_NOT_56_DAYS", decision(|m| m.due_on = None)),
        (
            "DUE_NOT_56_DAYS",
            decision(|m| m.due_on = Date::new(2026, 10, 26)),
        ),
        ("DUE_WITHOUT_CLOCK", decision(|m| m.duty = "MAIN".into())),
        (
            "ENDED_BEFORE_56_DAYS",
            decision(|m| ended(m, (2026, 10, 25), "56_DAYS_ELAPSED")),
        ),
        (
            "END_AND_REASON",
            decision(|m| m.ended_on = Date::new(2026, 10, 1)),
        ),
        (
            "END_REASON_OF_ANOTHER_DUTY",
            decision(|m| ended(m, (2026, 10, 1), "HOMELESS")),
        ),
        (
            "MAIN_DECISION_DISAGREES",
            decision(|m| m.main_decision = Some("UNINTENTIONAL_PRIORITY".into())),
        ),
        (
            "ENDS_BEFORE_START",
            decision(|m| ended(m, (2026, 8, 31), "LOST_CONTACT")),
        ),
    ]
}

fn placement_cases() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        (
            "GSS_CODE",
            placement(|m| m.placed_in_gss = Some("Ashford".into())),
        ),
        (
            "PLACED_IN_DISAGREES",
            placement(|m| m.out_of_borough = false),
        ),
        (
            "FAMILY_IN_BED_AND_BREAKFAST",
            placement(|m| m.ended_on = Date::new(2026, 10, 14)),
        ),
        ("END_AND_REASON", placement(|m| m.exit_reason = None)),
        (
            "IN_THE_FUTURE",
            placement(|m| {
                m.with_children = None;
                m.ended_on = Date::new(2026, 11, 24);
            }),
        ),
    ]
}

#[test]
fn good_decisions_and_placements_pass() {
    let nothing = Vec::<&str>::new();
    for broken in [
        decision(|_| {}),
        decision(none),
        decision(|m| {
            none(m);
            m.main_decision = Some("NO_PRIORITY_NEED".into());
        }),
        // The 56 days begin with the day of acceptance: the 26th is the last of them.
        decision(|m| ended(m, (2026, 10, 26), "56_DAYS_ELAPSED")),
        decision(|m| {
            m.duty = "PREVENTION".into();
            ended(m, (2026, 9, 20), "HOMELESS");
        }),
        decision(|m| {
            m.duty = "MAIN".into();
            m.due_on = None;
            m.main_decision = Some("UNINTENTIONAL_PRIORITY".into());
            ended(m, (2026, 11, 1), "ACCEPTED_SOCIAL_OFFER");
        }),
        placement(|_| {}),
        placement(|m| {
            m.placed_in_gss = Some("E09000007".into());
            m.out_of_borough = false;
        }),
        placement(|m| {
            m.ended_on = None;
            m.exit_reason = None;
            m.with_children = Some(false);
        }),
    ] {
        assert_eq!(broken, nothing);
    }
}

/// Clocks of views need a start: whatever duty is owed, it has one.
#[test]
fn every_duty_that_is_owed_starts_a_clock() {
    for duty in ["PREVENTION", "RELIEF", "MAIN"] {
        let broken = decision(|m| {
            m.duty = duty.into();
            m.accepted_on = None;
            m.due_on = None;
        });
        assert_eq!(broken, ["DUTY_START_MISSING"], "{duty}");
        assert!(book().refuses(&broken));
    }
}

const TODAY: (i32, i32, i32) = (2026, 11, 23);

fn date((year, month, day): (i32, i32, i32)) -> Date {
    Date { year, month, day }
}

fn real(parts: (i32, i32, i32)) -> bool {
    date(parts).exists() && parts <= TODAY
}

fn some_day() -> impl Strategy<Value = (i32, i32, i32)> {
    (2026..2027_i32, 6..13_i32, 1..32_i32)
}

proptest! {
    #[test]
    fn an_accepted_decision_has_the_dates_its_clock_needs(
        duty in select(vec!["PREVENTION", "RELIEF", "MAIN", "NONE", "S184"]),
        decided in some_day(),
        accepted in proptest::option::of(some_day()),
        due in proptest::option::of((2026..2028_i32, 1..13_i32, 1..32_i32)),
        ended in proptest::option::of(some_day()),
        reason in proptest::option::of(select(vec!["LOST_CONTACT", "HOMELESS", "56_DAYS_ELAPSED", "TIRED"])),
    ) {
        let message = DutyDecision {
            duty: duty.to_owned(),
            decided_on: Some(date(decided)),
            accepted_on: accepted.map(date),
            due_on: due.map(date),
            ended_on: ended.map(date),
            end_reason: reason.map(str::to_owned),
            ..relief()
        };
        let accepted_by_rules = !book().refuses(&book().broken(&message, rules::duty_decision));
        let sound = duty != "S184"
            && real(decided)
            && (duty == "NONE" || accepted.is_some())
            && accepted.is_none_or(real)
            && due.is_none_or(|day| date(day).exists())
            && ended.is_none_or(real)
            && accepted.zip(ended).is_none_or(|(start, end)| start <= end)
            && reason != Some("TIRED");
        prop_assert_eq!(accepted_by_rules, sound);
        if accepted_by_rules {
            prop_assert_eq!(DutyDecision::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn an_accepted_placement_ends_after_it_starts(
        kind in select(vec!["HOSTEL", "BED_AND_BREAKFAST", "TENT"]),
        started in some_day(),
        ended in proptest::option::of(some_day()),
        area in proptest::option::of(select(vec!["E09000007", "W06000015", "E0900000", "F09000007"])),
        children in any::<Option<bool>>(),
    ) {
        let message = TemporaryAccommodation {
            case_ref: "H/1".to_owned(),
            placement_ref: "TA-1".to_owned(),
            ta_type: kind.to_owned(),
            started_on: Some(date(started)),
            ended_on: ended.map(date),
            out_of_borough: false,
            placed_in_gss: area.map(str::to_owned),
            with_children: children,
            exit_reason: None,
        };
        let accepted = !book().refuses(&book().broken(&message, rules::temporary_accommodation));
        let sound = kind != "TENT"
            && real(started)
            && ended.is_none_or(|end| real(end) && started <= end)
            && area.is_none_or(|code| matches!(code, "E09000007" | "W06000015"));
        prop_assert_eq!(accepted, sound);
        if accepted {
            prop_assert_eq!(TemporaryAccommodation::decode_exact(&message.to_vec().unwrap()).unwrap(), message);
        }
    }
}
