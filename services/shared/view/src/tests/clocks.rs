//! Every clock of children in care: working days and bank holidays, summer time, year ends, and episodes that arrive late or are corrected.

use super::rows::Setting;
use super::support::*;
use crate::facts::Contribution;
use crate::value::Value;

const CARE: &str = "social_care.CareEpisode";
const HEALTH: &str = "health.CicHealthAssessment";
const REVIEW: &str = "social_care.ReviewHeld";
const VISIT: &str = "social_care.SocialWorkerVisit";
const OC2: &str = "social_care.HealthOutcomes";
const MISSING: &str = "social_care.MissingEpisode";

pub(super) fn child() -> Setting {
    let mut own = subject("GSS:E09000007", None);
    own.responsible_authority = Some(org("GSS:E09000007"));
    Setting::whole("children_in_care", own)
}

pub(super) fn date(text: &str) -> Value {
    Value::Day(day(text))
}

pub(super) fn event_of(
    e: u8,
    event_type: &str,
    on: &str,
    fields: &[(&str, Value)],
) -> Contribution {
    contribution((1, 1, e), event_type, on, fields)
}

pub(super) fn episode(
    e: u8,
    (rne, ls, place): (&str, &str, &str),
    start: &str,
    end: Option<(&str, &str)>,
) -> Contribution {
    let reference = format!("E{e}");
    let mut fields = vec![
        ("episode_ref", text(&reference)),
        ("decom", date(start)),
        ("rne", text(rne)),
        ("ls", text(ls)),
        ("place", text(place)),
    ];
    if let Some((end, rec)) = end {
        fields.push(("dec", date(end)));
        fields.push(("rec", text(rec)));
    }
    event_of(e, CARE, start, &fields)
}

pub(super) fn correcting(mut one: Contribution, earlier: u8) -> Contribution {
    one.supersedes = Some(event(earlier));
    one
}

pub(super) fn in_care(start: &str) -> Setting {
    let mut setting = child();
    setting.release(episode(1, ("S", "C2", "U6"), start, None));
    setting
}

fn assessed(e: u8, kind: &str, on: &str, teeth: bool) -> Contribution {
    let fields = [
        ("assessment_type", text(kind)),
        ("completed_on", date(on)),
        ("teeth_checked", Value::Bool(teeth)),
    ];
    event_of(e, HEALTH, on, &fields)
}

fn reviewed(e: u8, code: &str, on: &str) -> Contribution {
    let fields = [("reviewed_on", date(on)), ("review_code", text(code))];
    event_of(e, REVIEW, on, &fields)
}

fn visited(e: u8, on: &str) -> Contribution {
    let fields = [("visited_on", date(on)), ("child_seen", Value::Bool(true))];
    event_of(e, VISIT, on, &fields)
}

#[test]
fn health_is_reviewed_every_year_and_every_half_year_under_five() {
    let mut setting = in_care("2025-04-14");
    setting.release(assessed(2, "IHA", "2025-05-06", true));
    setting.on("2026-05-06");
    let of = |setting: &mut Setting| {
        [
            "health_review",
            "health_review_due",
            "health_review_under_five_due",
        ]
        .map(|column| setting.said(column))
    };
    assert_eq!(of(&mut setting), ["DUE", "2026-05-06", "2025-11-06"]);
    setting.on("2026-05-07");
    assert_eq!(of(&mut setting)[0], "OVERDUE");
    assert!(
        setting
            .rules()
            .contains(&"health-review-overdue".to_owned())
    );
    setting.release(assessed(3, "RHA", "2026-05-07", true));
    assert_eq!(of(&mut setting), ["DUE", "2027-05-07", "2026-11-07"]);
    // A review of the last year had the child under four: under five for certain.
    setting.release(reviewed(4, "PN0", "2026-03-02"));
    assert_eq!(of(&mut setting)[1], "2026-11-07");
    setting.on("2027-03-02");
    assert_eq!(of(&mut setting)[..2], ["OVERDUE", "2026-11-07"]);
    setting.on("2027-03-03");
    assert_eq!(
        of(&mut setting)[..2],
        ["DUE", "2027-05-07"],
        "five, for all that is known"
    );
}

