//! Episodes of care, placements, reviews, visits and orders.

mod stated;

pub use stated::*;

use super::{born, older, within_a_year, younger};
use walbrook_agency::{Context, Findings, facts};
use walbrook_domain::Day;
use walbrook_proto::social_care::v1::{
    CareEpisode, DeprivationOfLiberty, PlacementChanged, ReviewHeld, SocialWorkerVisit,
};

const UNKNOWN_TENTHS_MILE: i32 = 9_999;
const CHILDREN_ACT: Day = Day(7_956); // 1991-10-14

/// Checks an episode of care.
pub fn care_episode(m: &CareEpisode, context: &Context<'_>, findings: &mut Findings) {
    let began = m.decom.as_ref().and_then(facts::day);
    let ended = m.dec.as_ref().and_then(facts::day);
    facts::happened(began, context.today, "decom", findings);
    facts::happened(ended, context.today, "dec", findings);
    facts::in_order(began, ended, "dec", findings);
    born(context, began, "decom", findings);
    let since_the_act = began.is_none_or(|began| began >= CHILDREN_ACT);
    findings.check(since_the_act, &BEFORE_CHILDREN_ACT, "decom");
    findings.check(m.dec.is_some() == m.rec.is_some(), &END_AND_REASON, "rec");
    if let Some((began, ended)) = began.zip(ended) {
        let days = ended.0 - began.0;
        findings.check(days != 0, &UNDER_24_HOURS, "dec");
        let status = most_days_of_status(&m.ls);
        findings.check(days <= status, &STATUS_TOO_LONG, "ls");
        let place = most_days_of_placement(&m.place);
        findings.check(days <= place, &TEMPORARY_TOO_LONG, "place");
    }
    placement(m, findings);
    distance(m.pl_distance_tenths_mile, findings);
    ages(m, context, (began, ended), findings);
}

/// Placement, provider, legal status and reasons against each other.
fn placement(m: &CareEpisode, findings: &mut Findings) {
    let (place, rec) = (m.place.as_str(), m.rec.as_deref());
    let provider = m.place_provider.as_deref();
    let temporary = place.starts_with('T');
    let needed = !temporary && !place.starts_with('Z') && !place.is_empty();
    let expected = !matches!(
        place,
        "T0" | "T1" | "T2" | "T3" | "Z11" | "Z12" | "Z13" | "Z14"
    );
    let named = provider.is_some();
    findings.check(!needed || named, &PROVIDER_MISSING, "place_provider");
    findings.check(expected || !named, &PROVIDER_NOT_EXPECTED, "place_provider");
    let parents = place == "P1";
    let bought = matches!(provider, Some("PR4" | "PR5"));
    findings.check(!(parents && bought), &PARENTS_PROVIDER, "place_provider");
    let section_20 = m.ls == "V2";
    findings.check(!(parents && section_20), &PARENTS_UNDER_SECTION_20, "place");
    let short_break = matches!(m.ls.as_str(), "V3" | "V4");
    findings.check(!(short_break && temporary), &SHORT_BREAK_TEMPORARY, "place");
    let long_term = matches!(place, "U1" | "U4");
    findings.check(!(short_break && long_term), &SHORT_BREAK_LONG_TERM, "place");
    findings.check(
        !(short_break && m.pl_distance_tenths_mile.is_some()),
        &SHORT_BREAK_DISTANCE,
        "pl_distance_tenths_mile",
    );
    findings.check(!(m.rne == "S" && temporary), &STARTS_TEMPORARY, "place");
    let ends_care = rec.is_some_and(|rec| rec != "X1");
    findings.check(!(temporary && ends_care), &ENDS_TEMPORARY, "rec");
    let adopted = matches!(rec, Some("E11" | "E12"));
    let placed = place.starts_with('A');
    findings.check(!adopted || placed, &ADOPTED_NOT_PLACED, "rec");
}

