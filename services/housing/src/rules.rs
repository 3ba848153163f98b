//! Rules particular to the events of housing services, landlords and outreach teams.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_domain::Day;
use walbrook_proto::housing::v1::{
    HomelessnessApplication, PossessionNotice, RentArrearsChanged, RoughSleepingContact,
};

mod duties;
mod tenancies;

pub use duties::{
    DUE_NOT_56_DAYS, DUE_WITHOUT_CLOCK, DUTY_NOT_OWED, DUTY_START_MISSING, END_AND_REASON,
    END_REASON_OF_ANOTHER_DUTY, ENDED_BEFORE_56_DAYS, FAMILY_IN_BED_AND_BREAKFAST, GSS_CODE,
    MAIN_DECISION_DISAGREES, PLACED_IN_DISAGREES, duty_decision, temporary_accommodation,
};
pub use tenancies::{
    CHARGE_WITHOUT_PERIOD, EVICTED_OWING_NOTHING, LEFTREG_NOT_ASKED, LETTING_WITHOUT_AREA,
    SHORTFALL_ABOVE_CHARGE, SIZE_OUT_OF_RANGE, STAY_WITHOUT_PROJECT, VOID_AFTER_START, hostel_stay,
    tenancy_ended, tenancy_started,
};

/// A negative amount.
pub static AMOUNT_NEGATIVE: Rule = Rule::refuse(
    "AMOUNT_NEGATIVE",
    "An amount or number of weeks is 0 or more; a tenancy in credit owes 0.",
    "walbrook: the event's contract",
);

/// More than a tenancy can owe.
pub static ARREARS_UNLIKELY: Rule = Rule::query(
    "ARREARS_UNLIKELY",
    "Arrears above £100,000 may be an amount in the wrong unit: the field is in pence.",
    "walbrook: units",
);

/// Weeks owed without money owed.
pub static WEEKS_WITHOUT_ARREARS: Rule = Rule::query(
    "WEEKS_WITHOUT_ARREARS",
    "Weeks of rent are owed only where there are arrears.",
    "walbrook: two fields of one fact",
);

/// A section 21 notice served after its abolition.
pub static SECTION_21_ABOLISHED: Rule = Rule::refuse(
    "SECTION_21_ABOLISHED",
    "A section 21 notice cannot have been served on or after 1 May 2026.",
    "Renters' Rights Act 2025",
);

/// A notice that must state grounds and does not.
pub static GROUNDS_MISSING: Rule = Rule::query(
    "GROUNDS_MISSING",
    "A notice under section 8 or section 83 states its grounds.",
    "Housing Act 1988 s 8; Housing Act 1985 s 83",
);

/// A notice that has no grounds and states some.
pub static GROUNDS_NOT_NEEDED: Rule = Rule::query(
    "GROUNDS_NOT_NEEDED",
    "A section 21 notice or a notice to quit has no grounds.",
    "Housing Act 1988 s 21",
);

/// A notice shorter than its ground allows.
pub static NOTICE_TOO_SHORT: Rule = Rule::query(
    "NOTICE_TOO_SHORT",
    "From 1 May 2026 ground 8 needs four weeks' notice, and grounds 1 and 1A need four months'.",
    "Housing Act 1988 s 8 as amended by the Renters' Rights Act 2025",
);

/// A later stage that cannot be joined to its notice.
pub static STAGE_WITHOUT_TENANCY: Rule = Rule::query(
    "STAGE_WITHOUT_TENANCY",
    "A stage after the notice should carry the tenancy's reference.",
    "walbrook: stages of one tenancy are joined by it",
);

/// A notice without the day it runs out.
pub static EXPIRY_MISSING: Rule = Rule::query(
    "EXPIRY_MISSING",
    "A notice names the day on which it runs out.",
    "Housing Act 1988 s 8(3)",
);

/// Two fields about sleeping rough that disagree.
pub static ROUGH_SLEEPING_DISAGREES: Rule = Rule::query(
    "ROUGH_SLEEPING_DISAGREES",
    "Somebody whose accommodation is ROUGH_SLEEPING slept rough at application.",
    "H-CLIC tables A4P and A4R",
);

/// The same need twice.
pub static REPEATED_CODE: Rule = Rule::query(
    "REPEATED_CODE",
    "Each code stands once in its list.",
    "walbrook: counts of needs",
);

/// A status of verified rough sleepers for somebody not seen bedded down.
pub static STATUS_NOT_VERIFIED: Rule = Rule::query(
    "STATUS_NOT_VERIFIED",
    "Flow, stock and returner are worked out from contacts in which the person was bedded down.",
    "CHAIN annual reports: verified rough sleeper",
);

/// All rules of this agency.
pub static RULES: &[&Rule] = &[
    &AMOUNT_NEGATIVE,
    &ARREARS_UNLIKELY,
    &WEEKS_WITHOUT_ARREARS,
    &SECTION_21_ABOLISHED,
    &GROUNDS_MISSING,
    &GROUNDS_NOT_NEEDED,
    &NOTICE_TOO_SHORT,
    &STAGE_WITHOUT_TENANCY,
    &EXPIRY_MISSING,
    &ROUGH_SLEEPING_DISAGREES,
    &REPEATED_CODE,
    &STATUS_NOT_VERIFIED,
    &DUTY_START_MISSING,
    &DUTY_NOT_OWED,
    &DUE_NOT_56_DAYS,
    &DUE_WITHOUT_CLOCK,
    &ENDED_BEFORE_56_DAYS,
    &END_AND_REASON,
    &END_REASON_OF_ANOTHER_DUTY,
    &MAIN_DECISION_DISAGREES,
    &GSS_CODE,
    &PLACED_IN_DISAGREES,
    &FAMILY_IN_BED_AND_BREAKFAST,
    &LETTING_WITHOUT_AREA,
    &VOID_AFTER_START,
    &SIZE_OUT_OF_RANGE,
    &SHORTFALL_ABOVE_CHARGE,
    &CHARGE_WITHOUT_PERIOD,
    &LEFTREG_NOT_ASKED,
    &EVICTED_OWING_NOTHING,
    &STAY_WITHOUT_PROJECT,
];