#[test]
fn teeth_are_checked_every_year_by_either_record() {
    let mut setting = in_care("2025-04-14");
    setting.on("2026-04-15");
    assert_eq!(setting.said("dental"), "OVERDUE");
    setting.release(assessed(2, "IHA", "2025-05-06", false));
    assert_eq!(setting.said("dental_due"), "2026-04-14");
    let year = [
        ("as_of", date("2026-03-31")),
        ("teeth_check", Value::Bool(true)),
    ];
    setting.release(event_of(3, OC2, "2026-03-31", &year));
    assert_eq!(setting.said("dental_due"), "2027-03-31");
    setting.release(assessed(4, "RHA", "2026-04-15", true));
    assert_eq!(setting.said("dental_due"), "2027-04-15");
}

#[test]
fn clocks_end_with_care_and_a_corrected_episode_opens_them_again() {
    let mut setting = child();
    setting.release(episode(
        1,
        ("S", "C2", "U6"),
        "2026-04-01",
        Some(("2026-04-20", "E4A")),
    ));
    setting.on("2026-05-10");
    for clock in ["initial_health", "review", "visit", "dental"] {
        assert_eq!(setting.said(clock), "ENDED", "{clock}");
    }
    assert_eq!(setting.said("initial_health_due"), "-");
    assert_eq!(setting.said("in_care_since"), "-");
    assert!(
        setting
            .rules()
            .iter()
            .all(|rule| !rule.ends_with("-overdue"))
    );
    // It was not the end: the correction has none.
    setting.release(correcting(
        episode(2, ("S", "C2", "U6"), "2026-04-01", None),
        1,
    ));
    assert_eq!(setting.said("initial_health"), "OVERDUE");
    // 1 April and 20 working days, over Good Friday and Easter Monday.
    assert_eq!(setting.said("initial_health_due"), "2026-05-01");
    // Another correction: it began later, and the clock with it.
    setting.release(correcting(
        episode(3, ("S", "C2", "U6"), "2026-04-22", None),
        2,
    ));
    // Over the early May bank holiday of 4 May.
    assert_eq!(setting.said("initial_health_due"), "2026-05-21");
    assert_eq!(setting.said("initial_health"), "DUE");
    // The child comes back into care: a late record of a new time in care starts all of them anew.
    setting.release(correcting(
        episode(
            4,
            ("S", "C2", "U6"),
            "2026-04-22",
            Some(("2026-04-30", "E4A")),
        ),
        3,
    ));
    assert_eq!(setting.said("review"), "ENDED");
    setting.release(episode(5, ("S", "C2", "U6"), "2026-05-08", None));
    // Over the spring bank holiday of 25 May: 20 working days are up on 8 June.
    assert_eq!(setting.said("review_due"), "2026-06-08");
    assert_eq!(setting.said("in_care_since"), "2026-05-08");
}

#[test]
fn what_is_open_on_31_march_goes_on_on_1_april() {
    let mut setting = in_care("2026-03-02");
    let fields = [
        ("episode_ref", text("M1")),
        ("missing", text("M")),
        ("mis_start", date("2026-03-30")),
    ];
    setting.release(event_of(10, MISSING, "2026-03-30", &fields));
    let order = [
        ("order_ref", text("D1")),
        ("dolo_start", date("2026-03-10")),
    ];
    setting.release(event_of(
        11,
        "social_care.DeprivationOfLiberty",
        "2026-03-10",
        &order,
    ));
    let open = |setting: &mut Setting| {
        [
            "care_episode",
            "missing_period",
            "dolo",
            "in_care_since",
            "initial_health_due",
        ]
        .map(|column| setting.said(column))
    };
    let before = open(setting.on("2026-03-31"));
    assert_eq!(before, ["yes", "yes", "yes", "2026-03-02", "2026-03-30"]);
    assert_eq!(open(setting.on("2026-04-01")), before);
    // The next year's return tells the same episode again, in a later event.
    setting.release(correcting(
        episode(2, ("S", "C2", "U6"), "2026-03-02", None),
        1,
    ));
    assert_eq!(open(setting.on("2026-04-02")), before);
    // Care that goes on in another placement on the day one ends is one time in care.
    let moved = episode(
        3,
        ("S", "C2", "U6"),
        "2026-03-02",
        Some(("2026-04-10", "X1")),
    );
    setting.release(correcting(moved, 2));
    setting.release(episode(4, ("P", "C2", "K2"), "2026-04-10", None));
    assert_eq!(open(setting.on("2026-04-11")), before);
}

