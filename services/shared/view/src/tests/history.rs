//! What only a history can say of a child in care: a fault in it is a flag on the row, and the child is still seen.

use super::rows::{Setting, cell, number};
use super::support::*;
use crate::facts::Contribution;
use crate::nesting::{lies_within, united};
use crate::value::Value;
use crate::{Known, Row};

use proptest::prelude::*;
use walbrook_domain::Day;

const CAMDEN: &str = "GSS:E09000007";
const CARE: &str = "social_care.CareEpisode";
const MISSING: &str = "social_care.MissingEpisode";
const ORDER: &str = "social_care.DeprivationOfLiberty";
const VISIT: &str = "social_care.SocialWorkerVisit";

/// A child of Camden; all sources were heard up to 31 May 2026, which is the row's day.
fn child() -> Setting {
    let sources = [
        CARE,
        MISSING,
        ORDER,
        VISIT,
        "social_care.ReviewHeld",
        "health.CicHealthAssessment",
    ];
    let mut setting = Setting::new("children_in_care", &sources.map(|source| (CAMDEN, source)));
    let mut own = subject(CAMDEN, None);
    own.responsible_authority = Some(org(CAMDEN));
    setting.add(subject_input(1, 1, own));
    setting
}

/// Source and row stand at a later day.
fn later(setting: &mut Setting, on: &str) {
    setting.at = day(on);
    for source in [CARE, MISSING, ORDER, VISIT, "health.CicHealthAssessment"] {
        setting.add(heartbeat(CAMDEN, source, on));
    }
}

fn ends(
    e: u8,
    (event_type, names): (&str, [&str; 3]),
    reference: &str,
    (start, end): (&str, Option<&str>),
    more: &[(&str, &str)],
) -> Contribution {
    let [of, first, last] = names;
    let mut fields = vec![(of, text(reference)), (first, Value::Day(day(start)))];
    fields.extend(end.map(|end| (last, Value::Day(day(end)))));
    fields.extend(more.iter().map(|(name, code)| (*name, text(code))));
    contribution((1, 1, e), event_type, start, &fields)
}

fn episode(e: u8, rne: &str, start: &str, end: Option<(&str, &str)>) -> Contribution {
    let names = (CARE, ["episode_ref", "decom", "dec"]);
    let mut more = vec![("rne", rne), ("ls", "C2"), ("place", "U6")];
    more.extend(end.map(|(_, rec)| ("rec", rec)));
    let reference = format!("E{e}");
    ends(
        e,
        names,
        &reference,
        (start, end.map(|(end, _)| end)),
        &more,
    )
}

fn missing(e: u8, start: &str, end: Option<&str>) -> Contribution {
    let names = (MISSING, ["episode_ref", "mis_start", "mis_end"]);
    ends(
        e,
        names,
        &format!("M{e}"),
        (start, end),
        &[("missing", "M")],
    )
}

fn order(e: u8, start: &str, end: Option<&str>) -> Contribution {
    let names = (ORDER, ["order_ref", "dolo_start", "dolo_end"]);
    ends(e, names, &format!("D{e}"), (start, end), &[])
}

fn row(setting: &mut Setting) -> Row {
    setting.row(1, CAMDEN).expect("the child is seen")
}

