//! Rules of the register of algorithmic tools.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::city::v1::{AiModelRegistered, AiModelReviewed, AiModelSuspended};
use walbrook_proto::common::v1::Date;

/// A biometric tool without the five conditions.
pub static BIOMETRIC_CONDITIONS: Rule = Rule::refuse(
    "BIOMETRIC_CONDITIONS",
    "A biometric tool is registered only with all five conditions of the London Policing Ethics Panel recorded as met.",
    "London Policing Ethics Panel: final report on live facial recognition (2019)",
);

/// A tool in use without its assessments.
pub static PRODUCTION_ASSESSMENTS: Rule = Rule::refuse(
    "PRODUCTION_ASSESSMENTS",
    "A tool in production names its equality impact assessment, has a switch, and where it works on data about people names its data protection impact assessment.",
    "Equality Act 2010 s149; UK GDPR Article 35; Emerging Technology Charter for London",
);

/// Something that is no number of Companies House.
pub static COMPANY_NUMBER: Rule = Rule::refuse(
    "COMPANY_NUMBER",
    "A company number has eight characters: digits, or two capital letters and six digits.",
    "Companies House: company number",
);

/// A tool that goes on without a day for its next review.
pub static NEXT_REVIEW_MISSING: Rule = Rule::refuse(
    "NEXT_REVIEW_MISSING",
    "A tool that goes on says when it is reviewed next.",
    "Algorithmic Transparency Recording Standard 3.0: risks, mitigations and impact assessments",
);

/// A review far ahead.
pub static REVIEW_FAR: Rule = Rule::query(
    "REVIEW_FAR",
    "The next review should be due within two years.",
    "Data and AI Ethics Framework: review regularly",
);

const FAR_DAYS: i32 = 731;
const PANEL_CONDITIONS: [&str; 5] = [
    "LPEP_BENEFIT",
    "LPEP_NO_GENDER_RACIAL_BIAS",
    "LPEP_EACH_USE_ASSESSED",
    "LPEP_OPERATORS_TRAINED",
    "LPEP_GUIDELINES",
];

/// Checks an entry of the register.
pub fn ai_model_registered(m: &AiModelRegistered, context: &Context<'_>, findings: &mut Findings) {
    let met = |wanted: &&str| m.conditions_met.iter().any(|met| met == wanted);
    let allowed = !m.biometric || PANEL_CONDITIONS.iter().all(met);
    findings.check(allowed, &BIOMETRIC_CONDITIONS, "conditions_met");
    let assessed =
        m.eqia_ref.is_some() && m.kill_switch && (!m.personal_data || m.dpia_ref.is_some());
    findings.check(
        m.phase != "PRODUCTION" || assessed,
        &PRODUCTION_ASSESSMENTS,
        "phase",
    );
    let company = m.supplier_company_number.as_deref();
    findings.check(
        company.is_none_or(is_company_number),
        &COMPANY_NUMBER,
        "supplier_company_number",
    );
    review_near(m.next_review_on.as_ref(), context, findings);
}

/// Checks a review.
pub fn ai_model_reviewed(m: &AiModelReviewed, context: &Context<'_>, findings: &mut Findings) {
    let reviewed = m.reviewed_on.as_ref().and_then(facts::day);
    facts::happened(reviewed, context.today, "reviewed_on", findings);
    let goes_on = m.outcome.starts_with("CONTINUE");
    findings.check(
        !goes_on || m.next_review_on.is_some(),
        &NEXT_REVIEW_MISSING,
        "next_review_on",
    );
    let next = m.next_review_on.as_ref().and_then(facts::day);
    facts::in_order(reviewed, next, "next_review_on", findings);
    review_near(m.next_review_on.as_ref(), context, findings);
}

/// Checks a suspension.
pub fn ai_model_suspended(m: &AiModelSuspended, context: &Context<'_>, findings: &mut Findings) {
    let day = m.suspended_on.as_ref().and_then(facts::day);
    facts::happened(day, context.today, "suspended_on", findings);
}

fn review_near(next: Option<&Date>, context: &Context<'_>, findings: &mut Findings) {
    let next = next.and_then(facts::day);
    let near = next.is_none_or(|next| next.0 - context.today.0 <= FAR_DAYS);
    findings.check(near, &REVIEW_FAR, "next_review_on");
}

fn is_company_number(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    text.len() == 8
        && [0, 2].contains(&letters)
        && text.bytes().skip(letters).all(|byte| byte.is_ascii_digit())
}