#[test]
fn the_health_of_the_year_is_told_as_of_31_march_after_twelve_months() {
    for (start, due) in [("2025-04-01", "2026-03-31"), ("2025-04-02", "2027-03-31")] {
        let mut setting = in_care(start);
        assert_eq!(setting.on("2026-03-30").said("oc2_due"), due, "{start}");
    }
    let mut setting = in_care("2025-04-01");
    assert_eq!(setting.on("2026-03-31").said("oc2"), "DUE");
    assert_eq!(setting.on("2026-04-01").said("oc2"), "OVERDUE");
    let late = |setting: &mut Setting| setting.rules().contains(&"oc2-missing".to_owned());
    assert!(!late(&mut setting), "a return is made in the weeks after");
    assert!(late(setting.on("2026-05-30")));
    let flag = |name| (name, Value::Bool(true));
    let mut fields = vec![
        ("as_of", date("2026-03-31")),
        flag("immunisations"),
        flag("teeth_check"),
        flag("health_assessment"),
        flag("substance_misuse"),
    ];
    setting.release(event_of(2, OC2, "2026-03-31", &fields));
    assert_eq!(setting.said("oc2_due"), "2027-03-31");
    assert_eq!(setting.said("oc2_complete"), "no");
    assert_eq!(setting.said("sdq_band"), "-");
    fields.push(("sdq_score", Value::Int(16)));
    setting.release(correcting(event_of(3, OC2, "2026-03-31", &fields), 2));
    assert_eq!(setting.said("oc2_complete"), "yes");
    assert_eq!(setting.said("sdq_band"), "BORDERLINE");
    for (score, band) in [
        (13, "NORMAL"),
        (14, "BORDERLINE"),
        (17, "CAUSE_FOR_CONCERN"),
    ] {
        let mut setting = in_care("2025-04-01");
        let fields = [
            ("as_of", date("2026-03-31")),
            ("sdq_score", Value::Int(score)),
        ];
        setting.release(event_of(2, OC2, "2026-03-31", &fields));
        assert_eq!(setting.said("sdq_band"), band, "{score}");
    }
}

#[test]
fn short_breaks_have_clocks_of_their_own() {
    let mut setting = child();
    setting.release(episode(
        1,
        ("S", "V3", "U6"),
        "2026-01-10",
        Some(("2026-01-12", "E4A")),
    ));
    setting.release(episode(
        2,
        ("S", "V3", "U6"),
        "2026-02-14",
        Some(("2026-02-16", "E4A")),
    ));
    setting.on("2026-04-10");
    for clock in [
        "initial_health",
        "review",
        "visit",
        "dental",
        "agreed_break_review",
    ] {
        assert_eq!(setting.said(clock), "-", "{clock}");
    }
    // From the first break of the series, whenever the last one was.
    assert_eq!(setting.said("short_break_review"), "DUE");
    setting.on("2026-04-11");
    assert_eq!(setting.said("short_break_review"), "OVERDUE");
    assert!(
        setting
            .rules()
            .contains(&"short-break-visit-overdue".to_owned())
    );
    setting.release(reviewed(3, "PN1", "2026-04-11"));
    setting.release(visited(4, "2026-04-11"));
    assert_eq!(setting.said("short_break_review"), "DUE");
    assert_eq!(setting.said("short_break"), "ENDED");
    setting.release(episode(5, ("S", "V3", "U6"), "2026-05-01", None));
    assert_eq!(setting.on("2026-05-18").said("short_break"), "RUNNING");
    assert_eq!(setting.on("2026-05-19").said("short_break"), "OVERRUN");
    // Under an agreement: while it lasts.
    let mut setting = child();
    setting.release(episode(1, ("S", "V4", "U6"), "2026-01-10", None));
    assert_eq!(
        setting.on("2026-04-11").said("agreed_break_review"),
        "OVERDUE"
    );
    assert_eq!(setting.said("review"), "-");
    let ended = episode(
        2,
        ("S", "V4", "U6"),
        "2026-01-10",
        Some(("2026-04-12", "E8")),
    );
    setting.release(correcting(ended, 1));
    assert_eq!(
        setting.on("2026-04-12").said("agreed_break_review"),
        "ENDED"
    );
}

