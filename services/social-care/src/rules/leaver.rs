//! Care leavers: the return's OC3 table.

use super::{older, younger};
use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::social_care::v1::CareLeaverContact;

/// In touch, and nothing to say.
pub static LEAVER_DETAIL_MISSING: Rule = Rule::query(
    "LEAVER_DETAIL_MISSING",
    "Of a care leaver with whom the authority is in touch, activity and accommodation are told.",
    "SSDA903 guide: IN_TOUCH, ACTIV and ACCOM",
);

/// Details of somebody with whom nobody is in touch.
pub static LEAVER_DETAIL_NOT_EXPECTED: Rule = Rule::query(
    "LEAVER_DETAIL_NOT_EXPECTED",
    "Of somebody who died or returned home neither activity nor accommodation is told (0, or left out).",
    "SSDA903 guide: IN_TOUCH, ACTIV and ACCOM",
);

/// Too young to have left care.
pub static LEAVER_UNDER_16: Rule = Rule::query(
    "LEAVER_UNDER_16",
    "A care leaver is 16 or older; the return tells of those from 17.",
    "Children Act 1989 s23A; SSDA903 rule 391",
);

/// A status that does not fit the age.
pub static ELIGIBILITY_AGE: Rule = Rule::query(
    "ELIGIBILITY_AGE",
    "An eligible or relevant child is 16 or 17, a former relevant one 18 or older.",
    "Children Act 1989 schedule 2 paragraph 19B, sections 23A and 23C",
);

/// Checks a contact with a care leaver.
pub fn care_leaver_contact(m: &CareLeaverContact, context: &Context<'_>, findings: &mut Findings) {
    let on = m.contact_on.as_ref().and_then(facts::day);
    facts::happened(on, context.today, "contact_on", findings);
    let told = |code: Option<&str>| code.is_some_and(|code| code != "0");
    let (activ, accom) = (told(m.activ.as_deref()), told(m.accom.as_deref()));
    let in_touch = m.in_touch == "YES";
    findings.check(
        !in_touch || (activ && accom),
        &LEAVER_DETAIL_MISSING,
        "accom",
    );
    let gone = matches!(m.in_touch.as_str(), "DIED" | "RHOM");
    findings.check(
        !gone || !(activ || accom),
        &LEAVER_DETAIL_NOT_EXPECTED,
        "accom",
    );
    let young = younger(context, 16, on);
    findings.check(!young, &LEAVER_UNDER_16, "contact_on");
    let wrong = match m.eligibility.as_deref() {
        Some("ELIGIBLE" | "RELEVANT") => older(context, 18, on),
        Some("FORMER_RELEVANT") => younger(context, 18, on) && !young,
        _ => false,
    };
    findings.check(!wrong, &ELIGIBILITY_AGE, "eligibility");
}
