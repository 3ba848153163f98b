//! Referrals to children's social care, assessments, protection; and what stands before care.

use super::super::chance::{weighted, whether};
use super::super::diary::{Diary, Note, POLICE, date};
use super::super::home::council;
use super::super::{police, published as figures};
use super::Care;
use crate::publish::Body;
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::police::v1::{PoliceProtectionUsed, event::Body as Police};
use walbrook_proto::social_care::v1::{
    AssessmentCompleted, ChildProtection, ContactReferral, event::Body as SocialCare,
};

/// How far vulnerability drives who is referred.
const SLOPE: f64 = 0.8;

/// Referrals of a child, as they come.
pub(super) fn course(diary: &mut Diary<'_>) {
    let soul = diary.soul;
    let rate = soul.risk(figures::REFERRALS, SLOPE);
    for (day, number) in diary.days(rate, 4).into_iter().zip(0..) {
        if day > soul.resident.birth && day < soul.birthday(18).plus(-60) {
            let outcome = weighted(
                &mut diary.rng,
                &[
                    ("ASSESSMENT", 60),
                    ("NFA", 18),
                    ("EARLY_HELP", 12),
                    ("SECTION_47", 10),
                ],
                "NFA",
            );
            referral(diary, day, number, outcome, None);
        }
    }
}

/// What came before a child was looked after.
pub(super) fn before_care(diary: &mut Diary<'_>, care: &Care) {
    let days = (care.entered.0 - diary.soul.resident.birth.0).min(120);
    if days > 10 {
        let day = care.entered.plus(-diary.rng.random_range(5..days));
        referral(diary, day, 90, "SECTION_47", Some(care));
        if whether(&mut diary.rng, 0.4) {
            police::child_notice(diary, day.plus(-1), true);
        }
    }
    if whether(&mut diary.rng, 0.08) {
        protected(diary, care);
    }
}

fn referral(diary: &mut Diary<'_>, day: Day, number: u32, outcome: &str, care: Option<&Care>) {
    diary.course("referred");
    let council = council(diary.soul);
    let sources = [
        ("6", 30),
        ("2A", 20),
        ("3A", 7),
        ("3E", 8),
        ("5B", 10),
        ("1A", 9),
        ("4", 3),
        ("7", 4),
        ("8", 9),
    ];
    let source = weighted(&mut diary.rng, &sources, "10");
    let referral_ref = diary.reference('F', number);
    let closes = if outcome == "ASSESSMENT" || outcome == "SECTION_47" {
        diary.rng.random_range(50..300)
    } else {
        diary.rng.random_range(1..5)
    };
    let closed = if care.is_some() {
        Day(i32::MAX / 2)
    } else {
        day.plus(closes)
    };
    let why = weighted(
        &mut diary.rng,
        &[("RC8", 60), ("RC9", 15), ("RC7", 25)],
        "RC7",
    );
    diary.period(council, day, Some(closed), |closed| {
        Body::SocialCare(SocialCare::ContactReferral(ContactReferral {
            referral_ref: referral_ref.clone(),
            contact_on: Some(date(day)),
            referral_source: source.into(),
            outcome: Some(outcome.into()),
            closed_on: closed.map(date),
            closure_reason: closed.map(|_| why.into()),
        }))
    });
    if outcome == "ASSESSMENT" || outcome == "SECTION_47" {
        assessed(diary, day, &referral_ref);
    }
    if outcome == "SECTION_47" {
        protection(diary, day, number, care.is_some());
    }
}

fn assessed(diary: &mut Diary<'_>, day: Day, referral_ref: &str) {
    let started = day.plus(1);
    let authorised = started.plus(diary.rng.random_range(10..62));
    let mut factors = Vec::new();
    for (factor, share) in [
        ("3B", 0.35),
        ("4B", 0.30),
        ("16A", 0.20),
        ("1B", 0.15),
        ("2B", 0.15),
        ("17A", 0.2),
        ("4A", 0.1),
    ] {
        if whether(&mut diary.rng, share) {
            factors.push(factor.to_owned());
        }
    }
    if factors.is_empty() {
        factors.push("21".to_owned());
    }
    let need = weighted(
        &mut diary.rng,
        &[
            ("N1", 55),
            ("N5", 15),
            ("N4", 10),
            ("N2", 8),
            ("N3", 4),
            ("N6", 4),
            ("N8", 4),
        ],
        "N1",
    );
    let completed = AssessmentCompleted {
        referral_ref: referral_ref.to_owned(),
        started_on: Some(date(started)),
        authorised_on: Some(date(authorised)),
        factors,
        primary_need: Some(need.into()),
    };
    let body = Body::SocialCare(SocialCare::AssessmentCompleted(completed));
    diary.tell(Note::on(council(diary.soul), authorised), body);
}

/// The enquiry, and in half of them a conference and a plan.
fn protection(diary: &mut Diary<'_>, day: Day, number: u32, grave: bool) {
    let council = council(diary.soul);
    let goes_on = grave || whether(&mut diary.rng, 0.45);
    let category = weighted(
        &mut diary.rng,
        &[("NEG", 48), ("EMO", 38), ("PHY", 8), ("SAB", 4), ("MUL", 2)],
        "NEG",
    );
    let protection_ref = diary.reference('J', number);
    let mut steps = vec![("S47", 1)];
    if goes_on {
        steps.extend([("ICPC", 18), ("PLAN_START", 18), ("REVIEW", 105)]);
        if !grave {
            steps.extend([("REVIEW", 280), ("PLAN_END", 285)]);
        }
    }
    for (phase, after) in steps {
        let plan = !matches!(phase, "S47" | "ICPC");
        let on = day.plus(after);
        let step = ChildProtection {
            protection_ref: protection_ref.clone(),
            phase: phase.into(),
            phase_on: Some(date(on)),
            category: plan.then(|| category.into()),
            previous_plans: plan.then_some(0),
            conference_not_required: (phase == "S47").then_some(!goes_on),
        };
        let body = Body::SocialCare(SocialCare::ChildProtection(step));
        if on < diary.soul.birthday(18) {
            diary.tell(Note::on(council, on), body);
        }
    }
}

/// Police protection of at most 72 hours, until the authority takes over.
fn protected(diary: &mut Diary<'_>, care: &Care) {
    let ended = diary.time(care.entered, 10);
    let hours = diary.rng.random_range(6..60);
    let started = prost_types::Timestamp {
        seconds: ended.seconds - hours * 3_600,
        nanos: 0,
    };
    let mut used = PoliceProtectionUsed {
        s46_ref: diary.reference('K', 0),
        started_at: Some(started),
        ended_at: None,
        ended_reason: None,
        receiving_la_gss: None,
    };
    let body = Body::Police(Police::PoliceProtectionUsed(used.clone()));
    let began = diary.tell(Note::at(POLICE, started), body);
    used.ended_at = Some(ended);
    used.ended_reason = Some(
        weighted(
            &mut diary.rng,
            &[
                ("VOLUNTARY_ACCOMMODATION", 6),
                ("EMERGENCY_PROTECTION_ORDER", 3),
                ("INTERIM_CARE_ORDER", 1),
            ],
            "OTHER",
        )
        .into(),
    );
    used.receiving_la_gss = Some(super::super::home::council_code(diary.soul).into());
    let note = Note::at(POLICE, started).told_at(ended).superseding(&began);
    diary.tell(note, Body::Police(Police::PoliceProtectionUsed(used)));
}
