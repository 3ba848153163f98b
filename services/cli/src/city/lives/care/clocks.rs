//! What the law asks for in time: reviews, visits, health assessments; once a year how the child is; orders.

use super::super::chance::{of, weighted, whether};
use super::super::diary::{Diary, Note, date};
use super::super::health::trust;
use super::super::home::council;
use super::super::published as figures;
use super::Care;
use crate::publish::Body;
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::health::v1::{CicHealthAssessment, event::Body as Health};
use walbrook_proto::social_care::v1::{
    DeprivationOfLiberty, HealthOutcomes, ReviewHeld, SocialWorkerVisit, event::Body as SocialCare,
};

/// Twenty working days, in days.
const TWENTY_WORKING_DAYS: i32 = 28;

/// Tells all of them.
pub(super) fn told(diary: &mut Diary<'_>, care: &Care) {
    reviews(diary, care);
    visits(diary, care);
    assessments(diary, care);
    outcomes(diary, care);
    if diary.soul.age_on(care.entered) >= 11 && whether(&mut diary.rng, 0.03) {
        liberty(diary, care);
    }
}

/// A due day's own day: mostly in time, sometimes late.
fn around(diary: &mut Diary<'_>, due: Day, late: f64) -> Day {
    let after = if whether(&mut diary.rng, late) {
        diary.rng.random_range(3..40)
    } else {
        diary.rng.random_range(-9..1)
    };
    due.plus(after)
}

/// Where something of this day is told: on it, or on the first day where it is the last one before; `None`: it is not told.
fn told_on(diary: &Diary<'_>, day: Day, next: Day) -> Option<Day> {
    let from = diary.span.from;
    let told = if day < from && next >= from {
        from
    } else {
        day
    };
    (told >= from).then_some(told)
}

fn reviews(diary: &mut Diary<'_>, care: &Care) {
    let (mut due, mut gap) = (care.entered.plus(TWENTY_WORKING_DAYS), 90);
    while due < care.left {
        let held = around(diary, due, 0.12).max(care.entered.plus(1));
        let next = due.plus(gap);
        if held < care.left
            && let Some(told) = told_on(diary, held, next)
        {
            let code = if diary.soul.age_on(held) < 4 {
                "PN0"
            } else {
                weighted(
                    &mut diary.rng,
                    &[
                        ("PN1", 50),
                        ("PN2", 10),
                        ("PN4", 8),
                        ("PN5", 8),
                        ("PN6", 14),
                        ("PN7", 10),
                    ],
                    "PN1",
                )
            };
            let review = ReviewHeld {
                reviewed_on: Some(date(held)),
                review_code: code.into(),
                due_on: Some(date(due)),
            };
            let note = Note::on(council(diary.soul), held).told_on(told);
            diary.tell(note, Body::SocialCare(SocialCare::ReviewHeld(review)));
        }
        (due, gap) = (next, 180);
    }
}

fn visits(diary: &mut Diary<'_>, care: &Care) {
    let mut due = care.entered.plus(7);
    while due < care.left {
        let gap = if due < care.entered.plus(365) { 42 } else { 84 };
        let next = due.plus(gap);
        let visited = around(diary, due, 0.15).max(care.entered.plus(1));
        if visited < care.left
            && let Some(told) = told_on(diary, visited, next)
        {
            let seen = whether(&mut diary.rng, 0.96);
            let visit = SocialWorkerVisit {
                visited_on: Some(date(visited)),
                child_seen: seen,
                child_seen_alone: Some(seen && whether(&mut diary.rng, 0.8)),
                due_on: Some(date(due)),
            };
            let note = Note::on(council(diary.soul), visited).told_on(told);
            diary.tell(note, Body::SocialCare(SocialCare::SocialWorkerVisit(visit)));
        }
        due = next;
    }
}

