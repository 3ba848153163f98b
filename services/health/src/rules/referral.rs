//! Rules of a referral under the duty to refer (Housing Act 1996 s213B): who may refer, with which consent, to whom.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_domain::{Instant, Organisation, Scheme};
use walbrook_proto::health::v1::DutyToReferSent;
use walbrook_schemas::codelist;

/// A sender that the duty to refer does not name.
pub static REFERRER_NOT_LISTED: Rule = Rule::refuse(
    "REFERRER_NOT_LISTED",
    "Only a body listed for the duty to refer sends a referral: of the NHS, whoever runs an emergency department, an urgent treatment centre or a hospital with inpatients; not a general practice, an ambulance service or a commissioner.",
    "Housing Act 1996 s213B; SI 2018/223",
);

/// A referral before its consent.
pub static CONSENT_AFTER_REFERRAL: Rule = Rule::refuse(
    "CONSENT_AFTER_REFERRAL",
    "The person consents before the referral is sent.",
    "Housing Act 1996 s213B(2)",
);

/// Somebody homeless who lives in a settled home.
pub static HOMELESS_IN_SETTLED_HOME: Rule = Rule::query(
    "HOMELESS_IN_SETTLED_HOME",
    "Somebody referred as homeless now is not recorded in mainstream housing.",
    "NHS Data Dictionary, ACCOMMODATION STATUS CODE",
);

/// Organisations, by ODS code, that run nothing that the duty lists.
const NOT_LISTED: &str = "duty_to_refer_not_listed";

/// Checks a referral. That consent and one authority are there, and that the authority is one, holds for every message.
pub fn duty_to_refer_sent(m: &DutyToReferSent, context: &Context<'_>, findings: &mut Findings) {
    findings.check(
        is_listed(context.organisation),
        &REFERRER_NOT_LISTED,
        "body_type",
    );
    findings.check(
        consented_before(m, context),
        &CONSENT_AFTER_REFERRAL,
        "consent_recorded_at",
    );
    let settled = m
        .accommodation_status
        .as_ref()
        .is_some_and(|status| status.starts_with("MA"));
    findings.check(
        !(settled && m.reason == "HOMELESS"),
        &HOMELESS_IN_SETTLED_HOME,
        "accommodation_status",
    );
}

/// Whether an organisation can run one of the functions listed. Police, TfL, landlords, charities and councils are none of the NHS.
fn is_listed(organisation: &Organisation) -> bool {
    let code = organisation.code();
    organisation.scheme() == Scheme::Ods
        && !super::is_practice(code)
        && codelist::list(NOT_LISTED).is_none_or(|list| list.get(code).is_none())
}

/// A consent that does not exist, or a referral without a time, has a rule of its own. A bare day is compared as a day.
fn consented_before(m: &DutyToReferSent, context: &Context<'_>) -> bool {
    let Some(consent) = m.consent_recorded_at.as_ref() else {
        return true;
    };
    let Some((consent_day, sent)) = facts::london_day(consent).zip(context.occurred) else {
        return true;
    };
    let sent_day = sent.london_day();
    if sent == sent_day.start() {
        return consent_day <= sent_day;
    }
    Instant::from_seconds_nanos(consent.seconds, consent.nanos)
        .is_none_or(|consent| consent <= sent)
}