/// What depends on the child's age, where the event says who the child is.
fn ages(
    m: &CareEpisode,
    context: &Context<'_>,
    (began, ended): (Option<Day>, Option<Day>),
    findings: &mut Findings,
) {
    let criminal = matches!(m.ls.as_str(), "J1" | "J2" | "J3");
    let under_10 = younger(context, 10, began);
    findings.check(!(criminal && under_10), &STATUS_UNDER_10, "ls");
    old_enough_for(&m.place, began, context, "place", findings);
    let wrong = match m.rec.as_deref() {
        Some("E11" | "E12") => older(context, 18, ended),
        Some("E5" | "E6") => younger(context, 14, ended),
        Some("E7") => younger(context, 16, ended),
        _ => false,
    };
    findings.check(!wrong, &LEAVES_AT_WRONG_AGE, "rec");
    // Section 20(5) is the one way to be looked after past the birthday itself.
    let last = ended.unwrap_or(context.today).plus(-1);
    let section_20_5 = m.ls == "V2" && m.place == "K2";
    let adult = older(context, 18, Some(last));
    findings.check(!adult || section_20_5, &ADULT_IN_CARE, "dec");
}

fn old_enough_for(
    place: &str,
    on: Option<Day>,
    context: &Context<'_>,
    field: &str,
    findings: &mut Findings,
) {
    let years = match place {
        "H5" | "K3" => 16,
        "P2" => 15,
        "P3" => 14,
        "R5" => 10,
        "S1" => 4,
        _ => return,
    };
    let young = younger(context, years, on);
    findings.check(!young, &TOO_YOUNG_FOR_PLACEMENT, field);
}

fn distance(tenths_mile: Option<i32>, findings: &mut Findings) {
    let Some(distance) = tenths_mile else {
        return;
    };
    let field = "pl_distance_tenths_mile";
    findings.check(distance >= 0, &DISTANCE_NEGATIVE, field);
    findings.check(distance < UNKNOWN_TENTHS_MILE, &DISTANCE_UNKNOWN, field);
}

/// Checks a change of placement.
pub fn placement_changed(m: &PlacementChanged, context: &Context<'_>, findings: &mut Findings) {
    let changed = m.changed_on.as_ref().and_then(facts::day);
    facts::happened(changed, context.today, "changed_on", findings);
    born(context, changed, "changed_on", findings);
    // The day a code goes out is a day on which children move: the code before is one of the day before.
    if let Some(changed) = changed
        && !m.from_place.is_empty()
    {
        let before = changed.plus(-1);
        facts::code_on(
            "ssda903_place",
            &m.from_place,
            before,
            "from_place",
            findings,
        );
    }
    old_enough_for(&m.to_place, changed, context, "to_place", findings);
    distance(m.pl_distance_tenths_mile, findings);
}

/// Checks a review.
pub fn review_held(m: &ReviewHeld, context: &Context<'_>, findings: &mut Findings) {
    let held = m.reviewed_on.as_ref().and_then(facts::day);
    let due = m.due_on.as_ref().and_then(facts::day);
    facts::happened(held, context.today, "reviewed_on", findings);
    findings.check(within_a_year(held, due), &REVIEW_FAR_FROM_DUE, "due_on");
    let wrong = if m.review_code == "PN0" {
        older(context, 4, held)
    } else {
        younger(context, 4, held)
    };
    findings.check(!wrong, &PARTICIPATION_AGE, "review_code");
}

/// Checks a social worker's visit.
pub fn social_worker_visit(m: &SocialWorkerVisit, context: &Context<'_>, findings: &mut Findings) {
    let visited = m.visited_on.as_ref().and_then(facts::day);
    let due = m.due_on.as_ref().and_then(facts::day);
    facts::happened(visited, context.today, "visited_on", findings);
    findings.check(within_a_year(visited, due), &VISIT_FAR_FROM_DUE, "due_on");
    let unseen_alone = m.child_seen_alone == Some(true) && !m.child_seen;
    findings.check(!unseen_alone, &ALONE_NOT_SEEN, "child_seen_alone");
}

/// Checks a deprivation of liberty order.
pub fn deprivation_of_liberty(
    m: &DeprivationOfLiberty,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    let began = m.dolo_start.as_ref().and_then(facts::day);
    let ended = m.dolo_end.as_ref().and_then(facts::day);
    facts::happened(began, context.today, "dolo_start", findings);
    facts::happened(ended, context.today, "dolo_end", findings);
    facts::in_order(began, ended, "dolo_end", findings);
    born(context, began, "dolo_start", findings);
    let some_days = began.zip(ended).is_none_or(|(began, ended)| began != ended);
    findings.check(some_days, &ORDER_WITHOUT_DURATION, "dolo_end");
}

fn most_days_of_status(status: &str) -> i32 {
    match status {
        "L1" => 3,
        "L2" | "J2" => 21,
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