fn assessments(diary: &mut Diary<'_>, care: &Care) {
    let asked = care.entered.plus(diary.rng.random_range(1..5));
    let done = if of(&mut diary.rng, figures::HEALTH_ASSESSMENT_IN_TIME) {
        care.entered
            .plus(diary.rng.random_range(8..TWENTY_WORKING_DAYS - 1))
    } else {
        care.entered.plus(diary.rng.random_range(35..95))
    };
    assessment(diary, "IHA", asked, done, care);
    let mut due = care.entered.plus(if diary.soul.age_on(care.entered) < 5 {
        182
    } else {
        365
    });
    while due < care.left {
        let done = around(diary, due, 0.25);
        assessment(diary, "RHA", due.plus(-42), done, care);
        due = due.plus(if diary.soul.age_on(due) < 5 { 182 } else { 365 });
    }
}

fn assessment(diary: &mut Diary<'_>, kind: &str, asked: Day, done: Day, care: &Care) {
    let (immunised, teeth) = (whether(&mut diary.rng, 0.82), whether(&mut diary.rng, 0.75));
    let clinician = if kind == "IHA" {
        "PAEDIATRICIAN"
    } else {
        "SPECIALIST_NURSE"
    };
    // What is not done when care ends is not done at all.
    let done = Some(done)
        .filter(|done| *done < care.left)
        .unwrap_or(Day(i32::MAX / 2));
    let trust = trust(diary.soul.resident.address.area);
    diary.period(trust, asked, Some(done), |done| {
        Body::Health(Health::CicHealthAssessment(CicHealthAssessment {
            assessment_type: kind.into(),
            requested_on: Some(date(asked)),
            completed_on: done.map(date),
            outcome: done.map(|_| "COMPLETED".into()),
            clinician_role: done.map(|_| clinician.into()),
            immunisations_up_to_date: done.map(|_| immunised),
            teeth_checked: done.map(|_| teeth),
        }))
    });
}

/// How the child is, on 31 March, of those looked after for a year.
fn outcomes(diary: &mut Diary<'_>, care: &Care) {
    let (first, ..) = diary.span.from.ymd();
    let (last, ..) = diary.span.to.ymd();
    for year in first..=last {
        let Some(day) = Day::from_ymd(year, 3, 31) else {
            continue;
        };
        if care.entered.plus(365) > day || day >= care.left {
            continue;
        }
        let age = diary.soul.age_on(day);
        let asked = (4..17).contains(&age);
        let scored = asked && whether(&mut diary.rng, 0.77);
        let strained = diary.soul.vulnerability > 1.0;
        let score = if strained {
            diary.rng.random_range(11..31)
        } else {
            diary.rng.random_range(2..22)
        };
        let misuse = age >= 13 && whether(&mut diary.rng, 0.06);
        let received = whether(&mut diary.rng, 0.5);
        let outcomes = HealthOutcomes {
            as_of: Some(date(day)),
            sdq_score: scored.then_some(score),
            sdq_reason: (asked && !scored).then(|| {
                weighted(
                    &mut diary.rng,
                    &[("SDQ2", 4), ("SDQ4", 3), ("SDQ5", 3)],
                    "SDQ4",
                )
                .into()
            }),
            convicted: (age >= 10).then(|| whether(&mut diary.rng, 0.02)),
            health_check: (age < 5).then(|| whether(&mut diary.rng, 0.9)),
            immunisations: Some(whether(&mut diary.rng, 0.82)),
            teeth_check: Some(whether(&mut diary.rng, 0.79)),
            health_assessment: Some(whether(&mut diary.rng, 0.89)),
            substance_misuse: Some(misuse),
            intervention_received: misuse.then_some(received),
            intervention_offered: (misuse && !received).then_some(true),
        };
        let note = Note::on(council(diary.soul), day);
        diary.tell(note, Body::SocialCare(SocialCare::HealthOutcomes(outcomes)));
    }
}

fn liberty(diary: &mut Diary<'_>, care: &Care) {
    let days = (care.left.0 - care.entered.0 - 1).clamp(1, 500);
    let began = care.entered.plus(diary.rng.random_range(0..days));
    let ended = began.plus(diary.rng.random_range(40..200)).min(care.left);
    let order_ref = diary.reference('O', 0);
    diary.period(council(diary.soul), began, Some(ended), |ended| {
        Body::SocialCare(SocialCare::DeprivationOfLiberty(DeprivationOfLiberty {
            order_ref: order_ref.clone(),
            dolo_start: Some(date(began)),
            dolo_end: ended.map(date),
        }))
    });
}
