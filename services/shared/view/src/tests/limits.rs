//! What may last only so long, and the clocks of referrals and of child protection.

use super::clocks::{child, correcting, date, episode, event_of, in_care};
use super::rows::Setting;
use super::support::*;
use crate::facts::Contribution;
use crate::value::Value;
use walbrook_domain::{Instant, Precision};

const POLICE: &str = "police.PoliceProtectionUsed";
const REFERRAL: &str = "social_care.ContactReferral";
const ASSESSED: &str = "social_care.AssessmentCompleted";
const PROTECTION: &str = "social_care.ChildProtection";

fn instant(text: &str) -> Instant {
    Instant::parse_rfc3339(text).unwrap()
}

fn protection(e: u8, reference: &str, start: &str, end: Option<&str>) -> Contribution {
    let mut fields = vec![
        ("s46_ref", text(reference)),
        ("started_at", Value::Instant(instant(start))),
    ];
    fields.extend(end.map(|end| ("ended_at", Value::Instant(instant(end)))));
    let mut one = event_of(e, POLICE, "2026-01-01", &fields);
    one.occurred_at = instant(end.unwrap_or(start));
    one.precision = Precision::Instant;
    one
}

fn state_at(setting: &Setting, at: Instant) -> (String, String) {
    let row = setting.row_at(at).unwrap();
    let said = |column: &str| {
        let cell = row.cells.iter().find(|cell| cell.column == column).unwrap();
        cell.known.value().map_or("-".to_owned(), crate::row::words)
    };
    (said("police_protection"), said("police_protection_until"))
}

#[test]
fn police_protection_lasts_72_hours_by_the_clock_also_over_the_change_of_time() {
    // Summer time ends on 25 October 2026 and begins on 28 March 2027: three days on the calendar are an hour longer, or shorter.
    for (start, until) in [
        ("2026-10-23T21:30:00Z", "2026-10-26T21:30:00.000000Z"),
        ("2027-03-26T23:30:00Z", "2027-03-29T23:30:00.000000Z"),
        ("2026-06-01T23:30:00Z", "2026-06-04T23:30:00.000000Z"),
    ] {
        let mut setting = in_care("2025-09-01");
        setting.release(protection(2, "P1", start, None));
        let end = instant(until);
        assert_eq!(
            state_at(&setting, instant(start)),
            ("RUNNING".into(), until.into())
        );
        assert_eq!(state_at(&setting, end).0, "RUNNING");
        assert_eq!(
            state_at(&setting, Instant(end.0 + 1)).0,
            "OVERRUN",
            "{start}"
        );
        // The same power, told again with its end.
        setting.release(protection(3, "P1", start, Some(until)));
        assert_eq!(state_at(&setting, end).0, "ENDED");
        assert_eq!(
            state_at(&setting, Instant(end.0 - 1)).0,
            "RUNNING",
            "not yet ended then"
        );
        let mut setting = in_care("2025-09-01");
        let late = Instant(end.0 + 60_000_000).rfc3339();
        setting.release(protection(2, "P1", start, Some(&late)));
        assert_eq!(state_at(&setting, instant(&late)).0, "ENDED_LATE");
    }
}

#[test]
fn a_sentence_tells_the_hour_by_london_s_clocks() {
    for (at, said) in [
        ("2026-10-24T23:30:00Z", "25 Oct 2026 00:30"),
        ("2026-10-25T00:59:00Z", "25 Oct 2026 01:59"),
        ("2026-10-25T01:00:00Z", "25 Oct 2026 01:00"),
        ("2026-10-26T21:30:00Z", "26 Oct 2026 21:30"),
        ("2027-03-28T00:59:00Z", "28 Mar 2027 00:59"),
        ("2027-03-28T01:00:00Z", "28 Mar 2027 02:00"),
        ("2026-06-30T23:05:00Z", "1 Jul 2026 00:05"),
    ] {
        assert_eq!(crate::value::instant_words(instant(at)), said, "{at}");
    }
    let mut setting = in_care("2025-09-01");
    setting.release(protection(2, "P1", "2026-10-23T21:30:00Z", None));
    let row = setting.row_at(instant("2026-10-24T09:00:00Z")).unwrap();
    let told = row
        .reasons
        .iter()
        .find(|one| one.rule_id == "police-protection-now");
    let sentence = "In police protection; the 72 hours run out at 26 Oct 2026 21:30.";
    assert_eq!(told.unwrap().sentence, sentence);
}

#[test]
fn a_start_known_only_to_the_day_is_not_said_to_be_overrun_before_it_must_be() {
    let mut setting = in_care("2025-09-01");
    let mut one = protection(2, "P1", "2026-05-04T18:00:00Z", None);
    one.precision = Precision::Day;
    one.occurred_at = day("2026-05-04").start();
    setting.release(one);
    // It began at midnight at the latest: 72 hours from there.
    let last = day("2026-05-08").start();
    assert_eq!(state_at(&setting, last).0, "RUNNING");
    assert_eq!(state_at(&setting, Instant(last.0 + 1)).0, "OVERRUN");
}

