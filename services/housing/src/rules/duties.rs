//! Rules of what a housing authority owes a person who applied, and where it places them meanwhile.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_domain::{Day, Scheme};
use walbrook_proto::housing::v1::{DutyDecision, TemporaryAccommodation};

/// A duty whose clock has no start.
pub static DUTY_START_MISSING: Rule = Rule::refuse(
    "DUTY_START_MISSING",
    "A prevention, relief or main duty has the day on which the authority was satisfied that it owes it: the clock starts there.",
    "Housing Act 1996 s195, s189B, s193",
);

/// A start of a duty that is not owed.
pub static DUTY_NOT_OWED: Rule = Rule::query(
    "DUTY_NOT_OWED",
    "Where no duty is owed there is no day of acceptance.",
    "Housing Act 1996 s184",
);

/// A due day that is not 56 days after the start.
pub static DUE_NOT_56_DAYS: Rule = Rule::query(
    "DUE_NOT_56_DAYS",
    "A prevention or relief duty is due 56 days after the day of acceptance.",
    "Housing Act 1996 s195(8)(b), s189B(4)",
);

/// A due day of a duty without that clock.
pub static DUE_WITHOUT_CLOCK: Rule = Rule::query(
    "DUE_WITHOUT_CLOCK",
    "Only the prevention and the relief duty are due on a day.",
    "Housing Act 1996 s195, s189B",
);

/// The 56 days passed before they could.
pub static ENDED_BEFORE_56_DAYS: Rule = Rule::query(
    "ENDED_BEFORE_56_DAYS",
    "A duty that ended because 56 days had passed ended no earlier than that, the day of acceptance counted.",
    "Housing Act 1996 s195(8)(b), s189B(7)(b)",
);

/// An end without a reason, or a reason without an end.
pub static END_AND_REASON: Rule = Rule::query(
    "END_AND_REASON",
    "What has ended has its day and its reason; what has not ended has neither.",
    "H-CLIC tables P1, R1 and TA; walbrook: open intervals are closed by one event",
);

/// A reason that ends another duty.
pub static END_REASON_OF_ANOTHER_DUTY: Rule = Rule::query(
    "END_REASON_OF_ANOTHER_DUTY",
    "Becoming homeless ends the prevention duty alone; 56 days end prevention and relief; a Part 6 or private rented sector offer ends the main duty.",
    "Housing Act 1996 s195(8), s189B(7), s193(6) to (7AA)",
);

/// A decision on the main duty beside another duty.
pub static MAIN_DECISION_DISAGREES: Rule = Rule::query(
    "MAIN_DECISION_DISAGREES",
    "The main duty follows from UNINTENTIONAL_PRIORITY; every other decision on it means that none is owed.",
    "H-CLIC table MD1; Housing Act 1996 s193",
);

/// A code of an area that cannot be one.
pub static GSS_CODE: Rule = Rule::refuse(
    "GSS_CODE",
    "A GSS code is E, N, S or W and eight digits.",
    "ONS, GSS coding and naming policy",
);

/// An area that disagrees with what is said about it.
pub static PLACED_IN_DISAGREES: Rule = Rule::query(
    "PLACED_IN_DISAGREES",
    "A placement is out of borough exactly where it is in another authority's area than the sender's.",
    "Housing Act 1996 s208",
);

/// A family in a bed and breakfast hotel for too long.
pub static FAMILY_IN_BED_AND_BREAKFAST: Rule = Rule::query(
    "FAMILY_IN_BED_AND_BREAKFAST",
    "A household with children or a pregnant member stays in bed and breakfast for six weeks at most.",
    "Homelessness (Suitability of Accommodation) (England) Order 2003, arts 3 and 4",
);

const CLOCK_DAYS: i32 = 56;
const SIX_WEEKS_DAYS: i32 = 42;