#[test]
fn a_visit_is_due_within_a_week_then_every_six_weeks_and_seldomer_in_a_lasting_placement() {
    let due = |place: &str| {
        let mut setting = child();
        setting.release(episode(1, ("S", "C2", place), "2025-03-03", None));
        setting.on("2026-05-31");
        let mut dues = vec![setting.said("visit_due")];
        for (e, on) in [(2, "2025-03-10"), (3, "2026-03-02"), (4, "2026-03-03")] {
            setting.release(visited(e, on));
            dues.push(setting.said("visit_due"));
        }
        dues
    };
    assert_eq!(
        due("U6"),
        ["2025-03-10", "2025-04-21", "2026-04-13", "2026-04-14"]
    );
    assert_eq!(
        due("U4"),
        ["2025-03-10", "2025-04-21", "2026-04-13", "2026-06-03"]
    );
    // A move starts it again, and a visit in which the child was not seen is none.
    let mut setting = child();
    setting.release(episode(
        1,
        ("S", "C2", "U6"),
        "2026-03-02",
        Some(("2026-05-01", "X1")),
    ));
    setting.release(episode(2, ("P", "C2", "U6"), "2026-05-01", None));
    let unseen = [
        ("visited_on", date("2026-05-05")),
        ("child_seen", Value::Bool(false)),
    ];
    setting.release(event_of(3, VISIT, "2026-05-05", &unseen));
    assert_eq!(setting.on("2026-05-09").said("visit"), "OVERDUE");
    assert_eq!(setting.said("visit_due"), "2026-05-08");
}

#[test]
fn each_return_has_an_interview_of_its_own() {
    let period = |e, reference: &str, start: &str, end: &str, offered: Option<(&str, &str)>| {
        let mut fields = vec![
            ("episode_ref", text(reference)),
            ("mis_start", date(start)),
            ("mis_end", date(end)),
        ];
        if let Some((said, on)) = offered {
            fields.push(("rhi_offered", text(said)));
            fields.push(("rhi_offered_at", Value::Instant(day(on).start())));
        }
        event_of(e, MISSING, start, &fields)
    };
    let mut setting = in_care("2025-09-01");
    setting.release(period(2, "M1", "2026-05-01", "2026-05-02", None));
    assert_eq!(setting.on("2026-05-05").said("return_interview"), "DUE");
    assert_eq!(setting.on("2026-05-06").said("return_interview"), "OVERDUE");
    // A later one that was offered in time does not hide it.
    setting.release(period(
        3,
        "M2",
        "2026-05-10",
        "2026-05-11",
        Some(("Y", "2026-05-12")),
    ));
    setting.on("2026-05-13");
    assert_eq!(setting.said("return_interview"), "OVERDUE");
    let offered = period(
        4,
        "M1",
        "2026-05-01",
        "2026-05-02",
        Some(("Y", "2026-05-13")),
    );
    setting.release(correcting(offered, 2));
    assert_eq!(
        setting.said("return_interview"),
        "DONE",
        "the last one, in time"
    );
    // Not applicable: no clock.
    setting.release(period(
        5,
        "M3",
        "2026-05-10",
        "2026-05-11",
        Some(("NA", "2026-05-11")),
    ));
    assert_eq!(setting.on("2026-05-20").said("return_interview"), "DONE");
}

#[test]
fn what_was_done_and_whose_source_fell_silent_is_not_said_to_be_overdue() {
    let mut setting = in_care("2026-01-05");
    setting.release(reviewed(2, "PN1", "2026-01-30"));
    setting.on("2026-04-20");
    assert_eq!(setting.said("review_due"), "2026-04-30");
    setting.at = day("2026-07-15");
    assert_eq!(setting.said("review"), "not known since 31 May 2026");
    assert_eq!(setting.said("review_done"), "2026-01-30");
    assert!(!setting.rules().contains(&"review-overdue".to_owned()));
    assert_eq!(setting.on("2026-07-15").said("review"), "OVERDUE");
}
