//! Rules particular to children's social care: those rules of the SSDA903 return and of the CIN census that one event can answer by itself,
//! and those on the child's age when the event says who the child is. What needs the child's other events is a flag on the view's row.

mod care;
mod leaver;
mod missing;
mod need;
mod outcomes;

pub use care::{care_episode, deprivation_of_liberty, placement_changed};
pub use care::{review_held, social_worker_visit};
pub use leaver::care_leaver_contact;
pub use missing::missing_episode;
pub use need::{assessment_completed, child_protection, contact_referral};
pub use outcomes::health_outcomes;

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_domain::Day;

/// All rules of this agency.
pub static RULES: &[&Rule] = &[
    &BEFORE_BIRTH,
    &care::END_AND_REASON,
    &care::UNDER_24_HOURS,
    &care::BEFORE_CHILDREN_ACT,
    &care::PROVIDER_MISSING,
    &care::PROVIDER_NOT_EXPECTED,
    &care::PARENTS_PROVIDER,
    &care::PARENTS_UNDER_SECTION_20,
    &care::STARTS_TEMPORARY,
    &care::ENDS_TEMPORARY,
    &care::SHORT_BREAK_TEMPORARY,
    &care::SHORT_BREAK_LONG_TERM,
    &care::SHORT_BREAK_DISTANCE,
    &care::ADOPTED_NOT_PLACED,
    &care::STATUS_TOO_LONG,
    &care::TEMPORARY_TOO_LONG,
    &care::DISTANCE_NEGATIVE,
    &care::DISTANCE_UNKNOWN,
    &care::STATUS_UNDER_10,
    &care::TOO_YOUNG_FOR_PLACEMENT,
    &care::LEAVES_AT_WRONG_AGE,
    &care::ADULT_IN_CARE,
    &care::REVIEW_FAR_FROM_DUE,
    &care::PARTICIPATION_AGE,
    &care::VISIT_FAR_FROM_DUE,
    &care::ALONE_NOT_SEEN,
    &care::ORDER_WITHOUT_DURATION,
    &leaver::LEAVER_DETAIL_MISSING,
    &leaver::LEAVER_DETAIL_NOT_EXPECTED,
    &leaver::LEAVER_UNDER_16,
    &leaver::ELIGIBILITY_AGE,
    &missing::MISSING_AGAINST_WHEREABOUTS,
    &missing::INTERVIEW_BEFORE_RETURN,
    &missing::INTERVIEW_NOT_OFFERED,
    &need::CLOSED_AND_REASON,
    &need::FACTORS_MISSING,
    &need::FACTOR_BESIDE_NONE,
    &need::FACTOR_TWICE,
    &need::CATEGORY_MISSING,
    &need::PREVIOUS_PLANS_NEGATIVE,
    &need::NO_CONFERENCE_PHASE,
    &outcomes::SDQ_SCORE_RANGE,
    &outcomes::SDQ_SCORE_AND_REASON,
    &outcomes::SDQ_AGE,
    &outcomes::OUTCOMES_INCOMPLETE,
    &outcomes::INTERVENTION_MISSING,
    &outcomes::INTERVENTION_NOT_EXPECTED,
    &outcomes::INTERVENTION_TWICE,
    &outcomes::CONVICTED_UNDER_10,
    &outcomes::HEALTH_CHECK_FROM_5,
];

/// Something that happened to a child before birth.
pub static BEFORE_BIRTH: Rule = Rule::query(
    "BEFORE_BIRTH",
    "Care, a missing period and an order come after the day of birth: one of the two dates may be mistyped.",
    "SSDA903 rules 301, 302 and 708",
);

/// Notes what lies before the child's birth, where the birth is known.
fn born(context: &Context<'_>, day: Option<Day>, field: &str, findings: &mut Findings) {
    let after = context
        .birth_day
        .zip(day)
        .is_none_or(|(born, day)| born <= day);
    findings.check(after, &BEFORE_BIRTH, field);
}

/// Whether somebody is known to be younger than so many years on a day.
fn younger(context: &Context<'_>, years: i32, on: Option<Day>) -> bool {
    let both = context.birth_day.zip(on);
    both.is_some_and(|(born, on)| on < facts::turns(born, years))
}

/// Whether somebody is known to be so many years old, or older, on a day.
fn older(context: &Context<'_>, years: i32, on: Option<Day>) -> bool {
    let both = context.birth_day.zip(on);
    both.is_some_and(|(born, on)| facts::turns(born, years) <= on)
}

/// Whether two days, where both are known, lie within a year of each other.
fn within_a_year(one: Option<Day>, other: Option<Day>) -> bool {
    const YEAR_DAYS: i32 = 366;
    one.zip(other)
        .is_none_or(|(one, other)| (one.0 - other.0).abs() <= YEAR_DAYS)
}
