//! Rules of what a force says of one person: police protection, custody, domestic abuse, places of safety.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::police::v1::{
    CustodyReleased, DomesticAbuseRiskAssessed, PoliceProtectionUsed, S136Detention,
};

use super::{in_order, seconds};

/// Police protection beyond what the law allows: a fact to look at, not one to hide.
pub static PROTECTION_OVER_72_HOURS: Rule = Rule::query(
    "PROTECTION_OVER_72_HOURS",
    "Police protection lasts 72 hours at most.",
    "Children Act 1989 s46(6)",
);

/// An end without a reason, or the other way round.
pub static PROTECTION_END_AND_REASON: Rule = Rule::query(
    "PROTECTION_END_AND_REASON",
    "Police protection that ended says how, and only then.",
    "walbrook: the council's clock begins where this one ends",
);

/// A referral that the person did not agree to, or whose authority the person did not choose.
pub static REFERRAL_CONSENT_AND_CHOICE: Rule = Rule::refuse(
    "REFERRAL_CONSENT_AND_CHOICE",
    "A referral from custody rests on the person's consent and names the housing authority the person chose: both, or neither.",
    "Housing Act 1996 s213B(3) to (5), which the police follow of their own accord: they are no body of the duty",
);

/// Consent to what was never offered.
pub static REFERRAL_NOT_OFFERED: Rule = Rule::query(
    "REFERRAL_NOT_OFFERED",
    "Consent to a referral comes after the offer of one.",
    "walbrook: consent to a referral",
);

/// No address, and a settled home.
pub static NO_ABODE_BUT_SETTLED: Rule = Rule::query(
    "NO_ABODE_BUT_SETTLED",
    "Somebody of no fixed abode has no status of mainstream housing.",
    "NHS Data Dictionary, accommodation status MA00 to MA09",
);

/// More or fewer answers than there are questions.
pub static DASH_SCORE: Rule = Rule::refuse(
    "DASH_SCORE",
    "A score counts the answers yes to the 27 questions of DASH: 0 to 27.",
    "SafeLives DASH checklist",
);

/// A score of a tool that counts nothing.
pub static SCORE_WITHOUT_DASH: Rule = Rule::query(
    "SCORE_WITHOUT_DASH",
    "Only DASH has a score.",
    "College of Policing, DARA",
);

/// High risk that no conference hears of.
pub static MARAC_NOT_REFERRED: Rule = Rule::query(
    "MARAC_NOT_REFERRED",
    "A grade of HIGH, or 14 and more answers of DASH, goes to the multi-agency conference.",
    "SafeLives: criteria for referral to MARAC",
);

/// Something that is no organisation of the NHS.
pub static PLACE_OF_SAFETY_ODS: Rule = Rule::refuse(
    "PLACE_OF_SAFETY_ODS",
    "The place of safety is an organisation or site by its ODS code: 3 to 9 capital letters and digits.",
    "NHS Organisation Data Service",
);

/// Longer on the way than the detention may last.
pub static LONG_WAY_TO_SAFETY: Rule = Rule::query(
    "LONG_WAY_TO_SAFETY",
    "The place of safety is reached within 24 hours.",
    "Mental Health Act 1983 s136A and s136B",
);

const HOUR_S: i64 = 3_600;
const DASH_QUESTIONS: i32 = 27;
const MARAC_ANSWERS: i32 = 14;

/// Checks police protection of a child.
pub fn police_protection_used(m: &PoliceProtectionUsed, context: &Context<'_>, out: &mut Findings) {
    let day = |at: &Option<_>| at.as_ref().and_then(facts::london_day);
    facts::happened(day(&m.started_at), context.today, "started_at", out);
    facts::happened(day(&m.ended_at), context.today, "ended_at", out);
    in_order(&m.started_at, &m.ended_at, "ended_at", out);
    let lasted = seconds(&m.started_at).zip(seconds(&m.ended_at));
    let lawful = lasted.is_none_or(|(start, end)| end - start <= 72 * HOUR_S);
    out.check(lawful, &PROTECTION_OVER_72_HOURS, "ended_at");
    let told = m.ended_at.is_some() == m.ended_reason.is_some();
    out.check(told, &PROTECTION_END_AND_REASON, "ended_reason");
}

/// Checks a release from custody.
pub fn custody_released(m: &CustodyReleased, context: &Context<'_>, out: &mut Findings) {
    let consented = m.consent_recorded_at.as_ref();
    let chosen = m.chosen_authority_gss.is_some();
    out.check(
        consented.is_some() == chosen,
        &REFERRAL_CONSENT_AND_CHOICE,
        "consent_recorded_at",
    );
    facts::happened(
        consented.and_then(facts::london_day),
        context.today,
        "consent_recorded_at",
        out,
    );
    let offered = m.referral_offered || consented.is_none();
    out.check(offered, &REFERRAL_NOT_OFFERED, "referral_offered");
    let settled = m.accommodation_status.as_deref();
    let settled = settled.is_some_and(|code| code.starts_with("MA"));
    out.check(
        !(m.no_fixed_abode && settled),
        &NO_ABODE_BUT_SETTLED,
        "accommodation_status",
    );
}

/// Checks an assessment of the risk from domestic abuse.
pub fn domestic_abuse_risk_assessed(
    m: &DomesticAbuseRiskAssessed,
    _: &Context<'_>,
    out: &mut Findings,
) {
    let counted = m
        .score
        .is_none_or(|score| (0..=DASH_QUESTIONS).contains(&score));
    out.check(counted, &DASH_SCORE, "score");
    let dash = m.score.is_none() || m.tool != "DARA";
    out.check(dash, &SCORE_WITHOUT_DASH, "score");
    let high = m.grade == "HIGH" || m.score.is_some_and(|score| score >= MARAC_ANSWERS);
    out.check(
        m.marac_referred || !high,
        &MARAC_NOT_REFERRED,
        "marac_referred",
    );
}

/// Checks a detention in a place of safety.
pub fn s136_detention(m: &S136Detention, context: &Context<'_>, out: &mut Findings) {
    let day = |at: &Option<_>| at.as_ref().and_then(facts::london_day);
    facts::happened(day(&m.detained_at), context.today, "detained_at", out);
    facts::happened(day(&m.arrived_at), context.today, "arrived_at", out);
    in_order(&m.detained_at, &m.arrived_at, "arrived_at", out);
    let way = seconds(&m.detained_at).zip(seconds(&m.arrived_at));
    let short = way.is_none_or(|(start, end)| end - start <= 24 * HOUR_S);
    out.check(short, &LONG_WAY_TO_SAFETY, "arrived_at");
    let place = m.place_of_safety_ods.as_deref();
    out.check(
        place.is_none_or(is_ods),
        &PLACE_OF_SAFETY_ODS,
        "place_of_safety_ods",
    );
}

fn is_ods(code: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (3..=9).contains(&code.len()) && code.bytes().all(allowed)
}