const MOST_LIKELY_PENCE: i64 = 10_000_000;
const RENTERS_RIGHTS: Day = Day(20_574); // 2026-05-01
const FOUR_WEEKS_DAYS: i32 = 28;
// Four calendar months are never fewer days than this.
const FOUR_MONTHS_DAYS: i32 = 120;

/// Checks rent arrears.
pub fn rent_arrears_changed(m: &RentArrearsChanged, _: &Context<'_>, findings: &mut Findings) {
    findings.check(m.arrears_pence >= 0, &AMOUNT_NEGATIVE, "arrears_pence");
    findings.check(
        m.owed_weeks.is_none_or(|weeks| weeks >= 0),
        &AMOUNT_NEGATIVE,
        "owed_weeks",
    );
    findings.check(
        m.shortfall_pence.is_none_or(|pence| pence >= 0),
        &AMOUNT_NEGATIVE,
        "shortfall_pence",
    );
    findings.check(
        m.arrears_pence <= MOST_LIKELY_PENCE,
        &ARREARS_UNLIKELY,
        "arrears_pence",
    );
    let weeks_of_nothing = m.arrears_pence == 0 && m.owed_weeks.is_some_and(|weeks| weeks > 0);
    findings.check(!weeks_of_nothing, &WEEKS_WITHOUT_ARREARS, "owed_weeks");
}

/// Checks a stage of possession.
pub fn possession_notice(m: &PossessionNotice, context: &Context<'_>, findings: &mut Findings) {
    let served = m.served_on.as_ref().and_then(facts::day);
    let expires = m.expires_on.as_ref().and_then(facts::day);
    facts::happened(served, context.today, "served_on", findings);
    facts::in_order(served, expires, "expires_on", findings);
    let late_s21 =
        m.notice_type == "S21_LEGACY" && served.is_some_and(|served| served >= RENTERS_RIGHTS);
    findings.check(!late_s21, &SECTION_21_ABOLISHED, "notice_type");
    let grounded = matches!(m.notice_type.as_str(), "S8" | "S83");
    let groundless = matches!(m.notice_type.as_str(), "S21_LEGACY" | "NTQ");
    findings.check(
        !(grounded && m.grounds.is_empty()),
        &GROUNDS_MISSING,
        "grounds",
    );
    findings.check(
        !groundless || m.grounds.is_empty(),
        &GROUNDS_NOT_NEEDED,
        "grounds",
    );
    once(&m.grounds, "grounds", findings);
    let at_notice = m.stage == "NOTICE";
    findings.check(
        at_notice || m.tenancy_ref.is_some(),
        &STAGE_WITHOUT_TENANCY,
        "tenancy_ref",
    );
    findings.check(
        !at_notice || m.expires_on.is_some(),
        &EXPIRY_MISSING,
        "expires_on",
    );
    if let Some((served, expires)) = served.zip(expires) {
        // An end before the start has a rule of its own.
        let long_enough = served.plus(least_notice_days(m, served)) <= expires || expires < served;
        findings.check(long_enough, &NOTICE_TOO_SHORT, "expires_on");
    }
}

fn least_notice_days(m: &PossessionNotice, served: Day) -> i32 {
    if m.notice_type != "S8" || served < RENTERS_RIGHTS {
        return 0;
    }
    let least = |ground: &String| match ground.as_str() {
        "1" | "1A" => FOUR_MONTHS_DAYS,
        "8" => FOUR_WEEKS_DAYS,
        _ => 0,
    };
    m.grounds.iter().map(least).max().unwrap_or(0)
}

/// Checks an application.
pub fn homelessness_application(
    m: &HomelessnessApplication,
    _: &Context<'_>,
    findings: &mut Findings,
) {
    once(&m.support_needs, "support_needs", findings);
    let agrees = m.a4_accommodation != "ROUGH_SLEEPING" || m.rough_sleeping_at_application;
    findings.check(
        agrees,
        &ROUGH_SLEEPING_DISAGREES,
        "rough_sleeping_at_application",
    );
}

/// Checks an outreach contact.
pub fn rough_sleeping_contact(
    m: &RoughSleepingContact,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    let met = m.contact_at.as_ref().and_then(facts::london_day);
    facts::happened(met, context.today, "contact_at", findings);
    once(&m.needs, "needs", findings);
    findings.check(
        m.bedded_down || m.derived_status.is_none(),
        &STATUS_NOT_VERIFIED,
        "derived_status",
    );
}

fn once(codes: &[String], field: &str, findings: &mut Findings) {
    let repeated = codes
        .iter()
        .enumerate()
        .any(|(at, code)| codes.iter().take(at).any(|before| before == code));
    findings.check(!repeated, &REPEATED_CODE, field);
}