/// Checks a decision about a duty.
pub fn duty_decision(m: &DutyDecision, context: &Context<'_>, findings: &mut Findings) {
    let decided = m.decided_on.as_ref().and_then(facts::day);
    let accepted = m.accepted_on.as_ref().and_then(facts::day);
    let ended = m.ended_on.as_ref().and_then(facts::day);
    facts::happened(decided, context.today, "decided_on", findings);
    facts::happened(accepted, context.today, "accepted_on", findings);
    facts::happened(ended, context.today, "ended_on", findings);
    facts::in_order(accepted, ended, "ended_on", findings);
    let owed = m.duty != "NONE";
    findings.check(
        !owed || m.accepted_on.is_some(),
        &DUTY_START_MISSING,
        "accepted_on",
    );
    findings.check(
        owed || m.accepted_on.is_none(),
        &DUTY_NOT_OWED,
        "accepted_on",
    );
    clock(m, accepted, ended, findings);
    let both = m.ended_on.is_some() == m.end_reason.is_some();
    findings.check(both, &END_AND_REASON, "end_reason");
    let ends_it = m
        .end_reason
        .as_deref()
        .is_none_or(|reason| ends(reason, &m.duty));
    findings.check(ends_it, &END_REASON_OF_ANOTHER_DUTY, "end_reason");
    let agrees = match m.main_decision.as_deref() {
        None => true,
        Some("UNINTENTIONAL_PRIORITY") => m.duty == "MAIN",
        Some(_) => m.duty == "NONE",
    };
    findings.check(agrees, &MAIN_DECISION_DISAGREES, "main_decision");
}

/// The 56 days of prevention and relief.
fn clock(m: &DutyDecision, accepted: Option<Day>, ended: Option<Day>, findings: &mut Findings) {
    let clocked = matches!(m.duty.as_str(), "PREVENTION" | "RELIEF");
    findings.check(clocked || m.due_on.is_none(), &DUE_WITHOUT_CLOCK, "due_on");
    let Some(accepted) = accepted.filter(|_| clocked) else {
        return;
    };
    // A day that does not exist has a rule of its own.
    let due = m.due_on.as_ref().map(facts::day);
    let on_time = match due {
        None => false,
        Some(due) => due.is_none_or(|due| due == accepted.plus(CLOCK_DAYS)),
    };
    findings.check(on_time, &DUE_NOT_56_DAYS, "due_on");
    let elapsed = m.end_reason.as_deref() == Some("56_DAYS_ELAPSED");
    // An end before the start has a rule of its own, too.
    let early =
        ended.is_some_and(|ended| accepted <= ended && ended < accepted.plus(CLOCK_DAYS - 1));
    findings.check(!(elapsed && early), &ENDED_BEFORE_56_DAYS, "ended_on");
}

/// Whether a reason can end a duty. What is in no list has a rule of its own.
fn ends(reason: &str, duty: &str) -> bool {
    match reason {
        "HOMELESS" => duty == "PREVENTION",
        "56_DAYS_ELAPSED" => matches!(duty, "PREVENTION" | "RELIEF"),
        "ACCEPTED_SOCIAL_OFFER" | "ACCEPTED_PRIVATE_OFFER" => duty == "MAIN",
        _ => true,
    }
}

/// Checks a placement in temporary accommodation.
pub fn temporary_accommodation(
    m: &TemporaryAccommodation,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    let started = m.started_on.as_ref().and_then(facts::day);
    let ended = m.ended_on.as_ref().and_then(facts::day);
    facts::happened(started, context.today, "started_on", findings);
    facts::happened(ended, context.today, "ended_on", findings);
    facts::in_order(started, ended, "ended_on", findings);
    let both = m.ended_on.is_some() == m.exit_reason.is_some();
    findings.check(both, &END_AND_REASON, "exit_reason");
    if let Some(area) = m.placed_in_gss.as_deref()
        && gss(area, "placed_in_gss", findings)
    {
        let sender = context.organisation;
        let elsewhere = area != sender.code();
        let agrees = sender.scheme() != Scheme::Gss || elsewhere == m.out_of_borough;
        findings.check(agrees, &PLACED_IN_DISAGREES, "out_of_borough");
    }
    let until = ended.unwrap_or(context.today);
    let long = started.is_some_and(|started| started.plus(SIX_WEEKS_DAYS) < until);
    let family = m.with_children == Some(true) && m.ta_type == "BED_AND_BREAKFAST";
    findings.check(
        !(long && family),
        &FAMILY_IN_BED_AND_BREAKFAST,
        "started_on",
    );
}

/// Checks a code of an area, and says whether it can be one.
pub(super) fn gss(code: &str, field: &str, findings: &mut Findings) -> bool {
    let mut letters = code.bytes();
    let country = letters.next().is_some_and(|byte| b"ENSW".contains(&byte));
    let shaped = country && code.len() == 9 && letters.all(|byte| byte.is_ascii_digit());
    findings.check(shaped, &GSS_CODE, field)
}