#[test]
fn an_emergency_order_lasts_eight_days_or_fifteen_and_a_move_does_not_start_it_again() {
    let mut setting = child();
    let first = episode(
        1,
        ("S", "L2", "U6"),
        "2026-05-01",
        Some(("2026-05-05", "X1")),
    );
    setting.release(first);
    setting.release(episode(2, ("P", "L2", "K2"), "2026-05-05", None));
    let of = |setting: &mut Setting| {
        (
            setting.said("emergency_order"),
            setting.said("emergency_order_until"),
        )
    };
    let said = |state: &str, until: &str| (state.to_owned(), until.to_owned());
    assert_eq!(of(setting.on("2026-05-09")), said("RUNNING", "2026-05-09"));
    assert_eq!(of(setting.on("2026-05-10")), said("EXTENDED", "2026-05-16"));
    assert_eq!(of(setting.on("2026-05-16")), said("EXTENDED", "2026-05-16"));
    assert_eq!(of(setting.on("2026-05-17")), said("OVERRUN", "2026-05-16"));
    assert!(
        setting
            .rules()
            .contains(&"emergency-order-overrun".to_owned())
    );
    let ended = episode(
        3,
        ("P", "L2", "K2"),
        "2026-05-05",
        Some(("2026-05-08", "X1")),
    );
    setting.release(correcting(ended, 2));
    setting.release(episode(4, ("L", "C1", "K2"), "2026-05-08", None));
    assert_eq!(of(&mut setting), said("ENDED", "2026-05-09"));
    // Police protection by the authority's own record: three days.
    let mut setting = child();
    setting.release(episode(1, ("S", "L1", "U6"), "2026-05-01", None));
    assert_eq!(
        setting.on("2026-05-04").said("police_accommodation"),
        "RUNNING"
    );
    assert_eq!(
        setting.on("2026-05-05").said("police_accommodation"),
        "OVERRUN"
    );
    let mut setting = child();
    setting.release(episode(1, ("S", "L3", "U6"), "2026-05-01", None));
    assert_eq!(setting.on("2026-05-08").said("assessment_order"), "RUNNING");
    assert_eq!(setting.on("2026-05-09").said("assessment_order"), "OVERRUN");
}

#[test]
fn an_assessment_is_due_after_45_working_days_of_its_own_referral() {
    let contact = |e, reference: &str, on: &str, source: &str, outcome: &str| {
        let fields = [
            ("referral_ref", text(reference)),
            ("contact_on", date(on)),
            ("referral_source", text(source)),
            ("outcome", text(outcome)),
        ];
        event_of(e, REFERRAL, on, &fields)
    };
    let mut setting = child();
    setting.release(contact(1, "R1", "2025-12-01", "6", "ASSESSMENT"));
    setting.release(contact(2, "R2", "2025-12-08", "3E", "NFA"));
    // Over Christmas Day, Boxing Day and New Year's Day.
    assert_eq!(
        setting.on("2026-02-05").said("assessment_due"),
        "2026-02-05"
    );
    assert_eq!(setting.said("assessment"), "DUE");
    assert_eq!(setting.on("2026-02-06").said("assessment"), "OVERDUE");
    let done = |e, reference: &str, on: &str| {
        let factors = Value::Texts(vec!["3B".into(), "16A".into()]);
        let fields = [
            ("referral_ref", text(reference)),
            ("started_on", date("2025-12-02")),
            ("authorised_on", date(on)),
            ("factors", factors),
        ];
        event_of(e, ASSESSED, on, &fields)
    };
    setting.release(done(3, "R9", "2026-02-06"));
    assert_eq!(setting.said("assessment"), "OVERDUE", "another case's");
    setting.release(done(4, "R1", "2026-02-06"));
    assert_eq!(setting.said("assessment"), "DONE_LATE");
    assert_eq!(setting.said("assessment_factors"), "3B, 16A");
    setting.release(contact(5, "R3", "2026-02-06", "6", "ASSESSMENT"));
    assert_eq!(setting.said("assessment"), "DUE");
    let trail = [
        "referral_source",
        "referral_sources",
        "referrals_365d",
        "referral_outcome",
    ];
    let trail = trail.map(|column| setting.said(column));
    assert_eq!(trail, ["6", "6, 3E", "3", "ASSESSMENT"]);
}

#[test]
fn a_conference_follows_an_enquiry_and_a_plan_is_reviewed() {
    let step = |e, phase: &str, on: &str, more: &[(&str, Value)]| {
        let mut fields = vec![
            ("protection_ref", text("P1")),
            ("phase", text(phase)),
            ("phase_on", date(on)),
        ];
        fields.extend(more.iter().cloned());
        event_of(e, PROTECTION, on, &fields)
    };
    let mut setting = child();
    setting.release(step(1, "S47", "2026-04-30", &[]));
    // Over the early May bank holiday.
    assert_eq!(
        setting.on("2026-05-22").said("conference_due"),
        "2026-05-22"
    );
    assert_eq!(setting.on("2026-05-23").said("conference"), "OVERDUE");
    let none = step(
        2,
        "S47",
        "2026-04-30",
        &[("conference_not_required", Value::Bool(true))],
    );
    let mut other = child();
    other.release(none);
    assert_eq!(other.on("2026-05-23").said("conference"), "-");
    setting.release(step(3, "ICPC", "2026-05-22", &[]));
    assert_eq!(setting.said("conference"), "DONE");
    assert_eq!(setting.said("protection_plan"), "no");
    setting.release(step(
        4,
        "PLAN_START",
        "2026-05-22",
        &[("category", text("NEG"))],
    ));
    assert_eq!(setting.said("protection_plan"), "yes");
    assert_eq!(setting.said("protection_review_due"), "2026-08-22");
    setting.release(step(
        5,
        "REVIEW",
        "2026-08-20",
        &[("category", text("EMO"))],
    ));
    setting.on("2026-08-31");
    assert_eq!(setting.said("protection_review_due"), "2027-02-20");
    assert_eq!(setting.said("protection_category"), "EMO");
    setting.release(step(6, "PLAN_END", "2026-08-30", &[]));
    assert_eq!(setting.said("protection_plan"), "no");
    assert_eq!(setting.said("protection_review_due"), "-");
}
