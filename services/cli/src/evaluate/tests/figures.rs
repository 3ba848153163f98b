//! What follows from rows and what came next.

use super::views;
use crate::evaluate::measure::{Cut, Placed, Ranked};
use crate::evaluate::report::{Report, Tool, Whom};
use crate::evaluate::truth::Truth;
use crate::evaluate::{SIMPLE, score as scores};
use walbrook_view::View;

#[test]
fn a_capacity_is_cut_among_those_with_as_many_points_and_nobody_without_points_is_seen_to() {
    let points = [500, 300, 300, 300, 100, 0, 0];
    for (capacity, seen_to) in [
        (1, [1.0, 0.0, 0.0, 0.0]),
        (2, [1.0, 1.0 / 3.0, 0.0, 0.0]),
        (4, [1.0, 1.0, 0.0, 0.0]),
        (5, [1.0, 1.0, 1.0, 0.0]),
        (7, [1.0, 1.0, 1.0, 0.0]),
    ] {
        let cut = Cut::of(points.into_iter(), capacity);
        assert_eq!(
            [500, 300, 100, 0].map(|points| cut.seen_to(points)),
            seen_to,
            "{capacity}"
        );
    }
}

/// Truth and rows of so many people of whom the first `met` are met next; the view and the simple rules give each person these points.
fn made(
    people: u64,
    met: u64,
    score: impl Fn(u64) -> i64,
    simple: impl Fn(u64) -> i64,
) -> (tempfile::TempDir, Truth, Vec<Ranked>) {
    let folder = tempfile::tempdir().unwrap();
    let (mut who, mut lives, mut next) = (
        "agency,organisation,id_scheme,local_id,person\n".to_owned(),
        "person,born,sex,name_origin\n".to_owned(),
        "person,index_date,bedded_down_before,within_90_days,within_180_days\n".to_owned(),
    );
    for person in 0..people {
        let sex = if person % 40 == 0 { "female" } else { "male" };
        who += &format!("housing,GSS:E09000007,LOCAL,L{person},{person}\n");
        lives += &format!("{person},1990-01-01,{sex},somewhere\n");
        next += &format!("{person},2026-01-10,false,{0},{0}\n", person < met);
    }
    for (name, text) in [("who.csv", who), ("people.csv", lives), ("next.csv", next)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let placed = |points: &dyn Fn(u64) -> i64| -> Vec<Placed> {
        let place = |person| Placed {
            person,
            points_hundredths: points(person),
            band: if points(person) > 0 { "urgent" } else { "low" }.to_owned(),
        };
        (0..people).map(place).collect()
    };
    let ranked = Ranked {
        day: "2026-01-10".parse().unwrap(),
        score: placed(&score),
        simple: placed(&simple),
    };
    let truth = Truth::read(folder.path()).unwrap();
    (folder, truth, vec![ranked])
}

#[test]
fn points_for_every_reason_ship_only_where_they_are_shown_to_be_better() {
    let [score, simple] = views();
    let both = [&score, &simple];
    let first = |people: u64| move |person: u64| i64::from(person < people) * 100;
    let verdict = |met, score: u64, simple: u64| {
        let (_folder, truth, ranked) = made(400, met, first(score), first(simple));
        Report::new(&truth, &ranked, both, 100, 90).verdict
    };
    // 100 found against 40: by 60, more than twice the root of 140. 60 against 50 is not enough, and less is less.
    assert_eq!(verdict(100, 100, 40).ships, Tool::Score);
    assert_eq!(verdict(100, 60, 50).ships, Tool::Simple);
    assert_eq!(verdict(100, 20, 50).ships, Tool::Simple);
    // Nine met next are too few for any answer.
    let few = verdict(9, 400, 1);
    assert_eq!((few.ships, few.too_few), (Tool::Simple, true));
}

#[test]
fn figures_follow_from_who_was_seen_to_and_small_groups_are_not_shown() {
    let [score, simple] = views();
    let both = [&score, &simple];
    // 100 met next of 400; the score puts 50 of them first, then 50 others.
    let score = |person: u64| match person {
        0..50 => 300,
        100..150 => 200,
        _ => 0,
    };
    let (_folder, truth, ranked) = made(400, 100, score, |_| 0);
    let report = Report::new(&truth, &ranked, both, 75, 90);
    let tally = report.overall(Tool::Score).unwrap();
    assert_eq!((tally.people, tally.next), (400, 100));
    let close = |value: Option<f64>, wanted: f64| (value.unwrap() - wanted).abs() < 1e-9;
    assert!(close(Some(tally.seen_to), 75.0) && close(Some(tally.found), 50.0));
    assert!(
        close(tally.precision(), 2.0 / 3.0)
            && close(tally.recall(), 0.5)
            && close(tally.lift(), 8.0 / 3.0)
    );
    assert!(close(tally.missed(), 0.5) && close(tally.in_vain(), 25.0 / 300.0));
    let group = |name: &str| {
        report
            .groups
            .iter()
            .find(|group| group.group == name)
            .unwrap()
    };
    // Ten women, fewer than ten of them met next: their people may be told, their shares may not, nor the men's, which would tell of them.
    assert!(
        group("female").score.is_some() && !group("female").next_shown && !group("male").next_shown
    );
    assert!(
        report.lines.iter().all(
            |line| line.tally.is_some() && [Whom::NotYet, Whom::Everybody].contains(&line.whom)
        )
    );
    let urgent = report
        .bands
        .iter()
        .find(|band| band.group == "urgent")
        .unwrap();
    assert_eq!(urgent.score.unwrap().people, 100);
}

#[test]
fn points_speak_of_every_rule_of_the_view_and_of_no_other() {
    let [score, simple] = views();
    let rules =
        |view: &View| -> Vec<String> { view.rules.iter().map(|rule| rule.id.clone()).collect() };
    assert_eq!(rules(&score), rules(&simple));
    assert!(score.rules.iter().all(|rule| rule.points_hundredths > 0));
    // The simple rules are those of the domain reference: one point each, for these alone.
    let pointed = simple
        .rules
        .iter()
        .filter(|rule| rule.points_hundredths > 0);
    let pointed: Vec<(&str, i64)> = pointed
        .map(|rule| (rule.id.as_str(), rule.points_hundredths))
        .collect();
    assert_eq!(
        pointed,
        [
            ("section-8-expiring", 100),
            ("left-temporary-homes", 100),
            ("hospital-without-a-home", 100),
            ("discharged-without-a-home", 100)
        ]
    );
    let bands =
        |view: &View| -> Vec<String> { view.bands.iter().map(|band| band.name.clone()).collect() };
    assert_eq!(bands(&score), ["urgent", "high", "raised", "low"]);
    assert_eq!(bands(&simple), ["flagged", "unflagged"]);
    for (text, said) in [
        (
            SIMPLE.replace("evicted = ", "moved = "),
            "no points for evicted",
        ),
        (
            SIMPLE.replace("[points]", "[points]\nmoved = 1"),
            "rough_sleeping_risk has no rule moved",
        ),
        (SIMPLE.replace("= 100", "= 'many'"), "expected i64"),
    ] {
        let problem = scores::scored(&score, "a file", &text).unwrap_err().text();
        assert!(
            problem.starts_with("a file: ") && problem.contains(said),
            "{problem}"
        );
    }
}
