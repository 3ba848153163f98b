//! Children in need: contacts, assessments and protection.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::social_care::v1::{AssessmentCompleted, ChildProtection, ContactReferral};

/// A closure without a reason, or the other way round.
pub static CLOSED_AND_REASON: Rule = Rule::query(
    "CLOSED_AND_REASON",
    "The day a case was closed and the reason for it are given together.",
    "CIN census: CINclosureDate and ReasonForClosure",
);

/// A completed assessment that says nothing.
pub static FACTORS_MISSING: Rule = Rule::query(
    "FACTORS_MISSING",
    "A completed assessment names its factors, or 21 where there are none.",
    "CIN census: AssessmentFactors",
);

/// No factors, and factors.
pub static FACTOR_BESIDE_NONE: Rule = Rule::query(
    "FACTOR_BESIDE_NONE",
    "The code 21, no factors, stands alone.",
    "CIN census: AssessmentFactors",
);

/// A factor that is said twice.
pub static FACTOR_TWICE: Rule = Rule::query(
    "FACTOR_TWICE",
    "Each factor is given once.",
    "CIN census: AssessmentFactors",
);

/// A plan without a category.
pub static CATEGORY_MISSING: Rule = Rule::query(
    "CATEGORY_MISSING",
    "A plan that starts names its category of abuse.",
    "CIN census: InitialCategoryOfAbuse",
);

/// Fewer plans than none.
pub static PREVIOUS_PLANS_NEGATIVE: Rule = Rule::refuse(
    "PREVIOUS_PLANS_NEGATIVE",
    "The number of plans before is 0 or more.",
    "CIN census: NumberOfPreviousCPP",
);

/// A conference found not needed elsewhere than in the enquiry.
pub static NO_CONFERENCE_PHASE: Rule = Rule::query(
    "NO_CONFERENCE_PHASE",
    "That no conference is required is said of the enquiry (S47), and of no later step.",
    "CIN census: ICPCnotRequired",
);

const NO_FACTORS: &str = "21";

/// Checks a contact.
pub fn contact_referral(m: &ContactReferral, context: &Context<'_>, findings: &mut Findings) {
    let made = m.contact_on.as_ref().and_then(facts::day);
    let closed = m.closed_on.as_ref().and_then(facts::day);
    facts::happened(made, context.today, "contact_on", findings);
    facts::happened(closed, context.today, "closed_on", findings);
    facts::in_order(made, closed, "closed_on", findings);
    let together = m.closed_on.is_some() == m.closure_reason.is_some();
    findings.check(together, &CLOSED_AND_REASON, "closure_reason");
}

/// Checks an assessment.
pub fn assessment_completed(
    m: &AssessmentCompleted,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    let started = m.started_on.as_ref().and_then(facts::day);
    let authorised = m.authorised_on.as_ref().and_then(facts::day);
    facts::happened(started, context.today, "started_on", findings);
    facts::happened(authorised, context.today, "authorised_on", findings);
    facts::in_order(started, authorised, "authorised_on", findings);
    findings.check(!m.factors.is_empty(), &FACTORS_MISSING, "factors");
    let none = m.factors.iter().any(|factor| factor == NO_FACTORS);
    let others = m.factors.iter().any(|factor| factor != NO_FACTORS);
    findings.check(!(none && others), &FACTOR_BESIDE_NONE, "factors");
    let mut rest = m.factors.iter();
    let mut twice = false;
    while let Some(factor) = rest.next() {
        twice |= rest.as_slice().contains(factor);
    }
    findings.check(!twice, &FACTOR_TWICE, "factors");
}

/// Checks a step of protecting a child.
pub fn child_protection(m: &ChildProtection, context: &Context<'_>, findings: &mut Findings) {
    let on = m.phase_on.as_ref().and_then(facts::day);
    facts::happened(on, context.today, "phase_on", findings);
    let starts = m.phase == "PLAN_START";
    findings.check(
        !starts || m.category.is_some(),
        &CATEGORY_MISSING,
        "category",
    );
    let countable = m.previous_plans.is_none_or(|plans| plans >= 0);
    findings.check(countable, &PREVIOUS_PLANS_NEGATIVE, "previous_plans");
    findings.check(
        m.phase == "S47" || m.conference_not_required.is_none(),
        &NO_CONFERENCE_PHASE,
        "conference_not_required",
    );
}