/// The history flags of the row, and those of orders.
fn flags(setting: &mut Setting) -> Vec<String> {
    let row = row(setting);
    let ids = row.reasons.iter().map(|reason| reason.rule_id.to_string());
    ids.filter(|id| id.starts_with("history-") || id.starts_with("deprived-"))
        .collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_history_without_faults_has_no_flag() {
    let mut setting = child();
    setting.release(episode(1, "S", "2025-09-01", Some(("2026-02-10", "X1"))));
    setting.release(episode(2, "P", "2026-02-10", None));
    // Over the day on which one episode follows the other, and one that is not over.
    setting.release(missing(10, "2026-02-09", Some("2026-02-11")));
    setting.release(missing(11, "2026-05-30", None));
    assert_eq!(flags(&mut setting), NONE);
    let row = row(&mut setting);
    assert_eq!(
        cell(&row, "missing_period").value(),
        Some(&Value::Bool(true))
    );
    assert_eq!(number(cell(&row, "missing_outside_care")), 0);
}

#[test]
fn a_first_episode_that_does_not_start_care_is_a_flag_and_no_refusal() {
    let mut setting = child();
    setting.release(episode(1, "P", "2025-09-01", None));
    assert_eq!(flags(&mut setting), ["history-first-episode"]);
    // The earlier episode arrives late: the flag goes.
    setting.release(episode(2, "S", "2025-08-01", Some(("2025-09-01", "X1"))));
    assert_eq!(flags(&mut setting), NONE);
}

#[test]
fn episodes_that_overlap_or_do_not_go_on_are_flags() {
    let mut setting = child();
    setting.release(episode(1, "S", "2025-09-01", Some(("2026-02-10", "X1"))));
    assert_eq!(flags(&mut setting), ["history-no-continuation"]);
    setting.release(episode(2, "P", "2026-02-01", None));
    assert_eq!(flags(&mut setting), ["history-episodes-overlap"]);
    let mut corrected = episode(3, "P", "2026-02-10", None);
    corrected.supersedes = Some(event(2));
    setting.release(corrected);
    assert_eq!(flags(&mut setting), NONE);
}

#[test]
fn what_is_counted_over_a_year_is_flagged_past_its_number() {
    let coded = |e, field: &str, code: &str| {
        let mut one = episode(e, "P", "2026-05-01", Some(("2026-05-01", "X1")));
        let info = walbrook_proto::event(CARE).unwrap();
        let place = info.fields.iter().position(|known| *known == field);
        let at = u8::try_from(place.unwrap()).unwrap();
        one.fields.retain(|(number, _)| *number != at);
        one.fields.push((at, text(code)));
        one.fields.sort_by_key(|(number, _)| *number);
        one
    };
    let mut setting = child();
    setting.release(episode(1, "S", "2025-09-01", None));
    let holidays =
        |setting: &mut Setting| flags(setting).contains(&"history-carer-holidays".into());
    setting.release(coded(2, "place", "T3"));
    setting.release(coded(3, "place", "T3"));
    assert!(!holidays(&mut setting));
    setting.release(coded(4, "place", "T3"));
    assert!(holidays(&mut setting));
    let mixed =
        |setting: &mut Setting| flags(setting).contains(&"history-short-breaks-mixed".into());
    setting.release(coded(5, "ls", "V3"));
    assert!(!mixed(&mut setting));
    setting.release(coded(6, "ls", "V4"));
    assert!(mixed(&mut setting));
}

#[test]
fn missing_periods_lie_within_care_or_are_flagged() {
    let within = |start, end| {
        let mut setting = child();
        setting.release(episode(1, "S", "2025-09-01", Some(("2025-12-01", "X1"))));
        setting.release(episode(2, "P", "2025-12-01", Some(("2026-03-01", "E4A"))));
        setting.release(missing(10, start, end));
        let found = flags(&mut setting);
        (
            found,
            number(cell(&row(&mut setting), "missing_outside_care")),
        )
    };
    let outside = (vec!["history-missing-outside-care".to_owned()], 1);
    for (start, end) in [("2025-11-20", "2025-12-20"), ("2025-09-01", "2026-03-01")] {
        assert_eq!(within(start, Some(end)), (Vec::new(), 0), "{start}");
    }
    for (start, end) in [
        ("2025-08-31", Some("2025-09-02")), // begins before care (rule 581)
        ("2026-02-27", Some("2026-03-02")), // ends after care
        ("2026-04-01", Some("2026-04-02")), // begins after care (578)
        ("2026-02-27", None),               // not over, although care is (577)
    ] {
        assert_eq!(within(start, end), outside, "{start}");
    }
    // Two periods at once, both in care.
    let mut setting = child();
    setting.release(episode(1, "S", "2025-09-01", None));
    setting.release(missing(10, "2026-01-10", Some("2026-01-14")));
    setting.release(missing(11, "2026-01-14", Some("2026-01-16")));
    assert_eq!(flags(&mut setting), NONE);
    setting.release(missing(12, "2026-01-15", Some("2026-01-15")));
    assert_eq!(flags(&mut setting), ["history-missing-overlap"]);
    setting.at = day("2027-01-20");
    assert_eq!(flags(&mut setting), NONE, "a year later it is history");
}

#[test]
fn orders_are_flagged_where_care_and_placement_do_not_bear_them() {
    let mut setting = child();
    setting.release(episode(1, "S", "2025-09-01", None));
    setting.release(order(10, "2026-04-01", None));
    assert_eq!(flags(&mut setting), ["deprived-of-liberty"]);
    setting.release(order(11, "2026-05-01", None));
    assert_eq!(
        flags(&mut setting),
        ["deprived-of-liberty", "history-order-overlap"]
    );
    let mut closed = episode(2, "S", "2025-09-01", Some(("2026-05-10", "E4A")));
    closed.supersedes = Some(event(1));
    setting.release(closed);
    let all = [
        "deprived-of-liberty",
        "history-order-overlap",
        "history-order-outside-care",
    ];
    assert_eq!(flags(&mut setting), all);
    assert_eq!(
        number(cell(&row(&mut setting), "missing_outside_care")),
        0,
        "no missing period, no fault"
    );
}

#[test]
fn what_care_there_was_is_not_known_where_nobody_may_say() {
    let mut setting = child();
    setting.release(episode(1, "S", "2025-09-01", None));
    setting.release(missing(10, "2024-01-10", Some("2026-01-14")));
    assert_eq!(number(cell(&row(&mut setting), "missing_outside_care")), 1);
    setting
        .reading
        .sources
        .retain(|source| source.event_type.as_str() != CARE);
    setting.reading.grant.fields = 0b1111;
    let row = row(&mut setting);
    assert!(
        matches!(cell(&row, "missing_outside_care"), Known::Withheld(_)),
        "{:?}",
        cell(&row, "missing_outside_care")
    );
}

/// Domain reference §11, trap 9: the correction of a late episode sets the clock back, and starts it again.
#[test]
fn trap_9_a_corrected_episode_starts_its_clocks_again() {
    let mut setting = child();
    setting.release(episode(1, "S", "2026-05-29", None));
    let due = |setting: &mut Setting| {
        let row = row(setting);
        let health = cell(&row, "initial_health").value().cloned();
        (health, cell(&row, "visit").value().cloned(), flags(setting))
    };
    let (due_, overdue) = (Some(text("DUE")), Some(text("OVERDUE")));
    assert_eq!(due(&mut setting), (due_.clone(), due_.clone(), Vec::new()));
    let mut corrected = episode(2, "S", "2026-03-30", None);
    corrected.supersedes = Some(event(1));
    setting.release(corrected);
    assert_eq!(due(&mut setting), (overdue.clone(), overdue, Vec::new()));
    let mut again = episode(3, "S", "2026-05-28", None);
    again.supersedes = Some(event(2));
    setting.release(again);
    assert_eq!(due(&mut setting), (due_.clone(), due_, Vec::new()));
}

/// Domain reference §11, trap 9: rules 388, 576 and 706 ask that what is open at the year's end stands in the next return. On the stream it
/// stays open over 31 March by itself; the carried episode is the same one, not a second.
#[test]
fn trap_9_what_is_open_at_the_year_s_end_is_open_in_the_next_year() {
    let mut setting = child();
    setting.release(episode(1, "S", "2025-09-01", None));
    setting.release(missing(10, "2026-03-30", None));
    setting.release(order(11, "2026-02-01", None));
    let open = |setting: &mut Setting| {
        let row = row(setting);
        ["care_episode", "missing_period", "dolo"].map(|name| cell(&row, name).value().cloned())
    };
    let all = [(); 3].map(|()| Some(Value::Bool(true)));
    for on in ["2026-03-31", "2026-04-01"] {
        later(&mut setting, on);
        assert_eq!(open(&mut setting), all, "{on}");
    }
    // The next year's return says the same episode again and closes it.
    let mut carried = episode(2, "S", "2025-09-01", Some(("2026-04-20", "E4A")));
    carried.supersedes = Some(event(1));
    carried.fields[0].1 = text("E1");
    setting.release(carried);
    later(&mut setting, "2026-04-30");
    let [care, ..] = open(&mut setting);
    assert_eq!(care, Some(Value::Bool(false)));
    let found = flags(&mut setting);
    assert!(
        !found.contains(&"history-episodes-overlap".to_owned()),
        "{found:?}"
    );
    // What the year's end left open and nobody closed does not lie within care any more.
    for flag in ["history-missing-outside-care", "history-order-outside-care"] {
        assert!(found.contains(&flag.to_owned()), "{found:?}");
    }
}

/// Domain reference §11, trap 10: twenty working days over Easter and the two bank holidays of May 2026 are more than over none.
#[test]
fn trap_10_bank_holidays_move_what_is_due_in_working_days_and_not_what_is_due_in_days() {
    let due = |start: &str, output: &str| {
        let mut setting = child();
        setting.release(episode(1, "S", start, None));
        setting.at = day(start);
        cell(&row(&mut setting), output).value().cloned()
    };
    for (start, health, visit) in [
        ("2026-03-02", "2026-03-30", "2026-03-09"), // four weeks without a holiday
        ("2026-04-01", "2026-05-01", "2026-04-08"), // Good Friday and Easter Monday
        ("2026-04-27", "2026-05-27", "2026-05-04"), // 4 and 25 May; the visit is due on a holiday all the same
    ] {
        let expected = |on: &str| Some(Value::Day(day(on)));
        assert_eq!(
            due(start, "initial_health_due"),
            expected(health),
            "{start}"
        );
        assert_eq!(due(start, "visit_due"), expected(visit), "{start}");
    }
}

#[test]
fn visits_fall_due_after_a_week_and_then_every_six() {
    let mut setting = child();
    setting.release(episode(1, "S", "2026-04-01", None));
    let visit = |e, on: &str, seen| {
        contribution(
            (1, 1, e),
            VISIT,
            on,
            &[
                ("visited_on", Value::Day(day(on))),
                ("child_seen", Value::Bool(seen)),
            ],
        )
    };
    let due = |setting: &mut Setting| cell(&row(setting), "visit_due").value().cloned();
    assert_eq!(due(&mut setting), Some(Value::Day(day("2026-04-08"))));
    setting.release(visit(20, "2026-04-07", false));
    assert_eq!(
        due(&mut setting),
        Some(Value::Day(day("2026-04-08"))),
        "not seen"
    );
    setting.release(visit(21, "2026-04-08", true));
    assert_eq!(due(&mut setting), Some(Value::Day(day("2026-05-20"))));
    let overdue = row(&mut setting);
    assert_eq!(cell(&overdue, "visit").value(), Some(&text("OVERDUE")));
}

#[test]
fn a_return_home_interview_is_due_within_three_days_of_the_return() {
    let mut setting = child();
    setting.release(episode(1, "S", "2025-09-01", None));
    setting.release(missing(10, "2026-05-20", Some("2026-05-28")));
    let state = |setting: &mut Setting| cell(&row(setting), "return_interview").value().cloned();
    assert_eq!(state(&mut setting), Some(text("DUE")), "on the third day");
    later(&mut setting, "2026-06-01");
    assert_eq!(state(&mut setting), Some(text("OVERDUE")));
    let flagged = |setting: &mut Setting| {
        let reasons = row(setting).reasons;
        reasons
            .iter()
            .any(|reason| reason.rule_id == "return-interview-overdue")
    };
    assert!(flagged(&mut setting));
    // A return tells no interviews: long ago, the row says how it stands and no more.
    later(&mut setting, "2026-08-29");
    assert!(flagged(&mut setting));
    later(&mut setting, "2026-08-30");
    assert!(!flagged(&mut setting));
    assert_eq!(state(&mut setting), Some(text("OVERDUE")));
    let mut offered = missing(11, "2026-05-20", Some("2026-05-28"));
    offered.supersedes = Some(event(10));
    let info = walbrook_proto::event(MISSING).unwrap();
    let place = |name: &str| info.fields.iter().position(|field| *field == name).unwrap();
    let at = |name: &str| u8::try_from(place(name)).unwrap();
    offered.fields.push((at("rhi_offered"), text("Y")));
    let when = Value::Instant(day("2026-05-30").start());
    offered.fields.push((at("rhi_offered_at"), when));
    setting.release(offered);
    assert_eq!(state(&mut setting), Some(text("DONE")));
}

proptest! {
    /// Half days are counted: two intervals that share a day join, and two on neighbouring days do not.
    #[test]
    fn an_interval_lies_within_others_when_each_of_its_half_days_does(
        mut others in proptest::collection::vec((0..40_i32, 0..9_i32), 0..7),
        (first, length) in (0..40_i32, 0..12_i32),
    ) {
        others.sort_unstable();
        let halves = |(first, length): (i32, i32)| 2 * first..=2 * (first + length);
        let whole = halves((first, length)).all(|half| others.iter().any(|other| halves(*other).contains(&half)));
        let days = |(first, length): (i32, i32)| (Day(first), Day(first + length));
        let mut joined: Vec<_> = others.iter().map(|other| days(*other)).collect();
        joined.sort_unstable();
        prop_assert_eq!(lies_within(days((first, length)), &united(joined)), whole);
    }
}
