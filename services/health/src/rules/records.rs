//! Rules of what health services record about a person over time: discharges, registrations, referrals, treatment.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::health::v1::{
    GpRegistrationChanged, InpatientDischarge, MentalHealthReferral, SubstanceTreatmentStarted,
};

/// A discharge that is neither planned nor done.
pub static DISCHARGE_WITHOUT_TIME: Rule = Rule::refuse(
    "DISCHARGE_WITHOUT_TIME",
    "A discharge says for which day it is planned, or when it happened.",
    "walbrook: one event, one time",
);

/// A discharge on another day than the event.
pub static DISCHARGE_ON_ANOTHER_DAY: Rule = Rule::query(
    "DISCHARGE_ON_ANOTHER_DAY",
    "The person should have left on the day on which the event occurred, or the day before.",
    "walbrook: one event, one time",
);

/// A destination of somebody who has not left, for somebody who has.
pub static DESTINATION_UNFINISHED: Rule = Rule::query(
    "DESTINATION_UNFINISHED",
    "Destination 98 says that the spell is not finished; somebody who has left has another one.",
    "NHS Data Dictionary, DESTINATION OF DISCHARGE (HOSPITAL PROVIDER SPELL)",
);

/// A practice whose code is not a practice's.
pub static GP_PRACTICE_CODE: Rule = Rule::query(
    "GP_PRACTICE_CODE",
    "The ODS code of a general practice is a letter and five digits.",
    "NHS Organisation Data Service",
);

/// A change of registration that changes nothing.
pub static REGISTRATION_SAYS_NOTHING: Rule = Rule::refuse(
    "REGISTRATION_SAYS_NOTHING",
    "A change of registration names the practice that was left, the one that was joined, or both.",
    "walbrook: the event's contract",
);

/// The same practice left and joined.
pub static REGISTRATION_UNCHANGED: Rule = Rule::query(
    "REGISTRATION_UNCHANGED",
    "The practice that was joined is another one than the practice that was left.",
    "walbrook: the event's contract",
);

/// A referral to a crisis service that does not say how soon.
pub static PRIORITY_EXPECTED: Rule = Rule::query(
    "PRIORITY_EXPECTED",
    "A referral to a crisis team, a crisis line or a single point of access has a response priority.",
    "MHSDS guidance: urgent and emergency mental health care pathways",
);

/// Team types of which a priority is expected.
const CRISIS: [&str; 3] = ["A02", "A18", "A19"];
const NOT_FINISHED: &str = "98";

/// Checks a discharge from hospital.
pub fn inpatient_discharge(m: &InpatientDischarge, context: &Context<'_>, findings: &mut Findings) {
    let told = m.planned_on.is_some() || m.discharged_at.is_some();
    findings.check(told, &DISCHARGE_WITHOUT_TIME, "discharged_at");
    let left = m.discharged_at.as_ref().and_then(facts::london_day);
    facts::happened(left, context.today, "discharged_at", findings);
    let near = super::same_day_or_day_before(left, context.occurred_day);
    findings.check(near, &DISCHARGE_ON_ANOTHER_DAY, "discharged_at");
    let unfinished = m.destination.as_deref() == Some(NOT_FINISHED);
    findings.check(
        !(unfinished && m.discharged_at.is_some()),
        &DESTINATION_UNFINISHED,
        "destination",
    );
}

/// Checks a change of registration.
pub fn gp_registration_changed(
    m: &GpRegistrationChanged,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    let since = m.registered_on.as_ref().and_then(facts::day);
    facts::happened(since, context.today, "registered_on", findings);
    for (field, practice) in [("from_ods", &m.from_ods), ("to_ods", &m.to_ods)] {
        if let Some(code) = practice.as_deref()
            && super::ods(code, field, findings)
        {
            findings.check(super::is_practice(code), &GP_PRACTICE_CODE, field);
        }
    }
    let nothing = m.from_ods.is_none() && m.to_ods.is_none();
    findings.check(!nothing, &REGISTRATION_SAYS_NOTHING, "to_ods");
    findings.check(
        nothing || m.from_ods != m.to_ods,
        &REGISTRATION_UNCHANGED,
        "to_ods",
    );
}

/// Checks a referral to a mental-health team.
pub fn mental_health_referral(
    m: &MentalHealthReferral,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    let opened = m.opened_on.as_ref().and_then(facts::day);
    let closed = m.closed_on.as_ref().and_then(facts::day);
    facts::happened(opened, context.today, "opened_on", findings);
    facts::happened(closed, context.today, "closed_on", findings);
    facts::in_order(opened, closed, "closed_on", findings);
    let crisis = CRISIS.contains(&m.team_type.as_str());
    findings.check(
        !crisis || m.priority.is_some(),
        &PRIORITY_EXPECTED,
        "priority",
    );
}

/// Checks a start of treatment.
pub fn substance_treatment_started(
    m: &SubstanceTreatmentStarted,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    let started = m.started_on.as_ref().and_then(facts::day);
    facts::happened(started, context.today, "started_on", findings);
}
