//! Health and wellbeing of looked-after children: the return's OC2 table.

use super::{older, younger};
use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::social_care::v1::HealthOutcomes;

/// A score that the questionnaire does not have.
pub static SDQ_SCORE_RANGE: Rule = Rule::refuse(
    "SDQ_SCORE_RANGE",
    "The score of the strengths and difficulties questionnaire is a whole number from 0 to 40.",
    "SSDA903 rule 180",
);

/// A score, and a reason for there being none.
pub static SDQ_SCORE_AND_REASON: Rule = Rule::query(
    "SDQ_SCORE_AND_REASON",
    "A reason for no score is given only where there is no score.",
    "SSDA903 rule 197a",
);

/// A score or reason at an age that has none.
pub static SDQ_AGE: Rule = Rule::query(
    "SDQ_AGE",
    "The questionnaire is for children from 4 at the end of the year and under 17 at its beginning.",
    "SSDA903 rules 188 and 189",
);

/// Some of the four items that every child has, and not all.
pub static OUTCOMES_INCOMPLETE: Rule = Rule::query(
    "OUTCOMES_INCOMPLETE",
    "Immunisations, teeth check, health assessment and substance misuse are all given, or nothing is.",
    "SSDA903 rule 182",
);

/// Substance misuse without a word on intervention.
pub static INTERVENTION_MISSING: Rule = Rule::query(
    "INTERVENTION_MISSING",
    "Where substance misuse was identified it is said whether an intervention was received.",
    "SSDA903 rule 192",
);

/// An intervention against nothing.
pub static INTERVENTION_NOT_EXPECTED: Rule = Rule::query(
    "INTERVENTION_NOT_EXPECTED",
    "An intervention is told only where substance misuse was identified.",
    "SSDA903 rule 193",
);

/// An offer told beside what was received.
pub static INTERVENTION_TWICE: Rule = Rule::query(
    "INTERVENTION_TWICE",
    "Where an intervention was received it is not said whether one was offered.",
    "SSDA903 rule 158",
);

/// A conviction below the age of criminal responsibility.
pub static CONVICTED_UNDER_10: Rule = Rule::query(
    "CONVICTED_UNDER_10",
    "Nothing is told of convictions of a child under 10.",
    "SSDA903 rule 542",
);

/// Health checks of the under-fives for an older child.
pub static HEALTH_CHECK_FROM_5: Rule = Rule::query(
    "HEALTH_CHECK_FROM_5",
    "Health promotion checks are told of children under 5.",
    "SSDA903 guide: HEALTH_CHECK",
);

/// Checks a year's outcomes.
pub fn health_outcomes(m: &HealthOutcomes, context: &Context<'_>, findings: &mut Findings) {
    let as_of = m.as_of.as_ref().and_then(facts::day);
    facts::happened(as_of, context.today, "as_of", findings);
    let possible = m.sdq_score.is_none_or(|score| (0..=40).contains(&score));
    findings.check(possible, &SDQ_SCORE_RANGE, "sdq_score");
    let both = m.sdq_score.is_some() && m.sdq_reason.is_some();
    findings.check(!both, &SDQ_SCORE_AND_REASON, "sdq_reason");
    let asked = m.sdq_score.is_some() || m.sdq_reason.is_some();
    // Under 17 at the beginning of the year is under 18 at its end.
    let age = younger(context, 4, as_of) || older(context, 18, as_of);
    findings.check(!(asked && age), &SDQ_AGE, "sdq_score");
    interventions(m, findings);
    let told = m.convicted.is_some() && younger(context, 10, as_of);
    findings.check(!told, &CONVICTED_UNDER_10, "convicted");
    let told = m.health_check.is_some() && older(context, 5, as_of);
    findings.check(!told, &HEALTH_CHECK_FROM_5, "health_check");
}

fn interventions(m: &HealthOutcomes, findings: &mut Findings) {
    let every = [
        m.immunisations,
        m.teeth_check,
        m.health_assessment,
        m.substance_misuse,
    ];
    let all = every.iter().all(Option::is_some);
    let others = [
        m.convicted,
        m.health_check,
        m.intervention_received,
        m.intervention_offered,
    ];
    let any = every.iter().chain(&others).any(Option::is_some);
    findings.check(all || !any, &OUTCOMES_INCOMPLETE, "immunisations");
    let received = m.intervention_received;
    if m.substance_misuse == Some(true) {
        findings.check(
            received.is_some(),
            &INTERVENTION_MISSING,
            "intervention_received",
        );
        findings.check(
            received != Some(true) || m.intervention_offered.is_none(),
            &INTERVENTION_TWICE,
            "intervention_offered",
        );
    } else {
        findings.check(
            received.is_none() && m.intervention_offered.is_none(),
            &INTERVENTION_NOT_EXPECTED,
            "intervention_received",
        );
    }
}
