//! Rules particular to children's social care: those rules of the SSDA903 return that one event can answer by itself.
//! What needs the child's other episodes or birth date is a flag on the view's row, or a rule of the return.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::social_care::v1::{CareEpisode, ReviewHeld};

/// An end date without a reason, or the other way round.
pub static END_AND_REASON: Rule = Rule::query(
    "END_AND_REASON",
    "The day an episode ended and the reason it ceased are given together.",
    "SSDA903 guide: DEC and REC",
);

/// An episode of less than a day.
pub static UNDER_24_HOURS: Rule = Rule::query(
    "UNDER_24_HOURS",
    "The episode appears to have lasted less than 24 hours.",
    "SSDA903 rule 355",
);

/// A settled placement without a provider.
pub static PROVIDER_MISSING: Rule = Rule::query(
    "PROVIDER_MISSING",
    "A placement that is not temporary names its provider.",
    "SSDA903 rule 148 and guide: PLACE_PROVIDER",
);

/// With parents under a single period of accommodation.
pub static PARENTS_UNDER_SECTION_20: Rule = Rule::query(
    "PARENTS_UNDER_SECTION_20",
    "A child accommodated under section 20 cannot be placed with the parents.",
    "SSDA903 rule 378",
);

/// Care that begins with a temporary placement.
pub static STARTS_TEMPORARY: Rule = Rule::query(
    "STARTS_TEMPORARY",
    "A period of care cannot start with a temporary placement.",
    "SSDA903 rule 380",
);

/// A legal status held longer than the law allows.
pub static STATUS_TOO_LONG: Rule = Rule::query(
    "STATUS_TOO_LONG",
    "Police protection lasts at most 72 hours, an emergency protection order 21 days with its extension, a child \
     assessment order 7 days, a short break 17 days.",
    "Children Act 1989 ss 43 to 46; SSDA903 rules 362, 363 and 365",
);

/// A temporary move that lasts too long.
pub static TEMPORARY_TOO_LONG: Rule = Rule::query(
    "TEMPORARY_TOO_LONG",
    "A temporary stay lasts at most 6 weeks in hospital, 3 weeks on the carer's holiday and 7 days otherwise.",
    "SSDA903 rules 375, 376 and 379",
);

/// A distance below zero.
pub static DISTANCE_NEGATIVE: Rule = Rule::refuse(
    "DISTANCE_NEGATIVE",
    "A distance is 0 or more, in tenths of a mile.",
    "SSDA903 guide: PL_DISTANCE",
);

/// The return's mark for an unknown distance.
pub static DISTANCE_UNKNOWN: Rule = Rule::query(
    "DISTANCE_UNKNOWN",
    "999.9 miles stands for an unknown distance in the return; here it is left out.",
    "SSDA903 guide: PL_DISTANCE",
);

/// A review far from the day it was due.
pub static REVIEW_FAR_FROM_DUE: Rule = Rule::query(
    "REVIEW_FAR_FROM_DUE",
    "A review is held within a year of the day it was due: one of the two dates may be mistyped.",
    "Care Planning, Placement and Case Review (England) Regulations 2010, reg 33",
);

/// All rules of this agency.
pub static RULES: &[&Rule] = &[
    &END_AND_REASON,
    &UNDER_24_HOURS,
    &PROVIDER_MISSING,
    &PARENTS_UNDER_SECTION_20,
    &STARTS_TEMPORARY,
    &STATUS_TOO_LONG,
    &TEMPORARY_TOO_LONG,
    &DISTANCE_NEGATIVE,
    &DISTANCE_UNKNOWN,
    &REVIEW_FAR_FROM_DUE,
];

const UNKNOWN_TENTHS_MILE: i32 = 9_999;
const YEAR_DAYS: i32 = 366;

/// Checks an episode of care.
pub fn care_episode(m: &CareEpisode, context: &Context<'_>, findings: &mut Findings) {
    let began = m.decom.as_ref().and_then(facts::day);
    let ended = m.dec.as_ref().and_then(facts::day);
    facts::happened(began, context.today, "decom", findings);
    facts::happened(ended, context.today, "dec", findings);
    facts::in_order(began, ended, "dec", findings);
    findings.check(m.dec.is_some() == m.rec.is_some(), &END_AND_REASON, "rec");
    let temporary = m.place.starts_with('T');
    let provider_needed = !temporary && m.place != "Z1" && !m.place.is_empty();
    findings.check(
        !provider_needed || m.place_provider.is_some(),
        &PROVIDER_MISSING,
        "place_provider",
    );
    findings.check(
        !(m.place == "P1" && m.ls == "V2"),
        &PARENTS_UNDER_SECTION_20,
        "place",
    );
    findings.check(!(m.rne == "S" && temporary), &STARTS_TEMPORARY, "place");
    if let Some((began, ended)) = began.zip(ended) {
        let days = ended.0 - began.0;
        findings.check(days != 0, &UNDER_24_HOURS, "dec");
        findings.check(days <= most_days_of_status(&m.ls), &STATUS_TOO_LONG, "ls");
        findings.check(
            days <= most_days_of_placement(&m.place),
            &TEMPORARY_TOO_LONG,
            "place",
        );
    }
    if let Some(distance) = m.pl_distance_tenths_mile {
        findings.check(distance >= 0, &DISTANCE_NEGATIVE, "pl_distance_tenths_mile");
        findings.check(
            distance < UNKNOWN_TENTHS_MILE,
            &DISTANCE_UNKNOWN,
            "pl_distance_tenths_mile",
        );
    }
}

/// Checks a review.
pub fn review_held(m: &ReviewHeld, context: &Context<'_>, findings: &mut Findings) {
    let held = m.reviewed_on.as_ref().and_then(facts::day);
    let due = m.due_on.as_ref().and_then(facts::day);
    facts::happened(held, context.today, "reviewed_on", findings);
    let near = held
        .zip(due)
        .is_none_or(|(held, due)| (held.0 - due.0).abs() <= YEAR_DAYS);
    findings.check(near, &REVIEW_FAR_FROM_DUE, "due_on");
}

fn most_days_of_status(status: &str) -> i32 {
    match status {
        "L1" => 3,
        "L2" => 21,
        "L3" => 7,
        "V3" => 17,
        _ => i32::MAX,
    }
}

fn most_days_of_placement(place: &str) -> i32 {
    match place {
        "T1" => 42,
        "T3" => 21,
        "T4" => 7,
        _ => i32::MAX,
    }
}
